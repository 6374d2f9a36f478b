"""Reads the answer at a given position: a label, an option's text, or both."""

from __future__ import annotations

import re

from mubench_gen.parser.names import is_name
from mubench_gen.parser.option_text import any_text_at, contradicts
from mubench_gen.parser.repeated_options import own_text_end
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.tokens import tokenize

_LEAD = re.compile(r"(?:[\s:=>\"'(\[<,\\]|-(?!\.?\d)|\.(?!\d))*")
_FILLER = re.compile(
    r"(?:the|correct|right|best|final|most|likely|probably|definitely|clearly|indeed|actually"
    r"|answer|option|choice|letter|label|number|statement|alternative|as follows|following|that"
    r"|is|be|it|it's|therefore|thus|simply|just|would|should|must"
    r"|die|der|das|antwort|antwortmöglichkeit|buchstabe|la|le|l'|el|los|réponse|lettre|proposition"
    r"|opci[oó]n|letra|respuesta|alternativa|op[cç][aã]o|resposta)(?![^\W\d_])"
    r"|选项|选择|選択肢|選項|答案|正确|应该|应当|应|是|为|為|选|第"
)
_CLOSERS = re.compile(r"[)\]\"'>.]*")
_AFTER_ARTICLE_LETTER = re.compile(
    r"\s+(?:is|are|was|because|as|since|and|or|but|with|which|due|for|would|seems|appears|by"
    r"|\(|-|:|if|can|will|in|on|based|the|from)(?![^\W\d_])|\s*[-(:]"
)
_JOIN = re.compile(
    r"[)\]\"'>.]*\s*((?:,\s*)?(?:then|and|or|und|oder|et|ou|y|o|e|as well as)\b|,|/|&|\+"
    r"|和|或者?|与|及|と)"
    r"[\s(\[\"']*(?:(?:option|choice|answer|maybe|perhaps|possibly|even|选项)\s*)?[(\[\"']*"
)
# "(A)(D)" and "A D" at the end of a line.
_BESIDE = re.compile(
    r"[)\]][ ]*[(\[](?=[A-Za-z0-9]{1,2}[)\]])|[ ](?=[A-Z][ ]*(?:[A-Z][ ]*)*(?:\n|$))"
)
_JOIN_BACK = re.compile(
    r"\s*(?:is|was|does|has|would|seems?|不|是错)\b|[^.\n]{0,40}\b(?:wrong|incorrect|not|false)\b"
)
_SEVERAL = re.compile(r"[A-Z]{2,6}(?![0-9A-Za-z_])")
_PART = re.compile(r"['-][^\W\d_]")  # "D'accord", "B-cell"
_SUFFIX = re.compile(r"'[dt][ıiuü]r(?![^\W_])")  # Turkish "is": "cevap C'dir"
_INITIAL = re.compile(r"\.[A-Z]\.")  # "W.E.B. …": a name's initials
LABEL_BEHIND = re.compile(r"[\"']?\s?[(\[](?:option |choice )?([A-Za-z0-9]{1,3})[)\]]")
# "2 + 1 = 3": a calculation, up to its result.
_SUM = re.compile(
    r"[\w(][\w .,()]{0,30}(?:[-+*×÷/]| (?:x|times|plus|minus) )[\w .,()+*×÷/=-]{0,60}= ?(?=\d)"
)
_SUM_ROOM = 100
NOT = re.compile(r"[\s:]*(?:not|n't|never|neither|nicht|pas|no|não|不)\b")
WINDOW = 160


def skip_fillers(reply: ReplyText, at: int) -> int:
    """Skip quotes, colons and words such as "option", to the start of the answer."""
    for _ in range(8):
        lead = _LEAD.match(reply.low, at)
        at = lead.end() if lead else at
        filler = _FILLER.match(reply.low, at)
        if filler is None:
            return at
        at = filler.end()
    return at


def target_at(reply: ReplyText, at: int, *, texts: bool = True) -> Verdict | None:
    """The option that is named at `at`, or None.

    With `texts` false, only a label counts: some phrases ("so B.") are too common
    to be read together with any words that follow them.
    """
    at = skip_fillers(reply, at)
    found = label_at(reply, at)
    if found is not None:
        return found
    return text_at(reply, at) if texts else None


def label_at(reply: ReplyText, at: int) -> Verdict | None:
    """A label at `at`, alone or with its text; several joined ones are ambiguous."""
    return reply.kept_at(_label_at, at)


def _label_at(reply: ReplyText, at: int) -> Verdict | None:
    match = reply.choices.labels.token.match(reply.text, at)
    if match is None:
        return _several_letters(reply, at)
    if not _stands_as_label(reply, at, match.end()):
        return None
    index = reply.choices.labels.index_of.get(match[0].lower())
    if index is None:
        return _out_of_range(reply, at, match.end())
    end = match.end()
    if _joined(reply, end, index):
        return Verdict("ambiguous", None, at, end)
    if contradicts(reply, index, end):
        return Verdict("contradiction", None, at, end)
    return Verdict.of(index, at, end)


def _several_letters(reply: ReplyText, at: int) -> Verdict | None:
    """ "ABD": several labels written as one word, in order."""
    match = _SEVERAL.match(reply.text, at)
    if match is None or not reply.choices.labels.lettered:
        return None
    letters = match[0]
    known = reply.choices.labels.index_of
    if list(letters) != sorted(set(letters)) or any(c.lower() not in known for c in letters):
        return None
    if text_at(reply, at) is not None:
        return None
    return Verdict("ambiguous", None, at, match.end())


