# SPDX-License-Identifier: GPL-2.0
"""What is fetched: named sets of packages, each unpacked into a tree of its own in the cache."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from . import apt, elf, platforms
from .paths import LabError, UserError, digest, fresh_dir, locked, say
from .platforms import Platform

# For guests that want them (extras.py); libraries that the xen set has are left out.
EXTRA_PACKAGES = {
    "python": "python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libexpat1 python3-pyxs".split(),
}
HVM_ROOTS = ["qemu-system-xen", "seabios", "qemu-system-data"]
# Not needed by the device model at run time, and most of its closure's weight.
HVM_UNNEEDED = re.compile(
    r"(gcc-12-base|libcrypt1|adduser|passwd|debconf|perl-base|dpkg|tar|libpam.*|systemd.*|udev|dbus.*|"
    r"python3.*|libpython3.*|mesa.*|libllvm.*|iso-codes|fdisk|mount|util-linux.*|libgl1.*|login|"
    r"media-types|sysvinit-utils|init-system-helpers|lsb-base|xen-utils-common|xen-utils-4.17)$")


@dataclass(frozen=True)
class Kernel:
    """A kernel that guests can have, and where its packages come from."""
    name: str
    suite: str
    release: str = ""  # a pattern for it, where it is not the suite's newest
    options: tuple[str, ...] = ()  # for make, where modules are built with a compiler older than the kernel's
    glibc: str = ""  # the suite of the C library that its kbuild programs want, where that may be newer than the host's


# What the configuration says of a newer compiler, and gcc 12 cannot.
OLDER_COMPILER = ("CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=", "CONFIG_DEBUG_INFO_BTF_MODULES=", "KCFLAGS=-Wno-attributes")
KBUILD_LIBRARIES = "libc6 libelf1t64 libssl3t64 zlib1g libzstd1".split()
KERNELS = {kernel.name: kernel for kernel in (
    Kernel("5.10", "bullseye"),
    # As it left the factory, so to speak: a later one makes hypercalls in another way.
    Kernel("5.10.0-32", "bullseye", r"5\.10\.0-32"),
    Kernel("6.1", "bookworm"),
    Kernel("6.12", "trixie", options=OLDER_COMPILER, glibc="trixie"),
    Kernel("7.2", "trixie-backports", r"7\.2\.\d+\+deb13", OLDER_COMPILER, "trixie"),
    Kernel("7.3", "trixie-backports", options=OLDER_COMPILER, glibc="trixie"),
)}


def kernel_named(name: str) -> Kernel:
    """The kernel for --kernel, or a clear word on which there are."""
    if name not in KERNELS:
        raise UserError(f"--kernel {name}: not known; there is {', '.join(KERNELS)}")
    return KERNELS[name]


@dataclass(frozen=True)
class Tree:
    """An unpacked set of packages."""
    name: str
    path: Path
    packages: dict[str, str]  # file name of each package by its name
    release: str  # of the kernel, where there is one

    @property
    def key(self) -> str:
        return digest([self.name, json.dumps(self.packages, sort_keys=True)])


class Store:
    """The unpacked trees of one cache, for one platform."""

    def __init__(self, cache: Path, platform: Platform = platforms.USUAL) -> None:
        self.cache, self.platform = cache, platform
        self.trees = cache / "trees"
        self.fetched_something = False

    def tree(self, name: str) -> Tree:
        """An unpacked set; fetched now if it is not here."""
        known = self._known(name)
        if known:
            return known
        with locked(self.trees / f"{self.platform.place(name)}.lock"):
            return self._known(name) or self._fetch(name)

    def _known(self, name: str) -> Tree | None:
        place = self.platform.place(name)
        stamp = self.trees / place / ".lab-complete"
        try:
            facts = json.loads(stamp.read_text())
            return Tree(place, stamp.parent, facts["packages"], facts["release"])
        except (OSError, ValueError, KeyError):
            return None

    def _names(self, name: str, archive: apt.PrivateApt) -> tuple[list[str], str]:
        """The packages of a set, and the kernel's release where it has one."""
        if name == "xen":
            return self.platform.packages, ""
        if name in EXTRA_PACKAGES:
            return EXTRA_PACKAGES[name], ""
        if name == "hvm":
            return [n for n in archive.closure(*HVM_ROOTS) if not HVM_UNNEEDED.fullmatch(n)], ""
        kind, _, version = name.partition("-")
        if kind == "glibc":
            return KBUILD_LIBRARIES, ""
        image = self._image(kernel_named(version), archive)
        release = image.removeprefix("linux-image-")
        if kind == "kernel":
            # From 7.x on the image is in two other packages.
            parts = [d for d in archive.depends(image) if re.match(r"linux-(binary|modules)-\d", d)]
            return parts or [image], release
        headers = f"linux-headers-{release}"
        parts = [d for d in archive.depends(headers) if re.match(r"linux-(headers-.*-common|kbuild-)", d)]
        return [headers, *parts], release

    def _image(self, kernel: Kernel, archive: apt.PrivateApt) -> str:
        """The name of its package, which has the release in it."""
        meta = f"linux-image-{self.platform.arch}"  # its dependency names the release
        if kernel.release:
            pattern = re.compile(f"linux-image-{kernel.release}-{self.platform.arch}")
            images = [name for name in archive.names("linux-image-") if pattern.fullmatch(name)]
            images.sort(key=lambda name: [int(n) for n in re.findall(r"\d+", name)], reverse=True)
        else:
            # A signed and an unsigned image may both be named; the first is the one to take.
            images = [d for d in archive.depends(meta) if re.match(r"linux-image-\d", d)]
        if not images:
            raise LabError(f"{kernel.suite} has no {kernel.release or meta}")
        return images[0]

    def _fetch(self, name: str) -> Tree:
        if not shutil.which("dpkg-deb"):
            raise LabError("dpkg-deb is missing: the lab is made of Debian packages")
        archive = self._archive(name, self.platform.arch)
        names, release = self._names(name, archive)
        place = self.platform.place(name)
        say(f"fetching {place}: {len(names)} package{'s' if len(names) > 1 else ''}")
        # kbuild's programs run on this machine, whatever they make.
        ours = [n for n in names if self.platform.foreign and n.startswith("linux-kbuild-")]
        files = archive.download([n for n in names if n not in ours])
        if ours:
            files |= self._archive(name, platforms.USUAL.arch).download(ours)
        target = self.trees / place
        another = name == "xen" and self.platform != platforms.USUAL
        usual = Store(self.cache).tree("xen").path if another else None
        with fresh_dir(target) as work:
            if usual and not self.platform.foreign:
                shutil.copytree(usual, work, symlinks=True, dirs_exist_ok=True)
                (work / ".lab-complete").unlink()
            for deb in files.values():
                apt.unpack(deb, work)
            if usual:
                self.platform.lay_out(work, usual)
            if name.startswith("headers-"):
                _use_headers_in_place(work, target)
                glibc = kernel_named(name.removeprefix("headers-")).glibc
                if glibc:
                    _run_by(work, self.tree(f"glibc-{glibc}"))
            facts = {"packages": {n: f.name for n, f in files.items()}, "release": release}
            (work / ".lab-complete").write_text(json.dumps(facts, indent=1))
        self.fetched_something = True
        return Tree(place, target, facts["packages"], release)

    def _archive(self, name: str, arch: str) -> apt.PrivateApt:
        """Where a set comes from."""
        kind, _, version = name.partition("-")
        if name == "xen":
            suite = self.platform.suite
        elif name in ("hvm", *EXTRA_PACKAGES):
            suite = platforms.USUAL.suite
        else:
            suite = version if kind == "glibc" else kernel_named(version).suite
        archive = apt.PrivateApt(self.cache, suite, arch)
        with locked(archive.lock):
            archive.update()
        return archive


