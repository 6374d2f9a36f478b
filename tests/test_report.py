"""`report`: the table says what each number depends on, finished or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen import load_run

from .spine import command, evaluate, make_row, write_data


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    return write_data(tmp_path / "cells", [make_row(i, dataset=f"set{i % 2}") for i in range(10)])


def rows(table: str) -> dict[str, list[str]]:
    """The cells of a printed table by the first one."""
    lines = [line.split("│")[1:-1] for line in table.splitlines() if line.startswith("│")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_table_shows_the_scores_in_percent(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    printed = command("report", run.dir)
    assert printed.returncode == 0, printed.stderr
    table = rows(printed.stdout)
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


def test_an_unfinished_run_says_so(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    records = run.dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:20]))
    printed = command("report", run.dir)
    assert printed.returncode == 0
    assert "Unfinished: 20 of 50 items." in printed.stdout
    document = json.loads(command("report", run.dir, "--json").stdout)
    assert document["complete"] is False
    assert document["planned"] == 50
    assert document["scores"]["pooled"]["n"] == 20
    assert load_run(run.dir).complete is False


def test_a_run_that_was_killed_before_its_first_record_is_reported(
    cells: Path, tmp_path: Path
) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    for name in ("records.jsonl", "scores.json"):
        (run.dir / name).unlink()
    printed = command("report", run.dir)
    assert printed.returncode == 0, printed.stderr
    assert "Unfinished: 0 of 50 items." in printed.stdout
    assert command("score", run.dir).returncode == 0


def test_a_finished_run_does_not_say_unfinished(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells)
    assert "Unfinished" not in command("report", run.dir).stdout


def test_errors_and_unanswered_are_told(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, options={"fail": "0.3"})
    printed = command("report", run.dir).stdout
    n = run.scores.pooled.n_errors
    assert n
    assert f"{n} items failed and are in no score" in printed
    assert rows(printed)["pooled"][-1] == str(n)


def test_several_runs_are_several_tables_and_one_document(cells: Path, tmp_path: Path) -> None:
    one = evaluate("echo", tmp_path / "one", data=cells)
    two = evaluate("echo", tmp_path / "two", data=cells, control="shuffled")
    printed = command("report", one.dir, two.dir)
    assert printed.stdout.count("pooled") == 2
    assert "control: shuffled" in printed.stdout
    document = json.loads(command("report", one.dir, two.dir, "--json").stdout)
    assert [run["run_dir"] for run in document["runs"]] == [str(one.dir), str(two.dir)]
    single = json.loads(command("report", one.dir, "--json").stdout)
    assert single == json.loads((one.dir / "scores.json").read_text())


def test_names_in_brackets_are_printed_as_they_are(tmp_path: Path) -> None:
    rows_ = [make_row(i, dataset="set [/b] [red]x") for i in range(2)]
    rows_ += [make_row(i + 2, dataset="[bold]y") for i in range(2)]
    data = write_data(tmp_path / "data", rows_)
    run = evaluate("echo", tmp_path / "run", data=data, prompt="plain", prompt_set={"labels": "1"})
    printed = command("report", run.dir)
    assert printed.returncode == 0, printed.stderr
    assert "plain[labels=1]" in printed.stdout
    assert "[bold]y" in printed.stdout
    assert "set [/b] [red]x" in printed.stdout


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for words in (("report", tmp_path), ("score", tmp_path), ("report", tmp_path / "nowhere")):
        refused = command(*words)
        assert refused.returncode == 2
        assert "no run folder" in refused.stderr
        assert "Traceback" not in refused.stderr
