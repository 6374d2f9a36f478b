"""A base and its fine-tunes → which tensors are mixed with which, or why they cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.checkpoint import Checkpoint
from mubench_gen.interpolation.merge.files import some
from mubench_gen.interpolation.merge.lora import LoraTensor
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.merge.safetensors_file import FLOATS
from mubench_gen.interpolation.merge.tensors import Tensor
from mubench_gen.interpolation.merge.tied_weights import twin_of, untied

# Positions, and numbers that OpenAI's CLIPs keep beside their weights.
_BUFFERS = frozenset(
    {"position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked",
     "input_resolution", "context_length", "vocab_size"}
)  # fmt: skip
Fate = Literal["merged", "copied", "skipped"]
_VOCABULARY = re.compile(r"(embed_tokens|token_embedding|word_embeddings|lm_head|wte)\.weight\Z")


@dataclass(frozen=True, slots=True)
class Match:
    """One tensor of the result. `dtype` is the type it is stored in.

    copied: integers and truth values, which have no between. skipped: left out by the
    patterns, the base's stays. `finetuned` has one tensor a fine-tune.
    """

    name: str
    fate: Fate
    dtype: str
    base: Tensor
    finetuned: tuple[Tensor, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape


@dataclass(frozen=True, slots=True)
class Matched:
    """All tensors of the result, by the base's files; `notes` say what was not quite equal."""

    shards: Mapping[str, Sequence[Match]]
    notes: Sequence[str]

    def __iter__(self) -> Any:
        return (one for matches in self.shards.values() for one in matches)


def match(
    base: Checkpoint, finetuned: Sequence[Checkpoint], recipe: Recipe, *, unrounded: bool = False
) -> Matched:
    """Pair the tensors by name. MergeError for what differs: how many, and the first few.

    `unrounded`: what an adapter changes is stored in float32, not in the base's type.
    """
    notes: list[str] = []
    sides = [_paired(base, other, notes) for other in finetuned]
    shards: dict[str, list[Match]] = {}
    mixed: dict[tuple[str, ...], list[str]] = {}
    for file, names in base.shards.items():
        shards[file] = []
        for name in names:
            tensors = [side[name] for side in sides]
            one = _match(name, base.tensors[name], tensors, recipe, unrounded)
            shards[file].append(one)
            stored = (t for t in (one.base, *one.finetuned) if not isinstance(t, LoraTensor))
            dtypes = tuple(dict.fromkeys(tensor.dtype for tensor in stored))
            if one.fate == "merged" and len(dtypes) > 1:
                mixed.setdefault((*dtypes, one.dtype), []).append(name)
    for (*types, kept), names in mixed.items():
        notes.append(
            f"{len(names):,} of {len(base.tensors):,} tensors are {types[0]} in the base and "
            f"{' and '.join(types[1:])} in a fine-tune: stored as {kept}, which holds both exactly"
        )
    _refuse_idle_patterns(base, shards, recipe)
    return Matched(shards, notes)


def _refuse_idle_patterns(
    base: Checkpoint, shards: Mapping[str, Sequence[Match]], recipe: Recipe
) -> None:
    """A pattern that fits no tensor is a typing error; patterns that leave none, too."""
    known = f"The base's tensors begin: {some(list(base.tensors))}."
    for flag, globs in (("--include", recipe.include), ("--exclude", recipe.exclude)):
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in base.tensors):
                raise MergeError(f"{flag} {glob!r} fits no tensor. {known}")
    if not any(one.fate == "merged" for one in _all(shards)):
        raise MergeError(f"--include and --exclude leave no tensor to merge. {known}")


def _all(shards: Mapping[str, Sequence[Match]]) -> Iterable[Match]:
    return (one for matches in shards.values() for one in matches)


def _match(
    name: str, base: Tensor, finetuned: Sequence[Tensor], recipe: Recipe, unrounded: bool
) -> Match:
    if not recipe.covers(name):
        return Match(name, "skipped", base.dtype, base, tuple(finetuned))
    dtypes = {base.dtype, *(tensor.dtype for tensor in finetuned)}
    if not dtypes <= set(FLOATS):
        return Match(name, "copied", base.dtype, base, tuple(finetuned))
    adapted = any(isinstance(tensor, LoraTensor) for tensor in finetuned)
    if adapted and not unrounded:  # an adapter has no precision of its own
        return Match(name, "merged", base.dtype, base, tuple(finetuned))
    return Match(name, "merged", _widest(dtypes), base, tuple(finetuned))


