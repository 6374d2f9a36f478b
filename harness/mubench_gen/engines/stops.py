"""How a checkpoint's stop strings end a reply: shared by all engines. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stops:
    """Stop strings, told apart: `tokens` end a reply as they are, `texts` where they are read.

    A stop string that is a token of its own ("<end_of_turn>") is no text for an engine that
    decodes without special tokens; and looking for a text costs more than for a token.
    """

    tokens: tuple[int, ...]
    texts: tuple[str, ...]


def read_stops(stop: Sequence[str], added_tokens: Mapping[str, int]) -> Stops:
    """The stop strings; `added_tokens` are the tokenizer's beyond its plain vocabulary."""
    return Stops(
        tokens=tuple(added_tokens[text] for text in stop if text in added_tokens),
        texts=tuple(text for text in stop if text not in added_tokens),
    )
