# SPDX-License-Identifier: GPL-2.0
"""Kernel files: the ELF inside a bzImage, and modules with what they depend on."""

from __future__ import annotations

import lzma
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from .paths import LabError


def extract_vmlinux(bzimage: bytes) -> bytes:
    """The ELF kernel inside a bzImage: Xen starts it several seconds faster than one that unpacks itself."""
    sectors = bzimage[0x1F1] or 4
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    payload = bzimage[(sectors + 1) * 512 + offset:][:length]
    body = payload[:-4]  # the last word is the size of what comes out
    if payload[:6] == b"\xfd7zXZ\0":
        image = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(body)
    elif payload[:2] == b"\x1f\x8b":
        image = zlib.decompressobj(31).decompress(body)
    elif payload[:4] == b"\x28\xb5\x2f\xfd":
        if not shutil.which("zstd"):
            raise LabError("this kernel is packed with zstd, and the program zstd is missing")
        image = subprocess.run(["zstd", "-dcq"], input=body, capture_output=True).stdout
    else:
        raise LabError(f"kernel packed in a way that is not known ({payload[:4].hex()})")
    if image[:4] != b"\x7fELF":
        raise LabError("no ELF kernel inside the bzImage")
    return image


class ModuleTree:
    """The modules of one unpacked kernel package."""

    def __init__(self, tree: Path, release: str) -> None:
        places = [tree / "lib/modules" / release, tree / "usr/lib/modules" / release]
        self.base = next((place for place in places if place.is_dir()), places[0])
        self.release = release
        self._files = {}
        for file in self.base.glob("kernel/**/*.ko*"):
            self._files[file.name.split(".ko")[0].replace("-", "_")] = file

    def read(self, name: str) -> bytes:
        """A module, unpacked if the package has it packed."""
        file = self._files[name.replace("-", "_")]
        data = file.read_bytes()
        return lzma.decompress(data) if file.suffix == ".xz" else data

    def ordered(self, names: list[str]) -> list[str]:
        """Names with all they depend on before them; names that this kernel has not are left out (built in)."""
        order: list[str] = []

        def visit(name: str) -> None:
            key = name.replace("-", "_")
            if key in order or key not in self._files:
                return
            for needed in self._depends(key):
                visit(needed)
            order.append(key)

        for name in names:
            visit(name)
        return order

    def _depends(self, key: str) -> list[str]:
        """The "depends=" line in the module's own .modinfo: the package carries no modules.dep."""
        data = self.read(key)
        at = data.find(b"\0depends=")
        if at < 0:
            return []
        text = data[at + 9:data.index(b"\0", at + 9)].decode()
        return [part for part in text.split(",") if part]

    def dependency_file(self, names: list[str]) -> str:
        """modules.dep for the given modules, as modprobe reads it."""
        lines = []
        for name in names:
            needed = [n for n in self.ordered([name]) if n != name]
            lines.append(f"{name}.ko: " + " ".join(f"{n}.ko" for n in reversed(needed)))
        return "\n".join(lines) + "\n"
