# SPDX-License-Identifier: GPL-2.0
"""The rows of `make bench`: what each is called, and how it may compare with another."""

from __future__ import annotations

from dataclasses import dataclass

# Who is measured, in the order of the table's columns.
SIDES = {
    "kernel": "kernel's xenbus",
    "xs": "xsfront",
    "floor": "barest loop",
    "share": "xsfront, share",
    "kernel-share": "kernel, share",
}


@dataclass(frozen=True)
class Figure:
    """One number of the table: "total" (all that runs in the machine) or "guest" (its vCPU alone)."""
    row: str
    side: str
    clock: str = "total"

    def __str__(self) -> str:
        return f"{self.row} {self.side}" + ("" if self.clock == "total" else f" ({self.clock}'s share)")


@dataclass(frozen=True)
class Bound:
    """`of` may be at most `most` times `by`; without `by`, at most `most`."""
    of: Figure
    by: Figure | None
    most: float


@dataclass(frozen=True)
class Row:
    name: str
    title: str


# Counted on this machine, without a guest (userspace.py).
USER_SPACE = "messages"

ROWS = [Row(*words) for words in (
    ("read", "read, 16 bytes"),
    ("read-16", "16 reads at once, each"),
    ("read-32", "32 reads at once, each"),
    ("threads-16", "16 threads, one read each"),
    ("write", "write, 16 bytes"),
    ("write-2k", "write, 1900 bytes"),
    ("directory", "directory of 100 names"),
    ("transaction", "transaction of 3 writes"),
    ("watch-set", "watch: set, first event, end"),
    ("watches-20", "20 watches at once, each"),
    ("watches-120", "120 watches at once, each"),
    ("watch-event", "write, its event seen"),
    ("node-read", "read by libxenstore, device node"),
    ("test-xenstore", "test-xenstore -i 200, all of it"),
    ("setup", "device, until both ends are Connected"),
    ("setup-trips", "device, sequential round trips in it"),
    ("setup-50", "50 devices at once, each"),
    ("setup-100", "100 devices at once, each"),
    ("echo-64", "echo of 64 bytes"),
    ("echo-64-32", "echo of 64 bytes, 32 on their way"),
    ("echo-4k", "echo of 4 KiB"),
    ("echo-4k-32", "echo of 4 KiB, 32 on their way"),
    ("insmod", "insmod xsfront.ko to its first reply"),
)]


def _against(row: str, most: float, side: str = "xs", clock: str = "total", base: str = "") -> Bound:
    return Bound(Figure(row, side, clock), Figure(base or row, "kernel", clock), most)


BOUNDS = [
    _against("read", 0.83),
    Bound(Figure("read", "xs"), Figure("read", "floor"), 1.03),
    _against("read", 0.66, clock="guest"),
    _against("read-16", 0.37, base="read"),
    _against("read-32", 0.28, base="read"),
    _against("threads-16", 0.85),
    _against("transaction", 0.65),
    _against("node-read", 0.88),
    _against("setup", 0.60),
    _against("setup", 0.60, clock="guest"),
    Bound(Figure("setup-trips", "xs"), None, 10),
    _against("read", 1.10, side="kernel-share"),
]
