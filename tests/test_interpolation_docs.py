"""docs/interpolation.md names flags and methods that exist, and its figures are drawings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mubench_gen.interpolation.merge.methods import METHODS

from .conftest import Here

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "interpolation.md").read_text("utf-8")


def test_every_flag_exists(here: Here) -> None:
    known = "".join(
        here(command, "--help-all").out
        for command in ("merge", "sweep", "soup", "measure", "report", "eval", "runs")
    )
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE))
    assert flags
    assert flags <= set(re.findall(r"--[a-z][a-z-]+", known))


def test_every_method_is_explained() -> None:
    assert all(f"`{method}`" in PAGE for method in METHODS)


@pytest.mark.parametrize("name", re.findall(r"\((interpolation-\w+\.svg)\)", PAGE))
def test_figures_show_every_alpha_of_their_sweep(name: str) -> None:
    drawn = (DOCS / name).read_text("utf-8")
    assert len(set(re.findall(r"α [\d.]+: rest", drawn))) == 11
    assert "<script" not in drawn
