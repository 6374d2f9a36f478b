"""An option's text, quoted in part, in slightly other words, or misspelt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from string import ascii_lowercase

from mubench_gen.parser.choices import LINKS
from mubench_gen.parser.claims import answering_claims, claims
from mubench_gen.parser.keys import heads_another
from mubench_gen.parser.option_text import COMMON, said_at_start
from mubench_gen.parser.other_uses import is_other_use
from mubench_gen.parser.reply_text import ReplyText, Verdict
from mubench_gen.parser.stances import stance
from mubench_gen.parser.target import label_at, skip_fillers
from mubench_gen.parser.text import any_in, lower
from mubench_gen.parser.tokens import squeezed, tokenize

_CUE = re.compile(
    r"\b(?:answer|option|choice|conclusion)(?: to [^.:\n]{1,80})?(?: is| would be|:)\s*"
    r"|答案[是为:]\s*"
)
_CUE_WORDS = ("answer", "option", "choice", "conclusion", "答案")  # one is in every match
_LEADING = re.compile(
    r"[\s\W]*(?:an?|the|it is|it's|it was|that is|that's|that was|this is)?\s+", re.IGNORECASE
)
# "Yes, the cells …" behind "yes", not "Yes, I can help".
_OPENS = re.compile(r"(?:,|[.!]| --?)(?! ?(?:i|i'm|i'd|we|you|let|please|sorry|sure|but)\b)")
_CLAUSE = re.compile(r"\n|\.(?=\s|$)|;")
_WORDS = 60
_CUT_SHORT = 6  # a text that ends within a word: its length with the spaces around it
_NUMERAL = re.compile(r"\b(?:[ivx]+|\d+)$")  # "type II" is no beginning of "type III"
_IN_ANY_ORDER = 2  # "collagen IV" for "type IV collagen": two words or more
_NAME = 4  # words; a longer option is a statement
_MANY = 3  # an option of fewer words must be there as a whole
_INITIALS = re.compile(r"([A-Z]{2,5})(?: (?:image|micrograph|picture|stain(?:ing)?|cell|tissue))?")
_LETTERS = frozenset(ascii_lowercase)  # are in many sentences: "h and e"
_SLIPS = 7  # letters: shorter words that differ in one are often two words
_NO_WORDS = ("no", "not", "non", "without", "none")
_NEAR = 0.75  # share of the option's words that must be there
_APART = 0.25  # how much smaller every other option's share must be


def partial_text(reply: ReplyText) -> Iterator[Verdict]:
    """The reply, or what it declares, is part of one option's text, or most of its words."""
    at = 0
    if any_in(_CUE_WORDS, reply.low):
        for cue in _CUE.finditer(reply.low):
            at = cue.end()
    if at == 0 and label_at(reply, skip_fillers(reply, 0)) is not None:
        return  # it begins with a label, which was not the answer
    opening = _LEADING.match(reply.low, at)
    if opening:
        at = opening.end()
    stop = _CLAUSE.search(reply.low, at)
    end = stop.start() if stop else len(reply.low)
    if end - at > 400:
        return
    tokens = tokenize(reply.low, at, end)
    if not tokens.words or len(tokens.words) > _WORDS:
        return
    if len(set(tokens.words)) > 2 * max(key.count(" ") for key in reply.choices.keys):
        return  # a sentence about something else that happens to hold the words
    start, end = tokens.spans[0][0], tokens.spans[-1][1]
    if is_other_use(reply, start, end):
        return
    index = _quoted(reply, tokens.joined, reply.low[start:end])
    if index is None:
        index = _overlapping(reply, tokens.joined)
    if index is None:
        index = _misspelt(reply, tokens.joined)
    if index is None:
        index = _abbreviated(reply, reply.text[start:end])
    if index is None and _OPENS.match(reply.low, tokens.spans[0][1]):
        index = said_at_start(reply.choices.options).get(tokens.words[0])
    if index is not None and stance(reply, start, end) != "supposed" and not _denied(reply, index):
        yield Verdict.of(index, start, end)


def _denied(reply: ReplyText, index: int) -> bool:
    """Whether the reply denies an option that is a name, and no statement, takes it back, or
    leaves it open beside others: "either A or B"."""
    if reply.choices.keys[index].count(" ") > _NAME + 1:
        return False
    named = answering_claims(reply)
    said = [c.stance for c in named if c.option == index]
    if set(said) == {"open"} and any(c.option != index and c.stance == "open" for c in named):
        return True
    if not said:  # Several were named, and then the reply declined to choose.
        return len({c.option for c in reply.kept(claims) if c.stance == "asserted"}) > 1
    return "denied" in said or set(said) == {"contrasted"}


