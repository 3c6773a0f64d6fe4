# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/xs-timeline: recordings of both kinds, charts of both kinds, bad input."""
import contextlib
import io
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "scripts/xs-timeline"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "test"))
import script  # noqa: E402

timeline = script.load("xs_timeline", PROGRAM)

HEADER = "# xsfront frames 1: number seconds who direction type path req_id tx_id bytes us result value\n"
BACK = "/local/domain/0/backend/vif/1/0/state"

# From a recording of netfront under the module, shortened.
FRAMES = HEADER + f"""\
31 18.326608 kernel < WATCH_EVENT device/vif/0/state 0 0 36 - - -
35 18.327993 kernel > READ device/vif/0/state 9ff3eb00 0 19 - - -
36 18.344574 kernel < READ device/vif/0/state 9ff3eb00 0 1 16580 OK =1
47 18.419970 kernel > WATCH {BACK} 9ff3eb60 0 55 - - -
48 18.438982 kernel < WATCH {BACK} 9ff3eb60 0 3 19011 OK -
49 18.439861 kernel < WATCH_EVENT {BACK} 0 0 55 - - -
56 18.919552 kernel < WATCH_EVENT {BACK} 0 0 55 - - -
57 18.920161 kernel > READ {BACK} 9ff3eba0 0 38 - - -
58 18.928610 kernel < READ {BACK} 9ff3eba0 0 1 8448 OK =2
61 18.967458 kernel > READ device/vif/0/trusted 9ff3ebc0 0 21 - - -
62 18.991494 kernel < READ device/vif/0/trusted 9ff3ebc0 0 7 24036 ENOENT -
133 20.137820 kernel > WRITE device/vif/0/state 9ff3eda0 4 20 - - =4
134 20.147298 kernel < WRITE device/vif/0/state 9ff3eda0 4 3 9478 OK -
135 20.173922 kernel > TRANSACTION_END T 9ff3edb0 4 2 - - -
136 20.187315 kernel < WATCH_EVENT device/vif/0/state 0 0 36 - - -
137 20.187373 kernel < TRANSACTION_END T 9ff3edb0 4 3 13450 OK -
140 20.3 module > READ domid 9ff3edc0 0 6 - - -
141 20.4 node:117 > READ data/a 9ff3edd1 0 7 - - -
142 20.5 node:117 < READ data/a 9ff3edd1 0 7 900 ENOENT -
143 20.6 module < READ domid 9ff3edc0 0 1 300000 OK -
"""

REQUEST = "type=READ id=67444f30 tx=0 len=6 path=domid"
REPLY = "type=READ id=67444f30 tx=0 len=1 us=11065 result=OK path=domid"
TRACE = f"""\
# tracer: nop
#
# entries-in-buffer/entries-written: 81/81   #P:1
   xenstore-read-117     [000] d..1.     7.435184: xs_request: who=node pid=117 {REQUEST}
          <idle>-0       [000] d.h2.     7.440179: xs_reply: who=node pid=117 {REPLY}
          <idle>-0       [000] d.h2.     7.5: sched_waking: comm=a - b pid=1
     kworker/u2:1-24     [000] d..1.     8.0: xs_request: who=module pid=0 {REQUEST.replace("domid", BACK)}
          <idle>-0       [000] d.h2.     8.1: xs_reply: who=module pid=0 {REPLY.replace("domid", BACK)}
          <idle>-0       [000] d.h2.     8.1: xenbus_state: who=module read state=InitWait path={BACK}
          <idle>-0       [000] dNh2.     8.2: xs_event: who=module len=42 path={BACK}
"""


