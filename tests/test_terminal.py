"""Tables on a terminal: what gives way where it is narrow."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from tests.spine import evaluate, make_row, write_data

import mubench_gen
from mubench_gen.console.tables import Fitted, Line, Sheet, fit
from mubench_gen.report.text import COLUMNS, cells, sheet, table_rows

NAMES = ("demo-colocalization", "pooled")
SHEET = Sheet(
    ("", "n", "accuracy", "errors", "majority"),
    [[Line((NAMES[0], "1,120", "60.3", "", "29.6"))], [Line((NAMES[1], "80", "7.5", "", "1.0"))]],
    title="A run",
    right=range(1, 5),
    short={"accuracy": "acc.", "majority": "maj."},
    spare=("majority",),
)


def printed(fitted: Fitted, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(*fitted.tables, sep="\n")
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert all(len(line) <= width for line in lines)
    return lines


def words(fitted: Fitted, width: int) -> list[str]:
    return " ".join(printed(fitted, width)).split()


def test_where_there_is_room_a_table_has_a_frame_and_all_its_columns() -> None:
    fitted = fit(SHEET, 80)
    assert "┃" in "".join(printed(fitted, 80))
    assert fitted.left_out == ()


def test_the_frame_goes_first_and_then_empty_columns_and_then_long_headings() -> None:
    shown = {width: words(fit(SHEET, width), width) for width in (56, 50, 42)}
    assert "errors" in shown[56]
    assert "┃" not in "".join(shown[56])
    assert "errors" not in shown[50]
    assert "majority" in shown[50]
    assert "majority" not in shown[42]
    assert {"acc.", "maj."} <= set(shown[42])


def test_at_last_a_spare_column_goes_and_is_named() -> None:
    fitted = fit(SHEET, 34)
    assert fitted.left_out == ("majority",)
    assert {"demo-colocalization", "1,120", "60.3", "7.5"} <= set(words(fitted, 34))
    assert "29.6" not in words(fitted, 34)


def test_where_nothing_fits_the_columns_stand_below_each_other_with_their_names() -> None:
    fitted = fit(SHEET, 26)
    found = words(fitted, 26)
    assert len(fitted.tables) == 2
    assert found.count("demo-colocalization") == found.count("pooled") == 2
    assert found.count("run") == 1  # of the title
    assert {"1,120", "60.3", "80", "7.5"} <= set(found)


def test_texts_are_folded_between_words_and_take_what_is_left() -> None:
    lines = [Line(("llava", "generated micrographs", "1,120", "/a/folder/of/a/run"))]
    sheet_ = Sheet(("", "domain", "n", "run"), [lines], right=(2,))
    assert "generated micrographs" in " ".join(printed(fit(sheet_, 70), 70))
    found = words(fit(sheet_, 44), 44)
    assert {"generated", "micrographs", "1,120", "/a/folder/of/a/run"} <= set(found)


def test_markup_and_control_characters_are_text() -> None:
    odd = Sheet(("[b]x", "n"), [[Line(("[red]\x1b[31m", "1"))]], right=(1,))
    assert "[red]\\x1b[31m" in words(fit(odd, 80), 80)


@pytest.mark.parametrize("width", [80, 60])
def test_the_table_of_a_run_keeps_names_and_scores_on_a_narrow_terminal(
    tmp_path: Path, width: int
) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(6)])
    run: mubench_gen.Run = evaluate("echo", tmp_path / "run", data=data)
    fitted = fit(sheet(run, run.scores, None), width)
    lines = [line.split() for line in printed(fitted, width)]
    kept = [place for place, name in enumerate(COLUMNS) if name not in (*fitted.left_out, "errors")]
    for row in table_rows(run.scores):
        assert [cells(row)[place] for place in kept if cells(row)[place]] in lines
