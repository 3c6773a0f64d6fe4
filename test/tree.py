# SPDX-License-Identifier: GPL-2.0
"""Copies of the sources with a bug seeded, for tests that have to see it; and the compiler for them.

A copy that kbuild works in stays under build/ from one run to the next, so that only what differs
is compiled anew. make goes by times: a file is written when its bytes are others, and has the time
of that.
"""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterable


def clang() -> str:
    """The clang to use, as test/Makefile has it."""
    return os.environ.get("CLANG") or shutil.which("clang-14") or "clang"


def sources(top: Path, patterns: Iterable[str]) -> dict[str, bytes]:
    """The files under top that match, by their names, without what builds have left."""
    found = {}
    for pattern in patterns:
        for path in sorted(top.glob(pattern)):
            if path.is_file() and not path.name.endswith(".mod.c"):
                found[str(path.relative_to(top))] = path.read_bytes()
    return found


def write_copy(files: dict[str, bytes], target: Path) -> None:
    """Makes target hold these files and no others."""
    target.mkdir(parents=True, exist_ok=True)
    for old in sorted(target.rglob("*")):
        if old.is_file() and str(old.relative_to(target)) not in files:
            old.unlink()
    for name, data in files.items():
        path = target / name
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def apply(patch: Path, top: Path) -> str:
    """Applies a patch to the files below top. Returns what patch(1) complains of, or nothing."""
    done = subprocess.run(["patch", "-s", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-i",
                           str(patch)], cwd=top, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    return done.stdout.strip() or done.stderr.strip() or f"patch ended with {done.returncode}"


def patched(files: dict[str, bytes], patch: Path, scratch: Path) -> tuple[dict[str, bytes], str]:
    """The files with a patch applied, and what patch(1) complains of; scratch is written over."""
    write_copy(files, scratch)
    wrong = apply(patch, scratch)
    if wrong:
        return files, wrong
    return {name: (scratch / name).read_bytes() for name in files}, ""
