# SPDX-License-Identifier: GPL-2.0
"""Snapshots of a booted dom0, with a guest that waits for work where one fits.

A snapshot is made on first use for a configuration and belongs to everything that it depends on: the images, the
shape of the machine, QEMU's version, the guest's configuration. It is checked while it is restored; a damaged one is
thrown away and made anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from .machine import Machine, Monitor, Shape
from .paths import SnapshotError, digest, fresh_dir, locked, own_digest

LIMIT_MB = 4500
CHUNK = 1 << 22


@dataclass(frozen=True)
class Snapshot:
    """A place for a snapshot; whether it is there is another matter."""
    path: Path

    state = property(lambda self: self.path / "state")
    facts = property(lambda self: self.path / "facts.json")

    def exists(self) -> bool:
        return self.facts.exists() and self.state.exists()

    def forget(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def place(cache: Path, shape: Shape, image_key: str, qemu: str, guest: list[str] | None) -> Snapshot:
    """Where the snapshot for a configuration lies; `guest` is what the waiting guest is made of, None for none."""
    key = digest([image_key, qemu, *shape.arguments(), str(shape), own_digest(["machine.py", "guest"]),
                  *(guest if guest is not None else ["no guest"])])
    return Snapshot(cache / "snapshots" / key)


def save(vm: Machine, target: Snapshot, note: str) -> None:
    """Write the stopped machine's state; the machine is of no use afterwards."""
    monitor = Monitor(vm.channels["monitor"])
    with fresh_dir(target.path) as work:
        state = work / "state"
        monitor.call("stop")
        monitor.call("migrate-set-parameters", max_bandwidth=1 << 40)
        with open(state, "wb") as handle:
            monitor.hand_over(handle.fileno(), "state")
            monitor.call("migrate", uri="fd:state")
            _await_migration(monitor)
        facts = {"size": state.stat().st_size, "crc": checksum(state), "note": note}
        (work / "facts.json").write_text(json.dumps(facts))


def _await_migration(monitor: Monitor) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        status = monitor.call("query-migrate").get("status")
        if status == "completed":
            return
        if status in ("failed", "cancelled"):
            raise SnapshotError("QEMU could not save the snapshot (is the disk full?)")
        time.sleep(0.05)
    raise SnapshotError("QEMU did not save the snapshot in time")


def checksum(path: Path) -> int:
    value = 0
    with open(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            value = zlib.crc32(chunk, value)
    return value


def restore(vm: Machine, source: Snapshot) -> None:
    """Start a machine from a snapshot and let it run; SnapshotError if the snapshot is not whole."""
    try:
        facts = json.loads(source.facts.read_text())
        os.utime(source.path)  # youngest in use, last to go
        if source.state.stat().st_size != facts["size"]:
            raise SnapshotError("the snapshot has not its length")
        handle = open(source.state, "rb")
    except (OSError, ValueError, KeyError) as error:
        raise SnapshotError(f"the snapshot cannot be read ({error})") from error
    with handle:
        vm.start(["-incoming", "defer"])
        monitor = Monitor(vm.channels["monitor"])
        monitor.hand_over(handle.fileno(), "state")
        # QEMU shares the file position with us: the sum is taken through a descriptor of its own.
        monitor.call("migrate-incoming", uri="fd:state")
        if checksum(source.state) != facts["crc"]:
            raise SnapshotError("the snapshot is damaged")
        until = time.monotonic() + 60
        while (status := monitor.call("query-status")["status"]) == "inmigrate":
            if time.monotonic() > until:
                raise SnapshotError("QEMU does not take the snapshot")
            time.sleep(0.01)
        if status != "running":
            monitor.call("cont")


@contextlib.contextmanager
def in_making(target: Snapshot) -> Iterator[bool]:
    """Only one lab makes a snapshot; gives false to those who find it made when they come to it."""
    with locked(target.path.parent / f"{target.path.name}.lock"):
        yield not target.exists()


def make_room(cache: Path, keep: Snapshot) -> None:
    """Throw away the snapshots not used for longest, beyond the limit (XSFRONT_SNAPSHOT_MB)."""
    limit = int(os.environ.get("XSFRONT_SNAPSHOT_MB") or LIMIT_MB) << 20
    total = 0
    entries = []
    for path in (cache / "snapshots").iterdir():
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.name.startswith("."):
                entries.append((path.stat().st_mtime, (path / "state").stat().st_size, path))
    # A lab that is restoring one has it open: it loses nothing.
    for _used, size, path in sorted(entries, reverse=True):
        total += size
        if total > limit and path != keep.path:
            shutil.rmtree(path, ignore_errors=True)
            (path.parent / f"{path.name}.lock").unlink(missing_ok=True)
