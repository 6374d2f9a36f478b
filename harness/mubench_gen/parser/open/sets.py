"""Reads the set of options that a reply names: "A and C", "all but B", a list, verdicts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mubench_gen.parser.choices import choices_for
from mubench_gen.parser.open.named import Named, item_at
from mubench_gen.parser.open.reading import OpenReply, SetReading, declared
from mubench_gen.parser.open.verdicts import DENIES, claimed, verdicts
from mubench_gen.parser.option_text import any_text_at
from mubench_gen.parser.reply_text import MANY, ReplyText

_LEAD = re.compile(
    r"[\s:=>\"'(\[<,\\*•☑✓✔]*(?:(?:both|only|just|the|options?|choices?|answers?|letters?"
    r"|structures?|following|likely|probably|therefore|i (?:would )?(?:select|choose|pick)"
    r")(?![^\W\d_])[\s:\"'(\[]*)*(?:-\s+)?[\s(\[\"']*"
)
_SEPARATOR = re.compile(
    r"[)\]\"'>.:}]*\s*(?:[,;/&+|、]|\n)?\s*(?:(?P<word>and/or|and|or|as well as|plus|along with|und"
    r"|oder|et|ou|和|或|与|と)(?![^\W\d_]))?[\s(\[\"'*•☑✓✔-]*(?:\d{1,2}[.)]\s+)?"
    r"(?:(?:also|the|options?|choices?)\s+)*[(\[\"']*"
)
_BUT = r"but|except|excluding|other than|apart from|besides|save|with the exception"
_EXCEPT = re.compile(
    rf"[\s,;(]*(?:but not|(?:{_BUT})(?: (?:for|of))?|not)\s+(?:options?\s+)?", re.IGNORECASE
)
_ALL = re.compile(
    r"[\s\"'(*]*(?:everything|(?:all|each|every(?: one)?)(?:\s+(?:of|the|these|those|them|above"
    r"|listed|given|options?|choices?|answers?|structures?|items?|statements?|three|four|five|six))*)"
    r"(?![^\W\d_])"
)
_APPLY = r"\s*(?:(?:are|is|were|apply|applies|can be|correct|visible|present)\b[^.,;\n]{0,30}?)?"
_ALL_END = re.compile(rf"{_APPLY}\s*(?:$|[.,;!\n)\"'}}\]]|{_BUT})")
_ALL_BUT = re.compile(rf"{_APPLY}(?=[\s,]*(?:{_BUT}))")
_NONE = re.compile(
    r"[\s\"'(*]*(?:none|neither|no option|nothing)\b(?:\s+(?:of|the|these|those|them|above|listed"
    r"|options?|choices?|answers?))*"
)
_QUOTES = re.compile(r"[\s:\"'(\[,*]*")
_WORD = re.compile(r"[A-Z]{2,12}(?![0-9A-Za-z_])")
_STOP = re.compile(r"\n|[.;!?](?=\s|$)")
_DENIED = re.compile(r"\b(?:not|n't|incorrect|wrong|false)\b")
_NOT_OUTRIGHT = ("verdicts", "claims")  # which a cut reply may go on with
_NO_BEFORE = re.compile(r"\b(?:no|neither|without|except|excluding|nor|cannot)\b")
_OR = ("or", "and/or", "oder", "ou", "或")


def read_set(
    reply: str,
    options: Sequence[str],
    labels: Sequence[str] | None = None,
    *,
    aliases: Sequence[Sequence[str]] | None = None,
    complete: bool | None = None,
) -> SetReading:
    """The set of options that a reply names. Pure; never raises on a reply.

    Labels and texts count, in a list, in a sentence or each with a verdict; "all of the above"
    and "all but B" too. What is denied is not in the set. "none of them" where that is no
    option is the status "none", options joined by "or" are "ambiguous". `complete`, `aliases` and
    ValueError are as in `parse_answer`.
    """
    choices = choices_for(options, labels, aliases)
    whole = OpenReply(reply)
    if whole.is_empty:
        return SetReading(whole.unread(complete))
    text = ReplyText(whole.marked, choices)
    for region in declared(whole):
        found = _at(text, region.start, region.end)
        if found is not None:
            return _reading(found, region.rule, whole, complete)
    for rule, read in (("verdicts", verdicts), ("list", _begins), ("claims", _told)):
        found = read(text)
        if found is not None and not (whole.unclosed and found.status):
            return _reading(found, rule, whole, complete)
    return SetReading(whole.unread(complete))


def _reading(found: Named, rule: str, whole: OpenReply, complete: bool | None) -> SetReading:
    if found.status is not None:
        return SetReading(found.status)
    if complete is False and (rule in _NOT_OUTRIGHT or not _is_over(whole, found.end, rule)):
        return SetReading("truncated")  # further options may have followed
    indices = tuple(sorted(set(found.indices)))
    return SetReading("answered", indices, rule, (found.start, found.end))


def _is_over(whole: OpenReply, end: int, rule: str) -> bool:
    """Whether the list of options that ends at `end` is finished."""
    return rule in ("json", "boxed", "tag") or _STOP.search(whole.low, end) is not None


def _at(text: ReplyText, start: int, end: int) -> Named | None:
    """The options that are named from `start` on, up to `end`; None where none is there."""
    return _meta(text, start, end) or _listed(text, start, end)


def _begins(text: ReplyText) -> Named | None:
    """A reply that begins with its options, and does not deny them then."""
    found = _at(text, 0, len(text.low))
    if found is None or found.status:
        return found
    rest = _rest(text, found.end)
    return None if DENIES.match(rest) or _DENIED.search(rest) else found


def _told(text: ReplyText) -> Named | None:
    """The options that running text asserts; a list that holds all of these says which."""
    found = claimed(text)
    if found is None or found.status is not None:
        return found
    starts = {match.start() for match in text.choices.labels.prose.finditer(text.text)}
    starts |= {start for start, _, _ in text.mentions}
    at = 0
    for start in sorted(starts)[:MANY]:
        run = _joined(text, start, len(text.low)) if start >= at else None
        if run is None or len(set(run.indices)) < len(set(found.indices)) or run.status is not None:
            continue
        at = run.end
        if set(run.indices) > set(found.indices) and not _is_denied(text, run):
            return run
    return found


def _is_denied(text: ReplyText, run: Named) -> bool:
    rest, before = _rest(text, run.end), text.low[max(0, run.start - 24) : run.start]
    return bool(_DENIED.search(rest) or _DENIED.search(before) or _NO_BEFORE.search(before))


def _rest(text: ReplyText, end: int) -> str:
    """What the sentence, or the line, still says behind a place."""
    stop = _STOP.search(text.low, end)
    return text.low[end : stop.start() if stop else len(text.low)]


def _meta(text: ReplyText, start: int, end: int) -> Named | None:
    """ "All of the above", "all but B", "none of them"."""
    quotes = _QUOTES.match(text.low, start)
    at = quotes.end() if quotes else start
    for pattern, word in ((_ALL, "all"), (_NONE, "none")):
        said = pattern.match(text.low, at, end)
        if said is None:
            continue
        offered = text.choices.meta_option(word)
        if offered is not None:
            return Named([offered], at, said.end())
        if word == "none":
            return Named(start=at, end=said.end(), status="none")
        if not _ALL_END.match(text.low, said.end()):
            return None
        return _all_but(text, at, said.end(), end)
    return None


def _all_but(text: ReplyText, start: int, at: int, end: int) -> Named | None:
    everything = list(range(len(text.choices.options)))
    between = _ALL_BUT.match(text.low, at, end)
    without = _EXCEPT.match(text.low, between.end() if between else at, end)
    if without is None:
        return Named(everything, start, at)
    left_out = _listed(text, without.end(), end)
    if left_out is None or left_out.status not in (None, "ambiguous"):
        return None
    kept = [index for index in everything if index not in left_out.indices]
    return Named(kept, start, left_out.end)


def _listed(text: ReplyText, start: int, end: int) -> Named | None:
    """Options one after the other, joined by commas, "and", line ends and the like."""
    lead = _LEAD.match(text.low, start, end)
    at = lead.end() if lead else start
    if text.low.startswith("either ", at):
        return Named(start=at, end=at + len("either"), status="ambiguous")
    found = _one_word(text, at) or _joined(text, at, end)
    if found is None:
        return None
    without = _EXCEPT.match(text.low, found.end, end)
    if without is not None and (left_out := _listed(text, without.end(), end)) is not None:
        found.indices = [index for index in found.indices if index not in left_out.indices]
        found.end = left_out.end
    return found


def _joined(text: ReplyText, at: int, end: int) -> Named | None:
    found = Named(start=at)
    by_or = False
    item = item_at(text, at)
    while item is not None and item.end <= end:
        found.status = found.status or item.status
        found.indices.append(item.option)
        found.end = item.end
        separator = _SEPARATOR.match(text.low, item.end, end)
        if separator is None or separator.end() in (item.end, end):
            break
        item = item_at(text, separator.end())
        by_or |= item is not None and separator["word"] in _OR
    if by_or and len(set(found.indices)) > 1:
        found.status = found.status or "ambiguous"
    return found if found.indices else None


def _one_word(text: ReplyText, at: int) -> Named | None:
    """ "ACD": several labels as one word."""
    word, known = _WORD.match(text.text, at), text.choices.labels.index_of
    if word is None or any_text_at(text, at) is not None or not text.choices.labels.lettered:
        return None
    letters = word[0].lower()
    if letters in known or len(set(letters)) < len(letters) or not set(letters) <= known.keys():
        return None
    return Named([known[letter] for letter in letters], at, word.end())
