# SPDX-License-Identifier: GPL-2.0
"""Debug kernels for guests (dom0 stays stock), built once from Debian's kernel source and kept in the cache.

A kernel is tinyconfig and the fragments of kernels/. It is built in one folder of the cache: what was interrupted goes
on where it stood, and what changed is built anew. A stamp, written last, says for what it is complete.

Two facts about Linux 6.1 shape all this. A PV guest never comes by kasan_early_init(), so KASAN is for PVH alone. And
some objects run before a sanitizer can (UNINSTRUMENTED); they are compiled without it, which is the only change to the
source.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

from . import apt, packages
from .kernel import ModuleTree
from .packages import Store
from .paths import REPO, XSLAB, LabError, UserError, digest, fresh_dir, fresh_file, locked, say

SOURCE_PACKAGE = "linux-source-6.1"
FRAGMENTS = XSLAB / "kernels"
# Sources that no guest of the lab needs: two thirds of all. What kconfig and kbuild read stays.
LEFT_OUT = [f"*/{place}/*.{kind}" for kind in ("[chS]", "dts*")
            for place in ("arch/[a-w]*", "arch/xtensa", "drivers/gpu", "drivers/media", "drivers/net/ethernet",
                          "drivers/net/wireless", "drivers/staging", "sound")] + ["*/Documentation/*.rst"]
UNINSTRUMENTED = {
    # xen_prepare_pvh() runs before kasan_early_init(), and so does all that it calls
    "arch/x86/platform/pvh": {"enlighten.o": ("KASAN", "UBSAN", "KCSAN")},
    "arch/x86/xen": {
        "enlighten_pvh.o": ("KASAN", "UBSAN", "KCSAN"),
        # xen_write_msr() runs while gs is zero, where KCSAN looks for the current task
        "enlighten_pv.o": ("KCSAN",),
    },
    "lib": {"string.o": ("KASAN", "UBSAN")},
}


@dataclass(frozen=True)
class DebugKernel:
    """A kernel to be built, and how a guest with it is to be run."""
    name: str
    fragments: tuple[str, ...]
    types: tuple[str, ...]
    memory: int  # MB
    slower: float  # than the stock kernel, as a factor for timeouts
    cmdline: str = ""
    looks: bool = True  # for faults: make debug runs every lab test in it
    waits: bool = True  # can take its work over the console: else there are no snapshots of it


DEBUG_KERNELS = {kernel.name: kernel for kernel in (
    DebugKernel("pvdbg", ("base", "common", "pvdbg"), ("pv", "pvh"), 320, 3),
    DebugKernel("kasan", ("base", "common", "kasan"), ("pvh",), 512, 5),
    # It finds races all over the kernel, which is no reason to panic: report.py picks those that are ours.
    # Its guests, restored, took their work in four of seven runs, and else kept a processor busy with nothing.
    DebugKernel("kcsan", ("base", "kcsan"), ("pv", "pvh"), 320, 5, "panic_on_warn=0", waits=False),
    # For test/packaging: it has a key of ours, which no distribution's kernel has.
    DebugKernel("signed", ("base", "signed"), ("pv", "pvh"), 128, 1, looks=False),
)}


@dataclass(frozen=True)
class GuestKernel:
    """What the lab needs of a guest's kernel, stock or built here."""
    base: str  # dom0's: the stock kernel's name in packages.KERNELS
    release: str
    key: str
    bzimage: Path
    modules: ModuleTree
    headers: Path  # for make -C
    options: tuple[str, ...] = ()  # for make


def names() -> list[str]:
    """All that --kernel takes."""
    return sorted(packages.KERNELS) + list(DEBUG_KERNELS)


def stock_kernels(dom0: str, name: str) -> list[str]:
    """All stock kernels of a run: dom0's, and the guest's where that is none of those built here."""
    return list(dict.fromkeys([dom0, *([] if name in DEBUG_KERNELS else [name])]))


def check_wish(name: str, kind: str) -> None:
    """Refuse what cannot boot, before anything is built."""
    kernel = DEBUG_KERNELS.get(name)
    if kernel and kind not in kernel.types:
        raise UserError(f"--kernel {name} boots as {' or '.join(kernel.types)} only: give --type {kernel.types[0]}")