def _out_of_range(reply: ReplyText, at: int, end: int) -> Verdict | None:
    """A label that is not offered, unless it looks like a word or a quantity."""
    if reply.text[at:end] != reply.text[at:end].upper():
        return None
    rest = _CLOSERS.sub("", reply.text[end : end + 8], count=1)
    if at and reply.text[at - 1] in "([" and rest != reply.text[end : end + 8]:
        return Verdict("out_of_range", None, at, end)
    worded = rest[:1] == " " and rest[1:2].islower()  # "E. coli"
    alone = (
        not rest
        or rest[0] in "\n.,;"
        or (rest != reply.text[end : end + 8] and not rest[0].isalnum())
    )
    if not alone or worded or text_at(reply, at) is not None:
        return None
    return Verdict("out_of_range", None, at, end)


def _stands_as_label(reply: ReplyText, at: int, end: int) -> bool:
    """Whether the token is a label, not an article, a quantity or a part of a word."""
    text = reply.text
    if is_name(reply, at, end):
        return False
    after = text[end : end + 2]
    if not after or after[0] == "\n":
        return True
    second = after[1:]
    if after[0] == "'" and second.isalpha():
        return _SUFFIX.match(text, end) is not None
    if after[0] in ".,/" and second.isdigit():
        return False
    if after[0] == "." and _INITIAL.match(text, end):
        return False
    if after[0] in " -.":
        return _label_before_words(reply, at, end)
    return True


def _label_before_words(reply: ReplyText, at: int, end: int) -> bool:
    """ "B mitochondrion": a label and its text; "A cell", "B cells", "C. elegans" may not be."""
    token = reply.text[at:end]
    words = tokenize(reply.low, end, min(len(reply.low), end + WINDOW)).joined
    whole = f" {token.lower()}{words}"
    choices = reply.choices
    index = choices.labels.index_of.get(token.lower())
    if index is not None and words.startswith(choices.key(index) or "\0"):
        return True
    # What begins as the label does, or as what follows it: "B cells", "A mitochondrion".
    letters = (token[0].lower(), words[1:2])
    keys = choices.texts if any(map(choices.starts_with, letters)) else {}
    if any(keys[key] == index and words.startswith(key) for key in keys):
        return True
    if any(len(key) > len(token) + 2 and whole.startswith(key) for key in keys):
        return False
    separator = reply.text[end]
    if separator == "." or reply.text.startswith((" (", " - "), end):
        return True
    if separator == "-":
        return not reply.text[end + 1 : end + 2].isalpha()
    if token in "Ii":
        return words == " "
    if token not in "Aa" or words == " " or reply.text[at - 1 : at] in ("(", "["):
        return True
    if not reply.text[end + 1 : end + 2].isascii():
        return True  # no article stands before Chinese
    if any(words.startswith(key) for key in keys):
        return False
    return token != "a" and bool(_AFTER_ARTICLE_LETTER.match(reply.low, end))


def _joined(reply: ReplyText, end: int, index: int) -> bool:
    """Whether another label is asserted along with this one: "A and C", "A, C", "A/C"."""
    return joined_label(reply, _past_own_text(reply, end, index), index)


def joined_label(reply: ReplyText, end: int, index: int) -> bool:
    """Whether the text that ends at `end` is joined to a label of another option than `index`."""
    join = _JOIN.match(reply.low, end) or _BESIDE.match(reply.text, end)
    if join is None:
        return False
    labels = reply.choices.labels
    other = labels.token.match(reply.text, join.end())
    if other is None:
        return False
    named = other[0]
    if labels.index_of.get(named.lower(), index) == index:
        return False
    wrapped = reply.text[join.end() - 1] in "(["
    if _PART.match(reply.text, other.end()):
        return False
    if not wrapped and (named not in labels.labels or _is_clause(reply, other.end(), named)):
        return False
    return not _JOIN_BACK.match(reply.low, _CLOSERS.match(reply.text, other.end()).end())  # type: ignore[union-attr]


def _is_clause(reply: ReplyText, end: int, named: str) -> bool:
    """Whether a bare "A" or "I" begins a clause ("B, a nucleus", "B and I think")."""
    return (
        named in "AaIi"
        and reply.text[end : end + 1] == " "
        and reply.text[end + 1 : end + 2].isalpha()
    )


def _past_own_text(reply: ReplyText, end: int, index: int) -> int:
    return own_text_end(reply, index, end) or end


def text_at(reply: ReplyText, at: int) -> Verdict | None:
    """The longest option whose text begins at `at`, after an optional article.

    Ambiguous if another option is named along with it: "heat and light"; a contradiction if
    another option's label is behind it: "oxygen (B)". Of a calculation the result counts.
    """
    found = any_text_at(reply, at)
    if reply.low.find("=", at, at + _SUM_ROOM) >= 0:
        sum_ = _SUM.match(reply.low, at)
        if sum_ and (found is None or found.end < sum_.end()):
            found = any_text_at(reply, sum_.end())
    if found is None or found.option is None:
        return found
    label = LABEL_BEHIND.match(reply.text, found.end)
    if label and not is_name(reply, *label.span(1)):
        option = reply.choices.labels.index_of.get(label[1].lower(), found.option)
        if option != found.option:
            return Verdict("contradiction", None, found.start, found.end)
    join = _JOIN.match(reply.low, found.end)
    other = any_text_at(reply, join.end()) if join else None
    if other is None or other.option == found.option or _JOIN_BACK.match(reply.low, other.end):
        return found
    return Verdict("ambiguous", None, found.start, found.end)
