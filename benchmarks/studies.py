"""How often the intervals of a study's measures of items hold what is true, by simulation.

    python benchmarks/studies.py PART [REPEATS]

PART is flips, corruption, calibration, debias, two-way or budget (of which three of eight cells are
asked of each item).

Answers are drawn with a known accuracy by cell, item and transform; what is true of a measure is
its value on 40,000 images. Prints the percentage of data sets in which the 95 % interval holds it.
With 400 REPEATS (the default) a rate of 95 % is known to within 2.1 points.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from mubench_gen.ablation.budget import draw
from mubench_gen.ablation.grid import Cell, Factor, Grid
from mubench_gen.ablation.statistics.answers import UNASKED, Answers, PositionCounts
from mubench_gen.ablation.statistics.corruption import corruption
from mubench_gen.ablation.statistics.items import item_findings
from mubench_gen.ablation.statistics.verdict import verdict
from mubench_gen.scores.debias import debias
from mubench_gen.scores.item_clusters import ItemClusters
from mubench_gen.scores.label_probabilities import Readouts

LEVELS = {"prompt": ("letter", "plain"), "transform": ("none", "blur:1", "blur:3", "jpeg:2")}
ACCURACY = {"letter": 0.75, "plain": 0.65}
LOSS = {"none": 0.0, "blur:1": 0.1, "blur:3": 0.3, "jpeg:2": 0.15}
OPTIONS, APART = 4, 0.5  # APART: of the variance, what items and images have in common
Held = dict[str, bool]
Truth = Mapping[str, float]


def grid() -> Grid:
    """Two prompts under four transforms."""
    factors = tuple(Factor(name, levels) for name, levels in LEVELS.items())
    cells = [(p, t) for p in LEVELS["prompt"] for t in LEVELS["transform"]]
    return Grid(factors, tuple(Cell(p, "parse", (p, t), n % 4) for n, (p, t) in enumerate(cells)))


def accuracies(better: float = 0.0) -> np.ndarray[Any, Any]:
    """The true accuracy of each cell."""
    levels = [cell.levels for cell in grid().cells]
    return np.array([ACCURACY[p] - LOSS[t] * (1 - better) + better * 0.1 for p, t in levels])


def drawn(images: int, seed: int, *, better: float = 0.0, two_way: bool = False) -> Answers:
    """The answers of a model; with one seed, several models share images and their difficulty."""
    common, own = (
        np.random.default_rng([seed, 1]),
        np.random.default_rng([seed, 2, int(9 * better)]),
    )
    image = np.repeat(np.arange(images), common.integers(1, 4, size=images))
    n, cells = len(image), accuracies(better)
    plates = common.integers(0, max(2, images // 3), size=n)
    shared = common.normal(size=(images, 1))[image] + common.normal(size=(n, 1))
    if two_way:
        shared = (shared + common.normal(size=(plates.max() + 1, 1))[plates]) * np.sqrt(2 / 3)
    latent = np.sqrt(APART / 2) * shared + np.sqrt(1 - APART) * own.normal(size=(n, len(cells)))
    right = latent < np.array([NormalDist().inv_cdf(share) for share in cells])
    usual = common.integers(1, OPTIONS, size=(n, 1))
    wrong = np.where(own.random(right.shape) < 0.6, usual, own.integers(1, OPTIONS, right.shape))
    noise = 0.15 * own.normal(size=right.shape)
    sure = np.clip(
        0.5 + 0.25 * (2 * right - 1) * 0.5 - 0.4 * (latent - 0.3) / 4 + noise, 0.26, 0.99
    )
    brier = np.where(right, (1 - sure) ** 2, (1 + sure) ** 2) * 0.75
    codes = np.stack([image, plates], axis=1) if two_way else image
    none = np.zeros(len(cells), np.int64)
    places = PositionCounts(*(np.zeros((len(cells), 1, 1), np.int64) for _ in range(3)))
    return Answers(
        items=tuple(map(str, range(n))),
        clusters=ItemClusters(codes, "image", "image", ()),
        tasks=("task",),
        task=np.zeros(n, np.int64),
        right=right.astype(np.float64),
        choice=np.where(right, 0, wrong).astype(np.int8),
        records=none, errors=none, unanswered=none, correct=none, places=places,
        options=np.full(n, OPTIONS),
        sure=sure,
        brier=brier,
    )  # fmt: skip


def of_items(answers: Answers) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Each measure of the items with its interval."""
    found = item_findings(grid(), answers, "model")
    for flip in found.flips:
        name = f"{flip.factor} {flip.level}"
        for part in ("changed", "destructive", "corrective"):
            known = getattr(flip, part)
            yield f"{name} {part}", known.value, known.ci95
        yield f"{name} difference", flip.difference, flip.ci95
    for one in found.stability:
        for part in ("agreement", "right", "wrong", "sensitivity"):
            known = getattr(one, part)
            if known is not None:
                yield f"{one.factor} {part}", known.value, known.ci95


def of_calibration(answers: Answers) -> Iterator[tuple[str, float, tuple[float, float]]]:
    for flip in item_findings(grid(), answers, "model").flips:
        if flip.calibration is not None:
            for part in ("confidence", "overconfidence", "ece", "brier"):
                shift = getattr(flip.calibration, part)
                yield f"{flip.level} {part}", shift.difference, shift.ci95


