"""The options of `report`, and which of them exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mubench_gen.scores.joint import Adjust


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command."""

    published: tuple[str, ...]
    protocol: tuple[str, ...]
    forgetting: bool
    html: str | None
    form: str | None
    options: tuple[str, ...]
    metric: tuple[str, ...]
    cluster: tuple[str, ...]
    out: Path | None
    by: tuple[str, ...]
    group: str | None
    data: str | None
    images: bool
    items: int | None
    pictures: int | None
    section: tuple[str, ...]
    each: bool
    figure: str | None
    adjust: Adjust
    margin: float | None
    baseline: str | None
    as_json: bool


def check(runs: Sequence[Path], wanted: Wanted) -> None:
    """Raise SettingError for options that exclude each other."""
    from mubench_gen.errors import SettingError

    ways = {
        "--html": wanted.html is not None and not wanted.forgetting,
        "--format": wanted.form is not None,
        "--published": bool(wanted.published),
        "--forgetting": wanted.forgetting,
        "--figure": wanted.figure is not None,
    }
    chosen = [name for name, given in ways.items() if given]
    if len(chosen) > 1:
        raise SettingError(f"{' and '.join(chosen)} are different reports: give one of them.")
    only = {
        "--out": (wanted.out is not None, ("--format", "--figure")),
        "-o": (bool(wanted.options), ("--format", "--figure")),
        "--data": (wanted.data is not None, ("--html",)),
        "--no-images": (not wanted.images, ("--html",)),
        "--items": (wanted.items is not None, ("--html",)),
        "--pictures": (wanted.pictures is not None, ("--html",)),
        "--margin": (wanted.margin is not None, ("--forgetting",)),
    }
    for name, (given, fitting) in only.items():
        if given and not any(ways[way] for way in fitting):
            raise SettingError(f"{name} works only with {' or '.join(fitting)}: give that too.")
    if wanted.section and chosen and not ways["--html"]:
        raise SettingError(
            f"--section does not go with {chosen[0]}: a section is part of the tables or of "
            "the page (--html)."
        )
    for name, unfit in (
        ("--by", bool(wanted.by)),
        ("--group", wanted.group is not None),
        ("--metric", bool(wanted.metric)),
        ("--protocol", bool(wanted.protocol)),
    ):
        if unfit and (wanted.published or wanted.forgetting):
            raise SettingError(f"{name} does not go with {chosen[0]}.")
    if wanted.protocol and ways["--html"]:
        raise SettingError("--protocol does not go with --html: the page shows our own reading.")
    if wanted.each and any(ways[way] for way in ways if way != "--format"):
        raise SettingError(f"--each is about tables: leave it out of {chosen[0]}.")
    if wanted.figure is not None and (wanted.metric or wanted.group is not None):
        raise SettingError("A figure shows accuracies: --metric and --group do not go with it.")
    if wanted.group is not None and wanted.form is not None:
        raise SettingError("--group does not go with --format: use --json.")
    if wanted.as_json and (wanted.form is not None or ways["--html"] or ways["--figure"]):
        raise SettingError(f"--json prints a document of its own: leave {chosen[0]} out.")
    if wanted.html == "" and (len(runs) > 1 or wanted.forgetting):
        raise SettingError("--html needs a file's name for several runs: --html report.html")
