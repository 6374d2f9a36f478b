"""What the clause around a mention says about an option: asserted, denied, or left open."""

from __future__ import annotations

import re

from mubench_gen.parser.asides import is_aside
from mubench_gen.parser.reply_text import ReplyText, Stance
from mubench_gen.parser.text import any_in

_BOUNDARY = re.compile(
    r"[;!?\n]|\.(?!\d)|,| > |\b(?:but|whereas|while|although|though|however|because|since"
    r"|and(?= not\b)"
    r"|so(?! (?:is|are|does)\b)|as it|as they|which|making|sondern|mais|sino|mas|donc|maar"
    r"|e sim|tetapi|pero|però|lecz|tylko|utan|vaan|hanem|nego|mà|melainkan|ma|men)\b"
    # "(not correct)" is said of what stands before it, "(not the nucleus)" of something else.
    r"|\((?=not (?!(?:an? |the |very |quite |so )?(?:answers?|correct|right|best|good|case|one"
    r"|match|fit|option|choice|likely|possible|plausible|applicable|valid|true|accurate|supported"
    r"|consistent|compatible|visible|seen|present|shown|here|this|it|sure|certain)\b))"
    r"|而是|而|但|ではなく|じゃなく|아니라|아니고|بل"
)
# In these patterns one \b stands before all words, so that most places are left at once.
_CONTRAST = re.compile(
    r"\b(?:(?:rather than|instead of|unlike|than|as opposed to|compared (?:to|with)|except(?: for)?"
    r"|(?:and|but|not|speaks?|argues?|evidence) against"
    r"|followed by|other than|apart from|besides|versus|different from|differs? from"
    r"|in contrast to|beyond(?: what)?)\b"
    r"|(?:mostly|mainly|predominantly|primarily|largely) [^.;,\n]{1,60}"
    r" with (?:a few|few|some|scattered|occasional|little)"
    # What others think.
    r"|(?:(?:some|many|most|other) (?:people|students|experts|authors"
    r"|readers|models|sources|may|might|would|say|think|argue)|others|people (?:think|say))\b"
    # What the reply thought before it looked again.
    r"|(?:would|could|might)(?:'ve| have) (?:been|said|answered|picked|chosen|guessed|thought)\b"
    r"|i was (?:about|going|tempted|inclined) to (?:say|think|call)"
    r"|i was (?:first |initially |at first )?(?:thinking of|leaning)"
    r"|my (?:first|initial) \w{4,12}(?: was| is| would have been|:)"
    r"|i (?:had )?(?:first|at first|initially|originally) (?:thought|said|suspected|considered"
    r"|assumed|believed|guessed|took|saw|favou?red|leaned)"
    r"|(?:at first|initially|originally),? (?:i|it|this|that) \w+"
    r"|at first (?:glance|sight|look)"
    r"|(?:one|you|i) (?:might|may|could) (?:(?:at )?first |initially )?"
    r"(?:say|suspect|guess|suggest|(?:think|have thought) of)"
    r"|over (?:an? |the )?$)"
    r"|'d(?:'ve| have) (?:been|said|answered|picked|chosen|guessed|thought)\b|而不是|不同于"
)
_DENIAL = re.compile(
    r"\b(?:not\b(?! (?:wrong|incorrect|false)\b)"
    r"|(?<!not )(?<!n't )(?:incorrect(?:ly)?|(?<!nothing is )(?<!least )wrong|false)\b"
    r"|(?:no (?:way|chance|es|era|puede)|r/o|schlie(?:ß|ss)(?:e|en|t)|neither|nor|never|cannot|non"
    r"|inaccurate"
    r"|irrelevant|unlikely|invalid|eliminated?|ruled? out|rules out|exclud\w{1,3}|discard\w{0,2}"
    r"|reject(?:ed|s)?|out of the question|off the table|(?:is|are) out(?=\W*(?:[.,;!\n]|$))"
    r"|absent|no longer|impossible|implausible|improbable|hardly|anything but|far from|by no means"
    r"|crossed (?:off|out)|dismiss(?:ed)?|disqualif\w{1,5}|inconsistent|incompatible|contradicts?"
    r"|at odds|poor (?:fit|match|choice|candidate)|too \w{3,12} (?:to be|for)"
    r"|fails?|lacks?|lacking|unrelated|inappropriate|unsuitable|distractors?|less|nicht|kein\w{0,2}"
    r"|falsch|weder|noch|scheide[nt]|ausgeschlossen|faux|fausse|incorrecte|exclue?s?"
    r"|écartée?s?|éliminée?s?|incorrect[oa]|falso|descartad[oa]s?|excluid[oa]s?|n[aã]o|nem"
    r"|не|nie|niet|errad[oa]|eliminad[oa]s?|esclus[oaie]|né|non è|inte|ikke|ei|nem|bukan|salah"
    r"|không phải|değil|sbagliat[oaie]|fout|błędn[aye]|неверн\w{1,2}|ليست?)\b"
    # PAS is a stain, and Ni an element.
    r"|(?:pas|ni) (?:(?:une?|l[ae]s?|el|los|una?|option|[a-z])\b|[(l]['\w]))"
    r"|n(?:'t\b(?! (?:wrong|incorrect|false)\b)|(?:'\w+|e \w+) pas\b)"
    r"|不|错|非|排除|没有|誤|ない|ではなく|じゃなく|아니|아닙|틀리|وليس|नहीं"
)
# An apposition between an option and its verb: "C, the nucleus, cannot be", "(B), which …, is".
_APPOSITION = re.compile(
    r"[)\]\"'.]{0,3}\s?(?:,(?:[^,;.!?\n]{1,80},)?|\([^()\n]{1,80}\),?"
    r"|-{1,2} [^;.!?\n-]{1,80} -{1,2})"
    r"\s?(?=(?:is|are|was|were|am|cannot|can|could|does|do|did|has|have|must|should|would|will|may"
    r"|might|fails?|lacks?|fits?|match(?:es)?|seems?|appears?|looks?|ist|sind|est|sont|es|son|é)"
    r"(?:n't)?\b)"
)
# What denies all others asserts: "can't be anything other than the nucleus".
_ONLY = re.compile(
    r"(?:(?:n't|not|nothing|none|unlikely|hardly|never) (?:[\w']+ ){0,5}(?:other than|but"
    r"|else (?:than|but))"
    r"|\bno (?:\w+ ){0,4}(?:than|but|except))"
    r"(?: (?:the|an?))? [\"'(]?$"
)
# "Everything except C is excluded" asserts C; "all but C fit" denies it.
_ALL_BUT = re.compile(
    r"\b(?:all|every\w*|any(?:thing)?)(?: \w+){0,4} (?:but|except(?: for)?)"
    r"(?: (?:option|the|an?))? [\"'(]?$"
)
_LESS_THAN = re.compile(
    r"\bless (?:likely|plausible|probable|fitting) than (?:option |an? |the )?[\"'(]?$"
)
_BUT_WORDS = ("but", "than", "except")  # one is in every match
# What is said of a kind of cell, stain or microscopy in general is not said of the image,
# and what was considered is not said any more.
_GENERAL = re.compile(
    r"\s+(?:(?:is|are|has|have|can)\s+)?(?:usually|typically|generally|often|normally|commonly"
    r"|always|tends? to)\b|\s+(?:uses?|employs?|relies|rely|requires?)\b"
    r"|\s+(?:was|were) (?:\w+ )?(?:considered|suspected|tempting|discussed|entertained|invented"
    r"|introduced|discovered|described by|named after)\b|\s+(?:is"
    r"|are) (?:one of )?(?:the )?(?:most )?(?:widely|commonly|routinely"
    r"|frequently|popular|common(?= (?:stain|techni|metho|in )))"
    r"|\s+is an? \w+ (?:\w+ )?(?:that|which)\b|\s+is (?:one of )?the (?:second "
    r"|third )?(?:commonest"
    r"|most (?:common|frequent|abundant|widespread))\b"
    r"|\s+(?:can|may|might) (?:also )?(?:look (?:very )?(?:similar|alike)|mimic|resemble)\b"
)
_BEGINS = re.compile(
    r"(?:\A|[.!?;:,\n]\s{0,3}|\b(?:and|but|while|whereas) )(?:(?:an?|the) )?[\"']?$"
)
_NO_BEHIND = re.compile(r"\s?[:-]{1,2}\s?(?:no|nope)\b")  # "Lymphocyte: no."
_QUOTE_END = re.compile(r"[)\]\"'*]{1,3}")
_NO = re.compile(
    r"\b(?:no|without|absence of|lacks?|lacking|absent)\s(?:(?:an?|the|any|visible|clear|obvious"
    r"|signs? of|trace of|evidence (?:of|for)|support for)\s){0,2}$"
)
# Several options at once, or one of several: no single one is asserted.
_OPEN = re.compile(
    r"\b(?:(?:either|each|all|none|compar(?:e|ing)|(?:could|might|may) (?:also )?(?:be|mean"
    r"|indicate|suggest|represent)|beide|tanto|ambos)\b"
    r"|both(?: [^.;]{1,60} and)?(?: (?:the|an?|are|were|options?|of))* [(\"']*$"
    r"|between (?:options? )?[(\"']*$"
    r"|so (?:is|are|does) (?:option )?[(\"']*$)"
    r"|\w (?:and|or) $"
)
_SUPPOSED = re.compile(
    r"\b(?:how $|(?:whether|if(?! (?:i|we) (?:had|have|must|were)| forced| pressed| pushed"
    r"| anything)"
    r"|assuming|suppose|(?:let's|let us|we|first|to) (?:consider|examine|look at))\b)"
    r"|是否|如果"
)
# "a basophil would be darker" speaks of another cell than the one in the image, "a basophil
# would be my guess" of this one.
_WOULD_BE = re.compile(
    r"\s+would be (?!(?:my|the|our|an? (?:good|better|likely|reasonable|plausible|safe)|most|more"
    r"|best|better|correct|right|likely|likelier|appropriate|consistent|plausible|reasonable"
    r"|preferred|expected|closest?r?|first|second|third)\b)\w"
)
# What another option would look like; "would be" is how answers are hedged, too.
_WOULD = re.compile(
    r"\s+would (?!be\b|fit|match|explain|suit|also|seem|make|work|correspond|agree|account|most"
    r"|best"
    r"|have been|indeed|probably|likely|therefore|thus|appear to be)[a-z]+"
)
_NOT_BUT = ("ではなく", "じゃなく", "아니라", "아니고")  # deny what stands before them
_IF_SO = re.compile(
    r"\b(?:if (?:\w{1,20} ){1,3}(?:were|had|was|is|are|has|have)\b"
    r"|(?:had|were) (?:it|they|there|the \w{1,20}) )[^.;,\n]{1,80},"
    r" (?:(?:it|this|that|i|they|the \w{1,20})(?:'d| would| might| could) (?:be|say|have been"
    r"|go with"
    r"|call it|choose|pick) |it is |it's |this is |then )?(?:an? |the )?[(\"']?$"
)
_IF_WORDS = ("if ", "had ", "were ")  # one is in every match
_IF_BEHIND = re.compile(  # "would be a monocyte if it were larger"
    r"[^.;\n]{0,20}\bif (?:it|they|there|the \w{1,20}) (?:were|was|had)\b"
)
_CONCEDES = ("although", "though", "while", "whereas")  # where a sentence begins with them
_SENTENCE_START = re.compile(r"(?:\A|[.!?\n;:]\s{0,3})(?:even )?$")
# "is not", "cannot be", "does not fit", "should be rejected" right behind an option.
_DENIED = re.compile(
    r"\s?(?:(?:is|are|was|does|do|did|can|could|would|should|must|may|will|seems?|has|have|be)\s?"
    r"(?:also |clearly |definitely |certainly |just |simply |therefore |thus )?"
    r"(?:not\b|n't\b|be (?:excluded|eliminated|ruled out|rejected|discarded|dismissed))"
    r"|cannot\b|fails\b|lacks\b"
    r"|(?:is|are|was|can be|is clearly|is also) (?:also |clearly |therefore )?"
    r"(?:incorrect|wrong|false"
    r"|excluded|eliminated|ruled out|rejected|out of the question|unlikely|inaccurate|invalid)\b"
    r"|(?:is|are|was) an? (?:distractor|decoy|trap|red herring)\b"
    r"|n'est pas\b|ist (?:nicht|falsch|ausgeschlossen)\b|est (?:exclue?|fausse|faux)\b"
    r"|no (?:es|puede)\b|não (?:é|pode)\b)"
)
_HEADING = 3
_HEADS = re.compile(
    r"\b(?:exclud\w{1,3}|rul\w{1,3} out|eliminat\w{1,3}|wrong|incorrect|false|not|out|reject\w{0,2}"
    r"|discard\w{0,2}|is|are|was|were|be|options?|answers?|choices?|candidates|of|these|following"
    r"|between|either|neither|both|ddx|includes?|including)$"
)
_REACH = 160
_BACK = 48