def guest_kernel(store: Store, name: str) -> GuestKernel:
    """The guest's kernel by its name; fetched or built now if it is not here."""
    if name in DEBUG_KERNELS:
        return obtain(store, DEBUG_KERNELS[name])
    linux, headers = store.tree(f"kernel-{name}"), store.tree(f"headers-{name}")
    platform = store.platform
    cross = (f"ARCH={platform.arch}", f"CROSS_COMPILE={platform.cross}") if platform.foreign else ()
    return GuestKernel(platform.dom0, linux.release, digest([linux.key, headers.key]), packages.bzimage(linux),
                       ModuleTree(linux.path, linux.release), packages.headers_dir(headers),
                       packages.KERNELS[name].options + cross)


def obtain(store: Store, kernel: DebugKernel) -> GuestKernel:
    """A debug kernel, built now if it is not here or not of these fragments, this source and this compiler."""
    place, dom0 = _home(store) / kernel.name, store.platform.dom0
    with locked(place.parent / "source.lock"):
        source, source_key = _source(store)
    key = _key(kernel, source, source_key)
    built = _known(place, key, dom0)
    if built:
        return built
    with locked(place.parent / f"{kernel.name}.lock"):
        built = _known(place, key, dom0)
        if not built:
            _build(kernel, source, source_key, place, key)
            built = _known(place, key, dom0)
    if not built:
        raise LabError(f"the kernel {kernel.name} was built and is not there ({place})")
    return built


def is_built(store: Store, name: str) -> bool:
    """Whether that debug kernel is here, as it is wanted: nothing is fetched or built to say so."""
    source_key, _ = _source_here(store)
    kernel, home = DEBUG_KERNELS[name], _home(store)
    return bool(source_key and shutil.which("gcc") and
                _known(home / name, _key(kernel, home / "source", source_key), store.platform.dom0))


def _key(kernel: DebugKernel, source: Path, source_key: str) -> str:
    """What a kernel is made of."""
    return digest([source_key, str(source), *_compiler(), _wanted_config(kernel)])


def _home(store: Store) -> Path:
    """By its one true name, which is in what is built, so that several caches may share the kernels by a link."""
    return Path(os.path.realpath(store.cache / "kernels"))


def _known(place: Path, key: str, dom0: str) -> GuestKernel | None:
    try:
        facts = json.loads((place / "complete").read_text())
    except (OSError, ValueError):
        return None
    bzimage = place / "build/arch/x86/boot/bzImage"
    if facts.get("key") != key or not bzimage.exists():
        return None
    release = facts["release"]
    return GuestKernel(dom0, release, facts["made"], bzimage, ModuleTree(place / "modules", release),
                       place / "build")


# ---- the source


def _source_here(store: Store) -> tuple[str, str]:
    """The key of the unpacked source, empty where there is none that is as it is wanted; and how it is made."""
    recipe = digest([SOURCE_PACKAGE, *LEFT_OUT, json.dumps(UNINSTRUMENTED)])
    with contextlib.suppress(OSError, ValueError):
        package, made_by = (_home(store) / "source/.lab-complete").read_text().split()
        if made_by == recipe:
            return digest([package, recipe]), recipe
    return "", recipe


def _source(store: Store) -> tuple[Path, str]:
    """The unpacked source and its key; fetched now if it is not here. The caller has its lock."""
    place = _home(store) / "source"
    key, recipe = _source_here(store)
    if key:
        return place, key
    archive = apt.PrivateApt(store.cache, packages.kernel_named("6.1").suite)
    with locked(archive.lock):
        archive.update()
    say(f"fetching {SOURCE_PACKAGE} (0.14 GB)")
    deb = archive.download([SOURCE_PACKAGE])[SOURCE_PACKAGE]
    say("unpacking the kernel's source (once)")
    with fresh_dir(place) as work:
        packed = work / "packed"
        apt.unpack(deb, packed)
        tarball = next(packed.glob("usr/src/linux-source-*.tar.xz"), None)
        if not tarball:
            raise LabError(f"{deb.name} holds no source")
        words = ["tar", "-xJf", str(tarball), "-C", str(work), "--strip-components=1", "--wildcards",
                 *(f"--exclude={pattern}" for pattern in LEFT_OUT)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"cannot unpack {tarball.name}: {done.stderr.strip().splitlines()[-1:]}")
        shutil.rmtree(packed)
        for folder, objects in UNINSTRUMENTED.items():
            lines = [f"{which}_SANITIZE_{name} := n" for name, kinds in objects.items() for which in kinds]
            with open(work / folder / "Makefile", "a") as makefile:
                makefile.write("\n" + "\n".join(lines) + "\n")
        (work / ".lab-complete").write_text(f"{deb.name} {recipe}\n")
    return place, digest([deb.name, recipe])


