"""What a sentence says beside its answer: examples, candidates, concessions.

Such a mention is no claim about the image: "cells such as neutrophils", "DDx: smooth muscle",
"a nucleus would be larger", "fits, though the lysosome looks similar".
"""

from __future__ import annotations

import re
from itertools import pairwise

from mubench_gen.parser.captions import BESIDES, is_beside
from mubench_gen.parser.cues import cues
from mubench_gen.parser.reply_text import Claim, ReplyText
from mubench_gen.parser.words import COUNTED

_EXAMPLE = re.compile(
    r"(?:\b(?:such as|e\.g\.|for (?:example|instance)|including|which (?:closely )?resembles?"
    r"|on top of|(number|amount|proportion|percentage|count) of"
    r"|(?:next|adjacent|close|distance) to|between|outside(?: of)?|(around|past)"
    r"|(?:check|look|test) for"
    r"|comes? (?:\w+ )?(?:after|before)|(?:that|which) (?:\w+ )?(?:follows|precedes)"
    r"|after [^.;,\n]{2,30} comes?|(?:left|right|edge|side|vicinity) of"
    r"|(?<!\ba )(?<!\ban )(?<!\bthe )(?:risk factors?|vaccin\w+|staging"
    r"|treatment|therapy|defects?) (?:for|of|against)|nobel prize for"
    r"|(?:hearts?|brains?|tissues?) of (?:patients|individuals|people|subjects) with"
    r"|to (?:identify|recogni[sz]e|diagnose|detect|avoid)|(?:history|suspicion|risk) of"
    r"|(?:before|without|until|for) (?:an?|the) (?:definitive |final )?diagnosis of)"
    r"|(?:\A|[.;\n] ?)in (?:patients|individuals|people|cases|subjects) (?:with|of)),?"
    r"(?: (?:an?|the))? [\"'(]?$"
)
_CANDIDATE = re.compile(
    r"\b(?:ddx|differential(?: diagnos[ie]s)?(?: (?:includes?|is|of|would be))?)[\s:=]"
    r"|\b(?:alternatives?|runners?[- ]up)\s?[:=]"
    r"|\b(?:typical|textbook|usual|common) (?:answer|reply|response|choice|guess)\b"
    r"|\bto (?:confirm|verify|prove|establish|check)\b"
    # What the question says.
    r"|\b(?:question|options?|choices?|list)\b[^.;\n]{0,30}\b(?:mentions?|includes?|contains?"
    r"|lists?|asks?(?! (?:about|for) is\b))\b|\b(?:second|2nd|third|3rd) (?:choice|guess|best)\b"
    r"|\b(?:check|look|search|screen|test)(?:ing)? for\b(?![^.;\n]*:)|\b(?:species|cells|stains"
    r"|organisms"
    r"|organelles|bacteria|methods|techniques) like\b(?! th(?:is|ese))"
    # What one might do.
    r"|\b(?:one|you|we) (?:could|should|might|may|can|would have to) (?:also )?(?:try|repeat"
    r"|order)\b|\bwould (?:also )?help to\b"
    r"|\b(?:one|you|we) (?:could|might|would have to|(?:may|might) want to) (?:also )?"
    r"(?:use|perform|apply|add)\b|\bi(?:'d| would) need\b"
    # What another picture would show.
    r"|(?<!as )\b(?:you|one|we)(?: would|'d) (?:see|expect|find)(?! (?:this|it|that)\b)"
)
# "Around 4 cells" counts them.
_NUMBER = re.compile(rf"\d|(?:{COUNTED})\b")
_SUCH = re.compile(r"(?:such as|\be\.g\.,?|\bfor example,?|\bincluding|\bbetween) (?:an? |the )?$")
_EXEMPLIFIES = cues(
    "patients individuals people cases subjects *such* g example instance including resemble"
    " resembles number amount top proportion percentage"
    " count next adjacent close distance identify recogni* diagnose diagnosis detect history"
    " suspicion risk vaccin* staging treatment therapy prize defect* avoid between outside around"
    " past check look test come comes follows precedes left right edge side vicinity",
    _EXAMPLE,
)
LISTS = cues(
    "ddx differential alternative alternatives runner runners confirm verify prove establish"
    " mention mentions include includes contain contains list lists ask asks choice guess best see"
    " expect find typical textbook usual common check* look* search* screen* test* like try use"
    " repeat order perform apply add help need",
    _CANDIDATE,
)
# No word about this image follows in the clause.
_NOWHERE = (
    r"(?![^.;\n]{0,60}\b(?:seen|visible|shown|present|here|this|these|the (?:image|picture|field"
    r"|micrograph|arrows?)|predominant|identified|recogni[sz]able)\b)"
)
# A verb of what all of a kind are or do, not "are seen", "are visible in this image".
_VERB = re.compile(
    r" (?!(?:in|with|of|on|at|and|or|as|is|from|for|because|since|under|within|per|by|plus|vs"
    r"|versus)\b"
    rf"|[a-z]+(?:ed|ing)\b)[a-z]{{2,}}\b{_NOWHERE}"
)
_SHARE = re.compile(r"[:=,]? ?\(?\d{1,3}(?:\.\d+)?(?: ?-{1,2} ?\d{1,3})? ?%")  # "neutrophils 60 %"
_KIND = re.compile(
    r" (?:cells|lesions|tumou?rs|infections|muscles|images|stains|cultures|patients|neoplasms"
    r"|glands|nuclei|tissues|changes) (?:are|have|can|may|tend|show|grow|usually|often|typically"
    r"|generally|do|shrink|swell|divide|contain|lack|form|look|appear|express|stain|round|lose)\b"
    rf"{_NOWHERE}"
)
_BEGINS = re.compile(r"(?:\A|[.!?\n,;:] {0,2}|\b(?:and|but|while|whereas) )$")
_IN = re.compile(r"\b(?:in|with|for)(?: (?:an?|the))? $")
_IN_ENDS = ("in ", "with ", "for ", " a ", " an ", " the ")  # one ends every match
_WOULD = re.compile(r"(?:(?! - )[^.;\n]){0,40}\b(?:(?<!i )would|(?:one|you|we) can|(?!i'd)\w+'d)\b")
# "not central as they'd be in cardiac muscle"
_AS_WOULD = re.compile(
    r"\b(?:as|than|like|what) (?:it|they|one|you|we)(?: would|'d) \w{2,8}"
    r" (?:in|with|for)(?: an?| the)? $"
)
_WOULDS = cues("would can 'd", _WOULD, _AS_WOULD)
_TELL = re.compile(
    r"\b(?:distinguish(?:ing)?|tell(?:ing)?|differentiate|discriminate)(?: (?:an?|the))? [\"'(]?$"
)
_FROM = re.compile(
    r"\b(?:distinguish\w*|tell\w*(?! (?:us|me|you|that)\b)|differentiat\w*|discriminat\w*)"
    r" [^;\n]{1,60} from (?:an? |the )?$"
)
TELLS = cues("distinguish* tell* differentiat* discriminat*", _TELL, _FROM)
_IMAGE = r" (?:image|picture|micrograph|slide|question|case|example|one)\b"
_ELSEWHERE = re.compile(
    r"\b(?:in|for|from|of|on|to) (?:the |my |your )?(?:previous|earlier|preceding|last|other)"
    rf"{_IMAGE}"
    r"(?:(?!\bthis\b)[^.!?;\n])*$"
    r"|\bfor (?:comparison|reference)\b(?:(?!\bthis\b)[^.!?;\n])*$"
    r"|\bearlier,? (?:you|i) \w+[^.!?;\n]*$"
)
_ELSEWHERES = cues("previous earlier preceding last other comparison reference", _ELSEWHERE)
_APART_ROOM = 96
_COMPARED = re.compile(
    r"[^.;\n]{0,20}\bfor (?:comparison|reference)\b"
    rf"| in (?:the |my |your )?(?:previous|earlier|preceding|last){_IMAGE}"
    r"|[ ,]{1,2}\(?(?:as |is )?(?:my |the |a )?(?:second|2nd|third|3rd) (?:choice|guess|best)\b"
    r"(?! ?[(:]? ?\w)|\s+(?:vs|versus)\b"
    r"|,? (?:comes |is )?(?:in )?(?:a (?:close|distant) )?(?:second|third)(?: place)?(?=[.,;]|$)"
)
_COMPARES = cues(
    "comparison reference choice guess best previous earlier preceding last vs versus second third",
    _COMPARED,
)
# "4 nuclei, 2 of them dividing", but not "I count 2 of them"; "after prophase comes …"
_PART = re.compile(
    r",? of (?:them|these|those|which)\b| (?:count|level|percentage|ratio|concentration)s?\b"
    r"| comes? (?!from|clos|near|to\b|out|up|next|after|before"
    r"|first|last|second|third|then|later|when|right|directly|immediately)"
)
_COUNTING = ("count ", "see ", "are ", "or ")
_PARTS = cues(
    "count* level* percentage* ratio* concentration* them these those which come comes", _PART
)
_REQUIRES = re.compile(r"\s+(?:requires?|needs?|depends?|relies|is based)\b")
_FINDING = re.compile(r"\b(?:identification|recognition|detection|diagnosis) of (?:an? |the )?$")
_FINDS = cues("identification recognition detection diagnosis", _FINDING)
MAY_BE_ASIDE = BESIDES | _EXEMPLIFIES | LISTS | _WOULDS | TELLS
MAY_BE_ASIDE |= _COMPARES | _FINDS | _PARTS | _ELSEWHERES
_EXAMPLE_ROOM = 40
# Where something is: "the layer outside of the plasma membrane is the cell wall".
_PLACED = re.compile(
    r"\b(?:outside(?: of)?|between|next to|adjacent to|near|around|beneath|beside|besides"
    r"|surround(?:s|ing|ed by)"
    r"|close to|attached to|connected to|behind|above|below|before|after|prior to|past|beyond"
    r"|preced\w{2,3}|(?:origin|base|tip|end|edge|side|middle|part) of"
    r"|following|extend\w* (?:from|to|into|towards?)|with (?:only )?(?:a few|few|some|scattered"
    r"|occasional|rare|sparse|isolated|little))"
    r"(?: (?:an?|the))? [\"'(]?$"
)
_AND = re.compile(r",? (?:and|or) (?:the |an? )?")
_TURN = re.compile(r"\b(?:but|yet|however|still)\b|但")
_HEDGE = re.compile(r"\b(?:chance|possib\w{2,5}|perhaps|maybe|might|could|may|tempting)\b[^.;\n]*$")
_CONCEDED = re.compile(r"\b(?:although|though|albeit|even if)\b|\b(while|whereas)\b")
# What identifies the image before an option; behind it "while …" speaks of something else.
_IDENTIFIES = re.compile(
    r"\b(?:consistent with|typical of|characteristic of|diagnostic of|suggestive of|suggests?"
    r"|indicates?|indicative of|compatible with|fits|matches|most likely|appears to be|points? to"
    r"|identif\w{2,5} as"
    r"|classified as|(?:this|that|it|which|cell|image|structure|tissue|stain) is|it's|that of"
    r"|diagnosis|impression|conclusion|therefore|so|hence|thus)\b[^.;,\n]{0,24}$"
)
_PREFERS = re.compile(r"[^.;,\n]{0,40}\b(?:more|better|best|likelier|likely|closer|closest)\b")


