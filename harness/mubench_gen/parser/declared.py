"""Declarations by a noun: "the answer is B", "Antwort: B", 答案：B."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from mubench_gen.parser.cues import cues
from mubench_gen.parser.hypothetical import HYPOTHESES, is_hypothetical
from mubench_gen.parser.repeated_options import listed, own_text_end
from mubench_gen.parser.reply_text import ReplyText, Verdict, cues_behind, occurrences
from mubench_gen.parser.stances import denied_on_line
from mubench_gen.parser.structured import is_nested
from mubench_gen.parser.target import NOT, label_at, target_at
from mubench_gen.parser.text import any_in

# Nouns that an answer is declared with. Each is looked for with str.find, so the list may
# grow without making a long reply slow.
NOUNS = (
    "answer", "ans:", "ans.", "final:", "opt.", "option", "choice", "solution:",
    "conclusion:",  # English
    "antwort", "lösung",  # German
    "réponse", "reponse", "bonne proposition",  # French
    "respuesta", "opción", "opcion",  # Spanish
    "resposta", "opção", "alternativa",  # Portuguese
)  # fmt: skip
DECLARES = cues(
    "answer* ans final opt option* choice* solution conclusion antwort* reponse* bonne respuesta*"
    " opcion* resposta* alternativa*"
)
_CJK_CUES = (
    "答案", "正确选项", "正确的选项", "正解", "答え", "正しい選択肢",
    "回答", "答:", "正確答案", "解答", "正确的是", "正確的是",
)  # fmt: skip
BEYOND_ASCII = cues("")
_CJK_LINK = re.compile(
    r"(?:的?选项|选择)?\s*(?:应该|应当|应|就|可能|最终|最后)?\s*(?:选择?|是|为|為|は|:|=|\]|\)|\"|\s)+"
)
_CJK_NOT = re.compile(r"[)\]\"']?\s?(?:では|じゃ)(?:な|ありませ)")
# Each alternative begins with another letter, behind which stands that none is before it: so
# places that cannot begin a match are passed over at once. "is" may begin a longer word.
_COPULA = re.compile(
    r":|=|->|'s\b|i(?<!\wi)s(?:t\b)?|a(?<!\wa)re\b|w(?<!\ww)(?:as|äre)\b|b(?<!\wb)e(?:ing|comes)?\b"
    r"|l(?<!\wl)autet\b|e(?<!\we)st?\b|s(?<!\ws)er(?:ait|ía|ia|a|á)\b|é(?<!\wé)\b"
)
_TAIL = re.compile(r"(?:s|\(s\))?(?:\s+(?:choice|option|letter|key))?")
_PLURAL = re.compile(r"s\b|\s+(?:choices|options)\b")
_DOUBTS = (
    "incorrect", "wrong", "initial", "first", "original", "previous", "earlier", "old", "erste",
    "première", "primera", "if the", "if", "whether the", "whether", "why the", "next", "other",
    "possible", "each", "typical", "textbook", "usual", "obvious", "tempting", "second", "third",
    "fourth", "fifth", "falsche", "mauvaise", "incorrecta", "incorreta", "both", "any", "every",
    "these", "those", "no", "to",
)  # fmt: skip
_BUT = re.compile(r"\bbut(?:\s+rather)?\b|\bsondern\b|\bmais\b|\bsino\b|\bmas\b|而是")
_STOP = re.compile(r"[\n?!;.](?!(?<=\.)\d)")
_OTHERS = re.compile(r"\b(?:people|students?|many|some|others)\b[^.\n;,]{0,30}$")  # "some think …"
_OTHER_WORDS = ("people", "student", "many", "some", "others")  # one is in every match
# A field for another answer than the one given: {"second_choice": "B"}.
_KEYED = re.compile(
    r"(?:second|third|next|other|alternative|rejected|excluded|wrong|incorrect|previous|initial"
    r"|first"
    r"|worst|runner_?up)[_-]$"
)
# The answer to another question.
_ELSEWHERE = re.compile(
    r" (?:to|of|for) (?:the |my )?(?:previous|last|other|next|earlier|preceding)\b"
)
_ONCE = re.compile(r"[)\]\"']* (?:before|until|at first|initially|originally)\b")
_IF_SO = re.compile(r"[)\]\"']* (?:only )?if (?:it|they|there|the \w{1,20})(?:'s| is| are| has)\b")
_NO = re.compile(r"[\s:\"'(*]{0,4}no(?=[\s.,!\"')]*(?:\n|$)|[.,;])")
# "La respuesta no es A", "the answer cannot possibly be A".
_NOT_BEFORE = re.compile(r"(?:\b(?:no|não|never|(?:can)?not)|n't)(?: (?:ever|well|\w{2,10}ly))? $")
_NAMES = ("option", "choice", "answer", "antwort", "réponse", "reponse", "respuesta", "resposta")
_SPACE = re.compile(r"\s{1,3}[(\[\"']{0,2}")
_ITEM = re.compile(r"\n[ \t(\[*>-]{0,8}")
_NUMBERED = re.compile(r" ?#?\d{1,2} ?(?=[:.)])")
_REACH = 200
_COPULAS = 4


def declared_answer(reply: ReplyText) -> Iterator[Verdict]:
    """ "The answer is B", "Answer: B", "Correct option: (B) text", "Die Antwort ist B"."""
    low = reply.low
    for noun in cues_behind(reply, NOUNS):
        for start, end in occurrences(reply, noun):
            if start and low[start - 1].isalpha():
                continue
            if reply.marked[start - 1 : start] in ('"', "'") and is_nested(reply, start - 1):
                continue
            before = low[max(0, start - 48) : start]
            if _is_doubtful(before[-24:]) or _KEYED.search(reply.marked, max(0, start - 14), start):
                continue
            if any_in(_OTHER_WORDS, before) and _OTHERS.search(before):
                continue
            if _ELSEWHERE.match(low, end):
                continue
            if reply.cues & HYPOTHESES and is_hypothetical(low, start, end):
                continue
            found = _after_noun(reply, noun, end)
            if found is not None and (_ONCE.match(low, found.end) or _IF_SO.match(low, found.end)):
                continue
            if found is not None and (
                not listed(reply, found) or _is_list_of_two(reply, end, found)
            ):
                if _goes_on(reply, end, found) or _numbered(reply, noun, start, end, found):
                    found = Verdict("ambiguous", None, found.start, found.end)
                yield found
                if found.status != "out_of_range":
                    break  # of several declarations the last counts


def _is_doubtful(before: str) -> bool:
    """Whether a noun behind this is not the answer's: "the wrong answer", "whether the answer"."""
    said = before.rstrip()
    if said == before:
        return False
    if said.endswith("correct"):
        bare = said[:-7]
        said = said if bare == bare.rstrip() else bare.rstrip()
    return said.endswith(_DOUBTS)


