"""Finds every mention of an option, and whether it is asserted, denied, or left open.

Only claims outside questions and refusals count as answers, sentence by sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.refusals import REFUSAL
from mubench_gen.parser.repeated_options import in_list, own_text_end
from mubench_gen.parser.reply_text import MANY, Claim, Label, ReplyText, Stance, Verdict
from mubench_gen.parser.target import ARTICLE_A, COMMON, joined_label

_BOUNDARY = re.compile(
    r"[;!?\n]|\.(?!\d)|,|\b(?:but|whereas|while|although|though|however|because|since|and(?= not\b)"
    r"|so(?! (?:is|are|does)\b)|as it|as they|which|making|sondern|mais|sino|mas)\b|而是|而|但"
)
_CONTRAST = re.compile(
    r"\b(?:rather than|instead of|unlike|than|as opposed to|compared (?:to|with)|except(?: for)?"
    r"|other than|apart from|besides|versus|different from|differs? from|in contrast to)\b"
    r"|而不是|不同于"
)
_DENIAL = re.compile(
    r"\bnot\b|n't\b|\b(?:neither|nor|never|cannot|non|incorrect(?:ly)?|wrong|false|inaccurate"
    r"|irrelevant|unlikely|invalid|eliminated?|ruled? out|rules out|exclud\w{1,3}|discard\w{0,2}"
    r"|fails?|lacks?|lacking|unrelated|inappropriate|unsuitable|distractors?|less|nicht|kein\w{0,2}"
    r"|falsch|pas|faux|fausse|incorrecte|incorrect[oa]|falso|n[aã]o|errad[oa])\b"
    r"|不|错|非|排除|没有|誤|ない"
)
# Several options at once, or one of several: no single one is asserted.
_OPEN = re.compile(
    r"\b(?:both|either|each|all|none|could be|might be|may be|beide|tanto|ambos)\b"
    r"|\bbetween (?:options? )?[(\"']*$|\w (?:and|or) $"
    r"|\bso (?:is|are|does) (?:option )?[(\"']*$"
)
_SUPPOSED = re.compile(
    r"\b(?:whether|if|assuming|suppose|(?:some|many) (?:people|students)|people (?:think|say)"
    r"|(?:let's|let us|we|first|to) (?:consider|examine|look at))\b"
    r"|是否|如果"
)
# What another option would look like; "would be" is how answers are hedged, too.
_WOULD = re.compile(r"\s+would (?:have|show|look|appear|contain|need|require|give|not)\b")
_DEFINES = re.compile(r"\s+is an?\s")  # "C is a programming language" speaks of C, not for it
_REACH = 160
SENTENCE = re.compile(r"[!?\n]|\.(?=\s|$)")
# After a refusal, only what follows one of these is an answer.
_YET = re.compile(
    r"\b(?:but|however|if i had to|if i must|nevertheless|nonetheless|most likely|more likely"
    r"|guess|still|that said|based on the (?:image|visual)|appears to be|therefore)\b|但|不过"
)


def stance(reply: ReplyText, start: int, end: int) -> Stance:
    """What the clause around a mention says about the option."""
    low = reply.low
    left = max(0, start - _REACH)
    for boundary in _BOUNDARY.finditer(low, left, start):
        left = boundary.end()
    if _SUPPOSED.search(low, left, start):
        return "supposed"
    if _DENIAL.search(low, left, start):
        return "denied"
    if _CONTRAST.search(low, left, start):
        return "contrasted"
    after = _past_mark(low, start, end)
    stop = _BOUNDARY.search(low, after, after + _REACH)
    right = stop.start() if stop else min(len(low), after + _REACH)
    if _WOULD.match(low, after):
        return "supposed"
    contrast = _CONTRAST.search(low, after, right)
    if _DENIAL.search(low, after, contrast.start() if contrast else right):
        return "denied"
    return "open" if _OPEN.search(low, left, start) else "asserted"


def _past_mark(low: str, start: int, end: int) -> int:
    """Skip a label's own mark, which does not end a clause: ")", or "." and ":" on a new line."""
    if low[end : end + 1] == ")":
        return end + 1
    line = low.rfind("\n", max(0, start - 8), start) + 1
    at_line = (line > 0 or start <= 8) and not low[line:start].strip(" (*-\"'")
    return end + 1 if at_line and low[end : end + 1] in (".", ":") else end


