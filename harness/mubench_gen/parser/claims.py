"""Every place where an option is named, with whether the clause around it denies it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mubench_gen.parser.listing import in_list, own_text_end
from mubench_gen.parser.reading import Reading
from mubench_gen.parser.target import COMMON

# What stands before a label that is a label and no article, pronoun or part of a name.
_PREFIX = re.compile(
    r"(?:options?|choices?|answers?|letter|labels?|statement|alternative|opci[oó]n|op[cç][aã]o"
    r"|antwort|r[eé]ponse|proposition|respuesta|resposta|alternativa|letra|选项|选择|選択肢|選)"
    r"\s*[(\[\"':]{0,2}\s*$"
)
_VERB = re.compile(
    r"\s+(?:is|are|was|would|seems|appears|looks|can|cannot|could|does|doesn't|isn't|has|have|and"
    r"|or|because|since|as|mentions|states|says|describes|suggests|refers|also|must|should|will"
    r"|may|might|not|represents|provides|best|accurately|correctly|incorrectly)\b"
)
_BOUNDARY = re.compile(
    r"[;!?\n]|\.(?!\d)|,|\b(?:but|whereas|while|although|though|however|because|since|and not|so"
    r"|as it|as they|which|making|sondern|mais|sino|mas)\b|而是|而|但"
)
_CONTRAST = re.compile(
    r"\b(?:rather than|instead of|unlike|than|as opposed to|compared (?:to|with)|except(?: for)?"
    r"|other than|apart from|besides|versus|different from|differs? from|in contrast to)\b|而不是|不同于"
)
_DENIAL = re.compile(
    r"\bnot\b|n't\b|\b(?:neither|nor|never|cannot|non|incorrect(?:ly)?|wrong|false|inaccurate"
    r"|irrelevant|unlikely|invalid|eliminated?|ruled? out|rules out|exclud\w{1,3}|discard\w{0,2}"
    r"|fails?|lacks?|lacking|unrelated|inappropriate|unsuitable|distractors?|less|nicht|kein\w{0,2}"
    r"|falsch|pas|faux|fausse|incorrecte|incorrect[oa]|falso|n[aã]o|errad[oa])\b"
    r"|不|错|非|排除|没有|誤|ない"
)
_SHARED = re.compile(
    r"\b(?:both|either|each|all|none|whether|if|beide|tanto|ambos)\b|是否|如果|between (?:options? )?[(\"']*$"
    r"|\w (?:and|or) $"
)
_REACH = 160

_INSIDE = tuple("_&+/-.")  # before a letter, they make it a part of something longer


@dataclass(frozen=True, slots=True)
class Label:
    """A label named in prose; `several` where it is named together with others."""

    start: int
    end: int
    index: int
    several: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """An option named in the reply. `label` is false where its text alone is named."""

    start: int
    end: int
    index: int
    label: bool
    denied: bool


_AND = re.compile(
    r"[)\]\"'.]*\s*(?:[,/&+;-]|,?\s*(?:and/or|and|or|und|oder|et|ou|y|o|e|to|through|versus|vs\.?)(?=\W)"
    r"|和|或者?|与|、)?\s*(?:options?|choices?|points?|选项)?\s*[(\[\"']*$"
)


def labels_named(reading: Reading) -> list[Label]:
    """The labels in prose; articles, pronouns and parts of words are left out."""
    text, labels = reading.text, reading.choices.labels
    found = []
    for match in labels.prose.finditer(text):
        start, end = match.span()
        before = text[start - 1 : start]
        if before.isascii() and (before.isalnum() or before in _INSIDE) and before:
            continue
        if before == "'" and text[end : end + 1] != "'":
            continue
        if _is_label_in_prose(reading, start, end):
            found.append((start, end, labels.index_of[match[0].lower()]))
    return list(_with_neighbours(reading, found))


def _with_neighbours(reading: Reading, found: list[tuple[int, int, int]]) -> Iterator[Label]:
    """The labels with whether they are named together; all options together are none."""
    run: list[tuple[int, int, int]] = []
    for place in [*found, (-1, -1, -1)]:
        near = run and 0 <= place[0] - run[-1][1] <= 24
        if near and _AND.match(reading.low[run[-1][1] : place[0]]):
            run.append(place)
            continue
        several = len({index for _, _, index in run}) > 1
        if len({index for _, _, index in run}) < max(3, len(reading.choices.options)):
            yield from (Label(*entry, several) for entry in run)
        run = [place]


def _is_label_in_prose(reading: Reading, start: int, end: int) -> bool:
    text = reading.text
    before, after = text[start - 1 : start], text[end : end + 1]
    if after in ("'", "-", "/", "&", "+", "=", "%", "^") and text[end + 1 : end + 2].isalnum():
        return False
    if before in ("(", "[", '"', "'") and after in (")", "]", '"', "'"):
        return before != "(" or not text[start - 2 : start - 1].isalnum()
    if _PREFIX.search(reading.low, max(0, start - 24), start):
        return True
    if not reading.choices.labels.lettered:
        return _marks_item(text, start, end)
    token = text[start:end]
    if token in ("I", "i", "a"):
        return after in (")", ".", ":") and token != "I"
    if token == "A" and after == " " and not text[start - 2 : start - 1].islower():
        return bool(_VERB.match(reading.low, end))
    return True


def _marks_item(text: str, start: int, end: int) -> bool:
    """Whether a number is an item's mark, "2." or "2)" at the beginning of a line."""
    line = text.rfind("\n", max(0, start - 8), start) + 1
    at_line = (line > 0 or start <= 8) and not text[line:start].strip(" (*-")
    return at_line and text[end : end + 1] in (")", ".", ":", "")


