"""Rules for replies that are, or begin with, the answer itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.labels_in_prose import labels_named
from mubench_gen.parser.refusals import REFUSAL
from mubench_gen.parser.repeated_options import in_list, own_text_end
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.stances import denied_behind, stance
from mubench_gen.parser.target import label_at, skip_fillers
from mubench_gen.parser.tokens import first_tokens, tokenize

_OPENING = re.compile(r"(?:sure|okay|ok|certainly|of course|yes|well)[,!.:\s]+")
_DELIMITER = re.compile(r"[)\]\"'>]*\s*(?:[.:,;)\]-]|\n|$)")
_ARTICLE = re.compile(r"[\s\W]{0,20}(?:an?|the)\s+(?=\w)")
_BARE_LINES = re.compile(r"[)\]. ]*\n[\s(\[]*")
_BARE_END = re.compile(r"[)\]. ]*(?:\n|$)")
_ANSWER_MARK = re.compile(r"A:\s+(?=[(\[]?[A-Z0-9]{1,2}(?:[)\].,:]|\s*$))")  # "A:" for "answer:"
_WRONG_AFTER = re.compile(
    r"[)\]\"'.: -]*(?:is |are |was )?(?:incorrect|wrong|false|not)\b|\.{2,3} (?:hm+,? )?(?:no"
    r"|wait)\b"
)
_BOTH_WRONG = re.compile(
    r"[)\]]?(?:,? ?[(\[]?[a-z][)\]]?){0,6},? (?:and|or|nor) [(\[]?[a-z][)\]]?"
    r" (?:(?:all|both) )?(?:fail|(?:are|is|can|could|have)(?: (?:both|all|be|been|clearly)){0,3}"
    r" (?:incorrect|wrong|false|not|out|eliminated|excluded|ruled out|rejected|discarded)\b)"
)
# "A) is possible, B) is, too": one of several that are left.
_POSSIBLE = re.compile(
    r"[)\].:]{0,2} ?(?:is|seems|would be|may be|might be|remains) (?:also |equally |still )?"
    r"(?:possible|plausible|conceivable|an option)\b"
)
# "A: no, B: no": verdicts on one item behind the other.
_NO_NEXT = re.compile(r"[)\]]? ?[:=.-] ?no[.,;|] ?[(\[]?[a-z0-9][)\]]? ?[:=.-] ?\w")
_MARKED = re.compile("[☑☒✅✔✓✗✘❌☐○●◉%]")  # labels with marks or shares are no bare list
_MARKS = re.compile(r"[\s(\[\"']*")
OPERATOR = re.compile(r" ?(?:[+*/×÷=^]|(?:-|times|plus|minus)(?!\w))")
_SAME_LINE = re.compile(r"[ .,;]{1,4}[(\[]?")
_ITEM_END = re.compile(r"[ .,;]*(?:\n|$)")
_STOPS = ("\n", ". ", "? ", "! ")
_SURE = re.compile(  # "A it is!", "A for sure."
    r"\W*([A-Z])[)\]\"'*,]{0,3} (?:it is|for sure|definitely|certainly|obviously|of course|clearly"
    r"|no doubt"
    r"|i (?:think|guess|believe|say|suppose)|✓|✔|✅)\W*"
)
_ASKED = re.compile(r"[^.!\n]{1,24}\?\s*\w")
_LAST_LABEL = re.compile(
    r"(?:[^\W\d_]{2}[)\"']?[.!]|\?) {1,2}[(\[]?([A-Z])[)\]]?(?:,? (?:then|it is))?[.!]?\s*$"
)
_LAST_ENDS = (" then", "it is")
_LAST_ROOM = 32
# "See Fig. A", "Dr. A": a point that ends no sentence.
_SHORTENED = re.compile(r"\b(?:figs?|dr|mrs?|ms|prof|st|cf|vs|eq)\. {1,2}[(\[]?$")
# "B and D look alike, but …"
_COMPARED = re.compile(
    r"[)\]]? (?:and|or) [(\[]?[a-z0-9][)\]]? (?:look|are|can|could|both|seem|have|show|share|do)\b"
)
_ALONE = re.compile(r"[\s\W]*$")


def sole_text(reply: ReplyText) -> Iterator[Verdict]:
    """The reply is exactly an option's text."""
    if len(reply.low) > reply.choices.room or not reply.choices.may_start(reply.low, 0):
        return
    tokens, read = reply.tokens, reply.choices.read
    opening = _ARTICLE.match(reply.low)
    if opening and read(tokens) is None:
        tokens = tokenize(reply.low, opening.end())
    option = read(tokens)
    if option is not None:
        yield Verdict.of(option, tokens.spans[0][0], tokens.spans[-1][1])


