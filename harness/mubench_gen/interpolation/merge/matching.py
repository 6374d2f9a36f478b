"""a base and its fine-tunes → the pairs of tensors to merge, or why they don't match."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.alphas import matches, parts_of
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.files import listed
from mubench_gen.interpolation.merge.lora import LoraTensor
from mubench_gen.interpolation.merge.parts import by_module, fitted_rows
from mubench_gen.interpolation.merge.recipe import Recipe
from mubench_gen.interpolation.merge.tensors import FLOATS, Tensor
from mubench_gen.interpolation.merge.tied_weights import has_own_head, tied_name

# Positions, and numbers that OpenAI's CLIPs keep beside their weights.
_BUFFERS = frozenset(
    {"position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked",
     "input_resolution", "context_length", "vocab_size"}
)  # fmt: skip
Action = Literal["merged", "copied", "skipped"]
_VOCABULARY = re.compile(r"(embed_tokens|token_embedding|word_embeddings|lm_head|wte)\.weight\Z")


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """One tensor of the result, stored as `dtype`.

    copied: integers and booleans, which have no values in between. skipped: left out by the
    patterns, the base's is kept. `finetuned` has one tensor per fine-tune. `statistics`: what was
    measured of each of those, where a method needs it: see `statistics.py`.
    """

    name: str
    action: Action
    dtype: str
    base: Tensor
    finetuned: tuple[Tensor, ...]
    statistics: tuple[Tensor, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape


def match_tensors(
    base: OpenCheckpoint,
    finetuned: Sequence[OpenCheckpoint],
    recipe: Recipe,
    *,
    unrounded: bool = False,
) -> tuple[dict[str, list[OutputTensor]], list[str]]:
    """The tensors of the result by the base's files, and notes on small differences.

    Tensors are paired by name. Raises MergeError if they differ, with a count and the first few.
    `unrounded`: tensors that an adapter changes are stored in float32, not in the base's type.
    """
    notes: list[str] = []
    pair = _pair_what_fits if recipe.keep_base else _paired
    sides = [pair(base, other, notes) for other in finetuned]
    shards: dict[str, list[OutputTensor]] = {}
    mixed: dict[tuple[str, ...], list[str]] = {}
    for file, names in base.shards.items():
        shards[file] = []
        for name in names:
            tensors = [side[name] for side in sides]
            one = _output(name, base.tensors[name], tensors, recipe, unrounded)
            shards[file].append(one)
            stored = (t for t in (one.base, *one.finetuned) if not isinstance(t, LoraTensor))
            dtypes = tuple(dict.fromkeys(tensor.dtype for tensor in stored))
            if one.action == "merged" and len(dtypes) > 1:
                mixed.setdefault((*dtypes, one.dtype), []).append(name)
    for (*types, kept), names in mixed.items():
        notes.append(
            f"{len(names):,} of {len(base.tensors):,} tensors are {types[0]} in the base and "
            f"{' and '.join(types[1:])} in a fine-tune: stored as {kept}, which holds both exactly"
        )
    _refuse_idle_patterns(base, shards, recipe)
    return shards, notes


def _refuse_idle_patterns(
    base: OpenCheckpoint, shards: Mapping[str, Sequence[OutputTensor]], recipe: Recipe
) -> None:
    """Refuse patterns that match no tensor or leave none, which are typing errors."""
    known = f"The base's tensors begin: {listed(list(base.tensors))}."
    for flag, globs in (("--include", recipe.include), ("--exclude", recipe.exclude)):
        for glob in globs:
            if not any(fnmatchcase(name, glob) for name in base.tensors):
                raise MergeError(f"{flag} {glob!r} matches no tensor. {known}")
    for part in dict.fromkeys(part for alpha in recipe.alphas for part in parts_of(alpha)):
        if not any(matches(part, name) for name in base.tensors):
            raise MergeError(f"--alpha {part}=… matches no tensor. {known}")
    if not any(one.action == "merged" for tensors in shards.values() for one in tensors):
        raise MergeError(f"--include and --exclude leave no tensor to merge. {known}")


def stored_as(tensors: Sequence[OutputTensor], dtype: str) -> list[OutputTensor]:
    """The same tensors with all floats stored in that type; integers and booleans stay."""
    return [replace(one, dtype=dtype) if one.dtype in FLOATS else one for one in tensors]


def _output(
    name: str, base: Tensor, finetuned: Sequence[Tensor], recipe: Recipe, unrounded: bool
) -> OutputTensor:
    if not recipe.covers(name):
        return OutputTensor(name, "skipped", base.dtype, base, tuple(finetuned))
    dtypes = {base.dtype, *(tensor.dtype for tensor in finetuned)}
    if not dtypes <= set(FLOATS):
        return OutputTensor(name, "copied", base.dtype, base, tuple(finetuned))
    adapted = any(isinstance(tensor, LoraTensor) for tensor in finetuned)
    if adapted and not unrounded:  # an adapter's result has the base's type
        return OutputTensor(name, "merged", base.dtype, base, tuple(finetuned))
    return OutputTensor(name, "merged", _widest(dtypes), base, tuple(finetuned))


def _widest(dtypes: set[str]) -> str:
    """The narrowest type that holds all of them exactly."""
    if len(dtypes) == 1:
        return next(iter(dtypes))
    return "F64" if "F64" in dtypes else "F32"


def _paired(base: OpenCheckpoint, other: OpenCheckpoint, notes: list[str]) -> dict[str, Tensor]:
    """The fine-tune's tensor for each of the base's. Raises MergeError if one has none."""
    _compare_architectures(base, other)
    found, missing, extra = _by_name(base, other, notes)
    _refuse_differences(base, other, found, missing, extra)
    return {name: found[name] for name in base.tensors}


def _pair_what_fits(
    base: OpenCheckpoint, other: OpenCheckpoint, notes: list[str]
) -> dict[str, Tensor]:
    """The same; the base's own tensor where the fine-tune has none that fits."""
    found, missing, extra = _by_name(base, other, notes)
    unfit = []
    for name in (name for name in base.tensors if name in found):
        ours, theirs = base.tensors[name], found[name]
        if ours.shape == theirs.shape:
            continue
        rows = fitted_rows(ours, theirs) if _VOCABULARY.search(name) else None
        if rows is None:
            unfit.append(name)
            continue
        found[name] = rows
        notes.append(
            f"{name} has {theirs.shape[0]:,} rows in {other} and {ours.shape[0]:,} in the base: "
            f"the first {min(theirs.shape[0], ours.shape[0]):,} are merged"
        )
    kept = [*missing, *unfit]
    if all(name in kept or found[name] is tensor for name, tensor in base.tensors.items()):
        _refuse_differences(base, other, found, missing, extra)
    notes += _left(base, other, missing, unfit, extra)
    found |= {name: base.tensors[name] for name in kept}
    _refuse_differences(base, other, found, [], [])
    return {name: found[name] for name in base.tensors}


