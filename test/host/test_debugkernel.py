# SPDX-License-Identifier: GPL-2.0
"""Tests of the lab's debug kernels that need neither a compiler nor QEMU."""
import sys
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "scripts"))

from xslab import debugkernel  # noqa: E402
from xslab.paths import UserError  # noqa: E402
from xslab.report import LostGuestFinder, ReportFinder  # noqa: E402
from xslab.verdict import GuestFacts, RunFacts, judge  # noqa: E402

RULE = "=" * 66


def found(text):
    """The titles of the reports in a console's text."""
    finder = ReportFinder()
    for line in text.splitlines():
        finder.feed("[   12.345678] " + line)
    finder.finish()
    return [report.title for report in finder.reports]


class Stock(unittest.TestCase):
    """Which stock kernels a run has to have fetched."""
    def test_dom0s_is_among_them(self):
        self.assertEqual(debugkernel.stock_kernels("6.1", "6.1"), ["6.1"])
        self.assertEqual(debugkernel.stock_kernels("6.1", "6.12"), ["6.1", "6.12"])
        self.assertEqual(debugkernel.stock_kernels("5.10", "kasan"), ["5.10"])


class LostGuest(unittest.TestCase):
    """Lines of Xen 4.17's console."""
    DUMP = ["(XEN) {} Triple fault - invoking HVM shutdown action 1",
            "(XEN) *** Dumping Dom3 vcpu#0 state: ***",
            "(XEN) ----[ Xen-4.17.7  x86_64  debug=n  Not tainted ]----",
            "(XEN) CPU:    0",
            "(XEN) RIP:    {}:[<ffff82d0402f0a35>]"]

    def lost(self, *lines):
        finder = LostGuestFinder()
        return [lost for lost in map(finder.feed, lines) if lost]

    def test_xens_registers_in_a_guest(self):
        lines = "\n".join(self.DUMP).format("d3v0", "e008").splitlines()
        self.assertEqual(self.lost(*lines), ["the emulated processor lost d3: it entered it with Xen's registers"])

    def test_a_guests_own_fault_is_not_that(self):
        lines = "\n".join(self.DUMP).format("d3v0", "0010").splitlines()
        self.assertEqual(self.lost(*lines), ["d3 ended with a triple fault in its own code"])

    def test_nor_is_a_dump_of_another_kind(self):
        self.assertEqual(self.lost("(XEN) RIP:    e008:[<ffff82d0402f0a35>]"), [])


class Reports(unittest.TestCase):
    def test_each_kind_is_seen(self):
        for title in (
                "WARNING: possible circular locking dependency detected",
                "WARNING: CPU: 0 PID: 1 at kernel/foo.c:12 bar+0x1/0x2",
                "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580",
                "BUG: KASAN: slab-out-of-bounds in toy_init+0x1/0x2 [toy]",
                "BUG: KFENCE: out-of-bounds write in toy_init+0x1/0x2 [toy]",
                "BUG kmalloc-64 (Tainted: G    B      O      ): Right Redzone overwritten",
                "UBSAN: shift-out-of-bounds in toy.c:12:3",
                "[ BUG: Invalid wait context ]",
                "INFO: trying to register non-static key.",
                "INFO: task insmod:61 blocked for more than 60 seconds.",
                "kmemleak: 10 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"):
            with self.subTest(title):
                self.assertEqual(found(f"before\n{title}\n more\n"), [title])

    def test_ordinary_lines_are_no_reports(self):
        self.assertEqual(found(
            "kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)\n"
            "kasan: KernelAddressSanitizer initialized\n"
            "xsfront: attach own: store page of a PV guest, event channel 1\n"
            "FAULT_INJECTION: forcing a failure.\n"
            "xsfront: the store's ring is broken: its indices cannot be; trying to mend it\n"), [])

    def test_lines_without_a_stamp(self):
        finder = ReportFinder()
        finder.feed("BUG: KASAN: use-after-free in f+0x1/0x2")
        finder.finish()
        self.assertEqual(len(finder.reports), 1)

    def test_races_elsewhere_do_not_count(self):
        race = "BUG: KCSAN: data-race in a / b"
        self.assertEqual(found(f"{RULE}\n{race}\n a+0x1/0x2\n{RULE}\n"), [])
        self.assertEqual(found(f"{RULE}\n{race}\n a+0x1/0x2 [xenfs]\n{RULE}\n"), [])
        self.assertEqual(found(f"{RULE}\n{race}\n a+0x1/0x2 [xsfront]\n{RULE}\n"), [race])

    def test_a_race_is_ours_by_who_has_made_the_access(self):
        race = "BUG: KCSAN: data-race in f / g"
        ours = ["__list_add+0x1/0x2", "list_add_tail+0x1/0x2", "put+0x1/0x2 [xsfront]"]
        theirs = ["pollwake+0x1/0x2", "__wake_up_common+0x1/0x2", "__wake_up+0x1/0x2", "put+0x1/0x2 [xsfront]"]
        for frames, wanted in ((ours, [race]), (theirs, [])):
            text = "\n".join([RULE, race, "", "write to 0xffffc9000045fc50 of 4 bytes by interrupt on cpu 0:",
                              *(f" {frame}" for frame in frames), "",
                              "read to 0xffffc9000045fc50 of 4 bytes by task 104 on cpu 0:",
                              " poll_schedule_timeout+0x1/0x2", " vfs_write+0x1/0x2",
                              " ksys_write+0x1/0x2", " start+0x1/0x2 [xsfront]", RULE])
            self.assertEqual(found(text), wanted)

    def test_a_race_of_ours_behind_another(self):
        race = "BUG: KCSAN: data-race in a / b"
        text = f"{RULE}\n{race}\n a+0x1/0x2\n{RULE}\n{RULE}\n{race}\n a+0x1/0x2 [xsfront]\n{RULE}\n"
        self.assertEqual(found(text), [race])

    def test_the_end_is_a_report_too(self):
        self.assertEqual(found("BUG: KCSAN: data-race in a / b\n a+0x1/0x2 [xsfront]"),
                         ["BUG: KCSAN: data-race in a / b"])


