# SPDX-License-Identifier: GPL-2.0
"""Finds what decides over a run among the lines that a kernel or Xen prints.

Lockdep, kmemleak, SLUB and others only print, and the guest goes on: without a look at its console a run would pass.
And the emulated processor loses a guest now and then, which is no fault of what ran in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

STAMP = re.compile(r"^\[ *\d+\.\d{6}\] ?")
BEGINS = re.compile(
    r"^(WARNING: |BUG: |BUG [\w-]+ \(|\[ BUG: |UBSAN: |ODEBUG: |Oops|Kernel panic|general protection|kernel BUG"
    r"|INFO: (possible|task .* blocked|trying to register|Object 0x|Slab 0x)"
    r"|kmemleak: \d+ new suspected|(DEBUG_)?LOCKS_WARN_ON|refcount_t: |list_(add|del) corruption|BUG kmalloc)")
# KASAN and KCSAN frame what they say; of others the end is not marked. Lockdep's are the longest.
FRAME = re.compile(r"^={20,}$")
LONGEST = 250
# What else stands in a report and looks like the beginning of one.
WITHIN = re.compile(r"^INFO: (Object 0x|Slab 0x)")
# Of KCSAN's: what stands over the stack of each access, and how many frames of it say whose it was.
ACCESS = re.compile(r"BUG: KCSAN: |(read|write|assert) .*to 0x|race at unknown origin| \+-> reordered to: ")
ACCESS_FRAMES = 3
# In a stack trace: a function of a module. The kernel's own modules for Xen are named xen…
MODULE = re.compile(r"\[(?!xen)[a-z]\w*( [\w ]+)?\]$")


@dataclass(frozen=True)
class Known:
    """A report that is the kernel's own, or the emulator's: not a failure, but told each time.

    Each of `parts` is in its lines, and no module of ours is, but where it is `shared`. Of leaks each object has to
    have them all.
    """
    name: str
    title: str
    parts: tuple[str, ...]
    shared: bool = False


KNOWN = (
    # QEMU's SVM delivers an interrupt to a PVH guest whose flags say that it wants none (IF is off in the report's own
    # registers): the timer's handler runs inside the update of the time.
    Known("an interrupt while interrupts are off", r"^WARNING: possible circular locking dependency",
          (r"is trying to acquire lock:$", r"\(hrtimer_bases\.lock\).*, at: hrtimer_interrupt\+",
           r"lock\(tk_core\.seq\.seqcount\);$", r"^RIP: 0010:timekeeping_update\+",
           r"EFLAGS: 00000[014589cd][0-9a-f]{2}$")),
    # Around a suspension xs_suspend() keeps watches from being set, then replies from coming; who writes to
    # /dev/xen/xenbus keeps the latter's lock from its thread while a watch is set. Seen in guests that are saved.
    Known("the kernel's xenbus takes its own locks in a ring", r"^WARNING: possible circular locking dependency",
          (r"is trying to acquire lock:$", r"\(xs_watch_rwsem\).*, at: register_xenbus_watch\+",
           r"\(&u->msgbuffer_mutex\).*, at: xenbus_file_write\+", r"^ +xs_suspend\+", r"^ +xenbus_dev_queue_reply\+")),
    # Where the kernel has no memory for a class, class_create() of 6.1 forgets to free its name.
    Known("a class's name leaks where its kobject had no memory", r"^kmemleak: \d+ new suspected",
          (r"kobject_set_name\+0x", r"__class_register\+0x", r"__class_create\+0x",
           r"78 73 65 63 68 6f 00 .. +xsecho")),
    # In a share we are the other end of the kernel's ring, whose words its xenbus reads and writes plainly, between
    # barriers; ours is the access that is marked. With a store in another domain nobody sees that race.
    Known("the kernel's xenbus writes a word of its ring plainly", r"KCSAN: data-race in "
          r"(xenbus_thread / xs_ring_\w+ \[xsfront\]|xs_ring_\w+ \[xsfront\] / xenbus_thread)$",
          (r"^(read|write) \(marked\) to 0x[0-9a-f]+ of 4 bytes by", r"^(read|write) to 0x[0-9a-f]+ of 4 bytes by"),
          shared=True),
)


@dataclass
class Report:
    """One report: its first line says what."""
    lines: list[str] = field(default_factory=list)

    title = property(lambda self: self.lines[0])

    def known(self) -> str:
        """The name under which it is known, or nothing. What has another report in it is not."""
        others = [line for line in self.lines[1:] if BEGINS.search(line) and not WITHIN.search(line)]
        if others:
            return ""
        ours = any(MODULE.search(line) for line in self.lines)
        for known in (known for known in KNOWN if known.shared or not ours):
            if re.search(known.title, self.title) and \
                    all(any(re.search(part, line) for line in piece) for piece in self._pieces()
                        for part in known.parts):
                return known.name
        return ""

    def _pieces(self) -> list[list[str]]:
        """The whole; of leaks, each object, and nothing for those that were left out of the list."""
        leaks = re.match(r"kmemleak: (\d+) new", self.title)
        if not leaks:
            return [self.lines]
        begins = [at for at, line in enumerate(self.lines) if "unreferenced object" in line]
        pieces = [self.lines[at:end] for at, end in zip(begins, [*begins[1:], len(self.lines)])]
        return pieces + [[]] * (int(leaks[1]) - len(pieces))

    def counts(self) -> bool:
        """KCSAN tells of every race in the kernel; only those in modules are the project's.

        That a module stands deep in a stack says nothing: it was interrupted, or has woken somebody up. It is the
        module's race when it has made the access, or the function that did was called for it.
        """
        return "KCSAN: " not in self.title or any(
            MODULE.search(line) for at, top in enumerate(self.lines) if ACCESS.match(top)
            for line in self.lines[at:at + ACCESS_FRAMES + 1])


class ReportFinder:
    """Feed it the kernel lines of one console; `reports` has those that count, `known` the names of those known."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.known: list[str] = []
        self._open: Report | None = None

    def feed(self, line: str) -> None:
        text = STAMP.sub("", line.rstrip())
        if self._open is None:
            if BEGINS.search(text):
                self._open = Report([text])
            return
        framed = re.match(r"BUG: K[AC]SAN: ", self._open.title)
        if (framed and FRAME.match(text)) or len(self._open.lines) >= LONGEST:
            self.finish()
            return
        if re.match(r"BUG: KCSAN: ", text):
            self.finish()
            self._open = Report([text])
            return
        self._open.lines.append(text)

    def finish(self) -> None:
        """No more lines: what is open is a report."""
        name = self._open.known() if self._open else ""
        if name:
            self.known.append(name)
        elif self._open and self._open.counts():
            self.reports.append(self._open)
        self._open = None


