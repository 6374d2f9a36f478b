"""What a caption says beside its subject: the cell next to it, a few at the edge, the nuclei."""

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
    r"(?:nucle|microtub)[a-z]*(?: (?:is|are|was|were))?"
    r"(?: (?:(?:counter)?stained|shown|labell?ed|colou?red|visuali[sz]ed|marked|seen))?"
    r"(?: in| with| by)? (?:the )?\(?(?:dapi|hoechst|blue|red)\b"
)
_IN_BLUE = re.compile(
    r"\b(?:blue|red|dapi|hoechst)(?: \(\w+\))? ?[:=] (?:the )?(?:nucle|microtub)[a-z]*$"
)
_OF_A_CELL = re.compile(
    r"\bcells?(?: \w+){0,2},? (?:with|containing|showing|and) (?:an?|its|the|one|their)(?: \w+)? $"
)
_NUCLEUS = re.compile(r"nucle(?:us|i)\b")
_SIGNAL = re.compile(r"\b(?:green|magenta|yellow|cyan)\b")
# "The vein next to it is collapsed."
_NEIGHBOUR = re.compile(
    r" (?:is |was )?(?:right |just )?(?:next to|beside|adjacent to|near|around|above|below|behind)"
    r" (?:it|them|this|that)\b"
)
_NEIGHBOURS = cues("next beside adjacent near around above below behind", _NEIGHBOUR)
_FEW = cues(
    "few some several scattered occasional rare sparse isolated single little bit small", _SOME
)
_COUNTERSTAINS = cues("nucle* microtub*", _COUNTERSTAINED, _IN_BLUE)
BESIDES = _FEW | _NEIGHBOURS | _COUNTERSTAINS
_ROOM = 40


def is_beside(low: str, said: int, start: int, end: int) -> bool:
    """Whether the mention is of a neighbour, of a few things at the edge, or a counterstain."""
    if said & _NEIGHBOURS and _NEIGHBOUR.match(low, end):
        return True
    before = low[max(0, start - _ROOM) : start]
    if said & _FEW and _SOME.search(before) and _ASIDE.match(low, end):
        return True
    if said & _COUNTERSTAINS and _NUCLEUS.match(low, start) and _OF_A_CELL.search(before):
        return True  # as most cells have
    if not said & _COUNTERSTAINS or _SIGNAL.search(low) is None:
        return False
    return bool(
        _COUNTERSTAINED.match(low, start) or _IN_BLUE.search(low, max(0, start - _ROOM), end)
    )
