"""In which orders an item's options are shown. "None of the above" and the like stay last."""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Sequence
from itertools import islice, permutations

from mubench_gen.errors import SettingError

# "None of the above", "All of these options", "Neither of them is correct."
_CLOSING = re.compile(
    r"(?:none|neither|all|both) of (?:the |these|those|them)"
    r"(?: ?(?:above|given|listed|offered|other|option|choice|answer)s?)*"
    r"(?: (?:is|are) (?:correct|right|true|shown))?"
)
_MOST = 5_040  # orders of one item: 7!
ONE_ORDER = frozenset({"given", "reversed", "shuffled"})  # specifications of one order an item
_COUNT = re.compile(r"[1-9][0-9]{0,17}")
_HELP = "use given, reversed, shuffled, cyclic:K, random:K or all"


def check_orders(spec: str) -> None:
    """Refuse a specification that `item_orders` would not understand."""
    _split(spec)


def item_orders(
    spec: str, options: tuple[str, ...], *, seed: int, item: str
) -> list[tuple[int, ...]]:
    """The orders of one item: each a permutation, shown place → original index.

    given, reversed, shuffled: one order. cyclic:K: the first K rotations. random:K: K
    distinct permutations drawn by seed and item. all: every permutation. Fewer than K
    come back where an item has no more.
    """
    n = len(options)
    if spec == "given" or not n:
        return [tuple(range(n))]
    kind, k = _split(spec)
    free = movable(options)
    tail = tuple(range(free, n))
    return [order + tail for order in _free_orders(kind, k, free, seed=seed, item=item)]


def movable(options: Sequence[str]) -> int:
    """How many of the options change places; those behind them speak of the others."""
    free = len(options)
    while free > 1 and _closes(options[free - 1]):
        free -= 1
    return free


def _closes(option: str) -> bool:
    """Whether an option speaks of those before it, so that it has to stay behind them."""
    return _CLOSING.fullmatch(option.strip().rstrip(".").casefold()) is not None


def _free_orders(kind: str, k: int, n: int, *, seed: int, item: str) -> list[tuple[int, ...]]:
    given = tuple(range(n))
    if kind == "reversed":
        return [given[::-1]]
    if kind == "cyclic":
        return [given[i:] + given[:i] for i in range(min(k, n))]
    if kind == "all":
        if math.factorial(n) > _MOST:
            raise SettingError(
                f"order = 'all' is {math.factorial(n):,} orders of the {n} options of "
                f"{item}; at most {_MOST:,} are asked. Use cyclic:K or random:K."
            )
        return list(permutations(given))
    return _random_orders(given, k, _generator(seed, item))


def _random_orders(
    given: tuple[int, ...], k: int, generator: random.Random
) -> list[tuple[int, ...]]:
    possible = math.factorial(len(given))
    if k >= possible:
        return list(islice(permutations(given), k))
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < k:
        order = list(given)
        generator.shuffle(order)
        drawn[tuple(order)] = None
    return list(drawn)


def _generator(seed: int, item: str) -> random.Random:
    digest = hashlib.sha256(f"order\0{seed}\0{item}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def _split(spec: str) -> tuple[str, int]:
    kind, colon, count = spec.partition(":")
    if kind in ("cyclic", "random") and _COUNT.fullmatch(count):
        if int(count) > _MOST:
            raise SettingError(
                f"order = {spec!r}: at most {_MOST:,} orders of an item are asked. Use fewer."
            )
        return kind, int(count)
    if kind == "shuffled" and not colon:
        return "random", 1
    if kind in ("given", "reversed", "all") and not colon:
        return kind, 0
    raise SettingError(f"order = {spec!r} is not a valid value; {_HELP}.")
