"""Statements about a kind in general: true of any image, so that they answer nothing about one."""

from __future__ import annotations

import re
from functools import lru_cache

from mubench_gen.parser.cues import cues
from mubench_gen.parser.names import EPITHETS
from mubench_gen.parser.reply_text import ReplyText

_LONG = 600  # characters; a longer reply speaks of its image somewhere
_VERBS = (
    "account accumulate act allow arise bind break carry cause conduct consist contract control "
    "convert delay depend detect develop differ differentiate digest dissolve divide emit "
    "employ enable engulf filter flow form function generate give grow help illuminate "
    "implant improve increase infect initiate live make migrate move need occur offer "
    "originate package play produce protect provide react receive reduce regulate relapse "
    "rely remove require secrete sense serve spend store support surround survive synthesise "
    "synthesize take transmit transport turn use vary wrap"
)
_SAID = "|".join(
    f"{verb[:-1]}(?:y|ies)" if verb.endswith("y") and verb[-2] not in "aeo" else f"{verb}(?:s|es)?"
    for verb in _VERBS.split()
)
# What a sentence says of its subject whatever the image: "C. elegans has 959 cells".
_SAYS = re.compile(
    r"(?: (?:stain|cells?|fib(?:er|re)s?|count|size|infections?|lesions?|tumou?rs?|control"
    r"|systems?|microscop\w+|imaging|staining))?"
    r"(?:,? (?:in|of|on|from) [^.,;\n]{2,24}?|, (?:on the other hand|by contrast|in turn),)?"
    rf" (?:(?:often|usually|also) )?(?:(?:has|have)(?! been\b| \w+ed\b)|can|could|may|{_SAID}"
    r"|lines|would (?:be called|cure|help)"
    r"|(?:was|were) (?:derived|named|included)|(?:is|are) the \w+ cells? (?:of|in)"
    r"|(?:is|are) the (?:(?!best|clos|lik|near)\w+est"
    r"|most (?!likel|plaus|prob|convinc|consist|fit|appropr|suit|compat)\w+)"
    r"|(?:is|are) (?:caused|transmitted|followed|preceded|found|located|recommended|used"
    r"|involved|secreted|transported|produced|made|required|needed|responsible|continuous|important"
    r"|common|rich|derived|named|acquired|spread|treated|endemic|developed|grown|cultured|defined"
    r"|characteri[sz]ed|(?:well |best |ideally )?suited|part of|one of"
    r"|an? (?:[\w-]+ ){0,3}(?:sign|stain|technique|method|organism|species|disease|part|kind"
    r"|form|type|toxin|protein|dye|drug|molecule|compound|enzyme|fluorophore|marker|antibody)"
    r"))\b"
)
# Options of which a question asks what the image shows. Others, as organelles, are as often
# asked for by what they do, and then the statement is the answer.
_SHOWN = re.compile(
    r"(?i:cyt(?:e|ic|otic)\b|keratotic|phil\b|clast\b|phase\b|microscop|epitheli|carcinoma|tubul|muscle"
    r"|tissue|pollen|plaque|trichrome|giemsa|h&e|blast|cell stage|benign|malignant|bleach|blur"
    r"|noise|contrast|artefact|artifact|stain|hoechst|dapi|phalloidin|tracker|antibody"
    r"|confocal|widefield|light-?sheet|two-photon|spinning disk|field$|(?<=\w )cell$"
    r"|mucosa|adipose|na?evus|keratosis|polyp|(?:dys|hyper|meta)plasia|morula|zygote|blastocyst"
    r"|gastrula|infected|parasiti[sz]ed|fluorescen|tomograph|amyloid|tangle|jpeg|pixelat|brightness"
    r"|macrophage|platelet|\bblue$|hematoxylin|immunohisto)"
    r"|oma\b|\b(?:PAS|Gram|STED|TIRF|SEM|TEM|AFM|DIC|Oil Red O)\b"
    r"|\b[A-Z]\. [a-z]{3,}|\b[A-Z][a-z]{2,} [a-z]{2,}(?:us|is|ae|ens|ans|i)\b"  # a species
)
# "In contrast to a lymphocyte, a monocyte shows …": what one of a kind shows.
_ONE = re.compile(r"(?:\A|[.!?;,\n] ?)an? $")
_SHOWS = re.compile(r" (?:\w+ly )?(?:shows|displays|exhibits|demonstrates|possesses)\b")
_STARTS = re.compile(r"(?:\A|[.!?;\n] ?)(?:(?:an?|the|most|every|all|many) )?[\"'(]?$")
# "In fluorescence microscopy, a fluorophore absorbs …": a setting, of which something is told.
_SETTING = re.compile(r"(?:\A|[.!?\n] ?)(?:in|during|after|before|with|by) (?:an? |the )?$")
_TOLD = re.compile(
    r",? (?:you|one|we) (?:get|can|obtain|achieve|need)s?\b"
    r"|, (?!(?:because|since|as|given|judging|due|but|not|and|or|so)\b)"
)
# Words that speak of this image, of this answer, or give a reason for it.
_OF_THIS = re.compile(
    r"(?:\A|(?<=[.!?;,:>-] ))that\b|\b(?:that's"  # not "a toxin that binds actin"
    r"|th(?:is|ese|ose)|here|such|it|it's|i|i'd|i'm|my|we|images?|pictures?|micrographs?"
    r"|photo\w*|slide|figure|panel|arrow\w*|field|show\w*|visible|see|seen|observed|display\w*"
    r"|depict\w*|appear\w*|looks?|seem\w*|likely|probabl\w+|definite\w+|clear\w*|answer\w*|option"
    r"|correct|choice|fits?|match\w*|consistent|suggest\w*|indicat\w*|so"
    r"|thus|hence|therefore|central|center|centre|present|identif\w+|classif\w+"
    r"|typical|characteristic|diagnos\w+|evident|judging|stained|like|reveal\w*|smear|biopsy)\b|[>✓✔]"
)
_REASON = re.compile(r"\b(?:because|since|due|given|must|rather|not|no)\b|n't")
# Words of medicine and history, which no picture shows.
_TOPIC = re.compile(
    r"\b(?:patients|people|humans?|wom[ae]n|men|child(?:ren)?|babies|infants|adults|smok(?:ers|ing)"
    r"|doctors?|physicians|clinicians|scientists?|researchers|students?|\w+ologists?"
    r"|diseases?|syndrome|therap\w+|treatment|drugs?|antibiotics?|chemotherapy|vaccin\w+|risk"
    r"|symptoms?|fever|allerg\w+|asthma|infections?|immune|immunity|mortality|death|survival"
    r"|prognosis|incidence|prevalence|endemic|epidemic|pregnan\w+|mutations?|genes?|hormones?"
    r"|inhal\w+|transmi\w+|mosquito\w*|ticks|fleas|bites?|soil|droppings|tropic\w*|africa|asia"
    r"|europe|america|world|worldwide|countries|discovered|invented|named|described|introduced"
    r"|century|nobel|latin|greek|physicist|chemist|every|often|usually|always|average|annually"
    r"|checkpoint|source of|screening|should be"
    r"|(?:before|after|during) (?:mitosis|meiosis|cell division|birth|development))\b"
)
_TOPICS = cues(
    "patients people human humans woman women man men child children babies infants adults smokers"
    " smoking doctor doctors physicians clinicians scientist scientists researchers student"
    " students *ologist *ologists disease diseases syndrome therap* treatment drug drugs antibiotic"
    " antibiotics chemotherapy vaccin* risk symptom symptoms fever allerg* asthma infection"
    " infections immune immunity mortality death survival prognosis incidence prevalence endemic"
    " epidemic pregnan* mutation mutations gene genes hormone hormones inhal* transmi* mosquito*"
    " ticks fleas bite bites soil droppings tropic* africa asia europe america world worldwide"
    " countries discovered invented named described introduced century nobel latin greek physicist"
    " chemist every often usually always average annually checkpoint source screening should"
    " mitosis meiosis division birth development",
    _TOPIC,
)
_FINITE = re.compile(
    rf"\b(?:is|are|was|were|has|have|had|can|may|might|should|will|do|does|did|{_SAID}"
    r"|comes?|go(?:es)?|gets?|learns?|suffers?|inhales?|raises?|worr(?:y|ies)|kills?|increases?"
    r"|spends?|stud(?:y|ies)|die|affects?|uses?|used|named|invented|discovered|described"
    r"|developed|introduced)\b"
)
# "Colchicine arrests cells in metaphase", "histamine is released by the basophil"
_DOES = re.compile(
    r"\b(?:(?:occurs?|happens?|takes? place|begins?|starts?|ends?) (?:during|in|at|with)"
    r"|(?:arrests?|blocks?|delays?|stops?|triggers?|induces?|inhibits?|promotes?|engulfs?|raises?"
    r"|affects?|causes?|infects?|activates?|kills?|attracts?|recruits?|stud(?:y|ies)"
    r"|gives? rise to|leads? to|results? in|develops? into|spends?|progress(?:es)?|transmits?"
    r"|carr(?:y|ies)|spreads?|acts? on|targets?)\b(?: [\w-]+){0,6}?"
    r"|(?:is|are) (?:released|secreted|produced|made|formed|caused|transmitted|carried|infected"
    r"|engulfed|attracted|activated) (?:mainly |mostly )?by)(?: (?:an?|the))? $"
)
_DOING = cues(
    "occur occurs happen happens take takes begin begins start starts end ends arrest arrests"
    " block blocks delay delays stop stops trigger triggers induce induces inhibit inhibits"
    " promote promotes engulf engulfs raise raises affect affects cause causes infect infects"
    " activate activates kill kills attract attracts recruit recruits study studies rise act acts"
    " target targets lead leads result results develop develops spend spends progress progresses"
    " transmit transmits carry carries spread spreads by",
    _DOES,
)
_APART = re.compile(r"[:=>,(-] ?(?:an? |the )?[\"'(]?$")  # "…: eosinophil"
_BEGINS = re.compile(r"[ \"'(]{0,3}(?:an? |the )?")
_ENDS = re.compile(
    r"(?: (?:infection|lesion|tumou?r|stain(?:ing)?|cell|image)\b)?[)\"']*\s*(?:$|[.,;!\n])"
)
_SENTENCE_END = re.compile(r"[.!?;](?: |$)|\n")
_STOPS = (". ", "! ", "? ", "; ", "\n")


