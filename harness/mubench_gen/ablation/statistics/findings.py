"""arrays → findings: the results of a study, for tables and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import Grid
from mubench_gen.ablation.statistics.answers import MOVED, UNANSWERED, UNASKED, Answers
from mubench_gen.ablation.statistics.effects import Decomposition, decompose, decompose_drawn
from mubench_gen.ablation.statistics.estimated import Estimated, estimated, responses_in
from mubench_gen.ablation.statistics.ranks import RankStability, rank_stability
from mubench_gen.ablation.statistics.spread import (
    BestOnHalf,
    Spread,
    best_on_half,
    by_image,
    complete,
    intervals,
    joint,
    spread,
)
from mubench_gen.ablation.statistics.tallies import Mask, Tally, tally
from mubench_gen.scores.joint import Adjust
from mubench_gen.scores.posterior import estimate

Floats = npt.NDArray[np.float64]

MODEL = "model"  # the factor of several models


@dataclass(frozen=True, slots=True)
class CellScore:
    """One cell: its levels by factor, its interval, its tally."""

    levels: Mapping[str, str]
    prompt: str
    readout: str
    ci95: tuple[float, float] | None
    tally: Tally
    condition: int = 0  # the number of its run among those of the model


@dataclass(frozen=True, slots=True)
class LevelTally:
    """The answers in all cells of one level of a factor."""

    factor: str
    level: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class ModelFindings:
    """One model's results on the grid.

    complete: the number of items that every cell answered, of `items`; cells are compared on
    those. over: the spread over cells, "pooled" and by task. over_levels: the spread over each
    factor's levels, averaged over the other factors (indices are then of levels). estimated: if
    only a part of the grid was asked; the effects are then those of the estimated accuracies.
    unmoved: the share of items with the same option, right or wrong, under all orders; None
    with one order.
    """

    model: str
    run: str
    items: int
    complete: int
    images: int
    cells: tuple[CellScore, ...]
    levels: tuple[LevelTally, ...]
    over: Mapping[str, Spread]
    over_levels: Mapping[str, Spread]
    best: BestOnHalf | None
    effects: Decomposition | None
    unmoved: float | None
    estimated: Estimated | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """All models' results; for several models also effects with the model as a factor, and
    whether the order of the models depends on the prompt. clustered: what the items are clustered
    by; noun: what one cluster is called."""

    models: tuple[ModelFindings, ...]
    together: Decomposition | None
    ranks: RankStability | None
    ranks_by_prompt: RankStability | None
    clustered: str
    noun: str
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def find(
    grid: Grid,
    answers: Sequence[Answers],
    names: Sequence[str],
    runs: Sequence[str],
    *,
    adjust: Adjust = "maxt",
    seed: int,
) -> Findings:
    """Analyse the answers of each model. `adjust`: how the p of effects are adjusted."""
    models = tuple(
        _of_model(grid, one, name, run, adjust, seed)
        for one, name, run in zip(answers, names, runs, strict=True)
    )
    table = joint(answers) if len(answers) > 1 else None
    found = _findings(models, answers)
    if table is None:
        return found
    factors = [(MODEL, tuple(names)), *((f.name, f.levels) for f in grid.factors)]
    shape = (len(answers), len(grid.cells))
    influences = table.influences(seed).reshape(-1, *shape)
    ranks, by_prompt = _ranks(table.means.reshape(shape), influences, grid, seed)
    return replace(
        found,
        together=decompose(table, factors, adjust=adjust, seed=seed),
        ranks=ranks,
        ranks_by_prompt=by_prompt,
    )


def _findings(models: Sequence[ModelFindings], answers: Sequence[Answers]) -> Findings:
    """Each model's results alone."""
    clusters = answers[0].clusters
    notes = (*clusters.notes, *clusters.cautions)
    return Findings(tuple(models), None, None, None, clusters.by, clusters.noun, notes)


def find_estimated(
    grid: Grid,
    answers: Sequence[Answers],
    names: Sequence[str],
    runs: Sequence[str],
    *,
    items: Sequence[Mapping[str, str]],
    seed: int,
) -> Findings:
    """Estimate the results of the whole grid from each model's answers to a part of it.

    `items`: for each model, all items of the whole grid with their tasks.
    """
    factors = [(factor.name, factor.levels) for factor in grid.factors]
    models, drawn = [], []
    for one, name, run, wanted in zip(answers, names, runs, items, strict=True):
        plain = _of_model(grid, one, name, run, "none", seed)
        if not np.isfinite(one.right).any():  # all failed
            models.append(plain)
            continue
        whole = estimate(responses_in(grid, one, wanted), seed=seed)
        drawn.append(whole.drawn)
        effects = decompose_drawn(
            whole.drawn, factors, items=len(wanted), images=one.clusters.count, seed=seed
        )
        models.append(replace(plain, estimated=estimated(whole, one, len(wanted)), effects=effects))
    found = _findings(models, answers)
    if len(models) < 2 or len(drawn) < len(models):
        return found
    together = np.stack(drawn, axis=1)
    apart = (together - together.mean(axis=0)) / np.sqrt(len(together) - 1)
    ranks, by_prompt = _ranks(together.mean(axis=0), apart, grid, seed)
    return replace(
        found,
        together=decompose_drawn(
            together.reshape(len(together), -1),
            [(MODEL, tuple(names)), *factors],
            items=len(items[0]),
            images=answers[0].clusters.count,
            seed=seed,
        ),
        ranks=ranks,
        ranks_by_prompt=by_prompt,
    )


