"""The viewer and the exported page in a real browser: the same parts, for everybody's eyes."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.page.browser import Browser
from tests.page.conftest import ROWS, Study
from tests.spine import evaluate, make_row, write_data

from mubench_gen.report.html import write_page
from mubench_gen.report.viewer import Viewer

ITEMS = ROWS * 5
NASTY = "nasty+%3Cb%3E%26+%C2%B7+paper"
CHOICES = [
    "#sort=sure",
    "#sort=differ",
    "#sort=hard",
    "#group=image&sort=hard",
    "#agree=disagree",
    "#agree=split",
    "#agree=flips",
    "#agree=wrong&off=1",
    "#verdict=unanswered",
    "#verdict=failed",
    f"#model={NASTY}&status=refused",
    f"#model={NASTY}&beside=echo+%C2%B7+plain&outcome=gained",
    f"#model={NASTY}&beside=echo+%C2%B7+plain&outcome=differ",
    "#q=cannot+answer",
    "#q=STAIN+1&task=modality",
    "#answer=-&page=2",
    "#gold=giemsa&off=0,2",
    "#dataset=set1&sort=sure&page=9",
]


@pytest.fixture(scope="module")
def address(study: Study) -> Iterator[str]:
    with Viewer([run.dir for run in study.runs]) as viewer:
        thread = threading.Thread(target=viewer.serve)
        thread.start()
        yield viewer.address
        viewer.stop()
        thread.join()


@pytest.fixture
def watched(browser: Browser, address: str) -> Browser:
    """The window with the viewer."""
    browser.visit(address)
    return browser


def shown(browser: Browser) -> tuple[str, list[str]]:
    """What the gallery says, and the items that it shows in their order."""
    links = "return [...document.querySelectorAll('#cards a')].map((link) => link.dataset.item)"
    return browser.text("#found"), browser.run(links)


def test_the_viewer_and_the_exported_page_show_the_same_for_every_choice(
    browser: Browser, study: Study, address: str
) -> None:
    found: list[list[tuple[str, list[str]]]] = []
    for visit in (lambda: browser.open(study.page), lambda: browser.visit(address)):
        visit()
        found.append([])
        for choice in CHOICES:
            browser.go(choice)
            found[-1].append(shown(browser))
    for choice, exported, served in zip(CHOICES, *found, strict=True):
        assert served == exported, choice
        assert "items" in served[0]
    assert len({said for said, _ in found[0]}) > 8
    assert browser.messages() == []


def test_the_viewer_asks_its_own_server_alone(watched: Browser, address: str) -> None:
    watched.run("document.querySelector('.card').click()")
    watched.settle()
    watched.until("return document.querySelector('#item img').naturalWidth === 8")
    assert watched.messages() == []
    asked = [url for url in watched.requests() if not url.startswith(("data:", "blob:"))]
    assert all(url.startswith(address) for url in asked)
    assert any("/thumbnails/" in url for url in asked)


def test_an_image_is_enlarged_to_its_own_pixels_by_keys_alone(watched: Browser) -> None:
    watched.run("document.querySelector('.card').focus()")
    watched.press("ENTER")
    watched.press("z")
    watched.until("return document.querySelector('#zoom img')?.naturalWidth === 8")
    scale = "return document.querySelector('#zoom img').getBoundingClientRect().width / 8"
    watched.press("1")
    assert watched.run(scale) == pytest.approx(1)
    assert "100 % of 8 × 8 pixels" in watched.text("#zoom .note")
    watched.press("+")
    assert watched.run(scale) == pytest.approx(1.5)
    left = "return document.querySelector('#zoom img').getBoundingClientRect().left"
    before = watched.run(left)
    watched.press("ARROW_LEFT")
    assert watched.run(left) == pytest.approx(before + 60)
    watched.press("0")
    assert watched.run(scale) > 10
    watched.press("ESCAPE")
    assert not watched.run("return document.getElementById('zoom').open")
    assert watched.run("return document.getElementById('item').open")


def test_two_models_stand_beside_each_other(watched: Browser) -> None:
    watched.go(f"#model={NASTY}&beside=echo+%C2%B7+plain&outcome=differ")
    watched.run("document.querySelector('.card').click()")
    watched.settle()
    names = watched.texts("#item .pair h3")
    assert [name.split(" ")[0] for name in names] == ["nasty", "echo"]
    boxes = watched.run(
        "return [...document.querySelectorAll('#item .pair > div')]"
        ".map((one) => one.getBoundingClientRect().top)"
    )
    assert boxes[0] == boxes[1]
    assert watched.texts("#item .item-answers > details:last-child > summary") == [
        "The other model"
    ]


def test_a_run_that_is_switched_off_is_gone_everywhere(opened: Browser) -> None:
    seen = (
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter((one) => getComputedStyle(one).display !== 'none')"
    )
    marks = "svg.figure g.r1"
    assert len(opened.run(seen, "#scores .r1")) > 3
    assert len(opened.run(seen, marks)) > 3
    opened.run("document.querySelector('[data-switch=\"1\"]').click()")
    opened.settle()
    assert opened.run("return location.hash") == "#off=1"
    assert opened.run(seen, "#scores .r1") == []
    assert opened.run(seen, marks) == []
    assert len(opened.run(seen, "svg.figure g.r0")) > 3
    assert not any("plain" in words for words in opened.texts(".card .verdicts"))
    opened.run("document.getElementById('all-runs').click()")
    opened.settle()
    assert len(opened.run(seen, "#scores .r1")) > 3


def test_a_heading_sorts_its_table_and_says_how(opened: Browser) -> None:
    column = (
        "return [...document.querySelectorAll('.board tbody .headline')].map((e) => +e.innerText)"
    )
    before = opened.run(column)
    button = (
        "[...document.querySelectorAll('.board .sort')].find((b) => b.innerText === 'accuracy')"
    )
    for state, wanted in [
        ("descending", sorted(before, reverse=True)), ("ascending", sorted(before)), (None, before),
    ]:  # fmt: skip
        opened.run(f"{button}.focus()")
        opened.press("ENTER")
        assert opened.run(column) == wanted
        assert opened.run(f"return {button}.closest('th').ariaSort") == state


def test_what_is_shown_can_be_saved(opened: Browser) -> None:
    opened.run(
        "window.saved = []; const url = URL.createObjectURL;"
        "URL.createObjectURL = (it) => { it.text().then((t) => saved.push(t)); return url(it); }"
    )
    opened.choose("task", "stain")
    for button, begin in [
        ("#save-items [data-form=csv]", "run,item,task"),
        ("#save-items [data-form=json]", "["),
        (".tools button", "items,"),
        ("#tasks .save", "<svg"),
    ]:
        opened.run("saved.length = 0; document.querySelector(arguments[0]).click()", button)
        (text,) = opened.until("return saved.length && saved")
        assert text.startswith(begin), button
        if "csv" in button:
            assert text.count(",stain,") == 3 * ROWS
    assert opened.messages() == []


@pytest.mark.first(1)
@pytest.mark.parametrize(
    ("width", "dark"),
    [(1440, False), (390, True), (768, False), (768, True), (1440, True), (390, False)],
)
def test_the_accessibility_checker_finds_no_fault(
    browser: Browser, study: Study, address: str, width: int, dark: bool
) -> None:
    checker = next((p for name in CHECKERS if (p := find_checker(name)) is not None), None)
    if checker is None:
        pytest.skip("NO CHECKER: pip install axe-core-python")
    browser.look(width=width, dark=dark)
    for visit in (lambda: browser.open(study.page), lambda: browser.visit(address)):
        visit()
        assert browser.faults(checker) == []
        assert browser.run("return document.documentElement.scrollWidth") == width
    browser.run("document.querySelector('.card').click()")
    browser.settle()
    assert browser.faults(checker) == []


CHECKERS = ("axe_playwright_python", "axe_core_python")


def find_checker(package: str) -> Path | None:
    """axe-core, where a package of this name brings it."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("axe.min.js")
    return path if path.is_file() else None


