"""Runs with all that a page has to bear, and a browser to look at it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.page.browser import CHROMIUM, DRIVER, Browser
from tests.spine import evaluate, make_row, write_data, write_plugin

import mubench_gen
from mubench_gen.report.html import write_page

TOLD = mubench_gen.Section(
    "Slow </h2><img src=x onerror='window[`hacked`] = 1'>",
    "</pre></script><script>window['hacked'] = 1</script>\n"
    "\x1b[31mred\x1b[0m\tand \u202eturned\n\n  12.5 s  <b>cells</b> &amp;\n",
)
ROWS = 12  # × 5 questions: more than a page of the gallery
NASTY = """
import mubench_gen
from mubench_gen_plugins.echo import draw

REPLIES = [
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> So: {}",
    "\\x1b[31mred\\x1b[0m and \\u202eturned\\u202c and \\u2028 and \\ud800: the answer is {}",
    "\\U0001f52c\\U0001f9ec microscope \\U0001f52c. The answer is {}.",
    "word " * 95_000 + "The answer is {}. " + "word " * 95_000,
    "As an AI model I cannot answer this.",
    "",
    "It could be anything, really.",
]


class Nasty(mubench_gen.GenerativeModel):
    batch_size = 64

    def generate(self, requests):
        found = []
        for request in requests:
            number = draw(request)
            label = request.labels[number % len(request.labels)]
            found.append(REPLIES[number // 64 % len(REPLIES)].format(label))
        return found


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("nasty <b>&", Nasty, facts={"domain": "web images"})]
"""


@dataclass(frozen=True, slots=True)
class Study:
    """Runs on one data set, and their page."""

    data: Path
    runs: list[mubench_gen.Run]
    page: Path


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three models on the same items: a plain one with failures, a wordy one, a nasty one."""
    folder = tmp_path_factory.mktemp("page")
    rows = [make_row(i, dataset=f"set{i % 2}", stain=f"stain {i % 3}") for i in range(ROWS)]
    data = write_data(folder / "data", rows)
    runs = [
        evaluate("echo", folder / "plain", data=data, options={"fail": "0.1"}),
        evaluate(
            "echo", folder / "wordy", data=data, options={"style": "sentence"}, prompt="plain"
        ),
        evaluate(write_plugin(folder, NASTY, "nasty"), folder / "nasty", data=data),
    ]
    page = folder / "report.html"
    write_page(runs, page, by=["stain"], told={"nasty <b>&": TOLD})
    return Study(data, runs, page)


@pytest.fixture(scope="session")
def one_window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("NO BROWSER: the page is not tested. apt-get install chromium chromium-driver")
    if importlib.util.find_spec("selenium") is None:
        pytest.skip("NO SELENIUM: the page is not tested. pip install 'mubench-gen[dev]'")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(one_window: Browser) -> Browser:
    """The window as a desk computer in daylight has it."""
    one_window.look()
    return one_window


@pytest.fixture
def opened(browser: Browser, study: Study) -> Browser:
    """The window with the study's page."""
    browser.open(study.page)
    return browser
