"""`report` of several runs: one table of models by tasks, in all formats; what follows `eval`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.cli.views import board as board_view
from mubench_gen.compare.boards import boards
from mubench_gen.report.board_tables import models_across, models_down

from .conftest import Here
from .helpers.plugin import write_plugin
from .spine import evaluate, make_row, write_data

TASKS = ("modality", "stain")


@pytest.fixture
def runs(tmp_path: Path) -> list[mubench_gen.Run]:
    """One that is right, one that is wrong, and one that is not finished."""
    data = write_data(tmp_path / "cells", [make_row(i, gold=0, questions=TASKS) for i in range(12)])
    found = []
    for name, label in (("right_model", 0), ("wrong", -1), ("part", -1)):
        body = f"def generate(self, requests): return [r.labels[{label}] for r in requests]"
        plugin = write_plugin(tmp_path / f"{name}.py", body)
        plugin.write_text(plugin.read_text().replace('"mine"', f'"{name}"'))
        found.append(evaluate(plugin, tmp_path / name, data=data, prompt="letter"))
    records = found[2].dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:16]))
    return [mubench_gen.load_run(run.dir) for run in found]


def test_the_table_says_in_words_who_leads_and_on_how_many_items(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    printed = here("report", *(run.dir for run in runs)).out
    first, *_ = printed.splitlines()
    assert first.startswith("right_model leads with 100.0 %")
    assert "of 16 items, ahead of all 2 others (paired test, p " in first
    assert "on the 16 items that all have answered" in printed
    assert "Left out: 8 of 24 items" in printed
    assert "part: unfinished, 16 of 24." in printed
    assert "100.0* (" in printed
    assert "0.0= (" not in printed


@pytest.mark.parametrize("width", [120, 80, 40])
def test_models_stand_across_as_far_as_they_fit_and_else_below_each_other(
    width: int,
    runs: list[mubench_gen.Run],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(board_view, "_width", lambda: width)
    board_view.show_runs(runs)
    table = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.strip("│ ").startswith(("right_model", "pooled"))
    ]
    heading = "right_model" if width == 40 else "pooled"
    assert any(line.strip("│ ").startswith(heading) for line in table)
    assert all(len(line) <= width for line in table if "%" not in line)


def test_both_ways_of_the_table_have_the_same_numbers(runs: list[mubench_gen.Run]) -> None:
    (board,) = boards(runs)
    across, down = models_across(board), models_down(board)
    rows = [row for section in across.sections for row in section if len(row) > 1]
    turned = [list(column) for column in zip(*down.sections[0], strict=True)][1:]
    assert [row[4:] for row in rows] == turned


def test_markdown_latex_and_csv_hold_the_same_table(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    folders = [run.dir for run in runs]
    (board,) = boards(runs)
    markdown = here("report", *folders, "--format", "md").out
    assert markdown.startswith("right\\_model leads")
    assert "| **100.0\\*" not in markdown.split("| **pooled**")[0]
    assert "**100.0\\* (" in markdown
    latex = here("report", *folders, "--format", "latex").out
    assert latex.count(r"\begin{table}") == 1
    assert r"\textbf{100.0* (" in latex
    assert latex.count("{") == latex.count("}")
    rows = {row["name"]: row for row in csv.DictReader(
        io.StringIO(here("report", *folders, "--format", "csv").out)
    )}  # fmt: skip
    for row in board.rows:
        for one, cell in zip(board.entrants, row.cells, strict=True):
            assert float(rows[row.name][one.shown]) == cell.value
            assert rows[row.name][f"{one.shown} standing"] == cell.standing


def test_a_figure_is_written_where_out_says(
    here: Here, runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    folders = [run.dir for run in runs]
    made = here("report", *folders, "--figure", "dots", "--out", "dots.svg", "-o", "width=120")
    assert made.code == 0, made.err
    content = (tmp_path / "dots.svg").read_text()
    assert f'width="{120 / 25.4 * 72:.4f}'[:12] in content
    assert ">part (unfinished)</text>" in content
    for words, said in (
        (("--figure", "pie", "--out", "a.svg"), "choose one of dots, heatmap"),
        (("--figure", "dots"), "--out dots.svg"),
        (("--figure", "dots", "--out", "a.gif"), "svg, pdf or png"),
        (("--figure", "dots", "--out", "a.svg", "-o", "width=3"), "width in mm"),
        (("--figure", "dots", "--out", "a.svg", "-o", "widht=90"), "Did you mean 'width'"),
        (("--figure", "dots", "--out", "a.svg", "--each"), "--each is about tables"),
        (("--out", "a.svg"), "--format or --figure"),
    ):
        refused = here("report", *folders, *words)
        assert refused.code == 2
        assert said in refused.err


def test_a_study_and_a_sweep_stand_for_their_runs_and_have_figures(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "cells", [make_row(i, questions=TASKS) for i in range(8)])
    asked = ("--data", data, "--tasks", "modality,stain")
    study = ("--prompt", "paper,letter", "--readout", "parse,logprob", "--run-dir", "study")
    assert here("ablate", "--plugin", "echo", *asked, *study).code == 0
    assert "pooled" in here("report", "study").out
    drawn = here("report", "study", "--figure", "effects", "--out", "effects.svg")
    assert drawn.code == 0, drawn.err
    assert ">prompt letter</text>" in (tmp_path / "effects.svg").read_text()
    sweep = ("--base", "clip", "--finetuned", "clip-finetuned", "--alpha", "0.5")
    inside = ("--in-domain", "stain", "--run-dir", "sweep")
    assert here("sweep", "--plugin", "tiny", *asked, *sweep, *inside).code == 0
    drawn = here("report", "sweep", "--figure", "frontier", "--out", "frontier.svg")
    assert drawn.code == 0, drawn.err
    assert "α 0.5: " in (tmp_path / "frontier.svg").read_text()
    assert "clip-finetuned@0.5" in here("report", "sweep", "--each").out


def test_after_eval_the_pooled_line_is_last_and_what_to_type_next_is_told(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "cells", [make_row(i, questions=TASKS) for i in range(4)])
    one = here("eval", "--plugin", "echo", "--data", data, "--run-dir", "run")
    assert one.out.splitlines()[-1].startswith("echo, pooled: ")
    assert "Next: mubench-gen report run --html" in one.err
    assert "--control blind" in one.err
    two = here("eval", "--plugin", "echo,tiny", "--data", data, "--run-dir", "two", "--tasks",
               "modality")  # fmt: skip
    assert [line.partition(",")[0] for line in two.out.splitlines()[-2:]] == ["echo", "llava"]
    assert "Next: mubench-gen report two/echo-echo two/tiny-llava --html report.html" in two.err
