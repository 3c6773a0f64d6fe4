# SPDX-License-Identifier: GPL-2.0
"""Which lab tests make test runs (test/run), with debug kernels and without."""
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / "test"), str(TOP / "scripts")]

import script  # noqa: E402
from xslab import debugkernel  # noqa: E402
from xslab.packages import Store  # noqa: E402

runner = script.load("runner", TOP / "test/run")


def lab_tests(head):
    """The tests of a folder with one script."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "thing.sh").write_text(head + "\necho 1..0\n")
        return runner.lab_tests(Path(folder))


def chosen(tests, built):
    """What make test would run of them."""
    with mock.patch.object(runner, "lab_tests", lambda: list(tests)):
        jobs, _ = runner.all_lab_jobs(built, [])
    with mock.patch.object(runner, "run_lab",
                           lambda test: iter([runner.Result(f"lab {test.name}", runner.PASS)])):
        return {result.name.removeprefix("lab "): result.detail if result.status == runner.SKIP else "runs"
                for job in jobs for result in job.run()}


class DebugKernels(unittest.TestCase):
    HEAD = "# lab: --type pv\n# lab: --type pvh\n# debug: 2 in kasan\n"

    def test_beside_the_stock_kernel(self):
        tests = lab_tests(self.HEAD)
        self.assertEqual(chosen(tests, ["pvdbg", "kasan"]),
                         {"thing@1": "runs", "thing@2": "runs", "thing@2 in kasan": "runs"})

    def test_skipped_by_name_where_it_is_not_built(self):
        tests = lab_tests(self.HEAD)
        self.assertEqual(chosen(tests, ["pvdbg"]), {
            "thing@1": "runs", "thing@2": "runs",
            "thing@2 in kasan": "the kernel kasan has not been built: make debug builds it"})

    def test_in_place_of_the_stock_kernel_where_there_are_turns(self):
        tests = lab_tests(self.HEAD + "# turns: by the day\n")
        self.assertEqual(sum(test.today for test in tests), 1)
        for first in True, False:
            tests[0].today, tests[1].today = first, not first
            built, none = chosen(tests, ["kasan"]), chosen(tests, [])
            self.assertEqual([built["thing@2"], built["thing@2 in kasan"]],
                             ["it is run in the kernel kasan", "runs"])
            self.assertEqual([built["thing@1"] == "runs", none["thing@1"] == "runs",
                              none["thing@2"] == "runs"], [first, first, not first])

    def test_what_could_never_run_fails(self):
        for line in "3 in kasan", "1 in kasan", "1 in none":
            tests = lab_tests(self.HEAD.replace("2 in kasan", line))
            results = [result for test in tests if test.needs for result in runner.run_lab(test)]
            self.assertEqual([result.status for result in results], [runner.FAIL], line)


class OtherVersions(unittest.TestCase):
    def test_all_of_them_come_round(self):
        """Each test of make matrix in each kernel but dom0's has its day, and no day has none."""
        versions = runner.versions()
        seen = set()
        for day in range(20779, 20779 + len(versions)):
            [test] = runner.other_version(day)
            seen.add(f"{test.kernel}:{test.name.split()[0]}")
        self.assertEqual(seen, set(versions))
        self.assertLessEqual({"5.10", "5.10.0-32", "6.12", "7.2", "7.3"}, {v.split(":")[0] for v in seen})

    def test_it_is_run_and_prepared_for(self):
        other = runner.other_version(0)
        with mock.patch.object(runner, "lab_tests", lambda: []):
            jobs, prepare = runner.all_lab_jobs([], other)
        self.assertEqual([job.name for job in jobs], [f"lab {other[0].name}"])
        with mock.patch.object(runner, "run", lambda *command, **rest: runner.Output()):
            self.assertIn(f"lab build for {other[0].kernel}", [result.name for result in prepare.run()])

    def test_one_that_debian_has_no_more_is_skipped(self):
        said = runner.Output([(0.0, r"lab: trixie-backports has no 7\.2\.\d+\+deb13 (exit 125)")], status=125)
        test = runner.other_version(0)[0]
        usual = [t for t in runner.lab_tests() if t.name == "handshake@1"]
        with mock.patch.object(runner, "run", lambda *command, **rest: said):
            for tests, wanted in (([test], runner.SKIP), (usual, runner.FAIL),
                                  (runner.in_kernel(usual, "pvdbg"), runner.FAIL)):
                self.assertEqual({r.status for t in tests for r in runner.run_lab(t)}, {wanted})
            prepared = [r.status for r in runner.prepare_job([test]).run()]
        self.assertEqual(prepared, [runner.FAIL, runner.SKIP])


