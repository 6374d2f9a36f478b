"""Figures: each kind, its formats, what it says, and what it refuses."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.compare.comparison import compare
from mubench_gen.errors import RunFolderError, SettingError
from mubench_gen.report.figures import KINDS, Drawing, Sources, draw
from mubench_gen.report.figures.drawing import format_of
from mubench_gen.report.figures.intervals import DotRow, Mark, interval_dots
from mubench_gen.report.figures.palette import VARIABLES
from mubench_gen.report.figures.squares import SweepPoint
from mubench_gen.report.html.rendering import FOLDER

from .conftest import Here
from .spine import make_row, write_data


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[mubench_gen.Run]:
    """Two runs of three tasks; the second has probabilities."""
    folder = tmp_path_factory.mktemp("figures")
    questions = ("modality", "stain", "domain")
    rows = [make_row(i, questions=questions) for i in range(6)]
    given = {"data": write_data(folder / "cells", rows), "tasks": list(questions)}
    return [
        mubench_gen.evaluate(plugin="echo", run_dir=folder / "a", prompt="letter", **given),
        mubench_gen.evaluate(
            plugin="echo", run_dir=folder / "b", prompt="letter", readout="logprob", **given
        ),
    ]


STEPS = [SweepPoint(str(at), at, 0.3 + at / 5, 0.6 - at / 5, 0.45) for at in (0.0, 0.5, 1.0)]
EFFECTS = {"echo": [DotRow("prompt", [Mark("paper", 0.03, (0.01, 0.05))])]}


def drawn(kind: str, runs: list[mubench_gen.Run]) -> Drawing:
    return draw(kind, Sources(runs, effects=EFFECTS, steps=STEPS))


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_is_svg_with_text_a_title_and_a_description(
    kind: str, runs: list[mubench_gen.Run]
) -> None:
    content = drawn(kind, runs).content("svg").decode()
    root = ET.fromstring(content)
    assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
    assert root[0].text
    assert root[1].text
    assert list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert "<dc:date>" not in content


def test_the_same_figure_is_the_same_bytes_in_every_format(runs: list[mubench_gen.Run]) -> None:
    one, other = drawn("dots", runs), drawn("dots", runs)
    for form in ("svg", "pdf", "png"):
        assert one.content(form) == other.content(form)
    assert one.content("pdf").startswith(b"%PDF-")
    assert one.content("png").startswith(b"\x89PNG")


def test_within_a_page_a_figure_takes_the_colours_and_the_font_of_the_page(
    runs: list[mubench_gen.Run],
) -> None:
    one, other = drawn("dots", runs), drawn("heatmap", runs)
    page = one.inline() + other.inline()
    assert "var(--c1)" in page
    assert "var(--shade)" in page
    assert not any(colour in page for colour in VARIABLES)
    assert "DejaVu" not in page
    assert "<style" not in page
    assert page.count("<title>all items") == 0
    names = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(names) == len(set(names))
    assert 'role="img" aria-label="Accuracy by task' in page


def test_every_mark_says_its_numbers_when_it_is_pointed_at(runs: list[mubench_gen.Run]) -> None:
    content = drawn("dots", runs).content("svg").decode()
    score = runs[0].scores.tasks["stain"]
    assert f"{100 * (score.accuracy or 0):.1f} % (" in content
    assert content.count("<g><title>") == 2 * 2 * 4  # a dot and its interval


def test_effects_of_nothing_are_not_blown_up() -> None:
    for value, least in ((0.0, 1), (0.05, 5)):
        found = interval_dots([DotRow("prompt", [Mark("paper", value, None)])], "none", zero=True)
        left, right = found.figure.axes[0].get_xlim()
        assert left <= -1
        assert right >= least


def test_nine_series_are_told_apart_by_names_and_not_by_colours() -> None:
    names = [f"model {number}" for number in range(9)]
    marks = [Mark(name, 0.5, (0.4, 0.6), at) for at, name in enumerate(names)]
    content = interval_dots([DotRow("stain", marks)], "nine", series=names).content("svg").decode()
    few = interval_dots([DotRow("stain", marks[:8])], "8", series=names[:8]).content("svg").decode()
    coloured = [colour for colour, name in VARIABLES.items() if name.startswith("--c")]
    assert all(colour in few for colour in coloured)
    assert not any(colour in content for colour in coloured)
    assert all(content.count(f">{name}</text>") == 1 for name in names)


def test_what_cannot_be_drawn_is_refused_with_what_to_do(
    runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    for kind, sources, words in (
        ("dot", Sources(runs), "choose one of dots, heatmap, frontier, effects"),
        ("reliability", Sources(runs[:1]), "--readout logprob"),
        ("heatmap", Sources(runs[:1]), "give two or more"),
        ("frontier", Sources(runs), "mubench-gen sweep"),
        ("effects", Sources(runs), "mubench-gen ablate"),
        ("confusion", Sources(runs, tasks=["stains"]), "Did you mean 'stain'"),
    ):
        with pytest.raises(SettingError, match=words):
            draw(kind, sources)
    with pytest.raises(SettingError, match=r"svg, pdf or png"):
        format_of(tmp_path / "figure.jpeg")
    with pytest.raises(SettingError, match="cannot be written"):
        drawn("frontier", runs).write(tmp_path / "missing" / "figure.svg")


def test_runs_scores_and_comparisons_show_themselves_in_notebooks(
    runs: list[mubench_gen.Run], tmp_path: Path
) -> None:
    one, other = runs
    accuracy = f">{100 * (one.scores.pooled.accuracy or 0):.1f}</td>"
    for shown in (one._repr_html_(), one.scores._repr_html_()):
        assert accuracy in shown
        assert shown.count("<tr>") == shown.count("</tr>") > 4
    compared = compare([one, other], intersection=True)._repr_html_()
    assert "a − b" in compared
    assert "p (max-T)" in compared
    drawing = one.plot("dots", beside=[other])
    assert drawing._repr_svg_().count("<svg") == 1
    assert "modality" in drawing.description
    drawing.write(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_stored_study_is_loaded_with_its_runs_and_draws_its_effects(
    here: Here, tmp_path: Path, runs: list[mubench_gen.Run]
) -> None:
    data = runs[0].dir.parent / "cells"
    asked = ("--tasks", "modality", "--prompt", "paper,letter", "--run-dir", "study")
    assert here("ablate", "--plugin", "echo", "--data", data, *asked).code == 0
    study = mubench_gen.load_study(tmp_path / "study")
    assert [run.dir.name for run in study.runs] == ["echo-echo"]
    assert "prompt paper" in study.plot().description
    assert "<svg" in study._repr_html_()
    assert "pooled" in study._repr_html_()
    with pytest.raises(SettingError, match="mubench-gen sweep"):
        study.plot("frontier")
    with pytest.raises(RunFolderError, match="holds no study and no sweep"):
        mubench_gen.load_study(tmp_path)


def test_the_colours_of_figures_are_those_of_the_page() -> None:
    style = (FOLDER / "page.css").read_text("utf-8").partition("@media")[0]
    stated = dict(re.findall(r"(--[a-z0-9]+): (#[0-9a-f]{6})", style))
    for colour, name in VARIABLES.items():
        assert name in stated
        if name != "--shade":  # by one bit another, to be told from --c1
            assert stated[name] == colour
