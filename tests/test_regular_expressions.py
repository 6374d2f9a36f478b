"""No regular expression of the harness takes more than its share of a text that was made to hurt.

Texts are made of each expression: of what stands before a repeat, then what is repeated, many
times, then what cannot follow. Nested or neighbouring repeats of one thing show by their time.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import mubench_gen

from .helpers.mutations import assert_survives

LENGTH = 20_000  # of a text: what is quadratic takes seconds
SECONDS = 0.3  # of this process's time alone; what is linear takes a hundredth
MANY = 30  # times: what may be repeated less often is no repeat
REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
OF_CATEGORY = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a"}
# By modules that need what is not installed everywhere, or that start something.
LEFT_OUT = ("mubench_gen.__main__", "mubench_gen.parser.", "mubench_gen.plugins.scaffold.files")
# Asked of the first thousands of characters alone, which a caller sees to.
OF_SHORT_TEXTS = frozenset({"_TITLE"})
SOURCE = "\n".join(path.read_text("utf-8") for path in Path(mubench_gen.__path__[0]).rglob("*.py"))


def expressions() -> dict[str, re.Pattern[str]]:
    """All that stand in a module, by their names; of several places one.

    The parser's meet replies: tests/parser/test_linear_time.py asks them as they are used.
    """
    found: dict[re.Pattern[str], str] = {}
    for module in pkgutil.walk_packages(mubench_gen.__path__, "mubench_gen."):
        if module.name.startswith(LEFT_OUT):
            continue
        try:
            values = vars(importlib.import_module(module.name))
        except ImportError:
            continue
        for name, value in values.items():
            if name in OF_SHORT_TEXTS:
                continue
            for number, one in enumerate(_patterns(value)):
                found.setdefault(one, f"{module.name}.{name}[{number}]")
    return {name: one for one, name in found.items()}


def ways(name: str) -> list[str]:
    """How an expression is asked, as the sources say; what is in a table may be searched."""
    plain = name.rpartition(".")[2].partition("[")[0]
    found = re.findall(rf"\b{plain}\.(match|fullmatch|search|sub|findall|finditer|split)\b", SOURCE)
    return sorted({"search" if way not in ("match", "fullmatch") else way for way in found}) or [
        "search"
    ]


def _patterns(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _patterns(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _patterns(one)


def samples(parsed: Sequence[Any]) -> list[str]:
    """Texts that a part of an expression matches; each alternative once, in small numbers."""
    return ["".join(parts) for parts in islice(product(*map(_samples, parsed)), 16)]


def _samples(node: Any) -> list[str]:
    code, told = node
    if code is codes.LITERAL:
        return [chr(told)]
    if code is codes.NOT_LITERAL:
        return ["b" if told == ord("a") else "a"]
    if code is codes.ANY:
        return ["a", " "]
    if code is codes.IN:
        return _members(told)
    if code is codes.BRANCH:
        return [text for branch in told[1] for text in samples(branch)][:16]
    if code is codes.SUBPATTERN:
        return samples(told[3])
    if code is codes.ATOMIC_GROUP:
        return samples(told)
    if code in REPEATS:
        least, most, body = told
        counts = {least, min(most, least + 1)}
        return [text * count for count in sorted(counts) for text in samples(body)]
    return [""]  # a place, or something to look at


def _members(told: Sequence[Any]) -> list[str]:
    if told[0][0] is codes.NEGATE:
        return [c for c in "a1 ,-" if not _holds(told[1:], c)][:2] or ["\x01"]
    found = []
    for code, value in told:
        if code is codes.LITERAL:
            found.append(chr(value))
        elif code is codes.RANGE:
            found.append(chr(value[0]))
        else:
            found.append(OF_CATEGORY.get(value, "-"))
    return list(dict.fromkeys(found))[:4]


def _holds(members: Sequence[Any], character: str) -> bool:
    for code, value in members:
        if code is codes.LITERAL and ord(character) == value:
            return True
        if code is codes.RANGE and value[0] <= ord(character) <= value[1]:
            return True
        if code is codes.CATEGORY and OF_CATEGORY.get(value, "-") == character:
            return True
    return False


def attacks(parsed: Sequence[Any], before: str = "") -> Iterator[str]:
    """Texts that hurt where anything does."""
    for number, (code, told) in enumerate(parsed):
        first = samples(parsed[:number])
        prefixes = [before + text for text in dict.fromkeys((*first[:1], *first[-1:]))]
        parts: list[Sequence[Any]] = []
        if code in REPEATS:
            parts = [told[2]]
            if told[1] > MANY:
                for prefix, body in product(prefixes, filter(None, samples(told[2]))):
                    yield prefix + body * (LENGTH // len(body)) + "\x00"
                    yield (prefix + body) * (LENGTH // len(prefix + body)) + "\x00"
                    yield (prefix + body * 50) * (LENGTH // len(prefix + body * 50)) + "\x00"
        elif code is codes.BRANCH:
            parts = told[1]
        elif code is codes.SUBPATTERN:
            parts = [told[3]]
        elif code in (codes.ASSERT, codes.ASSERT_NOT):
            parts = [told[1]]
        for part, prefix in product(parts, prefixes):
            yield from attacks(part, prefix)


@pytest.mark.exhaustive
def test_time_grows_with_the_text_alone() -> None:
    found = expressions()
    assert len(found) > 50
    survives({name: (one, ways(name)) for name, one in found.items()})


def survives(asked: Mapping[str, tuple[re.Pattern[str], Sequence[str]]], seconds: int = 20) -> None:
    """Each expression asked in its ways, in a process that may be killed."""

    def inputs() -> Iterator[bytes]:
        for name, (one, _) in asked.items():
            for text in dict.fromkeys(attacks(parser.parse(one.pattern, one.flags))):
                yield f"{name}\0{text}".encode("utf-8", "surrogatepass")

    def read(content: bytes) -> None:
        name, _, text = content.decode("utf-8", "surrogatepass").partition("\0")
        one, ways_ = asked[name]
        began = time.process_time()
        for way in ways_:
            getattr(one, way)(text)
        assert time.process_time() - began < SECONDS, name

    assert_survives(read, inputs(), refused=(), seconds=seconds)


@pytest.mark.first(2)
@pytest.mark.parametrize(
    "hurts",
    [r"(a+)+b", r"\s*x?\s*\[", r"none(?: ?(?:other|others)s?)*", r"<[^>]*>(.*?)</t>", r"(\w|\d)*!"],
)
def test_what_takes_too_long_is_seen(hurts: str) -> None:
    with pytest.raises(AssertionError):
        survives({"this one": (re.compile(hurts), ["search", "fullmatch"])}, seconds=2)
