# SPDX-License-Identifier: GPL-2.0
"""What enters the machine for one run: the commands, the modules, the added files.

One tree for dom0; in it, as a cpio archive, the tree for guests. Cold, dom0's tree is appended to its initramfs; warm,
it comes as a tar archive over the control channel.
"""

from __future__ import annotations

import hashlib
import lzma
import math
import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import debugkernel, elf, extras
from .cpio import FileTree
from .images import LIBRARIES, XEN_LIB, library_dirs
from .packages import Store
from .paths import LabError, REPO, UserError

CONSOLES = 8  # guests at a time whose console is followed
BASE_CMDLINE = ("console=hvc0 pci=noearly tsc_early_khz=2600000 tsc=reliable mitigations=off cryptomgr.notests quiet "
                "panic_on_warn=1 oops=panic panic=-1 rdinit=/init")
# Stops the kernel's xenbus and its device node alike: both initcalls have that name.
OWN_CMDLINE = "initcall_blacklist=xenbus_init"


@dataclass
class Wish:
    """A run as it was asked for."""
    type: str = "pv"
    attach: str = "own"
    command: str | None = None  # None: dom0 drives all
    dom0: str | None = None
    before: str | None = None
    insmod: bool = True
    modparams: list[str] = field(default_factory=list)
    memory: int = 128
    vcpus: int = 1
    cmdline: str = ""
    guest_conf: list[str] = field(default_factory=list)
    store: str = "xenstored"
    kernel: str = "6.1"
    kernel_cmdline: str = ""  # what that kernel wants, before the user's
    icount: bool = False
    saved: bool = False  # to a file in dom0
    modules: list[str] = field(default_factory=list)  # folders of build.ON_REQUEST
    add: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    dom0_add: list[str] = field(default_factory=list)

    @property
    def slower(self) -> int:
        """Than with the stock kernel, as a factor."""
        kernel = debugkernel.DEBUG_KERNELS.get(self.kernel)
        return math.ceil(kernel.slower) if kernel else 1

    def common_cmdline(self, waiting: bool = False) -> str:
        words = [BASE_CMDLINE]
        if waiting:
            words.append("lab.wait")
        return " ".join(words + self.kernel_cmdline.split() + self.cmdline.split())

    def guest_cmdline(self, waiting: bool = False) -> str:
        own = [OWN_CMDLINE] if self.attach == "own" else []
        return " ".join([self.common_cmdline(waiting), *own])


def _environment(wish: Wish, nonce: str, waiting: bool, warm: bool = False) -> str:
    facts = {
        "NONCE": nonce, "TYPE": wish.type, "ATTACH": wish.attach, "MEMORY": wish.memory, "VCPUS": wish.vcpus,
        "INSMOD": int(wish.insmod), "MODPARAMS": " ".join(wish.modparams),
        "GUEST_CMDLINE": wish.common_cmdline(waiting), "OWN_CMDLINE": OWN_CMDLINE, "CONSOLES": CONSOLES,
        "GUEST_FIRST": int(wish.command is not None), "WAITING_GUEST": int(waiting),
        # For those who wait in a script: as a factor.
        "SLOWER": wish.slower,
        # A restored machine's clock stands where it was saved.
        "EPOCH": int(time.time()) if warm else "",
    }
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in facts.items())


def split_added(text: str) -> tuple[str, Path]:
    """FILE or NAME=FILE of --add."""
    name, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        path, name = text, Path(text).name
    if not Path(path).exists():
        raise UserError(f"--add {text}: there is no such file")
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise UserError(f"--add {text}: {name!r} cannot be a name in the working directory")
    return name, Path(path)


def _add_files(tree: FileTree, added: list[tuple[str, Path]], search: list[Path], present: set[str]) -> None:
    """Files below lab/, and the shared libraries that programs among them need and the image has not."""
    programs: list[Path] = []
    for name, path in added:
        files = [(name, path)]
        if path.is_dir():
            files = [(f"{name}/{p.relative_to(path)}", p) for p in sorted(path.rglob("*")) if p.is_file()]
        for place, file in files:
            tree.add(f"lab/{place}", file.read_bytes(), 0o755 if file.stat().st_mode & 0o111 else 0o644)
            if elf.is_elf(file) and file.suffix != ".ko":
                programs.append(file)
    libraries, missing = elf.closure(programs, search + [Path(p) for p in elf.HOST_LIBRARY_DIRS])
    if missing:
        raise UserError(f"--add: libraries not found: {' '.join(missing)}")
    for name, path in libraries.items():
        place = ("lib64/" if name.startswith("ld-linux") else LIBRARIES + "/") + name
        if place not in present:
            tree.add(place, path.read_bytes(), 0o755)


