"""Declarations by a verb or a conclusion: "I choose B", "Therefore, B.", 选B."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.cues import cues
from mubench_gen.parser.hypothetical import is_reported
from mubench_gen.parser.repeated_options import listed, own_text_end
from mubench_gen.parser.reply_text import ReplyText, Verdict, occurrences, words_behind
from mubench_gen.parser.stances import stance
from mubench_gen.parser.target import NOT, target_at
from mubench_gen.parser.text import any_in

CHOOSES = (
    "choose", "chose", "select", "selected", "pick", "picked", "go with", "going with", "opt for",
    "go for", "vote for", "prefer", "settle on", "settle for", "decide on", "decide for",
    "lean to", "leaning to", "lean towards", "leaning towards", "lean toward", "in favor of",
    "in favour of",
    "i lean", "i'd lean", "i take", "i'll take", "it must be", "it has to be", "this must be",
    "this has to be",
    "answer with", "i'd say", "would say", "i favour", "i favor", "my call is", "my pick is",
    "my vote is", "i end up with", "i'm left with", "i stick with", "i'll stick with",
    "i'm sticking with", "therefore", "thus", "hence", "so", "conclusion",
    "likely", "probably", "wähle", "wählen", "choisis", "elijo", "escolho", "donc", "deshalb",
    "daher", "portanto", "por lo tanto", "quindi", "dunque", "scelgo", "creo que es", "acho que é",
    "pense que c'est", "crois que c'est", "glaube, es ist", "denke, es ist", "penso che sia",
    "credo che sia", "denk dat het", "menurut saya",
    "pencherais pour", "inclino por", "tippe auf", "dirais", "diría", "diria", "direi",
    "würde sagen", "opte pour", "opto por",
)  # fmt: skip
CHOICE_WORDS = cues(
    "choose chose select selected pick picked go going opt vote prefer settle decide lean leaning"
    " favor favour be answer say take therefore thus hence so conclusion likely probably elijo"
    " choisis escolho donc deshalb daher portanto tanto quindi dunque scelgo creo acho pense crois"
    " glaube denke penso credo denk menurut pencherais inclino tippe dirais diria direi sagen opte"
    " opto call end left stick sticking"
)
# Of these the ones behind which a text is a choice, too.
_FIRM = frozenset(
    ("go with", "going with", "go for", "opt for", "settle on", "settle for", "lean to",
     "leaning to", "lean towards", "vote for", "leaning towards", "lean toward", "decide on",
     "decide for",
     "i lean", "i'd lean", "it must be", "it has to be", "this must be", "this has to be",
     "i'd say", "would say",
     "i favour", "i favor", "my call is", "my pick is", "my vote is", "i end up with",
     "i'm left with", "i stick with", "i'll stick with", "i'm sticking with")
)  # fmt: skip
_TEXT_ENDS = re.compile(
    r"[)\]\"']*\s*(?:$|[.,;:!\n(-]|(?:because|since|as|given|due|over|rather|here|but|for|based"
    r"|from"
    r"|with|than|in)\b)"
)
_CJK_CHOOSES = ("选", "選", "因此", "所以", "综上", "故")
_THAT = re.compile(
    r"[,:]?\s+(?:it is|it's|it must be|it would be|it should be|this is|that is)(?=\s)|述|择|[,:]"
)
_LIKEWISE = re.compile(r"\s+(?:is|are|was|does|can|would|will)\b")  # "and so is B"
# "If it is on the right, we should choose C": a choice for each case is none.
_CASE = re.compile(
    r"(?:^|[.\n:;]\s|, (?:and|but) )\s*if (?:it|they|there|the \w{1,20})\b[^.\n]{0,100}$"
)
_MISTAKEN = re.compile(
    r"\b(?:mistake|first|initially|originally|previously|tempt\w*|avoid|wrong|wrongly|don't|not"
    r"|never|can't|cannot|many|some|others|people"
    r"|students)\b[^.\n;,]{0,30}$"
)
_MISTAKEN_WORDS = (  # one is in every match
    "mistake", "first", "initially", "originally", "previously", "tempt", "avoid", "wrong",
    "don't", "not", "never", "can't", "many", "some", "others", "people", "students",
)  # fmt: skip
RETRACTS = (
    "wait", "actually", "correction", "scratch that", "second thought", "i mean", "i meant",
    "correct myself", "correct that", "no,", "moment", "pardon", "perdón", "that back",
    "edit:", "update:", "erratum:", "or rather", "make that", "make it",
    "sorry", "oops", "updated:", "revised:", "corrected:",
)  # fmt: skip
RETRACTION_WORDS = cues(
    "wait actually scratch thought mean meant myself no moment pardon back edit erratum rather"
    " sorry oops chang* revis* correct* switch* updat* amend* now make"
)
# "Edit: after zooming in, A.": what led to the change.
_AFTER = re.compile(r"(?<=:) ?(?:after|on|upon|having|looking|given)\b[^.,;:\n]{1,40},")
# After these a new answer follows, as a label or as a text.
_CHANGED = re.compile(
    r"\b(?:(?:change|changed|changing|revise|revised|revising|correct|corrected|correcting|switch"
    r"|switched|switching|update|updated|amend|amended)(?: it| that| this| my (?:\w+ )?answer| to"
    r"| myself| from [^.;\n]{1,60}?){0,2}? to"
    r"|now (?:it is|it's|(?:i )?(?:say|think|believe|choose|pick|prefer|go with))"
    r"|(?:i'd|i would|i) rather say)(?:,? (?:it is|it's|that it is|this is))?\s"
)
# One is in every match.
CHANGE_WORDS = ("chang", "revis", "correct", "switch", "updat", "amend", "now ", "rather say")
_CHANGE_STARTS = (*CHANGE_WORDS[:-1], "i'd rather say", "i would rather say", "i rather say")
_CJK_RETRACTS = ("不对", "不對", "等等", "更正", "いや", "訂正")
# What may come between a retraction and the label: pauses, and words that introduce it.
_POINTING = re.compile(
    r"(?:[\s,.;:!–—-]+|(?:it's|that's|no|it|is|that|this|was|be|should|must|would|i|think|mean"
    r"|meant|the|correct|right|answer|option|rather|make|let|me|myself|sorry|actually|es|ist"
    r"|c'est|doch|rien)\b|应该|應該|应|是|选择|选|答案|て|正しく|は)+"
)
_YES_OR_NO = re.compile(r"[\s,.;:-]{1,4}(yes|no)(?=[.,;:!]|\s*$)")  # "Yes. Actually, no: …"
_POINTING_REACH = 60
_STRICT = re.compile(
    r"[)\]\"']*\s*(?:[.!,;:\n)\]]|-{1,2} |$|as\b|because|car\b|weil\b|porque\b|perché"
    r"|omdat\b|项|选项"
    r"|since)"
)


def chosen(reply: ReplyText) -> Iterator[Verdict]:
    """ "I would choose B", "Therefore, B.", "选B"; a text only behind a few of the cues."""
    low = reply.low
    cues = CHOOSES if low.isascii() else CHOOSES + _CJK_CHOOSES
    for cue in words_behind(reply, cues):
        for start, end in occurrences(reply, cue):
            if cue.isascii() and _inside_word(low, start, end):
                continue
            if _is_mistaken(low, start) or _is_case(low, start):
                continue
            if cue == "so" and _LIKEWISE.match(low, end):
                continue
            if cue == "would say" and is_reported(low, end):
                continue
            found = _label_after(reply, end)
            if found is None and cue in _FIRM:
                found = _text_after(reply, end)
            if found is not None:
                yield found
                break


def _text_after(reply: ReplyText, end: int) -> Verdict | None:
    found = target_at(reply, end)
    if found is None or found.status != "answered":
        return None
    if not _TEXT_ENDS.match(reply.low, found.end):
        return None
    return found if stance(reply, found.start, found.end) == "asserted" else None


def _is_mistaken(low: str, start: int) -> bool:
    before = low[max(0, start - 48) : start]
    return any_in(_MISTAKEN_WORDS, before) and bool(
        _MISTAKEN.search(low, max(0, start - 48), start)
    )


def _is_case(low: str, start: int) -> bool:
    left = max(0, start - 120)
    return low.find("if ", left, start) >= 0 and bool(_CASE.search(low, left, start))


def corrected(reply: ReplyText) -> Iterator[Verdict]:
    """ "… Wait, no, it is C.", "Actually, B.", "不对，应该是C": the reply retracts what it said."""
    low = reply.low
    cues = RETRACTS if low.isascii() else RETRACTS + _CJK_RETRACTS
    for cue in words_behind(reply, cues):
        for start, end in occurrences(reply, cue):
            if cue.isascii() and _inside_word(low, start, end):
                continue
            led = _AFTER.match(low, end)
            end = led.end() if led else end
            said = _YES_OR_NO.match(low, end)
            if said and reply.choices.texts.get(f" {said[1]} ", -1) >= 0:
                yield Verdict.of(reply.choices.texts[f" {said[1]} "], *said.span(1))
                break
            pointing = _POINTING.match(low, end, end + _POINTING_REACH)
            found = _label_after(reply, pointing.end()) if pointing else None
            if found is None and pointing:
                found = _text_after(reply, pointing.end())
            if found is not None:
                yield found
                break
    yield from _changed(reply)


def _changed(reply: ReplyText) -> Iterator[Verdict]:
    """ "I change it to Masson's trichrome", "now I say B"."""
    for cue in _changes(reply.low):
        found = target_at(reply, cue.end())
        if found is not None and found.status == "answered":
            yield found


def _places(low: str, word: str) -> Iterator[int]:
    at = low.find(word)
    while at >= 0:
        yield at
        at = low.find(word, at + 1)


def _changes(low: str) -> Iterator[re.Match[str]]:
    """The matches of `_CHANGED`, which is tried only where one may begin."""
    if not any_in(CHANGE_WORDS, low):
        return
    starts = [start for word in _CHANGE_STARTS for start in _places(low, word)]
    at = 0
    for start in sorted(starts):
        cue = _CHANGED.match(low, start) if start >= at else None
        if cue is not None:
            yield cue
            at = cue.end()


def _inside_word(low: str, start: int, end: int) -> bool:
    return low[end : end + 1].isalpha() or (start > 0 and low[start - 1].isalpha())


def _label_after(reply: ReplyText, end: int) -> Verdict | None:
    link = _THAT.match(reply.low, end)
    end = link.end() if link else end
    if NOT.match(reply.low, end):
        return None
    found = target_at(reply, end, texts=False)
    if found is None or found.status == "out_of_range" or listed(reply, found):
        return None
    if found.status == "contradiction":
        return found
    between = reply.low[end : found.start]
    if "\n" in between and ":" not in between:
        return None
    own = found.option is not None and own_text_end(reply, found.option, found.end)
    if stance(reply, found.start, own or found.end) == "denied":
        return None
    wrapped = reply.text[found.start - 1 : found.start] in ("(", "[")
    named = reply.text[found.start : found.end] in reply.choices.labels.labels
    named = named or between.endswith(("option ", "choice "))
    return found if wrapped or (named and _ends_there(reply, found)) else None


def _ends_there(reply: ReplyText, found: Verdict) -> bool:
    """Whether nothing but the option's own text, or a pause, follows the label."""
    if _STRICT.match(reply.low, found.end):
        return True
    return found.option is not None and own_text_end(reply, found.option, found.end) is not None
