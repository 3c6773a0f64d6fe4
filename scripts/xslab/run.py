# SPDX-License-Identifier: GPL-2.0
"""lab run: from a wish to an exit status."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from . import arm64, build, debugkernel, extras, images, machine, payload, snapshot
from .cpio import FileTree
from .output import Output, new_run_dir
from .packages import Store
from .paths import LabError, SnapshotError, digest, say
from .payload import Wish
from .session import Limits, Session
from .verdict import CRASHED, LAB_BROKE, RunFacts, TIMEOUT, Verdict, judge

# Counted instructions take about twice the time, and nothing else may be lost to impatience.
ICOUNT_SLOWER = 3
# Devices act in the instruction that writes to them, and not when a thread of the host's comes to it.
AT_ONCE = ["-global", "virtio-serial-pci.ioeventfd=off"]
SETTLE = 0.5  # seconds for a machine that waits to come to rest before it is saved
SHOWN = 90  # lines of a debug kernel's report
PATIENCE = 30  # seconds for a restored dom0 to answer
DEATH = re.compile(
    r"\] (BUG: |WARNING: |Oops|Kernel panic|general protection|Unable to handle|kernel BUG)|Internal error")


@dataclass
class Manner:
    """How to run and what to show, apart from what is run."""
    timeout: float = 120
    boot_timeout: float = 240
    cold: bool = False
    quiet: bool = False
    verbose: bool = False
    events: str | None = None
    show_logs: bool = False


class Runner:
    """One run, with all that its steps share."""

    def __init__(self, store: Store, source: Path, wish: Wish, manner: Manner) -> None:
        self.store, self.wish, self.manner = store, wish, manner
        self.foreign = store.platform.foreign
        make_shape = arm64.Shape.of if self.foreign else machine.Shape.of
        self.shape = make_shape(wish.type == "hvm", wish.memory, wish.icount, wish.store, wish.saved)
        self.qemu = "" if self.foreign else machine.qemu_version()
        self.debug = debugkernel.DEBUG_KERNELS.get(wish.kernel)
        built = build.build(store, wish.kernel, source)
        self.files = {**built.modules, **built.programs}
        for folder in wish.modules:
            self.files |= built.on_request[folder]
        dom0_kernel = store.platform.dom0
        stock = built if dom0_kernel == wish.kernel else build.build(store, dom0_kernel, source)
        self.dom0_files = {**stock.modules, **stock.programs}
        if self.foreign:
            self.image = arm64.prepare(store, wish.kernel)
        else:
            self.image = images.prepare(store, wish.kernel, wish.type == "hvm")
        machine.warn_of_new_qemu(self.qemu, wish.type)
        self.where = new_run_dir()
        self.out = Output(self.where, manner.quiet, manner.verbose, manner.events)
        self.step = ""

    def run(self) -> int:
        """Boot or restore, judge, explain."""
        try:
            facts = None
            # A restored machine gets its work at no fixed instruction: where those are counted, always boot.
            never = self.wish.icount or self.foreign or (self.debug and not self.debug.waits)
            if not (self.manner.cold or never):
                facts = self._warm()
            if facts is None:
                facts = self._cold()
            verdict = judge(facts)
            _explain(verdict, facts, self.step, self.where, self.out)
            if self.manner.show_logs:
                say(f"logs: {self.where}")
            return verdict.status
        finally:
            self.out.close()

    def _work(self, warm: bool) -> FileTree:
        # Where instructions are counted the same work has the same nonce: its bytes count, too.
        nonce = digest([repr(self.wish)])[:12] if self.wish.icount else secrets.token_hex(6)
        return payload.dom0_tree(self.wish, self.store, self.files, self.dom0_files, nonce,
                                 self.image.present(), warm)

    def _session(self, vm: machine.Machine) -> Session:
        slower = ICOUNT_SLOWER if self.wish.icount else 1
        patience = self.store.platform.slower * (self.debug.slower if self.debug else 1)
        limits = Limits(command=self.manner.timeout * patience, boot=self.manner.boot_timeout * slower * patience)
        return Session(vm, self.out, limits, first_guest=self.wish.command is not None, reports=self.debug is not None)

    def _boot(self, vm: machine.Machine, tree: FileTree, waiting: bool) -> None:
        """Start the machine afresh, with a tree of files in dom0's initramfs."""
        files = {name: self.where / name for name in machine.BOOT_FILES}
        for name, made in (("xen", self.image.xen), ("vmlinux", self.image.vmlinux)):
            files[name].unlink(missing_ok=True)
            files[name].symlink_to(made)
        files["initrd"].write_bytes(self.image.dom0.read_bytes() + tree.cpio())
        vm.start([*self.shape.boot_arguments(waiting), *(AT_ONCE if self.wish.icount else [])])

    def _cold(self) -> RunFacts:
        with machine.Machine(self.shape, self.where / "qemu.log") as vm:
            try:
                self._boot(vm, self._work(warm=False), waiting=False)
                session = self._session(vm)
                return session.run()
            finally:
                self.step = session.step
                (self.where / "initrd").unlink(missing_ok=True)

    def _warm(self) -> RunFacts | None:
        """From a snapshot, made now if there is none; None if that cannot be had."""
        wish = self.wish
        # What --dom0-before does may matter to the guest's making; and where dom0 drives, it makes its guests.
        waiting_guest = wish.command is not None and wish.before is None
        config = None
        if waiting_guest:
            config = [wish.type, str(wish.memory), str(wish.vcpus), wish.guest_cmdline(waiting=True), *wish.guest_conf,
                      *extras.keys(self.store, wish.extras)]
        place = snapshot.place(self.store.cache, self.shape, self.image.key, self.qemu, config)
        try:
            for _ in range(2):
                if not place.exists():
                    self._make(place, waiting_guest)
                facts = self._from(place)
                if facts:
                    return facts
        except SnapshotError as error:
            say(str(error))
        say("no snapshot can be had; booting afresh")
        return None

    def _make(self, place: snapshot.Snapshot, waiting_guest: bool) -> None:
        with snapshot.in_making(place) as mine:
            if not mine:
                return
            say(f"booting {'dom0 and a waiting guest' if waiting_guest else 'dom0'} for a snapshot (once)")
            why = self._boot_and_save(place, waiting_guest)
            if why and self.step == "guest boots":
                # Nothing of a run's is in that guest yet: the emulator has lost it.
                say(f"{why}; it stood at: {self.step}; once more")
                why = self._boot_and_save(place, waiting_guest)
            if why:
                raise LabError(f"no snapshot: {why}; it stood at: {self.step}; log: {self.where}")
            snapshot.make_room(self.store.cache, place)

    def _boot_and_save(self, place: snapshot.Snapshot, waiting_guest: bool) -> str:
        """One try at a snapshot; gives why there is none."""
        with machine.Machine(self.shape, self.where / "qemu-snapshot.log") as vm:
            stage = payload.stage_tree(self.wish, waiting_guest, self.store, self.image.present())
            self._boot(vm, stage, waiting=True)
            session = self._session(vm)
            facts = session.run(until_waiting=True)
            (self.where / "initrd").unlink(missing_ok=True)
            self.step = session.step
            if not session.waiting:
                return facts.broken or facts.machine_ended or "no progress"
            time.sleep(SETTLE)
            snapshot.save(vm, place, " ".join([self.wish.type, self.wish.store]))
            return ""

    def _from(self, place: snapshot.Snapshot) -> RunFacts | None:
        """A run from a snapshot; None if that was of no use, and then it is gone."""
        work = self._work(warm=True).tar()
        with machine.Machine(self.shape, self.where / "qemu.log") as vm:
            try:
                snapshot.restore(vm, place)
                session = self._session(vm)
                if not session.hand_over(work, PATIENCE):
                    raise SnapshotError("the snapshot does not come to life")
            except SnapshotError as error:
                say(f"{error}; making it anew")
                place.forget()
                return None
            facts = session.run()
            self.step = session.step
            return facts


def last_words(lines: list[str]) -> list[str]:
    """The end of a guest's console; where it died, from the first line that says why."""
    for number, line in enumerate(lines):
        if DEATH.search(line):
            return lines[number:number + 16]
    return lines[-10:]


def _explain(verdict: Verdict, facts: RunFacts, step: str, where: Path, out: Output) -> None:
    """One line for whatever the command's own status does not say, and the guest's last words."""
    if facts.dom0_status and verdict.status != facts.dom0_status:
        say(f"the dom0 command ended with status {facts.dom0_status}")
    for name in dict.fromkeys(facts.known):
        say(f"a known report, {facts.known.count(name)} times: {name}; lockdep may be off since")
    if not verdict.line:
        return
    if facts.reports:
        for line in [line for report in facts.reports for line in report[:SHOWN]]:
            say(f"  | {line}")
    elif verdict.status in (TIMEOUT, LAB_BROKE, CRASHED):
        for line in last_words(list(out.last_lines)):
            say(f"  | {line}")
    say(f"{verdict.line} (exit {verdict.status}; it stood at: {step}; log: {where})")
