# SPDX-License-Identifier: GPL-2.0
"""test/matrix adds up honestly what test/run says, which is played here."""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
RUN = r"""#!/bin/bash
# test/run lab --kernel NAME TEST…: a log for each NAME
echo "$*" >>calls
cat "say-$3"
"""
LAB = r"""#!/bin/bash
if [ -e "no-$3" ]; then
	echo "lab: $3: gone" >&2
	exit 125
fi
echo "/somewhere/build/$3-amd64/out/xsfront.ko"
"""
GOOD = """\
ok         0.50s  lab handshake@1 in 5.10: (guest) it comes
ok         0.50s  lab handshake@1 in 5.10: (guest) a lab handshake@2 in it
ok         0.50s  lab handshake@2 in 5.10: (guest) it comes
skipped    0.00s  lab states@1 in 5.10  (no lsevtchn there)

skipped: lab states@1 in 5.10: no lsevtchn there
1 skipped
3 passed, 0 failed
"""
BAD = """\
ok         0.50s  lab handshake@2 in 5.10: (guest) it comes
FAILED     0.50s  lab handshake@2 in 5.10: (dom0) it goes

---- FAILED: lab handshake@2 in 5.10: (dom0) it goes
1 passed, 1 failed
"""
CUT = "ok         0.50s  lab handshake@1 in 7.3: (guest) it comes\n"


class Matrix(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        (self.top / "test").mkdir()
        (self.top / "scripts").mkdir()
        shutil.copy(TOP / "test/matrix", self.top / "test/matrix")
        shutil.copytree(TOP / "test/lab", self.top / "test/lab")
        for name, text in (("test/run", RUN), ("scripts/lab", LAB)):
            (self.top / name).write_text(text)
            os.chmod(self.top / name, 0o755)

    def matrix(self, *names, stderr="", **say):
        for name, text in say.items():
            (self.top / f"say-{name[1:].replace('_', '.')}").write_text(text)
        done = subprocess.run([self.top / "test/matrix", *names], capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, stderr)
        return done.returncode, done.stdout.splitlines()

    def row(self, lines, test):
        """What the first table has of a test, from 5.10 on."""
        return [cell.strip() for cell in next(line for line in lines if f"`{test}`" in line).split("|")[4:-1]]

    def test_what_passed(self):
        status, lines = self.matrix("5.10", k5_10=GOOD)
        self.assertEqual((status, lines[-1]), (0, "3 passed, 0 failed"))
        self.assertEqual(lines[0], "5.10 (5.10-amd64): 3 passed, 0 failed; log: build/test/matrix/5.10.log")
        self.assertEqual(self.row(lines, "handshake@1")[0], "2")
        self.assertEqual(self.row(lines, "handshake@2")[0], "1")
        self.assertEqual(self.row(lines, "states@1")[0], "-, 1 skipped")
        self.assertEqual(set(self.row(lines, "handshake@3")), {""})
        self.assertFalse([line for line in lines if "device-node@2" in line])

    def test_what_failed_of_several(self):
        status, lines = self.matrix("5.10", "7.3", k5_10=BAD, k7_3=GOOD)
        self.assertEqual((status, lines[-1]), (1, "4 passed, 1 failed"))
        self.assertEqual(self.row(lines, "handshake@2")[0], "1, 1 failed")

    def test_one_alone_takes_its_place_among_the_others(self):
        self.matrix("5.10", k5_10=GOOD)
        status, lines = self.matrix("5.10:handshake@2", k5_10=BAD)
        self.assertEqual(status, 1)
        self.assertEqual((self.top / "calls").read_text().splitlines()[-1], "lab --kernel 5.10 handshake@2")
        self.assertEqual(self.row(lines, "handshake@2")[0], "1, 1 failed")
        self.assertEqual(self.row(lines, "handshake@1")[0], "2")

    def test_what_did_not_come_to_its_end(self):
        status, lines = self.matrix("7.3", k7_3=CUT)
        self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed"))
        self.assertEqual(set(self.row(lines, "handshake@1")), {""})

    def test_what_cannot_be_built_does_not_hold_up_the_others(self):
        (self.top / "no-5.10").touch()
        status, lines = self.matrix("5.10", "7.3", k7_3=GOOD, stderr="lab: 5.10: gone\n")
        self.assertEqual((status, lines[-1]), (1, "3 passed, 1 failed"))
        self.assertEqual(lines[0], "5.10: the modules are not built: scripts/lab build --kernel 5.10")

    def test_between_two_others_there_are_fewer(self):
        self.matrix("7.2", k7_2=GOOD)
        self.assertNotIn("lives", (self.top / "calls").read_text())


if __name__ == "__main__":
    unittest.main()
