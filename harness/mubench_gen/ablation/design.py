"""A fraction of a grid: cells from which chosen effects can be estimated.

Cells are picked by a D-optimal exchange (Fedorov 1972): one cell after another is exchanged for
the one that raises the determinant of X'X most, from several starts drawn by the seed. Columns of X
are orthonormal contrasts, so that an orthogonal array, where there is one of that size, has
efficiency 1, as the full grid has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mubench_gen.ablation.grid import StudySettings, run_axes
from mubench_gen.errors import SettingError, did_you_mean

Floats = npt.NDArray[np.float64]
Term = tuple[str, ...]

_STARTS, _PASSES = 4, 60
_GOOD = 0.999  # efficiency of an orthogonal array, but for rounding
_ALIASED = 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """Which cells are asked, `cells` by their number in the grid, and what can be told from them.

    terms: the effects that are estimated. efficiency: |X'X / cells| ** (1 / columns), 1 for an
    orthogonal array. aliases: for each term the pairs of factors that are not estimated and change
    its estimate if they interact, with the largest coefficient (1: fully).
    """

    spec: str
    seed: int
    grid: int
    cells: tuple[int, ...]
    terms: tuple[Term, ...]
    efficiency: float
    aliases: Mapping[str, Mapping[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """For study.json."""
        return {
            "spec": self.spec,
            "seed": self.seed,
            "cells": list(self.cells),
            "of": self.grid,
            "terms": [name_of(term) for term in self.terms],
            "efficiency": self.efficiency,
            "aliases": {name: dict(found) for name, found in self.aliases.items()},
        }

    def lines(self) -> list[str]:
        """What it asks and what is aliased, as sentences."""
        kind = "orthogonal" if self.efficiency > _GOOD else f"D-efficiency {self.efficiency:.2f}"
        estimated = ", ".join(map(name_of, self.terms))
        found = [
            f"Design {self.spec}: {len(self.cells):,} of {self.grid:,} cells ({kind}, seed "
            f"{self.seed}), from which these effects are estimated: {estimated}."
        ]
        for name, others in self.aliases.items():
            worst = sorted(others.items(), key=lambda pair: -pair[1])[:4]
            told = ", ".join(f"{other} ({share:.2f})" for other, share in worst)
            more = f" and {len(others) - 4} more" if len(others) > 4 else ""
            found.append(f"The effect of {name} is aliased with {told}{more}.")
        if not self.aliases:
            found.append("No estimated effect is aliased with an interaction of two factors.")
        return found


def factor_lengths(axes: StudySettings) -> dict[str, int]:
    """The number of levels of each factor of the grid, in its order, before it is made."""
    if not axes.prompt:
        raise SettingError("--design needs the prompts by name: give --prompt.")
    named = {"prompt": len(axes.prompt), "readout": len(axes.readout) or 1}
    order = ("prompt", "labels", "orders", "system", "image", "readout", "shots")
    lengths = {one: named.get(one) or len(getattr(axes, one)) for one in order}
    lengths |= {axis.name: len(axis.values) for axis in axes.axis}
    return {name: number for name, number in lengths.items() if number}


def make_design(axes: StudySettings, spec: str, seed: int) -> Design:
    """The cells that `spec` asks: main or two-way, or FACTOR*FACTOR,… beside all main effects;
    with :N behind it N cells. SettingError for what is wrong in it."""
    if axes.budget is not None:
        raise SettingError("--design and --budget are two ways to ask a part: give one of them.")
    lengths = factor_lengths(axes)
    varied = {name: number for name, number in lengths.items() if number > 1}
    terms, count = _terms(spec, varied)
    cells = np.indices(tuple(lengths.values())).reshape(len(lengths), -1).T
    columns = columns_of(cells, list(lengths), lengths, terms)
    chosen, efficiency = _sized(columns, count, seed)
    known = set(terms)
    others = [pair for pair in combinations(varied, 2) if pair not in known]
    return Design(
        spec=spec,
        seed=seed,
        grid=len(cells),
        cells=tuple(chosen),
        terms=tuple(terms),
        efficiency=efficiency,
        aliases=_aliases(cells[chosen], list(lengths), lengths, terms, others),
    )


def conditions_in(design: Design, axes: StudySettings) -> set[int]:
    """The numbers of the conditions (runs) of which the design asks a cell."""
    lengths = factor_lengths(axes)
    apart = [list(lengths).index(axis.name) for axis in run_axes(axes)]
    levels = np.array(np.unravel_index(design.cells, tuple(lengths.values())))[apart]
    if not apart:
        return {0}
    shape = tuple(len(axis.values) for axis in run_axes(axes))
    return set(np.ravel_multi_index(tuple(levels), shape).tolist())


def _terms(spec: str, varied: Mapping[str, int]) -> tuple[list[Term], int | None]:
    """The terms that a specification names, and its number of cells."""
    body, _, number = spec.rpartition(":")
    body, count = (body, int(number)) if re.fullmatch(r"[1-9]\d{0,5}", number) else (spec, None)
    if len(varied) < 2:
        raise SettingError(f"--design {spec}: a design needs two axes or more with several levels.")
    mains = [(name,) for name in varied]
    if body == "two-way":
        return [*mains, *combinations(varied, 2)], count
    terms: list[Term] = []
    for part in filter(lambda one: one != "main", map(str.strip, body.split(","))):
        pair = tuple(sorted(map(str.strip, part.split("*")), key=lambda one: [*varied].index(one)
                            if one in varied else -1))  # fmt: skip
        for name in pair:
            if name not in varied or len(pair) != 2 or pair[0] == pair[1]:
                raise SettingError(
                    f"--design {spec}: main, two-way, or FACTOR*FACTOR with axes of several levels "
                    f"is needed; {name!r} is none. {did_you_mean(name, varied)}"
                )
        terms.append(pair)
    return [*mains, *dict.fromkeys(terms)], count


def name_of(term: Term) -> str:
    """The term as tables show it."""
    return " × ".join(term)


def _coding(levels: int) -> Floats:
    """Orthonormal contrasts (levels × levels - 1), of mean square 1 over the levels."""
    steps = np.eye(levels) - 1 / levels
    basis = np.linalg.svd(steps)[0][:, : levels - 1]
    return np.asarray(basis * np.sqrt(levels))


def contrasts_of(term: Term, lengths: Mapping[str, int]) -> tuple[list[tuple[int, ...]], Floats]:
    """The combinations of the levels of a term, and the values of its columns there."""
    shape = tuple(lengths[name] for name in term)
    combos = [tuple(map(int, one)) for one in np.ndindex(shape)]
    made: Floats = np.ones((1, 1))
    for name in term:
        made = np.asarray(np.kron(made, _coding(lengths[name])), np.float64)
    return combos, made


def columns_of(
    cells: npt.NDArray[Any], names: Sequence[str], lengths: Mapping[str, int], terms: Sequence[Term]
) -> Floats:
    """The model matrix: a column of ones, then those of each term. `cells`: levels by factor."""
    parts = [np.ones((len(cells), 1))]
    for term in terms:
        shape = tuple(lengths[name] for name in term)
        place = np.ravel_multi_index(tuple(cells[:, names.index(n)] for n in term), shape)
        parts.append(contrasts_of(term, lengths)[1][place])
    return np.concatenate(parts, axis=1)


def _sized(columns: Floats, count: int | None, seed: int) -> tuple[list[int], float]:
    """The cells of a design of `count` cells, or of the smallest good number, and its efficiency.

    Without a count: the first orthogonal one up to twice the number of columns, else the most
    efficient of these.
    """
    candidates, width = columns.shape
    if count is not None and not width <= count <= candidates:
        raise SettingError(
            f"--design: {count} cells; from {width} (as many as effects) to {candidates:,} are "
            "possible."
        )
    numbers = [count] if count is not None else range(width, min(2 * width, candidates) + 1)
    best: tuple[list[int], float] = ([], -1.0)
    for number in numbers:
        found = _exchanged(columns, number, seed)
        if found[1] > best[1] + 1e-9:
            best = found
        if best[1] > _GOOD:
            break
    return best


def _exchanged(columns: Floats, number: int, seed: int) -> tuple[list[int], float]:
    candidates, width = columns.shape
    if number == candidates:
        return list(range(candidates)), _efficiency(columns)
    best: tuple[list[int], float] = ([], -1.0)
    for start in range(_STARTS):
        generator = np.random.default_rng([seed, number, start])
        chosen = generator.choice(candidates, number, replace=False)
        for _ in range(_PASSES * number):
            inverse = np.linalg.inv(columns[chosen].T @ columns[chosen] + 1e-8 * np.eye(width))
            half = columns @ inverse
            leverage = np.einsum("ij,ij->i", half, columns)
            cross = half[chosen] @ columns.T
            gain = (1 + leverage[None]) * (1 - leverage[chosen][:, None]) + cross**2
            gain[:, chosen] = 0
            out, new = np.unravel_index(int(gain.argmax()), gain.shape)
            if gain[out, new] < 1 + 1e-9:
                break
            chosen[out] = new
        found = _efficiency(columns[chosen])
        if found > best[1] + 1e-9:
            best = sorted(chosen.tolist()), found
        if best[1] > _GOOD:
            break
    return best


def _efficiency(columns: Floats) -> float:
    sign, logarithm = np.linalg.slogdet(columns.T @ columns / len(columns))
    return float(np.exp(logarithm / columns.shape[1])) if sign > 0 else 0.0


def _aliases(
    cells: npt.NDArray[Any],
    names: Sequence[str],
    lengths: Mapping[str, int],
    terms: Sequence[Term],
    others: Sequence[Term],
) -> dict[str, dict[str, float]]:
    """By term the pairs of factors outside of the model that bias it: the alias matrix."""
    solve = np.linalg.pinv(columns_of(cells, names, lengths, terms))
    ends = np.cumsum([1, *(contrasts_of(term, lengths)[1].shape[1] for term in terms)])
    found: dict[str, dict[str, float]] = {}
    for pair in others:
        bias = np.abs(solve @ columns_of(cells, names, lengths, [pair])[:, 1:])
        for term, (begin, end) in zip(terms, pairwise(ends), strict=True):
            worst = float(bias[begin:end].max())
            if worst > _ALIASED:
                found.setdefault(name_of(term), {})[name_of(pair)] = round(worst, 3)
    return found
