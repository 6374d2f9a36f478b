"""Rules that weigh what a reply says about the options if it declares none outright."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.claims import (
    SENTENCE,
    answering_claims,
    answering_sentences,
    denied_later,
    sole_claim,
)
from mubench_gen.parser.composites import composites
from mubench_gen.parser.cues import cues
from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.middle import is_in_middle
from mubench_gen.parser.option_text import contradicts
from mubench_gen.parser.repeated_options import in_list, own_text_end
from mubench_gen.parser.reply_text import MANY, Claim, Label, ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.target import LABEL_BEHIND
from mubench_gen.parser.text import any_in

_SENTENCE_BACK = 240
_THEREFORE = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|in conclusion|donc|daher|portanto"
    r"|por lo tanto)\b|因此|所以|综上|故|よって|したがって"
)
_CONCLUDES = re.compile(
    _THEREFORE.pattern + r"|\b(?:overall|in summary|ultimately|conclude|i would say|i believe"
    r"|i think|(?:on|at) (?:a )?(?:closer|further|second) (?:inspection|examination|look|thought)"
    r"|my guess|lean towards?|most likely|best|correct|answer|more likely|based on|given"
    r"|most similar|closest|remains|leaves|must be|clearly"
    r"|(?<!ing )(?<!nce )(?<!the )points? (?:\w{4,12} )?to(?:wards?)?"
    r"|tips? (?:it|this|the (?:balance|scales?))|decisive|diagnostic|settles? it"
    r"|(?:this|these|findings|results) (?:strongly )?(?:suggests?|indicates?))\b"
    r"|\bit is(?=\W*(?:\n|$))"  # "anaphase it is"
)
_THEREFORE_WORDS = "therefore thus hence so consequently conclusion donc daher portanto tanto"
THEREFORES = cues(_THEREFORE_WORDS, _THEREFORE)
CONCLUDES = cues(
    f"{_THEREFORE_WORDS} overall summary"
    " ultimately conclude say believe think inspection examination look thought guess lean likely"
    " best correct answer based given similar closest remains leaves must clearly point points tip"
    " tips decisive diagnostic settle settles suggest suggests indicate indicates it",
    _CONCLUDES,
)
PLAINLY_CONCLUDES = re.compile(
    r"(?:\A|[.;\n-] ?)\W{0,3}(?:but |and |ok(?:ay)?,? )?"
    r"(?:so|thus|hence|therefore|consequently|all in all|all things considered|overall"
    r"|in summary|in short|in conclusion|to (?:conclude|sum up|summari[sz]e)"
    r"|i (?:therefore |thus |hence )?conclude|conclusion:|that settles|no doubt|without doubt)\b"
)
_POINTS = re.compile(
    r"(?:\b(?:is|are|be|was|leaves|say|select|choose|pick|chose|selected|picked"
    r"|(?<!start )(?<!begin )with|for|towards?|favou?r|matches|to|as|makes it"
    r"|(?:is|are) labell?ed|it's|that's|est|ist|es|é)"
    r"|:|=|>|[(]option|选|是|为|は|選)"
    r"\s*(?:option|choice|answer|the|likely|probably|选项|most likely)?\s*[(\[\"':]*\s*$"
)
_ORDERED = re.compile(r"[A-Z] ?> ?[A-Z] ?> ?$")  # "A > C > D"
_SEQUENCE = re.compile(r"[)\]]?\s*,\s*[(\[]?[A-Z]\b")
_IF = re.compile(
    r"(?:^|[.\n:;])\s*(?:(?:so|and|but|then|now),? )?"
    r"if\b(?! (?:i|we|one|you) (?:had|have|must|were|was))[^.\n]*$"
)
_IFS = cues("if", _IF)
_PLAINLY_NOT = re.compile(
    r"(?:\A|[.!?;\n])[^.!?;\n]*(?:\bnot|n't|\banything but) (?:an? |the )?[(\"']?$"
)
_UNSURE = re.compile(
    r"\b(?:say|said|sure|certain|know|think|mean|whether|if|can|could|may|might|would|why|no"
    r"|neither|nor|only)\b|(?:not|n't)\b.*(?:not|n't)\b"
)
# "True for A; equally true for B": neither is singled out.
_EQUALLY = re.compile(
    r"\b(?:equally|just as|likewise) (?:true|valid|likely|plausible|possible|good|well|correct"
    r"|applicable|consistent)(?: (?:for|of|with|as))? (?:option )?[(\[\"']*$"
)
_ALIKE = ("equally", "just as", "likewise")  # one is in every match
_EQUALS = cues("equally just likewise", _EQUALLY)
_OTHER_SIDE = re.compile(r",? (?:and |while |but )?the (?:left|right|upper|lower|bottom|other)\b")
_ENDS = re.compile(r"[)\]\"']*\s*(?:[.!,;\n]|$)")


def pointed_label(reply: ReplyText) -> Iterator[Verdict]:
    """ "The corresponding point is (D) Point D.", "It's B." """
    alike = reply.cues & _EQUALS and any_in(_ALIKE, reply.low)
    for label in reversed(labels_named(reply)[-MANY:]):
        if alike and _EQUALLY.search(reply.low, max(0, label.start - 48), label.start):
            return
        if _is_pointed(reply, label):
            yield _read(reply, label)
            return


def _read(reply: ReplyText, label: Label) -> Verdict:
    """The label's option, or a contradiction where it is given another option's text."""
    if contradicts(reply, label.option, label.end):
        return Verdict("contradiction", None, label.start, label.end)
    end = own_text_end(reply, label.option, label.end) or label.end
    return Verdict.of(label.option, label.start, end)


def _is_pointed(reply: ReplyText, label: Label) -> bool:
    start, end, index, several = label
    low = reply.low
    if several or not _POINTS.search(low, max(0, start - 32), start):
        return False
    if ">" in reply.text and _ORDERED.search(reply.text, max(0, start - 16), start):
        return False
    wrapped = reply.text[max(0, start - 1) : start] in ("(", "[")
    own = own_text_end(reply, index, end)
    if own is None and not wrapped and not _ENDS.match(reply.text, end):
        return False
    if _SEQUENCE.match(reply.text, end):
        return False
    if reply.cues & _IFS and _IF.search(low, max(0, start - 160), start):
        return False
    if in_list(reply, index, start, end):
        return False
    return stance(reply, start, own or end) == "asserted"


def only_marked_label(reply: ReplyText) -> Iterator[Verdict]:
    """One label is in brackets or with its text, and no other label is mentioned."""
    labels = labels_named(reply)
    if len({label.option for label in labels}) != 1:
        return
    owns = [
        None if is_article(reply, label) else own_text_end(reply, label.option, label.end)
        for label in labels
    ]
    marked = [
        own is not None or reply.text[max(0, label.start - 1) : label.start] in ("(", "[")
        for label, own in zip(labels, owns, strict=True)
    ]
    if not any(marked):
        return
    for label, own, is_marked in zip(labels, owns, marked, strict=True):
        if _contradicted(reply, label) or in_list(reply, label.option, label.start, label.end):
            return
        if is_marked and stance(reply, label.start, own or label.end) == "asserted":
            yield _read(reply, label)
            return


def is_article(reply: ReplyText, label: Label) -> bool:
    """Whether the text of the first option stands right behind an "A": "A centriole is"."""
    return reply.text[label.start : label.end + 1] == "A " and (
        reply.text[label.end + 1 : label.end + 2].isalpha()
    )


def _contradicted(reply: ReplyText, label: Label) -> bool:
    """ "The second panel (C)" where the second panel is B."""
    return any(
        0 <= label.start - end <= 3 and option not in (label.option, -1)
        for _, end, option in reply.mentions[:MANY]
    )


def only_option(reply: ReplyText) -> Iterator[Verdict]:
    """One option is mentioned and not denied, and no other is mentioned."""
    placed = answering_claims(reply)
    if any(claim.stance == "supposed" for claim in placed):
        return
    for verdict in sole_claim(placed):
        if not (
            denied_later(placed, verdict)
            or _in_passing(reply, verdict)
            or is_in_middle(reply, verdict)
            or _other_one(reply, verdict)
        ):
            yield verdict


def _other_one(reply: ReplyText, verdict: Verdict) -> bool:
    """Whether another option is named, too, with "one" for its noun: "the left one"."""
    if " one" not in reply.low:
        return False
    keys = [key.split() for key in reply.choices.keys]
    return any(
        len(key) == 2 and index != verdict.option and f"the {key[0]} one" in reply.low
        for index, key in enumerate(keys)
    )


def _in_passing(reply: ReplyText, verdict: Verdict) -> bool:
    """Whether the mention is no label, and on neither the first nor the last of several lines,
    or the first of two pictures: "the left panel is H&E, the right one trichrome".
    """
    low = reply.low
    if _OTHER_SIDE.match(low, verdict.end):
        return True
    if verdict.start == 0 or reply.choices.labels.token.match(reply.text, verdict.start):
        return False
    before = low.find("\n", 0, verdict.start)
    return before >= 0 and bool(low[:before].strip()) and low.find("\n", verdict.end) >= 0


def text_then_label(reply: ReplyText) -> Iterator[Verdict]:
    """One option's text is followed by its own label: "the second image (A) is alike"."""
    found: dict[int, Verdict] = {}
    for start, end, option in reply.mentions[:MANY]:
        label = LABEL_BEHIND.match(reply.text, end)
        if option < 0 or label is None:
            continue
        if reply.choices.labels.index_of.get(label[1].lower()) != option:
            continue
        if stance(reply, start, label.end()) in ("asserted", "open"):
            found[option] = Verdict.of(option, start, label.end())
    if len(found) == 1:
        yield from found.values()