def is_aside(low: str, said: int, left: int, start: int, end: int) -> bool:
    """Whether the mention from `start` to `end`, in a clause from `left` on, is one in passing.

    `said`: the groups of cue words about it.
    """
    before = low[max(0, start - _EXAMPLE_ROOM) : start]
    example = _EXAMPLE.search(before) if said & _EXEMPLIFIES else None
    if example and not (example.lastindex and _NUMBER.match(low, start)):
        return True
    if said & LISTS and _CANDIDATE.search(low[left:start]):
        return True
    if said & BESIDES and is_beside(low, said, left, start, end):
        return True
    if said & _COMPARES and _COMPARED.match(low, end):
        return True
    part = said & _PARTS and before.strip() and not before.endswith(_COUNTING)
    if part and _PART.match(low, end):
        return True
    if said & _ELSEWHERES and _ELSEWHERE.search(low[max(0, start - _APART_ROOM) : start]):
        return True
    if said & _FINDS and _REQUIRES.match(low, end) and _FINDING.search(before):
        return True
    if not said & _WOULDS or not before.endswith(_IN_ENDS) or _IN.search(before) is None:
        return False
    return _WOULD.match(low, end) is not None or _AS_WOULD.search(before) is not None


def is_example(low: str, start: int) -> bool:
    """Whether a list of examples begins here: "cells such as"."""
    return _SUCH.search(low, max(0, start - _EXAMPLE_ROOM), start) is not None


