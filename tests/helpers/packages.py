"""Heavy packages that are imported when a test uses them, not when it is collected."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class _Package:
    """Stands for a package until one of its public names is asked for.

    pytest asks each object of a module for names of its own (`__test__`, `pytestmark`).
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")) and name != "__version__":
            raise AttributeError(name)
        return getattr(import_module(self._name), name)


def package(name: str, reason: str | None = None) -> Any:
    """The package; without it, the tests of the module that asks for it are skipped.

    Each of pytest's processes collects all tests: torch, transformers and peft, imported at the
    top of a module, would cost each of them ten seconds.
    """
    if find_spec(name) is None:
        pytest.skip(reason or f"{name} is not installed", allow_module_level=True)
    return _Package(name)
