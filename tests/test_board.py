"""The board of several runs: models × tasks, on shared items, with what is tied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.compare.board import Board
from mubench_gen.compare.boards import boards
from mubench_gen.errors import SettingError

from .helpers.plugin import write_plugin
from .spine import make_row, write_data

Make = Callable[..., mubench_gen.Run]
MODELS = {
    "right": "request.labels[0]",
    "wrong": "request.labels[-1]",
    "nearly": "request.labels[-1 if draw(request) % 12 == 0 else 0]",
}
BODY = "def generate(self, requests): return [{} for request in requests]"
TASKS = ("modality", "stain")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run by a model that is right, wrong or nearly right on each item."""
    for name, label in MODELS.items():
        path = write_plugin(tmp_path / f"{name}.py", BODY.format(label))
        source = path.read_text().replace('"mine"', f'"{name}"')
        path.write_text(f"from mubench_gen_plugins.echo import draw\n{source}")
    kinds = ("light", "electron")
    rows = [
        make_row(i, dataset="cells", gold=0, questions=TASKS, modality=kinds[i % 2])
        for i in range(24)
    ]
    data = write_data(tmp_path / "slides", rows)

    def made(plugin: str, name: str | None = None, **settings: Any) -> mubench_gen.Run:
        given = {"prompt": "letter", "tasks": list(TASKS), "data": data, **settings}
        folder = tmp_path / "runs" / (name or plugin)
        return mubench_gen.evaluate(plugin=str(tmp_path / f"{plugin}.py"), run_dir=folder, **given)

    return made


def standings(board: Board, name: str) -> list[tuple[str, str]]:
    (row,) = [row for row in board.rows if row.name == name]
    return [(e.label, c.standing) for e, c in zip(board.entrants, row.cells, strict=True)]


def test_a_model_leads_only_where_the_paired_test_tells_it_from_all_others(make: Make) -> None:
    (board,) = boards([make("wrong"), make("nearly"), make("right")])
    assert [one.place for one in board.entrants] == [1, 2, 3]
    tied = [("right", "tied"), ("nearly", "tied"), ("wrong", "behind")]
    for name in ("pooled", "modality", "stain", "light", "electron"):
        found = dict(standings(board, name))
        assert found["wrong"] == "behind"
        assert found["right"] == found["nearly"] == "tied"
    assert standings(board, "pooled") == tied
    assert "not known to be ahead of nearly" in board.lead[0]
    assert "ahead of wrong" in board.lead[0]
    (two,) = boards([make("wrong"), make("right")])
    assert standings(two, "pooled") == [("right", "leads"), ("wrong", "behind")]
    assert "right leads with 100.0 %" in two.lead[0]


def test_what_no_model_can_do_and_what_needs_no_image_is_said(make: Make) -> None:
    run = make("right")
    (board,) = boards([make("wrong"), run, make("right", "blind", control="blind")])
    assert [(one.label, one.place) for one in board.entrants] == [
        ("right", 1), ("wrong", 2), ("right · blind", None),
    ]  # fmt: skip
    assert all(row.cells[2].standing == "" for row in board.rows)
    assert "Some model is above chance on every task." in board.lead
    assert board.lead[-1] == "Without the images: right · blind 100.0 %."
    (hopeless,) = boards([make("wrong"), make("wrong", "again", prompt="paper")])
    assert "No model is known to be above chance on modality or stain." in hopeless.lead
    assert hopeless.lead[0].startswith("wrong · letter and wrong · paper share the lead with 0.0 %")
    assert "--control blind" in hopeless.lead[-1]


def test_runs_of_unlike_items_are_scored_on_those_that_all_answered(make: Make) -> None:
    run, part = make("nearly"), make("wrong", limit=4)
    (board,) = boards([run, part])
    assert (board.items, board.items_in_any) == (8, 48)
    assert {cell.n for row in board.rows if row.part == "tasks" for cell in row.cells} == {4}
    shared = {record["item"] for record in part.records()}
    right = [record["correct"] for record in run.records() if record["item"] in shared]
    assert board.rows[0].cells[0].value == pytest.approx(sum(right) / 8)
    assert any("the items differ" in note for note in board.notes)


def test_runs_that_share_no_item_stand_on_boards_of_their_own(make: Make, tmp_path: Path) -> None:
    rows = [make_row(i, dataset="other", questions=TASKS) for i in range(3)]
    other = make("right", "other", data=write_data(tmp_path / "others", rows))
    found = boards([make("right"), other, make("wrong")])
    assert [[one.label for one in board.entrants] for board in found] == [
        ["right", "wrong"], ["other"],
    ]  # fmt: skip


def test_a_field_that_no_item_has_is_refused(make: Make) -> None:
    runs = [make("right"), make("wrong")]
    (board,) = boards(runs, by=["image_id"])
    assert len([row for row in board.rows if row.part == "image_id"]) == 24
    with pytest.raises(SettingError, match="No record has a field 'colour'"):
        boards(runs, by=["colour"])