def therefore(reply: ReplyText) -> Iterator[Verdict]:
    """The last sentence for an option is a conclusion: "So it is …"."""
    yield from _last_drawn(reply, _THEREFORE)


def concluded(reply: ReplyText) -> Iterator[Verdict]:
    """The last sentence for an option weighs it: "most likely", "best", …"""
    yield from _last_drawn(reply, _CONCLUDES)


def _last_drawn(reply: ReplyText, cue: re.Pattern[str]) -> Iterator[Verdict]:
    for group in reversed(answering_sentences(reply)):
        if all(claim.stance in ("denied", "contrasted", "supposed") for claim in group):
            continue
        if _draws(reply, group, cue):
            placed = answering_claims(reply)
            yield from (said for said in sole_claim(group) if not denied_later(placed, said))
        return


def eliminated(reply: ReplyText) -> Iterator[Verdict]:
    """All options but one are denied; of two, one in so many words: "not abnormal"."""
    placed = answering_claims(reply)
    against = {claim.option for claim in placed if claim.stance == "denied"}
    for index, parts in composites(reply.choices).items():
        against |= {index} if against & parts else set()
    rest = set(range(len(reply.choices.options))) - against
    if len(rest) != 1 or any(claim.stance != "denied" for claim in placed):
        return
    if len(against) > 1 or (against and _is_plainly_denied(reply, placed[-1])):
        yield Verdict.of(rest.pop(), placed[-1].start, placed[-1].end)


def _is_plainly_denied(reply: ReplyText, claim: Claim) -> bool:
    """Whether "not" stands right before an option, and the sentence has no hedge before that."""
    plain = _PLAINLY_NOT.search(reply.low, max(0, claim.start - _SENTENCE_BACK), claim.start)
    return plain is not None and _UNSURE.search(plain[0]) is None


def several_options(reply: ReplyText) -> Iterator[Verdict]:
    """Several options are named together and none alone: "both A and B"."""
    for group in answering_sentences(reply):
        side_by_side = [claim for claim in group if claim.stance == "open"]
        if side_by_side and len({c.option for c in group if c.stance in ("open", "asserted")}) > 1:
            yield Verdict("ambiguous", None, group[0].start, group[-1].end)
            return


def _draws(reply: ReplyText, group: list[Claim], cue: re.Pattern[str]) -> bool:
    """Whether the sentence has words that mark a conclusion."""
    low, start = reply.low, group[0].start
    left = max(0, start - _SENTENCE_BACK)
    left = max(low.rfind("\n", left, start), low.rfind(". ", left, start), left)
    stop = SENTENCE.search(low, group[-1].end)
    return bool(cue.search(low, left, stop.start() if stop else len(low)))
