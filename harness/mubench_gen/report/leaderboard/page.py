"""Boards and their runs → the site's first page, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mubench_gen._version import __version__
from mubench_gen.compare.board import APART, TASKS, Board, Entrant
from mubench_gen.compare.board_words import some
from mubench_gen.console.outlet import printable
from mubench_gen.report.html.boards import board_shown
from mubench_gen.report.html.rendering import render
from mubench_gen.report.leaderboard.admission import Admitted, LeftOut
from mubench_gen.report.leaderboard.conditions import FILTERS, conditions, protocol
from mubench_gen.scores.metadata import ABSENT

_SCRIPTS = ("dom.js", "theme.js", "tables.js", "board.js")
_LINKED = {
    TASKS: "task",
    **dict.fromkeys(APART, "task"),
    "modality": "modality",
}  # as the gallery filters


def page_of(admitted: Admitted) -> str:
    """The path of a run's own page in the site."""
    return f"runs/{admitted.name}.html"


def render_board(
    boards: Sequence[Board],
    admitted: Sequence[Admitted],
    left_out: Sequence[LeftOut],
    *,
    title: str,
) -> str:
    """The page as text."""
    told = {str(one.run.dir): (one, conditions(one.run.manifest)) for one in admitted}
    numbers = {folder: number for number, folder in enumerate(told)}
    shown = [_board(board, told, numbers) for board in boards]
    many = len(shown) > 1
    sections = [
        (f"board-{i}", f"Ranking {i}" if many else "Ranking") for i, _ in enumerate(shown, start=1)
    ]
    sections += [("runs", "Runs"), *([("left-out", "Not shown")] if left_out else [])]
    return render(
        "leaderboard.html.j2",
        _SCRIPTS,
        title=printable(title),
        lead=_lead(boards, admitted),
        sections=[{"id": name, "name": words} for name, words in (*sections, ("data", "Data"))],
        boards=shown,
        filters=list(_filters([found for _, found in told.values()])),
        left_out=[{"name": one.name, "reason": printable(one.reason)} for one in left_out],
    )


def document(
    boards: Sequence[Board], admitted: Sequence[Admitted], left_out: Sequence[LeftOut]
) -> dict[str, Any]:
    """What the page shows, as JSON; a run is named as in the site, not by its folder."""
    names = {str(one.run.dir): one.name for one in admitted}
    found = [board.as_dict() for board in boards]
    for board in found:
        for entrant in board["entrants"]:
            entrant["run"] = names[entrant["run"]]
    runs = [
        {
            "run": one.name,
            "id": one.run.manifest["id"],
            **conditions(one.run.manifest),
            "checks": [check.as_dict() for check in one.checks],
            "page": page_of(one),
            "pack": one.pack,
            "pack_sha256": one.sha256,
        }
        for one in admitted
    ]
    gone = [{"run": one.name, "reason": one.reason} for one in left_out]
    return {
        "format": 1,
        "mubench_gen": __version__,
        "boards": found,
        "runs": runs,
        "left_out": gone,
    }


def doubles(admitted: Sequence[Admitted]) -> list[str]:
    """A note for each model that stands there several times under the same conditions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in admitted:
        manifest = one.run.manifest
        model = manifest["plugin"]["name"], str(manifest["model"]["id"])
        kind = protocol(manifest), str(manifest["settings"]["control"])
        found.setdefault((*model, *kind), []).append(one.name)
    return [
        f"{some(names, most=len(names))} are runs of one model under one protocol; each has a "
        "place of its own."
        for names in found.values()
        if len(names) > 1
    ]


def _lead(boards: Sequence[Board], admitted: Sequence[Admitted]) -> str:
    data = dict.fromkeys(str(one.run.manifest["data"]["name"]) for one in admitted)
    items = sum(board.items_in_any for board in boards)
    runs = f"{len(admitted)} run{'' if len(admitted) == 1 else 's'}"
    told = f"{printable(some(list(data)))}: {runs}, {items:,} items. Every run was checked."
    if len(boards) > 1:
        told += f" They share no item across {len(boards)} rankings."
    return told


def _board(
    board: Board,
    told: Mapping[str, tuple[Admitted, dict[str, str]]],
    numbers: Mapping[str, int],
) -> dict[str, Any]:
    shown = board_shown(board, numbers)
    shown["notes"] = [*doubles([told[one.run][0] for one in board.entrants]), *shown["notes"]]
    for entrant, model in zip(board.entrants, shown["runs"], strict=True):
        model |= _run(entrant, *told[entrant.run])
    for row in (row for part in shown["sections"] for row in part["rows"]):
        field = _LINKED.get(row["part"])
        row["hash"] = f"#{field}={quote(row['key'])}" if field else "#gallery"
    return shown


def _run(entrant: Entrant, admitted: Admitted, found: Mapping[str, str]) -> dict[str, Any]:
    low, high = entrant.places or (None, None)
    several = low is not None and low != high
    held = [check for check in admitted.checks if check.outcome == "holds"]
    not_made = [check for check in admitted.checks if check.outcome == "not checked"]
    return {
        "place": "–" if entrant.place is None else f"{entrant.place}",
        "places": f"{low}–{high}" if several else "",
        "page": page_of(admitted),
        "pack": admitted.pack,
        "sha256": admitted.sha256,
        "filters": {name: printable(found.get(name, ABSENT)) for name in FILTERS},
        "facts": {name: printable(value) for name, value in found.items()},
        "items": f"{entrant.n:,}",
        "failed": f"{entrant.n_errors:,}" if entrant.n_errors else "–",
        "control": entrant.control,
        "checks": f"{len(held)} hold" + (f", {len(not_made)} not made" if not_made else ""),
        "told": "; ".join(f"{one.name}: {printable(one.found)}" for one in admitted.checks),
    }


def _filters(several: Sequence[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """The lists of values; a fact that all runs share filters nothing."""
    for name in FILTERS:
        values = sorted({printable(found.get(name, ABSENT)) for found in several})
        if len(values) > 1:
            yield {"name": name, "words": name.capitalize(), "values": values}
