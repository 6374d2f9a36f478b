"""Declarations after the option: "B is correct", "A: Incorrect … B: Correct"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from mubench_gen.parser.cues import cues
from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.option_text import any_text_at, contradicts
from mubench_gen.parser.repeated_options import own_text_end
from mubench_gen.parser.reply_text import MANY, ReplyText, Verdict
from mubench_gen.parser.text import any_in

_CORRECT = re.compile(
    r"[)\]\"'.:]{0,4}\s{0,3}(?:\([^()\n]{1,80}\)\s{0,3})?"
    r"(?:(?:is|are|was|would be|must be|should be|seems(?: to be)?|appears to be|looks|remains"
    r"|ist|est|es|é|está|è|jest|är|adalah)\s{1,3}"
    r"(?:(?:the|most|only|likely|single|definitely|indeed|therefore|thus|clearly|also|die|das|la"
    r"|le|quell[oa]"
    r"|a|o|best|better|more|one|our|my|your|likely to be|probably|overall|logically"
    r"|option that is)\s{1,3}){0,4}"
    r"(?:correct|right|answer|true|best|choice|accurate|appropriate|suitable|plausible|valid"
    r"|fitting|reasonable|logical|closest|solution|likely|richtig|correcte|bonne|juste|correct[oa]"
    r"|corret[oa]"
    r"|certa|verdadera|vraie|giust[oa]|juist|goed|benar|poprawn[aye]|верн\w{1,2}|rätt|doğru|đúng)\b"
    r"|(?:is|seems) (?:better|closer|likelier)(?=[.,;]| because| since| than)"
    r"|(?:the|my) (?:correct |right |best |final )?(?:answer|choice|pick)\b"  # "makes B the answer"
    r"|(?:项|选项)?\s?(?:是|为)?\s?最?(?:正确|对的|合适|准确)|が正解"
    r"|が正しい|[가이는은] 맞|\s(?:верен|верн[оы]|benar)\b)"
)
# Every match of the pattern contains one of these, which is cheaper to search first.
CORRECT_WORDS = (
    "correct", "right", "answer", "true", "best", "choice", "accurate", "appropriate", "suitable",
    "plausible", "valid", "fitting", "reasonable", "logical", "closest", "solution", "likely",
    "better", "closer", "likelier", "richtig", "bonne", "juste", "corret", "certa", "verdadera",
    "vraie", "giust", "juist", "goed", "benar", "poprawn", "верн", "rätt", "doğru", "đúng", "맞",
    "正", "对的", "合适", "准确",
)  # fmt: skip
SAID_CORRECT = cues(
    "correct* right answer true best choice accurate appropriate suitable plausible valid fitting"
    " reasonable logical closest solution likely better closer likelier pick richtig bonne juste"
    " corret* certa verdadera vraie giust* juist goed benar poprawn*",
    _CORRECT,
)
_UNLESS = re.compile(
    r"(?:\bif|\bnot|n't|whether|unless|why|neither|nor|only|both)\s+(?:\w+\s+)?[(\[\"']*$"
    r"|\bn(?:one|either) of\b[^.\n;]{0,48}$"
)


# A remark on what an option is right for: "is correct for lipids", "is right only if …".
_LIMITED = re.compile(
    r"(?: (?:answer|option|choice|one))?,? (?:only\b|(?:at|on) first\b|initially\b|were it not"
    r"|had (?:it|the)\b|but for the\b"
    r"|to (?:question \d|the (?:previous|last|other"
    r"|next))|(?:for|if|when|where|with respect to"
    r"|in the (?:case|context|sense) of|as far as)\b(?! (?:this|the (?:image|question|picture"
    r"|micrograph|following|given|above|reasons?)|these|that reason|several|two|three|it\b)))"
)
# What lets "B is correct" stand against a declaration before it.
_RETURNS = re.compile(
    r"\b(?:therefore|thus|hence|so|wait|actually|hmm|no|correction|but|however|instead|again"
    r"|reflection|second thought|conclusion|overall|finally|in fact|sorry)\b[^\n]{0,60}$"
    r"|因此|所以|综上|不对|应该"
)


def said_correct(reply: ReplyText) -> Iterator[Verdict]:
    """ "Option C is correct", "(B) mitochondrion is the answer", "B项正确"."""
    low, floor = reply.low, reply.floor
    # A declaration's own label is at the floor; often no other follows it.
    behind = floor + 1 if floor else 0
    if not reply.choices.labels.prose.search(reply.text, behind):
        return
    if not any_in(CORRECT_WORDS, low[floor:]):
        return
    for label in reversed(labels_named(reply)[-MANY:]):
        if label.start < behind:
            return
        if label.several and low[max(0, label.start - 2) : label.start] != ", ":
            continue  # "A and B are correct"; but "of A and B, B is correct"
        own = own_text_end(reply, label.option, label.end)
        ends = (label.end,) if own is None else (label.end, own)
        said = next(filter(None, (_CORRECT.match(low, end) for end in ends)), None)
        if said is None or _LIMITED.match(low, said.end()):
            continue
        if floor and not _RETURNS.search(low, max(0, label.start - 80), label.start):
            continue
        if not _UNLESS.search(reply.low, max(0, label.start - 30), label.start):
            if own is None and contradicts(reply, label.option, label.end):
                yield Verdict("contradiction", None, label.start, label.end)
            else:
                yield Verdict.of(label.option, label.start, own or label.end)
            return


_AGAINST = (
    "incorrect", "wrong", "false", "not", "no", "错", "不", "✗", "✘", "❌", "falsch", "faux",
    "✓", "✔", "✅", "ruled out", "excluded", "eliminated",
)  # fmt: skip
_RIGHT = re.compile(
    r"[)\]\"'.: -]*(?:\([^()\n]{0,80}\)\s*)?(?:this (?:is|option is|statement is)\s+)?(?:the\s+)?"
    r"(?:correct|right|true|yes|正确|✓|✔|✅|richtig|vrai|verdadero)(?!\w)"
)
_WRONG = re.compile(
    r"[)\]\"'.: -]*(?:\([^()\n]{0,80}\)\s*)?(?:this (?:is|option is|statement is)\s+)?(?:not |is )?"
    r"(?:incorrect|wrong|false|not|no|correct|错误|不正确|✗|✘|❌|falsch|faux|falso)(?!\w)"
)


_NAMED_CORRECT = re.compile(
    r"\b(?:which|this|it|that) (?:is|makes it|must be) (?:the )?(?:correct|right|best)"
    r" (?:answer|option|choice)"
)
_MARK_AT_END = re.compile(
    r"(?:[-:(>]\s?(?:this is )?(?:(no|false|wrong|incorrect|not correct|ruled out"
    r"|excluded)|yes|true|right|correct|matches|fits)"
    r"|(✗|✘|❌)|✓|✔|✅)[.!)]?\s*$"
)


MARKED_CORRECT = cues(
    "correct right true yes likely matches fits possible plausible best richtig vrai verdadero",
    _RIGHT,
    _NAMED_CORRECT,
)


def _marked(reply: ReplyText, end: int) -> bool | None:
    """Whether an item is marked right or wrong, after its label or at its line's end, or None."""
    if _RIGHT.match(reply.low, end):
        return True
    if _WRONG.match(reply.low, end):
        return False
    line = reply.low.find("\n", end)
    line = len(reply.low) if line < 0 else line
    if _NAMED_CORRECT.search(reply.low, end, line):
        return True
    mark = _MARK_AT_END.search(reply.low, max(end, line - 24), line)
    return None if mark is None else mark[1] is None and mark[2] is None


