"""A fine-tune and some items → a folder with what `merge --method fisher` or `regmean` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen._version import __version__
from mubench_gen.console.progress import Progress
from mubench_gen.errors import ItemError, MergeError, SettingError
from mubench_gen.interpolation.merge.checkpoint import is_adapter, open_checkpoint
from mubench_gen.interpolation.merge.partial_folder import open_partial, refuse_existing
from mubench_gen.interpolation.merge.parts import alike
from mubench_gen.interpolation.merge.statistics import DOCUMENT, WEIGHTS, MeasuredStatistics
from mubench_gen.interpolation.soup.halves import halve, halved_by
from mubench_gen.interpolation.soup.soup import masked
from mubench_gen.interpolation.sweep.weights.ends import digest_of, name_of
from mubench_gen.model import Checkpoint
from mubench_gen.plan.items import items_of, planned
from mubench_gen.plan.manifest import session
from mubench_gen.plan.opening import open_model
from mubench_gen.plan.plan import Plan, make_plan
from mubench_gen.plan.settings import Settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.storage.json_files import write_json
from mubench_gen.types import Request

if TYPE_CHECKING:
    import torch

LIMIT = 16  # items of a task, where the settings name none


@dataclass(frozen=True, slots=True)
class Measuring:
    """A measurement that is opened and checked. `plan`: of the items, which are of one half of
    the images (`halve`)."""

    method: str
    out: Path
    plan: Plan
    plugins: Plugins
    checkpoint: Checkpoint

    def requests(self) -> Iterator[Request]:
        """What the model is shown, item by item; those that cannot be made are left out."""
        return (item.request for item in items_of(self.plan) if item.request is not None)


def open_measuring(settings: Settings, method: str, out: Path, plugins: Plugins) -> Measuring:
    """Open and check all that is needed. Raises UsageError if something is wrong.

    `settings`: those of `eval`. The items are of the half of the images on which a soup of the same
    seed and clusters is chosen.
    """
    refuse_existing(out)
    chosen = settings.model_copy(update={"limit": settings.limit or LIMIT})
    plan = make_plan(chosen, plugins)
    plan.model.close()
    source = plan.spec.source
    if not isinstance(source, Checkpoint) or plan.engine != "transformers":
        raise SettingError(
            f"Measured are checkpoints that the engine transformers opens; {plan.spec.name!r} is "
            "opened by another engine, or by the plugin's own code."
        )
    if is_adapter(name_of(source)):
        raise SettingError(
            f"{plan.spec.name} is an adapter: write whole weights first, with mubench-gen merge "
            "BASE ADAPTER --alpha 1."
        )
    if plan.spec.kind == "generative":
        plan = replace(plan, readouts=("logprob",))
    halves = halve(plan.dataset, field=halved_by(settings), seed=settings.seed)
    plan = masked(plan, halves.choosing)
    if not planned(plan):
        raise SettingError(
            f"None of the {chosen.limit:,} items that are drawn of each task is in the half of the "
            "images that is measured: raise --limit."
        )
    return Measuring(method, out, plan, plugins, source)


def measure(wanted: Measuring, command: Sequence[str], progress: Progress) -> MeasuredStatistics:
    """Show the items to the model, and write the folder. Raises UsageError if none can be."""
    from mubench_gen.interpolation.measure.collectors import COLLECTORS
    from mubench_gen.interpolation.measure.options import OptionScores

    plan = wanted.plan
    model = open_model(wanted.plugins.load(plan.settings.plugin), plan.settings)
    model.load()
    try:
        scores = OptionScores(model)
        collector = COLLECTORS[wanted.method](scores.opened.model)
        scores.mask = collector.mask
        images, items, failed = dict[str, None](), 0, 0
        requests = list(wanted.requests())
        for place, request in enumerate(requests):
            try:
                collector.add(lambda asked=request: scores(asked))  # type: ignore[misc]
                items += 1
                images |= dict.fromkeys(image.sha256 for image in request.images)
            except ItemError:
                failed += 1
            progress.at(place + 1, len(requests))
        if not items:
            raise SettingError(
                f"None of the {len(requests):,} items could be shown to the model: mubench-gen "
                "eval with the same settings says why."
            )
        found = collector.result()
    finally:
        model.close()
    name = name_of(wanted.checkpoint, plan.settings.revision)
    tensors, unnamed = _by_file_names(name, found)
    document = {
        "format": 1,
        "mubench_gen": __version__,
        "method": wanted.method,
        "model": name,
        "weights": digest_of(wanted.checkpoint, plan.settings.revision),
        "items": items,
        "failed": failed,
        "images": sorted(images),
        "tasks": [task.name for task in plan.tasks],
        "data": {"name": plan.dataset.name, "digest": plan.dataset.digest},
        "half": {"seed": plan.settings.seed, "by": halved_by(plan.settings)},
        "settings": plan.settings.identity(),
        "not_in_the_files": unnamed,
        "session": session(command),
    }
    return _written(wanted.out, tensors, document)


def _by_file_names(name: str, found: Any) -> tuple[dict[str, torch.Tensor], list[str]]:
    """What was found by the names that the checkpoint's files have; and what has none there."""
    with ExitStack() as files:
        stored = [*open_checkpoint(name, files).tensors]
    names = alike(found, stored)
    tensors = {
        names[own]: tensor.cpu().contiguous() for own, tensor in found.items() if own in names
    }
    if not tensors:
        raise MergeError(f"{name}: transformers names no tensor as the files do.")
    return tensors, [own for own in found if own not in names]


def _written(out: Path, tensors: dict[str, Any], document: dict[str, Any]) -> MeasuredStatistics:
    from safetensors.torch import save_file

    with open_partial(out, {"measured": document["weights"]}) as partial:
        partial.clear()
        folder = partial.folder / "measured"
        folder.mkdir()
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})
        with open(folder / WEIGHTS, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        write_json(folder / DOCUMENT, {**document, "sha256": digest})
        partial.complete(folder)
    return MeasuredStatistics.read(out)