class LostGuestFinder:
    """Feed it Xen's lines. QEMU's SVM (seen with 7.2, once in some forty PVH guests) enters a guest with Xen's own
    registers in place of the guest's; its first instruction is a triple fault. Nothing that runs in a guest can load
    Xen's code selector, so this cannot hide a fault of a guest's own. Much more seldom the registers are the guest's,
    of a guest that boots or does nothing; by that alone it cannot be told from a fault of its own."""

    FAULT = re.compile(r"\b(d\d+)v\d+ Triple fault")
    XEN_CODE = re.compile(r"\bRIP:\s+e008:")
    CODE = re.compile(r"\bRIP:\s+[0-9a-f]{4}:")
    DUMP = 10   # RIP is among the first lines of the dump that follows

    def __init__(self) -> None:
        self._domain, self._left = "", 0

    def feed(self, line: str) -> str:
        """What has become of a domain, once that is known; else nothing."""
        if fault := self.FAULT.search(line):
            self._domain, self._left = fault[1], self.DUMP
        elif self._left:
            self._left -= 1
            if self.CODE.search(line):
                self._left = 0
                return (f"the emulated processor lost {self._domain}: it entered it with Xen's registers"
                        if self.XEN_CODE.search(line) else f"{self._domain} ended with a triple fault in its own code")
        return ""
