"""The words by which an option may be told otherwise, for `paraphrases.py`."""

from __future__ import annotations

import re

from mubench_gen.parser.cues import cues

# What a change is called: as options have it, and as replies have it.
CHANGES = tuple(
    (re.compile(rf"\b(?:{option})"), re.compile(rf"\b(?:{said})\b"))
    for option, said in (
        (
            r"increas|ris(?:e|es|ing)\b|rose\b|up-?regulat",
            r"(?:goes|go|went|going|is|are|was) up|ris(?:es?|en|ing)|rose|climb(?:s|ed)"
            r"|increase[sd]?|increasing|brighten(?:s|ed)|(?:gets?|got|becomes?|became|grows?|grew"
            r"|is|are) (?:much |far )?(?:stronger|brighter|higher|more intense)"
            r"|(?<!.)(?:much |slightly )?(?:stronger|brighter|higher|more intense)",
        ),
        (
            r"decreas|falls?\b|fell\b|drops?\b|down-?regulat",
            r"(?:goes|go|went|going|is|are|was) down|falls?|fell|drop(?:s|ped)|declin(?:es?|ed|ing)"
            r"|decrease[sd]?|decreasing|fade[sd]?|dims|dimmed|diminish(?:es|ed)|weaken(?:s|ed)"
            r"|(?:gets?|got|becomes?|became|grows?|grew|is|are) (?:much |far )?(?:weaker|dimmer"
            r"|lower|fainter|less intense)|(?<!.)(?:much |slightly )?(?:weaker|dimmer|lower|fainter"
            r"|less intense)",
        ),
        (
            r"no change|unchanged|not change|stays? the same|constant\b",
            r"(?:stay(?:s|ed)?|remain(?:s|ed)?) (?:the same|constant|unchanged|flat)|no change"
            r"|(?:does not|doesn't|did not|didn't) change|unchanged",
        ),
    )
)
FALLS = ("decreas", "fall", "fell", "drop", "regulat")  # one is in an option
CHANGING = cues(
    "up down rise rises risen rising rose climbs climbed increase increases increased increasing"
    " brightens brightened stronger brighter higher intense fall falls fell drop drops dropped"
    " decline declines declined declining decrease decreases decreased decreasing fade fades faded"
    " dims dimmed diminishes diminished weakens weakened weaker dimmer lower fainter same constant"
    " unchanged flat change",
    *(said for _, said in CHANGES),
)
# "As the dose goes up, …": a cause is no change that was asked for.
CAUSE = re.compile(
    r"\b(?:as|when|while|if|after|once|because|with|upon|whether|expect\w*|would|should)\b"
    r"[^.,;\n]{0,40}$"
)
# Where a clause begins, and of what it may tell a change without naming it as the options do.
CLAUSE = re.compile(r"[.;,:!?\n]|\b(?:and|but|that|so|which|while|say|think)\b")
MEASURED = frozenset(
    word
    for line in (
        "it this that they these i you we there here signal signals intensity fluorescence value",
        "brightness expression level levels number amount count rate size area volume density",
        "thickness concentration frequency activity mobility length values then later finally",
    )
    for word in line.split()
)
# An option that says that there is none of something, and what replies say instead.
ABSENT = re.compile(
    r"(?:no, )?(?:there (?:is|are) )?no (?P<none>[\w -]{3,40}?)(?: (?:is|are) (?:present|visible"
    r"|seen|shown))?\.?|(?:the )?(?P<absent>[\w -]{3,40}?) (?:(?:is |are )?(?:absent|missing)"
    r"|(?:is|are) not (?:present|visible|seen))\.?|absent"
)
WITHOUT = ("no", "absent", "missing")
# "None seen.", as the whole reply
NOTHING = re.compile(
    r"\A(?:there (?:is|are) none|none (?:seen|visible|present|found)|not (?:there|seen|visible"
    r"|found|any)|i (?:can't|cannot|can not|don't|do not) (?:see|find|detect) (?:any|one|it|them))"
    r"(?=\W*\Z)"
)
NONE_OF = (
    r"(?:there (?:is|are)(?:n't| not) (?:any|an?)|there(?:'s| is| are) no|i (?:can )?see no"
    r"|i (?:can't|cannot|can not|don't|do not) (?:see|find|detect|make out) (?:any|an?)"
    r"|(?<!\w )no)"
    r"(?: (?:visible|clear|obvious|signs? of|evidence of|trace of))? {thing}s?"
    r"|{thing}s? (?:is|are) (?:absent|missing|nowhere to be (?:seen|found)"
    r"|not (?:present|visible|there))"
)
LACKING = cues(
    "not no none 't cannot absent missing nowhere", re.compile(NONE_OF.format(thing="x")), NOTHING
)
# Nothing follows that leaves some of it.
AT_ALL = (
    r"(?=\s*(?:[.,;!)\n]|$)| (?:in (?:this|the)|on (?:this|the)|to be|visible|here|at all)\b)"
    r"(?![^.\n]{0,80}\b(?:but|except|unless|other than|apart from|outside|left|right"
    r"|if|though|although|however)\b)"
)
# An option that declines, and how a reply declines for the same cause.
DECLINING = tuple(
    (re.compile(rf"\b(?:{option})"), re.compile(rf"\b(?:{said})\b"))
    for option, said in (
        (
            r"(?:not enough|insufficient|too little) (?:information|evidence|data|context|detail)",
            r"(?:isn't|is not|not|there's not) (?:nearly )?enough (?:information|evidence|data"
            r"|context|detail)|(?:insufficient|too little) (?:information|evidence|data|context"
            r"|detail)",
        ),
        (
            r"(?:cannot|can't|can not) (?:be )?(?:determin|tell|told|assess|judge)"
            r"|not assessable|indeterminate|impossible to (?:tell|determine|say)",
            r"(?:cannot|can't|can not) (?:be )?(?:determined?|tell|told|assess(?:ed)?|judged?)"
            r"|impossible to (?:tell|determine|say|judge|assess)",
        ),
    )
)
UNABLE = (
    "enough", "insufficient", "little", "not", "can't", "indeterminate", "impossible",
)  # fmt: skip
DECLINES = cues(
    "enough insufficient little tell told determine determined assess assessed judge judged say",
    *(said for _, said in DECLINING),
)
# A reply that has no image, or will not help, declines for another cause.
OTHER_CAUSE = re.compile(
    r"\b(?:sorry|apologi[sz]e|as an ai|attach\w*|upload\w*|provid\w+|shared?|help|assist"
    r"|images|pictures|photos|language model|view|open|access|load"
    r"|which|what)\b"
)
SYMBOLS = {
    "gold": "Au", "silver": "Ag", "copper": "Cu", "iron": "Fe", "aluminium": "Al",
    "aluminum": "Al", "silicon": "Si", "titanium": "Ti", "nickel": "Ni", "zinc": "Zn",
    "lead": "Pb", "platinum": "Pt", "calcium": "Ca", "magnesium": "Mg", "sodium": "Na",
    "chromium": "Cr", "manganese": "Mn", "cobalt": "Co", "tin": "Sn", "osmium": "Os",
}  # fmt: skip