def is_told_apart(low: str, start: int, end: int) -> bool:
    """Whether it is one of two options that something would tell apart: "to tell A from B"."""
    before = low[max(0, start - _APART_ROOM) : start]
    if " from " in before[-12:] and _FROM.search(before):
        return True
    return low.find(" from ", end, end + 40) >= 0 and _TELL.search(before) is not None


def is_plural(reply: ReplyText, end: int, option: int) -> bool:
    """Whether the mention that ends at `end` is a plural of an option in the singular."""
    return reply.low[end - 1] == "s" and not reply.choices.options[option].lower().endswith("s")


def is_kind(reply: ReplyText, start: int, end: int, option: int) -> bool:
    """Whether a sentence about a kind begins here: "Eosinophils are …", if the option is one."""
    low = reply.low
    if is_plural(reply, end, option):
        verb = _VERB.match(low, end) or _SHARE.match(low, end)
    elif reply.choices.keys[option][1:2].isdigit():
        return False  # "three nuclei can …" tells a number of them
    else:
        verb = _KIND.match(low, end)  # "Malignant lesions are more frequent"
    return verb is not None and _BEGINS.search(low, max(0, start - 8), start) is not None


def conceded(reply: ReplyText, group: list[Claim]) -> list[Claim]:
    """The claims of a sentence; what it only concedes is contrasted with what it asserts.

    "It could be A, but the granules speak for B": A. "B fits, though A can look similar": A.
    """
    if len({claim.option for claim in group}) < 2:
        return group
    turned = _unplaced(reply, _before_a_turn(reply, group))
    for k, (earlier, claim) in enumerate(pairwise(turned), 1):
        between = reply.low[earlier.end : claim.start]
        if (
            (earlier.stance, claim.stance) == ("asserted", "asserted")
            and earlier.option != claim.option
            and _concedes(reply.low, earlier.start, between)
            and not _PREFERS.match(reply.low, claim.end)
        ):
            turned[k] = claim._replace(stance="contrasted")
    return turned