def of_corruption(images: int, seed: int) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """The corruption errors of a second model that loses half as much."""
    yield from of_errors([drawn(images, seed), drawn(images, seed, better=0.5)])


def of_errors(
    models: list[Answers], *, whole: bool = True
) -> Iterator[tuple[str, float, tuple[float, float]]]:
    found = corruption(grid(), models, ["base", "better"], whole=whole)
    for one in found.errors if found is not None else ():
        if one.model == "better":
            if one.ce is not None and one.ci95 is not None:
                yield f"{one.kind} error", one.ce, one.ci95
            if one.relative is not None and one.relative_ci95 is not None:
                yield f"{one.kind} relative", one.relative, one.relative_ci95


def in_part(answers: Answers, seed: int) -> Answers:
    """The answers to three eighths of the pairs of item and cell, as a budget draws them."""
    items, cells = answers.right.shape
    asked = np.zeros((items, cells), bool)
    for item, own in enumerate(draw(items, cells, 3 * items, seed=seed)):
        asked[item, own] = True
    return replace(
        answers,
        right=np.where(asked, answers.right, np.nan),
        choice=np.where(asked, answers.choice, np.int8(UNASKED)),
        sure=np.where(asked, answers.sure, np.nan),
        brier=np.where(asked, answers.brier, np.nan),
    )


def of_budget(images: int, seed: int) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """All of these of a part of the grid, and the gains of the second model over the first."""
    models = [in_part(drawn(images, seed, better=better), seed) for better in (0.0, 0.5)]
    yield from of_items(models[0])
    yield from of_calibration(models[0])
    yield from of_errors(models, whole=False)
    found = verdict(grid(), models, ("base", "better"), seed=seed, whole=False)
    assert found is not None
    for gain in (*found.gains, *found.cells):
        yield f"gain {gain.factor} {gain.level}", gain.gain, gain.ci95
    for change in found.changes:
        yield f"change {change.factor} {change.level} {change.baseline}", change.change, change.ci95


PRIOR = np.log(np.array([0.45, 0.25, 0.18, 0.12]))


def records(images: int, seed: int, *, blind: bool = False) -> Iterator[dict[str, Any]]:
    """Log-probabilities with a preference for labels, under cyclic orders of four options."""
    random = np.random.default_rng([seed, 3])
    for image in range(images):
        lean = random.normal()
        for number in range(random.integers(1, 3)):
            content = random.normal(size=OPTIONS)
            content[0] += 1.2 + 0.6 * lean  # the right option is the first
            for turn in range(OPTIONS):
                order = [(place + turn) % OPTIONS for place in range(OPTIONS)]
                logits = PRIOR + 0.3 * random.normal(size=OPTIONS)
                logits += 0 if blind else content[order]
                scores = logits - np.log(np.exp(logits).sum())
                yield {
                    "item": f"{image}/{number}", "image_id": str(image), "image_sha256": str(image),
                    "dataset": "data", "task": "task", "status": "answered", "readout": "logprob",
                    "prompt": "letter[order=cyclic:4]", "options": list("wxyz"), "meta": {},
                    "labels": list("ABCD"), "order": order, "gold": order.index(0),
                    "choice": int(scores.argmax()), "scores": scores.tolist(),
                }  # fmt: skip


def of_debias(images: int, seed: int) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """The gain in accuracy of each method."""
    seen, blind = Readouts(), Readouts()
    seen.add(records(images, seed))
    blind.add(records(images, seed + 10**6, blind=True))
    for one in debias(seen, blind, seed=seed).methods:
        yield f"{one.method} gain", one.difference, one.ci95


PARTS: dict[str, Callable[[int, int], Iterator[tuple[str, float, tuple[float, float]]]]] = {
    "flips": lambda images, seed: of_items(drawn(images, seed)),
    "two-way": lambda images, seed: of_items(drawn(images, seed, two_way=True)),
    "calibration": lambda images, seed: of_calibration(drawn(images, seed)),
    "corruption": of_corruption,
    "budget": of_budget,
    "debias": of_debias,
}


def coverage(part: str, images: int, repeats: int, *, many: int) -> dict[str, tuple[float, float]]:
    """By measure what is true of it, from `many` images, and how often intervals hold it."""
    measured = PARTS[part]
    truth = {name: value for name, value, _ in measured(many, 10**7)}
    held, told = Counter[str](), Counter[str]()
    for seed in range(repeats):
        for name, _, (low, high) in measured(images, seed):
            told[name] += 1
            held[name] += low <= truth.get(name, np.nan) <= high
    return {name: (truth[name], held[name] / told[name]) for name in told if name in truth}


def main(part: str, repeats: int = 400) -> None:
    many = {"debias": 4_000, "budget": 20_000}.get(part, 40_000)
    for images in (40, 150):
        print(f"{images} images\nmeasure                          true    held 95 %")
        for name, (true, share) in coverage(part, images, repeats, many=many).items():
            print(f"{name:30}  {100 * true:7.1f}  {100 * share:8.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
