# SPDX-License-Identifier: GPL-2.0
"""The shared libraries that a program needs, found by reading ELF files: nothing is run, no tool is needed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 1, 5, 15, 29
HOST_LIBRARY_DIRS = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64",
                     "/usr/local/lib", "/lib", "/usr/lib"]


class NotElf(Exception):
    """The file is no 64-bit little-endian ELF."""


@dataclass(frozen=True)
class Needs:
    """What a dynamic program asks for."""
    interpreter: str
    libraries: list[str]
    runpath: list[str]


def read_needs(path: Path) -> Needs:
    """DT_NEEDED, the interpreter and the run path of an ELF file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise NotElf(str(path))
    try:
        return _parse(data)
    except (struct.error, IndexError, ValueError, OverflowError, StopIteration) as error:
        raise NotElf(f"{path}: {error}") from error


def _text(data: bytes, offset: int) -> str:
    return data[offset:data.index(b"\0", offset)].decode("utf-8", "replace")


def _parse(data: bytes) -> Needs:
    offset, = struct.unpack_from("<Q", data, 32)
    entry_size, count = struct.unpack_from("<HH", data, 54)
    segments = []
    for index in range(count):
        kind, _flags, start, address, _physical, size = struct.unpack_from("<IIQQQQ", data, offset + index * entry_size)
        segments.append((kind, start, address, size))
    interpreter, needed, runpath = "", [], []
    for kind, start, _address, size in segments:
        if kind == PT_INTERP:
            interpreter = _text(data, start)
        if kind != PT_DYNAMIC:
            continue
        entries = []
        for place in range(start, start + size, 16):
            tag, value = struct.unpack_from("<qQ", data, place)
            if tag == DT_NULL:
                break
            entries.append((tag, value))
        strings = next((value for tag, value in entries if tag == DT_STRTAB), None)
        if strings is None:
            continue
        # The table is named by its address in memory; a loaded segment says where that lies in the file.
        base = next(strings - a + s for k, s, a, n in segments if k == PT_LOAD and a <= strings < a + n)
        needed = [_text(data, base + value) for tag, value in entries if tag == DT_NEEDED]
        for tag, value in entries:
            if tag in (DT_RPATH, DT_RUNPATH):
                runpath += _text(data, base + value).split(":")
    return Needs(interpreter, needed, runpath)


def is_elf(path: Path) -> bool:
    with open(path, "rb") as handle:
        return handle.read(4) == b"\x7fELF"


def closure(programs: Iterable[Path], search: Iterable[Path]) -> tuple[dict[str, Path], list[str]]:
    """All libraries (by the name they are asked for) that programs need, and the names not found.

    The interpreter is among them, under its own base name.
    """
    places = list(search)
    found: dict[str, Path] = {}
    missing: list[str] = []
    queue = [(program, program.parent) for program in programs]
    while queue:
        program, origin = queue.pop(0)
        try:
            needs = read_needs(program)
        except NotElf:
            continue
        names = list(needs.libraries)
        if needs.interpreter:
            names.append(needs.interpreter.rsplit("/", 1)[-1])
        own = [Path(p.replace("$ORIGIN", str(origin)).replace("${ORIGIN}", str(origin))) for p in needs.runpath]
        for name in names:
            if name in found or name in missing:
                continue
            place = next((p / name for p in own + places if (p / name).exists()), None)
            if place is None:
                missing.append(name)
            else:
                found[name] = place
                queue.append((place, place.parent))
    return found, missing
