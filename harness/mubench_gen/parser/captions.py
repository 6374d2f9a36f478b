"""What a caption says beside its subject: a few cells at the edge, the counterstained nuclei."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues

# "A few lymphocytes can be seen at the edge of the field"
_SOME = re.compile(
    r"\b(?:few|some|several|scattered|occasional|rare|sparse|isolated|single|(?:a (?:little|bit of"
    r"|small amount of))) (?:\w+ )?$"
)
_ASIDE = re.compile(
    r"[^.;\n]{0,40}\b(?:(?:at|in|near|along|around|towards?|on) (?:the |its )?(?:\w+ )?(?:edges?"
    r"|periphery|corners?|background|margins?|borders?|sides?|rims?|vicinity|surroundings?)"
    r"|nearby|elsewhere|in between|around it)\b"
)
# "Nuclei are blue (DAPI), microtubules red", where a signal of another colour is spoken of
_COUNTERSTAINED = re.compile(
    r"(?: (?:is|are|was|were))?(?: (?:counter)?(?:stained|shown|labell?ed|colou?red|visuali[sz]ed"
    r"|marked|seen))?(?: in| with| by)? (?:the )?\(?(?:dapi|hoechst|blue|red)\b"
)
_IN_BLUE = re.compile(r"\b(?:blue|red|dapi|hoechst)(?: \(\w+\))? ?[:=] (?:the )?$")
_SIGNAL = re.compile(r"\b(?:green|magenta|yellow|cyan)\b")
_ASIDES = cues(
    "nearby elsewhere between around edge* periphery corner* background margin* border* side*"
    " rim* vicinity surrounding*",
    _ASIDE,
)
_COUNTERSTAINS = cues("dapi hoechst blue red", _COUNTERSTAINED, _IN_BLUE)
BESIDES = _ASIDES | _COUNTERSTAINS
_STRUCTURES = ("nucle", "microtub")
_ROOM = 40


def is_beside(low: str, said: int, start: int, end: int) -> bool:
    """Whether the mention is of a few things at the edge, or of a counterstain."""
    before = low[max(0, start - _ROOM) : start]
    if said & _ASIDES and _SOME.search(before) and _ASIDE.match(low, end):
        return True
    if not said & _COUNTERSTAINS or not low.startswith(_STRUCTURES, start):
        return False
    counterstained = _COUNTERSTAINED.match(low, end) or _IN_BLUE.search(before)
    return counterstained is not None and _SIGNAL.search(low) is not None
