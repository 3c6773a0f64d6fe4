#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the lab that need no QEMU: options, archives, libraries, the console's records, sessions, verdicts."""

import contextlib
import hashlib
import io
import lzma
import os
import re
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import types
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "scripts"))

from xslab import arm64, cli, elf, kernel, machine, paths, payload, run, snapshot  # noqa: E402
from xslab.console import ConsoleParser, LineMaker, Piece  # noqa: E402
from xslab.cpio import FileTree  # noqa: E402
from xslab.output import Output  # noqa: E402
from xslab.session import Limits, Session  # noqa: E402
from xslab.verdict import CRASHED, LAB_BROKE, TIMEOUT, GuestFacts, RunFacts, guest_verdict, judge  # noqa: E402


def quietly(call, *arguments):
    """The result of a call and what it wrote to stderr."""
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        try:
            return call(*arguments), said.getvalue()
        except SystemExit as end:
            return end.code, said.getvalue()


class Options(unittest.TestCase):
    def test_run(self):
        options = cli.parser().parse_args(["run", "--type", "pvh", "--timeout", "5", "--", "echo", "-n", "hi"])
        self.assertEqual((options.type, options.timeout, options.command), ("pvh", 5.0, ["echo", "-n", "hi"]))

    def test_wrong_use_is_one_line_and_status_2(self):
        for words in (["run"], ["run", "--vcpus", "0", "--", "x"], ["run", "--type", "xen", "--", "x"], ["fly"],
                      ["run", "--timeout", "no", "--", "x"], ["run", "--add", "/does/not/exist", "--", "x"],
                      ["run", "--kernel", "9.9", "--", "x"], ["run", "--with", "perl", "--", "x"],
                      ["run", "--cmdline", "a\nb", "--", "x"], ["run", "--arch", "arm64", "--type", "pv", "--", "x"],
                      ["run", "--arch", "arm64", "--xen", "4.14", "--", "x"],
                      ["run", "--arch", "arm64", "--type", "hvm", "--", "x"], []):
            with self.subTest(words=words):
                status, said = quietly(cli.main, words)
                self.assertEqual(status, 2)
                self.assertEqual(len(said.splitlines()), 1, said)

    def test_help_names_every_exit_status(self):
        text = cli.parser().format_help() + cli.RUN_EPILOG
        for number in (cli.LAB_BROKE, CRASHED, TIMEOUT, 122, 2):
            self.assertIn(f"\n  {number} ", text)

    def test_added_files(self):
        with tempfile.TemporaryDirectory() as folder:
            odd = Path(folder, "a=b")
            odd.write_text("x")
            self.assertEqual(payload.split_added(str(odd)), ("a=b", odd))
            self.assertEqual(payload.split_added(f"in/c={odd}"), ("in/c", odd))
            for wrong in (f"/abs={odd}", f"../up={odd}", f"{odd}.not"):
                self.assertRaises(paths.UserError, payload.split_added, wrong)


class CommandLines(unittest.TestCase):
    def test_own_keeps_xenbus_down_and_the_others_do_not(self):
        for attach, down in (("own", True), ("share", False), ("none", False)):
            text = payload.Wish(attach=attach).guest_cmdline()
            self.assertEqual("initcall_blacklist=xenbus_init" in text, down)
            self.assertIn("panic_on_warn=1 oops=panic", text)

    def test_environment_survives_a_shell(self):
        wish = payload.Wish(modparams=["a='x y'", 'b="$HOME"'], command="true", cmdline="foo=$bar")
        text = payload._environment(wish, "n", False) + 'printf "%s|%s" "$MODPARAMS" "$GUEST_CMDLINE $OWN_CMDLINE"'
        got = subprocess.run(["sh", "-c", text], capture_output=True, text=True).stdout
        self.assertEqual(got, f"a='x y' b=\"$HOME\"|{wish.guest_cmdline()}")


class ForTheConsole(unittest.TestCase):
    def test_what_the_guest_gets_is_what_was_meant(self):
        archive = os.urandom(20000)
        head, _, rest = payload.for_console(archive).partition(b"\n")
        self.assertNotIn(b"\x0f", rest.replace(b"\x0f\x0f", b""))
        packed = rest.replace(b"\x0f\x0f", b"\x0f")
        self.assertEqual(head.decode(), f"{len(packed)} {hashlib.md5(packed).hexdigest()}")
        self.assertEqual(lzma.decompress(packed), archive)


