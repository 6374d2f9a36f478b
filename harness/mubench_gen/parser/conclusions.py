"""Rules that weigh what a reply says about the options where none is declared outright."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import Claim, claims, stance
from mubench_gen.parser.leading import OPERATOR
from mubench_gen.parser.listing import in_list, own_text_end
from mubench_gen.parser.prose import labels_named
from mubench_gen.parser.reading import MANY, Label, Reading, Verdict
from mubench_gen.parser.statuses import REFUSAL
from mubench_gen.parser.target import COMMON, LABEL_BEHIND, skip_fillers, text_at

_SENTENCE = re.compile(r"[!?\n]|\.(?=\s|$)")
_SENTENCE_BACK = 240
_THEREFORE = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|in conclusion|donc|daher|portanto"
    r"|por lo tanto)\b|因此|所以|综上|故|よって|したがって"
)
_CONCLUDES = re.compile(
    _THEREFORE.pattern + r"|\b(?:overall|in summary|ultimately|conclude|i would say|i believe"
    r"|i think|my guess|lean towards?|most likely|best|correct|answer|more likely|based on|given"
    r"|most similar|closest|remains|this leaves|must be|clearly)\b"
)
_POINTS = re.compile(
    r"(?:\b(?:is|are|be|was|say|select|choose|pick|chose|selected|picked|with|for|towards?"
    r"|favou?r|matches|to|as|(?:is|are) labell?ed|it's|that's|est|ist|es|é)"
    r"|:|=|>|[(]option|选|是|为|は|選)"
    r"\s*(?:option|choice|answer|the|likely|probably|选项|most likely)?\s*[(\[\"':]*\s*$"
)
# After a refusal, only what follows one of these is an answer.
_YET = re.compile(
    r"\b(?:but|however|if i had to|if i must|nevertheless|nonetheless|most likely|more likely"
    r"|guess|still|that said|based on the (?:image|visual)|appears to be|therefore)\b|但|不过"
)
_SEQUENCE = re.compile(r"[)\]]?\s*,\s*[(\[]?[A-Z]\b")
_IF = re.compile(r"(?:^|[.\n:;])\s*if\b(?! (?:i|we|one|you) (?:had|have|must|were|was))[^.\n]*$")
_AGAINST = re.compile(r"\b(?:while|whereas|but|unlike|although|though|compared|not|than)\b")
_TRUTH = re.compile(r"\b(?:is|be|answer) (yes|no|true|false)(?=[.!\"')]*\s*(?:\n|$))")
_REASON = re.compile(
    r"\s*(?:this|you can tell|the reason|because|it is|it's|that is|both"
    r"|reasoning|here's why|in the (?:first|image))\b"
)
_ENDS = re.compile(r"[)\]\"']*\s*(?:[.!,;\n]|$)")


def pointed_label(reading: Reading) -> Iterator[Verdict]:
    """ "The corresponding point is (D) Point D.", "It's B." """
    for label in reversed(labels_named(reading)[-MANY:]):
        if _is_pointed(reading, label):
            end = own_text_end(reading, label.option, label.end) or label.end
            yield Verdict.of(label.option, label.start, end)
            return


def _is_pointed(reading: Reading, label: Label) -> bool:
    start, end, index, several = label
    low = reading.low
    if several or not _POINTS.search(low, max(0, start - 32), start):
        return False
    wrapped = reading.text[max(0, start - 1) : start] in ("(", "[")
    own = own_text_end(reading, index, end)
    if own is None and not wrapped and not _ENDS.match(reading.text, end):
        return False
    if _SEQUENCE.match(reading.text, end) or _IF.search(low, max(0, start - 160), start):
        return False
    if in_list(reading, index, start, end):
        return False
    return stance(reading, start, own or end) == "asserted"


def only_marked_label(reading: Reading) -> Iterator[Verdict]:
    """One label stands in brackets or with its text, and no other label is named at all."""
    labels = labels_named(reading)
    if len({label.option for label in labels}) != 1:
        return
    for label in labels:
        own = own_text_end(reading, label.option, label.end)
        wrapped = reading.text[max(0, label.start - 1) : label.start] in ("(", "[")
        if _contradicted(reading, label):
            return
        if (own or wrapped) and stance(reading, label.start, own or label.end) == "asserted":
            yield Verdict.of(label.option, label.start, own or label.end)
            return


def _contradicted(reading: Reading, label: Label) -> bool:
    """ "The second panel (C)" where the second panel is B."""
    return any(
        0 <= label.start - end <= 3 and option not in (label.option, -1)
        for _, end, option in reading.mentions[:MANY]
    )


def true_or_false(reading: Reading) -> Iterator[Verdict]:
    """An option of every day ends a sentence: "So the statement is false."."""
    if COMMON.isdisjoint(reading.choices.texts):
        return
    for found in reversed(list(_TRUTH.finditer(reading.low))[-MANY:]):
        option = reading.choices.texts.get(f" {found[1]} ", -1)
        if option >= 0 and stance(reading, found.start(), found.end(1)) == "asserted":
            yield Verdict.of(option, found.start(1), found.end(1))
            return


def only_option(reading: Reading) -> Iterator[Verdict]:
    """One option is named and not denied, and no other."""
    placed = _weighed(reading)
    if any(claim.stance == "supposed" for claim in placed):
        return
    for verdict in _single(placed):
        if not _in_passing(reading, verdict):
            yield verdict


def _in_passing(reading: Reading, verdict: Verdict) -> bool:
    """Whether the place is neither on the first line nor on the last of several, nor a label."""
    low = reading.low
    if verdict.start == 0 or reading.choices.labels.token.match(reading.text, verdict.start):
        return False
    before = low.find("\n", 0, verdict.start)
    return before >= 0 and bool(low[:before].strip()) and low.find("\n", verdict.end) >= 0


def leading_text(reading: Reading) -> Iterator[Verdict]:
    """The reply begins with an option's text: "Yes, the …", "Mitochondrion. It …"."""
    found = text_at(reading, skip_fillers(reading, 0))
    if found is None or found.option is None:
        yield from () if found is None else (found,)
        return
    if OPERATOR.match(reading.low, found.end) or _has_rival(reading, found):
        return
    if stance(reading, found.start, found.end) == "asserted":
        yield found


