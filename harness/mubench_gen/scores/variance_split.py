"""Where a mean's variance is from: which items, which prompts, and sampling of the replies.

Items and prompts are crossed random factors, repeats are within both; the components are the
ANOVA estimates (Searle, Casella & McCulloch 1992, section 4.3), those below 0 taken as 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mubench_gen.scores.open_answers import is_apart
from mubench_gen.storage.records import Record


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """Shares of the variance of the mean accuracy, as the run is; they add up to 1.

    items, prompts, repeats: their numbers. of_prompts and of_sampling are None with one prompt or
    one repeat: with one repeat sampling is in `of_mixed`, else only items × prompts are.
    of_items: which items were drawn, including images. more_repeats, more_prompts, more_items:
    by what factor the standard error shrinks if there are twice as many.
    """

    items: int
    prompts: int
    repeats: int
    of_items: float
    of_prompts: float | None
    of_mixed: float
    of_sampling: float | None
    more_items: float
    more_prompts: float
    more_repeats: float


def variance_split(records: Iterable[Record]) -> VarianceSplit | None:
    """The split of the records without errors whose items have all prompts and repeats.

    None unless there are several prompts or repeats of two items or more.
    """
    answers: dict[str, dict[str, list[float]]] = {}
    for record in records:
        if record["status"] != "error" and not is_apart(record):
            of_item = answers.setdefault(record["item"], {})
            of_item.setdefault(record["prompt"], []).append(float(bool(record["correct"])))
    prompts = sorted({prompt for of_item in answers.values() for prompt in of_item})
    repeats = max((len(v) for of_item in answers.values() for v in of_item.values()), default=0)
    table = np.array([
        [of_item[prompt] for prompt in prompts]
        for of_item in answers.values()
        if all(len(of_item.get(prompt, ())) == repeats for prompt in prompts)
    ])  # fmt: skip
    if len(table) < 2 or len(prompts) * repeats < 2:
        return None
    return _split(table)


def _split(table: np.ndarray[tuple[int, int, int], np.dtype[np.float64]]) -> VarianceSplit | None:
    """Of (items, prompts, repeats)."""
    items, prompts, repeats = table.shape
    cells = table.mean(axis=2)
    sampling = float(table.var(axis=2, ddof=1).mean()) if repeats > 1 else 0.0
    of_items, of_prompts, grand = cells.mean(axis=1), cells.mean(axis=0), cells.mean()
    residual = cells - of_items[:, None] - of_prompts + grand
    mixed_square = (
        float((residual**2).sum()) / ((items - 1) * (prompts - 1))
        if prompts > 1
        else sampling / repeats
    )
    mixed = max(0.0, mixed_square - sampling / repeats)
    item = max(0.0, float(of_items.var(ddof=1)) - mixed_square / prompts)
    prompt = max(0.0, float(of_prompts.var(ddof=1)) - mixed_square / items) if prompts > 1 else 0.0

    def of_mean(more_items: int = 1, more_prompts: int = 1, more_repeats: int = 1) -> list[float]:
        i, p, r = items * more_items, prompts * more_prompts, repeats * more_repeats
        return [item / i, prompt / p, mixed / (i * p), sampling / (i * p * r)]

    total = sum(of_mean())
    if not total:
        return None
    shares = [part / total for part in of_mean()]
    return VarianceSplit(
        items=items,
        prompts=prompts,
        repeats=repeats,
        of_items=shares[0],
        of_prompts=shares[1] if prompts > 1 else None,
        of_mixed=shares[2],
        of_sampling=shares[3] if repeats > 1 else None,
        more_items=float(np.sqrt(sum(of_mean(more_items=2)) / total)),
        more_prompts=float(np.sqrt(sum(of_mean(more_prompts=2)) / total)),
        more_repeats=float(np.sqrt(sum(of_mean(more_repeats=2)) / total)),
    )