def run(text, *options):
    """The program's status, output and complaints, with a recording in a file."""
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / "recording"
        name.write_text(text, encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = timeline.main([str(name), *options])
            except SystemExit as stop:
                status = stop.code
        return status, out.getvalue(), err.getvalue().replace(str(name), "FILE")


def svg(text, *options):
    """The page of a recording, parsed."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.svg"
        status, out, err = run(text, "--svg", str(page), *options)
        if status or out or err:
            raise AssertionError(f"status {status}: {out}{err}")
        return ElementTree.fromstring(page.read_bytes())


class Rows(unittest.TestCase):
    def rows(self, text, *options):
        status, out, err = run(text, *options)
        self.assertEqual((status, err), (0, ""))
        return out.splitlines()

    def one(self, rows, text):
        found = [row for row in rows if row.endswith(text)]
        self.assertEqual(len(found), 1, f"'{text}' in:\n" + "\n".join(rows))
        return found[0]


class Text(Rows):
    def test_a_request_and_its_reply_are_one(self):
        row = self.one(self.rows(FRAMES), " READ device/vif/0/trusted: ENOENT, 24.0 ms")
        self.assertIn("◀════════════┼════════════▶            │", row)
        self.assertTrue(row.startswith("  640.850  "), row)

    def test_they_are_two_when_something_came_between(self):
        rows = self.rows(FRAMES)
        self.assertIn("├────────────┼────────────▶", self.one(rows, " TRANSACTION_END commit (tx 4)"))
        self.assertIn("◀────────────┼────────────┤", self.one(rows, " TRANSACTION_END commit (tx 4): OK, 13.4 ms"))
        self.assertIn("│            ├────────────▶", self.one(rows, " READ domid"))
        self.assertIn("│            ◀────────────┤", self.one(rows, " READ domid: OK, 300.0 ms"))

    def test_a_program_is_named_by_its_number(self):
        self.one(self.rows(FRAMES), " [117] READ data/a: ENOENT, 900 us")

    def test_an_event_of_a_backend_begins_at_dom0_but_for_the_first(self):
        rows = self.rows(FRAMES)
        self.assertIn("◀────────────┼────────────┤            │", self.one(rows, f" first event {BACK}"))
        self.assertIn("◀────────────┼────────────┼────────────┤", self.one(rows, f"  event {BACK}"))

    def test_marks_are_on_the_lane_of_their_end(self):
        rows = self.rows(FRAMES)
        self.assertIn("●            │            │            │", self.one(rows, "● vif/0 front Initialising"))
        self.assertIn("│            │            │            ●", self.one(rows, "● vif/0 back InitWait"))

    def test_a_state_in_a_transaction_is_marked_at_its_commit(self):
        rows = self.rows(FRAMES)
        mark = rows.index(self.one(rows, "● vif/0 front Connected"))
        self.assertIn("TRANSACTION_END commit (tx 4): OK", rows[mark - 1])

    def test_one_that_was_not_committed_is_not_marked(self):
        for end in (FRAMES.replace("END T 9ff3edb0 4 3 13450 OK", "END T 9ff3edb0 4 7 13450 EAGAIN"),
                    FRAMES.replace("END T 9ff3edb0", "END F 9ff3edb0")):
            self.assertFalse([row for row in self.rows(end) if "Connected" in row])

    def test_a_state_that_is_read_again_is_not_marked_again(self):
        again = FRAMES + f"150 21.0 kernel > READ {BACK} 1 0 38 - - -\n151 21.1 kernel < READ {BACK} 1 0 1 9 OK =2\n"
        self.assertEqual(self.rows(FRAMES, "--states"), self.rows(again, "--states"))

    def test_no_other_value_is_a_state(self):
        rows = self.rows(HEADER + "1 1.0 module > WRITE data/state 1 0 12 - - =4\n"
                                  "2 1.1 module > WRITE device/vif/0/state 2 0 21 - - =44\n")
        self.assertEqual([row for row in rows if "●" in row], [])
        self.one(rows, " WRITE data/state = '4'")

    def test_a_pause_is_told(self):
        self.one(self.rows(FRAMES), "··· 1.1 s later ···")

    def test_lost_frames_are_told(self):
        rows = self.rows(FRAMES.replace("61 18.96", "# 7 frames were pushed out before they were read\n61 18.96"))
        self.one(rows, "··· 7 frames were pushed out before they were read ···")

    def test_late_replies_and_those_of_nobody(self):
        rows = self.rows(HEADER + "1 1.0 - < READ - 1 0 3 40000000 LATE -\n2 1.1 kernel < READ - 2 0 3 - STRAY -\n")
        self.one(rows, " READ: LATE, 40000.0 ms")
        self.one(rows, " READ: STRAY")

    def test_states_alone(self):
        rows = self.rows(FRAMES, "--states")
        self.assertEqual([row.split("● ")[-1] for row in rows[1:]],
                         ["vif/0 front Initialising", "vif/0 back InitWait", "vif/0 front Connected"])

    def test_choosing(self):
        self.assertEqual(len(self.rows(FRAMES, "--who", "node")), 2)
        self.assertEqual(len(self.rows(FRAMES, "--last", "1")), 2)
        rows = self.rows(FRAMES, "--path", "^device/")
        self.one(rows, " TRANSACTION_END commit (tx 4)")
        self.assertFalse([row for row in rows if "domid" in row or BACK in row])


class Trace(Rows):
    def test_a_trace_is_read(self):
        rows = self.rows(TRACE)
        self.one(rows, " [117] READ domid: OK, 11.1 ms")
        self.one(rows, f" READ {BACK}: OK, 11.1 ms")
        self.one(rows, "● vif/0 back InitWait")
        self.one(rows, f"  event {BACK}")
        self.assertEqual(len(rows), 1 + 4 + 1)

    def test_other_formats_of_the_same(self):
        for flags in ("d..1.", ".....", "", "d..1. (-------)"):
            line = f" a b-c-17 [003] {flags}  1.5: xs_event: who=- len=3 path=@x\n"
            if "(" in flags:
                line = " a b-c-17 (-----17) [003] d..1.  1.5: xs_event: who=- len=3 path=@x\n"
            self.one(self.rows("# tracer: nop\n" + line), " event @x")


class Page(unittest.TestCase):
    def texts(self, root):
        return [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]

    def test_it_says_what_the_text_says(self):
        texts = self.texts(svg(FRAMES))
        for wanted in ("guest kernel", "xsfront", "store", "dom0", "vif/0 front Connected", "1.1 s later",
                       "READ device/vif/0/trusted: ENOENT, 24.0 ms", "[117] READ data/a: ENOENT, 900 us"):
            self.assertIn(wanted, texts)

    def test_what_is_markup_is_text(self):
        value = "<b>&amp;\\x22"
        page = svg(HEADER + f"1 1.0 module > WRITE data/<x>& 1 0 12 - - ={value}\n")
        self.assertIn(f"WRITE data/<x>& = '{value}'", self.texts(page))

    def test_all_is_on_the_page(self):
        page = svg(FRAMES + f"150 21.0 kernel > READ data/{'a' * 500} 1 0 505 - - -\n")
        width, height = (float(page.get(side)) for side in ("width", "height"))
        for text in page.iter("{http://www.w3.org/2000/svg}text"):
            self.assertLess(float(text.get("y")), height)
            if text.get("class") is None:
                self.assertLessEqual(float(text.get("x")) + len(text.text) * 6.7, width)

    def test_an_arrow_ends_where_it_points(self):
        page = svg(HEADER + "1 1.0 kernel > READ a 1 0 2 - - -\n")
        line = [e for e in page.iter("{http://www.w3.org/2000/svg}g")][0].find("{http://www.w3.org/2000/svg}line")
        self.assertEqual((float(line.get("x1")), float(line.get("x2"))), (timeline.lane_x(0), timeline.lane_x(2)))


class BadInput(unittest.TestCase):
    def test_one_clear_line(self):
        for text, complaint in (
                ("", "empty: neither xsfront/frames nor a trace"),
                ("\n\n", "empty: neither xsfront/frames nor a trace"),
                ("hello\n", "line 1: neither xsfront/frames nor a trace: 'hello'"),
                (HEADER, "no message in it"),
                ("# tracer: nop\n", "no message in it"),
                (HEADER.replace(" 1:", " 2:"), "line 1: frames of version 2; this reads version 1"),
                (HEADER + "1 2 3\n", "line 2: not a line of xsfront/frames: '1 2 3'"),
                (HEADER + "1 x kernel > READ a 1 0 2 - - -\n",
                 "line 2: not a line of xsfront/frames: '1 x kernel > READ a 1 0 2 - - -'"),
                (HEADER + "1 1.0 kernel ? READ a 1 0 2 - - -\n",
                 "line 2: not a line of xsfront/frames: '1 1.0 kernel ? READ a 1 0 2 - - -'"),
                ("# tracer: nop\ngarbage\n", "line 2: not a line of a trace: 'garbage'"),
                ("# tracer: nop\n a-1 [000] d..1. 1.0: xs_event: who=module\n",
                 "line 2: not an event of xsfront: 'xs_event: who=module'")):
            with self.subTest(complaint):
                self.assertEqual(run(text), (2, "", f"xs-timeline: FILE: {complaint}\n"))

    def test_nothing_is_left(self):
        self.assertEqual(run(FRAMES, "--path", "nothing"),
                         (2, "", "xs-timeline: FILE: no message is left by --path and --who\n"))
        self.assertEqual(run(HEADER + "1 1.0 module > READ a 1 0 2 - - -\n", "--states"),
                         (2, "", "xs-timeline: FILE: no state of a device is seen in it\n"))

    def test_options(self):
        for options, complaint in ((["--path", "("], "'(' is no regular expression"),
                                   (["--last", "0"], "'0' is not a number from 1 on"),
                                   (["--last", "²"], "'²' is not a number from 1 on"),
                                   (["--who", "me"], "invalid choice")):
            status, out, err = run(FRAMES, *options)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(complaint, err)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                self.assertEqual(timeline.main([folder + "/none"]), 2)
                self.assertEqual(timeline.main([folder]), 2)
            binary = Path(folder) / "binary"
            binary.write_bytes(b"\xff\xfe")
            with contextlib.redirect_stderr(err):
                self.assertEqual(timeline.main([str(binary)]), 2)
            self.assertEqual(re.sub(r"\S*/", "", err.getvalue()),
                             "xs-timeline: none: No such file or directory\n"
                             f"xs-timeline: {Path(folder).name}: Is a directory\n"
                             "xs-timeline: binary: not a text\n")
            status, out, complaint = run(FRAMES, "--svg", folder + "/no/page.svg")
            self.assertEqual((status, out), (2, ""))
            self.assertTrue(complaint.endswith("page.svg: No such file or directory\n"), complaint)


class Program(unittest.TestCase):
    def test_a_pipe(self):
        done = subprocess.run([PROGRAM, "--states"], input=FRAMES, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("vif/0 back InitWait", done.stdout)

    def test_help(self):
        done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--svg FILE", done.stdout)


if __name__ == "__main__":
    unittest.main()
