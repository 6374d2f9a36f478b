"""A fine-tune that is a part of its base, or the same model under other names.

A model that reads images holds a language model and a vision tower. Their fine-tunes are published
alone (Qwen2 for Qwen2-VL, a SigLIP for PaliGemma), or within a whole model whose names have other
prefixes. Names are compared without the prefixes that only say where a tower is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.tensors import RowsTensor, StackedTensor, Tensor

Tower = Literal["text", "vision"]
Key = tuple[Tower, str]

_PLACES: Mapping[str, Tower | None] = {
    "model": None,
    "language_model": "text", "text_model": "text", "llm": "text",
    "vision_tower": "vision", "vision_model": "vision", "visual": "vision",
    "vision_encoder": "vision",
}  # fmt: skip
_OF_TEXT = ("layers", "embed_tokens", "norm", "lm_head")  # what a language model's names begin with
PARTS = ("text", "vision", "projector")
# What lies between the towers, wherever its name puts it.
_BETWEEN = frozenset(
    {"multi_modal_projector", "mm_projector", "connector", "merger", "deepstack_merger_list",
     "mlp1", "aligner", "projector", "resampler", "visual_projection", "text_projection",
     "logit_scale", "logit_bias", "proj_out", "image_newline", "embed_vision"}
)  # fmt: skip
_OPEN_CLIP = {
    "transformer": "text", "token_embedding": "text", "positional_embedding": "text",
    "ln_final": "text",
}  # fmt: skip
_CONFIGS: Mapping[Tower, str] = {"text": "text_config", "vision": "vision_config"}


def as_part(base: OpenCheckpoint, other: OpenCheckpoint) -> OpenCheckpoint:
    """The other checkpoint under the base's names, if it holds towers of the base.

    Unchanged if more names agree as they are, or none does without its prefixes.
    """
    ours, theirs = _by_key(base, base), _by_key(other, base)
    shared = [key for key in ours if key in theirs]
    same_type = base.config.get("model_type") == other.config.get("model_type")
    direct = len(base.tensors.keys() & other.tensors.keys())
    reads_images = any(tower == "vision" for tower, _ in ours)
    whole = same_type or not reads_images or direct == len(base.tensors)
    if not shared or (len(shared) <= direct and whole):
        return other
    renamed = {theirs[key]: ours[key] for key in shared}
    tensors = {renamed.get(name, name): tensor for name, tensor in other.tensors.items()}
    if len(tensors) < len(other.tensors):
        raise MergeError(f"Two tensors of {other} have one name in the base's layout.")
    # The config decides nothing about a model of the base's own type under other names.
    towers = () if same_type else tuple(sorted({tower for tower, _ in shared}))
    notes = other.notes
    if any(old != new for old, new in renamed.items()):
        notes = (*notes, f"{len(renamed):,} tensors of {other} were read under the base's names")
    return replace(other, tensors=tensors, converted=True, towers=towers, notes=notes)


def alike(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Each name's like among the others: the same, or the only one that is so without prefixes."""
    known = dict.fromkeys(others)
    plain: dict[Any, list[str]] = {}
    for other in known:
        plain.setdefault(_plain(other), []).append(other)
    found = {}
    for name in names:
        like = [name] if name in known else plain.get(_plain(name), [])
        if len(like) == 1:
            found[name] = like[0]
    return found


def _plain(name: str) -> Any:
    """What a name is without the prefixes that say where a tower is."""
    words = name.split(".")
    while len(words) > 1 and words[0] in _PLACES:
        words.pop(0)
    return _key(name, vision_alone=False) or ".".join(words)


def configs_of_towers(
    base: OpenCheckpoint, other: OpenCheckpoint
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both configurations say about the towers that the other one holds.

    Of the other's only what the base says too: a language model alone has more settings.
    """
    ours, theirs = {}, {}
    for tower in other.towers:
        name = _CONFIGS[tower]
        said = base.config.get(name, base.config if tower == "text" else {})
        own = other.config.get(name, other.config)
        if isinstance(said, dict) and isinstance(own, dict):
            ours[name] = {key: said[key] for key in said if key in own and key != "model_type"}
            theirs[name] = {key: own[key] for key in ours[name]}
    return ours, theirs


def _by_key(side: OpenCheckpoint, base: OpenCheckpoint) -> dict[Key, str]:
    """The names of a checkpoint's towers by what they are without prefixes; doubtful ones not."""
    vision = base.config.get("vision_config")
    types = {vision.get("model_type")} if isinstance(vision, dict) else set()
    alone = side is not base and side.config.get("model_type") in types
    found: dict[Key, str] = {}
    twice = set()
    for name in side.tensors:
        key = _key(name, vision_alone=alone)
        if key is not None:
            twice |= {key} & found.keys()
            found[key] = name
    return {key: name for key, name in found.items() if key not in twice}


def _key(name: str, *, vision_alone: bool) -> Key | None:
    words = name.split(".")
    tower: Tower | None = None
    while len(words) > 1 and words[0] in _PLACES:
        tower = _PLACES[words.pop(0)] or tower
    if tower is None and vision_alone:
        tower = "vision"
    elif tower is None and words[0] in _OF_TEXT:
        tower = "text"
    return None if tower is None else (tower, ".".join(words))


def part_of(name: str) -> str | None:
    """Which of `PARTS` a tensor belongs to by its name; None where that says nothing."""
    words = name.split(".")
    if _BETWEEN & set(words) or name == "visual.proj":
        return "projector"
    key = _key(name, vision_alone=False)
    return key[0] if key is not None else _OPEN_CLIP.get(words[0])


def fitted_rows(base: Tensor, other: Tensor) -> Tensor | None:
    """The other embedding with the base's number of rows; None if the two cannot be joined.

    Rows that it lacks are the base's, and rows that the base lacks are left out.
    """
    if len(base.shape) != 2 or base.shape[1:] != other.shape[1:]:
        return None
    rows, have = base.shape[0], other.shape[0]
    if have >= rows:
        return RowsTensor(other, base.shape, 0)
    if base.dtype != other.dtype:
        return None
    return StackedTensor([other, RowsTensor(base, (rows - have, *base.shape[1:]), have)])


def by_module(names: list[str]) -> str:
    """How many tensors there are in each module, for messages: "visual (25), lm_head (1)"."""
    counts: dict[str, int] = {}
    for name in names:
        words = name.split(".")
        module = words[1] if words[0] == "model" and len(words) > 2 else words[0]
        counts[module] = counts.get(module, 0) + 1
    return ", ".join(f"{module} ({count:,})" for module, count in counts.items())
