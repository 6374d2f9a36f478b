"""The options of one question, prepared for searching a reply."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from mubench_gen.parser.labels import LabelSet, default_labels, label_set
from mubench_gen.parser.text import fold, lower, strip_markup
from mubench_gen.parser.tokens import Tokens, join, squeezed, words_of
from mubench_gen.parser.words import NUMBERS, beginnings

_PLAIN = re.compile(r"[A-Za-z ]+")  # an option of words alone is split without `_TOKEN`
_ARTICLES = ("the", "a", "an")
_VERBS = ("is", "are", "was", "has", "and", "or")  # "A is closer": no article
_META = re.compile(
    r"(?:none|neither|all)(?: of)?(?: (?:the|these|those|them|above|option|other|choice|answer"
    r"|given|listed|provided|two))*"
)
_SKIP = re.compile(
    r"[^\w+/=<>^%≤≥≠±×÷√∞°.-]{0,40}(?:[-.](?!\.?\d)[^\w+/=<>^%≤≥≠±×÷√∞°.-]{0,40}){0,4}"
)
_ARTICLE = re.compile(r"(?:the|an?)\s+")
_ARTICLE_LETTERS = ("t", "a")
# A species, which replies abbreviate ("E. coli"): the second word has a Latin ending.
SPECIES = re.compile(r"([A-Z])[a-z]{2,} ([a-z]{2,}(?:us|is|i|um|ae|ens|ans|ys|a|e|es|o|on|er|x))")
_ACRONYM = 4  # an alias of so few capitals counts only in capitals: "IF" is no "if"


@lru_cache(maxsize=8192)
def _key(option: str) -> str:
    """An option as " token token ", without a leading article."""
    if _PLAIN.fullmatch(option):
        words = option.lower().split()
    else:
        words = words_of(lower(strip_markup(fold(option))))
    if len(words) > 1 and words[0] in _ARTICLES and words[1] not in _VERBS:
        words = words[1:]
    return join(words) if words else ""


def _denials(key: str) -> Iterator[str]:
    return (f" {word}{key}" for word in ("not", "no", "non", "absence of"))


@lru_cache(maxsize=8192)
def _short(key: str) -> str:
    """A key squeezed."""
    return squeezed(key.split())


class _Anything:
    """Contains every character."""

    def __contains__(self, character: object) -> bool:
        return True


def _initials(texts: Iterable[str]) -> Container[str]:
    """The first letters that replies may write these texts with."""
    found: set[str] = set()
    for text in texts:
        text = text.lstrip(" ([{\"'*")
        letter = text[:1].lower()
        if letter in "at" and text[:4].lower().startswith(("a ", "an ", "the ")):
            letter = ""
        numbered = text.split(" ", 1)[0].lower() in NUMBERS
        if numbered or not ("a" <= letter <= "z"):  # marks and articles need a closer look, too
            return _Anything()
        found.update("eoa" if letter == "e" else letter)  # oedema, aesthetic
    return found


def text_key(text: str) -> str:
    """What texts have in common that are read as one: "Bright-field" and "bright field"."""
    return _short(_key(text))


@lru_cache(maxsize=8192)
def _heads(key: str) -> tuple[str, ...]:
    """How a key begins as a reply would write it; nothing for numbers, which may be words."""
    if not key:
        return ("\0",)
    if key[1].isdigit():
        return ("",)
    return beginnings(key.split(" ", 2)[1])


class Choices:
    """Options and labels of one question. The texts are prepared when first needed.

    An option may be written as its text or as one of its aliases.
    """

    __slots__ = (
        "_aliases",
        "_by_length",
        "_cased",
        "_further",
        "_heads",
        "_initials",
        "_keys",
        "_owned",
        "_squeezed",
        "_texts",
        "labels",
        "options",
        "room",
    )

    def __init__(
        self, options: tuple[str, ...], labels: LabelSet, aliases: tuple[tuple[str, ...], ...] = ()
    ) -> None:
        self.options = options
        self.labels = labels
        # How many characters the longest text may take up in a reply.
        self.room = max(map(len, chain(options, *aliases))) * 2 + 40
        self._aliases = aliases
        self._cased: dict[str, str] = {}  # key → what a text must begin with: "IF", "E."
        self._heads: tuple[str, ...] | None = None
        self._initials: Container[str] | None = None
        self._further: bool | None = None
        self._keys: tuple[str, ...] | None = None
        self._texts: dict[str, int] | None = None
        self._owned: dict[int, list[str]] = {}
        self._squeezed: dict[str, int] | None = None
        self._by_length: list[str] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The options' texts as " token token "; "" where a text has no token."""
        if self._keys is None:
            self._keys = tuple(map(_key, self.options))
        return self._keys

    def key(self, index: int) -> str:
        """The key of one option; most replies need only one."""
        return self._keys[index] if self._keys is not None else _key(self.options[index])

    @property
    def texts(self) -> dict[str, int]:
        """Key → option, or -1 if several options share the text. Aliases included."""
        if self._texts is None:
            texts: dict[str, int] = {}
            for index, key in enumerate(self.keys):
                if key:
                    texts[key] = -1 if key in texts else index
            self._texts = texts | self._further_texts(texts)
        return self._texts

    def _further_texts(self, texts: dict[str, int]) -> dict[str, int]:
        """The aliases' keys, and the abbreviated species; each means one option alone."""
        further: dict[str, set[int]] = {}
        for index, aliases in enumerate(self._aliases):
            for alias in aliases:
                key = _key(alias)
                if key and key not in texts:
                    further.setdefault(key, set()).add(index)
                    if alias.isupper() and alias.isalpha() and len(alias) <= _ACRONYM:
                        self._cased[_short(key)] = alias
        for index, option in enumerate(self.options):
            species = SPECIES.fullmatch(option)
            key = join([species[1].lower(), species[2]]) if species else ""
            if species and key not in texts:
                further.setdefault(key, set()).add(index)
                self._cased[_short(key)] = f"{species[1]}."
        return {key: min(named) for key, named in further.items() if len(named) == 1}

    @property
    def squeezed(self) -> dict[str, int]:
        """Squeezed key → option, or -1 if several options share it."""
        if self._squeezed is None:
            self._squeezed = {}
            for key, index in self.texts.items():
                short = _short(key)
                known = self._squeezed.setdefault(short, index)
                if known != index and key in self.keys:
                    self._squeezed[short] = -1
        return self._squeezed

    def owned(self, index: int) -> Sequence[str]:
        """The squeezed keys of an option's text and aliases, the text first."""
        found = self._owned.get(index)
        if found is None:
            key = self.key(index)
            found = [_short(key)] if key else []
            if self.further:
                found += [k for k in self.by_length if self.squeezed[k] == index and k not in found]
            self._owned[index] = found
        return found

    @property
    def further(self) -> bool:
        """Whether an option may be written otherwise than by its text."""
        if self._further is None:
            self._further = bool(self._aliases) or any(map(SPECIES.fullmatch, self.options))
        return self._further

    def read(self, tokens: Tokens) -> int | None:
        """The option that these tokens are the text of, -1 if they are of several, else None."""
        if tokens.joined in self.texts:
            return self.texts[tokens.joined]
        return self.squeezed.get(_short(tokens.joined))

    def alias_in(self, text: str, index: int) -> str | None:
        """The alias by which a text names the option, None if it is the option's own text."""
        key = _short(_key(text))
        for alias in self._aliases[index] if self._aliases else ():
            if _short(_key(alias)) == key != _short(self.key(index)):
                return alias
        return None

    def miscased(self, key: str, text: str) -> bool:
        """Whether the text is an acronym not in capitals, or an abbreviation without its dot."""
        return key in self._cased and not text.startswith(self._cased[key])

    @property
    def by_length(self) -> list[str]:
        """Distinct squeezed keys, longest first, so that a text in a longer one comes later."""
        if self._by_length is None:
            self._by_length = sorted(self.squeezed, key=len, reverse=True)
        return self._by_length

    @property
    def heads(self) -> tuple[str, ...]:
        """The beginnings of all texts: a cheap test before a reply is tokenised."""
        if self._heads is None:
            self._heads = tuple({head for key in self.texts for head in _heads(key)})
        return self._heads

    @property
    def initials(self) -> Container[str]:
        """What an option's text may begin with, at a glance."""
        if self._initials is None:
            self._initials = _initials(chain(self.options, *self._aliases))
        return self._initials

    def may_start(self, lowered: str, at: int, index: int | None = None) -> bool:
        """Whether the text of an option (of `index`, or of any) may begin at `at`."""
        skipped = _SKIP.match(lowered, at)
        at = skipped.end() if skipped else at
        letter = lowered[at : at + 1]
        initials = self._initials or self.initials
        if letter in initials and lowered.startswith(self._heads_of(index), at):
            return True
        article = _ARTICLE.match(lowered, at) if letter in _ARTICLE_LETTERS else None
        if article is None or lowered[article.end() : article.end() + 1] not in initials:
            return False
        return lowered.startswith(self._heads_of(index), article.end())

    def _heads_of(self, index: int | None) -> tuple[str, ...]:
        return self.heads if index is None or self.further else _heads(self.key(index))

    def opposite(self, index: int) -> int | None:
        """The option that is the denial of this one: "not X" of "X"."""
        known = [self.texts[key] for key in _denials(self.key(index)) if key in self.texts]
        return known[0] if len(known) == 1 and known[0] >= 0 else None

    def meta_option(self, word: str) -> int | None:
        """The option that says "none of the above" (or "all"), if exactly one does."""
        found = [k for k, key in enumerate(self.keys) if _META.fullmatch(key.strip())]
        named = [k for k in found if self.keys[k].startswith(" all ") == (word == "all")]
        return named[0] if len(named) == 1 else None


@lru_cache(maxsize=4096)
def _choices(
    options: tuple[str, ...],
    labels: tuple[str, ...] | None,
    aliases: tuple[tuple[str, ...], ...] | None,
) -> Choices:
    if not options:
        raise ValueError("no options: parse_answer needs at least one")
    for index, option in enumerate(options):
        if not option.strip():
            raise ValueError(f"option {index + 1} of {len(options)} is empty: {option!r}")
    if labels is None:
        labels = default_labels(len(options))
    if len(labels) != len(options):
        raise ValueError(f"{len(labels)} labels for {len(options)} options")
    if aliases is not None and len(aliases) != len(options):
        raise ValueError(
            f"aliases for {len(aliases)} of {len(options)} options: give one list per option"
        )
    return Choices(options, label_set(labels), aliases or ())


def choices_for(
    options: Sequence[str],
    labels: Sequence[str] | None,
    aliases: Sequence[Sequence[str]] | None = None,
) -> Choices:
    """Options, labels and aliases, checked. The ValueError names the wrong one."""
    further = None if aliases is None else tuple(map(tuple, aliases))
    return _choices(tuple(options), None if labels is None else tuple(labels), further)