def _unplaced(reply: ReplyText, group: list[Claim]) -> list[Claim]:
    """The claims; an option that only tells a place is contrasted if one other is asserted."""
    asserted = [claim for claim in group if claim.stance == "asserted"]
    if not asserted:
        return group
    beside = [c for c in group if c.stance in ("asserted", "open")]
    places: list[Claim] = []
    for claim in beside:
        joined = places and _AND.fullmatch(reply.low, places[-1].end, claim.start)
        if joined or _PLACED.search(reply.low, max(0, claim.start - 40), claim.start):
            places.append(claim)
    if not places or len({c.option for c in asserted if c not in places}) != 1:
        return group
    return [c._replace(stance="contrasted") if c in places else c for c in group]


def _concedes(low: str, start: int, between: str) -> bool:
    """Whether what follows an option that starts at `start` concedes another one."""
    found = _CONCEDED.search(between)
    return found is not None and (found[1] is None or identifies(low, start))


def identifies(low: str, start: int) -> bool:
    """Whether the words before a mention say what the image shows: "consistent with"."""
    return _IDENTIFIES.search(low, max(0, start - 60), start) is not None


def _before_a_turn(reply: ReplyText, group: list[Claim]) -> list[Claim]:
    """The claims; those left open are contrasted if behind a "but" one option is asserted."""
    for turn in _TURN.finditer(reply.low, group[0].end, group[-1].start):
        behind = [c for c in group if c.start > turn.start() and c.stance in ("asserted", "open")]
        if {c.stance for c in behind} == {"asserted"} and len({c.option for c in behind}) == 1:
            return [
                claim._replace(stance="contrasted")
                if claim.end <= turn.start() and _is_hedged(reply, claim)
                else claim
                for claim in group
            ]
    return list(group)


def _is_hedged(reply: ReplyText, claim: Claim) -> bool:
    """Whether the claim is one of several, or no more than a chance."""
    if claim.stance != "asserted":
        return claim.stance == "open"
    return _HEDGE.search(reply.low, max(0, claim.start - 60), claim.start) is not None
