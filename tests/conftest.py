"""Fixtures for all tests: a folder to work in, small data, and the command.

`mubench` runs the command as a process; `here` runs it in this process, which is faster
and lets a bug's own exception through.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .helpers.command import Command, Outcome
from .helpers.data import write_data

Here = Callable[..., Outcome]
# A model's process for each of a thousand small runs would double the time of the tests; what only
# a process shows is tested with the fixture `hosted`.
os.environ.setdefault("MUBENCH_GEN_IN_PROCESS", "1")
os.environ["MUBENCH_GEN_CONFIG"] = ""  # whatever the developer's own file says
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and tables in pipes honour it


# Begun first, so that at the end no process is left alone with the file that takes longest.
_LONGEST = "test_wheel.py"


@pytest.hookimpl(tryfirst=True)  # before those that are not asked for are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked `first(n)`, the cases behind the first n are for `make test-all`."""
    items.sort(key=lambda item: item.path.name != _LONGEST)
    seen = Counter[str]()
    for item in items:
        if (mark := item.get_closest_marker("first")) is not None:
            name = item.nodeid.partition("[")[0]
            seen[name] += 1
            if seen[name] > mark.args[0]:
                item.add_marker(pytest.mark.exhaustive)


@pytest.fixture
def mubench(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    from mubench_gen.__main__ import _run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*args: str | Path) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["mubench-gen", *map(str, args)])
        code = _run()
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def opened() -> Callable[..., Any]:
    """Makes a model object into what a run asks; for folders that cannot import the helper."""
    from .helpers.asking import opened

    return opened


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models run as users have them: each in a process of its own."""
    monkeypatch.delenv("MUBENCH_GEN_IN_PROCESS")


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What a test had known is no secret of the next one's, which is not quiet for its -q."""
    from mubench_gen.console.masking import forget
    from mubench_gen.console.notes import USUAL, set_verbosity

    yield
    forget()
    set_verbosity(USUAL)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A data set of three images with two questions each."""
    return write_data(tmp_path / "cells")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path, for distributions; what is imported from it is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
    for name in (name for name, file in files.items() if file.startswith(str(folder))):
        del sys.modules[name]


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """A shell has what it runs in the background ignore Ctrl-C, and nohup a terminal that closes;
    the tests send both for real."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(params=[200, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def inputs(request: pytest.FixtureRequest) -> int:
    """How many damaged inputs a fuzz test reads: few in `make test`, many in `make test-all`."""
    return int(request.param)


@pytest.fixture(autouse=True)
def the_hub_is_tried_again() -> Iterator[None]:
    """A run that finds the hub out of reach tells its process not to try: not the next test's."""
    before = os.environ.get("HF_HUB_OFFLINE")
    yield
    os.environ.pop("HF_HUB_OFFLINE", None)
    if before is not None:
        os.environ["HF_HUB_OFFLINE"] = before
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:  # it may have been imported while the test's own switch was set
        constants.HF_HUB_OFFLINE = (before or "").upper() in {"1", "ON", "YES", "TRUE"}  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def api() -> ModuleType:
    """docs/make_api.py, which knows what is public."""
    path = Path(__file__).parents[1] / "docs" / "make_api.py"
    spec = importlib.util.spec_from_file_location("make_api", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
