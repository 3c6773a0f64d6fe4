# SPDX-License-Identifier: GPL-2.0
"""The images of Xen, dom0 and the guest, made out of the unpacked packages and kept in the cache."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import debugkernel, elf, kernel, packages
from .cpio import FileTree
from .packages import Store, Tree
from .paths import LabError, XSLAB, digest, fresh_dir, locked, own_digest, say

LIBRARIES = "lib/x86_64-linux-gnu"
KEEP_SECONDS = 3600  # images that nobody has used for so long may go
XEN_LIB = "usr/lib/xen-4.17"
FILESYSTEM = ["vfat", "nls_cp437", "nls_ascii", "nls_utf8"]
# Loaded by dom0's init, and others at hand for modprobe (disks and network cards for guests).
DOM0_MODULES = ["xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs", "virtio_pci",
                "virtio_console", "xen-blkback", "xen-netback", "loop", "bridge", "tun", *FILESYSTEM]
GUEST_MODULES = ["xen-privcmd", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs",
                 "xen-blkfront", "xen-netfront", *FILESYSTEM]
DOM0_PROGRAMS = ["xl", "xenstored", "oxenstored", "xenconsoled", "xenconsole", "xen-init-dom0", "libxl-save-helper",
                 "lsevtchn", "test-xenstore", "xenctx", "xen-diag"]
DEVICE_MODEL = "usr/libexec/xen-qemu-system-i386"
# oxenstored refuses to start without the last two. As many watches as C xenstored gives a guest: tests set 100
# beside those of the module itself.
OXENSTORED_CONF = """\
quota-transaction = 10
quota-maxentity = 8192
quota-maxwatch = 128
pid-file = /run/xenstored.pid
xenstored-kva = /proc/xen/xsd_kva
xenstored-port = /proc/xen/xsd_port
"""


@dataclass(frozen=True)
class Images:
    """Files for one kind of run."""
    path: Path
    key: str
    release: str  # of the guest's kernel

    xen = property(lambda self: self.path / "xen")
    vmlinux = property(lambda self: self.path / "vmlinux")
    dom0 = property(lambda self: self.path / "dom0.img")

    def present(self) -> dict[str, set[str]]:
        """The names that dom0's and the guest's image hold."""
        return {side: set((self.path / f"{side}.list").read_text().split("\n")) for side in ("dom0", "guest")}


def library_dirs(*trees: Tree) -> list[Path]:
    """Where shared libraries lie in unpacked packages."""
    dirs: list[Path] = []
    for tree in trees:
        dirs += [tree.path / XEN_LIB / "lib/x86_64-linux-gnu", tree.path / "usr/lib/x86_64-linux-gnu"]
        dirs += [tree.path / LIBRARIES]
        dirs += sorted((tree.path / "usr/lib/x86_64-linux-gnu").glob("*/"))
    return [d for d in dirs if d.is_dir()]


def guest_scripts_key() -> str:
    """Changes when anything in the lab that goes into an image changes."""
    return own_digest(["guest", "images.py", "cpio.py", "elf.py", "kernel.py"])


def prepare(store: Store, kernel_name: str, hvm: bool) -> Images:
    """The images for a kernel, with or without the device model that HVM guests need."""
    guest = debugkernel.guest_kernel(store, kernel_name)
    xen, linux = store.tree("xen"), store.tree(f"kernel-{guest.base}")
    model = store.tree("hvm") if hvm else None
    key = digest([xen.key, linux.key, guest.key, model.key if model else "", guest_scripts_key()])
    name = f"{kernel_name}{'-hvm' if hvm else ''}-{key}"
    images = Images(store.cache / "images" / name, key, guest.release)
    if not images.dom0.exists():
        with locked(store.cache / "images" / f"{name}.lock"):
            if not images.dom0.exists():
                say("making the images (once)")
                _make(images, xen, linux, guest, model)
                _forget_old(images.path, f"{kernel_name}{'-hvm' if hvm else ''}-")
    os.utime(images.path)  # in use now
    return images


def _forget_old(newest: Path, prefix: str) -> None:
    """Images of earlier versions of the lab, unless another copy of it may be about to boot them."""
    for path in newest.parent.iterdir():
        if not re.fullmatch(re.escape(prefix) + "[0-9a-f]{16}", path.name) or path == newest:
            continue
        try:
            unused = time.time() - path.stat().st_mtime
        except OSError:  # somebody else has forgotten it
            continue
        if unused > KEEP_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _make(images: Images, xen: Tree, linux: Tree, guest_kernel: debugkernel.GuestKernel, model: Tree | None) -> None:
    bzimage = packages.bzimage(linux).read_bytes()
    vmlinux = kernel.extract_vmlinux(bzimage)
    guest_bzimage = guest_kernel.bzimage.read_bytes()
    guest_vmlinux = vmlinux if guest_bzimage == bzimage else kernel.extract_vmlinux(guest_bzimage)
    modules = kernel.ModuleTree(linux.path, linux.release)
    with fresh_dir(images.path) as work:
        (work / "xen").write_bytes(gzip.decompress((xen.path / "boot/xen-4.17-amd64.gz").read_bytes()))
        (work / "vmlinux").write_bytes(vmlinux)
        for name in ("labexec", "labtee"):
            _compile(name, work / name)
        guest = _guest_tree(xen, guest_kernel.modules, work / "labexec")
        dom0 = _dom0_tree(xen, modules, work / "labtee")
        dom0.add("images/guest.img", guest.cpio())
        # Unpacked by the domain builder: much faster than the kernel's own decompressor under emulation.
        dom0.add("images/guest-vmlinux.gz", gzip.compress(guest_vmlinux, 1, mtime=0))
        if model:
            dom0.add("images/guest-bzimage", guest_bzimage)
            _add_device_model(dom0, xen, model)
        for side, tree in (("dom0", dom0), ("guest", guest)):
            (work / f"{side}.list").write_text("\n".join(tree.entries))
        with open(work / "dom0.img", "wb") as out:
            dom0.write_cpio(out)


def _compile(name: str, target: Path) -> None:
    """One of the lab's own programs for inside; static, so that it needs nothing there."""
    command = ["gcc", "-O2", "-static", "-s", "-o", str(target), str(XSLAB / "guest" / f"{name}.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"gcc cannot make {name}: {done.stderr.strip().splitlines()[:1]}")


def _base_tree(xen: Tree) -> FileTree:
    """Busybox and the folders that both sides have."""
    tree = FileTree()
    for name in ("proc", "sys", "dev", "tmp", "run", "root", "lab/.run", "var/log", "etc", "usr", LIBRARIES, "lib64"):
        tree.directory(name)
    busybox = xen.path / "bin/busybox"
    tree.add("bin/busybox", busybox, 0o755)
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split()
    if "sh" not in applets:
        raise LabError("the fetched busybox does not run on this machine (the lab needs an amd64 host)")
    for applet in applets:
        if applet != "busybox":
            tree.link(f"bin/{applet}", "busybox")
    tree.link("sbin", "bin")
    tree.link("usr/bin", "../bin")
    tree.link("usr/sbin", "../bin")
    tree.link("var/run", "/run")
    tree.add("etc/passwd", "root:x:0:0:root:/lab:/bin/sh\n")
    tree.add("etc/group", "root:x:0:\n")
    return tree


def _add_programs(tree: FileTree, programs: dict[str, Path], search: list[Path]) -> None:
    """Programs at their places, and all the libraries they need."""
    libraries, missing = elf.closure(programs.values(), search)
    if missing:
        raise LabError(f"not in the fetched packages: {' '.join(missing)}")
    for name, path in programs.items():
        tree.add(name, path, 0o755)
    for name, path in libraries.items():
        place = "lib64" if name.startswith("ld-linux") else LIBRARIES
        tree.add(f"{place}/{name}", path, 0o755)


def _add_modules(tree: FileTree, modules: kernel.ModuleTree, names: list[str]) -> None:
    order = modules.ordered(names)
    base = f"lib/modules/{modules.release}"
    for name in order:
        tree.add(f"{base}/{name}.ko", modules.read(name))
    tree.add(f"{base}/modules.dep", modules.dependency_file(order))


def _store_tools(xen: Tree, tree: FileTree) -> dict[str, Path]:
    """Debian's xenstore-* (links to one program) and Xen's test-xenstore."""
    for tool in ("read", "write", "ls", "list", "exists", "rm", "chmod", "watch"):
        tree.link(f"bin/xenstore-{tool}", "xenstore")
    return {
        "bin/xenstore": xen.path / "usr/bin/xenstore",
        "bin/test-xenstore": xen.path / XEN_LIB / "bin/test-xenstore",
    }


def _guest_tree(xen: Tree, modules: kernel.ModuleTree, labexec: Path) -> FileTree:
    tree = _base_tree(xen)
    _add_programs(tree, _store_tools(xen, tree), library_dirs(xen))
    _add_modules(tree, modules, GUEST_MODULES)
    tree.add("bin/labexec", labexec.read_bytes(), 0o755)
    tree.add("lib/lab/main", XSLAB / "guest/main", 0o755)
    tree.add("lib/lab/leaks", XSLAB / "guest/leaks", 0o755)
    tree.add("init", XSLAB / "guest/init-guest", 0o755)
    return tree


def _dom0_tree(xen: Tree, modules: kernel.ModuleTree, labtee: Path) -> FileTree:
    tree = _base_tree(xen)
    programs = _store_tools(xen, tree)
    for name in DOM0_PROGRAMS:
        programs[f"{XEN_LIB}/bin/{name}"] = xen.path / XEN_LIB / "bin" / name
        if f"bin/{name}" not in programs:
            tree.link(f"bin/{name}", f"/{XEN_LIB}/bin/{name}")
    _add_programs(tree, programs, library_dirs(xen))
    # Loaded by name when a thread of xl ends, so no program's list has it.
    tree.add(f"{LIBRARIES}/libgcc_s.so.1", xen.path / LIBRARIES / "libgcc_s.so.1", 0o755)
    _add_modules(tree, modules, DOM0_MODULES)
    for name in ("var/lib/xen", "var/lib/xenstored", "var/log/xen"):
        tree.directory(name)
    tree.add("etc/xen/xl.conf", "")
    tree.add("etc/xen/oxenstored.conf", OXENSTORED_CONF)
    tree.add("bin/labtee", labtee.read_bytes(), 0o755)
    for name in ("lab-session", "lab-guest"):
        tree.add(f"bin/{name}", XSLAB / "guest" / name, 0o755)
    tree.add("init", XSLAB / "guest/init-dom0", 0o755)
    return tree


def _add_device_model(tree: FileTree, xen: Tree, model: Tree) -> None:
    """QEMU as the device model of HVM guests, and the firmware it loads."""
    _add_programs(tree, {DEVICE_MODEL: model.path / DEVICE_MODEL}, library_dirs(xen, model))
    tree.link("bin/qemu-system-i386", f"/{DEVICE_MODEL}")  # where Debian's Xen 4.14 looks for it
    tree.add(f"{XEN_LIB}/boot/hvmloader", xen.path / XEN_LIB / "boot/hvmloader", 0o755)

    def found(pattern: str) -> Path:
        places = [p for p in sorted((model.path / "usr").glob(f"**/{pattern}")) if p.exists()]
        if not places:
            raise LabError(f"{pattern} is in none of the fetched packages")
        return places[0]

    tree.add("usr/share/seabios/bios-256k.bin", found("bios-256k.bin"))
    for name in ("linuxboot.bin", "linuxboot_dma.bin", "kvmvapic.bin", "pvh.bin"):
        tree.add(f"usr/share/qemu/{name}", found(name))
    tree.add("usr/share/qemu/keymaps/en-us", found("keymaps/en-us"))
