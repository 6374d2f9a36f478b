"""Which tensors of a checkpoint are one under two names, by what says so: never by their values.

That is its configuration (an output layer that is the embedding), the header of a safetensors
file (`save_model` notes what it left out), and storage that two names of a torch pickle share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mubench_gen.interpolation.merge.checkpoint import Checkpoint
from mubench_gen.interpolation.merge.tensors import read_whole

_HEAD = re.compile(r"(model\.|language_model\.)*lm_head\.weight")
_EMBEDDING = re.compile(
    r"(model\.|language_model\.|text_model\.|transformer\.)*(embed_tokens|wte)\.weight"
)
# Whose output layer is the embedding where config.json says nothing of it.
TIED_BY_DEFAULT = frozenset(
    {"gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4", "gemma4_text",
     "paligemma", "gpt2"}
)  # fmt: skip


def twin_of(name: str, stores: Checkpoint, lacks: Checkpoint) -> str | None:
    """The name under which `lacks` has that tensor of `stores`, where the two names are tied.

    `stores`, which has both, must have the same in both: else they are not tied there.
    """
    groups = [*stores.ties, *lacks.ties]
    if ties_words(lacks.settings):
        groups.append(embeddings(stores.tensors))
    for group in groups:
        for other in sorted(group - {name}) if name in group else ():
            if other in lacks.tensors and other in stores.tensors and _same(stores, name, other):
                return other
    return None


def untied(base: Checkpoint, other: Checkpoint) -> bool:
    """Whether the base's output layer is its embedding, and the other's is one of its own."""
    if not ties_words(base.settings):
        return False
    pair = sorted(embeddings(base.tensors))
    both = len(pair) == 2 and all(name in other.tensors for name in pair)
    return both and not _same(other, *pair)


def embeddings(names: Iterable[str]) -> frozenset[str]:
    """The embedding of the words and the output layer, which a configuration can tie; or none."""
    known = list(names)
    heads = [name for name in known if _HEAD.fullmatch(name)]
    words = [name for name in known if _EMBEDDING.fullmatch(name)]
    return frozenset(heads + words if len(heads) == len(words) == 1 else ())


def is_words(name: str) -> bool:
    """Whether a tensor is one of the two by its name."""
    return bool(_HEAD.fullmatch(name) or _EMBEDDING.fullmatch(name))


def ties_words(settings: Mapping[str, Any]) -> bool:
    """Whether a configuration makes the output layer the embedding."""
    parts = [settings, settings.get("text_config")]
    told = [part.get("tie_word_embeddings") for part in parts if isinstance(part, dict)]
    if any(isinstance(one, bool) for one in told):
        return True in told
    return settings.get("model_type") in TIED_BY_DEFAULT


def _same(checkpoint: Checkpoint, name: str, other: str) -> bool:
    one, two = checkpoint.tensors[name], checkpoint.tensors[other]
    alike = one.dtype == two.dtype and one.shape == two.shape
    return alike and read_whole(one) == read_whole(two)