def _has_rival(reading: Reading, found: Verdict) -> bool:
    """Whether its sentence goes on to another option: "A is round, B flat", not "whereas B"."""
    groups = _by_sentence(reading, _weighed(reading))
    for claim in groups[0] if groups else ():
        between = reading.low[found.end : claim.start]
        if claim.start < found.end or "\n" in between:
            continue
        if claim.stance == "asserted" and claim.option != found.option:
            return not _AGAINST.search(between)
    return False


def opening_sentence(reading: Reading) -> Iterator[Verdict]:
    """The first sentence names one option and the next one gives the reason."""
    groups = _by_sentence(reading, _weighed(reading))
    if not groups or _SENTENCE.search(reading.low, 0, groups[0][0].start):
        return
    stop = _SENTENCE.search(reading.low, groups[0][-1].end)
    if stop and _REASON.match(reading.low, stop.end()):
        yield from _single(groups[0])


def text_then_label(reading: Reading) -> Iterator[Verdict]:
    """One option's text has its own label behind it: "the second image (A) is alike"."""
    found: dict[int, Verdict] = {}
    for start, end, option in reading.mentions[:MANY]:
        label = LABEL_BEHIND.match(reading.text, end)
        if option < 0 or label is None:
            continue
        if reading.choices.labels.index_of.get(label[1].lower()) != option:
            continue
        if stance(reading, start, label.end()) in ("asserted", "open"):
            found[option] = Verdict.of(option, start, label.end())
    if len(found) == 1:
        yield from found.values()


def therefore(reading: Reading) -> Iterator[Verdict]:
    """The last sentence that speaks for an option follows from the others: "So it is …"."""
    yield from _last_drawn(reading, _THEREFORE)


def concluded(reading: Reading) -> Iterator[Verdict]:
    """The last sentence that speaks for an option weighs it: "most likely", "best", …"""
    yield from _last_drawn(reading, _CONCLUDES)


def _last_drawn(reading: Reading, cue: re.Pattern[str]) -> Iterator[Verdict]:
    for group in reversed(_by_sentence(reading, _weighed(reading))):
        if all(claim.stance in ("denied", "contrasted", "supposed") for claim in group):
            continue
        if _draws(reading, group, cue):
            yield from _single(group)
        return


def eliminated(reading: Reading) -> Iterator[Verdict]:
    """All options but one are denied."""
    placed = _weighed(reading)
    against = {claim.option for claim in placed if claim.stance == "denied"}
    rest = set(range(len(reading.choices.options))) - against
    if len(rest) == 1 and len(against) > 1 and all(c.stance == "denied" for c in placed):
        yield Verdict.of(rest.pop(), placed[-1].start, placed[-1].end)


def several_options(reading: Reading) -> Iterator[Verdict]:
    """Several options are named side by side and none alone: "both A and B"."""
    for group in _by_sentence(reading, _weighed(reading)):
        side_by_side = [claim for claim in group if claim.stance == "open"]
        if side_by_side and len({c.option for c in group if c.stance in ("open", "asserted")}) > 1:
            yield Verdict("ambiguous", None, group[0].start, group[-1].end)
            return


def _single(placed: list[Claim]) -> Iterator[Verdict]:
    """The option that is asserted where no other is asserted or left open."""
    named = [claim for claim in placed if claim.stance in ("asserted", "open")]
    asserted = [claim for claim in named if claim.stance == "asserted"]
    if asserted and len({claim.option for claim in named}) == 1:
        yield Verdict.of(asserted[-1].option, asserted[-1].start, asserted[-1].end)


def _by_sentence(reading: Reading, placed: list[Claim]) -> list[list[Claim]]:
    groups: list[list[Claim]] = []
    limit = -1
    for claim in placed:
        if claim.start >= limit:
            stop = _SENTENCE.search(reading.low, claim.end)
            limit = stop.end() if stop else len(reading.low)
            groups.append([])
        groups[-1].append(claim)
    return groups


def _draws(reading: Reading, group: list[Claim], cue: re.Pattern[str]) -> bool:
    """Whether the sentence says that it concludes."""
    low, start = reading.low, group[0].start
    left = max(0, start - _SENTENCE_BACK)
    left = max(low.rfind("\n", left, start), low.rfind(". ", left, start), left)
    stop = _SENTENCE.search(low, group[-1].end)
    return bool(cue.search(low, left, stop.start() if stop else len(low)))


def _weighed(reading: Reading) -> list[Claim]:
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
    for group in _by_sentence(reading, placed):
        stop = _SENTENCE.search(reading.low, group[-1].end)
        if stop and stop[0] == "?":
            continue
        if refused and not (yet and group[-1].start > yet.start()):
            continue
        against = {claim.option for claim in group if claim.stance == "denied"}
        kept += [c._replace(stance="denied") if c.option in against else c for c in group]
    return kept