class Keys(unittest.TestCase):
    def key(self, cache="c", image="i", qemu="q", guest=("pv",), **shape):
        facts = {"hvm": False, "guest_memory": 128, "icount": False, "store": "xenstored", **shape}
        return snapshot.place(Path(cache), machine.Shape.of(**facts), image, qemu, list(guest) if guest else None).path

    def test_everything_a_snapshot_depends_on_is_in_its_key(self):
        keys = [self.key(), self.key(image="j"), self.key(qemu="r"), self.key(guest=("pvh",)), self.key(guest=None),
                self.key(guest=("pv", "x")), self.key(hvm=True), self.key(guest_memory=256), self.key(icount=True),
                self.key(store="oxenstored")]
        self.assertEqual(len(set(keys)), len(keys))
        self.assertEqual(self.key(), self.key())

    def test_what_is_booted_has_the_same_name_in_every_run(self):
        for shape in machine.Shape, arm64.Shape:
            words = " ".join(shape.of(False, 128, True, "xenstored").boot_arguments(waiting=False))
            files = {name for name in re.findall(r"[^ ,=]+", words) if name in machine.BOOT_FILES}
            self.assertEqual(files, set(machine.BOOT_FILES))
            self.assertEqual(re.findall(r"[^ ,=]*/[^ ,=]*", words.replace("/pl011@9000000", "")), ["/init"])

    def test_digest_keeps_parts_apart(self):
        self.assertNotEqual(paths.digest(["ab", "c"]), paths.digest(["a", "bc"]))


class Snapshots(unittest.TestCase):
    def test_the_ones_not_used_for_longest_go(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            for age, name in enumerate(("young", "middle", "old")):
                place = cache / "snapshots" / name
                place.mkdir(parents=True)
                (place / "state").write_bytes(b"x" * (1 << 20))
                (place / "facts.json").write_text("{}")
                os.utime(place, (1000 - age, 1000 - age))
            os.environ["XSFRONT_SNAPSHOT_MB"] = "1"
            try:
                snapshot.make_room(cache, snapshot.Snapshot(cache / "snapshots" / "middle"))
            finally:
                del os.environ["XSFRONT_SNAPSHOT_MB"]
            self.assertEqual(sorted(p.name for p in (cache / "snapshots").iterdir()), ["middle", "young"])

    def test_a_damaged_one_is_told_before_anything_starts(self):
        with tempfile.TemporaryDirectory() as folder:
            place = snapshot.Snapshot(Path(folder, "k"))
            place.path.mkdir()
            place.state.write_bytes(b"short")
            for facts in ("", "{}", '{"size": 6, "crc": 0}'):
                place.facts.write_text(facts)
                self.assertRaises(paths.SnapshotError, snapshot.restore, None, place)


class Archives(unittest.TestCase):
    def tree(self):
        tree = FileTree()
        tree.add("a/b/file", b"hello", 0o755)
        tree.add("a/empty", b"")
        tree.link("l", "a/b/file")
        return tree

    def test_cpio_is_whole_and_repeats(self):
        data = self.tree().cpio()
        self.assertEqual(data, self.tree().cpio())
        self.assertEqual(len(data) % 512, 0)
        names, at = [], 0
        while data[at:at + 6] == b"070701":
            size, length = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
            names.append(data[at + 110:at + 110 + length - 1].decode())
            at += (110 + length + 3) // 4 * 4
            at += (size + 3) // 4 * 4
        self.assertEqual(names, ["a", "a/b", "a/b/file", "a/empty", "l", "TRAILER!!!"])

    def test_tar(self):
        with tarfile.open(fileobj=io.BytesIO(self.tree().tar())) as archive:
            self.assertEqual(archive.getnames(), ["a", "a/b", "a/b/file", "a/empty", "l"])
            self.assertEqual(archive.extractfile("a/b/file").read(), b"hello")
            self.assertEqual(archive.getmember("a/b/file").mode, 0o755)

    def test_a_broken_off_directory_is_never_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "t")
            with self.assertRaises(ZeroDivisionError), paths.fresh_dir(target) as work:
                (work / "x").write_text("x")
                raise ZeroDivisionError
            self.assertEqual(list(Path(folder).iterdir()), [])