def _left(
    base: OpenCheckpoint,
    other: OpenCheckpoint,
    missing: list[str],
    unfit: list[str],
    extra: list[str],
) -> list[str]:
    """Notes on what has no partner."""
    found = []
    if missing:
        found.append(
            f"{len(missing):,} of {len(base.tensors):,} tensors have no partner in {other} and "
            f"stay as the base has them: {by_module(missing)}"
        )
    if unfit:
        found.append(
            f"{len(unfit):,} have another shape in {other} and stay as the base has them: "
            f"{listed(unfit)}"
        )
    if extra:
        found.append(
            f"{len(extra):,} of {len(other.tensors):,} tensors of {other} have no partner in the "
            f"base and are left out: {by_module(extra)}"
        )
    return found


def _by_name(
    base: OpenCheckpoint, other: OpenCheckpoint, notes: list[str]
) -> tuple[dict[str, Tensor], list[str], list[str]]:
    """The fine-tune's tensors by the base's names, the names that it lacks, and those it has more.

    Buffers and tied tensors that only one of the two stores are no differences.
    """
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
        tied = tied_name(name, base, other)
        if tied is not None:
            missing.remove(name)
            found[name] = found[tied]
            notes.append(f"{name} is tied to {tied}, under whose name alone {other} stores it")
    for name in list(extra):
        tied = tied_name(name, other, base)
        if tied is not None:
            extra.remove(name)
            notes.append(f"{name} of {other} is tied to {tied}, which alone the base stores")
    if has_own_head(base, other):
        raise MergeError(
            f"The output layer of {base} is its embedding (tie_word_embeddings), that of {other} "
            "one of its own: a merge of the two fits neither configuration."
        )
    return found, missing, extra


def _is_buffer(name: str, tensor: Tensor) -> bool:
    """Whether a tensor is a constant that only some versions of a library store."""
    return tensor.dtype not in FLOATS and name.rpartition(".")[2] in _BUFFERS


def _compare_architectures(base: OpenCheckpoint, other: OpenCheckpoint) -> None:
    if other.towers:
        raise MergeError(
            f"{other} ({_as_text(other.config.get('model_type'))}) is not the whole of {base} "
            f"({_as_text(base.config.get('model_type'))}), but holds a part of it "
            f"({' and '.join(other.towers)}). To merge that and keep the rest as the base has it: "
            "--missing keep-base."
        )
    for key in ("model_type", "architectures"):
        ours, theirs = base.config.get(key), other.config.get(key)
        if ours and theirs and ours != theirs:
            raise MergeError(
                f"Different architectures: {base} is {_as_text(ours)}, {other} is "
                f"{_as_text(theirs)} ({key} in config.json). Only a model and its own fine-tunes "
                "can be merged."
            )


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _refuse_differences(
    base: OpenCheckpoint,
    other: OpenCheckpoint,
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
    differences = []
    if missing:
        differences.append(
            f"only in the base: {len(missing):,} of {len(base.tensors):,} tensors: "
            f"{listed(missing)}"
        )
    if extra:
        differences.append(
            f"only in the fine-tune: {len(extra):,} of {len(other.tensors):,}: {listed(extra)}"
        )
    if rows:
        sizes = [t[rows[0]].shape[0] for t in (base.tensors, found)]
        differences.append(
            f"vocabularies of different size ({sizes[0]:,} and {sizes[1]:,} tokens in {rows[0]})"
        )
    if shapes:
        shown = [f"{n} {list(base.tensors[n].shape)} / {list(found[n].shape)}" for n in shapes]
        differences.append(
            f"of different shape: {len(shapes):,} (base / fine-tune): {listed(shown)}"
        )
    if kinds:
        differences.append(
            f"integers in one and floats in the other: {len(kinds):,}: {listed(kinds)}"
        )
    if differences:
        raise MergeError(
            f"{base} and {other} are different architectures or sizes:\n  "
            + "\n  ".join(differences)
            + "\nOnly a model and its own fine-tunes can be merged. To keep what has no partner as "
            "the base has it: --missing keep-base."
        )