def label_with_text(reply: ReplyText) -> Iterator[Verdict]:
    """The reply is exactly a label with its option's text: "B. mitochondrion"."""
    low, choices = reply.low, reply.choices
    if len(low) > choices.room:
        return
    label = choices.labels.token.match(reply.text, _past_marks(low))
    option = choices.labels.index_of.get(label[0].lower()) if label else None
    if label is None or option is None:
        return
    own = own_text_end(reply, option, label.end())
    if own is not None and _ALONE.match(low, own):
        yield Verdict.of(option, label.start(), own)


def _past_marks(low: str) -> int:
    marks = _MARKS.match(low)
    return marks.end() if marks else 0


def sole_labels(reply: ReplyText) -> Iterator[Verdict]:
    """The reply is only labels: one repeated, or several."""
    known = reply.choices.labels.index_of
    if not all(token[0] in known for token in first_tokens(reply.low, 2)):
        return
    if _ANSWER_MARK.match(reply.text) or _MARKED.search(reply.text):
        return
    tokens = reply.tokens
    named = {known.get(word) for word in tokens.joined.split()}
    if None in named or len(tokens.spans) < 2 or reply.choices.read(tokens) is not None:
        return
    start, end = tokens.spans[0]
    option = named.pop()
    if named or option is None:
        yield Verdict("ambiguous", None, start, end)
    else:
        yield Verdict.of(option, start, end)


def leading_label(reply: ReplyText) -> Iterator[Verdict]:
    """The reply begins with a label: "B", "(B) text", "B. text", "B\\n\\nBecause …"."""
    sure = _SURE.fullmatch(reply.text)
    if sure and sure[1] in reply.choices.labels.labels:
        yield Verdict.of(reply.choices.labels.index_of[sure[1].lower()], *sure.span(1))
        return
    opening = _OPENING.match(reply.low)
    at = skip_fillers(reply, opening.end() if opening else 0)
    found = label_at(reply, at)
    if found is None or found.status != "answered" or found.option is None:
        asked = found is not None and _is_asked(reply, found.end)
        if found is None or asked or _BOTH_WRONG.match(reply.low, found.end):
            return
        if not _COMPARED.match(reply.low, found.end):
            yield found
        return
    if in_list(reply, found.option, found.start, found.end) or _each_in_turn(reply, found):
        return
    if reply.text.startswith("A:", at) and REFUSAL.match(reply.low, skip_fillers(reply, at + 2)):
        return  # "A:" for "answer:"
    answer = _ANSWER_MARK.match(reply.text, at)
    if answer and label_at(reply, answer.end()) is not None:
        at = answer.end()
        found = label_at(reply, at)
        if found is None or found.status != "answered":
            return
    if _NO_NEXT.match(reply.low, found.end) or _is_article(reply, found):
        return
    if _POSSIBLE.match(reply.low, found.end):
        return
    if stance(reply, found.start, _end(reply, found)) == "supposed":
        return  # "it would be a diatom if it had a frustule"
    if _BOTH_WRONG.match(reply.low, found.end) or denied_behind(reply, _end(reply, found)):
        return
    if _WRONG_AFTER.match(reply.low, found.end) and not _own_text(reply, found):
        return
    if _next_line_is_another(reply, found):
        yield Verdict("ambiguous", None, found.start, found.end)
        return
    if not _DELIMITER.match(reply.text, found.end) and not _own_text(reply, found):
        return
    if _second_item(reply, found):
        yield Verdict("ambiguous", None, found.start, found.end)
        return
    yield found


def _is_article(reply: ReplyText, label: Verdict) -> bool:
    """Whether the first option's text follows an "A" without a mark: "A neuron transmits …"."""
    article = reply.text[label.start : label.end + 1]
    if article != "a " and (article != "A " or label.start):
        return False
    return _own_text(reply, label)


def _is_asked(reply: ReplyText, end: int) -> bool:
    """Whether labels are asked about, and an answer follows: "A or C? A."."""
    return _ASKED.match(reply.low, end) is not None


def _end(reply: ReplyText, label: Verdict) -> int:
    """The end of the label, or of its own text behind it."""
    assert label.option is not None
    return own_text_end(reply, label.option, label.end) or label.end


def _next_line_is_another(reply: ReplyText, label: Verdict) -> bool:
    """ "A\nB\nC", "D. mucus\nB. debris": labels, bare or with their texts, line by line."""
    if "\n" not in reply.text:
        return False
    assert label.option is not None
    own = own_text_end(reply, label.option, label.end)
    line = _BARE_LINES.match(reply.text, own or label.end)
    token = reply.choices.labels.token.match(reply.text, line.end()) if line else None
    option = reply.choices.labels.index_of.get(token[0].lower()) if token else None
    if token is None or option in (None, label.option):
        return False
    end = own_text_end(reply, option, token.end()) if own else token.end()
    return end is not None and _BARE_END.match(reply.text, end) is not None