def _run_by(headers: Path, glibc: Tree) -> None:
    """Has kbuild's programs run with a C library of their own, whatever the host's is."""
    folders = sorted((glibc.path / "usr/lib").glob("*-linux-gnu"))
    loader = next((f / "ld-linux-x86-64.so.2" for f in folders if (f / "ld-linux-x86-64.so.2").exists()), None)
    if not loader:
        raise LabError(f"{glibc.name} holds no loader")
    for program in sorted(headers.glob("usr/lib/linux-kbuild-*/**/*")):
        if program.is_symlink() or not program.is_file() or not os.access(program, os.X_OK) or not elf.is_elf(program):
            continue
        program.rename(program.with_name(program.name + ".elf"))
        program.write_text(f'#!/bin/sh\nexec {loader} --library-path {loader.parent} --argv0 "$0" "$0.elf" "$@"\n')
        program.chmod(0o755)


def _use_headers_in_place(work: Path, target: Path) -> None:
    """Kernel headers name /usr/src; point them at where they are going to lie instead."""
    for makefile in work.glob("usr/src/linux-headers-*/Makefile"):
        text = makefile.read_text()
        fixed = re.sub(r"(^include |[= ])/usr/src/", rf"\g<1>{target}/usr/src/", text, flags=re.M)
        if fixed != text:
            makefile.write_text(fixed)
    for link in work.glob("usr/src/linux-headers-*/*"):
        if link.is_symlink() and str(link.readlink()).startswith("/usr/"):
            destination = str(target) + str(link.readlink())
            link.unlink()
            link.symlink_to(destination)


def headers_dir(tree: Tree) -> Path:
    """The directory for `make -C`."""
    return tree.path / "usr/src" / f"linux-headers-{tree.release}"


def bzimage(tree: Tree) -> Path:
    """The kernel as it is booted."""
    places = [tree.path / "boot" / f"vmlinuz-{tree.release}", tree.path / "usr/lib/modules" / tree.release / "vmlinuz"]
    return next((place for place in places if place.exists()), places[0])


def needed(types: list[str], kernels: Iterable[str]) -> list[str]:
    """The sets that runs of these guest types with these stock kernels need, without extras."""
    sets = ["xen", *(f"{kind}-{name}" for name in kernels for kind in ("kernel", "headers"))]
    return sets + (["hvm"] if "hvm" in types else [])