def stance(reply: ReplyText, start: int, end: int, floor: int = 0) -> Stance:
    """What the clause around a mention, from `floor` on, says about the option."""
    return reply.kept(_stance, start, end, floor)


def _stance(reply: ReplyText, start: int, end: int, floor: int) -> Stance:
    low = reply.low
    left = max(floor, start - _REACH)
    last = None
    for last in _BOUNDARY.finditer(low, left, start):
        left = last.end()
    left = _past_colon(low, left, start)
    return (
        _all_but(low, start, end)
        or _supposed(low, left, start, end)
        or _said_before(low, left, start, last)
        or ("contrasted" if is_aside(low, left, start, end) else None)
        or _said_behind(low, start, end)
        or ("open" if _OPEN.search(low, left, start) else "asserted")
    )


def _past_colon(low: str, left: int, start: int) -> int:
    """Where what a colon introduces begins: "not yet aligned: prometaphase" denies no prometaphase.

    The few words of a heading ("excluded: A"), and a verb before the colon, apply to it.
    """
    colon = low.rfind(": ", left, start)
    said = low[left : max(left, colon)]
    if colon < 0 or said.count(" ") < _HEADING or _HEADS.search(said):
        return left
    return colon + 1


def _all_but(low: str, start: int, end: int) -> Stance | None:
    """What is said of all other options says the contrary of this one."""
    before = low[max(0, start - _BACK) : start]
    if not any_in(_BUT_WORDS, before):
        return None
    if _LESS_THAN.search(before) or _ONLY.search(before):
        return "asserted"
    if _ALL_BUT.search(before):
        return "asserted" if _DENIAL.search(low, end, end + _BACK) else "denied"
    return None


