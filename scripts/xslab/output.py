# SPDX-License-Identifier: GPL-2.0
"""Where lines go: to the terminal with a prefix, to the log files of the run, to the events file."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import deque
from pathlib import Path
from typing import BinaryIO

from .console import LineMaker
from .paths import LabError, build_dir, locked

KEPT_RUNS = 20
LAST_LINES = 400  # of the guests' consoles, shown when all goes wrong; what killed one may be 50 lines before the end


def new_run_dir() -> Path:
    """A directory of this run's own; the oldest of the finished ones go. build/lab/last points at the newest."""
    base = build_dir() / "lab"
    try:
        base.mkdir(parents=True, exist_ok=True)
        with locked(base / ".lock"):
            runs = sorted((p for p in base.iterdir() if p.is_dir() and not p.is_symlink()), key=lambda p: p.name)
            for old in runs[:-KEPT_RUNS]:
                if not _alive(old):
                    shutil.rmtree(old, ignore_errors=True)
            path = base / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
            path.mkdir()
            (path / "pid").write_text(str(os.getpid()))
            link = base / "last"
            link.unlink(missing_ok=True)
            link.symlink_to(path.name)
    except PermissionError as error:
        raise LabError(f"cannot write below {base}; XSFRONT_BUILD names another place") from error
    return path


def _alive(run: Path) -> bool:
    try:
        os.kill(int((run / "pid").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


class Output:
    """The one place that prints what the machine says."""

    def __init__(self, run: Path, quiet: bool, verbose: bool, events: str | None) -> None:
        self.run, self.quiet, self.verbose = run, quiet, verbose
        self._events = open(events, "w", buffering=1) if events else None
        self._files: dict[str, BinaryIO] = {}
        self._lines: dict[str, LineMaker] = {}
        self._began = time.monotonic()
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)

    def guest_boots(self) -> None:
        """Time zero of the events: a guest has been created."""
        self._began = time.monotonic()

    def log(self, name: str, data: bytes) -> None:
        """Append to a log file of the run."""
        if name not in self._files:
            self._files[name] = open(self.run / name, "ab", buffering=0)
        self._files[name].write(data)

    def command_output(self, who: str, data: bytes, alone: bool) -> None:
        """Output of a command; `alone` is the one that --quiet lets through, byte for byte."""
        self.log(f"{who}.out", data)
        if self.quiet and alone:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        for line in self._lines.setdefault(who, LineMaker()).feed(data):
            self._line(who, "out", line, show=True)

    def other_line(self, who: str, kind: str, line: str, show: bool = False) -> None:
        """A kernel's or Xen's line: shown with -v."""
        self._line(who, kind, line, show or self.verbose)

    def _line(self, who: str, kind: str, line: str, show: bool) -> None:
        if who != "dom0" and who != "xen":
            self.last_lines.append(line)
        if self._events:
            event = {"t": round(time.monotonic() - self._began, 3), "who": who, "kind": kind, "line": line}
            self._events.write(json.dumps(event) + "\n")
        if show and not self.quiet:
            sys.stdout.buffer.write(f"({who}) {line}\n".encode())
            sys.stdout.buffer.flush()

    def finish(self) -> None:
        for who, maker in self._lines.items():
            for line in maker.finish():
                self._line(who, "out", line, show=True)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        if self._events:
            self._events.close()
