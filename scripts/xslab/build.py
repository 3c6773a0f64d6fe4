# SPDX-License-Identifier: GPL-2.0
"""Builds the project's modules for the lab's kernel, from a copy of the sources, with the fetched headers.

The copy keeps the layout of the repository and the files' times, so that only what changed is compiled anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import debugkernel, platforms
from .debugkernel import GuestKernel
from .packages import Store
from .paths import REPO, BuildError, LabError, build_dir, digest, locked, say

SOURCE_SUFFIXES = {".c", ".h", ".S", ".lds"}
SOURCE_NAMES = {"Kbuild", "Makefile"}
# Folders of the repository that a module build may include from, and the top itself.
COPIED_FOLDERS = ("include",)
# Folders of test/ whose modules go along only when they are asked for: all that enters a guest takes time.
ON_REQUEST = ("bench", "failwork")
# Backends, and what uses the kernel's own xenbus or its probes, whose API changes: for the usual dom0's version of
# Linux and what is made from it; backends also for other dom0s'.
DOM0_FOLDERS = ("bad_back", "bench", "echo_back", "failwork")
BACKENDS = ("bad_back", "echo_back")
# Of Debian 12, whose libc6 the images hold.
IMAGE_GLIBC = (2, 36)


@dataclass
class Built:
    """What a build gave: stripped modules and static test programs, by file name."""
    release: str
    modules: dict[str, Path] = field(default_factory=dict)
    on_request: dict[str, dict[str, Path]] = field(default_factory=dict)  # by their folder
    programs: dict[str, Path] = field(default_factory=dict)


def _is_source(path: Path) -> bool:
    generated = path.name.endswith(".mod.c")
    return path.is_file() and not generated and (path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES)


def module_folders(source: Path) -> list[Path]:
    """Folders with a Kbuild of their own: the top and test/*/ ."""
    folders = [source] if (source / "Kbuild").exists() else []
    return folders + sorted(p.parent for p in (source / "test").glob("*/Kbuild"))


def _wanted(source: Path) -> dict[str, Path]:
    """Every file of the copy, by its place in the repository."""
    files = [p for p in source.iterdir() if _is_source(p)]
    for folder in COPIED_FOLDERS:
        files += [p for p in (source / folder).rglob("*") if _is_source(p)]
    for folder in module_folders(source):
        if folder != source:
            files += [p for p in folder.rglob("*") if _is_source(p)]
    return {str(p.relative_to(source)): p for p in files}


def _mirror(source: Path, copy: Path) -> str:
    """Bring the copy up to date; gives a key of the sources' names, sizes and times."""
    wanted = _wanted(source)
    facts = []
    for name, path in sorted(wanted.items()):
        there, here = copy / name, path.stat()
        facts.append(f"{name} {here.st_size} {here.st_mtime_ns}")
        if there.exists():
            old = there.stat()
            if (old.st_size, old.st_mtime_ns) == (here.st_size, here.st_mtime_ns):
                continue
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, there)
    for path in copy.rglob("*"):
        if _is_source(path) and str(path.relative_to(copy)) not in wanted:
            path.unlink()
    return digest(facts)


def left_out(kernel_name: str) -> set[str]:
    """Folders of test/ whose modules are not for this kernel."""
    if kernel_name == platforms.USUAL.dom0 or kernel_name in debugkernel.DEBUG_KERNELS:
        return set()
    backends = BACKENDS if kernel_name in [p.dom0 for p in platforms.PLATFORMS] else ()
    return set(DOM0_FOLDERS).difference(backends)


def _compiler(cross: str) -> str:
    found = next((name for name in (f"{cross}gcc-12", f"{cross}gcc") if shutil.which(name)), None)
    if not found:
        raise LabError(f"{cross}gcc is missing: scripts/host-deps {'arm64' if cross else 'lab'} brings it")
    return found


def _make(kernel: GuestKernel, compiler: str, folder: Path, copy: Path, symbols: Path | None, log: Path) -> None:
    command = ["make", "-s", "-C", str(kernel.headers), f"M={folder}", f"-j{os.cpu_count() or 1}", f"CC={compiler}",
               *kernel.options, "modules"]
    if symbols:
        command.append(f"KBUILD_EXTRA_SYMBOLS={symbols}")
    dropped = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARCH", "CROSS_COMPILE")
    env = {k: v for k, v in os.environ.items() if k not in dropped}
    # What is built is the same wherever that is: the names of files are in warnings, and of other lengths elsewhere.
    env["KCFLAGS"] = f"{env.get('KCFLAGS', '')} -ffile-prefix-map={copy}/="
    done = subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    text = (done.stdout + done.stderr).replace(f"{copy}/", "")
    with open(log, "a") as out:
        out.write(f"$ {' '.join(command)}\n{text}")
    lines = [line for line in text.splitlines() if line.strip() and "Skipping BTF generation" not in line]
    if done.returncode:
        raise BuildError("\n".join(lines + [f"the modules do not build (all of it: {log})"]))
    for line in lines:
        say(line)


