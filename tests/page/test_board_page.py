"""The leaderboard in a real browser: filters, links, marks, narrow and wide, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.page.browser import Browser
from tests.page.conftest import Study

from mubench_gen.report.leaderboard import write_site


@pytest.fixture(scope="module")
def site(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of three runs under two protocols; one plugin's name is hostile."""
    out = tmp_path_factory.mktemp("site") / "board"
    write_site([run.dir for run in study.runs], out)
    return out


def shown(browser: Browser) -> int:
    found: int = browser.run(
        "return document.querySelectorAll('.ranking tr[data-run]:not([hidden])').length"
    )
    return found


def put(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const field = document.forms.filters.elements[arguments[0]]; field.value = arguments[1];"
        "field.dispatchEvent(new Event('input', {bubbles: true}))",
        name, value,
    )  # fmt: skip


def test_filters_leave_rows_in_both_tables_and_stand_in_the_address(
    browser: Browser, site: Path
) -> None:
    browser.open(site / "index.html")
    assert shown(browser) == 3
    put(browser, "protocol", "plain · parse")
    assert shown(browser) == 1
    assert browser.text("#found") == "1 of 3 runs"
    assert (
        browser.run(
            "return document.querySelectorAll('.conditions tr[data-run]:not([hidden])').length"
        )
        == 1
    )
    address = browser.run("return location.hash")
    browser.open(site / "index.html", address)
    assert shown(browser) == 1
    browser.run("document.getElementById('reset').click()")
    assert shown(browser) == 3
    put(browser, "q", "NASTY")
    assert shown(browser) == 1
    browser.open(site / "index.html", "#protocol=no-such")
    assert shown(browser) == 3


def test_a_cell_leads_to_its_items(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    link = browser.run(
        "const head = [...document.querySelectorAll('.ranking thead tr:last-child th')]"
        ".findIndex(h => h.textContent === 'stain');"
        "return document.querySelector('.ranking tr[data-run]').cells[head].querySelector('a').href"
    )
    browser.visit(link)
    browser.settle()
    assert browser.run("return document.forms.filters.elements.task.value") == "stain"
    assert browser.count() == 12


def test_a_click_sorts_the_ranking(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    places = (
        "return [...document.querySelectorAll('.ranking tr[data-run] td:nth-child(2)')]"
        ".map((cell) => parseInt(cell.innerText))"
    )
    assert browser.run(places) == [1, 2, 3]
    browser.run("document.querySelectorAll('.ranking .sort')[1].click()")
    assert browser.run(places) == [3, 2, 1]


@pytest.mark.first(2)
@pytest.mark.parametrize(
    ("width", "dark"), [(1440, False), (390, True), (1440, True), (390, False)]
)
def test_a_board_is_accessible_and_no_wider_than_the_window(
    browser: Browser, site: Path, width: int, dark: bool
) -> None:
    import axe_core_python

    browser.look(width=width, dark=dark)
    browser.open(site / "index.html")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    (checker,) = Path(axe_core_python.__file__).parent.rglob("axe*.js")
    assert browser.faults(checker) == []
    assert browser.messages() == []
    assert browser.run("return window.hacked") is None
