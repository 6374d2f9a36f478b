"""A task's vocabulary: words that mean the same option."""

from __future__ import annotations

from collections.abc import Sequence
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
    found = tuple(known.get(text_key(option), ()) for option in options)
    return found if any(found) else None


@lru_cache(maxsize=256)
def _known(
    vocabulary: tuple[tuple[str, tuple[str, ...]], ...],
) -> dict[str, tuple[str, ...]]:
    """By the key of each word of an option, its other words."""
    known: dict[str, tuple[str, ...]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for option, words in vocabulary:
        keyed = [(text_key(word), word) for word in (option, *words)]
        for key, _ in keyed:
            known[key] = tuple(word for other, word in keyed if other != key)
        texts[keyed[0][0]] = known[keyed[0][0]]
    return known | texts  # a text itself stands before an alias of another one


_TRUE = frozenset(("True", "true", "TRUE"))
_MEANT = {"true": "yes", "false": "no"}


def with_yes_and_no(
    options: tuple[str, ...], aliases: tuple[tuple[str, ...], ...]
) -> tuple[tuple[str, ...], ...]:
    """The aliases, and "yes" and "no" where the options are "true" and "false"."""
    if _TRUE.isdisjoint(options):
        return aliases
    lowered = [option.lower() for option in options]
    if "true" not in lowered or "false" not in lowered or "yes" in lowered or "no" in lowered:
        return aliases
    further = [(_MEANT[low],) if low in _MEANT else () for low in lowered]
    own = aliases or ((),) * len(options)
    return tuple(one + more for one, more in zip(own, further, strict=True))


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
