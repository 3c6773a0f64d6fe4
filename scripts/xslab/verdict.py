# SPDX-License-Identifier: GPL-2.0
"""What a run's exit status is. Pure: facts in, a status and one line out.

The guest's word comes over the console (a record with the run's nonce), the hypervisor's word is the reason it
keeps for the domain's end. A pass needs both, and both must agree: whatever kills a guest changes at least one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TIMEOUT, LAB_BROKE, CRASHED, NOT_LOADED = 124, 125, 123, 122
# Xen's public/sched.h, SHUTDOWN_*.
REASONS = {"0": "poweroff", "1": "reboot", "2": "suspend", "3": "crash", "4": "watchdog", "5": "soft reset"}


@dataclass
class GuestFacts:
    """What is known about one guest."""
    name: str = "guest"
    nonce: str = ""
    started: bool = False  # its init is about to run the command
    status: int | None = None  # what the record says
    damaged: bool = False  # the work did not reach it whole
    reason: str | None = None  # what the hypervisor says; "gone" if the domain was destroyed

    def record(self, text: str) -> None:
        """Take a record from the console; one with another nonce is not ours."""
        words = text.split()
        if text == "- damaged":
            self.damaged = True
        if not words or words[0] != self.nonce:
            return
        if words[1:] == ["start"]:
            self.started = True
        if words[1:2] == ["exit"] and len(words) == 3 and words[2].isdigit():
            self.status = int(words[2])


@dataclass
class RunFacts:
    """What is known about a whole run when it has ended, or when we gave up on it."""
    guest: GuestFacts | None = field(default_factory=GuestFacts)  # None: dom0 drives all
    dom0_status: int | None = None
    before_status: int | None = None
    broken: str = ""  # dom0's own word that it cannot go on
    done: bool = False  # the session came to its end
    timed_out: bool = False  # the command had its time
    stuck: bool = False  # the lab did not get as far as the command
    machine_ended: str = ""  # QEMU went away
    reports: list[list[str]] = field(default_factory=list)  # of debug kernels, each with its lines
    known: list[str] = field(default_factory=list)  # reports that are no failure, by their names in report.py


@dataclass(frozen=True)
class Verdict:
    status: int
    line: str = ""  # one sentence where the status alone does not say it


def guest_verdict(guest: GuestFacts) -> Verdict:
    """For a guest that has ended."""
    reason = REASONS.get(guest.reason or "", guest.reason or "unknown")
    if reason in ("crash", "watchdog"):
        when = "while the command ran" if guest.started and guest.status is None else \
            "after the command ended" if guest.status is not None else "before the command ran"
        return Verdict(CRASHED, f"the guest crashed {when} ({reason})")
    if reason == "poweroff" and guest.status == 0:
        return Verdict(0)
    if reason == "reboot" and guest.status:
        return Verdict(guest.status)
    if guest.damaged:
        return Verdict(LAB_BROKE, "the work did not reach the guest whole")
    if guest.status is not None:
        return Verdict(LAB_BROKE, f"the guest's console says status {guest.status}, the hypervisor says {reason}: "
                                  "they do not agree")
    if guest.started:
        return Verdict(LAB_BROKE, f"the guest went away ({reason}) and no exit status came")
    return Verdict(LAB_BROKE, f"the guest went away ({reason}) before the command ran")


def judge(run: RunFacts) -> Verdict:
    """The exit status of the whole run; a debug kernel's report is as good as a crash."""
    verdict = _judge_end(run)
    if not run.reports:
        return verdict
    more = f" and {len(run.reports) - 1} more" if len(run.reports) > 1 else ""
    return Verdict(CRASHED, f"the guest's kernel reported: {run.reports[0][0]}{more}; the run's end: "
                            f"{verdict.line or f'status {verdict.status}'}")


def _judge_end(run: RunFacts) -> Verdict:
    guest = run.guest
    if guest and guest.reason is not None and not run.broken:
        verdict = guest_verdict(guest)
        # A crashed or failed guest is the answer, whatever came after it.
        if verdict.status or run.done:
            return _with_dom0(verdict, run)
    if run.broken:
        return Verdict(LAB_BROKE, run.broken)
    if run.before_status:
        return Verdict(run.before_status, f"the --dom0-before command ended with status {run.before_status}; "
                                          "no guest was made")
    if run.timed_out:
        return Verdict(TIMEOUT, "the command ran out of time")
    if run.stuck:
        return Verdict(LAB_BROKE, "no progress before the command ran")
    if run.machine_ended:
        return Verdict(LAB_BROKE, f"the machine went away ({run.machine_ended})")
    if guest is None and run.done and run.dom0_status is not None:
        return _with_dom0(Verdict(0), run)
    return Verdict(LAB_BROKE, "the run ended and no verdict came")


def _with_dom0(verdict: Verdict, run: RunFacts) -> Verdict:
    """dom0's command counts when the guest had nothing to complain about."""
    if verdict.status == 0 and run.dom0_status:
        return Verdict(run.dom0_status, f"the dom0 command ended with status {run.dom0_status}")
    return verdict
