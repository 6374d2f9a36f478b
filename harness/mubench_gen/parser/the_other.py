"""Options that a reply points to without their names: "so it's the other one", "B. … <-- this"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from mubench_gen.parser.claims import claims
from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.text import any_in

_OTHER = re.compile(
    r"(?:\b(?:it(?:'s| is| must be| has to be)|choose|pick|leaves(?: us with)?|answer is"
    r"|(?:so|hence|thus|therefore),?|(?:go|going) (?:for|with)"
    r"|(?:arrow\w*|question|asterisk|star|pointer)\b[^.;,\n]{0,30}) )"
    r"the other (?:one|option|statement|answer|choice)(?=[\s)\"']*(?:$|[.,;!\n]))"
)
OTHERS = cues("other", _OTHER)
_POINTED_AT = re.compile(
    r"(?:\A|\n)[ (\[*-]{0,4}([A-Za-z0-9]{1,2})[)\].:][^\n<←]{1,160}(?:<[-=]{1,3}|←)"
    r"[ ]?(?:(?:this|that|here|correct|answer|right|yes|my|the|is|one|it|choice|pick)\b ?){0,5}"
    r"[ !.*)]{0,3}(?=\n|\Z)",
    re.IGNORECASE,
)
_BACK = ("<-", "<=", "←")  # one is in every match


def other_of_two(reply: ReplyText) -> Iterator[Verdict]:
    """Of two options the one that the reply has not named: "… so it's the other one"."""
    if len(reply.choices.options) != 2:
        return
    found = _OTHER.search(reply.low)
    if found is None:
        return
    named = {claim.option for claim in reply.kept(claims) if claim.end <= found.start()}
    start = found.end() - len("the other one")
    if len(named) == 1 and stance(reply, start, found.end(), start) == "asserted":
        yield Verdict.of(1 - named.pop(), *found.span())


def pointed_at(reply: ReplyText) -> Iterator[Verdict]:
    """The one item of a list that an arrow at its end points to: "B. phloem <-- this one"."""
    found = {}
    if not any_in(_BACK, reply.text):
        return
    for line in islice(_POINTED_AT.finditer(reply.text), MANY):
        option = reply.choices.labels.index_of.get(line[1].lower())
        if option is not None:
            found[option] = Verdict.of(option, *line.span(1))
    if len(found) == 1:
        yield from found.values()
