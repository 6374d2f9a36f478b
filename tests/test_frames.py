"""Frames: tidy, of the documented types, whatever the replies hold."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import mubench_gen
from mubench_gen.runs.dataframe import DTYPES, to_frame

from .spine import evaluate, make_row, plain_record, write_data

DOCS = Path(__file__).parents[1] / "docs" / "analysis.md"


@pytest.fixture
def runs(tmp_path: Path) -> list[mubench_gen.Run]:
    data = write_data(tmp_path / "cells", [make_row(i, stain=f"s{i % 2}") for i in range(6)])
    return [
        evaluate("echo", tmp_path / "one", data=data, options={"fail": "0.3"}),
        evaluate("echo", tmp_path / "two", data=data, readout="logprob", prompt="letter"),
    ]


def test_the_columns_have_the_types_that_are_documented(runs: list[mubench_gen.Run]) -> None:
    for frame in (runs[0].frame(), runs[1].frame(), to_frame([])):
        assert {name: str(frame.dtypes[name]) for name in DTYPES} == DTYPES
    page = DOCS.read_text("utf-8")
    rows = re.findall(r"^\| (`.+?`) \| `(\w+)` \|", page, flags=re.MULTILINE)
    told = {name: dtype for names, dtype in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == DTYPES


def test_errors_are_in_no_mean(runs: list[mubench_gen.Run]) -> None:
    frame = runs[0].frame()
    assert frame["correct"].isna().sum() == runs[0].scores.pooled.n_errors > 0
    assert frame["correct"].mean() == pytest.approx(runs[0].scores.pooled.accuracy)
    assert frame["choice"].isna().sum() == frame["correct"].isna().sum()


def test_facts_of_the_row_are_columns_of_their_own_types() -> None:
    metas = [
        {"stain": "H&E", "microns_per_pixel": 0.5, "synthetic": True, "pmid": 1, "task": "theirs"},
        {"stain": None, "microns_per_pixel": 2, "synthetic": False, "pmid": None, "late": [1]},
    ]
    frame = to_frame(plain_record(i, meta=meta) for i, meta in enumerate(metas))
    kinds = {name: str(frame.dtypes[name]) for name in metas[0] if name != "task"}
    assert kinds == {
        "stain": "string", "microns_per_pixel": "float64", "synthetic": "boolean", "pmid": "Int64",
    }  # fmt: skip
    assert list(frame["meta.task"].fillna("")) == ["theirs", ""]
    assert list(frame["task"]) == ["modality", "modality"]
    assert frame["late"].tolist() == [None, [1]]


def test_a_lone_surrogate_in_a_reply_is_no_obstacle() -> None:
    frame = to_frame([plain_record(0, reply="\ud800 B"), plain_record(1, reply=None)])
    assert frame["reply"][0] == "? B"
    assert pd.isna(frame["reply"][1])


def test_frames_of_several_runs_tell_them_apart(
    runs: list[mubench_gen.Run], capsys: pytest.CaptureFixture[str]
) -> None:
    records = runs[1].dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:4]))
    frame = mubench_gen.frames([runs[0], str(runs[1].dir)])
    assert list(frame.columns[:2]) == ["run", "control"]
    assert frame.groupby("run").size().to_dict() == {"one": 30, "two": 4}
    assert frame.groupby("run")["finished"].first().to_dict() == {"one": True, "two": False}
    assert "two is unfinished: 4 of 30 items" in capsys.readouterr().err
    assert set(frame["model.scope"]) == {"(not given)"}
    assert {name: str(frame.dtypes[name]) for name in DTYPES} == DTYPES
    assert mubench_gen.frames([]).empty


def test_runs_of_one_name_go_by_their_paths(runs: list[mubench_gen.Run], tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "one"
    other.parent.mkdir()
    runs[0].dir.rename(other)
    again = evaluate("echo", tmp_path / "one", data=tmp_path / "cells")
    frame = mubench_gen.frames([other, again])
    assert set(frame["run"]) == {str(other), str(again.dir)}
