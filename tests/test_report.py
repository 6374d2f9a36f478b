"""`report`: the table says what each number depends on, finished or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen import load_run

from .conftest import Here
from .spine import evaluate, make_row, write_data


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i, dataset=f"set{i % 2}") for i in range(10)])


def rows(table: str) -> dict[str, list[str]]:
    """The cells of a printed table by the first one."""
    lines = [line.split("│")[1:-1] for line in table.splitlines() if line.startswith("│")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_table_shows_the_scores_in_percent(here: Here, cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    printed = here("report", run.dir)
    assert printed.code == 0, printed.err
    table = rows(printed.out)
    assert {"pooled", "stain", "modality", "set0", "set1"} <= table.keys()
    scores = run.scores
    for name, score in (("pooled", scores.pooled), ("set1", scores.datasets["set1"])):
        n, accuracy, interval, answered, of_those, chance, *_ = table[name]
        assert n == str(score.n)
        assert score.accuracy is not None
        assert score.chance is not None
        assert score.ci95 is not None
        assert accuracy == f"{100 * score.accuracy:.1f}"
        assert chance == f"{100 * score.chance:.1f}"
        assert interval == f"{100 * score.ci95[0]:.1f}–{100 * score.ci95[1]:.1f}"
        assert (answered, of_those) == ("100.0", accuracy)


def test_an_unfinished_run_says_so(here: Here, cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    records = run.dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:20]))
    printed = here("report", run.dir)
    assert printed.code == 0
    assert "Unfinished: 20 of 50 items." in printed.out
    document = json.loads(here("report", run.dir, "--json").out)
    assert document["complete"] is False
    assert document["planned"] == 50
    assert document["scores"]["pooled"]["n"] == 20
    assert load_run(run.dir).complete is False


def test_a_run_that_was_killed_before_its_first_record_is_reported(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    for name in ("records.jsonl", "scores.json"):
        (run.dir / name).unlink()
    printed = here("report", run.dir)
    assert printed.code == 0, printed.err
    assert "Unfinished: 0 of 50 items." in printed.out
    assert here("score", run.dir).code == 0


def test_a_finished_run_does_not_say_unfinished(here: Here, cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    assert "Unfinished" not in here("report", run.dir).out


def test_errors_and_unanswered_are_told(here: Here, cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, options={"fail": "0.3"})
    printed = here("report", run.dir).out
    n = run.scores.pooled.n_errors
    assert n
    assert f"{n} items failed and are in no score" in printed
    assert rows(printed)["pooled"][-1] == str(n)


def test_several_runs_are_one_table_or_with_each_several_and_one_document(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    one = evaluate("echo", tmp_path / "one", data=cells)
    two = evaluate("echo", tmp_path / "two", data=cells, control="shuffled")
    lines = here("report", one.dir, two.dir).out.splitlines()
    assert len([line for line in lines if line.split()[:1] in (["pooled"], ["stain"])]) == 2
    each = here("report", one.dir, two.dir, "--each").out
    assert each.count("pooled") == 2
    assert "control: shuffled" in each
    document = json.loads(here("report", one.dir, two.dir, "--json").out)
    assert [run["run_dir"] for run in document["runs"]] == [str(one.dir), str(two.dir)]
    (board,) = document["boards"]
    assert [entrant["place"] for entrant in board["entrants"]] == [1, None]
    single = json.loads(here("report", one.dir, "--json").out)
    assert single == json.loads((one.dir / "scores.json").read_text())


def test_names_in_brackets_are_printed_as_they_are(here: Here, tmp_path: Path) -> None:
    rows_ = [make_row(i, dataset="set [/b] [red]x") for i in range(2)]
    rows_ += [make_row(i + 2, dataset="[bold]y") for i in range(2)]
    data = write_data(tmp_path / "data", rows_)
    run = evaluate("echo", tmp_path / "run", data=data, prompt="plain", prompt_set={"labels": "1"})
    printed = here("report", run.dir)
    assert printed.code == 0, printed.err
    assert "plain[labels=1]" in printed.out
    assert "[bold]y" in printed.out
    assert "set [/b] [red]x" in printed.out


def test_what_is_no_run_is_refused(here: Here, tmp_path: Path) -> None:
    for words in (("report", tmp_path), ("score", tmp_path), ("report", tmp_path / "nowhere")):
        refused = here(*words)
        assert refused.code == 2
        assert "no run folder" in refused.err
        assert "Traceback" not in refused.err