class LostGuests(unittest.TestCase):
    """A test whose guest the emulator has lost is run again, twice at most; any other is not."""

    def outcome(self, *ends):
        """How it is judged when its runs end so, how many runs that took, and what is told of them."""
        left = list(ends)

        def run(_command, log, _timeout):
            end = left.pop(0)
            log.write_text(end)
            said = ["lab: the emulated processor lost the guest thing"] if end == "lost" else []
            said += [f"(guest) {'ok' if end == 'well' else 'not ok'} 1 - a thing", "(guest) 1..1"]
            return runner.Output([(0.0, line) for line in said], status=end != "well")

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(runner, "LOGS", Path(folder)), \
                mock.patch.object(runner, "run", run), mock.patch("builtins.print"):
            results = list(runner.run_lab(lab_tests("# lab: --type pvh\n")[0]))
            logs = sorted(file.read_text() for file in Path(folder).iterdir())
        self.assertEqual(logs, sorted(ends[:len(ends) - len(left)]))
        return {r.status for r in results} == {runner.PASS}, len(logs), results[0].again

    def test_it_is_run_again(self):
        told = "times: lab thing: the emulated processor lost the guest thing"
        self.assertEqual(self.outcome("well"), (True, 1, ""))
        self.assertEqual(self.outcome("lost", "well"), (True, 2, f"2 {told}"))
        self.assertEqual(self.outcome("lost", "lost", "well"), (True, 3, f"3 {told}"))

    def test_not_for_ever(self):
        self.assertEqual(self.outcome("lost", "lost", "lost", "well")[:2], (False, 3))

    def test_not_for_anything_else(self):
        self.assertEqual(self.outcome("bad", "well"), (False, 1, ""))
        self.assertEqual(self.outcome("lost", "bad", "well")[:2], (False, 2))


class IsBuilt(unittest.TestCase):
    def test_only_what_is_whole_and_of_this_making(self):
        with tempfile.TemporaryDirectory() as folder:
            store, kernels = Store(Path(folder)), Path(folder, "kernels")
            self.assertFalse(debugkernel.is_built(store, "kasan"))
            (kernels / "source").mkdir(parents=True)
            stamp = kernels / "source/.lab-complete"
            _, recipe = debugkernel._source_here(store)
            stamp.write_text(f"linux-source.deb {recipe}\n")
            self.assertFalse(debugkernel.is_built(store, "kasan"))
            key, _ = debugkernel._source_here(store)
            image = kernels / "kasan/build/arch/x86/boot/bzImage"
            image.parent.mkdir(parents=True)
            image.touch()
            kernel = debugkernel.DEBUG_KERNELS["kasan"]
            facts = {"key": debugkernel._key(kernel, (kernels / "source").resolve(), key),
                     "release": "6.1", "made": "now"}
            (kernels / "kasan/complete").write_text(json.dumps(facts))
            self.assertTrue(debugkernel.is_built(store, "kasan"))
            self.assertFalse(debugkernel.is_built(store, "pvdbg"))
            stamp.write_text("linux-source.deb other\n")
            self.assertFalse(debugkernel.is_built(store, "kasan"))


if __name__ == "__main__":
    unittest.main()