def _widest(dtypes: set[str]) -> str:
    """The narrowest type that holds all of them exactly."""
    if len(dtypes) == 1:
        return next(iter(dtypes))
    return "F64" if "F64" in dtypes else "F32"


def _paired(base: Checkpoint, other: Checkpoint, notes: list[str]) -> dict[str, Tensor]:
    """The fine-tune's tensor for each of the base's."""
    _compare_architectures(base, other)
    found = dict(other.tensors)
    missing = [name for name in base.tensors if name not in found]
    extra = [name for name in found if name not in base.tensors]
    for name in [n for n in missing if _is_buffer(n, base.tensors[n])]:
        missing.remove(name)
        found[name] = base.tensors[name]
        notes.append(f"{other} lacks the buffer {name}: the base's is kept")
    for name in [n for n in extra if _is_buffer(n, found[n])]:
        extra.remove(name)
        notes.append(f"the buffer {name} of {other} is left out: the base has none")
    for name in list(missing):
        twin = twin_of(name, base, other)
        if twin is not None:
            missing.remove(name)
            found[name] = found[twin]
            notes.append(f"{name} is tied to {twin}, under whose name alone {other} stores it")
    for name in list(extra):
        twin = twin_of(name, other, base)
        if twin is not None:
            extra.remove(name)
            notes.append(f"{name} of {other} is tied to {twin}, which alone the base stores")
    _refuse_differences(base, other, found, missing, extra)
    if untied(base, other):
        raise MergeError(
            f"The output layer of {base} is its embedding (tie_word_embeddings), that of {other} "
            "one of its own: what is between them is no model of either configuration."
        )
    return {name: found[name] for name in base.tensors}


def _is_buffer(name: str, tensor: Tensor) -> bool:
    """Integers that a model can make by itself, which only some versions of a library store."""
    return tensor.dtype not in FLOATS and name.rpartition(".")[2] in _BUFFERS


def _compare_architectures(base: Checkpoint, other: Checkpoint) -> None:
    for key in ("model_type", "architectures"):
        ours, theirs = base.settings.get(key), other.settings.get(key)
        if ours and theirs and ours != theirs:
            raise MergeError(
                f"Different architectures: {base} is {_told(ours)}, {other} is {_told(theirs)} "
                f"({key} in config.json). Only a model and its own fine-tunes can be merged."
            )


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _refuse_differences(
    base: Checkpoint,
    other: Checkpoint,
    found: Mapping[str, Tensor],
    missing: Sequence[str],
    extra: Sequence[str],
) -> None:
    shapes = [
        name
        for name, tensor in base.tensors.items()
        if name in found and found[name].shape != tensor.shape
    ]
    rows = [name for name in shapes if _VOCABULARY.search(name)]
    kinds = [
        name
        for name, tensor in base.tensors.items()
        if name in found and (found[name].dtype in FLOATS) != (tensor.dtype in FLOATS)
    ]
    told = []
    if missing:
        told.append(
            f"only in the base: {len(missing):,} of {len(base.tensors):,} tensors: {some(missing)}"
        )
    if extra:
        told.append(
            f"only in the fine-tune: {len(extra):,} of {len(other.tensors):,}: {some(extra)}"
        )
    if rows:
        sizes = [t[rows[0]].shape[0] for t in (base.tensors, found)]
        told.append(
            f"vocabularies of different size ({sizes[0]:,} and {sizes[1]:,} tokens in {rows[0]})"
        )
    if shapes:
        shown = [f"{n} {list(base.tensors[n].shape)} / {list(found[n].shape)}" for n in shapes]
        told.append(f"of different shape: {len(shapes):,} (base / fine-tune): {some(shown)}")
    if kinds:
        told.append(f"integers in one and floats in the other: {len(kinds):,}: {some(kinds)}")
    if told:
        raise MergeError(
            f"{base} and {other} are different architectures or sizes:\n  "
            + "\n  ".join(told)
            + "\nOnly a model and its own fine-tunes can be merged."
        )
