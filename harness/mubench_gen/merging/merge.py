"""θ(α) between a base and its fine-tunes, as folders that transformers and vLLM load."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from mubench_gen.errors import MergeError
from mubench_gen.merging import workspace as workspaces
from mubench_gen.merging.account import Account, blocks, unchanged, warnings_of
from mubench_gen.merging.adapters import open_adapter, scaled_adapters
from mubench_gen.merging.arithmetic import Measured
from mubench_gen.merging.checkpoint import Checkpoint, is_adapter, open_checkpoint
from mubench_gen.merging.companions import ACCOUNT, carry, compare_companions
from mubench_gen.merging.layouts import in_layout_of
from mubench_gen.merging.matching import Match, Matched, match
from mubench_gen.merging.output import size_of, verify
from mubench_gen.merging.piecework import Sources
from mubench_gen.merging.recipe import Recipe, depths, folder_name, spelled
from mubench_gen.merging.safetensors_file import SIZES
from mubench_gen.merging.shard import Written, write_shard
from mubench_gen.merging.workspace import Workspace
from mubench_gen.progress import Progress, Silent, log
from mubench_gen.runfolder import write_json

Side = Literal["base", "finetuned"]
_SMALL_FILES = 64_000_000  # room for tokenizer, configuration and account of one result


@dataclass(frozen=True, slots=True)
class Merge:
    """What is to be merged into `out`: one α into the folder itself, several into alpha-N in it.

    `carried_from`: whose configuration, tokenizer, processor and chat template come along.
    """

    base: str
    finetuned: tuple[str, ...]
    recipe: Recipe
    out: Path
    carried_from: Side = "base"
    accept_vocabulary: bool = False

    def folders(self, root: Path) -> dict[Decimal, Path]:
        """The folder of each α under `root`."""
        alphas = self.recipe.alphas
        if len(alphas) == 1:
            return {alphas[0]: root}
        return {alpha: root / folder_name(alpha) for alpha in alphas}


@dataclass(frozen=True, slots=True)
class Opened:
    """The checkpoints of a merge, found to fit each other."""

    base: Checkpoint
    finetuned: tuple[Checkpoint, ...]
    matched: Matched
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.base.name, *(side.name for side in self.finetuned))

    @property
    def shards(self) -> dict[str, Sequence[Match]]:
        """The tensors of each file to be written."""
        return {as_safetensors(file): found for file, found in self.matched.shards.items()}

    @property
    def metadata(self) -> dict[str, str]:
        """What the headers say; transformers asks for the format."""
        return {"format": "pt", **self.base.metadata}

    @property
    def elements(self) -> int:
        return sum(math.prod(one.shape) for one in self.matched)


def merge(wanted: Merge, progress: Progress | None = None) -> Account:
    """Do it. MergeError, SettingError: what doesn't fit or cannot be written.

    Interrupted, it leaves a hidden folder, and the same merge goes on from there: finished
    shards are read again, checked, and kept.
    """
    workspaces.refuse_existing(wanted.out)
    with ExitStack() as files:
        inputs = open_inputs(wanted, files)
        with workspaces.opened(wanted.out, _identity(wanted, inputs)) as workspace:
            try:
                _write_weights(wanted, inputs, workspace, progress or Silent())
                account = _write_companions(wanted, inputs, workspace)
                workspace.complete()
            except OSError as error:
                raise MergeError(
                    f"--out {wanted.out}: cannot be written: {error.strerror}. What is finished "
                    "is kept: the same command goes on."
                ) from None
    return account


def open_inputs(wanted: Merge, files: ExitStack) -> Opened:
    """Open the checkpoints and pair their tensors. MergeError for what doesn't fit."""
    if len(wanted.finetuned) > 1 and wanted.recipe.method == "slerp":
        raise MergeError("slerp goes between two models: give one fine-tune, or --method linear.")
    base = open_checkpoint(wanted.base, files)
    finetuned = tuple(_open_finetuned(name, base, files) for name in wanted.finetuned)
    if wanted.carried_from == "finetuned" and finetuned[0].adapter:
        raise MergeError(
            f"--carry-from finetuned: {finetuned[0]} is an adapter, which has no model's files."
        )
    if wanted.carried_from == "finetuned" and finetuned[0].converted:
        raise MergeError(
            f"--carry-from finetuned: {finetuned[0]} has another layout than the base, whose "
            "names the result has. Give it as the base, with 1 − α."
        )
    matched = match(base, finetuned, wanted.recipe)
    compared = [
        compare_companions(base, other, accept_vocabulary=wanted.accept_vocabulary)
        for other in finetuned
    ]
    return Opened(
        base=base,
        finetuned=finetuned,
        matched=matched,
        warnings=tuple(text for one in compared for text in one.warnings),
        notes=(
            *(text for side in (base, *finetuned) for text in side.notes),
            *matched.notes,
            *(text for one in compared for text in one.notes),
        ),
    )