def _ranks(
    scores: Floats, influences: Floats, grid: Grid, seed: int
) -> tuple[RankStability, RankStability]:
    """The order of the models over cells and over prompts; influences (clusters, models, cells)."""
    prompts = _over_prompts(influences, grid)
    return (
        rank_stability(scores, influences.reshape(len(influences), -1), seed=seed),
        rank_stability(
            _over_prompts(scores[None], grid)[0], prompts.reshape(len(prompts), -1), seed=seed
        ),
    )


def _of_model(
    grid: Grid, answers: Answers, name: str, run: str, adjust: Adjust, seed: int
) -> ModelFindings:
    width = len(grid.cells)
    sound = complete(answers.right)
    table = by_image(answers.right[sound], answers.clusters.codes[sound]) if sound.any() else None
    cells = [tally(answers, np.arange(width) == place) for place in range(width)]
    over: dict[str, Spread] = {}
    if table is not None:
        over["pooled"] = spread(table.means)
        for code, task in sorted(enumerate(answers.tasks), key=lambda pair: pair[1]):
            here = sound & (answers.task == code)
            if here.any():
                over[task] = spread(answers.right[here].mean(axis=0))
    several = table is not None and width > 1
    return ModelFindings(
        model=name,
        run=run,
        items=len(answers.items),
        complete=int(sound.sum()),
        images=len(table.sizes) if table is not None else 0,
        cells=tuple(
            CellScore(
                levels=dict(zip((f.name for f in grid.factors), cell.levels, strict=True)),
                prompt=cell.prompt,
                readout=cell.readout,
                ci95=_interval(answers, place),
                tally=counted,
                condition=cell.condition,
            )
            for place, (cell, counted) in enumerate(zip(grid.cells, cells, strict=True))
        ),
        levels=tuple(
            LevelTally(factor.name, level, tally(answers, _having(grid, at, level)))
            for at, factor in enumerate(grid.factors)
            if len(factor.levels) > 1
            for level in factor.levels
        ),
        over=over,
        over_levels=_over_levels(table.means, grid) if table is not None else {},
        best=best_on_half(table, seed=seed) if table is not None and several else None,
        effects=decompose(
            table, [(f.name, f.levels) for f in grid.factors], adjust=adjust, seed=seed
        )
        if table is not None and several and len(table.sizes) > 1
        else None,
        unmoved=_unmoved(grid, answers),
    )


def _interval(answers: Answers, place: int) -> tuple[float, float] | None:
    """The interval of one cell's accuracy, on all items that it answered."""
    here = ~np.isnan(answers.right[:, place])
    if not here.any():
        return None
    return intervals(by_image(answers.right[here][:, [place]], answers.clusters.codes[here]))[0]


def _having(grid: Grid, at: int, level: str) -> Mask:
    return np.array([cell.levels[at] == level for cell in grid.cells])


def _over_prompts(scores: npt.NDArray[np.float64], grid: Grid) -> npt.NDArray[np.float64]:
    """Average over all other factors: (draws, models, cells) → (draws, models, prompts)."""
    at = next(n for n, factor in enumerate(grid.factors) if factor.name == "prompt")
    whole = scores.reshape(*scores.shape[:2], *grid.shape)
    others = tuple(2 + n for n in range(len(grid.shape)) if n != at)
    means: npt.NDArray[np.float64] = whole.mean(axis=others)
    return means


def _over_levels(means: Floats, grid: Grid) -> dict[str, Spread]:
    axes = range(len(grid.shape))
    return {
        factor.name: spread(means.reshape(grid.shape).mean(axis=tuple(a for a in axes if a != at)))
        for at, factor in enumerate(grid.factors)
        if len(factor.levels) > 1
    }


def _unmoved(grid: Grid, answers: Answers) -> float | None:
    at = next((n for n, factor in enumerate(grid.factors) if factor.name == "orders"), None)
    choice = answers.choice.reshape(len(answers.items), *grid.shape)
    many = bool((answers.choice == MOVED).any())
    if at is None or (choice.shape[at + 1] < 2 and not many):
        return None
    choice = np.moveaxis(choice, at + 1, -1)
    asked = (choice != UNASKED).all(axis=-1)
    first = choice[..., :1]
    same = (choice == first).all(axis=-1) & (first[..., 0] != MOVED) & (first[..., 0] != UNANSWERED)
    return float(same[asked].mean()) if asked.any() else None
