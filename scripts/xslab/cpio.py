# SPDX-License-Identifier: GPL-2.0
"""A file tree in memory, and the two archives it can become: cpio for a kernel, tar for a running dom0.

Written here rather than by host programs so that the same tree always gives the same bytes.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Iterator

S_IFDIR, S_IFREG, S_IFLNK = 0o040000, 0o100000, 0o120000


@dataclass
class FileTree:
    """Names (without a leading slash) to mode and content; parents appear by themselves."""
    entries: dict[str, tuple[int, bytes | Path]] = field(default_factory=dict)

    def directory(self, name: str, mode: int = 0o755) -> None:
        name = name.strip("/")
        if name and name not in self.entries:
            if "/" in name:
                self.directory(name.rsplit("/", 1)[0])
            self.entries[name] = (S_IFDIR | mode, b"")

    def add(self, name: str, content: bytes | str | Path, mode: int = 0o644) -> None:
        """A file; a Path is read when the archive is written."""
        name = name.strip("/")
        if "/" in name:
            self.directory(name.rsplit("/", 1)[0])
        self.entries[name] = (S_IFREG | mode, content.encode() if isinstance(content, str) else content)

    def link(self, name: str, destination: str) -> None:
        name = name.strip("/")
        if "/" in name:
            self.directory(name.rsplit("/", 1)[0])
        self.entries[name] = (S_IFLNK | 0o777, destination.encode())

    def __contains__(self, name: str) -> bool:
        return name.strip("/") in self.entries

    def _sorted(self) -> Iterator[tuple[str, int, bytes]]:
        for name in sorted(self.entries):
            mode, content = self.entries[name]
            yield name, mode, content.read_bytes() if isinstance(content, Path) else content

    def write_cpio(self, out: BinaryIO) -> None:
        """The "newc" format that Linux unpacks as initramfs; several may be concatenated."""
        inode = 0
        for name, mode, data in [*self._sorted(), ("TRAILER!!!", 0, b"")]:
            inode += 1
            raw = name.encode() + b"\0"
            fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
            head = b"070701" + b"".join(b"%08X" % value for value in fields) + raw
            out.write(head + b"\0" * (-len(head) % 4))
            out.write(data)
            out.write(b"\0" * (-len(data) % 4))
        out.write(b"\0" * (-out.tell() % 512))

    def cpio(self) -> bytes:
        buffer = io.BytesIO()
        self.write_cpio(buffer)
        return buffer.getvalue()

    def tar(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, mode, data in self._sorted():
                member = tarfile.TarInfo(name)
                member.mode = mode & 0o7777
                if mode & 0o170000 == S_IFDIR:
                    member.type = tarfile.DIRTYPE
                elif mode & 0o170000 == S_IFLNK:
                    member.type, member.linkname = tarfile.SYMTYPE, data.decode()
                else:
                    member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return buffer.getvalue()
