"""Declarations: phrases that say that what follows (or precedes) is the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import stance
from mubench_gen.parser.listing import in_list, own_text_end
from mubench_gen.parser.prose import labels_named
from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.target import target_at

# Nouns that an answer is declared with. Each is looked for with str.find, so the list may
# grow without making a long reply slow.
_NOUNS = (
    "answer", "ans:", "ans.", "option", "choice", "solution:", "conclusion:",  # English
    "antwort", "lösung",  # German
    "réponse", "reponse", "bonne proposition",  # French
    "respuesta", "opción", "opcion",  # Spanish
    "resposta", "opção", "alternativa",  # Portuguese
)  # fmt: skip
_CJK_CUES = (
    "答案", "正确选项", "正确的选项", "正解", "答え", "正しい選択肢", "回答", "答:", "正確答案", "解答",
)  # fmt: skip
_CJK_LINK = re.compile(
    r"(?:的?选项|选择)?\s*(?:应该|应当|应|就|可能|最终|最后)?\s*(?:选择?|是|为|為|は|:|=|\]|\)|\"|\s)+"
)
_COPULA = re.compile(
    r"\b(?:is|are|was|be|being|becomes|ist|lautet|wäre|est|serait|es|sería|seria|é|sera|será)\b"
    r"|[:=]|->|\bis"
)
_TAIL = re.compile(r"(?:s|\(s\))?(?:\s+(?:choice|option|letter|key))?")
_PLURAL = re.compile(r"s\b|\s+(?:choices|options)\b")
_DOUBT = re.compile(
    r"(?:incorrect|wrong|if the|if|whether the|whether|why the|next|other|possible|each|falsche"
    r"|mauvaise|incorrecta|incorreta|both|any|every|these|those|no)\s+(?:correct\s+)?$"
)
_NOT = re.compile(r"[\s:]*(?:not|n't|never|neither|nicht|pas|no|não|不)\b")
_BUT = re.compile(r"\bbut(?:\s+rather)?\b|\bsondern\b|\bmais\b|\bsino\b|\bmas\b|而是")
_STOP = re.compile(r"[\n?!;]|\.(?!\d)")
_REACH = 200


def _occurrences(low: str, needles: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the needles stand, each from its last place to its first."""
    for needle in needles:
        at = low.rfind(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = low.rfind(needle, 0, at)


def declared_answer(reading: Reading) -> Iterator[Verdict]:
    """ "The answer is B", "Answer: B", "Correct option: (B) text", "Die Antwort ist B"."""
    low = reading.low
    for noun in _NOUNS:
        for start, end in _occurrences(low, (noun,)):
            if start and low[start - 1].isalpha():
                continue
            if _DOUBT.search(low, max(0, start - 24), start):
                continue
            found = _after_noun(reading, noun, end)
            if found is not None and not _listed(reading, found):
                yield found
                if found.status != "out_of_range":
                    break  # of several declarations the last stands


def _listed(reading: Reading, found: Verdict) -> bool:
    return found.index is not None and in_list(reading, found.index, found.start, found.end)


def _after_noun(reading: Reading, noun: str, end: int) -> Verdict | None:
    low = reading.low
    if noun in ("option", "choice") or noun == "answer":
        plural = _PLURAL.match(low, end)
        if plural and (noun != "answer" or plural[0] != "s"):
            return None
    if noun[-1] in ":.":
        return target_at(reading, end)
    tail = _TAIL.match(low, end)
    at = tail.end() if tail else end
    if low[at : at + 1] == "\n" and noun == "answer":
        return target_at(reading, at)
    stop = _STOP.search(low, at, at + _REACH)
    limit = stop.start() if stop else min(len(low), at + _REACH)
    if stop and stop[0] == "?":
        return None
    for copula in _COPULA.finditer(low, at, limit):
        found = _after_copula(reading, copula.end(), limit)
        if found is not None:
            return found
    return None


def _after_copula(reading: Reading, at: int, limit: int) -> Verdict | None:
    if _NOT.match(reading.low, at):
        but = _BUT.search(reading.low, at, limit)
        return target_at(reading, but.end()) if but else None
    return target_at(reading, at)


def declared_cjk(reading: Reading) -> Iterator[Verdict]:
    """答案：B, 答案是B, 正确选项为 B, 正解は B."""
    if reading.low.isascii():
        return
    for _, end in _occurrences(reading.low, _CJK_CUES):
        link = _CJK_LINK.match(reading.low, end)
        if link:
            found = target_at(reading, link.end())
            if found is not None:
                yield found


_CHOOSES = (
    "choose", "chose", "select", "selected", "pick", "picked", "go with", "going with", "opt for",
    "go for", "vote for", "answer with", "i'd say", "would say", "therefore", "thus", "hence",
    "so", "conclusion", "wähle", "wählen", "choisis", "elijo", "escolho",
)  # fmt: skip
_CJK_CHOOSES = ("选", "選", "因此", "所以", "综上", "故")
_THAT = re.compile(
    r"[,:]?\s+(?:it is|it's|it must be|it would be|it should be|this is|that is)(?=\s)|述|择|[,:]"
)
_STRICT = re.compile(r"[)\]\"']*\s*(?:[.!,;:\n)\]]|$|as\b|because|项|选项|since)")


def chosen(reading: Reading) -> Iterator[Verdict]:
    """ "I would choose B", "Therefore, B.", "选B". A label is asked for: the words are common."""
    low = reading.low
    for start, end in _occurrences(low, _CHOOSES):
        around = low[start - 1 : start] + low[end : end + 1]
        if not any(map(str.isalpha, around)):
            yield from _label_after(reading, end)
    if not low.isascii():
        for _, end in _occurrences(low, _CJK_CHOOSES):
            yield from _label_after(reading, end)


def _label_after(reading: Reading, end: int) -> Iterator[Verdict]:
    link = _THAT.match(reading.low, end)
    end = link.end() if link else end
    if _NOT.match(reading.low, end):
        return
    found = target_at(reading, end, texts=False)
    if found is None or found.status == "out_of_range" or _listed(reading, found):
        return
    between = reading.low[end : found.start]
    if (
        "\n" in between
        and ":" not in between
        or stance(reading, found.start, found.end) == "denied"
    ):
        return
    wrapped = reading.text[found.start - 1 : found.start] in ("(", "[")
    named = reading.text[found.start : found.end] in reading.choices.labels.labels
    if wrapped or (named and _ends_there(reading, found)):
        yield found


def _ends_there(reading: Reading, found: Verdict) -> bool:
    """Whether nothing but the option's own text, or a pause, follows the label."""
    if _STRICT.match(reading.low, found.end):
        return True
    return found.index is not None and own_text_end(reading, found.index, found.end) is not None


_CORRECT = re.compile(
    r"[)\]\"'.:]*\s*(?:\([^()\n]{1,80}\)\s*)?"
    r"(?:(?:is|are|was|would be|must be|should be|seems(?: to be)?|appears to be|looks|remains"
    r"|ist|est|es|é|está)\s+(?:(?:the|most|only|likely|single|definitely|indeed|therefore|thus|clearly|also|die"
    r"|das|la|le|a|o|best|more|one|our|my|your|likely to be|probably|overall|logically|option that is)\s+){0,4}"
    r"(?:correct|right|answer|true|best|choice|accurate|appropriate|richtig|correcte|bonne|juste|correct[oa]"
    r"|corret[oa]|certa|verdadera|vraie|suitable|plausible|valid|closest|solution)\b"
    r"|(?:项|选项)?\s*(?:是|为)?\s*(?:最)?(?:正确|对的|合适|准确)|が正解|が正しい)"
)
_UNLESS = re.compile(
    r"(?:\bif|\bnot|n't|whether|unless|why|neither|nor|only|both)\s+(?:\w+\s+)?[(\[\"']*$"
)


def said_correct(reading: Reading) -> Iterator[Verdict]:
    """ "Option C is correct", "(B) mitochondrion is the answer", "B项正确"."""
    for label in labels_named(reading):
        start, end, index = label.start, label.end, label.index
        if label.several:
            continue
        own = own_text_end(reading, index, end)
        if not _CORRECT.match(reading.low, end) and not (own and _CORRECT.match(reading.low, own)):
            continue
        if not _UNLESS.search(reading.low, max(0, start - 30), start):
            yield Verdict.of(index, start, own or end)


_BOX = re.compile(r"\\f?boxed\s*\{")
_TAG = re.compile(r"<(?:answer|final_answer|ans)>", re.IGNORECASE)
_JSON = re.compile(
    r"[\"'](?:final_?|correct_?|selected_?|predicted_?)?(?:answer|choice|option|label|letter"
    r"|prediction|selection)(?:_[a-z]{1,12})?[\"']\s*:\s*",
    re.IGNORECASE,
)


def _after_marks(reading: Reading, pattern: re.Pattern[str]) -> Iterator[Verdict]:
    for mark in pattern.finditer(reading.marked):
        found = target_at(reading, mark.end())
        if found is not None:
            yield found


def boxed(reading: Reading) -> Iterator[Verdict]:
    r""" "\boxed{B}", "\boxed{\text{(B)}}"."""
    if "boxed" in reading.marked:
        yield from _after_marks(reading, _BOX)


def answer_tag(reading: Reading) -> Iterator[Verdict]:
    """<answer>B</answer>."""
    if "<" in reading.marked:
        yield from _after_marks(reading, _TAG)


def json_answer(reading: Reading) -> Iterator[Verdict]:
    """{"answer": "B"}, whole or in a fence."""
    if "{" in reading.marked:
        yield from _after_marks(reading, _JSON)
