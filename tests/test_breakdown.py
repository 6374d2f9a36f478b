"""`report --by FIELD`: scores by what the rows, the records and users call their facts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen import SettingError
from mubench_gen.scores.breakdown import breakdowns, value_order

from .conftest import Here
from .spine import evaluate, make_row, plain_record, write_data

SCALES = (0.25, 10.0, 2.0)


@pytest.fixture
def run(tmp_path: Path) -> mubench_gen.Run:
    rows = [
        make_row(
            i,
            stain=("H&E", None, "Gram")[i % 3],
            ncbitaxon_name=("Homo sapiens", "Mus musculus")[i % 2],
            microns_per_pixel=SCALES[i % 3],
            synthetic=i % 2 == 0,
        )
        for i in range(12)
    ]
    return evaluate("echo", tmp_path / "run", data=write_data(tmp_path / "cells", rows))


def test_each_value_has_the_score_of_its_items(run: mubench_gen.Run) -> None:
    (found,) = breakdowns([run.records()], ["stain", "task"])
    frame = run.frame()
    assert list(found["stain"]) == ["Gram", "H&E", "(not given)"]
    for value, score in found["stain"].items():
        given = frame["stain"].isna() if value == "(not given)" else frame["stain"].eq(value)
        here = frame[given.fillna(False)]
        assert score.n == len(here) == 20
        assert score.accuracy == pytest.approx(here["correct"].mean())
    assert {name: score.n for name, score in found["task"].items()} == {
        name: score.n for name, score in run.scores.tasks.items()
    }
    assert found["task"]["stain"].ci95 == run.scores.tasks["stain"].ci95


@pytest.mark.parametrize(
    ("said", "column", "values"),
    [
        ("organism", "ncbitaxon_name", ["Homo sapiens", "Mus musculus"]),
        ("licence", "license", ["CC0-1.0"]),
        ("scale", "microns_per_pixel", ["0.25", "2.0", "10.0"]),
        ("synthetic", "synthetic", ["false", "true"]),
        ("meta.synthetic", "synthetic", ["false", "true"]),
    ],
)
def test_fields_go_by_the_names_that_users_have_for_them(
    run: mubench_gen.Run, said: str, column: str, values: list[str]
) -> None:
    (found,) = breakdowns([run.records()], [said, column])
    assert list(found[said]) == values
    assert found[said] == found[column]


def test_the_table_and_the_document_have_the_breakdown(here: Here, run: mubench_gen.Run) -> None:
    printed = here("report", run.dir, "--by", "stain,organism", "--by", "synthetic")
    assert printed.code == 0, printed.err
    for words in ("by stain", "H&E", "by organism", "Mus musculus", "by synthetic"):
        assert words in printed.out
    document = json.loads(here("report", run.dir, "--by", "stain", "--json").out)
    assert document["by"]["stain"]["Gram"]["n"] == 20
    assert document["scores"]["pooled"]["n"] == 60


def test_a_field_that_is_not_there_is_refused_with_near_names(
    here: Here, run: mubench_gen.Run
) -> None:
    for words in ([], ["--format", "csv"], ["--json"], ["--html", str(run.dir / "x.html")]):
        refused = here("report", run.dir, "--by", "stian", *words)
        assert refused.code == 2
        assert "'stian'" in refused.err
        assert "'stain'" in refused.err
        assert "Traceback" not in refused.err


def test_a_field_that_one_of_the_runs_has_is_enough() -> None:
    dyed = [plain_record(i, meta={"stain": "H&E"}) for i in range(3)]
    bare = [plain_record(i) for i in range(2)]
    one, other = breakdowns([dyed, bare], ["stain"])
    assert {value: score.n for value, score in one["stain"].items()} == {"H&E": 3}
    assert {value: score.n for value, score in other["stain"].items()} == {"(not given)": 2}


def test_a_field_of_too_many_values_is_refused() -> None:
    records = [plain_record(i, meta={"well": f"well {i}"}) for i in range(1_200)]
    with pytest.raises(SettingError, match="1,200 values"):
        breakdowns([records], ["well"])


def test_failed_items_are_counted_apart_and_no_record_gives_no_value() -> None:
    records = [plain_record(0, meta={"stain": "x"}, status="error", correct=None, choice=None)]
    (found,) = breakdowns([records], ["stain"])
    assert (found["stain"]["x"].n, found["stain"]["x"].n_errors) == (0, 1)
    assert breakdowns([[]], ["stain"]) == [{"stain": {}}]


def test_numbers_stand_in_the_order_of_their_size() -> None:
    assert sorted(["10.0", "b", "(not given)", "2", "a"], key=value_order) == [
        "2", "10.0", "a", "b", "(not given)",
    ]  # fmt: skip
