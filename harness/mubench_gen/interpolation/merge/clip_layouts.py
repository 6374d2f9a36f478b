"""CLIP's two layouts: that of transformers and that of open_clip (and of OpenAI's own files).

Both hold the same weights under different names. open_clip stacks queries, keys and values of a
block in one matrix, and transposes its two projections. Converted tensors are lazy views of the
stored ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.tensors import (
    RowsTensor,
    StackedTensor,
    Tensor,
    TransposedTensor,
)

Layout = Literal["transformers", "open_clip"]

# transformers' name ↔ open_clip's, outside the blocks. "T": transposed.
_ENDS = (
    ("logit_scale", "logit_scale", ""),
    ("text_model.embeddings.token_embedding.weight", "token_embedding.weight", ""),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding", ""),
    ("text_model.final_layer_norm.weight", "ln_final.weight", ""),
    ("text_model.final_layer_norm.bias", "ln_final.bias", ""),
    ("text_projection.weight", "text_projection", "T"),
    ("vision_model.embeddings.class_embedding", "visual.class_embedding", ""),
    ("vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight", ""),
    ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding", ""),
    ("vision_model.pre_layrnorm.weight", "visual.ln_pre.weight", ""),
    ("vision_model.pre_layrnorm.bias", "visual.ln_pre.bias", ""),
    ("vision_model.post_layernorm.weight", "visual.ln_post.weight", ""),
    ("vision_model.post_layernorm.bias", "visual.ln_post.bias", ""),
    ("visual_projection.weight", "visual.proj", "T"),
)
_TOWERS = (
    ("text_model.encoder.layers.", "transformer.resblocks."),
    ("vision_model.encoder.layers.", "visual.transformer.resblocks."),
)
_IN_BLOCK = (
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("self_attn.out_proj.", "attn.out_proj."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
)
_SPLIT = ("q_proj", "k_proj", "v_proj")
_TEXT = "text."  # prefix of the text tower's names in open_clip's CustomTextCLIP


def layout_of(tensors: Mapping[str, Tensor]) -> Layout | None:
    """The layout of a CLIP; None for any other model."""
    if "text_model.embeddings.token_embedding.weight" in tensors and "logit_scale" in tensors:
        return "transformers"
    if "visual.conv1.weight" in tensors and "visual.class_embedding" in tensors:
        return "open_clip"
    return None


def convert_layout(base: OpenCheckpoint, other: OpenCheckpoint) -> OpenCheckpoint:
    """The other checkpoint in the base's layout, if both are CLIPs of different layouts."""
    ours, theirs = layout_of(base.tensors), layout_of(other.tensors)
    prefixed = [_has_prefix(side.tensors) for side in (base, other)]
    if ours is None or theirs is None or (ours == theirs and prefixed[0] == prefixed[1]):
        return other
    try:
        tensors = to_transformers(other.tensors) if theirs == "open_clip" else dict(other.tensors)
        if ours == "open_clip":
            tensors = to_open_clip(tensors, prefix=_TEXT if prefixed[0] else "")
    except MergeError as error:
        raise MergeError(f"{other}: {error} Fetch the checkpoint again.") from None
    note = f"{other} has the layout of {theirs}: its tensors were read under the base's names"
    return replace(other, tensors=tensors, converted=True, notes=(*other.notes, note))


def activation_of(checkpoint: OpenCheckpoint) -> dict[str, str]:
    """The settings of a CLIP that change what its weights compute, named alike for both layouts."""
    config = checkpoint.config
    model = config.get("model_cfg")
    if isinstance(model, dict):
        return {"hidden_act": "quick_gelu" if model.get("quick_gelu") else "gelu"}
    text = config.get("text_config")
    name = text.get("hidden_act", "quick_gelu") if isinstance(text, dict) else "quick_gelu"
    return {"hidden_act": str(name)} if config else {}


