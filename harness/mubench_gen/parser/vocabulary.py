"""A task's vocabulary: words that mean the same option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from mubench_gen.parser.keys import text_key

Vocabulary = Sequence[tuple[str, tuple[str, ...]]]  # an option's text and its aliases


@lru_cache(maxsize=4096)
def aliases_for(
    vocabulary: tuple[tuple[str, tuple[str, ...]], ...], options: tuple[str, ...]
) -> tuple[tuple[str, ...], ...] | None:
    """The aliases of each option, in the order of the options; None if none has any.

    An option is looked up as replies are ("bright-field" finds what stands under "brightfield"),
    by the text that stands before its aliases or by one of them.
    """
    known = _known(vocabulary)
    found = tuple(_others(known, text_key(option)) for option in options)
    return found if any(found) else None


@lru_cache(maxsize=256)
def _known(
    vocabulary: tuple[tuple[str, tuple[str, ...]], ...],
) -> dict[str, tuple[tuple[str, str], ...]]:
    """All words of an option, each behind its key, by the key of each of them."""
    keyed = [(option, *words) for option, words in vocabulary]
    pairs = [tuple((text_key(word), word) for word in words) for words in keyed]
    known = {key: words for words in pairs for key, _ in words[1:]}
    return known | {words[0][0]: words for words in pairs}


def _others(known: Mapping[str, tuple[tuple[str, str], ...]], key: str) -> tuple[str, ...]:
    return tuple(word for other, word in known.get(key, ()) if other != key)


def shared_aliases(vocabulary: Vocabulary) -> list[tuple[str, str, str]]:
    """(alias, option, other option) for each alias that means two options of a vocabulary."""
    owners = {text_key(option): option for option, _ in vocabulary}
    shared = []
    for option, aliases in vocabulary:
        for alias in aliases:
            owner = owners.setdefault(text_key(alias), option)
            if owner != option:
                shared.append((alias, option, owner))
    return shared
