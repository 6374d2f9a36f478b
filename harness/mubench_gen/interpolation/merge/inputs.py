"""The settings of a merge, and its opened checkpoints, checked for compatibility."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.alphas import Alpha, folder_name
from mubench_gen.interpolation.merge.checkpoint import (
    OpenCheckpoint,
    is_adapter,
    open_checkpoint,
)
from mubench_gen.interpolation.merge.clip_layouts import convert_layout
from mubench_gen.interpolation.merge.files import reading
from mubench_gen.interpolation.merge.lora import open_adapter
from mubench_gen.interpolation.merge.matching import OutputTensor, match_tensors
from mubench_gen.interpolation.merge.methods import METHODS
from mubench_gen.interpolation.merge.model_files import compare_model_files
from mubench_gen.interpolation.merge.parts import as_part
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.merge.recipe_file import RecipeFile, check_promises
from mubench_gen.interpolation.merge.statistics import (
    MeasuredStatistics,
    open_statistics,
    with_statistics,
)
from mubench_gen.interpolation.merge.tensors import FLOATS

Side = Literal["base", "finetuned"]


@dataclass(frozen=True, slots=True)
class MergeSettings:
    """What to merge into `out`: one α into the folder itself, several into alpha-N in it.

    `carried_from`: where configuration, tokenizer, processor and chat template come from.
    `file`: the recipe's, if it was read from one. `statistics`: folders of what was measured of
    each fine-tune, for the methods that need it. `store`: the type of the written weights, as
    safetensors names it; None: the narrowest that holds all inputs.
    `unrounded`: tensors that an adapter changes are stored in float32, not in the base's type.
    """

    base: str
    finetuned: tuple[str, ...]
    recipe: Recipe
    out: Path
    carried_from: Side = "base"
    accept_vocabulary: bool = False
    unrounded: bool = False
    file: RecipeFile | None = None
    statistics: tuple[Path, ...] = ()
    store: str | None = None

    def folders(self, root: Path) -> dict[Alpha, Path]:
        """The folder of each α under `root`."""
        alphas = self.recipe.alphas
        if len(alphas) == 1:
            return {alphas[0]: root}
        return {alpha: root / folder_name(alpha) for alpha in alphas}


@dataclass(frozen=True, slots=True)
class MergeInputs:
    """The compatible checkpoints of a merge.

    `shards`: the tensors of each file to write.
    """

    base: OpenCheckpoint
    finetuned: tuple[OpenCheckpoint, ...]
    shards: Mapping[str, Sequence[OutputTensor]]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    measured: tuple[MeasuredStatistics, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.base.name, *(side.name for side in self.finetuned))

    @property
    def tensors(self) -> Iterator[OutputTensor]:
        return (one for tensors in self.shards.values() for one in tensors)

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the headers; transformers requires the format."""
        return {"format": "pt", **self.base.metadata}


@reading("A checkpoint")
def open_inputs(settings: MergeSettings, files: ExitStack) -> MergeInputs:
    """Open the checkpoints and pair their tensors. Raises MergeError if they don't match."""
    _check_count(settings.recipe.method, len(settings.finetuned))
    if len(settings.recipe.each) not in (0, len(settings.finetuned)):
        raise MergeError(
            f"{len(settings.recipe.each)} weights for {len(settings.finetuned)} fine-tunes: give "
            "one for each, in their order."
        )
    base = open_checkpoint(settings.base, files)
    finetuned = tuple(_open_finetuned(name, base, files) for name in settings.finetuned)
    if settings.carried_from == "finetuned" and finetuned[0].adapter:
        raise MergeError(
            f"--carry-from finetuned: {finetuned[0]} is an adapter, which has no "
            "configuration and tokenizer of a model."
        )
    if settings.carried_from == "finetuned" and finetuned[0].converted:
        raise MergeError(
            f"--carry-from finetuned: {finetuned[0]} has another layout than the base, whose "
            "names the result has. Give it as the base, with 1 − α."
        )
    shards, notes = match_tensors(base, finetuned, settings.recipe, unrounded=settings.unrounded)
    method = settings.recipe.method
    statistics = open_statistics(method, settings.statistics, finetuned, files)
    shards, plain = with_statistics(shards, statistics, method)
    if settings.store is not None:
        shards = {file: _stored_as(tensors, settings.store) for file, tensors in shards.items()}
    if settings.file:
        check_promises(settings.file, base, [one for part in shards.values() for one in part])
    compared = [
        compare_model_files(
            base,
            other,
            accept_vocabulary=settings.accept_vocabulary,
            keep_base=settings.recipe.keep_base,
        )
        for other in finetuned
    ]
    return MergeInputs(
        base=base,
        finetuned=finetuned,
        shards={as_safetensors(file): tensors for file, tensors in shards.items()},
        warnings=(
            *(text for warnings, _ in compared for text in warnings),
            *([statistics.warning] if statistics.warning else []),
        ),
        measured=statistics.measured,
        notes=(
            *(settings.file.notes if settings.file else ()),
            *(text for side in (base, *finetuned) for text in side.notes),
            *notes,
            *plain,
            *(text for _, different in compared for text in different),
        ),
    )


def _stored_as(tensors: Sequence[OutputTensor], dtype: str) -> list[OutputTensor]:
    """The same tensors with all floats stored in that type; integers and booleans stay."""
    return [replace(one, dtype=dtype) if one.dtype in FLOATS else one for one in tensors]


def _check_count(method: str, count: int) -> None:
    facts = METHODS[method]
    if facts.most is not None and count > facts.most:
        raise MergeError(
            f"{method} takes one fine-tune, not {count}: give one, or another --method "
            "(several: linear, karcher, task-arithmetic, ties, …)."
        )
    if count < facts.fewest:
        raise MergeError(
            f"{method} is made of {facts.fewest} fine-tunes or more: give another, or --method "
            "linear."
        )


def _open_finetuned(name: str, base: OpenCheckpoint, files: ExitStack) -> OpenCheckpoint:
    if is_adapter(name):
        return open_adapter(name, base, files)
    return as_part(base, convert_layout(base, open_checkpoint(name, files)))


def as_safetensors(file: str) -> str:
    """The name of a file of weights after conversion to safetensors."""
    if file.endswith(".safetensors"):
        return file
    stem = file.rpartition(".")[0]
    if stem == "open_clip_pytorch_model":
        return "open_clip_model.safetensors"
    return stem.replace("pytorch_model", "model", 1) + ".safetensors"


def identity(settings: MergeSettings, inputs: MergeInputs) -> dict[str, Any]:
    """The facts that must be equal for a merge to be resumed."""
    return {
        **settings.recipe.as_dict(),
        "carried_from": settings.carried_from,
        "unrounded": settings.unrounded,
        **({"store": settings.store} if settings.store else {}),
        **({"statistics": [one.sha256 for one in inputs.measured]} if inputs.measured else {}),
        "files": [
            [str(side.folder.resolve()), list(map(list, side.identity))]
            for side in (inputs.base, *inputs.finetuned)
        ],
    }
