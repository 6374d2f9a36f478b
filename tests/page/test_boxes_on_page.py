"""Boxes, and images that a question draws into, on the page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from tests.helpers.data import make_png, make_row, write_data
from tests.page.browser import Browser
from tests.page.test_document import items_of
from tests.spine import evaluate, write_plugin

import mubench_gen
from mubench_gen.report.html import write_page

HELD = "held_et_al_2010_h2b"
DETECTOR = """
import mubench_gen


class Detector(mubench_gen.GenerativeModel):
    def generate(self, requests):
        return ['[{"bbox_2d": [20, 10, 60, 50], "label": "nucleus"}]' for _ in requests]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("detector", Detector)]
"""


def outline(x0: int, y0: int, x1: int, y1: int) -> dict[str, object]:
    return {"className": "nucleus", "points": [x0, y0, x1, y0, x1, y1, x0, y1]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    marks = [[outline(20, 10, 60, 50), outline(100, 40, 140, 90)], [outline(0, 0, 40, 40)]]
    rows = [make_row(i, dataset=HELD, polygon=polygons) for i, polygons in enumerate(marks)]
    return write_data(tmp_path / "held", rows, {i: make_png(i, (200, 100)) for i in range(2)})


@pytest.fixture
def run(data: Path, tmp_path: Path) -> mubench_gen.Run:
    plugin = write_plugin(tmp_path, DETECTOR, "detector")
    return evaluate(
        plugin, tmp_path / "run", data=data, tasks=["held-h2b-boxes"], prompt="detect-json"
    )


def test_the_page_has_the_boxes_score_and_no_accuracy(run: mubench_gen.Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    written = write_page([run], page)
    assert (written.items, written.pictures) == (2, 2)
    text = page.read_text("utf-8")
    assert "Boxes: GRIT score in %" in text
    assert "2 items, 1 task." in text
    assert "GRIT score of boxes" in text
    grit = run.scores.boxes["pooled"].grit
    assert grit is not None
    assert f"{100 * grit:.1f}" in text
    (first, *_) = items_of(page)["boxes"].values()
    assert first["gold"] == [[20, 10, 60, 50], [100, 40, 140, 90]]


def test_boxes_are_drawn_over_the_image(
    run: mubench_gen.Run, tmp_path: Path, browser: Browser
) -> None:
    page = tmp_path / "report.html"
    write_page([run], page)
    item = next(iter(run.records()))["item"]
    browser.open(page, f"#item={quote(item)}")
    assert browser.run("return document.querySelectorAll('#item .overlay .gold').length") == 2
    assert browser.run("return document.querySelectorAll('#item .overlay .found').length") == 1
    assert "GRIT" in browser.text("#item .answer h3")
    assert browser.messages() == []


def test_an_image_that_a_question_drew_into_is_found_again(data: Path, tmp_path: Path) -> None:
    drawn = evaluate("echo", tmp_path / "drawn", data=data, tasks=["held-h2b-which-box"])
    shown = {record["image_sha256"] for record in drawn.records()}
    written = write_page([drawn], tmp_path / "report.html")
    assert written.pictures == len(shown) == written.items > 0