def guest_tree(wish: Wish, store: Store, built: dict[str, Path], present: set[str]) -> FileTree:
    """/lab of a guest: modules, programs, added files."""
    tree = FileTree()
    tree.directory("lab/.run")
    search = library_dirs(store.tree("xen"))
    _add_files(tree, [*built.items(), *map(split_added, wish.add)], search, present)
    if wish.insmod and wish.attach != "none" and "lab/xsfront.ko" not in tree:
        raise LabError("there is no xsfront.ko: the sources have no module of that name (see --no-insmod)")
    return tree


def for_console(archive: bytes) -> bytes:
    """What is written to a waiting guest's console: a line with length and sum, then the packed archive.

    The console is slow, so it is packed hard; and to it a byte 0x0f is the SysRq key, and two of them are one such
    byte.
    """
    packed = lzma.compress(archive, check=lzma.CHECK_CRC32, preset=6)
    head = f"{len(packed)} {hashlib.md5(packed, usedforsecurity=False).hexdigest()}\n"
    return head.encode() + packed.replace(b"\x0f", b"\x0f\x0f")


def _add_platform(tree: FileTree, store: Store) -> None:
    """What programs of another platform need in a dom0 that is laid out like the usual one."""
    for name, destination in store.platform.links.items():
        tree.link(name, destination)
    if store.platform.plugins:
        base = store.tree("xen").path
        for file in sorted((base / XEN_LIB / store.platform.plugins).rglob("*.*")):
            tree.add(str(file.relative_to(base)), file)


def extras_tree(wish: Wish, store: Store, present: dict[str, set[str]]) -> FileTree:
    """What --with brings into guests."""
    tree = FileTree()
    extras.add(tree, store, wish.extras, present["guest"])
    return tree


def stage_tree(wish: Wish, waiting_guest: bool, store: Store, present: dict[str, set[str]]) -> FileTree:
    """What dom0 needs to come to the point where a snapshot is taken: no work yet, but the guest's extras."""
    tree = FileTree()
    tree.directory("lab/.run")
    tree.add("lab/.run/env", _environment(wish, "-", waiting_guest))
    _add_platform(tree, store)
    if wish.guest_conf:
        tree.add("lab/.run/guest-conf", "\n".join(wish.guest_conf) + "\n")
    if waiting_guest and wish.extras:
        tree.add("images/guest-payload.cpio", extras_tree(wish, store, present).cpio())
    return tree


def dom0_tree(wish: Wish, store: Store, built: dict[str, Path], dom0_built: dict[str, Path], nonce: str,
              present: dict[str, set[str]], warm: bool = False) -> FileTree:
    """/lab of dom0, and the guests' share: as initramfs, and for a guest that waits (`warm`) as what its console takes.

    The modules are `built` for the guest's kernel and `dom0_built` for dom0's. `present` says which files the images of
    "dom0" and "guest" have already.
    """
    tree = FileTree()
    tree.directory("lab/.run")
    environment = _environment(wish, nonce, False, warm)
    if not warm:
        _add_platform(tree, store)
    tree.add("lab/.run/env", environment)
    for name, text in (("command", wish.dom0), ("before", wish.before), ("guest-command", wish.command)):
        if text is not None:
            tree.add(f"lab/.run/{name}", text + "\n")
    if wish.guest_conf:
        tree.add("lab/.run/guest-conf", "\n".join(wish.guest_conf) + "\n")
    added = list(dom0_built.items())
    activate = REPO / "scripts/activate.sh"
    if activate.exists():
        added.append(("activate.sh", activate))
    search = library_dirs(store.tree("xen"))
    _add_files(tree, added + [split_added(a) for a in wish.dom0_add], search, present["dom0"])
    guest = guest_tree(wish, store, built, present["guest"])
    extra = extras_tree(wish, store, present).cpio() if wish.extras else b""
    tree.add("images/guest-payload.cpio", extra + guest.cpio())
    if warm and wish.command is not None:
        guest.add("lab/.run/env", environment)
        guest.add("lab/.run/command", wish.command + "\n")
        tree.add("images/guest-payload.console", for_console(guest.tar()))
    return tree