# A row or line that ends with a verdict: "| mucus | no |", "nucleus: yes".
_MARKED_LINE = re.compile(
    r"[:(>-] ?(?:yes|no|true|false|(?:in)?correct|right|wrong|matches|fits|ruled out|excluded"
    r"|[✓✔✅✗✘❌])[ )]*(?:\n|$)"
    r"|  (?:yes|no|true|false|(?:in)?correct|right|wrong|[✓✔✅✗✘❌]) *(?:\n|$)"
    r"| [✓✔✅✗✘❌] *(?:\n|$)"
)
_LONG = 1200  # characters; a longer reply is no list of names
_LINE = re.compile(r"(?:\A|\n)(?:[\s>(\[*-]|\d{1,2}[.)](?=\s)){0,12}")
_ITEM_IN_LINE = re.compile(
    r"(?<![^\W_])([A-Za-z0-9]{1,2})[)\]]?"
    r"(?:[ ]\([^()\n]{1,60}\)|(?<=[)\]])[ ][^.,;:()\n]{1,40}?)?"
    r"(?:[ ]?(?:[:=]|->?)[ ]?|[ ](?=yes|no\b))"
    r"(?:(yes|true|right|correct|likely|matches|fits|possible|plausible)"
    r"|(?:no|false|wrong|incorrect|unlikely|not correct|ruled out|excluded|eliminated|no match))"
    r"(?=[.,;|]|[ ]?(?:\n|$)|[ ][A-Z] (?:yes|no)\b)",
    re.IGNORECASE,
)
_RIGHT_IN_LINE = re.compile(  # is in every match that marks an item right, and found faster
    r"[:=>-][ ]?(?:yes|true|right|correct|likely|matches|fits|possible|plausible)"
    r"(?=[.,;|]|[ ]?(?:\n|$))",
    re.IGNORECASE,
)
_BARE_YES = re.compile(r"[A-Z]\)? yes(?=[.,;|]|[ ]?(?:\n|$)|[ ][A-Z] no\b)")  # "A no; B yes"