class Elf(unittest.TestCase):
    def test_closure_of_a_program_of_this_machine(self):
        found, missing = elf.closure([Path(sys.executable).resolve()], map(Path, elf.HOST_LIBRARY_DIRS))
        self.assertEqual(missing, [])
        self.assertIn("libc.so.6", found)
        self.assertTrue(any(name.startswith("ld-linux") for name in found))

    def test_missing_libraries_are_named(self):
        _found, missing = elf.closure([Path(sys.executable).resolve()], [])
        self.assertIn("libc.so.6", missing)

    def test_other_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for content in (b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + b"\xff" * 100):
                path = Path(folder, "f")
                path.write_bytes(content)
                self.assertRaises(elf.NotElf, elf.read_needs, path)

    def test_vmlinux_out_of_a_bzimage(self):
        import gzip
        packed = gzip.compress(b"\x7fELF kernel") + b"size"
        image = bytearray(2 * 512 + 16)
        image[0x1F1] = 1
        struct.pack_into("<II", image, 0x248, 16, len(packed))
        self.assertEqual(kernel.extract_vmlinux(bytes(image) + packed), b"\x7fELF kernel")
        self.assertRaises(paths.LabError, kernel.extract_vmlinux, bytes(image) + b"?" * len(packed))


STREAM = (b"[    1.000000] booting\r\n\x01cN start\x02\n[    2.5] odd\r\n\x01ohello\x10Nwor\x02\n"
          b"\x01old[    3.000000] torn in\r\n, again\x10N\x02\n[    4.000000] end\r\n\x01cN exit 0\x02\n")
PIECES = [("kernel", b"[    1.000000] booting"), ("record", b"N start"), ("kernel", b"[    2.5] odd"),
          ("out", b"hello\nwor"), ("kernel", b"[    3.000000] torn in"), ("out", b"ld, again\n"),
          ("kernel", b"[    4.000000] end"), ("record", b"N exit 0")]


class Console(unittest.TestCase):
    def test_every_split_gives_the_same(self):
        wanted = [Piece(*piece) for piece in PIECES]
        for cut in range(len(STREAM)):
            parser = ConsoleParser()
            self.assertEqual(parser.feed(STREAM[:cut]) + parser.feed(STREAM[cut:]) + parser.finish(), wanted, cut)
        parser = ConsoleParser()
        self.assertEqual([p for n in range(len(STREAM)) for p in parser.feed(STREAM[n:n + 1])], wanted)

    def test_an_end_mark_that_got_lost_does_not_eat_all(self):
        parser = ConsoleParser()
        pieces = parser.feed(b"\x01o" + b"x" * 40000) + parser.finish()
        self.assertGreater(sum(len(p.data) for p in pieces), 39000)

    def test_a_console_that_breaks_off(self):
        parser = ConsoleParser()
        self.assertEqual(parser.feed(b"\x01ohalf a li") + parser.finish(), [Piece("out", b"half a li")])

    def test_labexec_is_understood(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder, "labexec")
            subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-o", program, paths.XSLAB / "guest/labexec.c"],
                           check=True)
            raw = bytes(range(256))
            octal = "".join("\\%03o" % n for n in raw)
            command = f"printf '{octal}'; echo; (sleep 9 &) ; exit 77"
            done = subprocess.run([program, "N", command], stdout=subprocess.PIPE)
            pieces = ConsoleParser().feed(done.stdout)
            self.assertEqual(b"".join(p.data for p in pieces if p.kind == "out"), raw + b"\n")
            self.assertEqual([p.data for p in pieces if p.kind == "record"], [b"N exit 77"])
            self.assertEqual(done.returncode, 77)
            killed = subprocess.run([program, "N", "kill -9 $$"], stdout=subprocess.PIPE)
            self.assertIn(b"exit 137", killed.stdout)

    def test_lines(self):
        maker = LineMaker()
        self.assertEqual(maker.feed(b"a\r\nb") + maker.feed(b"c\nd") + maker.finish(), ["a", "bc", "d"])


