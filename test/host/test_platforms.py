# SPDX-License-Identifier: GPL-2.0
"""Tests of what the guest stands on (--arch, --xen) that need neither packages nor QEMU."""
import os
import stat
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "scripts"))

from xslab import build, packages, platforms  # noqa: E402
from xslab.paths import LabError, UserError  # noqa: E402
from xslab.platforms import PLATFORMS, USUAL, chosen  # noqa: E402

SETS = ("xen", "hvm", "kernel-6.1", "headers-6.1", "glibc-trixie")


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


class Choice(unittest.TestCase):
    def test_there_is_what_the_help_says(self):
        self.assertEqual(chosen("amd64", "4.17"), USUAL)
        self.assertEqual(chosen("amd64", "4.14").dom0, "5.10")
        self.assertEqual(chosen("amd64", "4.20").dom0, "6.12")
        self.assertEqual(chosen("arm64", "4.17").dom0, "6.1")
        self.assertRaises(UserError, chosen, "arm64", "4.14")

    def test_what_cannot_boot_is_refused(self):
        USUAL.check_wish("hvm", "kasan", ["python"])
        for xen in "4.14", "4.20":
            chosen("amd64", xen).check_wish("pv", "7.3", ["python"])
            chosen("amd64", xen).check_wish("hvm", "6.1", [])
        chosen("arm64", "4.17").check_wish("pvh", "6.1", [])
        for arch, xen, *wish in (("arm64", "4.17", "hvm", "6.1", []), ("arm64", "4.17", "pv", "6.1", []),
                                 ("arm64", "4.17", "pvh", "6.12", []), ("arm64", "4.17", "pvh", "6.1", ["python"])):
            with self.subTest(wish=wish):
                self.assertRaises(UserError, chosen(arch, xen).check_wish, *wish)

    def test_backends_are_built_for_every_dom0(self):
        for platform in PLATFORMS:
            self.assertNotIn("echo_back", build.left_out(platform.dom0))
        self.assertIn("echo_back", build.left_out("7.3"))
        self.assertEqual(build.left_out(USUAL.dom0), set())


class Sets(unittest.TestCase):
    def test_the_usual_ones_keep_their_names(self):
        self.assertEqual([USUAL.place(name) for name in SETS], list(SETS))

    def test_no_two_are_taken_for_each_other(self):
        # Another Xen has other programs and no other kernels; another machine has everything of its own.
        places = {name: [p.place(name) for p in PLATFORMS] for name in SETS}
        self.assertEqual(len(set(places["xen"])), len(PLATFORMS))
        self.assertEqual(len(set(places["kernel-6.1"])), 2)
        self.assertEqual(len(set(places["glibc-trixie"])), 1)


class FakeArchive:
    """What an archive is asked."""

    IMAGES = """linux-image-7.2.9+deb13-amd64 linux-image-7.2.12+deb13-amd64 linux-image-7.2.12+deb13-rt-amd64
        linux-image-7.3.4+deb13-amd64 linux-image-5.10.0-32-amd64 linux-image-5.10.0-3-amd64""".split()

    def names(self, start):
        return [name for name in self.IMAGES if name.startswith(start)]

    def depends(self, name):
        return ["linux-base", "linux-image-7.3.4+deb13-amd64"] if name == "linux-image-amd64" else []


class Releases(unittest.TestCase):
    def image(self, name):
        kernel = packages.KERNELS[name]
        return packages.Store(Path("/nowhere"))._image(kernel, FakeArchive())

    def test_the_newest_of_a_suite(self):
        self.assertEqual(self.image("7.3"), "linux-image-7.3.4+deb13-amd64")

    def test_the_newest_of_an_older_version(self):
        self.assertEqual(self.image("7.2"), "linux-image-7.2.12+deb13-amd64")

    def test_just_one_release(self):
        self.assertEqual(self.image("5.10.0-32"), "linux-image-5.10.0-32-amd64")

    def test_what_is_no_more(self):
        with unittest.mock.patch.object(FakeArchive, "IMAGES", []):
            with self.assertRaisesRegex(LabError, r"bullseye has no 5\\.10\\.0-32"):
                self.image("5.10.0-32")


class Layout(unittest.TestCase):
    """The unpacked set of another platform looks like the usual one."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.usual, self.work = Path(folder.name, "usual"), Path(folder.name, "work")
        put(self.usual, "bin/busybox", "usr/lib/xen-4.17/bin/xl", "usr/lib/xen-4.17/bin/test-xenstore")

    def test_another_xen(self):
        put(self.work, "boot/xen-4.17-amd64.gz", "boot/xen-4.20-amd64.gz", "usr/lib/xen-4.17/bin/xl",
            "usr/lib/xen-4.17/bin/test-xenstore", "usr/lib/xen-4.20/bin/xl")
        platform = chosen("amd64", "4.20")
        platform.lay_out(self.work, self.usual)
        for name, is_of in (("boot/xen-4.17-amd64.gz", "boot/xen-4.20-amd64.gz"),
                            ("usr/lib/xen-4.17/bin/xl", "usr/lib/xen-4.20/bin/xl"),
                            ("usr/lib/xen-4.17/bin/test-xenstore", "usr/lib/xen-4.17/bin/test-xenstore")):
            self.assertEqual((self.work / name).read_text(), is_of)
        self.assertEqual(platform.links, {"usr/lib/xen-4.20": "xen-4.17"})

    def test_another_machine(self):
        put(self.work, "bin/busybox", "lib/aarch64-linux-gnu/libc.so.6", "usr/lib/xen-4.17/bin/xl")
        chosen("arm64", "4.17").lay_out(self.work, self.usual)
        self.assertTrue((self.work / "lib/x86_64-linux-gnu/libc.so.6").exists())
        self.assertTrue((self.work / "bin/busybox-foreign").exists())
        lacking = self.work / "usr/lib/xen-4.17/bin/test-xenstore"
        self.assertTrue(os.stat(lacking).st_mode & stat.S_IXUSR)
        self.assertIn("Debian has no test-xenstore for arm64", lacking.read_text())

    def test_links_of_the_usual_one(self):
        self.assertEqual(platforms.USUAL.links, {})


if __name__ == "__main__":
    unittest.main()
