"""Colours and marks of figures; each run of up to eight has its own of both.

The colours are those of the page in its light theme (`page.css`), safe for the colour-blind. On the
page they are replaced by its variables, so that a figure follows the theme.
"""

from __future__ import annotations

INK, SOFT, LINE, PAPER, SHADE = "#1d2126", "#5b636d", "#dedbd4", "#fcfbf9", "#0073b3"
SERIES = (
    "#0072b2", "#d55e00", "#009e73", "#b3638f", "#c68a00", "#3b9fd6", "#7a6a00", "#555b63",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

VARIABLES = {
    INK: "--ink", SOFT: "--soft", LINE: "--line", PAPER: "--paper", SHADE: "--shade",
    **{colour: f"--c{number}" for number, colour in enumerate(SERIES, start=1)},
}  # fmt: skip


def are_named(count: int) -> bool:
    """Whether so many series are told apart by their names at the marks, not by colours."""
    return count > len(SERIES)


def colour(series: int, count: int) -> str:
    """The colour of a series among so many; the same for all where names tell them apart."""
    return INK if are_named(count) else SERIES[series]


def marker(series: int, count: int) -> str:
    """The mark of a series among so many."""
    return MARKERS[0] if are_named(count) else MARKERS[series]