def test_new_answers_appear_while_a_run_goes(browser: Browser, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(2)])
    run = evaluate("echo", tmp_path / "run", data=data)
    records = run.dir / "records.jsonl"
    lines = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(lines[:3]))
    with Viewer([run.dir]) as viewer:
        thread = threading.Thread(target=viewer.serve)
        thread.start()
        try:
            browser.visit(viewer.address)
            assert browser.count() == 3
            browser.until("return document.getElementById('live').innerText.startsWith('Live')")
            records.write_bytes(b"".join(lines))
            browser.until("return document.getElementById('found').innerText.startsWith('10 of')")
            assert "finished" in browser.text(".board tbody")
            browser.until("return document.getElementById('live').innerText === ''")
        finally:
            viewer.stop()
            thread.join()
    assert [m for m in browser.messages() if "ERR_CONNECTION" not in m] == []


def test_nine_runs_are_told_apart_by_their_names(
    browser: Browser, study: Study, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", [make_row(i) for i in range(2)])
    runs = [evaluate("echo", tmp_path / f"number-{n}", data=data, seed=n) for n in range(9)]
    page = tmp_path / "nine.html"
    write_page(runs, page)
    browser.open(page)
    assert browser.run(
        "return [...document.querySelectorAll('.key')].every((key) => !key.checkVisibility())"
    )
    named = browser.run(
        "return [...document.querySelectorAll('#tasks text')].map((one) => one.textContent)"
    )
    assert {f"number-{n}" for n in range(9)} <= set(named)
    assert browser.run("return document.documentElement.scrollWidth") == 1280
