# SPDX-License-Identifier: GPL-2.0
"""Programs that guests have on request (--with NAME): packages, and which of their files.

They are too much for a waiting guest's console, so it is booted with them, and has a snapshot of
its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import elf
from .cpio import FileTree
from .images import LIBRARIES, library_dirs
from .packages import Store
from .paths import LabError


@dataclass(frozen=True)
class Extra:
    """What of a set of packages lies in the guest."""
    programs: dict[str, str]  # by their place in the guest
    files: re.Pattern[str]  # names of the others, which keep their place


EXTRAS = {
    "python": Extra(
        {"bin/python3": "usr/bin/python3.11"},
        # Modules that are single files, and the folders that they cannot do without; and pyxs.
        # The one shared object also shows the interpreter where such things are.
        re.compile(r"usr/lib/python3\.11/(\w+|(collections|importlib|re)/.*)\.py|"
                   r"usr/lib/python3\.11/encodings/(__init__|aliases|ascii|utf_8)\.py|"
                   r"usr/lib/python3\.11/lib-dynload/_queue\..*|"
                   r"usr/lib/python3/dist-packages/pyxs/\w+\.py")),
}


def add(tree: FileTree, store: Store, names: list[str], present: set[str]) -> None:
    """Put extras into a guest's tree; `present` says which files its image has."""
    for name in names:
        packages = store.tree(name)
        programs = {place: packages.path / source
                    for place, source in EXTRAS[name].programs.items()}
        search = library_dirs(packages, store.tree("xen"))
        libraries, missing = elf.closure(programs.values(), search)
        if missing:
            raise LabError(f"{name}: not in the fetched packages: {' '.join(missing)}")
        for place, path in programs.items():
            tree.add(place, path, 0o755)
        for library, path in libraries.items():
            place = ("lib64/" if library.startswith("ld-linux") else f"{LIBRARIES}/") + library
            if place not in present:
                tree.add(place, path, 0o755)
        for path in sorted(packages.path.rglob("*")):
            place = str(path.relative_to(packages.path))
            if path.is_file() and EXTRAS[name].files.fullmatch(place):
                tree.add(place, path)


def keys(store: Store, names: list[str]) -> list[str]:
    """Change when what add() puts into a guest does."""
    return [f"{store.tree(name).key} {EXTRAS[name]}" for name in names]
