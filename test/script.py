# SPDX-License-Identifier: GPL-2.0
"""Programs of ours whose names do not end in .py, as modules, for tests and for each other."""
from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(name: str, path: Path) -> ModuleType:
    """Runs the program's definitions as the module of that name."""
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec
    module = sys.modules[name] = importlib.util.module_from_spec(spec)   # dataclasses look there
    loader.exec_module(module)
    return module
