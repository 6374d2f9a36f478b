"""Finds every mention of an option, and whether it is asserted, denied, or left open.

Only claims outside questions and refusals count as answers, sentence by sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.names import is_name
from mubench_gen.parser.option_text import ARTICLE_A, COMMON
from mubench_gen.parser.refusals import REFUSAL
from mubench_gen.parser.repeated_options import in_list, own_text_end
from mubench_gen.parser.reply_text import MANY, Claim, Label, ReplyText, Stance, Verdict
from mubench_gen.parser.target import joined_label

_BOUNDARY = re.compile(
    r"[;!?\n]|\.(?!\d)|,|\b(?:but|whereas|while|although|though|however|because|since|and(?= not\b)"
    r"|so(?! (?:is|are|does)\b)|as it|as they|which|making|sondern|mais|sino|mas|donc)\b"
    r"|\((?=not (?:of|by|for|from|in|an?|the (?!answer|correct|right|best|case|one)) )"
    r"|而是|而|但|ではなく|じゃなく"
)
_CONTRAST = re.compile(
    r"\b(?:rather than|instead of|unlike|than|as opposed to|compared (?:to|with)|except(?: for)?"
    r"|(?:and|but|not|speaks?|argues?|evidence) against"
    r"|other than|apart from|besides|versus|different from|differs? from|in contrast to)\b"
    r"|\b(?:mostly|mainly|predominantly|primarily|largely) [^.;,\n]{1,60}"
    r" with (?:a few|few|some|scattered|occasional|little)"
    # What the reply thought before it looked again.
    r"|\bi was (?:about|going|tempted) to say"
    r"|\bmy (?:first|initial) \w{4,12} (?:was|would have been)"
    r"|\b(?:one|you|i) (?:might|may|could) (?:(?:at )?first |initially )?(?:think|have thought) of"
    r"|而不是|不同于"
)
_DENIAL = re.compile(
    r"\bnot\b|n't\b|\b(?:neither|nor|never|cannot|non|incorrect(?:ly)?|wrong|false|inaccurate"
    r"|irrelevant|unlikely|invalid|eliminated?|ruled? out|rules out|exclud\w{1,3}|discard\w{0,2}"
    r"|reject(?:ed|s)?|out of the question|absent|no longer"
    r"|fails?|lacks?|lacking|unrelated|inappropriate|unsuitable|distractors?|less|nicht|kein\w{0,2}"
    r"|falsch|weder|noch|scheide[nt]|ausgeschlossen|faux|fausse|incorrecte|exclue?s?"
    r"|écartée?s?|éliminée?s?|incorrect[oa]|falso|descartad[oa]s?|excluid[oa]s?|n[aã]o|nem"
    r"|не|nie|niet|errad[oa]|eliminad[oa]s?|esclus[oaie]|né|non è)\b"
    # PAS is a stain, and Ni an element.
    r"|(?:n'\w+|ne \w+) pas\b|\b(?:pas|ni) (?:(?:une?|l[ae]s?|el|los|una?|option|[a-z])\b"
    r"|[(l]['\w])"
    r"|不|错|非|排除|没有|誤|ない|ではなく|じゃなく"
)
# An apposition between an option and its verb: "C, the nucleus, cannot be", "(B), which …, is".
_APPOSITION = re.compile(
    r"[)\]\"'.]{0,3}\s?(?:,(?:[^,;.!?\n]{1,80},)?|\([^()\n]{1,80}\),?"
    r"|-{1,2} [^;.!?\n-]{1,80} -{1,2})"
    r"\s?(?=(?:is|are|was|were|am|cannot|can|could|does|do|did|has|have|must|should|would|will|may"
    r"|might|fails?|lacks?|fits?|match(?:es)?|seems?|appears?|looks?|ist|sind|est|sont|es|son|é)"
    r"(?:n't)?\b)"
)
_COLON = re.compile(r"[\"')\]]{0,2}:\s(?:(?:the|an?)\s)?")
_QUOTE_END = re.compile(r"[)\]\"'*]{1,3}")
_NO = re.compile(
    r"\b(?:no|without|absence of|lacks?|lacking|absent)\s(?:(?:an?|the|any|visible|clear|obvious"
    r"|sign of|trace of|evidence of)\s){0,2}$"
)
# Several options at once, or one of several: no single one is asserted.
_OPEN = re.compile(
    r"\b(?:both|either|each|all|none|compar(?:e|ing)|could be|might be|may be|beide|tanto|ambos)\b"
    r"|\bbetween (?:options? )?[(\"']*$|\w (?:and|or) $"
    r"|\bso (?:is|are|does) (?:option )?[(\"']*$"
)
_SUPPOSED = re.compile(
    r"\b(?:whether|if|assuming|suppose|(?:some|many|most|other) (?:people|students|experts|authors"
    r"|readers|models|sources|may|might|would|say|think|argue)|others|people (?:think|say)"
    r"|(?:let's|let us|we|first|to) (?:consider|examine|look at))\b"
    r"|是否|如果"
)
# What another option would look like; "would be" is how answers are hedged, too.
_WOULD = re.compile(r"\s+would (?:have|show|look|appear|contain|need|require|give|not)\b")
# "a basophil would be darker" speaks of another cell than the one in the image.
_WOULD_BE = re.compile(r"\s+would be \w{3,12}er(?<!better)(?<!proper)(?<!other)\b")
_NOT_BUT = ("ではなく", "じゃなく")  # deny what stands before them
_IF_SO = re.compile(
    r"\bif (?:it|they|there|the \w{1,20}) (?:were|had|was|is|are|has|have)\b[^.;,\n]{1,80},"
    r" (?:it is |it's |this is |then )?(?:an? |the )?[(\"']?$"
)
_CONCEDES = ("although", "though", "while", "whereas")  # where a sentence begins with them
_SENTENCE_START = re.compile(r"(?:\A|[.!?\n;:]\s{0,3})(?:even )?$")
_DEFINES = re.compile(r"\s+is an?\s")  # "C is a programming language" speaks of C, not for it
# "is not", "cannot be", "does not fit", "should be rejected" right behind an option.
_DENIED = re.compile(
    r"\s?(?:(?:is|are|was|does|do|did|can|could|would|should|must|may|will|seems?|has|have|be)\s?"
    r"(?:also |clearly |definitely |certainly |just |simply |therefore |thus )?"
    r"(?:not\b|n't\b|be (?:excluded|eliminated|ruled out|rejected|discarded|dismissed))"
    r"|cannot\b|fails\b|lacks\b"
    r"|(?:is|are|was|can be|is clearly|is also) (?:also |clearly |therefore )?"
    r"(?:incorrect|wrong|false"
    r"|excluded|eliminated|ruled out|rejected|out of the question|unlikely|inaccurate|invalid)\b"
    r"|n'est pas\b|ist (?:nicht|falsch|ausgeschlossen)\b|est (?:exclue?|fausse|faux)\b"
    r"|no (?:es|puede)\b|não (?:é|pode)\b)"
)
_WITH = re.compile(r"\b(?:and|or|nor|und|oder|et|ou|ni|y|o)\s[(\[\"']?$")
_REACH = 160
SENTENCE = re.compile(r"[!?\n]|\.(?=\s|$)")
# After a refusal, only what follows one of these is an answer.
_YET = re.compile(
    r"\b(?:but|however|if i had to|if i must|nevertheless|nonetheless|most likely|more likely"
    r"|guess|still|that said|based on the (?:image|visual)|appears to be|therefore)\b|但|不过"
)


def stance(reply: ReplyText, start: int, end: int, floor: int = 0) -> Stance:
    """What the clause around a mention, from `floor` on, says about the option."""
    low = reply.low
    left = max(floor, start - _REACH)
    last = None
    for last in _BOUNDARY.finditer(low, left, start):
        left = last.end()
    if _SUPPOSED.search(low, left, start):
        return "supposed"
    if "if " in low and _IF_SO.search(low, max(0, start - _REACH), start):
        return "supposed"
    if (
        last
        and last[0] in _CONCEDES
        and _SENTENCE_START.search(low, max(0, last.start() - 8), last.start())
    ):
        return "contrasted"
    if _DENIAL.search(low, left, start) or _NO.search(low, max(left, start - 40), start):
        return "denied"
    if _CONTRAST.search(low, left, start):
        return "contrasted"
    after = _past_apposition(low, _past_mark(low, start, end))
    stop = _BOUNDARY.search(low, after, after + _REACH)
    right = stop.start() if stop else min(len(low), after + _REACH)
    if stop and stop[0] in _NOT_BUT:
        right = stop.end()
    likened = low[max(0, start - 3) : start].strip() in ("a", "an")
    if _WOULD.match(low, after) or (likened and _WOULD_BE.match(low, after)):
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
    before = -1
    for start, end, option in texts:
        # "not X: Y": what denies the one before the colon says nothing of the one behind it.
        colon = before >= 0 and _COLON.fullmatch(reply.low, before, start)
        said = stance(reply, start, end, before if colon else 0)
        before = end
        if said == "asserted" and joined_label(reply, end, option):
            said = "open"
        if said == "denied" and (opposite := reply.choices.opposite(option)) is not None:
            option, said = opposite, "asserted"
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
        joined = together and together[-1].several and label.several
        if joined and label.start - together[-1].end < 24:
            together.append(label)
            if _WITH.search(reply.low, label.start - 8, label.start) and (
                found[len(found) - len(together) + 1].stance == "denied"
            ):
                said = "denied"  # "rule out A, B and D": the stance on the first, too
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
        if is_name(reply, start, end):
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
