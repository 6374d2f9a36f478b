"""Rules that weigh what a reply says about the options where none is declared outright."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import Claim, stance
from mubench_gen.parser.listing import in_list, own_text_end
from mubench_gen.parser.prose import labels_named
from mubench_gen.parser.reading import MANY, Label, Reading, Verdict
from mubench_gen.parser.target import COMMON, LABEL_BEHIND
from mubench_gen.parser.weighed import SENTENCE, by_sentence, single, weighed

_SENTENCE_BACK = 240
_THEREFORE = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|in conclusion|donc|daher|portanto"
    r"|por lo tanto)\b|因此|所以|综上|故|よって|したがって"
)
_CONCLUDES = re.compile(
    _THEREFORE.pattern + r"|\b(?:overall|in summary|ultimately|conclude|i would say|i believe"
    r"|i think|my guess|lean towards?|most likely|best|correct|answer|more likely|based on|given"
    r"|most similar|closest|remains|this leaves|must be|clearly"
    r"|(?:this|these|findings|results) (?:strongly )?(?:points? to|suggests?|indicates?))\b"
)
_POINTS = re.compile(
    r"(?:\b(?:is|are|be|was|leaves|say|select|choose|pick|chose|selected|picked|with|for|towards?"
    r"|favou?r|matches|to|as|(?:is|are) labell?ed|it's|that's|est|ist|es|é)"
    r"|:|=|>|[(]option|选|是|为|は|選)"
    r"\s*(?:option|choice|answer|the|likely|probably|选项|most likely)?\s*[(\[\"':]*\s*$"
)
_SEQUENCE = re.compile(r"[)\]]?\s*,\s*[(\[]?[A-Z]\b")
_IF = re.compile(r"(?:^|[.\n:;])\s*if\b(?! (?:i|we|one|you) (?:had|have|must|were|was))[^.\n]*$")
_TRUTH = re.compile(r"\b(?:is|be|answer) (yes|no|true|false)(?=[.!\"')]*\s*(?:\n|$))")
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
        if _contradicted(reading, label) or in_list(reading, label.option, label.start, label.end):
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
    placed = weighed(reading)
    if any(claim.stance == "supposed" for claim in placed):
        return
    for verdict in single(placed):
        if not _in_passing(reading, verdict):
            yield verdict


def _in_passing(reading: Reading, verdict: Verdict) -> bool:
    """Whether the place is neither on the first line nor on the last of several, nor a label."""
    low = reading.low
    if verdict.start == 0 or reading.choices.labels.token.match(reading.text, verdict.start):
        return False
    before = low.find("\n", 0, verdict.start)
    return before >= 0 and bool(low[:before].strip()) and low.find("\n", verdict.end) >= 0


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
    for group in reversed(by_sentence(reading, weighed(reading))):
        if all(claim.stance in ("denied", "contrasted", "supposed") for claim in group):
            continue
        if _draws(reading, group, cue):
            yield from single(group)
        return


def eliminated(reading: Reading) -> Iterator[Verdict]:
    """All options but one are denied."""
    placed = weighed(reading)
    against = {claim.option for claim in placed if claim.stance == "denied"}
    rest = set(range(len(reading.choices.options))) - against
    if len(rest) == 1 and len(against) > 1 and all(c.stance == "denied" for c in placed):
        yield Verdict.of(rest.pop(), placed[-1].start, placed[-1].end)


def several_options(reading: Reading) -> Iterator[Verdict]:
    """Several options are named side by side and none alone: "both A and B"."""
    for group in by_sentence(reading, weighed(reading)):
        side_by_side = [claim for claim in group if claim.stance == "open"]
        if side_by_side and len({c.option for c in group if c.stance in ("open", "asserted")}) > 1:
            yield Verdict("ambiguous", None, group[0].start, group[-1].end)
            return


def _draws(reading: Reading, group: list[Claim], cue: re.Pattern[str]) -> bool:
    """Whether the sentence says that it concludes."""
    low, start = reading.low, group[0].start
    left = max(0, start - _SENTENCE_BACK)
    left = max(low.rfind("\n", left, start), low.rfind(". ", left, start), left)
    stop = SENTENCE.search(low, group[-1].end)
    return bool(cue.search(low, left, stop.start() if stop else len(low)))
