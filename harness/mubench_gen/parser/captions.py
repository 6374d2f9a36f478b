"""What a text says beside its subject: the cell next to it, a few at the edge, the background,
the counterstained nuclei, what might be done.
"""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues

_SPARSE = re.compile(
    r"\b(?:some of (?:them|which)(?: are| being)?"
    r"|(?:a few|scattered|occasional|rare|sparse)(?: [a-z]+)?) $"
)
# "Some lymphocytes can be seen at the edge of the field"
_SOME = re.compile(
    r"\b(?:few|some|several|isolated|single|a (?:little|bit of|small amount of)) (?:\w+ )?$"
)
_ASIDE = re.compile(
    r"[^.;\n]{0,40}\b(?:(?:at|in|near|along|around|towards?|on) (?:the |its )?(?:\w+ )?(?:edges?"
    r"|periphery|corners?|background|margins?|borders?|sides?|rims?|vicinity|surroundings?)"
    r"|nearby|elsewhere|in between|around it)\b"
)
# "Nuclei are blue (DAPI), microtubules red", where a signal of another colour is spoken of
_COUNTERSTAINED = re.compile(
    r"(?:(?:nucle|microtub)[a-z]*|(endoplasmic reticulum))(?: (?:is|are|was|were))?"
    r"(?: (?:(?:counter)?stained|shown|labell?ed|colou?red|visuali[sz]ed|marked|seen))?"
    r"(?: in| with| by)? (?:the )?\(?(?:dapi|hoechst|blue|red|(?(1)yellow|red))\b"
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
# "The other cell is a monocyte.", "The cell next to it is in anaphase."
_OF_ANOTHER = re.compile(
    r"(?:\A|[.!?;,:\n] ?|\band )(?:(?:the|its) (?:other|neighbo\w{5,7}|adjacent|surrounding)"
    r" (?!(?:option|choice|candidate|possibilit|answer|guess|idea|thought|look|glance)\w*\b)[a-z]+"
    r"|(?:the|an?) [a-z]+ (?:next to|beside|adjacent to|near|above|below|behind) (?:it|them|that))"
    r" (?:is|are|was|were|looks like|seems to be) (?:in )?(?:an? |the )?[\"'(]?$"
)
_NEIGHBOURS = cues(
    "next beside adjacent near around above below behind other neighbo* surrounding",
    _NEIGHBOUR,
    _OF_ANOTHER,
)
# "On a white background", "the background appears pink".
_BACKDROP = re.compile(
    r"\b(?:(?:on|against|in|over)(?: (?:an?|the|its|their))?(?: [\w-]+){0,2}"
    r"|(?:with|has|have|having)(?: (?:an?|the|its|their))?(?: [\w-]+){1,2}) $"
)
_COLOURED = re.compile(
    r" (?:is|appears|looks|seems|remains) (?!(?:the|an?|all|only|mostly|correct|right|best|shown"
    r"|visible|what|most)\b)\w"
)
# What somebody might do, or ask: "I'd recommend asking an expert in electron microscopy".
_ADVISED = re.compile(
    r"\b(?:recommend|suggest|advise|propose)(?:ed|s|ing)? (?:to |(?:that )?you )?(?:ask|consult"
    r"|perform|do|us|add|repeat|order|run|try|obtain)(?:ing|e|ed)?\b"
    r"|\b(?:the|a) next step(?:s)?\b|\b(?:experts?|specialists?) (?:in|on|for)\b"
)
_TO_BE_DONE = re.compile(
    r"(?: [a-z]+){0,2} (?:(?:is|are|would be|should be|needs? to be|could be) (?:also )?"
    r"(?:recommended|advised|advisable|performed|ordered|warranted|repeated|done)"
    r"|would be (?:useful|helpful))\b"
)
_FEW = cues(
    "few some several scattered occasional rare sparse isolated single little bit small",
    _SPARSE,
    _SOME,
)
_ADVICE = cues(
    "recommend* suggest* advis* propos* step steps expert experts specialist specialists"
    " performed ordered warranted repeated done useful helpful",
    _ADVISED,
    _TO_BE_DONE,
)
_BACKGROUND = cues("background")
_COUNTERSTAINS = cues("nucle* microtub* endoplasmic", _COUNTERSTAINED, _IN_BLUE)
BESIDES = _FEW | _NEIGHBOURS | _COUNTERSTAINS | _ADVICE | _BACKGROUND
_ROOM = 40
_NEAR = 400  # characters from a counterstain to the signal


def is_beside(low: str, said: int, left: int, start: int, end: int) -> bool:
    """Whether the mention, in a clause from `left` on, is of something beside what is shown."""
    if said & _NEIGHBOURS and (
        _NEIGHBOUR.match(low, end) or _OF_ANOTHER.search(low, max(0, start - _ROOM), start)
    ):
        return True
    if said & _ADVICE and (_ADVISED.search(low, left, start) or _TO_BE_DONE.match(low, end)):
        return True
    before = low[max(0, start - _ROOM) : start]
    if said & _FEW and _SPARSE.search(before):
        return True
    if said & _FEW and _SOME.search(before) and _ASIDE.match(low, end):
        return True
    if said & _BACKGROUND and low[start:end] == "background":
        painted = before.endswith("the ") and _COLOURED.match(low, end)
        return bool(painted or _BACKDROP.search(before))
    return bool(said & _COUNTERSTAINS) and _is_counterstain(low, start, end, before)


def _is_counterstain(low: str, start: int, end: int, before: str) -> bool:
    """Whether it is a nucleus, as most cells have, or of another colour than the signal."""
    if _NUCLEUS.match(low, start) and _OF_A_CELL.search(before):
        return True
    if _SIGNAL.search(low, max(0, start - _NEAR), end + _NEAR) is None:
        return False
    return bool(
        _COUNTERSTAINED.match(low, start) or _IN_BLUE.search(low, max(0, start - _ROOM), end)
    )