def claims(reply: ReplyText) -> list[Claim]:
    """All claims in order. A label with its text is one; a repeated list of options is none."""
    labels = labels_named(reply)
    if len(labels) > 2 * MANY:
        labels = labels[:MANY] + labels[-MANY:]
    found, covered = _label_claims(reply, labels)
    texts = list(_uncovered(reply, covered))
    # A letter inside an option's text ("Point A", "vitamin C") is a part of that text.
    spans = [(start, end) for start, end, _ in texts]
    found = [claim for claim in found if not _inside(spans, claim.start, claim.end)]
    for start, end, option in texts:
        said = stance(reply, start, end)
        if said == "asserted" and joined_label(reply, end, option):
            said = "open"
        found.append(Claim(start, end, option, said))
    return sorted(found)


def _label_claims(
    reply: ReplyText, labels: list[Label]
) -> tuple[list[Claim], list[tuple[int, int]]]:
    """The claims by labels, and the spans of the labels with their texts."""
    found: list[Claim] = []
    covered: list[tuple[int, int]] = []
    together: list[Label] = []
    for label in labels:
        if covered and label.start < covered[-1][1]:
            continue  # a letter inside the text of the option before
        end = own_text_end(reply, label.option, label.end) or label.end
        covered.append((label.start, end))
        if in_list(reply, label.option, label.start, label.end):
            continue
        said = stance(reply, label.start, end)
        if said == "asserted" and (label.several or _DEFINES.match(reply.low, end)):
            said = "open"
        if together and label.several and label.start - together[-1].end < 24:
            together.append(label)
        else:
            together = [label]
        if said == "denied":
            # "A, B and C can be excluded": the stance on the last applies to all.
            for k in range(len(found) - len(together) + 1, len(found)):
                found[k] = found[k]._replace(stance="denied")
        found.append(Claim(label.start, end, label.option, said))
    return found, covered


def _uncovered(reply: ReplyText, covered: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """The options' texts without their label; everyday words are left out."""
    for start, end, index in reply.mentions:
        if index < 0 or reply.choices.keys[index] in COMMON:
            continue
        if end - start < 3 and reply.low[start:end].isascii() and len(reply.low) > 300:
            continue
        if reply.choices.keys[index] == " a " and ARTICLE_A.match(reply.low, start):
            continue
        if not _inside(covered, start, end):
            yield start, end, index


def _inside(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether the range is within one of the sorted spans."""
    at = bisect_right(spans, (start, 1 << 60)) - 1
    return at >= 0 and end <= spans[at][1]


def sole_claim(placed: list[Claim]) -> Iterator[Verdict]:
    """The only option that is asserted, if no other is asserted or left open."""
    named = [claim for claim in placed if claim.stance in ("asserted", "open")]
    asserted = [claim for claim in named if claim.stance == "asserted"]
    if asserted and len({claim.option for claim in named}) == 1:
        yield Verdict.of(asserted[-1].option, asserted[-1].start, asserted[-1].end)


def by_sentence(reply: ReplyText, placed: list[Claim]) -> list[list[Claim]]:
    """The claims, grouped by sentence."""
    groups: list[list[Claim]] = []
    limit = -1
    for claim in placed:
        if claim.start >= limit:
            stop = SENTENCE.search(reply.low, claim.end)
            limit = stop.end() if stop else len(reply.low)
            groups.append([])
        groups[-1].append(claim)
    return groups


def answering_claims(reply: ReplyText) -> list[Claim]:
    """The claims outside questions and refusals, computed once for all rules."""
    if reply.claims is None:
        reply.claims = _answering(reply)
    return reply.claims


def _answering(reply: ReplyText) -> list[Claim]:
    placed = claims(reply)
    if not placed:
        return []
    kept = []
    refusals = list(REFUSAL.finditer(reply.low))
    refused = refusals[-1] if refusals else None
    yet = _YET.search(reply.low, refused.start()) if refused else None
    for group in by_sentence(reply, placed):
        stop = SENTENCE.search(reply.low, group[-1].end)
        if stop and stop[0] == "?":
            continue
        if refused and not (yet and group[-1].start > yet.start()):
            continue
        against = {claim.option for claim in group if claim.stance == "denied"}
        kept += [c._replace(stance="denied") if c.option in against else c for c in group]
    return kept
