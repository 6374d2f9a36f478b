"""Labels that stand plainly: "(B) text", "…, so the answer is (B) text", and nothing against them.

Most replies that are no bare label have this form. A label is read here only where no cue of
another rule follows it, so that the rules would read it alike; all else is left to them.
"""

from __future__ import annotations

import re

from mubench_gen.parser.choices import BEFORE_HEAD, Choices
from mubench_gen.parser.chosen import (
    CHANGE_WORDS,
    CHOICE_WORDS,
    CHOOSES,
    RETRACTION_WORDS,
    RETRACTS,
)
from mubench_gen.parser.correct import CORRECT_WORDS, SAID_CORRECT
from mubench_gen.parser.cues import cues_in
from mubench_gen.parser.declared import DECLARES, NOUNS
from mubench_gen.parser.declared_abroad import ASCII_NOUNS, DECLARES_ABROAD
from mubench_gen.parser.keys import ARTICLES, SPECIES, key_of, short_of, species_key, starts_of
from mubench_gen.parser.names import SIZE, may_be_epithet
from mubench_gen.parser.option_text import IDENTIFIES
from mubench_gen.parser.segments import segments
from mubench_gen.parser.text import any_in, fold, strip_markup
from mubench_gen.parser.tokens import first_tokens, join, squeezed, words_of
from mubench_gen.parser.withdrawn import RECONSIDERING, THINKS_AGAIN
from mubench_gen.types import Answer

_CUES = tuple(
    sorted(filter(str.isascii, {*NOUNS, *ASCII_NOUNS, *CHOOSES, *RETRACTS, *CHANGE_WORDS} - {"so"}))
)
_SAYS_MORE = DECLARES | DECLARES_ABROAD | CHOICE_WORDS | RETRACTION_WORDS  # none without these
_SO = re.compile(r"(?<![a-z])so(?![a-z])")
_SIGNS = (*"<?{[\\\x00", "~~", "://", "x)", "X)")  # of forms that have rules of their own
_LEADING = re.compile(r"\s{0,9}\(?([A-Z])[).:]\.?[ \t]{1,3}(?=[A-Za-z0-9$])")
_NAMED = re.compile(
    r"(?:answer|option)(?: is:?|:)\s{1,3}\(?([A-Z])[).:]\.?(?:[ \t]{1,3}(?=[A-Za-z0-9$])|\s*$)",
    re.IGNORECASE,
)
_MAY_LEAD = re.compile(r"[\W_]{0,24}[A-Z][^A-Za-z]")  # in every reply that `_LEADING` matches
_NAMES = ("answer", "option")
_BEFORE = re.compile(
    r"(?:^\s{0,3}|[.,\n]\s{1,2})(?:(?:so|thus|therefore|hence),? )?(?:the |my )?"
    r"(?:correct |final |best )?$"
)
_LONG = 600  # characters; longer replies argue
_BACK = 40  # characters that the words before a declaration take up
_CAPITAL = re.compile(r"(?<![A-Za-z0-9])[A-Z](?![A-Za-z0-9_])")
_SINGLE = re.compile(r"(?<![a-z0-9])[b-z](?![a-z0-9])|(?<![a-z0-9])a(?! ?[a-z])")
_ITEM = re.compile(r"\n[\s(\"'*>-]*(?:(?:option|choice)\s+)?\(?[a-z](?![a-z0-9_])")
_FIRST_ITEM = re.compile(r"[\s(\"'*>-]*[a-z](?![a-z0-9_])")
_IS = re.compile(r"\b(?:is|are|was|be|seems|appears|looks|remains|ist|est|es)\b")
_OVER = re.compile(r"\.?\s*$|\.\s+(?=[A-Z])|\n\n(?=[A-Z])")
_WORD = re.compile(r"[a-z]{2}|[0-9]")  # more than further labels
_FIRST = re.compile(r"[a-z0-9']*")
_PHRASES = ("no es", "no puede", "none of", "neither of", "all of")
_THIS = ("t", "i")  # "this is", "it's"
_NO_TEXT = (*ARTICLES, "none", "neither", "all")
# Behind a label these make it more than a mark before a text.
_WORDS = (
    "is are was were does do did can could would should must may will seem seems appears looks"
    " remains has have be been cannot fails lacks ist est es não incorrect wrong false no not and"
    " or nor und oder et ou y o e as i namely which meaning"
)
_SAYING = frozenset(_WORDS.split())


def read_label(reply: str, choices: Choices) -> Answer | None:
    """The option whose label begins the reply or is declared in it; None if it is not plain."""
    labels = choices.labels
    if len(reply) > _LONG or labels.longest != 1 or labels.labels[0] != "A":
        return None
    text = reply if reply.isascii() else fold(reply)
    if text.endswith(("</s>", "</s>\n")):
        text = text.rstrip()[:-4]
    if text.startswith("<s>"):
        text = f"   {text[3:]}"
    if not _MAY_LEAD.match(text) and not any_in(_NAMES, text.lower()):
        return None
    if not text.isascii() or any_in(_SIGNS, text) or text.count("%") > 1:
        return None
    shown = strip_markup(text)
    found, rule = _found(shown, choices)
    index = labels.index_of.get(found[1].lower()) if found and found[1].isupper() else None
    if found is None or index is None or not _stands(shown, found, index, rule, choices):
        return None
    if "\n" in text and len(segments(text, choices)) > 1:
        return None
    return Answer("answered", index, rule, found.span(1))


