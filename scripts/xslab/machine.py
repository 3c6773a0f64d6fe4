# SPDX-License-Identifier: GPL-2.0
"""The emulated machine: QEMU's command line, its life, and the channels to what runs in it.

Each channel is one end of a socket pair whose other end QEMU inherits: no paths, no ports, nothing to collide or to
leave behind. Channels: "xen" (Xen's serial console, dom0's kernel console too), "monitor" (QMP), and the virtio-serial
ports "control", "dom0", "kmsg", "console0"... (guest/init-dom0 has the other side).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .paths import LabError, SnapshotError, say
from .payload import CONSOLES

# SMAP breaks a PV dom0, rdtscp breaks PVH, AVX hangs Xen: this set is safe. No random instructions: runs repeat.
CPU = "qemu64,+svm,+npt,-rdrand,-rdseed"
PORTS = ["control", "dom0", "kmsg"] + [f"console{n}" for n in range(CONSOLES)]
# What a machine boots. Xen reads these names, in its own command line and those of its modules: where instructions are
# counted, a longer path is some more of them, so they are the same in every run.
BOOT_FILES = ("xen", "vmlinux", "initrd")
PIPE_ROOM = 1 << 20
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Shape:
    """What the machine is, apart from what is loaded into it; a snapshot fits one shape."""
    memory: int
    dom0_memory: int
    icount: bool
    store: str

    # Of an architecture.
    QEMU: ClassVar[str] = "qemu-system-x86_64"
    BROUGHT_BY: ClassVar[str] = "scripts/host-deps says how to get it"
    PROCESSOR: ClassVar[tuple[str, ...]] = ("-machine", "q35", "-cpu", CPU)

    @staticmethod
    def of(hvm: bool, guest_memory: int, icount: bool, store: str, saved: bool = False) -> "Shape":
        # Files of dom0's, a saved guest too, lie in memory, of which they may take the half.
        dom0 = (480 if hvm else 352) + (2 * guest_memory if saved else 0)
        # Room for the guest, one more of its size, Xen itself and the shadow of a device model.
        return Shape(dom0 + 2 * guest_memory + 320, dom0, icount, store)

    def arguments(self) -> list[str]:
        words = [*self.PROCESSOR, "-m", str(self.memory), "-display", "none", "-no-reboot", "-nodefaults",
                 "-no-user-config"]
        if self.icount:
            # Guest time counts instructions: the same run takes the same time on any machine.
            words += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1",
                      "-rtc", "base=2020-01-01,clock=vm"]
        else:
            words += ["-accel", "tcg,thread=multi", "-smp", "2"]
        return words

    def dom0_words(self, waiting: bool) -> str:
        """dom0's command line."""
        return (f"console=hvc0 quiet loglevel=4 panic=-1 rdinit=/init lab.store={self.store}" +
                (" lab.wait" if waiting else ""))

    def boot_arguments(self, waiting: bool) -> list[str]:
        """To boot the files BOOT_FILES of the directory that QEMU runs in."""
        xen = (f"console=com1 com1=115200,8n1 dom0_mem={self.dom0_memory}M,max:{self.dom0_memory}M dom0_max_vcpus=1 "
               "loglvl=warning guest_loglvl=warning sched=credit")
        return ["-kernel", "xen", "-append", xen, "-initrd", f"vmlinux {self.dom0_words(waiting)},initrd"]


def _need(shape: Shape | type[Shape]) -> None:
    if not shutil.which(shape.QEMU):
        raise LabError(f"{shape.QEMU} is missing: {shape.BROUGHT_BY}")


def qemu_version() -> str:
    """QEMU's version, as it says; snapshots belong to one version."""
    _need(Shape)
    text = subprocess.run([Shape.QEMU, "--version"], capture_output=True, text=True).stdout
    return text.splitlines()[0] if text else "unknown"


