"""`report --format`: the same numbers for other programs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mubench_gen
from mubench_gen.console.formats import TextTable, to_latex, to_markdown
from mubench_gen.report.export import reported
from mubench_gen.report.tidy_table import TIDY, tidy_frame, tidy_rows
from mubench_gen_plugins import lm_eval

from .conftest import Here
from .spine import environment, evaluate, make_row, write_data


@pytest.fixture
def runs(tmp_path: Path) -> list[mubench_gen.Run]:
    rows = [make_row(i, dataset=f"set_{i % 2}", stain="H|E & 50 %") for i in range(6)]
    data = write_data(tmp_path / "cells", rows)
    return [
        evaluate("echo", tmp_path / "one", data=data, options={"fail": "0.2"}),
        evaluate("echo", tmp_path / "two", data=data, prompt=["plain", "letter"]),
    ]


def test_csv_has_a_row_a_run_and_group_with_the_scores_as_they_are(
    here: Here,
    runs: list[mubench_gen.Run],
) -> None:
    folders = [run.dir for run in runs]
    printed = here("report", *folders, "--each", "--format", "csv", "--by", "stain")
    assert printed.code == 0, printed.err
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert tuple(rows[0]) == TIDY
    for run in runs:
        mine = [row for row in rows if row["run"] == str(run.dir)]
        names = {(row["part"], row["name"]) for row in mine}
        assert len(names) == len(mine)
        pooled = next(row for row in mine if row["part"] == "pooled")
        score = run.scores.pooled
        assert float(pooled["accuracy"]) == score.accuracy
        assert score.ci95 == (float(pooled["ci95_low"]), float(pooled["ci95_high"]))
        assert (int(pooled["n"]), int(pooled["n_errors"])) == (score.n, score.n_errors)
        assert float(pooled["majority"]) == run.scores.controls["pooled"].majority
        assert {("tasks", "stain"), ("datasets", "set_1"), ("stain", "H|E & 50 %")} <= names
    assert {row["name"] for row in rows if row["part"] == "prompts"} == {"plain", "letter"}


def test_an_unfinished_run_says_so_in_every_format(here: Here, runs: list[mubench_gen.Run]) -> None:
    records = runs[0].dir / "records.jsonl"
    records.write_bytes(b"".join(records.read_bytes().splitlines(keepends=True)[:7]))
    (row, *_) = tidy_rows(reported([mubench_gen.load_run(runs[0].dir)]))
    assert row["finished"] is False
    assert row["planned"] == 30
    for form in ("md", "latex"):
        assert "Unfinished" in here("report", runs[0].dir, "--format", form).out


def test_parquet_reads_back_as_the_same_frame(
    here: Here, runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / "scores.parquet"
    done = here("report", *(run.dir for run in runs), "--format", "parquet", "--out", out)
    assert (done.code, done.out) == (0, "")
    frame = pd.read_parquet(out)
    pd.testing.assert_frame_equal(frame, tidy_frame(reported(runs)), check_dtype=False)
    assert frame.dtypes["accuracy"] == "float64"
    assert frame.dtypes["finished"] == "bool"
    piped = subprocess.run(
        [sys.executable, "-m", "mubench_gen", "report", str(runs[0].dir), "--format", "parquet"],
        env=environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert piped.stdout[:4] == piped.stdout[-4:] == b"PAR1"


def test_without_pyarrow_parquet_says_what_to_install(
    runs: list[mubench_gen.Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mubench_gen.errors import MissingExtraError
    from mubench_gen.report.export import choose_export

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mubench-gen\[parquet\]'"):
        choose_export("parquet", {}).write(reported(runs), io.BytesIO())


def test_markdown_is_a_table_whose_cells_cannot_break_out(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    printed = here("report", runs[0].dir, "--format", "md", "--by", "stain").out
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    widths = {line.replace("\\|", "").count("|") for line in lines}
    assert widths == {11}
    assert "H\\|E &amp; 50 %" in printed
    accuracy = runs[0].scores.pooled.accuracy
    assert accuracy is not None
    assert f"| {100 * accuracy:.1f} |" in printed


def test_latex_escapes_what_latex_would_obey(here: Here, runs: list[mubench_gen.Run]) -> None:
    folders = [run.dir for run in runs]
    text = here("report", *folders, "--each", "--format", "latex", "--by", "stain").out
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    assert text.count("{") == text.count("}")
    assert r"H\textbar{}E \& 50 \%" in text
    assert r"set\_0" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {row.replace(r"\&", "").count("&") for row in rows} == {9}


def test_control_characters_are_shown_and_not_obeyed() -> None:
    table = TextTable("t\x1b[31m", ("", "n"), [[["a\nb<script>", "1\u202e"]]], ["$x_1^2$ \\ {~}"])
    for text in (to_markdown(table), to_latex(table)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "a b" in text
    assert r"\<script\>" in to_markdown(table)
    assert r"\$x\_1\textasciicircum{}2\$ \textbackslash{} \{\textasciitilde{}\}" in to_latex(table)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "csv", "--html", "x.html"], "different reports"),
        (["--out", "x.csv"], "--out works only with --format"),
        (["--format", "csv", "--json"], "--json"),
        (["--items", "5"], "--items works only with --html"),
        (["--published", "--by", "stain"], "--by does not go with --published"),
        (["--format", "csv", "--out", "nowhere/x.csv"], "cannot be written"),
    ],
)
def test_what_does_not_go_together_is_refused(
    here: Here, runs: list[mubench_gen.Run], words: list[str], message: str
) -> None:
    refused = here("report", runs[0].dir, *words)
    assert refused.code == 2
    assert message in refused.err
    assert "Traceback" not in refused.err


def test_a_run_of_a_newer_version_is_refused(here: Here, runs: list[mubench_gen.Run]) -> None:
    manifest = runs[0].dir / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 99'))
    for words in ([], ["--format", "md"], ["--html", str(runs[0].dir / "x.html")]):
        refused = here("report", *(run.dir for run in runs), *words)
        assert refused.code == 2
        assert "format 99" in refused.err
        assert "pip install -U" in refused.err
    assert not (runs[0].dir / "x.html").exists()


SEVERAL = """
import mubench_gen
from mubench_gen import Export

