"""What a model sees in a study, by the axes that change the image; no model is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mubench_gen.ablation.axes import conditions_of
from mubench_gen.ablation.grid import StudySettings, run_axes
from mubench_gen.ablation.report.contact_sheet import PICTURES, spread
from mubench_gen.data import default_policy
from mubench_gen.errors import SettingError
from mubench_gen.plan.plan import open_data, policy_of
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.report.preview.side_by_side import Rows, SideBySide, seen
from mubench_gen.tasks.matching import tasks_to_ask, with_recasts
from mubench_gen.tasks.samples import samples, tasks_of
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Sample

_MOST = 60  # conditions


def preview(
    axes: StudySettings, given: Mapping[str, Any], plugins: Plugins, number: int = PICTURES
) -> Rows:
    """Rows that the study asks about, drawn by its seed, under each image condition."""
    varied = [axis for axis in run_axes(axes) if axis.field in ("image_set", "control")]
    conditions = conditions_of(varied)
    if len(conditions) > _MOST:
        raise SettingError(
            f"--preview: the axes of the image have {len(conditions):,} combinations; at most "
            f"{_MOST} are shown. Leave levels out."
        )
    chosen: list[str] = []
    columns = []
    for condition in conditions:
        settings = make_settings({**condition.settings(given), "plugin": ""})
        asked = {one.row.key: one for one in _asked(settings, plugins, number)}
        if not chosen:
            rows_of = {key: one.row.dataset for key, one in asked.items()}
            chosen = spread(rows_of, number, settings.seed)
        columns.append([list(_seen(asked[key])) for key in chosen])
    names = [" · ".join(one.levels) or "as it is" for one in conditions]
    rows = []
    for at, key in enumerate(chosen):
        cells = [column[at] for column in columns]
        for place in range(max(map(len, cells))):
            row = [one[place] if place < len(one) else SideBySide("–") for one in cells]
            rows.append((key if not place else f"{key}, image {place + 1}", row))
    return Rows("What a model sees", names, rows)


def _asked(settings: Settings, plugins: Plugins, number: int) -> Iterator[Sample]:
    dataset = open_data(settings, policy_of(settings, default_policy(settings.data), plugins))
    tasks = tasks_to_ask(load_tasks(settings.tasks, dataset), named=bool(settings.tasks))
    dataset = with_recasts(dataset, tasks)
    tasks = tasks_of(tasks, dataset, wanted=settings.tasks)
    limit, seed = settings.limit or number, settings.seed
    return samples(tasks, dataset, limit=limit, seed=seed, control=settings.control)


def _seen(sample: Sample) -> Iterator[SideBySide]:
    if sample.image is None:
        yield SideBySide("no image")
    for image in sample.images:
        yield seen(image)
