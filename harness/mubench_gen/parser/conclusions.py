"""Rules that weigh what a reply says about the options where none is declared outright."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import Claim, claims, denied, shared
from mubench_gen.parser.listing import in_list, own_text_end
from mubench_gen.parser.prose import labels_named
from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.statuses import REFUSAL

_SENTENCE = re.compile(r"[!?\n]|\.(?=\s|$)")
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|in conclusion|overall|in summary|ultimately"
    r"|conclude|i would say|i believe|i think|my guess|lean towards?|most likely|best|correct"
    r"|answer|more likely|most similar|closest|also|donc|daher|also|portanto"
    r"|por lo tanto)\b|因此|所以|综上|故|よって|したがって"
)
_POINTS = re.compile(
    r"(?:\b(?:is|are|be|was|say|select|choose|pick|chose|selected|picked|option|choice|with|for|towards?|favou?r"
    r"|matches|to|as|(?:is|are) labell?ed|it's|that's|est|ist|es|é)|:|=|>|选|是|为|は|選)"
    r"\s*(?:option|choice|answer|the|likely|probably|选项|most likely)?\s*[(\[\"':]*\s*$"
)
# After a refusal, only what follows one of these is an answer.
_YET = re.compile(
    r"\b(?:but|however|if i had to|if i must|nevertheless|nonetheless|most likely|more likely|guess|still|that said|based on the (?:image|visual)|appears to be|therefore)\b|但|不过"
)
_SEQUENCE = re.compile(r"[)\]]?\s*,\s*[(\[]?[A-Z]\b")
_IF = re.compile(r"(?:^|[.\n:;])\s*if\b[^.\n]*$")
_REASON = re.compile(r"\s*(?:this|you can tell|the reason|because|it is|it's|that is)\b")
_ENDS = re.compile(r"[)\]\"']*\s*(?:[.!,;\n]|$)")


def _sentences(reading: Reading, placed: list[Claim]) -> list[list[Claim]]:
    """The claims, grouped by sentence."""
    groups: list[list[Claim]] = []
    limit = -1
    for claim in placed:
        if claim.start >= limit:
            stop = _SENTENCE.search(reading.low, claim.end)
            limit = stop.end() if stop else len(reading.low)
            groups.append([])
        groups[-1].append(claim)
    return groups


def pointed_label(reading: Reading) -> Iterator[Verdict]:
    """ "The corresponding point is (D) Point D.", "I would go with B." """
    for label in labels_named(reading):
        start, end, index = label.start, label.end, label.index
        if label.several or not _POINTS.search(reading.low, max(0, start - 32), start):
            continue
        own = own_text_end(reading, index, end)
        wrapped = reading.text[start - 1 : start] in ("(", "[")
        if own is None and not wrapped and not _ENDS.match(reading.text, end):
            continue
        if (
            in_list(reading, index, start, end)
            or denied(reading, start, end)
            or shared(reading, start)
        ):
            continue
        yield Verdict.of(index, start, own or end)


def only_option(reading: Reading) -> Iterator[Verdict]:
    """One option is named and not denied, and no other."""
    placed = _asserted(reading)
    named = {claim.index for claim in placed if not claim.denied}
    if len(named) == 1:
        claim = next(c for c in reversed(placed) if not c.denied)
        yield Verdict.of(claim.index, claim.start, claim.end)


def opening_sentence(reading: Reading) -> Iterator[Verdict]:
    """The first sentence names one option and the next one gives the reason."""
    groups = _sentences(reading, _asserted(reading))
    if not groups or reading.low[: groups[0][0].start].count("\n"):
        return
    stop = _SENTENCE.search(reading.low, groups[0][-1].end)
    named = {claim.index for claim in groups[0] if not claim.denied}
    if len(named) != 1 or stop is None or not _REASON.match(reading.low, stop.end()):
        return
    if _SENTENCE.search(reading.low, 0, groups[0][0].start):
        return
    claim = next(c for c in groups[0] if not c.denied)
    yield Verdict.of(claim.index, claim.start, claim.end)


def concluded(reading: Reading) -> Iterator[Verdict]:
    """The last sentence that draws a conclusion names one option, and none follows it."""
    groups = _sentences(reading, _asserted(reading))
    for place in range(len(groups) - 1, -1, -1):
        named = {claim.index for claim in groups[place] if not claim.denied}
        if not named:
            continue
        if len(named) == 1 and _draws(reading, groups[place]):
            claim = next(c for c in groups[place] if not c.denied)
            yield Verdict.of(claim.index, claim.start, claim.end)
        return


def _draws(reading: Reading, group: list[Claim]) -> bool:
    low = reading.low
    left = max(
        low.rfind("\n", 0, group[0].start),
        low.rfind(". ", 0, group[0].start),
        group[0].start - 200,
        0,
    )
    stop = _SENTENCE.search(low, group[-1].end)
    return bool(_CONCLUDES.search(low, left, stop.start() if stop else len(low)))


def eliminated(reading: Reading) -> Iterator[Verdict]:
    """All options but one are denied."""
    placed = _asserted(reading)
    against = {claim.index for claim in placed if claim.denied}
    rest = set(range(len(reading.choices.options))) - against
    if len(rest) == 1 and len(against) > 1 and not any(not c.denied for c in placed):
        claim = placed[-1]
        yield Verdict.of(rest.pop(), claim.start, claim.end)


def _asserted(reading: Reading) -> list[Claim]:
    """The claims outside questions and outside sentences that refuse to answer."""
    kept = []
    refused = REFUSAL.search(reading.low)
    yet = _YET.search(reading.low, refused.start()) if refused else None
    for group in _sentences(reading, claims(reading)):
        low = reading.low
        stop = _SENTENCE.search(low, group[-1].end)
        if stop and stop[0] == "?":
            continue
        if refused and not (yet and group[-1].start > yet.start()):
            continue
        kept += group
    return kept
