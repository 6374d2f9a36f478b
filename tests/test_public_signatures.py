"""Whatever a public signature names can be imported, and is on the page of the API."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import typing
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest

NOT_MADE = {"OpenedModel"}  # by its users: `open_model` gives one


@cache
def names_in(module: str) -> dict[str, Any]:
    """What a module's annotations may name, with what it imports for its types alone."""
    found = dict(vars(sys.modules[module]))
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module, "exec"), found)
    return found


def hints(function: Any) -> dict[str, Any]:
    function = inspect.unwrap(function)
    return typing.get_type_hints(function, names_in(function.__module__))


def fields(thing: type) -> Iterator[tuple[str, Any]]:
    """The annotated attributes of a class and its bases."""
    for base in thing.__mro__:
        if base.__module__.startswith("mubench_gen"):
            for name, kind in inspect.get_annotations(base).items():
                if not name.startswith("_"):
                    named = names_in(base.__module__)
                    yield name, eval(kind, dict(named)) if isinstance(kind, str) else kind


def functions(name: str, thing: type, members: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for member, value in members.items():
        found = getattr(value, "fget", None) or getattr(value, "func", None) or value
        if isinstance(value, dataclasses.Field):
            continue
        if inspect.isfunction(found) or inspect.ismethod(found):
            yield f"{name}.{member}", found
    for base in thing.__mro__:
        made = vars(base).get("__init__")
        ours = base.__module__.startswith("mubench_gen") and not dataclasses.is_dataclass(base)
        own = ours and inspect.isfunction(made)  # a data class has its fields as arguments
        if own and name not in NOT_MADE:
            yield f"{name}()", made


def kinds(api: ModuleType) -> Iterator[tuple[str, Any]]:
    """Each annotation of a public signature, with the place where it stands."""
    for name, thing in {**api.public(), **api.hooks_of()}.items():
        if inspect.isfunction(thing):
            yield from ((f"{name}({part})", kind) for part, kind in hints(thing).items())
        elif isinstance(thing, type) and thing.__module__.startswith("mubench_gen"):
            yield from ((f"{name}.{part}", kind) for part, kind in fields(thing))
            for where, function in functions(name, thing, api.members(thing)):
                yield from ((f"{where}({p})", kind) for p, kind in hints(function).items())


def parts(kind: Any) -> Iterator[Any]:
    """A type with all that stands in its brackets."""
    yield kind
    for part in typing.get_args(kind):
        for one in part if isinstance(part, list) else [part]:
            yield from parts(one)


def unknown(api: ModuleType) -> dict[str, str]:
    """The types of ours that a public signature names and nobody can import, with a place."""
    known = list(api.public().values())
    return {
        f"{part.__module__}.{part.__qualname__}": where
        for where, kind in kinds(api)
        for part in parts(kind)
        if isinstance(part, type) and part.__module__.startswith("mubench_gen")
        if part not in known
    }


def test_every_type_in_a_public_signature_is_public(api: ModuleType) -> None:
    assert unknown(api) == {}


def test_every_public_name_is_a_heading_of_the_page(api: ModuleType) -> None:
    page = api.PAGE.read_text("utf-8")
    named = [name for name in api.public() if name not in api.APART]
    assert [name for name in named if f"`{name}`" not in page] == []


def test_a_type_that_is_not_exported_would_be_found(
    api: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = {name: one for name, one in api.public().items() if name not in ("Reply", "Bin")}
    monkeypatch.setattr(api, "public", lambda: public)
    found = unknown(api)
    assert {"mubench_gen.types.reply.Reply", "mubench_gen.scores.calibration.Bin"} == set(found)