def shared(reading: Reading, start: int) -> bool:
    """Whether the clause speaks of several options at once: "both", "either", "each"."""
    left = max(0, start - 60)
    for boundary in _BOUNDARY.finditer(reading.low, left, start):
        left = boundary.end()
    return bool(_SHARED.search(reading.low, left, start))


def denied(reading: Reading, start: int, end: int) -> bool:
    """Whether the clause around a place denies what is named there."""
    low = reading.low
    left = max(0, start - _REACH)
    for boundary in _BOUNDARY.finditer(low, left, start):
        left = boundary.end()
    if _CONTRAST.search(low, left, start):
        return True
    stop = _BOUNDARY.search(low, _past_mark(low, end), end + _REACH)
    right = stop.start() if stop else min(len(low), end + _REACH)
    contrast = _CONTRAST.search(low, end, right)
    return bool(_DENIAL.search(low, left, contrast.start() if contrast else right))


def _past_mark(low: str, end: int) -> int:
    """Past the "." or ")" of a label's own mark, which ends no clause."""
    while low[end : end + 1] in (".", ")", ":") and low[end : end + 1]:
        end += 1
    return end


def claims(reading: Reading) -> list[Claim]:
    """All claims in order: labels with their text counted once, repeated options left out."""
    found: list[Claim] = []
    covered: list[tuple[int, int]] = []
    for label in labels_named(reading):
        start, end, index = label.start, label.end, label.index
        if in_list(reading, index, start, end):
            own = own_text_end(reading, index, end)
            covered.append((start, own or end))
            continue
        own = own_text_end(reading, index, end)
        end = own or end
        covered.append((start, end))
        if not shared(reading, start):
            found.append(Claim(start, end, index, True, denied(reading, start, end)))
    texts = list(_texts_named(reading, covered))
    # A letter inside an option's text ("Point A", "vitamin C") is a part of that text.
    found = [c for c in found if not any(s <= c.start and c.end <= e for s, e, _ in texts)]
    found += [
        Claim(s, e, i, False, denied(reading, s, e)) for s, e, i in texts if not shared(reading, s)
    ]
    return sorted(found, key=lambda claim: claim.start)


def _texts_named(
    reading: Reading, covered: list[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    for start, end, index in reading.mentions:
        if index < 0 or reading.choices.keys[index] in COMMON:
            continue
        if end - start < 3 and reading.low[start:end].isascii() and len(reading.low) > 300:
            continue
        if any(s <= start and end <= e for s, e in covered):
            continue
        yield start, end, index