def names(runs, stream, options):
    for one in runs:
        stream.write(f"{one.run.dir.name} {one.scores.pooled.n}\\n".encode())

def broken(runs, stream, options):
    stream.write(b"half of it")
    raise ValueError("no luck")

@mubench_gen.hookimpl
def mubench_gen_exports():
    return [Export("names", "names", names), Export("broken", "broken", broken)]
"""


def test_a_plugins_format_is_written_by_its_function(
    here: Here, runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    (tmp_path / "several.py").write_text(SEVERAL)
    folders = [run.dir for run in runs]
    shown = here("report", *folders, "--format", "./several.py:names")
    assert shown.out == f"one {runs[0].scores.pooled.n}\ntwo 60\n"
    refused = here("report", *folders, "--format", "./several.py")
    assert refused.code == 2
    assert "name one of ./several.py:names, ./several.py:broken" in refused.err


def test_a_format_that_fails_is_named_and_leaves_nothing(
    here: Here, runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    (tmp_path / "several.py").write_text(SEVERAL)
    done = here("report", runs[0].dir, "--format", "./several.py:broken", "--out", "out.txt")
    assert done.code == 2
    assert "The export format 'broken' of the plugin 'several' is broken: ValueError: no luck" in (
        done.err
    )
    assert not Path("out.txt").exists()


def test_an_unknown_format_or_option_says_what_there_is(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    for words, said in (
        (["--format", "cvs"], "There is no export format 'cvs'. Did you mean 'csv'?"),
        (["--format", "echo"], "has no export format: it has no hook mubench_gen_exports"),
        (["--format", "csv", "-o", "sep=;"], "The export format 'csv' has no option 'sep'"),
        (["-o", "sep=;"], "-o works only with --format"),
    ):
        done = here("report", runs[0].dir, *words)
        assert done.code == 2
        assert said in done.err


def test_lm_eval_has_a_sample_an_item_under_the_names_of_that_harness(
    here: Here, runs: list[mubench_gen.Run]
) -> None:
    form = str(Path(lm_eval.__file__))
    done = here("report", runs[0].dir, "--format", form, "--out", "samples.jsonl")
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in Path("samples.jsonl").read_text().splitlines()]
    scores = runs[0].scores.pooled
    assert scores.n_errors > 0
    assert len(lines) == scores.n
    assert sum(line["acc"] for line in lines) / scores.n == scores.accuracy
    first = next(record for record in runs[0].records() if record["status"] == "answered")
    line = next(one for one in lines if one["doc"]["id"] == first["id"])
    assert line["resps"] == [[first["reply"]]]
    assert line["filtered_resps"] == [first["options"][first["choice"]]]
    assert line["target"] == first["options"][first["gold"]]
    assert "Which" in line["arguments"]["gen_args_0"]["arg_0"]
    here("report", runs[0].dir, "--format", form, "--out", "all.jsonl", "-o", "errors=true")
    everything = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert len(everything) == scores.n + scores.n_errors
    assert sum(line["acc"] is None for line in everything) == scores.n_errors
