"""Finds every mention of an option, and whether it is asserted, denied, or left open.

Only claims outside questions and refusals count as answers, sentence by sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from mubench_gen.parser.asides import (
    conceded,
    identifies,
    is_example,
    is_kind,
    is_plural,
)
from mubench_gen.parser.generic import is_generic
from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.names import is_name
from mubench_gen.parser.option_text import ARTICLE_A, COMMON
from mubench_gen.parser.other_uses import is_other_use, unmeasured
from mubench_gen.parser.refusals import ADVICE, ALTHOUGH, YET, is_of_part, refusals
from mubench_gen.parser.repeated_options import in_list, own_text_end
from mubench_gen.parser.reply_text import MANY, Claim, Label, ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.target import joined_label
from mubench_gen.parser.withdrawn import left_standing

# "isn't a neutrophil, a basophil or a monocyte": what joins the items, and the last of them.
_LISTED = re.compile(r"[\"')]?,? ?(?:(or|nor) |(and) )?(?:an? |the )?[\"'(]?")
_RULES_OUT = re.compile(
    r"\b(?:exclud\w{1,3}|rul\w{1,3} out|eliminat\w{1,3}|reject\w{0,3}|dismiss\w{0,3}|none of)"
    r"(?: (?:both|an?|the))? $"
)
# "H&E, PAS and Giemsa, none of which fits"
_NONE_BEHIND = re.compile(
    r",? (?:and |but )?(?:none|neither)(?: of (?:them|these|those|which))? (?:of them )?(?:fit"
    r"|match"
    r"|is |are |appl|work|show|can|does|do )"
)
# Own questions, and the answers to them: "Nucleus? No."
_ANSWERED = re.compile(
    r"\s*(?:(yes|yep|yeah|indeed|correct|right|it (?:is|does)(?! not))|no|nope|not|it (?:is"
    r"|does) not"
    r"|it (?:isn't|doesn't))\b"
)
_ANSWERED_LATER = re.compile(
    r"[^?\n]{0,160}[,:;-] ?(?:so |hence |thus )?(?:(yes)|no)(?=[.!]? *(?:$|\n))"
)
_COLON = re.compile(r"[\"')\]]{0,2}:\s(?:(?:the|an?)\s)?")
_DEFINES = re.compile(r"\s+is an?\s")  # "C is a programming language" speaks of C, not for it
_RANGE = re.compile(r"[)\]]?\s?(?:through|thru|to|bis|-)\s?[(\[]?")  # "options A through D"
_NONE_OF = re.compile(
    r"\bn(?:one|either) of (?:the )?(options?|choices?|answers?|labels?)?[ (\[\"']{0,3}$"
    r"|\b(?:wrong|incorrect|excluded|eliminated|ruled out)(?: options?| answers?)?: [(\[\"']{0,2}$"
)
_WITH = re.compile(r"\b(?:and|or|nor|und|oder|et|ou|ni|y|o)\s[(\[\"']?$")
_CLAUSES = 240  # characters of a refusal and the clause behind it
SENTENCE = re.compile(r"[!?\n.](?!(?<=\.)\S)")  # a point in a number or a name ends none


def claims(reply: ReplyText) -> list[Claim]:
    """All claims in order. A label with its text is one; a repeated list of options is none."""
    labels = labels_named(reply)
    if len(labels) > 2 * MANY:
        labels = labels[:MANY] + labels[-MANY:]
    found, covered = _label_claims(reply, labels)
    texts = unmeasured(reply, list(_uncovered(reply, covered))) if reply.mentions else []
    if not texts:
        return _deny_lists(reply, sorted(found)) if len(found) > 1 else found
    # A letter inside an option's text ("Point A", "vitamin C") is a part of that text.
    spans = [(start, end) for start, end, _ in texts]
    found = [claim for claim in found if not _inside(spans, claim.start, claim.end)]
    before, of_kinds, of_generic = -1, 0, 0  # the end of a sentence about kinds, of a general one
    for start, end, option in texts:
        # "not X: Y": what denies the one before the colon says nothing of the one behind it.
        colon = before >= 0 and _COLON.match(reply.low, before, start)
        said = stance(reply, start, end, before if colon else 0)
        before = end
        if said == "asserted" and joined_label(reply, end, option):
            said = "open"
        of_kind = said == "asserted" and is_kind(reply, start, end, option)
        if of_kind:
            of_kinds = _sentence_end(reply, end)
        elif start < of_kinds:
            verb = reply.low.startswith((" are ", " have ", " ones "), end)
            of_kind = verb or is_plural(reply, end, option)
        if said == "asserted" and not of_kind and is_generic(reply, start, end):
            of_generic = _sentence_end(reply, end)
        if said == "asserted" and (of_kind or start < of_generic):
            said = "contrasted"
        if said == "denied" and (opposite := reply.choices.opposite(option)) is not None:
            option, said = opposite, "asserted"
        found.append(Claim(start, end, option, said))
    return _deny_lists(reply, sorted(found))


def _deny_lists(reply: ReplyText, placed: list[Claim]) -> list[Claim]:
    """The claims; what denies the first of a list with "or" denies, or contrasts, all of it."""
    first = 0
    for k in range(1, len(placed)):
        joins = _LISTED.fullmatch(reply.low, placed[k - 1].end, placed[k].start)
        if joins is None:
            first = k
        elif (joins[1] and placed[first].stance in ("denied", "contrasted")) or (
            joins[2] and _goes_for_all(reply, placed[first])
        ):
            said = placed[first].stance
            placed[first : k + 1] = [c._replace(stance=said) for c in placed[first : k + 1]]
        if joins is not None and _NONE_BEHIND.match(reply.low, placed[k].end):
            placed[first : k + 1] = [c._replace(stance="denied") for c in placed[first : k + 1]]
    return placed


def _goes_for_all(reply: ReplyText, claim: Claim) -> bool:
    """Whether what excludes the first of a list, or makes it an example, goes for all of it."""
    if claim.stance == "denied":
        return _rules_out(reply, claim)
    return claim.stance == "contrasted" and is_example(reply.low, claim.start)


def _rules_out(reply: ReplyText, claim: Claim) -> bool:
    """Whether a verb before the claim rules it out, and what is listed with it."""
    return _RULES_OUT.search(reply.low, max(0, claim.start - 24), claim.start) is not None


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
        if label.several:
            none_of = _NONE_OF.search(reply.low, max(0, label.start - 40), label.start)
            if none_of:  # "None of the options (A, B, C)" leaves no other one.
                said = "contrasted" if none_of[1] else "denied"
        joined = together and together[-1].several and label.several
        if joined and label.start - together[-1].end < 24:
            together.append(label)
            first = len(found) - len(together) + 1
            listed = _WITH.search(reply.low, label.start - 8, label.start) or _NONE_OF.search(
                reply.low, max(0, found[first].start - 40), found[first].start
            )
            if listed and found[first].stance == "denied":
                said = "denied"  # "rule out A, B and D": the stance on the first, too
        else:
            together = [label]
        if said == "denied":
            # "A, B and C can be excluded": the stance on the last applies to all.
            for k in range(len(found) - len(together) + 1, len(found)):
                found[k] = found[k]._replace(stance="denied")
            if len(together) > 1 and _RANGE.fullmatch(reply.low, together[-2].end, label.start):
                between = range(together[-2].option + 1, label.option)
                found += [Claim(label.start, label.start, k, said) for k in between]
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
        if is_name(reply, start, end) or is_other_use(reply, start, end):
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


def denied_later(placed: list[Claim], said: Claim | Verdict) -> bool:
    """Whether a later claim denies the option: "It is A. It is not A."."""
    if len(placed) < 2:
        return False
    later = (c for c in placed if c.start > said.start and c.option == said.option)
    return any(claim.stance == "denied" for claim in later)


def answering_sentences(reply: ReplyText) -> list[list[Claim]]:
    """The claims outside questions and refusals, grouped by sentence."""
    return reply.kept(_answering_sentences)


def _answering_sentences(reply: ReplyText) -> list[list[Claim]]:
    return by_sentence(reply, answering_claims(reply))


def by_sentence(reply: ReplyText, placed: list[Claim]) -> list[list[Claim]]:
    """The claims, grouped by sentence."""
    groups: list[list[Claim]] = []
    limit = -1
    for claim in placed:
        if claim.start >= limit:
            limit = _sentence_end(reply, claim.end)
            groups.append([])
        groups[-1].append(claim)
    return groups


def _sentence_end(reply: ReplyText, at: int) -> int:
    """Where the sentence ends that goes on at a place."""
    stop = SENTENCE.search(reply.low, at)
    return stop.end() if stop else len(reply.low)


def answering_claims(reply: ReplyText) -> list[Claim]:
    """The claims outside questions and refusals, computed once for all rules."""
    return reply.kept(_answering)


def _answering(reply: ReplyText) -> list[Claim]:
    placed = reply.kept(claims)
    if not placed:
        return []
    kept = []
    named = [(claim.start, claim.end) for claim in placed]
    # "Cannot be determined" may be an option.
    refused = [one for one in refusals(reply) if not _inside(named, one.start(), one.end())]
    for group in by_sentence(reply, placed):
        stop = SENTENCE.search(reply.low, group[-1].end)
        if stop and stop[0] == "?":
            answer = _ANSWERED.match(reply.low, stop.end()) or _ANSWERED_LATER.match(
                reply.low, stop.end()
            )
            if answer is None or len(group) > 1:
                continue
            group = [group[0]._replace(stance="asserted" if answer[1] else "denied")]
        if refused and not _told_all_the_same(reply, refused, group):
            continue
        against = {claim.option for claim in group if claim.stance == "denied"}
        group = [c._replace(stance="denied") if c.option in against else c for c in group]
        kept += conceded(reply, group)
    return left_standing(reply, kept)


def _told_all_the_same(reply: ReplyText, refused: list[re.Match[str]], group: list[Claim]) -> bool:
    """Whether a sentence answers although the reply refuses: behind "however", or where only
    advice is declined and the sentence says what is shown.
    """
    yet = YET.search(reply.low, refused[-1].start())
    if yet and group[-1].start > yet.start():
        return True
    left, right = max(0, refused[-1].start() - 24), group[0].start
    if right - left < _CLAUSES and ALTHOUGH.match(reply.low[left:right]):
        return True
    declined = _advice_until(reply, refused)
    if 0 < declined < group[0].start:
        return identifies(reply.low, group[0].start)
    # "It is a lymphocyte. The granules can't be seen.", "I can't see granules. It's a monocyte."
    if any(claim.stance != "asserted" for claim in group):
        return False
    behind = identifies(reply.low, group[0].start)
    return all(
        (behind or group[-1].end < one.start()) and is_of_part(reply.low, one.start())
        for one in refused
    )


def _advice_until(reply: ReplyText, refused: list[re.Match[str]]) -> int:
    """The end of the last refusal's sentence if advice is all that is declined; 0 otherwise."""
    end = 0
    for refusal in refused:
        stop = SENTENCE.search(reply.low, refusal.end())
        if stop is None or not ADVICE.search(reply.low, refusal.start(), stop.end()):
            return 0
        end = stop.end()
    return end
