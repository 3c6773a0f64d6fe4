# SPDX-License-Identifier: GPL-2.0
"""The bugs that debug kernels have to see (test/seeded): that they can be planted and built."""
import re
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "test"))
import script  # noqa: E402
import tree  # noqa: E402

seeded = script.load("seeded", TOP / "test/seeded/prove")


class Sources(unittest.TestCase):
    def test_what_they_include_is_copied_too(self):
        files = tree.sources(TOP, seeded.PATTERNS)
        for name, data in files.items():
            for header in re.findall(r'^\s*#\s*include\s*"([^"]+)"', data.decode(), re.M):
                beside = (Path(name).parent / header).as_posix()
                self.assertTrue({beside, header, f"include/{header}"} & set(files), f"{name}: {header}")

    def test_each_bug_can_be_planted(self):
        files = tree.sources(TOP, seeded.PATTERNS)
        planted = seeded.bugs()
        self.assertTrue(planted)
        for bug in planted:
            with self.subTest(bug.name), tempfile.TemporaryDirectory() as scratch:
                with_bug, wrong = tree.patched(files, bug.patch, Path(scratch))
                self.assertEqual(wrong, "")
                self.assertNotEqual(with_bug, files)


if __name__ == "__main__":
    unittest.main()
