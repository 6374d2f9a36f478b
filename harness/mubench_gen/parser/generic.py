"""Statements about a kind in general: true of any image, so that they answer nothing about one."""

from __future__ import annotations

import re

from mubench_gen.parser.reply_text import ReplyText, Verdict

_LONG = 240  # characters; a longer reply speaks of its image somewhere
_VERBS = (
    "account act allow bind carry cause conduct consist contract control convert delay detect "
    "develop digest divide emit filter flow form function generate give grow help implant "
    "infect live make occur package play produce protect react receive regulate relapse rely "
    "secrete serve spend store surround synthesize synthesise take transmit transport turn use "
    "vary wrap"
)
_SAID = "|".join(
    f"{verb[:-1]}(?:y|ies)" if verb.endswith("y") and verb[-2] not in "aeo" else f"{verb}(?:s|es)?"
    for verb in _VERBS.split()
)
# What a sentence says of its subject whatever the image: "C. elegans has 959 cells".
_SAYS = re.compile(
    r"(?: (?:stain|cells?|fib(?:er|re)s?|count|size|infections?|lesions?|tumou?rs?|control))?"
    rf" (?:(?:often|usually|also) )?(?:(?:has|have)(?! been\b)|can|could|may|{_SAID}"
    r"|lines|would (?:be called|cure|help)"
    r"|(?:was|were) (?:derived|named|included)|(?:is|are) the (?:\w+est|\w+ cells?) (?:of|in)"
    r"|(?:is|are) (?:caused|transmitted|followed|preceded|found|located|recommended|used"
    r"|involved|secreted|transported|produced|made|required|needed|responsible|continuous|important"
    r"|common|rich|derived|named|one of|an? (?:\w+ )?(?:sign|stain|technique|method"
    r"|organism|species|disease|part|kind|form|type)))\b"
)
# Options of which a question asks what the image shows. Others, as organelles, are as often
# asked for by what they do, and then the statement is the answer.
_SHOWN = re.compile(
    r"(?i:cyt(?:e|ic|otic)\b|keratotic|phil\b|phase\b|microscop|epitheli|carcinoma|tubul|muscle"
    r"|tissue|pollen|plaque|trichrome|giemsa|h&e|blast|cell stage|benign|malignant|bleach|blur)"
    r"|\b[A-Z][a-z]{2,} [a-z]{2,}(?:us|is|ae|ens|ans|i)\b"  # a species
)
_STARTS = re.compile(r"(?:\A|[.!?;\n] ?)(?:(?:an?|the|most|every|all|many) )?[\"'(]?$")
# "In fluorescence microscopy, a fluorophore absorbs …": a setting, of which something is told.
_SETTING = re.compile(r"(?:\A|[.!?\n] ?)(?:in|during|after|before|with|by) (?:an? |the )?$")
_TOLD = re.compile(r", (?!(?:because|since|as|given|judging|due|but|not|and|or|so)\b)")
# Words that speak of this image, of this answer, or give a reason for it.
_OF_THIS = re.compile(
    r"\b(?:th(?:is|at|ese|ose)|here|such|it|it's|its|i|i'd|i'm|my|we|images?|pictures?|micrographs?"
    r"|photo\w*|slide|figure|panel|arrow\w*|field|show\w*|visible|see|seen|observed|display\w*"
    r"|depict\w*|appear\w*|looks?|seem\w*|likely|probabl\w+|definite\w+|clear\w*|answer\w*|option"
    r"|correct|choice|fits?|match\w*|consistent|suggest\w*|indicat\w*|because|since|due|given|so"
    r"|thus|hence|therefore|must|rather|not|no|central|center|centre|present|identif\w+|classif\w+"
    r"|typical|characteristic|diagnos\w+|evident|judging|stained|like)\b|[>✓✔]|n't"
)


def is_generic(reply: ReplyText, found: Verdict) -> bool:
    """Whether the option's text is only the subject, or the setting, of a general statement."""
    low = reply.low
    if len(low) > _LONG or reply.choices.labels.token.fullmatch(reply.text, found.start, found.end):
        return False
    before = low[max(0, found.start - 24) : found.start]
    if _STARTS.search(before):
        said = _SAYS.match(low, found.end)
    elif _SETTING.search(before):
        said = _TOLD.match(low, found.end)
    else:
        return False
    if said is None:
        return False
    if sum(_SHOWN.search(option) is not None for option in reply.choices.options) < 2:
        return False
    around = f"{low[: found.start]} {low[found.end :]}"
    return _OF_THIS.search(around) is None
