"""How the modules of the harness hang together, told from their sources."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import mubench_gen

ROOT = Path(mubench_gen.__file__).parent
PACKAGES = ["parser", "engines", "inference", "prompts", "scores", "runs"]


@cache
def modules() -> dict[str, ast.Module]:
    """Every module by its full name, parsed."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.Module, *, for_types: bool = True) -> Iterator[str]:
    """The modules that a module imports, wherever in it: late ones too, and `for_types` alone."""
    typed = [
        one for one in tree.body if isinstance(one, ast.If) and "TYPE_CHECKING" in ast.dump(one)
    ]
    left_out = {id(node) for one in typed for node in ast.walk(one) if not for_types}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else node.module


@pytest.mark.parametrize("package", PACKAGES)
def test_the_modules_of_a_package_do_not_import_each_other_in_circles(package: str) -> None:
    own = {name for name in modules() if name.startswith(f"mubench_gen.{package}")}
    assert len(own) > 3
    has_no_circle({name: (own & set(imported(modules()[name]))) - {name} for name in own})


def test_in_no_package_modules_import_each_other_in_circles_when_they_run() -> None:
    by_package: defaultdict[str, set[str]] = defaultdict(set)
    for name in modules():
        by_package[".".join(name.split(".")[:2])].add(name)
    assert len(by_package) > 20
    for own in by_package.values():
        has_no_circle(
            {name: (own & set(imported(modules()[name], for_types=False))) - {name} for name in own}
        )


def has_no_circle(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_a_class_has_a_name_of_its_own() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_a_file_has_at_most_300_lines() -> None:
    files = [path for path in ROOT.rglob("*.py") if len(path.read_text("utf-8").splitlines()) > 300]
    assert not files