# Cut down from a run: the interrupt came while EFLAGS said that there was to be none.
INTERRUPTED = """\
WARNING: possible circular locking dependency detected
6.1.192-kasan #1 Not tainted
swapper/0/0 is trying to acquire lock:
ffff88801ae2b518 (hrtimer_bases.lock){-.-.}-{2:2}, at: hrtimer_interrupt+0xcb/0x770
but task is already holding lock:
  lock(tk_core.seq.seqcount);
                               lock(hrtimer_bases.lock);
 xen_timer_interrupt+0x3a/0x50
RIP: 0010:timekeeping_update+0x31e/0x680
RSP: 0018:ffffc90000007e68 EFLAGS: 00000046
RIP: 0010:native_safe_halt+0x13/0x20
RSP: 0018:ffffffff82807db8 EFLAGS: 00000246
"""

# Cut down from a run: the kernel's own locks, where a guest has been saved and a watch is set at the kernel's node.
RING_OF_LOCKS = """\
WARNING: possible circular locking dependency detected
6.1.192-pvdbg #1 Tainted: G           O
xenstore-watch/303 is trying to acquire lock:
ffffffff81fb4250 (xs_watch_rwsem){++++}-{3:3}, at: register_xenbus_watch+0x4d/0x150
ffff888003c42068 (&u->msgbuffer_mutex){+.+.}-{3:3}, at: xenbus_file_write+0x2f/0x650
-> #2 (&u->msgbuffer_mutex){+.+.}-{3:3}:
       xenbus_dev_queue_reply+0x3b/0x2f0
-> #1 (xs_response_mutex){+.+.}-{3:3}:
       xs_suspend+0x61/0xe0
"""


def known(text):
    """The names of the known reports in a console's text."""
    finder = ReportFinder()
    for line in text.splitlines():
        finder.feed("[   12.345678] " + line)
    finder.finish()
    return finder.known