class Verdicts(unittest.TestCase):
    def guest(self, reason, status=None, started=True):
        return guest_verdict(GuestFacts(nonce="N", reason=reason, status=status, started=started)).status

    def test_a_pass_takes_both_witnesses(self):
        self.assertEqual(self.guest("0", 0), 0)
        self.assertEqual(self.guest("1", 7), 7)
        for reason, status in (("0", None), ("0", 7), ("1", 0), ("1", None), ("gone", 0), ("gone", None), ("2", 0),
                               (None, 0), ("", 0), ("-", 0), ("17", 0)):
            self.assertEqual(self.guest(reason, status), LAB_BROKE, (reason, status))

    def test_a_crash_is_a_crash_whatever_the_console_says(self):
        for reason in ("3", "4"):
            for status in (None, 0, 7):
                self.assertEqual(self.guest(reason, status), CRASHED)

    def test_records_of_others_do_not_count(self):
        facts = GuestFacts(nonce="N")
        for text in ("M exit 0", "exit 0", "N exit", "N exit -1", "N exit 0 0", "", "- exit 0"):
            facts.record(text)
        self.assertIsNone(facts.status)
        facts.record("N exit 5")
        self.assertEqual(facts.status, 5)

    def test_runs(self):
        passed = GuestFacts(nonce="N", reason="0", status=0, started=True)
        failed = GuestFacts(nonce="N", reason="1", status=7, started=True)
        table = [
            (RunFacts(guest=passed, done=True), 0),
            (RunFacts(guest=passed, done=False, machine_ended="QEMU"), LAB_BROKE),
            (RunFacts(guest=passed, done=True, dom0_status=0), 0),
            (RunFacts(guest=passed, done=True, dom0_status=6), 6),
            (RunFacts(guest=failed, done=True, dom0_status=6), 7),
            (RunFacts(guest=GuestFacts(started=True), timed_out=True), TIMEOUT),
            (RunFacts(guest=GuestFacts(started=True), timed_out=True, broken="dom0 died"), LAB_BROKE),
            (RunFacts(stuck=True), LAB_BROKE),
            (RunFacts(machine_ended="QEMU"), LAB_BROKE),
            (RunFacts(before_status=3, done=True), 3),
            (RunFacts(done=True), LAB_BROKE),
            (RunFacts(), LAB_BROKE),
            (RunFacts(guest=None, done=True, dom0_status=0), 0),
            (RunFacts(guest=None, done=True, dom0_status=9), 9),
            (RunFacts(guest=None, done=True), LAB_BROKE),
            (RunFacts(guest=None, dom0_status=0), LAB_BROKE),
        ]
        for facts, status in table:
            self.assertEqual(judge(facts).status, status, facts)

    def test_last_words_begin_with_the_cause(self):
        lines = [f"[    1.{n:06}] noise" for n in range(20)]
        self.assertEqual(len(run.last_words(lines)), 10)
        lines[5] = "[    1.000005] BUG: kernel NULL pointer dereference"
        self.assertEqual(run.last_words(lines)[0], lines[5])

    def test_the_cause_is_kept_over_a_long_trace(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Output(Path(folder), True, False, None)
            for line in ["[    1.000000] Kernel panic - not syncing"] + ["[    1.000001]  ? a_function+0x1/0x2"] * 100:
                out.other_line("guest", "console", line)
            self.assertIn("Kernel panic", run.last_words(list(out.last_lines))[0])


class FakeMachine:
    """Plays back what the channels of a recorded run carried."""

    def __init__(self):
        self.far = {}
        self.channels = {}
        for name in ["xen", "monitor", *machine.PORTS]:
            self.channels[name], self.far[name] = socket.socketpair()
            self.channels[name].setblocking(False)

    def how_it_ended(self):
        return "QEMU ended with status 1"

    def close(self):
        for end in [*self.channels.values(), *self.far.values()]:
            end.close()


class Sessions(unittest.TestCase):
    def play(self, script, end=True, quiet=True, limits=Limits(command=0.3, boot=1), first_guest=True):
        """Run a session on (channel, bytes) pairs; gives its facts and what it printed."""
        fake = FakeMachine()
        with tempfile.TemporaryDirectory() as folder:
            printed = io.TextIOWrapper(io.BytesIO())
            out = Output(Path(folder), quiet, False, None)
            with contextlib.redirect_stdout(printed):
                session = Session(fake, out, limits, first_guest)
                for channel, data in script:
                    fake.far[channel].sendall(data)
                if end:
                    for name in fake.far:
                        fake.far[name].close()
                facts = session.run()
            out.close()
            fake.close()
            return facts, printed.buffer.getvalue()

    GUEST = [("control", b"step create guest\nguest guest 1 5 N\n")]

    def test_a_pass(self):
        facts, printed = self.play(self.GUEST + [("console1", STREAM), ("control", b"ended guest 0\ndone\n")])
        self.assertEqual(judge(facts).status, 0)
        self.assertEqual(printed, b"hello\nworld, again\n")

    def test_prefixes(self):
        script = [("dom0", b"from dom0\n")] + self.GUEST + [("console1", STREAM), ("control", b"ended guest 0\ndone\n")]
        _facts, printed = self.play(script, quiet=False)
        self.assertEqual(printed, b"(dom0) from dom0\n(guest) hello\n(guest) world, again\n")

    def test_a_crash(self):
        console = b"\x01cN start\x02\n\x01oso far\x10N\x02\n[    3.0] Kernel panic - not syncing\r\n"
        facts, printed = self.play(self.GUEST + [("console1", console), ("control", b"ended guest 3\ndone\n")])
        self.assertEqual(judge(facts).status, CRASHED)
        self.assertEqual(printed, b"so far\n")

    def test_a_hang_in_the_command(self):
        facts, _ = self.play(self.GUEST + [("console1", b"\x01cN start\x02\n")], end=False)
        self.assertEqual(judge(facts).status, TIMEOUT)

    def test_a_hang_before_it(self):
        facts, _ = self.play(self.GUEST, end=False, limits=Limits(command=9, boot=0.3))
        self.assertEqual(judge(facts).status, LAB_BROKE)

    def test_a_lost_console(self):
        facts, _ = self.play(self.GUEST + [("control", b"ended guest 0\ndone\n")])
        self.assertEqual(judge(facts).status, LAB_BROKE)

    def test_a_forged_verdict(self):
        console = b"\x01cN start\x02\n\x01o\x10AcN exit 0\x10B\x02\n\x01cM exit 0\x02\n"
        facts, _ = self.play(self.GUEST + [("console1", console), ("control", b"ended guest 0\ndone\n")])
        self.assertEqual(judge(facts).status, LAB_BROKE)

    def test_qemu_dies(self):
        facts, _ = self.play(self.GUEST + [("console1", STREAM)])
        self.assertEqual(judge(facts).status, LAB_BROKE)
        self.assertIn("QEMU ended", facts.machine_ended)

    def test_dom0_dies(self):
        facts, _ = self.play(self.GUEST + [("xen", b"[ 9.0] Kernel panic - not syncing: x\n")])
        self.assertEqual(judge(facts).status, LAB_BROKE)

    def test_dom0_drives_all(self):
        script = [("control", b"run\nguest a 1 5 N-a\nended a 0\n"), ("dom0", b"all well\n"),
                  ("control", b"dom0-exit 0\ndone\n")]
        facts, printed = self.play(script, first_guest=False)
        self.assertEqual(judge(facts).status, 0)
        self.assertEqual(printed, b"all well\n")

    def test_a_guest_that_never_waits(self):
        for script, waits in ((b"waiting\n", True), (b"broken guest has ended\nwaiting\n", False)):
            fake = FakeMachine()
            with tempfile.TemporaryDirectory() as folder:
                out = Output(Path(folder), True, False, None)
                session = Session(fake, out, Limits(command=1, boot=1), True)
                fake.far["control"].sendall(script)
                session.run(until_waiting=True)
                out.close()
            fake.close()
            self.assertEqual(session.waiting, waits, script)


class TriesAtASnapshot(unittest.TestCase):
    def make(self, *tries):
        """What becomes of making one whose tries end like this: why not, and where it stood."""
        with tempfile.TemporaryDirectory() as folder:
            left = list(tries)

            def one_try(_place, _waiting_guest):
                why, runner.step = left.pop(0)
                return why

            runner = run.Runner.__new__(run.Runner)
            runner.store = types.SimpleNamespace(cache=Path(folder))
            runner.where = Path(folder)
            runner._boot_and_save = one_try
            (Path(folder) / "snapshots").mkdir()
            with contextlib.redirect_stderr(io.StringIO()):
                runner._make(snapshot.Snapshot(Path(folder) / "snapshots" / "x"), True)
            return left

    def test_a_guest_that_is_lost_while_it_boots_has_one_more(self):
        lost = ("guest has ended before it came to wait", "guest boots")
        self.assertEqual(self.make(("", "guest boots"), lost), [lost])
        self.assertEqual(self.make(lost, ("", "guest boots"), lost), [lost])
        with self.assertRaisesRegex(paths.LabError, "has ended before"):
            self.make(lost, lost)

    def test_nothing_else_has(self):
        for why in (("xl create guest: no memory", "create guest"), ("no progress", "Xen boots")):
            with self.assertRaisesRegex(paths.LabError, why[0]):
                self.make(why)


if __name__ == "__main__":
    unittest.main()
