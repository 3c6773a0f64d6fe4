# SPDX-License-Identifier: GPL-2.0
"""What needs no guest: instructions of the pure files, counted by callgrind, and sizes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
COUNT = 1000
LENGTHS = (16, 4096)
MOST_A_BYTE = 0.3  # beyond memcpy, for the longest message


def _build(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    target = place / "messages"
    # One memcpy() for all: the compiler's own expansions of it are other ones where it knows more of the length.
    words = ["gcc", "-std=gnu11", "-O2", "-fno-builtin-memcpy", "-Wall", "-Werror", "-o", str(target),
             str(HERE / "user/messages.c")]
    subprocess.run(words, check=True)
    return target


def _counted(program: Path, what: str, length: int) -> float:
    """Instructions for one message, or one pair of copies."""
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={what}",
             str(program), what, str(length), str(COUNT)]
    done = subprocess.run(words, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"failed callgrind: status {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return int(found[1]) / COUNT


def _text_size(module: Path) -> int:
    """Bytes of code and constants that a module takes up in the kernel."""
    lines = subprocess.run(["size", "-A", str(module)], capture_output=True, text=True, check=True).stdout
    return sum(int(m[2]) for m in re.finditer(r"^(\.(?:text|rodata|init\.text|exit\.text)\S*)\s+(\d+)", lines, re.M))


def measure(place: Path) -> dict:
    """All of it, by name; sizes in bytes."""
    program = _build(place)
    facts: dict = {}
    for length in LENGTHS:
        message, copy = _counted(program, "messages", length), _counted(program, "copies", length)
        facts[f"message of {length} B"] = {
            "instructions": round(message, 1), "memcpy in and out": round(copy, 1),
            "a byte beyond memcpy": round((message - copy) / length, 3)}
    sizes = subprocess.run([str(program), "sizes"], capture_output=True, text=True, check=True).stdout.split()
    facts["bytes"] = {"for an outstanding request": int(sizes[1]), "of the connection": int(sizes[3])}
    for module in sorted((TOP / "build").glob("*/out/xsfront.ko")):
        facts["bytes"]["text of xsfront.ko"] = _text_size(module)
    return facts


def text(facts: dict) -> tuple[str, int]:
    """Lines for people, and how many bounds are not met."""
    out = []
    for name, figures in facts.items():
        out.append(f"{name:18} " + ", ".join(f"{words} {value}" for words, value in figures.items()))
    last = facts[f"message of {LENGTHS[-1]} B"]["a byte beyond memcpy"]
    met = last <= MOST_A_BYTE
    out.append(f"{'met ' if met else 'OVER'}  a byte of a message of {LENGTHS[-1]} B, beyond memcpy: "
               f"{last}  at most {MOST_A_BYTE}")
    return "\n".join(out), int(not met)
