# SPDX-License-Identifier: GPL-2.0
"""Where things lie, locks between runs, and the two kinds of error the lab reports."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Iterable, Iterator

REPO = Path(__file__).resolve().parents[2]
XSLAB = Path(__file__).resolve().parent


class LabError(Exception):
    """The lab broke (exit 125): not the fault of the command under test."""


class SnapshotError(LabError):
    """A snapshot is of no use; without it the lab can still boot."""


class UserError(Exception):
    """The call itself is wrong (exit 2)."""


class BuildError(Exception):
    """The sources do not compile (exit 2); the compiler's lines are in the message."""


def say(text: str) -> None:
    """A line of the lab's own: always on stderr, so that --quiet keeps stdout clean."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def cache_dir(option: str | None = None) -> Path:
    """The cache: --cache, else XSFRONT_CACHE, else .cache at the top of the repository."""
    chosen = option or os.environ.get("XSFRONT_CACHE") or str(REPO / ".cache")
    return Path(chosen).absolute()


def source_dir(option: str | None = None) -> Path:
    """The tree whose modules are built: --src, else XSFRONT_SRC, else this repository."""
    return Path(option or os.environ.get("XSFRONT_SRC") or REPO).absolute()


def build_dir() -> Path:
    """Where modules are built and logs of runs are kept (XSFRONT_BUILD moves it)."""
    return Path(os.environ.get("XSFRONT_BUILD") or REPO / "build").absolute()


@contextlib.contextmanager
def locked(path: Path, shared: bool = False) -> Iterator[None]:
    """Hold a lock file while two labs could collide; says so when it has to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as handle:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            say(f"waiting for another lab ({path.name})")
            fcntl.flock(handle, kind)
        yield


@contextlib.contextmanager
def fresh_dir(target: Path) -> Iterator[Path]:
    """Fill a directory beside `target`, then rename it: it is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    work.chmod(0o755)
    try:
        yield work
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def fresh_file(target: Path) -> Iterator[Path]:
    """Write a file beside `target`, then rename it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    work = Path(name)
    try:
        yield work
        work.chmod(0o644)
        work.rename(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            work.unlink()


def digest(parts: Iterable[bytes | str]) -> str:
    """A short hash of parts; a length before each keeps ("ab","c") and ("a","bc") apart."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()[:16]


def own_digest(names: Iterable[str]) -> str:
    """Hash of the lab's own parts that decide what an image holds."""
    parts: list[bytes | str] = []
    for name in sorted(names):
        path = XSLAB / name
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                parts += [file.name, file.read_bytes()]
    return digest(parts)