def _second_item(reply: ReplyText, label: Verdict) -> bool:
    """ "A. nucleus. C. Golgi apparatus.": another option, whole, on the same line."""
    assert label.option is not None
    own = own_text_end(reply, label.option, label.end)
    gap = _SAME_LINE.match(reply.low, own) if own is not None else None
    token = reply.choices.labels.token.match(reply.text, gap.end()) if gap else None
    option = reply.choices.labels.index_of.get(token[0].lower()) if token else None
    if token is None or option is None or option == label.option:
        return False
    other = own_text_end(reply, option, token.end())
    return other is not None and bool(_ITEM_END.match(reply.low, other))


def _each_in_turn(reply: ReplyText, label: Verdict) -> bool:
    """ "A: nucleus is round. B: mitochondrion is oval.": the options, one after the other."""
    if label.option != 0 or not _own_text(reply, label):
        return False
    line = reply.text.find("\n", label.end)
    line = len(reply.text) if line < 0 else line
    for following in labels_named(reply):
        if following.option == 1 and label.end < following.start < line:
            behind = reply.text[following.end : following.end + 1]
            own = own_text_end(reply, 1, following.end)
            return behind in (":", ")", ".") and own is not None
    return False


def _own_text(reply: ReplyText, label: Verdict) -> bool:
    assert label.option is not None
    return own_text_end(reply, label.option, label.end) is not None


def _follows_item(reply: ReplyText, line: int) -> bool:
    """Whether the line before begins with a label too, as in a list of the options."""
    text = reply.text
    end = line
    while end and text[end - 1].isspace():
        end -= 1
    before = text.rfind("\n", 0, end) + 1
    marks = _MARKS.match(reply.low, before)
    label = reply.choices.labels.token.match(text, marks.end() if marks else before)
    if label is None or label[0].lower() not in reply.choices.labels.index_of:
        return False
    return text[label.end() : label.end() + 1] in (".", ")", ":")


def final_text(reply: ReplyText) -> Iterator[Verdict]:
    """The last sentence is exactly an option's text."""
    low, choices = reply.low, reply.choices
    end = len(low.rstrip(" \t\n.!\"')"))
    stop = _last_stop(low, max(0, end - choices.room), end)
    if stop <= 0 or not choices.may_start(low, stop + 1):
        return
    tokens = tokenize(low, stop + 1, end)
    option = choices.read(tokens)
    if option is None:
        return
    earlier = _last_stop(low, max(0, stop - choices.room), len(low[:stop].rstrip()))
    before = tokenize(low, max(0, earlier), stop)
    last_word = before.joined.rstrip().rpartition(" ")[2]  # the mark of an item, "D." or "3."
    is_item = last_word in choices.labels.index_of or last_word.isdigit()
    if choices.read(before) is None and not is_item:
        yield Verdict.of(option, tokens.spans[0][0], tokens.spans[-1][1])


def _last_stop(low: str, left: int, end: int) -> int:
    """The index of the last stop before `end`, -1 if there is none."""
    return max([low.rfind(stop, left, end) for stop in _STOPS])


def final_line(reply: ReplyText) -> Iterator[Verdict]:
    """The last line is a label, alone or with its text, or the last sentence a label alone."""
    end = len(reply.text.rstrip())
    line = reply.text.rfind("\n", 0, end) + 1
    if line == 0:
        yield from _final_sentence(reply)
    if line == 0 or end - line > 300:
        return
    at = skip_fillers(reply, line)
    found = label_at(reply, at)
    if found is None or found.status != "answered":
        return
    assert found.option is not None
    if in_list(reply, found.option, found.start, found.end) or _follows_item(reply, line):
        return
    if _ALONE.match(reply.text, found.end) or _own_text(reply, found):
        yield found


def _final_sentence(reply: ReplyText) -> Iterator[Verdict]:
    """ "It has no granules. D.": a capital behind a sentence, not one of several or an initial."""
    said = reply.text[-_LAST_ROOM:].rstrip().rstrip(".!)]")
    if not (said[-1:].isupper() or said.endswith(_LAST_ENDS)):
        return
    found = _LAST_LABEL.search(reply.text, max(0, len(reply.text) - _LAST_ROOM))
    option = reply.choices.labels.index_of.get(found[1].lower()) if found else None
    if found is None or option is None or found[1] not in reply.choices.labels.labels:
        return
    if not _SHORTENED.search(reply.low, max(0, found.start(1) - 12), found.start(1)):
        yield Verdict.of(option, *found.span(1))