def warn_of_new_qemu(version: str, types: str) -> None:
    found = re.search(r"version (\d+)\.", version)
    if found and int(found.group(1)) >= 10 and types == "pvh":
        say(f"{version}: PVH guests are known to die silently under QEMU 10 and later; 7.2 to 9 work")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class PipeEnd:
    """One end of a pipe, as far as it is used like a socket."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def setblocking(self, blocking: bool) -> None:
        os.set_blocking(self._descriptor, blocking)

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def close(self) -> None:
        os.close(self._descriptor)


def pipe() -> tuple[PipeEnd, PipeEnd]:
    """A pipe with much room: to read from, to write to.

    A socket takes some 280 writes, of a byte each, before somebody has read them; then the writer waits, and no two
    runs are the same. Bytes in a pipe lie side by side.
    """
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_ROOM)
    return PipeEnd(read), PipeEnd(write)


class Machine:
    """One QEMU and its channels. Use it in a `with`: it never outlives the block, nor this process."""

    def __init__(self, shape: Shape, log: Path) -> None:
        self.shape, self.log = shape, log
        self.channels: dict[str, socket.socket | PipeEnd] = {}
        self.process: subprocess.Popen | None = None

    def start(self, extra: list[str]) -> None:
        """Run QEMU; `extra` is what it boots, or "-incoming"."""
        _need(self.shape)
        theirs: list[socket.socket | PipeEnd] = []

        def channel(name: str) -> list[str]:
            if self.shape.icount and name != "monitor":
                mine, other = pipe()
                kind = f"file,id={name},path=/proc/self/fd/{other.fileno()}"
            else:
                mine, other = socket.socketpair()
                kind = f"socket,id={name},fd={other.fileno()}"
            self.channels[name] = mine
            theirs.append(other)
            return ["-chardev", kind]

        words = [self.shape.QEMU, *self.shape.arguments(), *channel("xen"), "-serial", "chardev:xen",
                 *channel("monitor"), "-mon", "chardev=monitor,mode=control",
                 "-device", f"virtio-serial-pci,max_ports={len(PORTS) + 1}"]
        for number, name in enumerate(PORTS, 1):
            words += [*channel(name), "-device", f"virtserialport,chardev={name},nr={number},name={name}"]
        words += extra
        with open(self.log, "w") as log:
            log.write(" ".join(words) + "\n")
            log.flush()
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.log.parent,
                pass_fds=[end.fileno() for end in theirs], preexec_fn=_die_with_parent)
        for end in theirs:
            end.close()
        for end in self.channels.values():
            end.setblocking(False)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
        for end in self.channels.values():
            end.close()
        self.channels.clear()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def how_it_ended(self) -> str:
        """One line on a QEMU that went away by itself."""
        status = self.process.wait() if self.process else None
        lines = self.log.read_text(errors="replace").strip().splitlines()[1:]
        return f"QEMU ended with status {status}" + (f": {lines[-1]}" if lines else "")


class Monitor:
    """QMP: enough of it for snapshots."""

    def __init__(self, end: socket.socket, timeout: float = 60) -> None:
        self._end = end
        self._end.setblocking(True)
        self._end.settimeout(timeout)
        self._text = b""
        self._receive()  # the greeting
        self.call("qmp_capabilities")

    def _receive(self) -> dict:
        while b"\n" not in self._text:
            try:
                more = self._end.recv(65536)
            except OSError as error:
                raise SnapshotError(f"QEMU's monitor does not answer ({error})") from error
            if not more:
                raise SnapshotError("QEMU's monitor is closed")
            self._text += more
        line, self._text = self._text.split(b"\n", 1)
        return json.loads(line)

    def hand_over(self, descriptor: int, name: str) -> None:
        """Give QEMU an open file under a name."""
        request = {"execute": "getfd", "arguments": {"fdname": name}}
        socket.send_fds(self._end, [json.dumps(request).encode() + b"\n"], [descriptor])
        self._answer("getfd")

    def call(self, command: str, **arguments: object) -> dict:
        request = {"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}
        try:
            self._end.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise SnapshotError(f"QEMU's monitor is gone ({error.strerror})") from error
        return self._answer(command)

    def _answer(self, command: str) -> dict:
        while True:
            answer = self._receive()
            if "error" in answer:
                raise SnapshotError(f"QEMU: {command}: {answer['error'].get('desc', answer['error'])}")
            if "return" in answer:
                return answer["return"]
