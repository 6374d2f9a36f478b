"""The kinds of figures, and what each needs: runs, a study or a sweep → a drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mubench_gen.compare.board import APART, BOXES, GROUPS, POOLED, TASKS, Board, BoardRow
from mubench_gen.compare.boards import boards
from mubench_gen.compare.groups import label_runs
from mubench_gen.console.numbers import Shares
from mubench_gen.console.outlet import printable
from mubench_gen.errors import SettingError
from mubench_gen.report.figures.bars import PositionShares, positions
from mubench_gen.report.figures.confusion import confusions
from mubench_gen.report.figures.drawing import COLUMN, Drawing, styled
from mubench_gen.report.figures.intervals import DotRow, Mark, interval_dots
from mubench_gen.report.figures.matrix import Matrix, matrices
from mubench_gen.report.figures.radar import LEAST, radar
from mubench_gen.report.figures.reliability import reliability
from mubench_gen.report.figures.squares import SweepPoint, frontier
from mubench_gen.runs.results import Run
from mubench_gen.scores.joint import Adjust

STANDINGS = {"leads": "*", "tied": "=", "behind": "", "": ""}  # beside a number
_BY_TASK = (POOLED, GROUPS, TASKS)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a figure is drawn from. effects: by model, the effects of a study's settings; steps: of
    a sweep. by: as `report --by`; tasks: of a confusion matrix, empty for all; width: in inches.
    """

    runs: Sequence[Run]
    by: Sequence[str] | None = None
    effects: Mapping[str, Sequence[DotRow]] = field(default_factory=dict)
    steps: Sequence[SweepPoint] = ()
    tasks: Sequence[str] = ()
    width: float = COLUMN
    adjust: Adjust = "maxt"

    def board(self) -> Board:
        """The one board of the runs. SettingError if they share no item."""
        found = boards(self.runs, by=self.by, adjust=self.adjust)
        if len(found) > 1:
            alone = "; ".join(", ".join(e.label for e in one.entrants) for one in found)
            raise SettingError(
                f"These runs share no item, and a figure would compare them: {alone}. Give runs of "
                "the same data and tasks."
            )
        return found[0]


def draw(kind: str, sources: Sources) -> Drawing:
    """Draw a figure. SettingError for a kind that there is not, or that these runs don't give."""
    if kind not in KINDS:
        raise SettingError(f"There is no figure {kind!r}: choose one of {', '.join(KINDS)}.")
    with styled():
        return KINDS[kind](sources)


def board_dots(
    board: Board, rows: Iterable[BoardRow] | None = None, *, width: float = COLUMN, title: str = ""
) -> Drawing:
    """The scores of a board's rows with their intervals; without `rows`, by task."""
    chosen = [row for row in board.rows if row.part in _BY_TASK] if rows is None else list(rows)
    chosen = chosen or list(board.rows)
    groups = [
        DotRow(
            printable(row.name if row.part != POOLED else "all items"),
            [
                Mark(printable(one.shown), cell.value, cell.ci95, at, not one.finished)
                for at, (one, cell) in enumerate(zip(board.entrants, row.cells, strict=True))
                if cell.value is not None
            ],
            row.part in (POOLED, GROUPS),
            row.chance,
            row.majority,
        )
        for row in chosen
        if any(cell.value is not None for cell in row.cells)
    ]
    if not groups:
        raise SettingError("No item has an answer yet: a figure has nothing to show.")
    boxes = bool(chosen) and all(row.part == BOXES for row in chosen)
    names = [printable(one.shown) for one in board.entrants]
    words = title or "Accuracy by task, with 95 % intervals"
    axis = "GRIT score, %" if boxes else "accuracy, %"
    with styled():
        return interval_dots(groups, words, series=names, width=width, axis=axis)


def board_heatmap(board: Board, *, width: float = COLUMN) -> Drawing:
    """The scores of a board as shaded cells: * leads, = is tied with the best."""
    rows = [row for row in board.rows if any(cell.value is not None for cell in row.cells)]
    groups = [(row.part, row.group) for row in rows]
    with styled():
        return matrices(
            [
                Matrix(
                    "",
                    [printable(row.name) for row in rows],
                    [printable(one.shown) for one in board.entrants],
                    [[cell.value for cell in row.cells] for row in rows],
                    [
                        [
                            "" if cell.value is None
                            else f"{100 * cell.value:.0f}{STANDINGS[cell.standing]}"
                            for cell in row.cells
                        ]
                        for row in rows
                    ],
                    framed=[
                        (y, x) for y, row in enumerate(rows) for x, cell in enumerate(row.cells)
                        if cell.standing == "leads"
                    ],
                    rules=[
                        at for at in range(1, len(rows))
                        if groups[at][1] != groups[at - 1][1]
                        or (groups[at][0] != groups[at - 1][0] and GROUPS not in groups[at - 1])
                    ],
                )
            ],
            "Heat map: models by tasks, accuracy in %",
            below="accuracy, %   * framed: ahead of all others   = tied with the best",
            width=width,
        )  # fmt: skip