def _supposed(low: str, left: int, start: int, end: int) -> Stance | None:
    if _SUPPOSED.search(low, left, start):
        return "supposed"
    if not any_in(_IF_WORDS, low[max(0, start - _REACH) : end + _REACH]):
        return None
    before = _IF_SO.search(low, max(0, start - _REACH), start)
    return "supposed" if before or _IF_BEHIND.match(low, end) else None


def _said_before(low: str, left: int, start: int, last: re.Match[str] | None) -> Stance | None:
    """What the words between the clause's beginning (`last`) and the mention make of it."""
    if (
        last
        and last[0] in _CONCEDES
        and _SENTENCE_START.search(low, max(0, last.start() - 8), last.start())
    ):
        return "contrasted"
    if _DENIAL.search(low, left, start) or _NO.search(low, max(left, start - 40), start):
        return "denied"
    return "contrasted" if _CONTRAST.search(low, left, start) else None


def _said_behind(low: str, start: int, end: int) -> Stance | None:
    """What the words behind the mention make of it."""
    after = _past_apposition(low, _past_mark(low, start, end))
    stop = _BOUNDARY.search(low, after, after + _REACH)
    right = stop.start() if stop else min(len(low), after + _REACH)
    if stop and stop[0] in _NOT_BUT:
        right = stop.end()
    likened = low[max(0, start - 3) : start].strip() in ("a", "an")
    if _WOULD.match(low, after) or (likened and _WOULD_BE.match(low, after)):
        return "contrasted"
    if _NO_BEHIND.match(low, end):
        return "denied"
    if _GENERAL.match(low, after) and _BEGINS.search(low, max(0, start - 24), start):
        return "contrasted"
    contrast = _CONTRAST.search(low, after, right)
    denied = _DENIAL.search(low, after, contrast.start() if contrast else right)
    return "denied" if denied else None


def _past_mark(low: str, start: int, end: int) -> int:
    """Skip a label's own mark, which does not end a clause: ")", or "." and ":" on a new line."""
    if low[end : end + 1] == ")":
        return end + 1
    line = low.rfind("\n", max(0, start - 8), start) + 1
    at_line = (line > 0 or start <= 8) and not low[line:start].strip(" (*-\"'")
    return end + 1 if at_line and low[end : end + 1] in (".", ":") else end


def _past_apposition(low: str, end: int) -> int:
    """Skip what is said between an option and its verb, and closing quotes."""
    apposition = _APPOSITION.match(low, end)
    closing = apposition or _QUOTE_END.match(low, end)
    return closing.end() if closing else end


def denied_behind(reply: ReplyText, end: int) -> bool:
    """Whether the verb behind an option denies it: "B is not", "B, the nucleus, cannot be"."""
    return _DENIED.match(reply.low, _past_apposition(reply.low, end)) is not None


def denied_on_line(reply: ReplyText, at: int) -> bool:
    """Whether the rest of the line says that something is not so."""
    line = reply.low.find("\n", at)
    return _DENIAL.search(reply.low, at, line if line >= 0 else len(reply.low)) is not None