@lru_cache(maxsize=4096)
def _are_shown(options: tuple[str, ...]) -> bool:
    """Whether a question that offers them asks what an image shows."""
    shown = (_SHOWN.search(one) or one.rpartition(" ")[2] in EPITHETS for one in options)
    return sum(map(bool, shown)) > 1


def is_generic(reply: ReplyText, start: int, end: int) -> bool:
    """Whether an option's text is only the subject, or the setting, of a general statement."""
    low = reply.low
    if len(low) > _LONG:
        return False
    before = low[max(0, start - 24) : start]
    begins, says = _STARTS, _SAYS
    if _SETTING.search(before):
        begins, says = _SETTING, _TOLD
    shows = _SHOWS.match(low, end) if _ONE.search(before) else None
    told = False
    if shows is None and (begins.search(before) is None or says.match(low, end) is None):
        told = bool(reply.cues & (_TOPICS | _DOING)) and _is_told(reply, start, end)
        if not told:
            return False
    if not _are_shown(reply.choices.options):
        return False
    around = f"{low[:start]} {low[shows.end() if shows else end :]}"
    return _OF_THIS.search(around) is None and (told or _REASON.search(around) is None)


def _is_told(reply: ReplyText, start: int, end: int) -> bool:
    """Whether its sentence tells something that no picture shows: "patients often have X"."""
    low = reply.low
    left = max(low.rfind(stop, 0, start) for stop in _STOPS) + 1
    if reply.cues & _DOING and _DOES.search(low, left, start):
        return True
    if not reply.cues & _TOPICS:
        return False
    if _BEGINS.fullmatch(low, left, start):
        named = True  # "A lymphocyte, which …"
    else:
        named = _APART.search(low, left, start) is not None
    if named and _ENDS.match(low, end):
        return False
    stop = _SENTENCE_END.search(low, end)
    right = stop.start() if stop else len(low)
    return bool(_TOPIC.search(low, left, right) and _FINITE.search(low, left, right))