# ---- the build


def _compiler() -> tuple[str, str]:
    """The same as the modules are compiled with, and its version."""
    name = "gcc-12" if shutil.which("gcc-12") else "gcc"
    if not shutil.which(name):
        raise LabError("gcc is missing: scripts/host-deps says how to get it")
    version = subprocess.run([name, "--version"], capture_output=True, text=True).stdout.splitlines()
    return name, version[0] if version else "unknown"


def _wanted_config(kernel: DebugKernel) -> str:
    return "".join((FRAGMENTS / f"{name}.config").read_text() for name in kernel.fragments)


def unmet(wanted: str, config: str) -> list[str]:
    """What a fragment asks for and a .config has not. A later line counts, not an earlier one."""
    def options(text: str) -> dict[str, str]:
        return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.M))

    have = options(config)
    return [f"{name}={value}" for name, value in options(wanted).items() if have.get(name, "n") != value]


def _need_host_programs() -> None:
    """flex, bison and the like: only those who build a kernel need them."""
    done = subprocess.run([str(REPO / "scripts/host-deps"), "kernels"], stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LabError("a kernel cannot be built without these programs")


def _build(kernel: DebugKernel, source: Path, source_key: str, place: Path, key: str) -> None:
    """Under the kernel's lock. The folder of an earlier try is gone on with, unless it has another source."""
    _need_host_programs()
    out, log = place / "build", place / "build.log"
    origin = place / "source"
    (place / "complete").unlink(missing_ok=True)
    if out.exists() and not (origin.exists() and origin.read_text() == source_key):
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    origin.write_text(source_key)
    log.write_text("")
    say(f"building the kernel {kernel.name} (once; about 5 minutes on two cores of its own); log: {log}")
    began = time.monotonic()
    make = ["nice", "-n", "19", "make", "-C", str(source), f"O={out}", f"CC={_compiler()[0]}", "LOCALVERSION="]
    _configure(kernel, make, out, log)
    _call([*make, f"-j{os.cpu_count() or 1}", "bzImage", "modules"], log)
    shutil.rmtree(place / "modules", ignore_errors=True)
    where = f"INSTALL_MOD_PATH={place / 'modules'}"
    _call([*make, where, "INSTALL_MOD_STRIP=1", "DEPMOD=true", "modules_install"], log)
    release = (out / "include/config/kernel.release").read_text().strip()
    bzimage = (out / "arch/x86/boot/bzImage").read_bytes()
    with fresh_file(place / "complete") as stamp:
        # The key says what it was made of; "made", what came out: images and modules belong to that.
        facts = {"key": key, "release": release, "made": digest([key, bzimage])}
        stamp.write_text(json.dumps(facts))
    say(f"the kernel {kernel.name} is built: {release}, {time.monotonic() - began:.0f} s")


def _configure(kernel: DebugKernel, make: list[str], out: Path, log: Path) -> None:
    config, wanted = out / ".config", _wanted_config(kernel)
    old = out / ".config.lab"
    if config.exists() and old.exists() and old.read_text() == wanted:
        return  # an interrupted build goes on with what it has
    config.unlink(missing_ok=True)
    _call([*make, "tinyconfig"], log)
    with open(config, "a") as handle:
        handle.write(wanted)
    _call([*make, "olddefconfig"], log)
    missing = unmet(wanted, config.read_text())
    if missing:
        raise LabError(f"the kernel {kernel.name} cannot have: {' '.join(missing)}")
    old.write_text(wanted)


@contextlib.contextmanager
def _ended_with_us(process: subprocess.Popen) -> Iterator[None]:
    """Whatever ends the lab ends make and all its children."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


def _call(words: list[str], log: Path) -> None:
    drop = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARCH", "CROSS_COMPILE", "KCONFIG_CONFIG")
    env = {name: value for name, value in os.environ.items() if name not in drop}
    with open(log, "a") as handle:
        handle.write(f"$ {' '.join(words)}\n")
        handle.flush()
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=handle, stderr=handle, env=env,
                                   start_new_session=True)
        with _ended_with_us(process):
            status = process.wait()
    if status:
        for line in _complaints(log.read_text(errors="replace").splitlines()):
            say(f"  | {line}")
        raise LabError(f"make {words[-1]} ended with status {status} (all of it: {log})")


def _complaints(lines: list[str]) -> Iterable[str]:
    return [line for line in lines if re.search(r"error|\*\*\*|No space", line, re.I)][-12:] or lines[-5:]