def _quoted(reply: ReplyText, joined: str, written: str) -> int | None:
    """The only option whose text contains these words, adjacent or in another order."""
    if joined in COMMON:
        return said_at_start(reply.choices.options).get(joined.strip())
    if len(joined) < 5 and not joined.strip().isdigit():
        return None
    keys = reply.choices.keys
    holding = [index for index, key in enumerate(keys) if joined in key]
    if not holding and len(joined) > _CUT_SHORT and not _NUMERAL.search(written):
        options = reply.choices.options
        holding = [k for k, option in enumerate(options) if lower(option).startswith(written)]
    if not holding and len(joined) > _CUT_SHORT and not _NUMERAL.search(written):
        short = squeezed(joined)
        holding = [k for k, key in enumerate(keys) if f"{squeezed(key)} ".startswith(short)]
    if not holding and joined.count(" ") > _IN_ANY_ORDER:
        words = joined.split()
        if len(set(words)) == len(words):
            holding = [k for k, key in enumerate(keys) if set(words).issubset(key.split())]
    said = joined.split()
    if len(said) == 1 and heads_another(keys, said[0]):
        return None  # "carcinoma" of "squamous cell carcinoma", beside "adenocarcinoma"
    if len(holding) == 1 and not _loses_no(_statement(reply, holding[0]), joined):
        return holding[0]
    return None


def _loses_no(key: str, joined: str) -> bool:
    """Whether a denial of the option's text is not in what was quoted: "stain" of "no stain"."""
    return any(f" {word} " in key and f" {word} " not in joined for word in _NO_WORDS)


def _statement(reply: ReplyText, index: int) -> str:
    """An option's key, less a "No," that leads to a statement."""
    key = reply.choices.keys[index]
    return key.removeprefix(" no") if lower(reply.choices.options[index]).startswith("no,") else key


def _abbreviated(reply: ReplyText, written: str) -> int | None:
    """The only option whose initials are the whole of it: "SEM", "a DIC image"."""
    found = _INITIALS.fullmatch(written)
    if found is None:
        return None
    said = found[1].lower()
    if any(text.lower() == said for text in reply.choices.written()):
        return None  # an alias that several options have
    named = [
        index
        for index, key in enumerate(reply.choices.keys)
        if said in (_initials(key.split()), _initials(w for w in key.split() if w not in LINKS))
    ]
    return named[0] if len(named) == 1 else None


def _initials(words: Iterable[str]) -> str:
    return "".join(word[0] for word in words)


def _misspelt(reply: ReplyText, joined: str) -> int | None:
    """The only option that the words are but for a slip in one of them."""
    written = joined.split()
    near = []
    for index, key in enumerate(reply.choices.keys):
        pairs = [pair for pair in zip(key.split(), written, strict=False) if pair[0] != pair[1]]
        if key.count(" ") == joined.count(" ") and len(pairs) == 1 and is_slip(*pairs[0]):
            near.append(index)
    return near[0] if len(near) == 1 else None


def is_slip(word: str, written: str) -> bool:
    """Two letters swapped, one left out or doubled, or a vowel for another; none at the start."""
    if len(word) < _SLIPS or word[0] != written[0] or not word.isalpha():
        return False
    pairs = zip(word, written, strict=False)
    at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    rest, said = word[at:], written[at:]
    if len(rest) > len(said):
        return rest[1:] == said
    if len(rest) < len(said):
        return said[1:] == rest and said[0] == written[at - 1]
    if {rest[0], said[0]} <= set("aeiouy") and rest[1:] == said[1:]:
        return True
    return rest[:2] == said[1::-1] and rest[2:] == said[2:]


def _overlapping(reply: ReplyText, joined: str) -> int | None:
    """The only option with most of its words there."""
    words = set(joined.split())
    longest = max(key.count(" ") for key in reply.choices.keys) - 1
    if longest < _MANY or len(words) > 2 * longest:
        return None  # a sentence about something else that happens to hold the words
    shares = []
    for index, key in enumerate(reply.choices.keys):
        own = set(key.split())
        same = ("-" in own) == ("-" in words) and all(
            word in words for word in own if word[0].isdigit()
        )
        several = len(own - _LETTERS) >= _MANY
        share = len(own & words) / len(own) if several and same else 0.0
        shares.append((share, index))
    shares.sort(reverse=True)
    best = shares[0]
    if best[0] >= _NEAR and (len(shares) == 1 or best[0] - shares[1][0] >= _APART):
        return best[1]
    return None
