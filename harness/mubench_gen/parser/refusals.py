"""Recognises replies that refuse to answer."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import ReplyText
from mubench_gen.parser.text import any_in

_CANNOT = (
    r"can ?not|can't|could ?n[o']t|unable to|not able to|not possible to|impossible to"
    r"|difficult to|hard to|challenging to"
)
_IMAGE = "image|picture|photo|photograph|micrograph|figure|attachment|slide|file"
_ANSWERING = (
    r"determin|identif|answer|see|view|provid|assist|help|analy[sz]|say|tell|choose|select|pick"
    r"|decid|settle|commit|access|diagnos|assess|confidently|ascertain|conclude|know|make|confirm|give|judge"
    r"|be determined"
)
# "I would not commit to either", "prefer not to choose between the two".
_NOT_CHOOSING = re.compile(
    r"\b(?:(?:i|we)(?:'d|'ll|'m| would| will| do| am)?(?: (?:rather|prefer|really))? not"
    r"|(?:(?:i|we) (?:do|would)|wo)n't|decline|refuse)"
    r" (?:(?:going|want|like|wish|willing|ready|prepared|able) )?(?:to )?"
    r"(?:commit(?: myself)?|choose|pick|decide|settle|select|guess)(?: (?:to|on|for))?"
    r"(?= (?:either|any|one)\b(?! (?:of (?:an?|the|options?) \w|over|other|but))| between\b"
    r"| an? (?:\w+ )?(?:answer|option|diagnosis|choice|side|label)\b(?! (?:other|but))|[.!]| ?$)"
    # "I prefer not to assign this case to any of the groups."
    r"|\b(?:(?:(?:i|we)(?:'d|'ll| would| will| do)?"
    r"(?: (?:therefore|thus|hence|rather|prefer|really)){1,2} not to|decline to|refuse to)"
    r" (?:assign|classify|label|place|put|categori[sz]e)"
    r"|refrain from (?:assign|classify|labell?|plac|putt|categori[sz])ing)(?: \w+){0,3}"
    r" (?:in|into|to|as|under|with|an?|any) (?:any|either|one|a|class|label|category|group)\b"
)
_CHOOSING = (
    "commit", "choose", "pick", "decide", "settle", "select", "guess",
    "to assign", "to classify", "to label", "to place", "to put", "to categori", "refrain",
)  # fmt: skip
_CHOOSES = cues(
    "commit choose pick decide settle select guess assign classify label place put categori*"
    " refrain",
    _NOT_CHOOSING,
)
REFUSAL = re.compile(
    rf"\b(?:(?:{_CANNOT})\s{{1,3}}(?:\w{{1,20}}\s{{1,3}}){{0,4}}?(?:{_ANSWERING})\w*"
    r"|i (?:do not|don't) (?:know(?! what (?:is|else)\b)|have)|no idea|not sure"
    r"|no longer (?:sure|certain)"
    r"|(?:not|(?:is|are|was|have|has|do|does|did)n't)"
    r" (?:(?:got|have|see|show|give|provide|contain|offer) )?(?:enough|sufficient)"
    r" (?:\w+ )?(?:information|context|details?|evidence)"
    r"|insufficient (?:information|context|detail)"
    rf"|no (?:{_IMAGE})s? (?:was|is|were|are|has been|have been|(?:seems?|appears?) to be"
    r"|could be)? ?(?:provided|attached|given|uploaded|visible|included"
    r"|shared|available|present|found|here)"
    r"|(?:please|could you|can you|kindly) (?:\w+ )?(?:share|provide|upload|attach|send|re-?upload)"
    r"|(?:do not|don't|did not|didn't) (?:see|receive|find) (?:an|any|the|your)"
    rf"(?! (?!(?:{_IMAGE}|question|option|answer|attach|visual)s?\b)\w+s?[.,;])"
    r"|(?:ich kann|kann ich) .{0,40}nicht|weiß nicht|je ne (?:peux|sais)|no puedo|no sé"
    r"|não posso|não sei)\b"
    r"|无法(?:确定|判断|回答|识别|看到|提供)|不能确定|不知道|抱歉|对不起|わかりません|申し訳"
)
_REFUSES = cues(
    "cannot not 't unable impossible difficult hard challenging couldnot idea"
    " insufficient no share provide upload attach send reupload *nicht ne",
    REFUSAL,
)
# What a reply may decline, and say all the same what the image shows.
ADVICE = re.compile(
    r"\b(?:diagnos\w{1,6}|medical (?:advice|opinion|professional|expert|interpretation)|people"
    r"|persons?|clinical)\b"
)
# "While I can't read the metadata, this was …": a refusal that another clause follows.
ALTHOUGH = re.compile(
    r"(?:.{0,20}[.!?\n] ?)?(?:even )?(?:while|although|though) (?:i|we) [^.;!?\n]{4,100},[^.!?\n]*$"
)
# After a refusal, only what follows one of these is an answer.
YET = re.compile(
    r"\b(?:but|however|if i had to|if i must|nevertheless|nonetheless|most likely|more likely"
    r"|guess|still|that said|based on the (?:image|visual)|appears to be|therefore|yet|better bet"
    r"|more plausible|i'd (?:say|go|lean|pick)|i would (?:say|go|lean|pick)"
    r"|(?<=[.!?\n][ \n])(?:of|out of|among|from) (?:the|these|those|your) (?:\w+ )?"
    r"(?:options|choices|classes|categories))\b|但|不过"
)
# No part of what the image shows, but what is asked for.
_NOT_ASKED = (
    r"(?! (?:\w+ ){0,3}(?:types?|class(?:es)?|categor(?:y|ies)|answers?|options?|choices?|identity"
    r"|diagnos[ei]s|stages?|stains?|staining|modality|techniques?|methods?|species|organisms?"
    r"|tissues?|images?|pictures?|question|cells?|structures?|number|count|microscop[ey]|difference"
    r"|origin|source|subtype|exact|correct|right|content|rest)\b)"
)
# "The granules can't be seen".
_PART = re.compile(
    r"(?:\A|[.;,!?\n] ?|\b(?:and|but|although|though|while|because|since) )(?:the|its|their|any)"
    rf"{_NOT_ASKED}(?: \w+){{1,4}} $"
)
# "I can't see any granules".
_UNSEEN = re.compile(
    r"(?:can ?not|can't|could ?n[o']t|(?:do|did)(?: not|n't)"
    r"|(?:unable|impossible|hard|difficult) to)"
    r" (?:\w+ly )?(?:see|make out|spot|detect|find|discern) "
    rf"(?:any(?=[.,;\n]| (?:here|from|in)\b|$)|(?:any|an?|the|its|their){_NOT_ASKED}"
    rf"(?! (?:\w+ ){{0,3}}(?:features?|details?|clues?|way|{_IMAGE}|anything|reason|evidence)\b)"
    r" \w)"
)
_SUBJECT = 60  # characters
_PASSIVE = re.compile(r"(?:can ?not|can't|could ?n[o']t) be\b")
# How refusals begin, and answers as well: "I'm sorry for the confusion; it is B."
_POLITE = re.compile(r"\b(?:sorry|apologi[sz]e|as an ai|as a (?:text-based|language))\b")
_POLITELY = cues("sorry apologise apologize as", _POLITE)


def refusals(reply: ReplyText, start: int = 0) -> list[re.Match[str]]:
    """Where the reply says, from `start` on, that it cannot or will not answer."""
    found = list(REFUSAL.finditer(reply.low, start)) if reply.cues & _REFUSES else []
    if _may_decline(reply):
        found += _NOT_CHOOSING.finditer(reply.low, start)
        found.sort(key=re.Match.start)
    return found


def is_of_part(low: str, at: int) -> bool:
    """Whether what a place says not to be seen or told is a part of what the image shows."""
    if _UNSEEN.match(low, at):
        return True
    return _PASSIVE.match(low, at) is not None and bool(
        _PART.search(low, max(0, at - _SUBJECT), at)
    )


def _may_decline(reply: ReplyText) -> bool:
    return bool(reply.cues & _CHOOSES) and any_in(_CHOOSING, reply.low)


def only_declines(reply: ReplyText) -> bool:
    """Whether a refusal has no word behind which an answer counts all the same."""
    low = reply.low
    if "though" in low or "while" in low:
        return False
    if all(is_of_part(low, one.start()) for one in refusals(reply)):
        return False
    return not (YET.search(low) or ADVICE.search(low))


def declines_to_choose(reply: ReplyText) -> bool:
    """Whether a reply will not choose, and has no word behind which it does all the same."""
    said = _NOT_CHOOSING.search(reply.low) if _may_decline(reply) else None
    return said is not None and YET.search(reply.low, said.end()) is None


def refuses(reply: ReplyText) -> bool:
    """Whether the reply says that it cannot or will not answer."""
    if refusals(reply):
        return True
    return bool(reply.cues & _POLITELY) and _POLITE.search(reply.low) is not None
