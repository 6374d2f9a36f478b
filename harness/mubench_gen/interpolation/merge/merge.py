"""θ(α) between a base and its fine-tunes, as folders that transformers and vLLM load."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from mubench_gen.console.progress import Progress, Silent, log
from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge import partial_folder as workspaces
from mubench_gen.interpolation.merge.arithmetic import Measured
from mubench_gen.interpolation.merge.checkpoint import Checkpoint, is_adapter
from mubench_gen.interpolation.merge.files import some
from mubench_gen.interpolation.merge.inputs import Merge, Opened, identity, open_inputs
from mubench_gen.interpolation.merge.lora import scaled_adapters
from mubench_gen.interpolation.merge.model_files import ACCOUNT, carry, companions
from mubench_gen.interpolation.merge.output import Finished, size_of, sound
from mubench_gen.interpolation.merge.partial_folder import Workspace
from mubench_gen.interpolation.merge.piecework import Sources
from mubench_gen.interpolation.merge.recipe import depths, spelled
from mubench_gen.interpolation.merge.report import Account, blocks, unchanged, warnings_of
from mubench_gen.interpolation.merge.safetensors_file import SIZES
from mubench_gen.interpolation.merge.shard_writer import Listener, write_shard
from mubench_gen.storage.run_folder import write_json

_ACCOUNT = 4_000_000  # bytes: room for one result's account and index
_PART = ".part"  # ends the name of a file that is not whole yet


def merge(wanted: Merge, progress: Progress | None = None) -> Account:
    """Do it. MergeError, SettingError: what doesn't fit or cannot be written.

    Interrupted, it leaves a hidden folder, and the same merge goes on from there: finished
    tensors are read again, checked, and kept.
    """
    workspaces.refuse_existing(wanted.out)
    with ExitStack() as files:
        inputs = open_inputs(wanted, files)
        with workspaces.opened(wanted.out, identity(wanted, inputs)) as workspace:
            try:
                _write_weights(wanted, inputs, workspace, progress or Silent())
                account = _write_companions(wanted, inputs, workspace)
                workspace.complete()
            except OSError as error:
                raise MergeError(
                    f"{workspaces.told(wanted.out, error)} What is finished is kept: the same "
                    "command goes on."
                ) from None
    return account


def scale_adapter(wanted: Merge) -> list[str]:
    """Write folders of the adapter scaled by each α, its weights linked, no weight computed.

    The names of the modules that it changes. MergeError where the fine-tune is no adapter, or
    one that α does not scale.
    """
    if len(wanted.finetuned) != 1 or not is_adapter(wanted.finetuned[0]):
        raise MergeError("--adapters is for one fine-tune that is a LoRA adapter's folder.")
    if wanted.recipe.method not in ("linear", "task-arithmetic"):
        raise MergeError(f"An adapter is scaled as a whole, not by {wanted.recipe.method}.")
    if wanted.recipe.include or wanted.recipe.exclude:
        raise MergeError("An adapter is scaled as a whole: no --include and no --exclude.")
    workspaces.refuse_existing(wanted.out)
    (name,) = wanted.finetuned
    with ExitStack() as files:  # that it fits the base
        open_inputs(wanted, files)
    with workspaces.opened(wanted.out, {"adapter": name}) as workspace:
        try:
            workspaces.clear(workspace)
            modules = scaled_adapters(name, wanted.folders(workspace.folder / "scaled"))
            workspace.complete(workspace.folder / "scaled")
        except OSError as error:
            raise MergeError(workspaces.told(wanted.out, error)) from None
    return modules


def _write_weights(wanted: Merge, inputs: Opened, workspace: Workspace, progress: Progress) -> None:
    folders = list(wanted.folders(workspace.folder).values())
    for folder in folders:
        folder.mkdir(exist_ok=True)
    kept = _kept(inputs, folders, workspace)
    try:
        workspaces.require_space(wanted.out, _needed(wanted, inputs, folders))
    except MergeError:
        if not kept:  # nothing is lost with what was begun
            workspaces.discard(workspace)
        raise
    sources = Sources(inputs.names, depths(one.name for one in inputs.matched))
    done = sum(math.prod(one.shape) for one in inputs.matched if one.name in kept)

    def written(count: int) -> None:
        nonlocal done
        done += count
        progress.at(done, inputs.elements)

    for shard, matches in inputs.shards.items():
        parts = [folder / f"{shard}{_PART}" for folder in folders]
        listener = Listener(written, partial(workspace.journal.note, shard))
        try:
            write_shard(matches, parts, inputs.metadata, wanted.recipe, sources, listener, kept)
        except MergeError:  # an input is unfit: there is nothing to resume
            workspaces.discard(workspace)
            raise
        for part in parts:
            part.replace(part.with_suffix(""))


def _kept(inputs: Opened, folders: Sequence[Path], workspace: Workspace) -> set[str]:
    """The tensors that an interrupted merge finished and that are still what it wrote.

    Afterwards a file has its own name only where it is whole and sound.
    """
    kept: set[str] = set()
    for shard, matches in inputs.shards.items():
        finished = {
            name: one
            for name, one in workspace.journal.finished.get(shard, {}).items()
            if len(one.digests) == len(folders)
        }
        found = set(finished)
        for number, folder in enumerate(folders):
            digests = {name: finished[name].digests[number] for name in found}
            part = folder / f"{shard}{_PART}"
            if (folder / shard).exists():
                (folder / shard).replace(part)
            found &= sound(part, matches, inputs.metadata, digests)
        if len(found) < len(finished):
            damaged = [name for name in finished if name not in found]
            log(
                f"{workspace.folder}: {len(damaged):,} of {len(finished):,} finished tensors of "
                f"{shard} are no longer what was written, and are written again: {some(damaged)}."
            )
        kept |= found
    if workspace.journal.finished:
        count = sum(map(len, inputs.shards.values()))
        log(f"Resumes: {len(kept):,} of {count:,} tensors were finished, and are sound.")
    return kept


def _needed(wanted: Merge, inputs: Opened, folders: Sequence[Path]) -> int:
    """Bytes that the disk must still have room for."""
    side = _carried_from(wanted, inputs)
    carried = sum((side.folder / name).stat().st_size for name in companions(side.folder))
    total = 0
    for shard, matches in inputs.shards.items():
        size = size_of(matches, inputs.metadata)
        for folder in folders:
            part = folder / f"{shard}{_PART}"
            total += max(0, size - (part.stat().st_blocks * 512 if part.exists() else 0))
    return total + len(folders) * (carried + _ACCOUNT)


def _carried_from(wanted: Merge, inputs: Opened) -> Checkpoint:
    return inputs.base if wanted.carried_from == "base" else inputs.finetuned[0]


def _write_companions(wanted: Merge, inputs: Opened, workspace: Workspace) -> Account:
    """All that a folder needs beside its shards; the account."""
    side = _carried_from(wanted, inputs)
    account: Account | None = None
    for alpha, folder in wanted.folders(workspace.folder).items():
        carried = carry(side.folder, folder)
        _write_index(folder, inputs)
        account = account or _account(wanted, inputs, workspace.journal.finished, carried)
        for name in carried:
            workspaces.sync(folder / name)
        write_json(folder / ACCOUNT, account.as_dict(spelled(alpha)))
    assert account is not None
    return account


def _write_index(folder: Path, inputs: Opened) -> None:
    """The index that shards need; one file of the usual name needs none."""
    shards = inputs.shards
    if len(shards) == 1 and not re.search(r"-\d+-of-\d+\.", next(iter(shards))):
        return
    names = {one.name: shard for shard, matches in shards.items() for one in matches}
    total = sum(SIZES[one.dtype] * math.prod(one.shape) for one in inputs.matched)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(names.items()))}
    write_json(folder / "model.safetensors.index.json", index)


def _account(
    wanted: Merge,
    inputs: Opened,
    finished: Mapping[str, Mapping[str, Finished]],
    carried: Sequence[str],
) -> Account:
    tensors = {name: one for shard in finished.values() for name, one in shard.items()}
    measured = {name: one.measured for name, one in tensors.items() if one.measured is not None}
    names: dict[str, list[str]] = {"merged": [], "copied": [], "skipped": []}
    for one in inputs.matched:
        names[one.fate].append(one.name)
    total = sum((measured[name] for name in names["merged"]), Measured())
    base, *others = inputs.names
    return Account(
        base=base,
        finetuned=tuple(others),
        formats={side.name: side.format for side in (inputs.base, *inputs.finetuned)},
        recipe=wanted.recipe,
        merged=tuple(names["merged"]),
        copied=tuple(names["copied"]),
        skipped=tuple(names["skipped"]),
        identical=sum(one.identical for one in tensors.values()),
        parameters=sum(math.prod(one.shape) for one in inputs.matched if one.fate == "merged"),
        distance=total.distance,
        cosine=total.cosine,
        blocks=blocks(inputs.matched, measured),
        carried=tuple(carried),
        carried_from=wanted.carried_from,
        warnings=(*warnings_of(total, base, others), *inputs.warnings),
        notes=(*inputs.notes, *unchanged(measured, names["merged"])),
    )
