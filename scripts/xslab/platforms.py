# SPDX-License-Identifier: GPL-2.0
"""What the guest stands on: a processor architecture, a Xen, and the dom0 that goes with that Xen.

The usual one is amd64 with Xen 4.17. The sets of packages of another lie beside the usual ones in the cache, under
names of their own, and are laid out like those: what makes images finds the same things in the same places.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from .paths import UserError

XEN_LIB = "usr/lib/xen-4.17"  # where the usual one's programs are
COMMON = """
    xenstore-utils libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
    libxentoolcore1 libxentoollog1""".split()
OTHERS = """
    libyajl2 libncurses6 libtinfo6 libc6 libgcc-s1 zlib1g liblzma5 libbz2-1.0 libzstd1 libuuid1""".split()


@dataclass(frozen=True)
class Platform:
    """One of them, and where its packages come from."""
    arch: str
    xen: str
    suite: str
    dom0: str  # its kernel, by the name that --kernel has for it
    store_library: str = "libxenstore4"
    more: tuple[str, ...] = ()  # packages beside Xen's; of the usual one's where there are none
    plugins: str = ""  # a folder beside its programs that these load from

    @property
    def foreign(self) -> bool:
        """Of another architecture than the usual one."""
        return self.arch != USUAL.arch

    @property
    def name(self) -> str:
        """For people."""
        return self.arch if self.foreign else f"Xen {self.xen}"

    @property
    def types(self) -> list[str]:
        """What guests can be; the first, if nothing is said."""
        return ["pvh"] if self.foreign else ["pv", "pvh", "hvm"]

    @property
    def slower(self) -> float:
        """Than the usual one, as a factor for timeouts: there are no snapshots on Arm, every guest boots."""
        return 2 if self.foreign else 1

    @property
    def memory(self) -> int:
        """Of a guest, in MB: the files of some tests fill that of an Arm guest of the usual size."""
        return 192 if self.foreign else 128

    @property
    def lacks(self) -> list[str]:
        """What dom0 cannot do: Debian leaves the one out, and Xen cannot suspend guests on Arm."""
        return ["lsevtchn", "lab-guest save"] if self.foreign else []

    @property
    def cross(self) -> str:
        """What stands before the names of its compiler and the like."""
        return "aarch64-linux-gnu-" if self.foreign else ""

    @property
    def own_xen_lib(self) -> str:
        """Where its programs look for each other."""
        return f"usr/lib/xen-{self.xen}"

    @property
    def packages(self) -> list[str]:
        """The set "xen"."""
        return [f"xen-hypervisor-{self.xen}-{self.arch}", f"xen-utils-{self.xen}", f"libxenmisc{self.xen}", *COMMON,
                self.store_library, *self.more]

    @property
    def links(self) -> dict[str, str]:
        """What an image that is laid out like the usual one needs, so that its programs find their own."""
        if self.foreign:
            return {"lib/aarch64-linux-gnu": "x86_64-linux-gnu",
                    "lib/ld-linux-aarch64.so.1": "../lib64/ld-linux-aarch64.so.1"}
        return {} if self == USUAL else {self.own_xen_lib: Path(XEN_LIB).name}

    def place(self, name: str) -> str:
        """The name in the cache of a set."""
        if self.foreign and not name.startswith("glibc-"):
            return f"{name}-{self.arch}"
        return f"xen-{self.xen}" if name == "xen" and self != USUAL else name

    def check_wish(self, kind: str, kernel: str, extras: list[str]) -> None:
        """Refuse what cannot boot, before anything is built."""
        if kind not in self.types:
            raise UserError(f"{self.name}: guests are {' or '.join(self.types)} there, not {kind}")
        if self.foreign and kernel != self.dom0:
            raise UserError(f"{self.name}: the guest's kernel is dom0's there, {self.dom0}")
        if self.foreign and extras:
            raise UserError(f"{self.name}: there is no --with")

    def lay_out(self, work: Path, usual: Path) -> None:
        """Make the unpacked set "xen" look like the usual one, from which it takes what Debian leaves out."""
        if self.foreign:
            self._lay_out_foreign(work, usual)
            return
        _lend(work / XEN_LIB / "bin", work / self.own_xen_lib / "bin")
        shutil.rmtree(work / XEN_LIB)
        (work / XEN_LIB).symlink_to(f"xen-{self.xen}")
        hypervisor = work / f"boot/xen-{USUAL.xen}-{USUAL.arch}.gz"
        hypervisor.unlink()
        hypervisor.symlink_to(f"xen-{self.xen}-{self.arch}.gz")

    def _lay_out_foreign(self, work: Path, usual: Path) -> None:
        for folder in ("lib", "usr/lib", f"{XEN_LIB}/lib"):
            if (work / folder / "aarch64-linux-gnu").is_dir():
                (work / folder / "x86_64-linux-gnu").symlink_to("aarch64-linux-gnu")
        # The applets are asked of one that runs on this machine.
        (work / "bin/busybox").rename(work / "bin/busybox-foreign")
        shutil.copy2(usual / "bin/busybox", work / "bin/busybox")
        for program in (usual / XEN_LIB / "bin").iterdir():
            here = work / XEN_LIB / "bin" / program.name
            if not here.exists():
                here.write_text(f'#!/bin/sh\necho "Debian has no {program.name} for {self.arch}" >&2\nexit 127\n')
                here.chmod(0o755)


def _lend(source: Path, target: Path) -> None:
    for program in source.iterdir():
        if not (target / program.name).exists():
            shutil.copy2(program, target / program.name, follow_symlinks=False)


USUAL = Platform("amd64", "4.17", "bookworm", "6.1", more=(*OTHERS, "busybox-static"))
PLATFORMS = (
    USUAL,
    Platform("amd64", "4.14", "bullseye", "5.10", "libxenstore3.0"),
    Platform("amd64", "4.20", "trixie", "6.12", more=tuple(OTHERS), plugins="ocaml"),
    Platform("arm64", "4.17", "bookworm", "6.1", more=(*OTHERS, "busybox-static", "libfdt1")),
)


def chosen(arch: str, xen: str) -> Platform:
    """The one for --arch and --xen."""
    for platform in PLATFORMS:
        if (platform.arch, platform.xen) == (arch, xen):
            return platform
    there = ", ".join(p.xen for p in PLATFORMS if p.arch == arch)
    raise UserError(f"--arch {arch} --xen {xen}: not known; for {arch} there is Xen {there}")
