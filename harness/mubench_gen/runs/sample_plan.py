"""A run, or assumptions → how many images a wanted width of the intervals needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.runs.results import Run
from mubench_gen.scores.clusters import IMAGE
from mubench_gen.scores.sample_size import (
    ASSUMED_CORRELATION,
    ASSUMED_SHARE,
    Need,
    images_for_width,
    items_an_image,
    width_with,
)
from mubench_gen.scores.variance_split import VarianceSplit, variance_split

WIDTH = 0.05  # of a 95 % interval, from end to end


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Images for a width. pilot: the run that it is from, None of assumptions, which are
    `accuracy` and `correlation`. split: where the pilot's variance is from; noun: what is counted
    instead of images where the pilot is clustered by something else."""

    needs: tuple[Need, ...]
    pilot: str | None
    accuracy: float | None
    correlation: float | None
    split: VarianceSplit | None
    noun: str = IMAGE

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan_from_pilot(run: Run, width: float = WIDTH) -> SamplePlan:
    """From a run's scores. SettingError if it has none."""
    needs = tuple(_of_run(run, width))
    if not needs:
        raise SettingError(f"--pilot {run.dir}: the run has no score yet to plan from.")
    split = variance_split(run.outcomes())
    return SamplePlan(needs, str(run.dir), None, None, split, run.clustering.noun)


def _of_run(run: Run, width: float) -> Iterator[Need]:
    scores = run.scores
    headline = scores.headline
    if headline is None:
        return
    found = [("pooled", "pooled", headline.micro)]
    if headline.macro_tasks is not None:
        found.append(("macro", "mean of tasks", headline.macro_tasks))
    if headline.macro_datasets is not None:
        found.append(("macro", "mean of data sets", headline.macro_datasets))
    for part, name, one in found:
        each = (one.size or one.worth) / one.clusters
        yield _need(part, name, one.value, one.ci95, one.clusters, each, width)
    for name, score in scores.tasks.items():
        if score.accuracy is not None and score.ci95 is not None and score.size is not None:
            each = score.size / score.clusters
            yield _need("tasks", name, score.accuracy, score.ci95, score.clusters, each, width)


def _need(
    part: str,
    name: str,
    share: float,
    ends: tuple[float, float],
    images: int,
    each: float,
    width: float,
) -> Need:
    # A few pilot items that are all right, or all wrong, do not show that all are.
    cautious = min(max(share, 1 / (images + 2)), 1 - 1 / (images + 2))
    needed = images_for_width(cautious, each, width)
    return Need(part, name, images, ends[1] - ends[0], width, needed)


def plan_from_assumptions(
    items: int,
    images: int,
    width: float = WIDTH,
    *,
    accuracy: float = ASSUMED_SHARE,
    correlation: float = ASSUMED_CORRELATION,
) -> SamplePlan:
    """From an accuracy and the correlation of two items of an image, for so many items."""
    each = items_an_image(items / max(1, images), correlation)
    needs = (
        Need("pooled", "pooled", images, width_with(accuracy, images, each) if images else None,
             width, images_for_width(accuracy, each, width)),
        Need("tasks", "a task with one item an image", None, None,
             width, images_for_width(accuracy, 1.0, width)),
    )  # fmt: skip
    return SamplePlan(needs, None, accuracy, correlation, None)