def item_marked_correct(reply: ReplyText) -> Iterator[Verdict]:
    """A list that marks each option, only one as right: "A: Incorrect … B: Correct …"."""
    if not any_in(_AGAINST, reply.low):
        return
    yield from _marked_in_line(reply)
    if "\n" not in reply.low:
        return
    found = _items(reply)
    if not found and reply.floor == 0 and len(reply.low) < _LONG and _MARKED_LINE.search(reply.low):
        found = list(_named_items(reply))
    if not found:
        return
    marks = [_marked(reply, item.end) for item in found]
    right = [item for item, mark in zip(found, marks, strict=True) if mark]
    if len(right) == 1 and (False in marks or len(found) > 1):
        yield right[0]


def _items(reply: ReplyText) -> list[Verdict]:
    """The lines that begin with a label, each up to the end of its own text; none if a
    declaration follows them.
    """
    items = list(reply.choices.labels.item.finditer(f"\n{reply.text}"))
    if not items or items[-1].start(1) - 1 < reply.floor:
        return []
    found = []
    for item in items:
        option = reply.choices.labels.index_of.get(item[1].lower())
        if option is not None:
            start, label_end = item.start(1) - 1, item.end() - 1  # less the "\n" put in front
            end = own_text_end(reply, option, label_end) or label_end
            found.append(Verdict.of(option, start, end))
    return found


def _named_items(reply: ReplyText) -> Iterator[Verdict]:
    """The lines, or rows of a table, that begin with an option's text."""
    for line in islice(_LINE.finditer(reply.text), MANY):
        named = any_text_at(reply, line.end())
        if named is not None and named.option is not None:
            yield named


def _marked_in_line(reply: ReplyText) -> Iterator[Verdict]:
    """ "A: no. B: yes. C: no.": verdicts one behind the other; several that are right are open."""
    bare = " yes" in reply.low and _BARE_YES.search(reply.text)
    if not (bare or _RIGHT_IN_LINE.search(reply.text)):
        return
    right: list[Verdict] = []
    marked: set[int] = set()
    for item in islice(_ITEM_IN_LINE.finditer(reply.text), MANY):
        option = reply.choices.labels.index_of.get(item[1].lower())
        if option is not None:
            marked.add(option)
            if item[2]:
                right.append(Verdict.of(option, *item.span(1)))
    if len(marked) > 1 and right:
        if len(right) == 1:
            yield right[0]
        elif len({one.option for one in right}) > 1:
            yield Verdict("ambiguous", None, right[0].start, right[-1].end)
