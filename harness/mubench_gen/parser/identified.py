"""An option that the reply says the image shows, beside others that it only speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from mubench_gen.parser.claims import answering_claims, denied_later
from mubench_gen.parser.reply_text import Claim, ReplyText, Verdict
from mubench_gen.parser.target import target_at

# "That's a glomerulus", "consistent with PAS", "= monocyte", right before the option.
_FRAME = re.compile(
    r"(?:\b(?:(?:this|these|that)(?: \w+)?|it|which|cell|image|picture|micrograph|structure"
    r"|organelle|tissue|stain"
    r"|staining|technique|method|modality|pattern|section|specimen|organism|embryo|stage|number"
    r"|count|total|sum|value|result|protein|signal|patch|slide|sample|smear|lesion|grain|parasite"
    r"|class|category|diagnosis|treatment|compound|growth|phase)"
    r"(?:'s| is| was| must be| has to be| appears to be| seems to be| represents| looks?)"
    r"|\b(?:looks? (?:like|to be)|says?|means?|suggests?|indicates?|(?:argues?|speaks?) for"
    r"|points? to|favou?rs|in favou?r of|falls (?:under|into)|called|known as|go(?:ing)? (?:for"
    r"|with)|opt for|lean(?:ing)? towards?|(?:i'd|would) say"
    r"|(?:call|grade|score|rate|label) (?:it|this|that)|leaves(?: us with)?|guess"
    r"|bet on|choose|mak(?:es?|ing) (?:it|this|that)"
    r"|(?:must|can only|has to) be)"
    r"|\bthat would be|\b(?:they|these|those)(?:'re| are| were)"
    r"|\b(?:you|we)(?:'re| are) (?:looking at|seeing|dealing with)"
    r"|\b(?<!second )(?<!third )(?<!next )(?:best|closest|nearest|likeliest|most (?:likely"
    r"|plausible|probable|fitting))(?: [a-z]+)? (?:is|would be)"
    r"|\b(?:acquired|taken|obtained|captured|recorded|imaged|viewed|seen|observed"
    r"|(?:image|picture|micrograph|photo)(?: \w+){0,3} (?:produced|made)"
    r"|stained|labell?ed)(?: \w+ly)? (?:by|with|using|via|through|in|under)"
    r"|\b(?:consistent with|compatible with|in keeping with|typical (?:of|for)"
    r"|characteristic (?:of|for)|(?:unique|specific|exclusive|confined|restricted) to"
    r"|classic(?:al)? (?:of|for)"
    r"|diagnostic of|suggestive of|pathognomonic (?:of|for)|(?:that|those|hallmark) of"
    r"|(?:identif(?:y|ies|ied)|classified|recogni[sz]ed)(?: (?:it|this|the \w+))? as|i\.e\.,?"
    r"|namely|that is,?|belongs? to|one of (?:them|these|those)[,:-]"
    r"|(?:sign(?:ed)?|read|report(?:ed)?|label|file|diagnose|grade|score|classify"
    r"|interpret(?:ed)?)"
    r" (?:it |this |the \w+ )?(?:out )?(?:as|under)"
    r"|(?:is|was|comes|came|image|picture|micrograph) from"
    r"|(?:is|are|lies?|sits?|located|situated|positioned|placed) (?:just |directly )?(?:to|on|at)"
    r"|locali[sz](?:es|ed) (?:to|in)|(?:is|are) in"
    r"|what [^.;,\n]{1,40}(?:, (?:though|however),)? is:?"
    r"|what (?:we|you|i) (?:call|see|have|are looking at)(?: here)?(?: is)?"
    # What there is most of.
    r"|(?:bulk|majority|most) of (?:the|this) \w+ (?:is|are|consists? of)|mostly|mainly|chiefly"
    r"|predominantly|dominated by"
    r"|(?:predominant|main|dominant|principal) [^.;,\n]{0,40} (?:is|are)"
    r"|(?:in other words|in short|so|but|hence|thus|therefore|giving|which (?:gives|makes))[,:]?)"
    r"|[=>]|[a-z\d)]:)"
    r"(?: (?:most likely|probably|likely|clearly|definitely|thus|therefore|indeed|a case of"
    r"|an example of))? ?(?:an? |the )?"
    # "a mature neutrophil"
    r"(?:(?!surround|adjacent|neighbo|resembl|mimic|preced|follow|previous|contain|lack|typical)"
    r"[a-z]{2,}(?:al|ic|ous|ary?|ive|ed|ing|field|ile|[ae]nt|ure|ion) )?[\"'(]?$"
)
_ENDS = re.compile(
    r"[)\]\"']*\s*(?:$|[.;:!(\n]|- |,? ?(?:because|since|as|with|which|rather|and not|not|given|due"
    r"|based|from|of(?! view)|i (?:think|believe|guess)|to me|here|itself|and against|it is"
    r"|that (?:we|you|i|is|are|predominates|dominates|prevails))\b|,)"
)
# "… is the only one that makes sense", "… fits best", right behind it.
_FITS = re.compile(
    r" (?:(?:is|remains|seems|would be) (?:the )?(?:only (?:one|option|choice"
    r"|[^.;,\n]{1,40} (?:among|of|in) (?:the|these|those) (?:choices|options|list|candidates))"
    r"|my (?:final |best )?(?:pick|choice|answer|vote|guess|bet|call)"
    r"|best|most (?:likely|plausible|consistent)|correct|the answer|right(?: one| answer| option)?"
    r"(?! (?:side|half|panel|image|part|for|at|in|of)\b))"
    r"|fits best|makes (?:the )?most sense|(?:gets?|has|wins) my vote|is the (?:pick|bet)"
    r"|it (?:is|must be|has to be)(?=\W*(?:$|[.,;!\n]| (?:because|since|then)\b))"
    r"|(?:was|were) (?:used|applied|added)(?: here)?(?=[.,])"
    r"|(?:located|situated|positioned)(?=[.,;]|$)"
    r"|(?:made|produced|took) (?:this|the (?:image|picture)))"
    r"(?!\w)"
)
_OPENS = re.compile(
    r"[)\]\"']*,? ?(?:- |(?:because|since|as|given|judging|rather than|instead of|no doubt"
    r"|obviously"
    r"|clearly|for sure|without (?:a|any) doubt)\b)"
)
# "The cell embedded in the matrix is an osteocyte."
_SUBJECT = re.compile(
    r"(?:\A|[.!?;:,\n] ?)(?:the|this|that) (?:\w+ ){0,3}(?:cell|structure|compartment|body"
    r"|organelle|tissue|layer|tube|shell|region|particle|dye|stain|object|organism|modality|technique|specimen|image|arrow|marker|arrowhead"
    r"|asterisk|pointer|star)\b"
    r"[^.;,:\n]{0,60} (?:is|marks|shows|indicates|denotes) (?:an? |the )?[\"'(]?$"
)
# "As the chromatids are apart, anaphase."
_REASONED = re.compile(
    r"(?:\A|[.!?;\n] ?)(?:as|since|given|because|considering|judging|due to|with|based on)\b"
    r"[^.;\n]*, (?:an? |the )?[\"'(]?$"
)
_ANOTHER = re.compile(
    r",? (?:and |while |but )?(?:the|an?) (?:other|one|second|cell|small(?:er)?|larger?|left|right"
    r"|upper|lower|top|bottom|rest|remaining|third|next)\b"
)  # "…, the one beside it a …"
_LISTED = re.compile(
    r"[\"')]?(?:,|,? (?:and|or|/)) ?(?:and |or )?(?:(?:an?|the|several|many|some|few|two|three"
    r"|numerous|multiple) )?[\"'(]?"
)
_LEADS = re.compile(r"[)\"']? ?[-=]{0,2}> ?(?:an? |the )?[\"'(]?")  # "prophase -> metaphase"
_ALONE_BEFORE = re.compile(
    r"(?:\A|[.;!?\n:>(] ?| -{1,2} )(?:(?:most likely|probably|likely|clearly|definitely),? )?"
    r"(?:an? |the )?[\"'(]?$"
)
_ALONE_BEHIND = re.compile(r"[)\"']?(?:,? (?:then|i think|i guess|i'd say))? ?(?:$|[.!\n])")
# What images are called may follow a name of their kind: "a fluorescence image".
_NOUN = re.compile(
    r"(?:'s)?(?:[ -](?:image|imaging|micrograph|microscop[ey]|stain(?:ing|ed)?|section|cell|picture"
    r"|tissue|type|slide|stage|phase|one|locali[sz]ation|pattern|distribution|signal|side"
    r"|technique|mode|smear|compound|culture|proteins?|network|lesion|tumou?r|neoplasm|process"
    r"|optical (?:section|slice)|skeleton|shell|test|frustule|origin|nature|domain|class|category"
    r"|specimen|sample)\b)?"
)
# "What the question asks about is the cilium": it counts before what else is said to be shown.
_ASKED = re.compile(
    r"\bquestion (?:asks? (?:about|for)|is about|refers? to|means|wants|marks?|points? (?:to|at))"
    r"[^.;\n]{0,40}$"
)
_ROOM = 72
_COMMA = 7  # characters from a comma to a name, with an article


def identified(reply: ReplyText) -> Iterator[Verdict]:
    """The one option in words that say what is shown: "That's a glomerulus. Beside it, tubules"."""
    placed = answering_claims(reply)
    if any(claim.stance == "supposed" for claim in placed):
        return
    framed = framed_claims(reply, placed)
    framed = [claim for claim in framed if _is_asked(reply, claim)] or framed
    if len({claim.option for claim in framed}) == 1 and not denied_later(placed, framed[-1]):
        yield Verdict.of(framed[-1].option, framed[-1].start, framed[-1].end)


def framed_claims(reply: ReplyText, placed: list[Claim]) -> list[Claim]:
    """The claims in words that say what is shown, less those of a list."""
    listed = {
        place.start
        for claim, other in pairwise(placed)
        if _LISTED.fullmatch(reply.low, claim.end, other.start)
        or (_other_stands(claim, other) and _LEADS.fullmatch(reply.low, claim.end, other.start))
        for place in (claim, other)
    }
    return [
        claim
        for claim in placed
        if claim.stance == "asserted" and claim.start not in listed and is_framed(reply, claim)
    ]


def _is_asked(reply: ReplyText, claim: Claim) -> bool:
    return _ASKED.search(reply.low, max(0, claim.start - _ROOM), claim.start) is not None


def _other_stands(claim: Claim, other: Claim) -> bool:
    """Whether the first of two neighbours is another option than the second, and not denied."""
    return claim.stance == "asserted" and claim.option != other.option


def is_sentence(reply: ReplyText, claim: Claim) -> bool:
    """Whether the mention is a whole sentence, or what an arrow leads to: "Squamous."."""
    low, start, end = reply.near(claim.start, claim.end)
    return _ALONE_BEFORE.search(low, max(0, start - 32), start) is not None and (
        _ALONE_BEHIND.match(low, _past_noun(low, end)) is not None
    )


def ends_clause(reply: ReplyText, start: int, end: int) -> bool:
    """Whether nothing but a noun of its kind follows the mention in its clause."""
    low, _, end = reply.near(start, end)
    return _ENDS.match(low, _past_noun(low, end)) is not None


def is_followed_by_another(low: str, end: int) -> bool:
    """Whether the sentence goes on to something beside it: "…, the one next to it a …"."""
    return _ANOTHER.match(low, _past_noun(low, end)) is not None


def _past_noun(low: str, end: int) -> int:
    noun = _NOUN.match(low, end)
    return noun.end() if noun else end


def is_framed(reply: ReplyText, claim: Claim) -> bool:
    """Whether words about the mention say that it is what is shown."""
    if not _says_what_is_shown(*reply.near(claim.start, claim.end)):
        return False
    named = target_at(reply, claim.start)
    return named is None or named.status == "answered"


def _says_what_is_shown(low: str, start: int, end: int) -> bool:
    noun_end = _past_noun(low, end)
    if _FITS.match(low, noun_end):
        return True
    if not low[:start].strip(" \n\"'(*-"):
        return _OPENS.match(low, end) is not None
    if _ENDS.match(low, noun_end) is None or is_followed_by_another(low, end):
        return False
    if _FRAME.search(low, max(0, start - _ROOM), start):
        return True
    left = max(0, start - 2 * _ROOM)
    if _SUBJECT.search(low, left, start):
        return True
    reasoned = low.find(", ", start - _COMMA, start) >= 0 and _REASONED.search(low, left, start)
    return bool(reasoned) and _ALONE_BEHIND.match(low, noun_end) is not None
