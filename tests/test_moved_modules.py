"""What was importable in 0.1 still is, and says where it is now."""

from __future__ import annotations

import importlib
import sys

import pytest

import mubench_gen
from mubench_gen.plugins.deprecation import MubenchDeprecationWarning
from mubench_gen.plugins.moved_modules import MOVED, new_place

LIGHT = [old for old in MOVED if not old.startswith(("engines.", "on_ray"))]


@pytest.mark.parametrize("old", LIGHT)
def test_an_old_module_is_the_new_one_and_warns(old: str) -> None:
    sys.modules.pop(f"mubench_gen.{old}", None)
    with pytest.warns(MubenchDeprecationWarning, match=MOVED[old].replace(".", r"\.")):
        module = importlib.import_module(f"mubench_gen.{old}")
    new = importlib.import_module(f"mubench_gen.{MOVED[old]}")
    assert module is new
    assert new.__spec__ is not None
    assert new.__spec__.name == f"mubench_gen.{MOVED[old]}"


def test_a_module_of_a_moved_package_is_found() -> None:
    assert new_place("mubench_gen.page.gallery") == "mubench_gen.report.html.gallery"
    sys.modules.pop("mubench_gen.page.gallery", None)
    sys.modules.pop("mubench_gen.page", None)
    with pytest.warns(MubenchDeprecationWarning):
        module = importlib.import_module("mubench_gen.page.gallery")
    assert module is importlib.import_module("mubench_gen.report.html.gallery")


@pytest.mark.parametrize("name", ["mubench_gen.nothing", "mubench_gen.cli.nothing", "json.nothing"])
def test_a_module_that_never_was_is_still_not_found(name: str) -> None:
    assert new_place(name) is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


@pytest.mark.parametrize(
    ("package", "name"),
    [("plugins", "Plugins"), ("plan", "make_plan"), ("report", "print_report")],
)
def test_names_of_a_module_that_is_a_package_now_are_found_there(package: str, name: str) -> None:
    module = importlib.import_module(f"mubench_gen.{package}")
    with pytest.warns(MubenchDeprecationWarning):
        assert callable(getattr(module, name))
    with pytest.raises(AttributeError, match="nothing"):
        _ = module.nothing


def test_the_public_modules_stay_where_they_are() -> None:
    for name in ("model", "types", "errors", "testing"):
        assert new_place(f"{mubench_gen.__name__}.{name}") is None
