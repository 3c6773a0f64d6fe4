# SPDX-License-Identifier: GPL-2.0
"""The lab on Arm: images and the machine, where they are not the usual ones. No snapshots: a boot is quick enough.

QEMU's loader hands Xen the kernel and the initramfs of dom0 at fixed places in memory, and tells of them in the device
tree.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from . import debugkernel, images, kernel, machine, packages
from .images import Images
from .packages import Store, Tree
from .paths import LabError, XSLAB, digest, fresh_dir, locked, own_digest, say

KERNEL_AT, INITRD_AT = 0x49000000, 0x50000000


@dataclass(frozen=True)
class Shape(machine.Shape):
    """As of the usual machine, but for what QEMU is told."""

    QEMU: ClassVar[str] = "qemu-system-aarch64"
    BROUGHT_BY: ClassVar[str] = "scripts/host-deps arm64 brings it"
    PROCESSOR: ClassVar[tuple[str, ...]] = ("-machine", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a57")

    @staticmethod
    def of(_hvm: bool, guest_memory: int, icount: bool, store: str, saved: bool = False) -> "Shape":
        dom0 = 512 + (2 * guest_memory if saved else 0)
        return Shape(dom0 + 2 * guest_memory + 512, dom0, icount, store)

    def boot_arguments(self, waiting: bool) -> list[str]:
        xen = (f"console=dtuart dtuart=/pl011@9000000 dom0_mem={self.dom0_memory}M dom0_max_vcpus=1 "
               "loglvl=warning guest_loglvl=warning sched=credit")
        return ["-kernel", "xen", "-append", xen,
                "-device", f"guest-loader,addr={KERNEL_AT:#x},kernel=vmlinux,bootargs={self.dom0_words(waiting)}",
                "-device", f"guest-loader,addr={INITRD_AT:#x},initrd=initrd"]


def _compile(cross: str, name: str, target: Path) -> None:
    """One of the lab's own programs for inside; static, so that it needs nothing there."""
    command = [f"{cross}gcc", "-O2", "-static", "-s", "-o", str(target), str(XSLAB / "guest" / f"{name}.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{cross}gcc cannot make {name}: {done.stderr.strip().splitlines()[:1]}")


def prepare(store: Store, kernel_name: str) -> Images:
    """The images for a kernel."""
    guest = debugkernel.guest_kernel(store, kernel_name)
    xen, linux = store.tree("xen"), store.tree(f"kernel-{guest.base}")
    key = digest([xen.key, linux.key, guest.key, images.guest_scripts_key(), own_digest(["arm64.py", "platforms.py"])])
    made = Images(store.cache / "images" / f"arm64-{kernel_name}-{key}", key, guest.release)
    if not made.dom0.exists():
        with locked(made.path.with_name(f"{made.path.name}.lock")):
            if not made.dom0.exists():
                say("making the images (once)")
                _make(made, store, xen, linux)
    os.utime(made.path)
    return made


def _make(made: Images, store: Store, xen: Tree, linux: Tree) -> None:
    image = packages.bzimage(linux).read_bytes()
    modules = kernel.ModuleTree(linux.path, linux.release)
    with fresh_dir(made.path) as work:
        (work / "xen").write_bytes((xen.path / "boot/xen-4.17-arm64").read_bytes())
        (work / "vmlinux").write_bytes(image)
        for name in ("labexec", "labtee"):
            _compile(store.platform.cross, name, work / name)
        guest = images._guest_tree(xen, modules, work / "labexec")
        dom0 = images._dom0_tree(xen, modules, work / "labtee")
        for tree in (guest, dom0):
            tree.add("bin/busybox", xen.path / "bin/busybox-foreign", 0o755)
            for name, destination in store.platform.links.items():
                tree.link(name, destination)
        dom0.add("images/guest.img", guest.cpio())
        # By the name that lab-guest has for it; the domain builder takes it as it is, and only so.
        dom0.add("images/guest-vmlinux.gz", image)
        for side, tree in (("dom0", dom0), ("guest", guest)):
            (work / f"{side}.list").write_text("\n".join(tree.entries))
        with open(work / "dom0.img", "wb") as out:
            dom0.write_cpio(out)
