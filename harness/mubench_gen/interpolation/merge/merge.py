"""θ(α) between a base and its fine-tunes, as folders that transformers and vLLM load."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from mubench_gen.console.progress import Progress, Silent, log
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.alphas import parts_of, spelled
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint, is_adapter
from mubench_gen.interpolation.merge.inputs import MergeInputs, MergeSettings, identity, open_inputs
from mubench_gen.interpolation.merge.lora import write_scaled_adapters
from mubench_gen.interpolation.merge.model_files import (
    REPORT,
    copy_model_files,
    model_files,
    say_type,
)
from mubench_gen.interpolation.merge.partial_folder import (
    PartialFolder,
    describe_failure,
    open_partial,
    refuse_existing,
    require_space,
    sync_path,
)
from mubench_gen.interpolation.merge.recipe import block_depths
from mubench_gen.interpolation.merge.report import MergeReport, make_report
from mubench_gen.interpolation.merge.shard_writer import FinishedShard, ShardWriter, layout
from mubench_gen.interpolation.merge.tensors import SIZES, byte_count
from mubench_gen.storage.json_files import write_json
from mubench_gen.storage.scratch import sweep

_ROOM = 4_000_000  # bytes reserved for one result's report and index
_INDEX = "model.safetensors.index.json"
_PART = ".part"  # suffix of an incomplete file


def merge(settings: MergeSettings, progress: Progress | None = None) -> MergeReport:
    """Merge. Raises MergeError or SettingError if inputs don't match or writing fails.

    An interrupted merge leaves a hidden folder, from which the same merge continues: finished
    shards are read again, checked, and kept.
    """
    refuse_existing(settings.out)
    with ExitStack() as files:
        inputs = open_inputs(settings, files)
        with open_partial(settings.out, identity(settings, inputs)) as partial:
            try:
                finished = _write_weights(settings, inputs, partial, progress or Silent())
                report = _write_beside(settings, inputs, partial, finished)
                partial.complete()
            except OSError as error:
                raise MergeError(
                    f"{describe_failure(settings.out, error)} What is finished is kept: the same "
                    "command continues."
                ) from None
    return report


def scale_adapter(settings: MergeSettings) -> list[str]:
    """Write folders of the adapter scaled by each α, with linked weights.

    Returns the names of the modules that it changes. Raises MergeError if the fine-tune is not an
    adapter, or one that α cannot scale.
    """
    if len(settings.finetuned) != 1 or not is_adapter(settings.finetuned[0]):
        raise MergeError("--adapters is for one fine-tune that is a LoRA adapter's folder.")
    if settings.recipe.method not in ("linear", "task-arithmetic"):
        raise MergeError(f"An adapter is scaled as a whole, not by {settings.recipe.method}.")
    if settings.recipe.include or settings.recipe.exclude:
        raise MergeError("An adapter is scaled as a whole: no --include and no --exclude.")
    if settings.store is not None:
        raise MergeError("An adapter's weights are linked, not written: no --store.")
    if settings.recipe.each:
        raise MergeError("One adapter is scaled: no weights. Give the factor as α.")
    if any(map(parts_of, settings.recipe.alphas)):
        raise MergeError("An adapter is scaled as a whole, not by part: give numbers as α.")
    refuse_existing(settings.out)
    (name,) = settings.finetuned
    with ExitStack() as files:  # checks that it fits the base
        open_inputs(settings, files)
    with open_partial(settings.out, {"adapter": name}) as partial:
        try:
            partial.clear()
            scaled = partial.folder / "scaled"
            places = settings.folders(scaled)
            found = {alpha: places[alpha] for alpha in settings.recipe.numbers}
            modules = write_scaled_adapters(name, found, base=settings.base)
            partial.complete(scaled)
        except OSError as error:
            raise MergeError(describe_failure(settings.out, error)) from None
    return modules


def _write_weights(
    settings: MergeSettings, inputs: MergeInputs, partial: PartialFolder, progress: Progress
) -> list[FinishedShard]:
    folders = list(settings.folders(partial.folder).values())
    for folder in folders:
        folder.mkdir(exist_ok=True)
        sweep(folder, (REPORT, _INDEX))  # leftovers of a killed process
    done, total = 0, sum(math.prod(one.shape) for one in inputs.tensors)

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress.at(done, total)

    depths = block_depths(one.name for one in inputs.tensors)
    writer = ShardWriter(settings.recipe, inputs.names, depths, inputs.metadata, advance)
    finished = _resume(inputs, folders, partial, writer)
    try:
        require_space(partial, _needed(settings, inputs, finished.keys()))
    except MergeError:
        if not finished:  # no finished shard would be lost
            partial.remove()
        raise
    for shard, tensors in inputs.shards.items():
        if shard in finished:
            advance(sum(math.prod(one.shape) for one in tensors))
            continue
        parts = [folder / f"{shard}{_PART}" for folder in folders]
        try:
            finished[shard] = writer.write(tensors, parts)
        except MergeError:  # an input is unfit: there is nothing to resume
            partial.remove()
            raise
        for part in parts:
            part.replace(part.with_suffix(""))
        partial.note(shard, finished[shard])
    return list(finished.values())


def _resume(
    inputs: MergeInputs, folders: Sequence[Path], partial: PartialFolder, writer: ShardWriter
) -> dict[str, FinishedShard]:
    """The shards that an interrupted merge finished and that are unchanged since.

    Files of other shards are removed, because their space is needed.
    """
    found: dict[str, FinishedShard] = {}
    for shard, tensors in inputs.shards.items():
        finished = partial.finished(shard)
        files = [folder / shard for folder in folders]
        if finished is not None and all(
            writer.is_intact(tensors, file, checksum)
            for file, checksum in zip(files, finished.checksums, strict=True)
        ):
            found[shard] = finished
            continue
        if finished is not None:
            log(
                f"{partial.folder}: {shard} has changed since it was written, and is written again."
            )
        for file in files:
            file.unlink(missing_ok=True)
            file.with_name(f"{shard}{_PART}").unlink(missing_ok=True)
    if found:
        log(
            f"Resumes: {len(found):,} of {len(inputs.shards):,} shards were finished and are "
            "unchanged."
        )
    return found


def _needed(settings: MergeSettings, inputs: MergeInputs, finished: Collection[str]) -> int:
    """The bytes that must be free on the disk."""
    folder = _carried_from(settings, inputs).folder
    each = _ROOM + sum((folder / name).stat().st_size for name in model_files(folder))
    for shard, tensors in inputs.shards.items():
        if shard not in finished:
            each += len(layout(tensors, inputs.metadata)[0]) + sum(map(byte_count, tensors))
    return len(settings.recipe.alphas) * each


def _carried_from(settings: MergeSettings, inputs: MergeInputs) -> OpenCheckpoint:
    return inputs.base if settings.carried_from == "base" else inputs.finetuned[0]


def _write_beside(
    settings: MergeSettings,
    inputs: MergeInputs,
    partial: PartialFolder,
    finished: Sequence[FinishedShard],
) -> MergeReport:
    """Write the other files of each folder, and return the report."""
    source = _carried_from(settings, inputs).folder
    carried = [str(name) for name in model_files(source)]
    report = make_report(settings, inputs, finished, carried)
    widened = {one.dtype for one in inputs.tensors if one.dtype != one.base.dtype}
    if settings.store is not None:
        widened = {settings.store}
    for alpha, folder in settings.folders(partial.folder).items():
        for copied in copy_model_files(source, folder):
            if widened and str(copied.relative_to(folder)) == "config.json":
                say_type(copied, max(widened, key=SIZES.__getitem__))
            sync_path(copied)
        _write_index(folder, inputs)
        write_json(folder / REPORT, report.as_dict(spelled(alpha)))
    return report


def _write_index(folder: Path, inputs: MergeInputs) -> None:
    """Write the index of several shards; a single file of the usual name needs none."""
    shards = inputs.shards
    if len(shards) == 1 and not re.search(r"-\d+-of-\d+\.", next(iter(shards))):
        return
    names = {one.name: shard for shard, tensors in shards.items() for one in tensors}
    total = sum(map(byte_count, inputs.tensors))
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(names.items()))}
    write_json(folder / _INDEX, index)