def _goes_on(reply: ReplyText, end: int, found: Verdict) -> bool:
    """Whether another option, with its text, is on the line after one on its own line."""
    low, labels = reply.low, reply.choices.labels
    if found.status != "answered" or "\n" not in low[end : found.start]:
        return False
    line = low.find("\n", found.end)
    item = _ITEM.match(low, line) if line >= 0 else None
    label = labels.token.match(reply.text, item.end()) if item else None
    option = labels.index_of.get(label[0].lower()) if label else None
    if label is None or option in (None, found.option):
        return False
    own = own_text_end(reply, option, label.end()) if option is not None else None
    return own is not None and not denied_on_line(reply, own)


def _is_list_of_two(reply: ReplyText, end: int, found: Verdict) -> bool:
    """Whether two of several options are given as the answer, a line each."""
    items = list(islice(reply.choices.labels.item.finditer(reply.text, end), 3))
    return len(reply.choices.options) > len(items) == 2 and _goes_on(reply, end, found)


def _numbered(reply: ReplyText, noun: str, start: int, end: int, found: Verdict) -> bool:
    """Whether it is one of several answers: "Answer 1: A\\nAnswer 2: B"."""
    if not _NUMBERED.match(reply.low, end):
        return False
    before = reply.low.rfind(noun, 0, start)
    other = _NUMBERED.match(reply.low, before + len(noun)) if before >= 0 else None
    named = target_at(reply, other.end()) if other else None
    return named is not None and named.option != found.option


def _after_noun(reply: ReplyText, noun: str, end: int) -> Verdict | None:
    low = reply.low
    if noun in ("option", "choice") or noun == "answer":
        plural = _PLURAL.match(low, end)
        if plural and (noun != "answer" or plural[0] != "s"):
            return None
    if noun[-1] in ":.":
        return target_at(reply, end)
    tail = _TAIL.match(low, end)
    at = tail.end() if tail else end
    if low[at : at + 1] == "\n" and noun == "answer":
        return target_at(reply, at)
    if noun in _NAMES and label_at(reply, _past_space(low, at)) is not None:
        return None  # "option B is …" is about B; other rules decide whether it is for B
    stop = _STOP.search(low, at, at + _REACH)
    limit = stop.start() if stop else min(len(low), at + _REACH)
    if stop and stop[0] == "?":
        return None
    for copula in islice(_COPULA.finditer(low, at, limit), _COPULAS):
        denied = _NOT_BEFORE.search(low, max(at, copula.start() - 20), copula.start())
        found = _after_copula(reply, copula.end(), limit, denied=denied is not None)
        if found is not None:
            return found
    return None


def _past_space(low: str, at: int) -> int:
    space = _SPACE.match(low, at)
    return space.end() if space else at


def _after_copula(reply: ReplyText, at: int, limit: int, *, denied: bool) -> Verdict | None:
    if not denied and _NO.match(reply.low, at):
        found = target_at(reply, at)  # "no" where it is an option
        if found is not None:
            return found
    if denied or NOT.match(reply.low, at):
        but = _BUT.search(reply.low, at, limit)
        return target_at(reply, but.end()) if but else None
    return target_at(reply, at)


def declared_cjk(reply: ReplyText) -> Iterator[Verdict]:
    """答案：B, 答案是B, 正确选项为 B, 正解は B."""
    if reply.low.isascii():
        return
    for cue in cues_behind(reply, _CJK_CUES):
        for start, end in occurrences(reply, cue):
            if reply.low.startswith("不", max(0, start - 1)):
                continue  # 不正确的是 B
            link = _CJK_LINK.match(reply.low, end)
            found = target_at(reply, link.end()) if link else None
            told = found is not None and not listed(reply, found)
            if found is not None and told and not _CJK_NOT.match(reply.low, found.end):
                yield found
                break