def _dots(sources: Sources) -> Drawing:
    board = sources.board()
    rows = None if sources.by is None else [row for row in board.rows if row.part not in APART]
    return board_dots(board, rows, width=sources.width)


def _heatmap(sources: Sources) -> Drawing:
    if len(sources.runs) < 2:
        raise SettingError(
            "A heat map compares runs, and this is one: give two or more, or draw its dots "
            "(--figure dots)."
        )
    return board_heatmap(sources.board(), width=sources.width)


def _frontier(sources: Sources) -> Drawing:
    if not sources.steps:
        raise SettingError(
            "The frontier is that of a sweep between a base and a fine-tune: give a sweep's folder "
            "(mubench-gen sweep makes one)."
        )
    words = "Frontier: in-domain accuracy against the rest"
    return frontier(sources.steps, words, width=sources.width)


def _effects(sources: Sources) -> Drawing:
    several = [(model, groups) for model, groups in sources.effects.items() if groups]
    if not several:
        raise SettingError(
            "Effects are those of a study's settings: give the folder of a study of two settings "
            "or more (mubench-gen ablate makes one)."
        )
    headed = [
        DotRow(f"{model}, {group.name}" if len(several) > 1 else group.name, group.marks)
        for model, groups in several
        for group in groups
    ]
    shown = Shares()
    return interval_dots(
        [DotRow(one.name, [Mark(f"{one.name} {m.label}", m.value, m.ends) for m in one.marks])
         for one in headed],
        "Effects of settings on the accuracy",
        axis="effect on accuracy, points",
        zero=True,
        width=sources.width,
        told=lambda mark: f"{mark.label}: {shown.signed(mark.value)} points "
        f"({shown.signed_interval(mark.ends)})",
    )  # fmt: skip


def _reliability(sources: Sources) -> Drawing:
    labels = map(printable, label_runs(sources.runs))
    found = [
        (label, one)
        for label, run in zip(labels, sources.runs, strict=True)
        if (one := run.scores.calibration.get("pooled")) is not None
    ]
    if not found:
        raise SettingError(
            "Reliability needs probabilities, and no answer of these runs has any: a contrastive "
            "model gives them, and --readout logprob with others."
        )
    return reliability(found, width=sources.width)


def _positions(sources: Sources) -> Drawing:
    found = [
        PositionShares(printable(label), controls.answered_at, controls.gold_at)
        for label, run in zip(label_runs(sources.runs), sources.runs, strict=True)
        if (controls := run.scores.controls["pooled"]).answered_at
    ]
    if not found:
        raise SettingError("No answer has been recorded: there are no positions to show.")
    return positions(found, width=sources.width)


def _confusion(sources: Sources) -> Drawing:
    return confusions(sources.runs, sources.tasks, width=sources.width)


def _radar(sources: Sources) -> Drawing:
    board = sources.board()
    rows = [
        row for row in board.rows
        if row.part == TASKS and all(cell.value is not None for cell in row.cells)
    ]  # fmt: skip
    if len(rows) < LEAST:
        raise SettingError(
            f"A radar chart needs {LEAST} tasks or more that all runs have; these have "
            f"{len(rows)}. Draw dots (--figure dots)."
        )
    series = [
        (printable(one.shown), [row.cells[at].value or 0.0 for row in rows])
        for at, one in enumerate(board.entrants)
    ]
    words = "Radar chart: accuracy by task, in %"
    return radar([printable(row.name) for row in rows], series, words, width=sources.width)


KINDS: Mapping[str, Callable[[Sources], Drawing]] = {
    "dots": _dots,
    "heatmap": _heatmap,
    "frontier": _frontier,
    "effects": _effects,
    "reliability": _reliability,
    "confusion": _confusion,
    "positions": _positions,
    "radar": _radar,
}