def build(store: Store, kernel_name: str, source: Path) -> Built:
    """Build what there is; says nothing when all is well. Raises BuildError with the compiler's lines."""
    kernel = debugkernel.guest_kernel(store, kernel_name)
    release = kernel.release
    # Another source tree (XSFRONT_SRC) is built beside this one's modules, not over them.
    name = release if source == REPO else f"{release}-{digest([str(source)])}"
    place = build_dir() / name
    with locked(build_dir() / f"{name}.lock"):
        copy, out = place / "src", place / "out"
        copy.mkdir(parents=True, exist_ok=True)
        out.mkdir(exist_ok=True)
        built = Built(release)
        key = digest([_mirror(source, copy), kernel.key, str(kernel.headers), *sorted(left_out(kernel_name))])
        stamp = place / "built"
        if not (stamp.exists() and stamp.read_text() == key):
            stamp.unlink(missing_ok=True)
            folders = [f for f in module_folders(source) if f == source or f.name not in left_out(kernel_name)]
            _build_modules(kernel, store.platform.cross, folders, source, place)
            stamp.write_text(key)
        built.modules = {p.name: p for p in sorted(out.glob("*.ko"))}
        for folder in ON_REQUEST:
            built.on_request[folder] = {p.name: p for p in sorted((out / folder).glob("*.ko"))}
        built.programs = _build_programs(store.platform.cross, source, place / "programs")
        return built


def _forget_symbols(known: Path, symbols: Path) -> None:
    """Has kbuild look again at the symbols that a module uses: it does not when only their versions are others."""
    if known.exists() and known.stat().st_mtime < symbols.stat().st_mtime:
        known.unlink()


def _build_modules(kernel: GuestKernel, cross: str, folders: list[Path], source: Path, work: Path) -> None:
    copy, out, log = work / "src", work / "out", work / "build.log"
    compiler = _compiler(cross)
    log.write_text("")
    for old in out.rglob("*.ko"):
        old.unlink()
    symbols = None
    for folder in folders:
        place = copy / folder.relative_to(source)
        if symbols:
            _forget_symbols(place / "Module.symvers", symbols)
        _make(kernel, compiler, place, copy, symbols, log)
        if folder == source:
            symbols = copy / "Module.symvers"
        target = out / folder.name if folder.name in ON_REQUEST and folder != source else out
        target.mkdir(exist_ok=True)
        for module in place.glob("*.ko"):
            # Without debug information: a tenth of the size, and it has to travel into guests.
            subprocess.run([f"{cross}objcopy", "--strip-debug", str(module), str(target / module.name)], check=True)


def _runs_in_image() -> bool:
    """Whether what this host links dynamically finds a C library new enough in the images."""
    try:
        name, version = os.confstr("CS_GNU_LIBC_VERSION").split()
        return name == "glibc" and tuple(map(int, version.split("."))) <= IMAGE_GLIBC
    except (AttributeError, ValueError, OSError):
        return False


def _build_programs(cross: str, source: Path, out: Path) -> dict[str, Path]:
    """test/prog/*.c: dynamic where the images can run that (it is a fiftieth of the size), else static."""
    programs = {}
    ways = [[], ["-static"]] if _runs_in_image() else [["-static"], []]
    headers = max((p.stat().st_mtime_ns for p in (source / "test/prog").glob("*.h")), default=0)
    for file in sorted((source / "test/prog").glob("*.c")):
        target = out / file.stem
        if not target.exists() or target.stat().st_mtime_ns <= max(headers, file.stat().st_mtime_ns):
            out.mkdir(exist_ok=True)
            common = [f"{cross}gcc", "-O2", "-s", "-pthread", f"-I{source / 'include'}", "-o", str(target), str(file)]
            for way in ways:
                done = subprocess.run(common + way, capture_output=True, text=True)
                if done.returncode == 0:
                    break
            else:
                raise BuildError(done.stderr.strip())
        programs[file.stem] = target
    return programs
