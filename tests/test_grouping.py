"""`report --group FACT`: generalists against specialists, on the same items."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen import SettingError
from mubench_gen.compare.comparison import compare
from mubench_gen.compare.groups import label_runs
from mubench_gen.compare.model_groups import Grouping, group_runs

from .conftest import Here
from .spine import evaluate, make_row, write_data, write_plugin

PLUGIN = """
import mubench_gen
from mubench_gen_plugins.echo import draw


class Sure(mubench_gen.GenerativeModel):
    batch_size = 64
    often = 1.0

    def generate(self, requests):
        found = []
        for request in requests:
            hit = draw(request) % 100 < 100 * self.often
            found.append("ABC"[len(request.text) % 3] if not hit else self.right(request))
        return found

    def right(self, request):
        return request.labels[0]


class Half(Sure):
    often = 0.5


@mubench_gen.hookimpl
def mubench_gen_models():
    spec = mubench_gen.ModelSpec
    return [
        spec("sure", Sure, facts={"domain": "Web images", "family": "S"}),
        spec("half", Half, facts={"domain": "pathology", "family": "S", "base": "sure"}),
        spec("third", Half, facts={"domain": "biomedicine", "family": "T"}),
        spec("silent", Half),
    ]
"""


MODELS = ("sure", "half", "third", "silent")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    data = write_data(folder / "cells", [make_row(i, gold=0) for i in range(30)])
    plugin = write_plugin(folder, PLUGIN, "models")
    for name in MODELS:
        evaluate(plugin, folder / name, data=data, model=name)
    return folder


@pytest.fixture
def data(tmp_path: Path, runs: list[mubench_gen.Run]) -> Path:
    return tmp_path / "cells"


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> list[mubench_gen.Run]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return [mubench_gen.load_run(tmp_path / name) for name in MODELS]


def grouped(runs: Sequence[mubench_gen.Run], fact: str = "scope") -> Grouping:
    return group_runs(runs, label_runs(runs), fact=fact)


def test_models_are_grouped_by_what_their_plugins_say(runs: list[mubench_gen.Run]) -> None:
    found = grouped(runs)
    assert {group.name: group.runs for group in found.groups} == {
        "generalist": ("sure",),
        "specialist": ("half", "third"),
    }
    assert found.left_out == (("silent", "its plugin states no domain"),)
    assert {group.name: group.runs for group in grouped(runs, "model.family").groups} == {
        "S": ("sure", "half"),
        "T": ("third",),
    }


def test_a_group_scores_the_mean_of_its_models_on_the_items_that_all_have(
    runs: list[mubench_gen.Run],
) -> None:
    found = grouped(runs)
    pooled = {one.group: one for one in found.scores if one.part == "pooled"}
    assert pooled["generalist"].accuracy == 1.0
    accuracies = [run.scores.pooled.accuracy for run in runs[1:3]]
    assert pooled["specialist"].accuracy == pytest.approx(sum(map(float, accuracies)) / 2)
    assert {one.n for one in pooled.values()} == {150}
    low, high = pooled["generalist"].ci95
    assert 0.8 < low < high == 1.0  # everything right is no proof of everything
    assert pooled["generalist"].above_chance
    assert pooled["generalist"].chance == pytest.approx(runs[0].scores.pooled.chance)
    (difference,) = [one for one in found.differences if one.part == "pooled"]
    expected = pooled["generalist"].accuracy - pooled["specialist"].accuracy
    assert difference.paired.difference == pytest.approx(expected)
    assert {one.name for one in found.scores if one.part == "tasks"} == set(runs[0].scores.tasks)


def test_several_runs_of_a_model_weigh_as_one(
    runs: list[mubench_gen.Run], data: Path, tmp_path: Path
) -> None:
    again = evaluate(tmp_path / "models.py", tmp_path / "again", data=data, model="half", seed=1)
    two, three = (
        {one.group: one.accuracy for one in grouped(some).scores if one.part == "pooled"}
        for some in (runs[:3], [*runs[:3], again])
    )
    assert two == pytest.approx(three)
    compared = compare([*runs[:3], again], group="scope", intersection=True)
    (difference,) = [one for one in compared.differences if one.part == "pooled"]
    assert difference.paired.difference == pytest.approx(three["generalist"] - three["specialist"])


def test_unfinished_runs_and_controls_are_in_no_mean(
    here: Here, runs: list[mubench_gen.Run], data: Path, tmp_path: Path
) -> None:
    blind = evaluate(
        tmp_path / "models.py", tmp_path / "blind", data=data, model="third", control="blind"
    )
    records = runs[1].dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:20]))
    several = [runs[0], mubench_gen.load_run(runs[1].dir), runs[2], blind]
    found = grouped(several)
    assert dict(found.left_out) == {
        label_runs(several)[1]: "unfinished: 20 of 150 items",
        label_runs(several)[3]: "control: blind",
    }
    (specialist,) = [
        one for one in found.scores if (one.group, one.part) == ("specialist", "pooled")
    ]
    assert specialist.accuracy == runs[2].scores.pooled.accuracy
    printed = here("report", *(run.dir for run in several), "--group", "scope").out
    assert "unfinished: 20 of 150 items" in printed


def test_runs_that_share_no_item_are_not_held_side_by_side(
    here: Here, runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    other = write_data(tmp_path / "other", [make_row(i, dataset="other") for i in range(4)])
    apart = evaluate(tmp_path / "models.py", tmp_path / "apart", data=other, model="half")
    found = grouped([runs[0], apart])
    assert (found.items, found.scores, found.differences) == (0, (), ())
    assert any("share no item" in note for note in found.notes)
    printed = here("report", runs[0].dir, apart.dir, "--group", "scope")
    assert printed.code == 0
    assert "share no item" in printed.out


def test_the_command_prints_the_groups_and_their_difference(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    printed = here("report", *(run.dir for run in runs), "--group", "scope")
    assert printed.code == 0, printed.err
    assert "generalist − specialist" in printed.out
    assert "Left out of the groups: silent (its plugin states no domain)." in printed.out
    document = json.loads(
        here("report", *(run.dir for run in runs), "--group", "scope", "--json").out
    )
    assert len(document["runs"]) == 4
    assert [group["name"] for group in document["groups"]["groups"]] == ["generalist", "specialist"]
    assert document["groups"]["differences"][0]["ci95"][0] > 0


def test_one_group_alone_says_that_there_is_nothing_to_compare(
    here: Here,
    runs: list[mubench_gen.Run],
) -> None:
    printed = here("report", runs[1].dir, runs[2].dir, "--group", "scope").out
    assert "in one group (specialist)" in printed


def test_an_unknown_fact_is_refused_with_near_names(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    with pytest.raises(SettingError, match=r"model\.family"):
        grouped(runs, "famly")
    refused = here("report", runs[0].dir, "--group", "famly")
    assert refused.code == 2
    assert "model.family" in refused.err
