"""lab run: from a wish to an exit status."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from . import build, images, machine, payload
from .output import Output, new_run_dir
from .packages import Store
from .paths import LabError, say
from .payload import Wish
from .session import Limits, Session
from .verdict import LAB_BROKE, RunFacts, TIMEOUT, Verdict, judge

# Counted instructions take about twice the time, and nothing else may be lost to impatience.
ICOUNT_SLOWER = 3


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


def run(store: Store, source: Path, wish: Wish, manner: Manner) -> int:
    """Build, boot, run, judge."""
    hvm = wish.type == "hvm"
    built = build.build(store, wish.kernel, source)
    image = images.prepare(store, wish.kernel, hvm)
    machine.warn_of_new_qemu(machine.qemu_version(), wish.type)
    where = new_run_dir()
    out = Output(where, manner.quiet, manner.verbose, manner.events)
    try:
        facts, step = _boot_cold(store, image, built, wish, manner, where, out)
        verdict = judge(facts)
        _explain(verdict, facts, step, where, out)
        if manner.show_logs:
            say(f"logs: {where}")
        return verdict.status
    finally:
        out.close()


def _boot_cold(store: Store, image: images.Images, built: build.Built, wish: Wish, manner: Manner,
               where: Path, out: Output) -> tuple[RunFacts, str]:
    """Boot afresh, with the work in dom0's initramfs."""
    tree = payload.dom0_tree(wish, store, {**built.modules, **built.programs}, secrets.token_hex(6))
    initrd = where / "initrd"
    initrd.write_bytes(image.dom0.read_bytes() + tree.cpio())
    shape = machine.Shape.of(wish.type == "hvm", wish.memory, wish.icount, wish.store)
    try:
        with machine.Machine(shape, where / "qemu.log") as vm:
            vm.start(shape.boot_arguments(image, initrd, waiting=False))
            session = Session(vm, out, _limits(wish, manner), first_guest=wish.command is not None)
            return session.run(), session.step
    finally:
        initrd.unlink(missing_ok=True)


def _limits(wish: Wish, manner: Manner) -> Limits:
    slower = ICOUNT_SLOWER if wish.icount else 1
    return Limits(command=manner.timeout, boot=manner.boot_timeout * slower)


def _explain(verdict: Verdict, facts: RunFacts, step: str, where: Path, out: Output) -> None:
    """One line for whatever the command's own status does not say, and the guest's last words."""
    if facts.dom0_status and verdict.status != facts.dom0_status:
        say(f"the dom0 command ended with status {facts.dom0_status}")
    if not verdict.line:
        return
    if verdict.status in (TIMEOUT, LAB_BROKE) or "crash" in verdict.line:
        for line in out.last_lines:
            say(f"  | {line}")
    say(f"{verdict.line} (exit {verdict.status}; it stood at: {step}; log: {where})")
