"""The API holds: everything public is documented, and nothing goes without having warned."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mubench_gen
from mubench_gen.plugins import deprecation
from mubench_gen.plugins.registry import Plugins
from mubench_gen.testing import check_plugin

from .helpers.plugin import write_plugin

DOCS = Path(__file__).parents[1] / "docs"
SNAPSHOTS = sorted((Path(__file__).parent / "api").glob("*.json"))
AGAIN = "python docs/make_api.py writes it again; look at what changed before you keep it"


def test_everything_public_is_documented(api: ModuleType) -> None:
    assert api.undocumented() == []


def test_the_page_is_as_the_code_is(api: ModuleType) -> None:
    assert api.page() == (DOCS / "api.md").read_text("utf-8"), AGAIN


def test_the_snapshot_of_this_version_is_as_the_code_is(api: ModuleType) -> None:
    stored = Path(__file__).parent / "api" / f"{mubench_gen.__version__}.json"
    assert json.loads(stored.read_text("utf-8")) == api.snapshot(), AGAIN


@pytest.mark.parametrize("stored", SNAPSHOTS, ids=lambda path: path.stem)
def test_nothing_of_an_earlier_version_is_broken(stored: Path, api: ModuleType) -> None:
    assert list(api.differences(json.loads(stored.read_text("utf-8")), api.snapshot())) == []


BREAKS = {
    "a name gone": (
        lambda new: new["names"].pop("Reply"), "Reply is gone without having warned",
    ),
    "a method gone": (
        lambda new: new["names"].pop("GenerativeModel.generate"), "generate is gone without",
    ),
    "a hook gone": (
        lambda new: new["hooks"].pop("mubench_gen_judge"), "mubench_gen_judge is gone without",
    ),
    "a check gone": (
        lambda new: new["checks"].remove("empty_batch"), "the check empty_batch is gone",
    ),
    "an argument gone": (
        lambda new: new["names"]["GenerativeModel.generate"].pop(), "the argument requests is go",
    ),
    "arguments exchanged": (
        lambda new: new["names"]["parse_answer"].reverse(), "the argument reply has another pl",
    ),
    "a default gone": (
        lambda new: new["names"]["Reply()"][1].__setitem__(2, False), "no default any more",
    ),
    "a new argument that is needed": (
        lambda new: new["hooks"]["mubench_gen_models"].append(["x", "KEYWORD_ONLY", False]),
        "the new argument x has no default",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", BREAKS)
def test_what_breaks_a_plugin_is_found(change: str, api: ModuleType) -> None:
    alter, found = BREAKS[change]
    old, new = api.snapshot(), copy.deepcopy(api.snapshot())
    alter(new)
    assert [what for what in api.differences(old, new) if found in what]


def test_what_is_added_breaks_nothing(api: ModuleType) -> None:
    old, new = api.snapshot(), copy.deepcopy(api.snapshot())
    new["names"]["Another"] = "class"
    new["names"]["Reply()"].append(["language", "POSITIONAL_OR_KEYWORD", True])
    new["hooks"]["mubench_gen_models"].append(["config", "POSITIONAL_OR_KEYWORD", True])
    new["checks"].append("another_check")
    assert list(api.differences(old, new)) == []


def test_what_warned_may_go_in_the_version_that_was_named(api: ModuleType) -> None:
    old, new = api.snapshot(), copy.deepcopy(api.snapshot())
    old["deprecated"] = {"Reply": "0.3", "empty_batch": "0.3"}
    del new["names"]["Reply"]
    new["checks"].remove("empty_batch")
    assert len(list(api.differences(old, {**new, "version": "0.2.0"}))) == 2
    assert list(api.differences(old, {**new, "version": "0.3.0"})) == []


SOON = deprecation.Deprecation("use Reply", "0.2", "0.3")


def test_a_deprecated_name_works_and_warns_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(deprecation.NAMES, "Text", SOON)
    monkeypatch.delitem(vars(mubench_gen), "Text", raising=False)
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match=r"mubench_gen\.Text is deprecated since") as w:
            assert mubench_gen.Text("a").text == "a"
        assert w[0].filename == __file__


def test_a_plugin_that_uses_a_deprecated_name_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(deprecation.NAMES, "Sampling", SOON)
    monkeypatch.delitem(vars(mubench_gen), "Sampling", raising=False)
    plugin = write_plugin(tmp_path / "mine.py", "def generate(self, requests): return []")
    plugin.write_text("from mubench_gen import Sampling\n" + plugin.read_text())
    Plugins([]).load(str(plugin))
    told = capsys.readouterr().err
    assert f"The plugin {plugin}: mubench_gen.Sampling is deprecated since mubench-gen 0.2" in told


def test_a_deprecated_check_is_run_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deprecation.CHECKS, "empty_batch", SOON)
    with pytest.warns(DeprecationWarning, match="The check 'empty_batch' is deprecated"):
        (result,) = check_plugin("echo", only=("empty_batch",))
    assert result.holds


def test_nothing_that_should_be_gone_by_now_is_still_there(api: ModuleType) -> None:
    now = api.snapshot()
    late = {name for name, removed in now["deprecated"].items() if api._reached(removed, now)}
    assert late == set()


def test_importing_the_public_names_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values: list[Any] = [getattr(mubench_gen, name) for name in mubench_gen.__all__]
    assert len(values) == len(mubench_gen.__all__)