class KnownReports(unittest.TestCase):
    def test_a_known_one_is_named_and_no_failure(self):
        self.assertEqual(found(INTERRUPTED), [])
        self.assertEqual(known(INTERRUPTED), ["an interrupt while interrupts are off"])

    def test_each_part_is_needed(self):
        lines = INTERRUPTED.splitlines()
        for gone in (3, 5, 8, 9):
            text = "\n".join(lines[:gone] + lines[gone + 1:])
            self.assertEqual(len(found(text)), 1, lines[gone])

    def test_the_kernels_own_locks_around_a_suspension(self):
        self.assertEqual((found(RING_OF_LOCKS), len(known(RING_OF_LOCKS))), ([], 1))
        lines = RING_OF_LOCKS.splitlines()
        for gone in (2, 3, 4, 6, 8):
            self.assertEqual(len(found("\n".join(lines[:gone] + lines[gone + 1:]))), 1, lines[gone])
        ours = RING_OF_LOCKS.replace("xs_suspend+0x61/0xe0", "xs_suspend+0x61/0xe0 [xsfront]")
        self.assertEqual(len(found(ours)), 1)

    def test_of_leaks_each_object_is_looked_at(self):
        known_leak = ("leak: unreferenced object 0xffff8880034aa5b8 (size 8):\n"
                      "leak:   comm \"failnth_load\", pid 61, jiffies 4294913892\n"
                      "leak:     78 73 65 63 68 6f 00 a5                          xsecho..\n"
                      "leak:     [<ffffffff814d86d6>] kobject_set_name+0x46/0x50\n"
                      "leak:     [<ffffffff813e17cd>] __class_register+0xad/0x1b0\n"
                      "leak:     [<ffffffff813e1921>] __class_create+0x51/0x90\n")
        other = "leak: unreferenced object 0xffff8880034aa5b8 (size 96):\nleak:     [<0>] kzalloc+0x1/0x2\n"
        title = "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n"
        self.assertEqual(found(title + known_leak + known_leak), [])
        self.assertEqual(len(known(title + known_leak + known_leak)), 1)
        self.assertEqual(len(found(title + known_leak + other)), 1)
        self.assertEqual(len(found(title + known_leak)), 1)     # the second is not shown
        self.assertEqual(len(found(title)), 1)

    def test_the_kernels_plain_access_to_a_ring_that_we_share(self):
        race = "BUG: KCSAN: data-race in xenbus_thread / xs_ring_look_unread [xsfront]"
        text = "\n".join([RULE, race, "", "read (marked) to 0xffff888003ccb804 of 4 bytes by interrupt on cpu 0:",
                          " xs_ring_look_unread+0x33/0xa0 [xsfront]", " xs_shadow_pump+0x1b6/0x960 [xsfront]", "",
                          "write to 0xffff888003ccb804 of 4 bytes by task 18 on cpu 0:",
                          " xenbus_thread+0x628/0x1070", " kthread+0x18a/0x1b0", RULE, ""])
        self.assertEqual((found(text), len(known(text))), ([], 1))
        for other in (text.replace("read (marked)", "read"), text.replace(" of 4 bytes", " of 1 bytes"),
                      text.replace("xenbus_thread /", "xs_put /")):
            self.assertEqual((len(found(other)), known(other)), (1, []))

    def test_with_a_module_of_ours_it_is_not_known(self):
        text = INTERRUPTED.replace("xen_timer_interrupt+0x3a/0x50", "on_event+0x3a/0x50 [xsfront]")
        self.assertEqual(len(found(text)), 1)

    def test_another_report_behind_it_is_not_hidden(self):
        text = INTERRUPTED + "BUG: sleeping function called from invalid context at mutex.c:580\n"
        self.assertEqual(len(found(text)), 1)


class Verdicts(unittest.TestCase):
    def facts(self, **more):
        return RunFacts(guest=GuestFacts(started=True, status=0, reason="0"), done=True, **more)

    def test_a_report_fails_a_run_that_passes(self):
        self.assertEqual(judge(self.facts()).status, 0)
        verdict = judge(self.facts(reports=[["WARNING: lock", "more"]]))
        self.assertEqual(verdict.status, 123)
        self.assertIn("WARNING: lock", verdict.line)
        self.assertIn("status 0", verdict.line)


class Kernels(unittest.TestCase):
    def test_what_cannot_boot_is_refused(self):
        for name, kind in (("kasan", "pv"), ("kasan", "hvm"), ("pvdbg", "hvm"), ("kcsan", "hvm")):
            with self.assertRaisesRegex(UserError, f"--kernel {name} boots as"):
                debugkernel.check_wish(name, kind)
        for name, kind in (("kasan", "pvh"), ("pvdbg", "pv"), ("kcsan", "pvh"), ("signed", "pv"), ("6.1", "hvm")):
            debugkernel.check_wish(name, kind)

    def test_fragments_are_there(self):
        for kernel in debugkernel.DEBUG_KERNELS.values():
            for name in kernel.fragments:
                self.assertTrue((debugkernel.FRAGMENTS / f"{name}.config").exists(), name)

    def test_what_a_config_lacks(self):
        wanted = "CONFIG_A=y\nCONFIG_B=n\nCONFIG_C=\"-x\"\nCONFIG_D=y\nCONFIG_D=n\n"
        have = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"-x\"\n"
        self.assertEqual(debugkernel.unmet(wanted, have), [])
        self.assertEqual(debugkernel.unmet(wanted, "CONFIG_B=y\n"),
                         ["CONFIG_A=y", "CONFIG_B=n", "CONFIG_C=\"-x\""])


if __name__ == "__main__":
    unittest.main()