def _open_finetuned(name: str, base: Checkpoint, files: ExitStack) -> Checkpoint:
    if is_adapter(name):
        return open_adapter(name, base, files)
    return in_layout_of(base, open_checkpoint(name, files))


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
        workspaces.clear(workspace)
        try:
            modules = scaled_adapters(name, wanted.folders(workspace.folder / "scaled"))
            workspace.complete(workspace.folder / "scaled")
        except OSError as error:
            raise MergeError(f"--out {wanted.out}: cannot be written: {error.strerror}.") from None
    return modules


def as_safetensors(file: str) -> str:
    """What a file of weights is called once it is safetensors."""
    if file.endswith(".safetensors"):
        return file
    stem = file.rpartition(".")[0]
    if stem == "open_clip_pytorch_model":
        return "open_clip_model.safetensors"
    return stem.replace("pytorch_model", "model", 1) + ".safetensors"


def _identity(wanted: Merge, inputs: Opened) -> dict[str, Any]:
    """What must be equal for a merge to be resumed."""
    return {
        **wanted.recipe.as_dict(),
        "carried_from": wanted.carried_from,
        "files": [
            [str(side.folder.resolve()), list(map(list, side.identity))]
            for side in (inputs.base, *inputs.finetuned)
        ],
    }


def _write_weights(wanted: Merge, inputs: Opened, workspace: Workspace, progress: Progress) -> None:
    folders = list(wanted.folders(workspace.folder).values())
    kept = _kept(inputs, folders, workspace)
    left = [found for shard, found in inputs.shards.items() if shard not in kept]
    needed = sum(size_of(matches, inputs.metadata) for matches in left) + _SMALL_FILES
    workspaces.require_space(wanted.out, len(folders) * needed)
    sources = Sources(inputs.names, depths(one.name for one in inputs.matched))
    done = sum(math.prod(one.shape) for shard in kept for one in inputs.shards[shard])

    def told(count: int) -> None:
        nonlocal done
        done += count
        progress.at(done, inputs.elements)

    for folder in folders:
        folder.mkdir(exist_ok=True)
    for shard, matches in inputs.shards.items():
        if shard in kept:
            continue
        parts = [folder / f"{shard}.part" for folder in folders]
        try:
            written = write_shard(matches, parts, inputs.metadata, wanted.recipe, sources, told)
        except MergeError:  # an input is unfit: there is nothing to resume
            workspaces.discard(workspace)
            raise
        for part in parts:
            part.replace(part.with_suffix(""))
        workspace.note(shard, written)


def _kept(inputs: Opened, folders: Sequence[Path], workspace: Workspace) -> list[str]:
    """The shards that an interrupted merge finished and that are still what it wrote."""
    kept = []
    for shard, written in list(workspace.finished.items()):
        sound = [
            verify(folder / shard, inputs.shards[shard], inputs.metadata, digest)
            for folder, digest in zip(folders, written.digests, strict=True)
        ]
        if all(sound):
            kept.append(shard)
        else:
            del workspace.finished[shard]
            log(f"{workspace.folder}: {shard} was damaged since it was written: written again.")
    if kept:
        log(f"Resumes: {len(kept)} of {len(inputs.shards)} shards were finished, and are sound.")
    return kept


def _write_companions(wanted: Merge, inputs: Opened, workspace: Workspace) -> Account:
    """All that a folder needs beside its shards; the account."""
    side = inputs.base if wanted.carried_from == "base" else inputs.finetuned[0]
    account: Account | None = None
    for alpha, folder in wanted.folders(workspace.folder).items():
        carried = carry(side.folder, folder)
        _write_index(folder, inputs)
        account = account or _account(wanted, inputs, workspace.finished, carried)
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
    wanted: Merge, inputs: Opened, finished: Mapping[str, Written], carried: Sequence[str]
) -> Account:
    measured = {name: sums for one in finished.values() for name, sums in one.measured.items()}
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
        identical=sum(one.identical for one in finished.values()),
        parameters=sum(math.prod(one.shape) for one in inputs.matched if one.fate == "merged"),
        distance=total.distance,
        cosine=total.cosine,
        blocks=blocks(inputs.matched, measured),
        carried=tuple(carried),
        carried_from=wanted.carried_from,
        warnings=(*warnings_of(total, base, others), *inputs.warnings),
        notes=(*inputs.notes, *unchanged(measured, names["merged"])),
    )
