"""Finds tied tensors (one tensor under two names) by declarations, never by equal values.

Ties are declared by the configuration (the output layer is the embedding), the header of a
safetensors file (`save_model` records names that it left out), and shared storage in a pickle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.tensors import are_equal

_HEAD = re.compile(r"^(model\.|language_model\.)*lm_head\.weight")
_EMBEDDING = re.compile(
    r"(model\.|language_model\.|text_model\.|transformer\.)*(embed_tokens|wte)\.weight"
)
# Architectures whose output layer is the embedding if config.json doesn't say.
TIED_BY_DEFAULT = frozenset(
    {"gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text",
     "paligemma", "gpt2"}
)  # fmt: skip


def tied_name(name: str, stores: OpenCheckpoint, lacks: OpenCheckpoint) -> str | None:
    """The name under which `lacks` has that tensor of `stores`, if the two names are tied.

    `stores` has both names, and both must be equal there: else they are not tied.
    """
    groups = [*stores.ties, *lacks.ties]
    if ties_embeddings(lacks.config):
        groups.append(embedding_and_head(stores.tensors))
    tied = {other for group in groups if name in group for other in group - {name}}
    for other in sorted(tied & lacks.tensors.keys() & stores.tensors.keys()):
        if are_equal(stores.tensors[name], stores.tensors[other]):
            return other
    return None


def has_own_head(base: OpenCheckpoint, other: OpenCheckpoint) -> bool:
    """Whether the base's output layer is its embedding, and the other's is a separate tensor."""
    if not ties_embeddings(base.config):
        return False
    pair = sorted(embedding_and_head(base.tensors))
    tensors = [other.tensors[name] for name in pair if name in other.tensors]
    return len(tensors) == 2 and not are_equal(*tensors)


def embedding_and_head(names: Iterable[str]) -> frozenset[str]:
    """The word embedding and the output layer, which a configuration can tie; empty without."""
    known = list(names)
    heads = [name for name in known if _HEAD.fullmatch(name)]
    words = [name for name in known if _EMBEDDING.fullmatch(name)]
    return frozenset(heads + words if len(heads) == len(words) == 1 else ())


def is_embedding_or_head(name: str) -> bool:
    """Whether a tensor is one of the two by its name."""
    return bool(_HEAD.fullmatch(name) or _EMBEDDING.fullmatch(name))


def ties_embeddings(config: Mapping[str, Any]) -> bool:
    """Whether a configuration makes the output layer the embedding."""
    parts = [config, config.get("text_config")]
    flags = [part.get("tie_word_embeddings") for part in parts if isinstance(part, dict)]
    if any(isinstance(flag, bool) for flag in flags):
        return True in flags
    return config.get("model_type") in TIED_BY_DEFAULT
