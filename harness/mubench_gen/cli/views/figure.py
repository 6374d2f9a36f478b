"""`report --figure KIND`: one figure as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.joint import Adjust

_OPTIONS = ("task", "width")
_MM = 25.4  # in an inch
_WIDTHS = (40.0, 600.0)  # mm


def write_figure(
    kind: str,
    paths: Sequence[Path],
    runs: Sequence[Run],
    *,
    out: Path | None,
    by: Sequence[str],
    options: Mapping[str, str],
    adjust: Adjust = "maxt",
) -> None:
    """Write the figure of these runs, studies and sweeps. SettingError for what does not fit."""
    from mubench_gen.console.notes import note
    from mubench_gen.report.figures import Sources, draw
    from mubench_gen.report.figures.studies import effects_of, steps_of
    from mubench_gen.runs.studies import studies_in

    out = check_figure(kind, options, out)
    studies = studies_in(paths)
    tasks = [name for name in options.get("task", "").split("+") if name]
    drawing = draw(
        kind,
        Sources(
            runs,
            by=by or None,
            effects=effects_of(studies),
            steps=steps_of(studies),
            tasks=tasks,
            adjust=adjust,
            width=width_of(options),
        ),
    )
    drawing.write(out)
    note(f"Wrote {out}: {drawing.title}.")


def check_figure(kind: str, options: Mapping[str, str], out: Path | None) -> Path:
    """The file to write. SettingError without one, and for an option that no figure has."""
    from mubench_gen.errors import SettingError, did_you_mean
    from mubench_gen.report.figures.drawing import format_of

    if unknown := [name for name in options if name not in _OPTIONS]:
        raise SettingError(
            f"A figure has no option {unknown[0]!r}. {did_you_mean(unknown[0], _OPTIONS)}"
        )
    if out is None:
        raise SettingError(f"Where to? Give --out {kind}.svg, or a file .pdf or .png.")
    format_of(out)
    return out


def width_of(options: Mapping[str, str]) -> float:
    """The width that the options name, in inches; without one that of a column."""
    from mubench_gen.report.figures.drawing import COLUMN

    return _inches(options["width"]) if "width" in options else COLUMN


def _inches(text: str) -> float:
    from mubench_gen.errors import SettingError

    low, high = _WIDTHS
    try:
        width = float(text.removesuffix("mm"))
    except ValueError:
        width = 0.0
    if not low <= width <= high:
        raise SettingError(
            f"-o width={text}: give the figure's width in mm, {low:g} to {high:g}; a column of a "
            "paper has 85, a page 170."
        )
    return width / _MM