def _found(text: str, choices: Choices) -> tuple[re.Match[str] | None, str]:
    """The label that begins the reply, or else the last that is declared, and the rule."""
    low = text.lower()
    at = max(low.rfind("answer"), low.rfind("option"))
    if at < 0:
        return _LEADING.match(text), "leading_label"
    found = _NAMED.match(text, at)
    if found is None or not _BEFORE.search(low, max(0, at - _BACK), at):
        return None, ""
    before = low[: max(0, at - len("correct "))]
    if any_in(CHANGE_WORDS, before) or low[at : at + 6] in choices.lowered:
        return None, ""
    return found, "declared_answer"


def _stands(text: str, found: re.Match[str], index: int, rule: str, choices: Choices) -> bool:
    """Whether nothing that follows the label tells against it, and it is no part of a name."""
    rest = text[found.end() :]
    low = rest.lower()
    leads = rule == "leading_label"
    said = cues_in(low)
    if said & _SAYS_MORE and (any_in(_CUES, low) or ("so" in low and _SO.search(low))):
        return False
    if said & RECONSIDERING and any_in(THINKS_AGAIN, low):
        return False
    corrects = said & SAID_CORRECT and any_in(CORRECT_WORDS, low)
    if corrects and _CAPITAL.search(rest) and _IS.search(low):
        return False
    if "\n" in text and _is_list(text.lower(), low):
        return False
    if leads and (_begins_an_option(found[1], low, choices) or not _WORD.search(low)):
        return False
    if not rest:
        return True
    mark = text[found.end(1)]
    if (mark == "." and may_be_epithet(rest)) or (mark == ":" and leads):
        return False
    if SIZE.match(text, found.end(1)):
        return False
    return _text_stands(rest, low, index, choices, leads=leads)


def _is_list(low: str, rest: str) -> bool:
    """Whether the label may be an item of a list, or others stand at lines behind it."""
    items = len(_ITEM.findall(low)) + (_FIRST_ITEM.match(low) is not None)
    return items > 1 or _ITEM.search(rest) is not None


def _text_stands(rest: str, low: str, index: int, choices: Choices, *, leads: bool) -> bool:
    """Whether the text behind the label is its own or none."""
    option = choices.options[index]
    over = _OVER.match(rest, len(option)) if rest.startswith(option) else None
    if over is not None and option.isascii() and option[-1].isalnum():
        if _SINGLE.search(low, len(option)) or _CAPITAL.search(rest, len(option)):
            return False
        return not (leads and over.end() == len(rest)) and not _says(low, over.end())
    if _says(low, 0) or _is_option(low, choices):
        return False
    said = IDENTIFIES.match(low) if low[:1] in _THIS else None
    return said is None or not _is_option(low[said.end() :], choices)


def _says(low: str, at: int) -> bool:
    """Whether the next word is a verb or a conjunction."""
    first = _FIRST.match(low, at)
    assert first is not None
    said = first[0]
    return said in _SAYING or "'" in said or low.startswith(_PHRASES, at)


def _is_option(low: str, choices: Choices) -> bool:
    """Whether an option's text may begin here, after an article or none."""
    first = list(first_tokens(low, 2))
    if not first:
        return True
    after = first[1] if len(first) > 1 and first[0][0] in ARTICLES else None
    if after is not None and after[0] in _NO_TEXT:
        return True
    at, then = first[0].start(), first[0 if after is None else 1].start()
    near = [
        option
        for option in choices.written()
        if low.startswith(starts := starts_of(option), at) or low.startswith(starts, then)
    ]
    if not near:
        return False
    words = words_of(low[: choices.room])
    texts = [_squeezed(words), _squeezed(words[1:])] if after else [_squeezed(words)]
    named = (key for option in near for key in (key_of(option), species_key(option)) if key)
    keys = set(map(short_of, named))
    return any(text.startswith(key) for text in texts for key in keys)


def _squeezed(words: list[str]) -> str:
    return squeezed(join(words))


def _begins_an_option(label: str, low: str, choices: Choices) -> bool:
    """Whether the letter may be an option's first word, or abbreviate it as in "E. coli"."""
    heads = choices.heads
    if heads.isascii() and heads.isalnum() and label not in heads:
        return False
    for text in choices.written():
        first = text.lstrip(BEFORE_HEAD)[:2]
        if not (first[:1].isascii() and first[:1].isalnum()):
            return True
        if first[0].upper() == label:
            species = SPECIES.match(text)
            if not first[1:].isalnum() or (species and low.startswith(species[2])):
                return True
    return False
