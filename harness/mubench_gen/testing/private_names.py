"""Finds what of mubench-gen a file of Python uses that is no public name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import mubench_gen

_PACKAGE = "mubench_gen"
_PUBLIC = frozenset({*mubench_gen.__all__, "testing"})


def private_names(file: Path) -> list[str]:
    """The names of ours that the file imports or uses and that are not public, each once."""
    if file.suffix != ".py":
        return []
    tree = ast.parse(file.read_bytes())
    called = {_PACKAGE}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            called |= {one.asname for one in node.names if one.name == _PACKAGE and one.asname}
    return list(dict.fromkeys(name for node in ast.walk(tree) for name in _private(node, called)))


def _private(node: ast.AST, called: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names if not _is_public(one.name))
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        names = (f"{node.module}.{one.name}" for one in node.names)
        yield from (name for name in names if not _is_public(name))
    elif isinstance(node, ast.Attribute):
        of_ours = isinstance(node.value, ast.Name) and node.value.id in called
        yield from (f"{_PACKAGE}.{name}" for name in [node.attr] if of_ours and name not in _PUBLIC)


def _is_public(name: str) -> bool:
    """Whether a dotted name is a name of the package, or of its conformance kit, or not ours."""
    package, _, rest = name.partition(".")
    if package != _PACKAGE or rest in ("", "*"):
        return True
    return rest in _PUBLIC or rest.startswith("testing.")
