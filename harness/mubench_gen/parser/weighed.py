"""The claims that count for an answer, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import Claim, claims
from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.statuses import REFUSAL

SENTENCE = re.compile(r"[!?\n]|\.(?=\s|$)")
# After a refusal, only what follows one of these is an answer.
_YET = re.compile(
    r"\b(?:but|however|if i had to|if i must|nevertheless|nonetheless|most likely|more likely"
    r"|guess|still|that said|based on the (?:image|visual)|appears to be|therefore)\b|但|不过"
)


def single(placed: list[Claim]) -> Iterator[Verdict]:
    """The option that is asserted where no other is asserted or left open."""
    named = [claim for claim in placed if claim.stance in ("asserted", "open")]
    asserted = [claim for claim in named if claim.stance == "asserted"]
    if asserted and len({claim.option for claim in named}) == 1:
        yield Verdict.of(asserted[-1].option, asserted[-1].start, asserted[-1].end)


def by_sentence(reading: Reading, placed: list[Claim]) -> list[list[Claim]]:
    """The claims grouped by the sentence in which they stand."""
    groups: list[list[Claim]] = []
    limit = -1
    for claim in placed:
        if claim.start >= limit:
            stop = SENTENCE.search(reading.low, claim.end)
            limit = stop.end() if stop else len(reading.low)
            groups.append([])
        groups[-1].append(claim)
    return groups


def weighed(reading: Reading) -> list[Claim]:
    """The claims outside questions and refusals, made once for all these rules."""
    if reading.claims is None:
        reading.claims = _answering(reading)
    return reading.claims


def _answering(reading: Reading) -> list[Claim]:
    placed = claims(reading)
    if not placed:
        return []
    kept = []
    refusals = list(REFUSAL.finditer(reading.low))
    refused = refusals[-1] if refusals else None
    yet = _YET.search(reading.low, refused.start()) if refused else None
    for group in by_sentence(reading, placed):
        stop = SENTENCE.search(reading.low, group[-1].end)
        if stop and stop[0] == "?":
            continue
        if refused and not (yet and group[-1].start > yet.start()):
            continue
        against = {claim.option for claim in group if claim.stance == "denied"}
        kept += [c._replace(stance="denied") if c.option in against else c for c in group]
    return kept
