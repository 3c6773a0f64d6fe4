# SPDX-License-Identifier: GPL-2.0
"""Takes a guest's console apart again: the command's output, the lab's records, the kernel's own lines.

labexec.c says how records look. Everything outside a record is the kernel's. A kernel line may land in the
middle of a record (both go to one console); a record itself never holds a newline, so it can be taken out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

START, END, ESCAPE = b"\x01", b"\x02", b"\x10"
ESCAPED = {b"A": b"\x01", b"B": b"\x02", b"P": b"\x10", b"N": b"\n", b"R": b"\r"}
KERNEL_LINE = re.compile(rb"\[ *\d+\.\d{6}\] ")
# A console that lost an end mark must not eat all that follows.
LONGEST_RECORD = 16384


@dataclass(frozen=True)
class Piece:
    """One thing the console said: kind is "out" (bytes of the command), "record" (of the lab), "kernel" (a line)."""
    kind: str
    data: bytes


def unescape(data: bytes) -> bytes:
    return re.sub(rb"\x10([ABPNR])", lambda found: ESCAPED[found.group(1)], data)


class ConsoleParser:
    """Feed it bytes in any split; it gives the pieces that are complete."""

    def __init__(self) -> None:
        self._text = b""
        self._in_record = False

    def feed(self, data: bytes) -> list[Piece]:
        self._text += data
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        return pieces

    def finish(self) -> list[Piece]:
        """What is left when the console is closed."""
        rest, self._text = self._text, b""
        if not rest:
            return []
        if self._in_record and rest[:1] == b"o":
            return [Piece("out", unescape(rest[1:]))]
        return [Piece("kernel", rest)]

    def _step(self, pieces: list[Piece]) -> bool:
        return self._step_record(pieces) if self._in_record else self._step_kernel(pieces)

    def _step_kernel(self, pieces: list[Piece]) -> bool:
        newline, start = self._text.find(b"\n"), self._text.find(START)
        if start >= 0 and (newline < 0 or start < newline):
            self._kernel(self._text[:start], pieces)
            self._text, self._in_record = self._text[start + 1:], True
            return True
        if newline < 0:
            return False
        self._kernel(self._text[:newline], pieces)
        self._text = self._text[newline + 1:]
        return True

    @staticmethod
    def _kernel(line: bytes, pieces: list[Piece]) -> None:
        line = line.rstrip(b"\r")
        if line:
            pieces.append(Piece("kernel", line))

    def _step_record(self, pieces: list[Piece]) -> bool:
        newline, end = self._text.find(b"\n"), self._text.find(END)
        if newline >= 0 and (end < 0 or newline < end):
            # A kernel line came in between: it reaches from its time stamp to the newline.
            inside = self._text[:newline]
            stamps = list(KERNEL_LINE.finditer(inside))
            at = stamps[-1].start() if stamps else len(inside)
            self._kernel(inside[at:], pieces)
            self._text = inside[:at].rstrip(b"\r") + self._text[newline + 1:]
            return True
        if end < 0:
            if len(self._text) <= LONGEST_RECORD:
                return False
            end = LONGEST_RECORD
        body, self._text = self._text[:end], self._text[end + 1:]
        self._in_record = False
        if body[:1] == b"o":
            pieces.append(Piece("out", unescape(body[1:])))
        elif body[:1] == b"c":
            pieces.append(Piece("record", body[1:]))
        else:
            pieces.append(Piece("kernel", body))
        return True


class LineMaker:
    """Cuts a stream of bytes into lines; what is left at the end is a line, too."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        return [line.rstrip(b"\r").decode("utf-8", "replace") for line in lines]

    def finish(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [rest.rstrip(b"\r").decode("utf-8", "replace")] if rest else []
