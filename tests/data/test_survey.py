"""`data info` on Arrow and Parquet files: as by a look at every row, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset, survey
from mubench_gen.data.arrow import ArrowDataset
from mubench_gen.data.survey import _counted, _looked_at, _skimmed
from mubench_gen.errors import DataError
from mubench_gen.tasks.task import load_tasks

from .release import (
    NONE,
    Row,
    make_row,
    pa,
    schema,
    trapped_rows,
    with_question,
    write_parquet,
    write_stream,
)


def with_caption(row: Row, name: str, **changes: Any) -> Row:
    return {**row, "captions": {**row["captions"], name: {**row["captions"][name], **changes}}}


def without_caption(row: Row, name: str) -> Row:
    return {**row, "captions": {**row["captions"], name: None}}


SOUND: list[Callable[[Row], Row]] = [
    lambda row: with_question(
        {**row, "captions": {}}, "stain", options=["a", "b"], answer="b", answer_idx=1
    ),
    lambda row: with_question(row, "stain", answer=None),
    lambda row: without_caption(row, "stain_0"),
    lambda row: with_caption(row, "stain_1", answer_idx=None),
    lambda row: {**row, "captions": None},
    lambda row: {**row, "bbox": [], "polygon": []},
]
FAULTY: list[Callable[[Row], Row]] = [
    lambda row: with_question(row, "stain", options=["a"], answer="a", answer_idx=0),
    lambda row: with_question(row, "stain", options=None),
    lambda row: with_question(row, "stain", options=["a", None], answer="a", answer_idx=0),
    lambda row: with_question(row, "stain", options=["a", " \t"], answer="a", answer_idx=0),
    lambda row: with_question(row, "stain", options=["a", "b", "a"], answer=None, answer_idx=0),
    lambda row: with_question(row, "stain", answer_idx=6),
    lambda row: with_question(row, "stain", answer_idx=-1),
    lambda row: with_question(row, "stain", answer_idx=None),
    lambda row: with_question(row, "stain", answer="PAS", answer_idx=0),
    lambda row: with_question(row, "stain", answer="no option"),
    lambda row: with_question(row, "stain", question=None),
    lambda row: with_question(row, "stain", question=""),
    lambda row: with_caption(row, "stain_0", options=["one", "two"]),
    lambda row: with_caption(row, "stain_0", options=["", "b", "c", "d", "e", NONE]),
    lambda row: with_caption(row, "stain_1", answer_idx="5"),
    lambda row: with_caption(row, "stain_1", answer_idx="B"),
    lambda row: with_caption(row, "stain_1", options=None),
    lambda row: {**row, "image": {"bytes": None, "path": "x.png"}},
    lambda row: {**row, "image_id": ""},
    lambda row: {**row, "bbox": [{"className": "a", "points": None}]},
]


def of(path: Path, count: Any) -> Any:
    """What a way of counting finds, or the message of its error."""
    dataset = open_dataset(str(path))
    assert isinstance(dataset, ArrowDataset)
    try:
        return _counted(count(dataset), load_tasks())
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("write", [write_stream, write_parquet])
def test_counts_are_those_of_a_look_at_every_row(tmp_path: Path, write: Any) -> None:
    rows = [*trapped_rows(), *(change(make_row(20 + i)) for i, change in enumerate(SOUND))]
    path = write(tmp_path / "rows.arrow", rows)
    found, expected = of(path, _skimmed), of(path, _looked_at)
    assert (found.datasets, found.images) == (expected.datasets, expected.images)
    for name, one in found.tasks.items():
        assert one.questions == expected.tasks[name].questions
        assert one.chances == pytest.approx(expected.tasks[name].chances)


@pytest.mark.parametrize("change", FAULTY)
def test_a_fault_is_found_as_by_a_look_at_every_row(
    tmp_path: Path, change: Callable[[Row], Row]
) -> None:
    rows = [make_row(0), make_row(1), change(make_row(2)), make_row(3)]
    path = write_stream(tmp_path / "rows.arrow", rows, batch=2)
    found = of(path, _skimmed)
    assert isinstance(found, str)
    assert "row 3" in found
    assert found == of(path, _looked_at)


def test_an_answer_idx_of_text_is_read_as_one_of_numbers(tmp_path: Path) -> None:
    rows = [make_row(i) for i in range(4)]
    for row in rows:
        for cell in row["questions"].values():
            cell["answer_idx"] = str(cell["answer_idx"])
    path = write_stream(tmp_path / "rows.arrow", rows, as_=schema(answer_idx=pa.string()))
    assert of(path, _skimmed).datasets == of(path, _looked_at).datasets


def test_sound_rows_are_never_looked_at_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(ArrowDataset, "_rows", refuse)
    path = write_stream(tmp_path / "rows.arrow", [make_row(i) for i in range(9)])
    assert of(path, _skimmed).datasets["acevedo_et_al_2020"].rows == 9


def test_counts_are_remembered_until_the_file_changes(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_stream(tmp_path / "rows.arrow", [make_row(i) for i in range(5)])
    first = here("data", "info", path, "--json")
    skimmed = survey._skimmed
    monkeypatch.setattr(survey, "_skimmed", None)
    assert here("data", "info", path, "--json").out == first.out
    monkeypatch.setattr(survey, "_skimmed", skimmed)
    write_stream(path, [make_row(i) for i in (7, 8)])
    assert here("data", "info", path, "--json").document["rows"] == 2
