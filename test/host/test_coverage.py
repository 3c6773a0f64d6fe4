# SPDX-License-Identifier: GPL-2.0
"""Tests of test/coverage/run: what it makes of gcov's counts."""
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "test"))
import script  # noqa: E402

coverage = script.load("coverage", TOP / "test/coverage/run")

GLUE = "int ran(void)\n{\n\treturn 1;\n}\nint missed(void)\n{\n\treturn 2;\n}\n"
PURE = "int pure(void)\n{\n\treturn 0;\n}\n"
ELSEWHERE = "int ran(void);\nint main(void)\n{\n\treturn ran() - 1;\n}\n"


class LinesOf(unittest.TestCase):
    """A program that is built as the lab builds modules, without the folder in its files' names."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.built = Path(self.folder.name)
        (self.built / "test").mkdir()
        files = {"xs_glue.c": GLUE, "xs_ring.c": PURE, "test/main.c": ELSEWHERE}
        gcc = "gcc-12" if coverage.shutil.which("gcc-12") else "gcc"
        how = [gcc, "--coverage", f"-ffile-prefix-map={self.built}/="]
        objects = []
        for name, text in files.items():
            (self.built / name).write_text(text)
            objects.append(f"{Path(name).stem}.o")
            subprocess.run([*how, "-c", self.built / name, "-o", objects[-1]], cwd=self.built,
                           check=True)
        subprocess.run([*how, *objects, "-o", "program"], cwd=self.built, check=True)
        subprocess.run([self.built / "program"], check=True)
        self.archive = self.built / "counts.tar.gz"
        with tarfile.open(self.archive, "w:gz") as tar:
            for data in self.built.rglob("*.gcda"):
                tar.add(data, data.name)

    def test_lines_of_the_glue_and_of_nothing_else(self):
        lines = coverage.lines_of(self.archive, self.built)
        self.assertEqual({file for file, _ in lines}, {"xs_glue.c"})
        self.assertEqual(lines["xs_glue.c", 3], ("ran", 1))
        self.assertEqual(lines["xs_glue.c", 7], ("missed", 0))


if __name__ == "__main__":
    unittest.main()
