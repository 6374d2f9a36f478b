"""Finds labels in running text, and tells them from articles, pronouns and parts of words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.names import LEADS, MAY_BE_PANEL, is_name, is_panel
from mubench_gen.parser.reply_text import Label, ReplyText

# Words before a letter that make it a label, not an article, a pronoun or part of a name.
_PREFIX = re.compile(
    r"(?:options?|choices?|answers?|letter|labels?|statement|alternative|opci[oó]n|op[cç][aã]o"
    r"|optie|opzione|opsi|opcja|вариант|옵션|선택지|antwort|r[eé]ponse|proposition|respuesta|resposta"
    r"|alternativa|letra|选项|选择|選択肢|選)"
    r"\s*[(\[\"':]{0,2}\s*$"
)
_PREFIXED = cues(
    "*option *options *choice *choices *answer *answers *letter *label *labels *statement"
    " *alternative *opcion *opcao *optie *opzione *opsi *opcja *antwort *reponse *proposition"
    " *respuesta *resposta *alternativa *letra",
    _PREFIX,
)
_VERB = re.compile(
    r"\s+(?:is|are|was|would|seems|appears|looks|can|cannot|could|does|doesn't|isn't|has|have|and"
    r"|or|because|since|as|mentions|states|says|describes|suggests|refers|also|must|should|will"
    r"|may|might|not|represents|provides|best|accurately|correctly|incorrectly"
    r"|fits|matches|corresponds|remains|wins|works|stands|fails|lacks|ist|passt|stimmt|entspricht"
    r"|scheidet|est|n'est|convient|semble|correspond|es|é|parece|corresponde|è)\b"
)
# A letter in a formula is a quantity.
_FORMULA = re.compile(r" ?[=+^×÷≤≥≈]|[ ][*/<>-][ ]?[A-Za-z0-9]|\(")
_FORMULA_BEFORE = re.compile(r"[+^×÷≤≥≈] ?$|> ?[A-Z] ?> ?$")  # "A > C > D": an order
_FORMULA_SIGNS = frozenset("+^×÷≤≥≈>")  # one is in every match
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[ \"']{1,3}$")
_TITLE = re.compile(r"\b(?:dr|mrs?|ms|prof|st)\. $")
_TITLES = cues("dr mr mrs ms prof st", _TITLE)
# A letter that tells a shape: "a 'C' shaped nucleus", "bent like the letter C".
_SHAPED = re.compile(r"[)\]\"']?(?: |-)(?:shaped?\b|like\b(?<=-like))")
_LIKE = re.compile(
    r"\b(?:like|resembl\w{1,4}|(?:shape|form) of) (?:an? |(?:an? |the )letter )[\"']?$"
)
_LIKES = cues("like resembl* shape form", _LIKE)
_INSIDE = tuple("_&+/-.")  # before a letter, they make it a part of something longer


_NEAR = 24  # characters between labels that are named together
_AND = re.compile(
    r"[)\]\"'.]*\s*(?:[,/&+-]|,?\s*(?:and/or|and|or|und|oder|et|ou|y|o|e|to|through|versus"
    r"|vs\.?)(?=\W)"
    r"|和|或者?|与|、)?\s*(?:options?|choices?|points?|选项)?\s*[(\[\"']*$"
)


def labels_named(reply: ReplyText) -> list[Label]:
    """The labels in prose; articles, pronouns and parts of words are left out."""
    return reply.kept(_labels_named)


def _labels_named(reply: ReplyText) -> list[Label]:
    found = _labels_in_prose(reply)
    if len(found) < 2:
        return [Label(*place, several=False) for place in found]
    return list(_with_neighbours(reply, found))


def _labels_in_prose(reply: ReplyText) -> list[tuple[int, int, int]]:
    text, labels, said = reply.text, reply.choices.labels, reply.cues
    found = []
    for match in labels.prose.finditer(text):
        start, end = match.span()
        before = text[start - 1] if start else ""
        if before == "°":
            continue  # "37 °C"
        if before.isascii() and (before.isalnum() or before in _INSIDE) and before:
            continue
        if said & _TITLES and _TITLE.search(reply.low, max(0, start - 6), start):
            continue
        if before == "'" and text[end : end + 1] != "'":
            continue
        if is_name(reply, start, end) or (said & MAY_BE_PANEL and is_panel(reply, start)):
            continue
        if _is_label_in_prose(reply, start, end):
            found.append((start, end, labels.index_of[match[0].lower()]))
    return found


def _with_neighbours(reply: ReplyText, found: list[tuple[int, int, int]]) -> Iterator[Label]:
    """The labels, with whether they are named together; a list of all options counts as none."""
    run: list[tuple[int, int, int]] = []
    for place in [*found, (-1, -1, -1)]:
        between = reply.low[run[-1][1] : place[0]] if run and place[0] >= 0 else ". "
        if len(between) <= _NEAR and ". " not in between and _AND.match(between):
            run.append(place)
            continue
        several = len({index for _, _, index in run}) > 1
        if len({index for _, _, index in run}) < max(3, len(reply.choices.options)):
            yield from (Label(*entry, several) for entry in run)
        run = [place]


def _is_label_in_prose(reply: ReplyText, start: int, end: int) -> bool:
    text = reply.text
    before, after = text[start - 1] if start else "", text[end : end + 1]
    if _FORMULA.match(text, end) or _is_in_formula(text, start):
        return False
    if _SHAPED.match(reply.low, end) or (
        reply.cues & _LIKES and _LIKE.search(reply.low, max(0, start - 32), start)
    ):
        return False
    if after in ("'", "-", "/", "&", "+", "=", "%", "^") and text[end + 1 : end + 2].isalnum():
        return False
    if after == "." and text[end + 1 : end + 2].isalnum():
        return False  # a file's name, or initials
    if before in ("(", "[", '"', "'") and after in (")", "]", '"', "'"):
        return before != "(" or start < 2 or not text[start - 2].isalnum()
    if reply.cues & _PREFIXED and _PREFIX.search(reply.low, max(0, start - 24), start):
        return True
    if not reply.choices.labels.lettered:
        return _marks_item(text, start, end)
    if after not in (")", ":", "]") and not _free_standing(reply, start):
        return False
    token = text[start:end]
    if token in ("I", "i", "a"):
        return after in (")", ".", ":") and token != "I"
    if token == "A" and after == " " and not (start > 1 and text[start - 2].islower()):
        return bool(_VERB.match(reply.low, end))
    return True


def _is_in_formula(text: str, start: int) -> bool:
    left = max(0, start - 6)
    if _FORMULA_SIGNS.isdisjoint(text[left:start]):
        return False
    return _FORMULA_BEFORE.search(text, left, start) is not None


def _free_standing(reply: ReplyText, start: int) -> bool:
    """Whether the word before can lead to an answer: not so in "vitamin C"."""
    before = reply.low[max(0, start - 24) : start]
    if before.isascii():
        return _leads(before)
    word = _WORD_BEFORE.search(reply.low, max(0, start - 24), start)
    if word is None or not word[1].isascii() or word[1] in LEADS:
        return True
    return word[1].endswith("ly")


def _leads(before: str) -> bool:
    """The same of ASCII, without the pattern: what is before a label is looked at most often."""
    before = before.removesuffix("\n")
    bare = before.rstrip(" \"'")
    if not 0 < len(before) - len(bare) < 4 or not bare[-1:].isalpha():
        return True
    at = len(bare)
    while at and bare[at - 1].isalpha():
        at -= 1
    return bare[at:] in LEADS or bare.endswith("ly")


def _marks_item(text: str, start: int, end: int) -> bool:
    """Whether a number is an item's mark, "2." or "2)" at the beginning of a line."""
    line = text.rfind("\n", max(0, start - 8), start) + 1
    at_line = (line > 0 or start <= 8) and not text[line:start].strip(" (*-")
    return at_line and text[end : end + 1] in (")", ".", ":", "")
