# SPDX-License-Identifier: GPL-2.0
"""One run's conversation with the machine: reads all channels, keeps the facts, watches the clock."""

from __future__ import annotations

import re
import selectors
import time
from dataclasses import dataclass, field

from .console import ConsoleParser, LineMaker, Piece
from .machine import Machine
from .output import Output
from .paths import say
from .report import LostGuestFinder, ReportFinder
from .verdict import GuestFacts, RunFacts

KMSG = re.compile(r"^\d+,\d+,(\d+),[^;]*;(.*)$")


@dataclass
class Limits:
    """Seconds; the boot's are for a machine that does other things too."""
    command: float
    boot: float = 240.0


@dataclass
class Guest:
    """A guest's console: which it is, and its text taken apart."""
    facts: GuestFacts
    parser: ConsoleParser = field(default_factory=ConsoleParser)
    finder: ReportFinder = field(default_factory=ReportFinder)


class Session:
    """Feeds on the channels until the session in dom0 is done, or until there is nothing more to wait for."""

    def __init__(self, machine: Machine, out: Output, limits: Limits, first_guest: bool,
                 reports: bool = False) -> None:
        self.machine, self.out, self.limits = machine, out, limits
        self._look_for_reports = reports
        self._lost_guest = LostGuestFinder()
        self.facts = RunFacts(guest=GuestFacts() if first_guest else None)
        self.step = "Xen boots"
        self.waiting = False
        self.accepted = False
        self._guests: dict[str, Guest] = {}
        self._slots: dict[str, Guest] = {}
        self._lines: dict[str, LineMaker] = {name: LineMaker() for name in ("control", "kmsg", "xen")}
        self._command_since: float | None = None
        self._began = time.monotonic()
        self._selector = selectors.DefaultSelector()
        for name, end in machine.channels.items():
            if name != "monitor":
                self._selector.register(end, selectors.EVENT_READ, name)

    def run(self, until_waiting: bool = False) -> RunFacts:
        """Until the session ends (or, for a snapshot, until all wait for work)."""
        began = time.monotonic()
        while not self.facts.done and not (until_waiting and self.waiting):
            now = time.monotonic()
            if self._command_since is not None and now - self._command_since > self.limits.command:
                self.facts.timed_out = True
                break
            if self._command_since is None and now - began > self.limits.boot:
                self.facts.stuck = True
                break
            if not self._pump(0.2):
                break
            if self.facts.broken:
                self._pump(0.2)
                break
        for _ in range(3):  # what was written before the end is in the sockets already
            self._pump(0)
        for name, guest in self._slots.items():
            self._pieces(guest, guest.parser.finish())
        self.out.finish()
        if self._look_for_reports:
            self._collect_reports()
        return self.facts

    def _collect_reports(self) -> None:
        """What debug kernels complained about, on the consoles of all guests."""
        for guest in self._guests.values():
            guest.finder.finish()
            self.facts.reports += [report.lines for report in guest.finder.reports]
            self.facts.known += guest.finder.known

    def hand_over(self, data: bytes, patience: float) -> bool:
        """Give a restored dom0 its work; false if it does not take it."""
        self.step = "the snapshot is restored"
        try:
            self._send(b"payload %d\n" % len(data) + data)
        except OSError:
            return False
        until = time.monotonic() + patience
        while not self.accepted and time.monotonic() < until and self._pump(0.1):
            pass
        return self.accepted

    def _send(self, data: bytes) -> None:
        end = self.machine.channels["control"]
        end.setblocking(True)
        end.settimeout(60)
        end.sendall(data)
        end.setblocking(False)

    def _pump(self, wait: float) -> bool:
        """Read what is there; the control channel first, since it announces what the others carry."""
        ready = {key.data: key.fileobj for key, _ in self._selector.select(wait)}
        for name in sorted(ready, key=lambda n: n != "control"):
            try:
                data = ready[name].recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                self._selector.unregister(ready[name])
                if name == "control" and not self.facts.done:
                    self.facts.machine_ended = self.machine.how_it_ended()
                    return False
                continue
            self._take(name, data)
        return True

    def _take(self, name: str, data: bytes) -> None:
        if name == "control":
            for line in self._lines[name].feed(data):
                self._note(line)
                self._control(line)
        elif name == "dom0":
            self.out.command_output("dom0", data, alone=self.facts.guest is None)
        elif name == "kmsg":
            for line in self._lines[name].feed(data):
                self._dom0_kernel(line)
        elif name == "xen":
            for line in self._lines[name].feed(data):
                self._serial(line)
        elif name in self._slots:
            guest = self._slots[name]
            self._pieces(guest, guest.parser.feed(data))

    def _control(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "step":
            self.step = rest
        elif word == "waiting":
            self.waiting = not self.facts.broken
        elif word == "accepted":
            self.accepted = True
            self.step = "dom0 has the work"
        elif word == "guest":
            self._new_guest(*rest.split())
        elif word == "ended":
            name, _, reason = rest.partition(" ")
            if name in self._guests:
                self._guests[name].facts.reason = reason
        elif word == "broken":
            self.facts.broken = self.facts.broken or rest
        elif word == "before-exit":
            self.facts.before_status = int(rest)
        elif word == "dom0-exit":
            self.facts.dom0_status = int(rest)
        elif word == "run":
            # dom0 drives all: its command's time begins
            self.step = "the dom0 command runs"
            self._command_since = time.monotonic()
        elif word == "done":
            self.facts.done = True

    def _note(self, text: str) -> None:
        """For the log: what happened when, in seconds since this conversation began."""
        self.out.log("control.log", f"{time.monotonic() - self._began:8.2f} {text}\n".encode())

    def _new_guest(self, name: str, _domid: str, slot: str, nonce: str) -> None:
        if name == "guest" and self.facts.guest is not None and "guest" not in self._guests:
            facts = self.facts.guest
            self.out.guest_boots()
        else:
            facts = GuestFacts(name)
        facts.name, facts.nonce = name, nonce
        guest = Guest(facts)
        self._guests[name] = self._slots[f"console{int(slot) - 4}"] = guest
        self.step = f"{name} boots"

    def _pieces(self, guest: Guest, pieces: list[Piece]) -> None:
        name = guest.facts.name
        for piece in pieces:
            if piece.kind == "out":
                self.out.log(f"{name}.console", piece.data)
                self.out.command_output(name, piece.data, alone=guest.facts is self.facts.guest)
            elif piece.kind == "record":
                self._record(guest, piece.data.decode("utf-8", "replace"))
            else:
                text = piece.data.decode("utf-8", "replace")
                self.out.log(f"{name}.console", piece.data + b"\n")
                self.out.other_line(name, "kmsg", text)
                guest.finder.feed(text)

    def _record(self, guest: Guest, text: str) -> None:
        self._note(f"[{guest.facts.name}] {text}")
        guest.facts.record(text)
        if guest.facts is not self.facts.guest:
            return
        if guest.facts.started and self._command_since is None:
            self.step = "the command runs"
            self._command_since = time.monotonic()
        if guest.facts.status is not None:
            self.step = "the command has ended, the guest powers off"

    def _dom0_kernel(self, line: str) -> None:
        self.out.log("dom0.kmsg", line.encode() + b"\n")
        found = KMSG.match(line)
        # Its boot is no news; what it says once guests come and go is.
        if found and self._guests:
            self.out.other_line("dom0", "kmsg", f"[{int(found.group(1)) / 1e6:12.6f}] {found.group(2)}")

    def _serial(self, line: str) -> None:
        if line.startswith("(XEN)"):
            self.out.log("xen.log", line.encode() + b"\n")
            if self._guests:
                self.out.other_line("xen", "out", line.removeprefix("(XEN)").strip())
            if lost := self._lost_guest.feed(line):
                say(lost)
        else:
            self.out.log("dom0.console", line.encode() + b"\n")
            if "Kernel panic" in line or "lab:" in line:
                self.out.other_line("dom0", "kmsg", line, show=True)
                if "Kernel panic" in line:
                    self.facts.broken = f"dom0 died: {line.strip()}"
