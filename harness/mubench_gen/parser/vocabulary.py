"""A task's vocabulary: words that mean the same option."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mubench_gen.parser.choices import text_key

Vocabulary = Sequence[tuple[str, tuple[str, ...]]]  # an option's text and its aliases


@lru_cache(maxsize=4096)
def aliases_for(
    vocabulary: tuple[tuple[str, tuple[str, ...]], ...], options: tuple[str, ...]
) -> tuple[tuple[str, ...], ...] | None:
    """The aliases of each option, in the order of the options; None if none has any.

    An option is looked up as replies are ("bright-field" finds what stands under "brightfield"),
    by the text that stands before its aliases or by one of them.
    """
    known = {text_key(word): (option, *words) for option, words in vocabulary for word in words}
    known |= {text_key(option): (option, *words) for option, words in vocabulary}
    keys = [text_key(option) for option in options]
    found = tuple(
        tuple(word for word in known.get(key, ()) if text_key(word) != key) for key in keys
    )
    return found if any(found) else None


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
