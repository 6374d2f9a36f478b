"""Open answers on the page: what is right and what was read, as sets, numbers and texts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from tests.page.browser import Browser
from tests.test_open_answers import MODEL, QUESTIONS, RIGHT, write

import mubench_gen
from mubench_gen.report.html import write_page


@pytest.fixture
def run(tmp_path: Path) -> mubench_gen.Run:
    plugin = tmp_path / "told.py"
    plugin.write_text(MODEL.replace("{replies!r}", repr(RIGHT | {"parts?": "A, B"})))
    data = write(tmp_path / "data", [QUESTIONS] * 2)
    return mubench_gen.evaluate(plugin=str(plugin), data=str(data), run_dir=tmp_path / "run")


@pytest.mark.parametrize(
    ("task", "verdict", "said"),
    [("parts", "wrong", "Right: nucleus + golgi · read as: nucleus + wall"),
     ("size", "right", "Right: 5 µm ± 10% · read as: 5.2 µm"),
     ("what", "right", "Right: mitochondrion | mitochondria · read as: mitochondrion")],
)  # fmt: skip
def test_an_item_shows_what_is_right_and_what_was_read(
    run: mubench_gen.Run, tmp_path: Path, browser: Browser, task: str, verdict: str, said: str
) -> None:
    page = tmp_path / "report.html"
    write_page([run], page)
    item = next(r["item"] for r in run.records() if r["task"] == task)
    browser.open(page, f"#item={quote(item)}")
    assert said in browser.text("#item .answer")
    assert verdict in browser.text("#item .answer h3")
    assert browser.run("return document.querySelectorAll('#item .options .gold').length") == (
        2 if task == "parts" else 0
    )
    assert browser.messages() == []