def to_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's tensors under transformers' names; others keep their own."""
    names = {theirs: (ours, how) for ours, theirs, how in _ENDS}
    found: dict[str, Tensor] = {}
    for stored, tensor in tensors.items():
        name = stored.removeprefix(_TEXT)
        if name in names:
            ours, how = names[name]
            _put(found, ours, _transposed(stored, tensor) if how else tensor)
            continue
        block = _in_transformers(name)
        split = re.fullmatch(r"(.*\.)attn\.in_proj_(weight|bias)", block)
        if split is None:
            _put(found, block, tensor)
            continue
        rows, rest = divmod(tensor.shape[0] if tensor.shape else 1, len(_SPLIT))
        if rest:
            raise MergeError(
                f"{stored} of shape {list(tensor.shape)} is not a matrix of queries, "
                "keys and values."
            )
        for number, part in enumerate(_SPLIT):
            name = f"{split[1]}self_attn.{part}.{split[2]}"
            _put(found, name, RowsTensor(tensor, (rows, *tensor.shape[1:]), number * rows))
    return found


def to_open_clip(tensors: Mapping[str, Tensor], *, prefix: str = "") -> dict[str, Tensor]:
    """transformers' tensors under open_clip's names; `prefix` is put before the text tower's."""
    names = {ours: (theirs, how) for ours, theirs, how in _ENDS}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name in names:
            theirs, how = names[name]
            _put(found, _prefixed(theirs, prefix), _transposed(name, tensor) if how else tensor)
            continue
        split = re.fullmatch(r"(.*\.)self_attn\.([qkv]_proj)\.(weight|bias)", name)
        if split is None:
            _put(found, _prefixed(_in_open_clip(name), prefix), tensor)
            continue
        parts = [f"{split[1]}self_attn.{part}.{split[3]}" for part in _SPLIT]
        if name == next(part for part in parts if part in tensors):
            stacked = f"{_in_open_clip(split[1])}attn.in_proj_{split[3]}"
            _put(found, _prefixed(stacked, prefix), _stacked(tensors, parts))
    return found


def _put(found: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    """Store a tensor. Refuses a second one of the same name, which would replace the first."""
    if name in found:
        raise MergeError(f"Two tensors of one checkpoint become {name} in the other's layout.")
    found[name] = tensor


def _transposed(name: str, tensor: Tensor) -> Tensor:
    if len(tensor.shape) != 2:
        raise MergeError(f"{name} of shape {list(tensor.shape)} is not a projection of a CLIP.")
    return TransposedTensor(tensor)


def _stacked(tensors: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Stack queries, keys and values; all three must exist, with equal type and shape."""
    missing = [name for name in names if name not in tensors]
    if missing:
        raise MergeError(f"{names[0]} has no {', '.join(missing)} beside it.")
    parts = [tensors[name] for name in names]
    if len({(part.dtype, part.shape) for part in parts}) > 1 or not parts[0].shape:
        raise MergeError(f"{', '.join(names)} are not of one type and shape.")
    return StackedTensor(parts)


def _has_prefix(tensors: Mapping[str, Tensor]) -> bool:
    return f"{_TEXT}token_embedding.weight" in tensors


def _prefixed(name: str, prefix: str) -> str:
    return name if name == "logit_scale" or name.startswith("visual.") else prefix + name


def _in_transformers(name: str) -> str:
    return _renamed(name, [(b, a) for a, b in _TOWERS], [(b, a) for a, b in _IN_BLOCK])


def _in_open_clip(name: str) -> str:
    return _renamed(name, list(_TOWERS), list(_IN_BLOCK))


def _renamed(name: str, towers: list[tuple[str, str]], parts: list[tuple[str, str]]) -> str:
    for old, new in towers:
        if name.startswith(old):
            number, dot, rest = name[len(old) :].partition(".")
            for part, other in parts:
                if rest.startswith(part):
                    rest = other + rest[len(part) :]
                    break
            return f"{new}{number}{dot}{rest}"
    return name
