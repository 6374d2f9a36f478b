"""Reads an option's text at a given position, or one that contradicts a label before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mubench_gen.parser.qualified import qualified
from mubench_gen.parser.repeated_options import own_text_end
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.text import lower
from mubench_gen.parser.tokens import text_ends

_ARTICLE = re.compile(r"(?:an?|the)\s+")
_WORD = re.compile(r"\w")
_META = re.compile(
    r"(?:none|neither|all) of (?:(?:the|these|those|them) ?)+"
    r"(?:above|options?|choices?|answers?|given|listed)*"
)
# An option may be the letter A itself; "a cell" is an article, "a is the type" is not.
ARTICLE_A = re.compile(r"a (?!(?:is|are|has|and|or|would|can|antigens?)\b)[a-z]")
DELIMITERS = ("", ".", ",", ";", ":", "!", "\n", ")", "(", "]", '"', "'", "-")
# Words that may be options, or just fill a sentence.
COMMON = {" yes ", " no ", " true ", " false ", " none ", " both ", " all ", " not ", " neither "}
_SAID = ("yes", "no")
# "Yes there are", "no it does not"
_GOES_ON = re.compile(r" (?:there|it|they|this) (?:is|are|does|do|was|were)(?:n't)?\b")
# What may come between a label and the text that it is given: "B. ", "(B) - the ".
_GAP = re.compile(
    r"[)\]\"'>*]{0,3}[ ]{0,3}[.:,;)\]|>=-]{0,2}[ ]{0,3}[(\[\"'*]{0,2}[ ]{0,2}"
    r"(?:(?:the|an?|i\.e\.,?|namely|which is|meaning)[ ]+)?"
)
# "B. This is a nucleus", "B. The cell shown is a monocyte": what the label is said to be.
IDENTIFIES = re.compile(
    r"[)\]\"'*]{0,3}[.:,;]?[\s*]{0,4}(?:this|it|that|the (?:cell|image|picture|micrograph|structure"
    r"|organelle|tissue|stain|stage)(?: shown| here)?)(?:'s| is| shows) (?=\w)"
)
_LINES = re.compile(r"[)\]\"'*. :]{0,4}\n[ \n(\[\"'*-]{0,6}")
_TEXT_IS_OVER = re.compile(
    r"\)|[)\]\"'*]{0,3}[ ]{0,4}(?:[.:;!?)<\n]|-[ ]|$|です|, (?:is|was|fits|matches|seems|must be"
    r"|would be)\b"
    r"|,? ?(?:because|since|due to|as (?:it|the|this|shown|indicated|seen)|given|based on"
    r"|\((?![a-z0-9]{1,2}\) [a-z])))"
)
_LINE_IS_OVER = re.compile(r"[)\]\"'*.!]{0,3}[ ]*(?:\n|$)")


def any_text_at(reply: ReplyText, at: int) -> Verdict | None:
    """The longest option whose text begins at `at`, after an optional article."""
    found = _text_from(reply, at)
    if found is None:
        article = _ARTICLE.match(reply.low, at)
        found = _text_from(reply, article.end()) if article else None
    return found or _meta_from(reply, at)


def _meta_from(reply: ReplyText, at: int) -> Verdict | None:
    """ "None of these" if "none of the above" is offered; the same for "all"."""
    said = _META.match(reply.low, at)
    option = reply.choices.meta_option(said[0].split()[0]) if said else None
    return Verdict.of(option, at, said.end()) if said and option is not None else None


def _text_from(reply: ReplyText, at: int) -> Verdict | None:
    choices, low = reply.choices, reply.low
    if not choices.may_start(low, at):
        return None
    for key in choices.by_length:
        end = text_ends(low, at, key, at + choices.room)
        if end is None or choices.miscased(key, reply.text[_word(low, at) : end]):
            continue
        if low[end : end + 1] == "-" and low[end + 1 : end + 2].isalpha():
            continue
        if key == " a" and ARTICLE_A.match(low, end - 1):
            continue
        common = f" {key} " in COMMON and low[end : end + 8].lstrip(" ")[:1] not in DELIMITERS
        if common and not _GOES_ON.match(low, end):
            continue
        option = choices.squeezed[key]
        if low[end : end + 1] in (" ", ",") and option in choices.longer:
            _, end, option = qualified(choices.longer, low, at, end, option)
        return Verdict.of(option, at, end)
    return None


def _word(low: str, at: int) -> int:
    """Where the next word begins."""
    word = _WORD.search(low, at)
    return word.start() if word else at


def said_at_start(options: Sequence[str]) -> dict[str, int]:
    """Which options begin with "yes" and "no", if each is one alone: "No, it is not"."""
    if not any(option[:3].lower() == "yes" for option in options):
        return {}
    starts = [lower(option).partition(",")[0] for option in options]
    pair = all(starts.count(word) == 1 for word in _SAID)
    return {word: starts.index(word) for word in _SAID} if pair else {}


def contradicts(reply: ReplyText, index: int, end: int) -> bool:
    """Whether the label of `index` that ends at `end` is given another option's text.

    "B. nucleus", or "B. This is a nucleus", where the nucleus is A. Any other sentence about
    another option contradicts nothing: "B. The nucleus is visible, too".
    """
    if own_text_end(reply, index, end) is not None:
        return False
    gap = _GAP.match(reply.low, end)
    over, at = _TEXT_IS_OVER, gap.end() if gap else end
    lines, shown = _LINES.match(reply.low, end), IDENTIFIES.match(reply.low, end)
    if shown:
        at = shown.end()
    elif lines:
        over, at = _LINE_IS_OVER, lines.end()
    named = any_text_at(reply, at) if end < at < len(reply.low) else None
    if named is None or named.option in (index, None):
        return False
    if reply.choices.labels.index_of.get(reply.low[named.start : named.end].strip()) == index:
        return False  # the label once more, where other options are letters: "(G) G"
    if over.match(reply.low, named.end) is not None:
        return True
    said = reply.choices.keys[named.option] if named.option >= 0 else ""
    return said in COMMON and reply.low.startswith(",", named.end)  # "B. Yes, there is"
