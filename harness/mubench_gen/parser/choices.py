"""The options of one question, prepared for searching a reply."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from mubench_gen.parser.keys import alias_keys, all_starts, key_of, short_of, species_key, starts_of
from mubench_gen.parser.labels import LabelSet, default_labels, label_set
from mubench_gen.parser.qualified import Longer, longer_texts
from mubench_gen.parser.tokens import Tokens, squeezed
from mubench_gen.parser.vocabulary import with_yes_and_no

_META = re.compile(
    r"(?:none|neither|all)(?: of)?(?: (?:the|these|those|them|above|option|other|choice|answer"
    r"|given|listed|provided|two))*"
)
_SKIP = re.compile(
    r"[^\w+/=<>^%≤≥≠±×÷√∞°.-]{0,40}(?:[-.](?!\.?\d)[^\w+/=<>^%≤≥≠±×÷√∞°.-]{0,40}){0,4}"
)
BEFORE_HEAD = " ([{\"'*$"  # before the first character of a text
# Words that a text shares with any sentence.
LINKS = frozenset(
    ("in", "of", "and", "to", "the", "a", "an", "with", "for", "or", "by", "on", "at", "one",
     "text", "option")
)  # fmt: skip
_BEGINNING = 4  # letters
_ARTICLE = re.compile(r"(?:the|an?)\s+")
_ARTICLE_STARTS = ("the", "a")


def _denials(key: str) -> Iterator[str]:
    return (f" {word}{key}" for word in ("not", "no", "non", "absence of"))


class Choices:
    """Options and labels of one question. The texts are prepared when first needed.

    An option may be written as its text or as one of its aliases.
    """

    __slots__ = (
        "_aliases", "_by_length", "_cased", "_further", "_heads", "_initials", "_keys", "_letters",
        "_longer", "_lowered", "_owned", "_squeezed", "_starts", "_texts", "_words", "labels",
        "options", "room",
    )  # fmt: skip

    def __init__(
        self, options: tuple[str, ...], labels: LabelSet, aliases: tuple[tuple[str, ...], ...] = ()
    ) -> None:
        self.options = options
        self.labels = labels
        # How many characters the longest text may take up in a reply.
        self.room = max(map(len, chain(options, *aliases))) * 2 + 40
        self._aliases = aliases
        self._cased: dict[str, str] = {}  # key → what a text must begin with: "IF", "E."
        self._starts: tuple[str, ...] | None = None
        self._letters: set[str] | None = None
        self._heads: str | None = None
        self._further: bool | None = None
        self._lowered: str | None = None
        self._keys: tuple[str, ...] | None = None
        self._texts: dict[str, int] | None = None
        self._words: tuple[str, ...] | None = None
        self._initials: tuple[str, ...] | None = None
        self._owned: dict[int, list[str]] = {}
        self._squeezed: dict[str, int] | None = None
        self._by_length: list[str] | None = None
        self._longer: Longer | None = None

    def written(self) -> Iterator[str]:
        """The options' texts and their aliases, as they are written."""
        return chain(self.options, *self._aliases)

    @property
    def keys(self) -> tuple[str, ...]:
        """The options' texts as " token token "; "" where a text has no token."""
        if self._keys is None:
            self._keys = tuple(map(key_of, self.options))
        return self._keys

    def key(self, index: int) -> str:
        """The key of one option; most replies need only one."""
        return self._keys[index] if self._keys is not None else key_of(self.options[index])

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
            for key, cased in alias_keys(aliases):
                if key not in texts:
                    further.setdefault(key, set()).add(index)
                    if cased:
                        self._cased[short_of(key)] = cased
        for index, option in enumerate(self.options):
            key = species_key(option)
            if key and key not in texts:
                further.setdefault(key, set()).add(index)
                self._cased[short_of(key)] = f"{option[0]}."
        return {key: min(named) for key, named in further.items() if len(named) == 1}

    @property
    def squeezed(self) -> dict[str, int]:
        """Squeezed key → option, or -1 if several options share it."""
        if self._squeezed is None:
            self._squeezed = {}
            for key, index in self.texts.items():
                short = short_of(key)
                known = self._squeezed.setdefault(short, index)
                if known != index and key in self.keys:
                    self._squeezed[short] = -1
        return self._squeezed

    def owned(self, index: int) -> Sequence[str]:
        """The squeezed keys of an option's text and aliases, the text first."""
        found = self._owned.get(index)
        if found is None:
            key = self.key(index)
            found = [short_of(key)] if key else []
            if self.further:
                found += [k for k in self.by_length if self.squeezed[k] == index and k not in found]
            self._owned[index] = found
        return found

    @property
    def further(self) -> bool:
        """Whether an option may be written otherwise than by its text."""
        if self._further is None:
            self._further = bool(self._aliases) or any(map(species_key, self.options))
        return self._further

    @property
    def longer(self) -> Longer:
        """For each option the others that have all its words, with the words they have besides."""
        if self._longer is None:
            self._longer = longer_texts(self.keys)
        return self._longer

    def read(self, tokens: Tokens) -> int | None:
        """The option that these tokens are the text of, -1 if they are of several, else None."""
        if tokens.joined in self.texts:
            return self.texts[tokens.joined]
        return self.squeezed.get(squeezed(tokens.joined))

    def alias_in(self, text: str, index: int) -> str | None:
        """The alias by which a text names the option, None if it is the option's own text."""
        if not self._aliases or text == self.options[index]:
            return None
        key = short_of(key_of(text))
        for alias in self._aliases[index]:
            if short_of(key_of(alias)) == key != short_of(self.key(index)):
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
    def starts(self) -> tuple[str, ...]:
        """How a reply may begin with a text or an alias: a cheap test before it is tokenised."""
        if self._starts is None:
            each: Iterable[tuple[str, ...]] = map(starts_of, self.options)
            if self._aliases:
                each = (all_starts(*pair) for pair in zip(self.options, self._aliases, strict=True))
            self._starts = tuple(chain.from_iterable(each))
        return self._starts

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The first letters of each word of the texts."""
        if self._words is None:
            words = {word[:_BEGINNING] for key in self.keys for word in key.split()}
            if any(option.isupper() and len(option) > 2 for option in self.options):
                words.add("")  # what an abbreviation stands for may begin with any letter
            self._words = tuple(words - LINKS)
        return self._words

    @property
    def initials(self) -> tuple[str, ...]:
        """In capitals the first two initials of the texts, and the second and third."""
        if self._initials is None:
            keys = [key.split() for key in self.keys]
            initials = ["".join(word[0] for word in key).upper() for key in keys]
            pairs = {each[at : at + 2] for each in initials for at in (0, 1) if len(each) > at + 1}
            joined = {f"{key[0][0]}&{key[-1][0]}".upper() for key in keys if key[1:-1] == ["and"]}
            self._initials = tuple(pairs | joined)
        return self._initials

    def named(self, names: tuple[tuple[str, ...], ...]) -> Choices:
        """These choices, where an option may be written as one of some further names, too."""
        aliases = self._aliases or ((),) * len(self.options)
        further = tuple(own + more for own, more in zip(aliases, names, strict=True))
        return _choices(self.options, self.labels.labels, further)

    def starts_with(self, letter: str) -> bool:
        """Whether the key of a text or an alias may begin with that letter."""
        if self._letters is None:
            self._letters = {start[:1] for start in self.starts}
        return letter in self._letters or "" in self._letters

    @property
    def lowered(self) -> str:
        """All that an option may be written as, in lower case."""
        if self._lowered is None:
            self._lowered = "\n".join(self.written()).lower()
        return self._lowered

    @property
    def heads(self) -> str:
        """The first characters of all that an option may be written as, in capitals."""
        if self._heads is None:
            firsts = (text.lstrip(BEFORE_HEAD)[:1] or " " for text in self.written())
            self._heads = "".join(firsts).upper()
        return self._heads

    def may_start(self, lowered: str, at: int, index: int | None = None) -> bool:
        """Whether the text of an option (of `index`, or of any) may begin at `at`."""
        if not lowered[at : at + 1].isalnum():
            skipped = _SKIP.match(lowered, at)
            at = skipped.end() if skipped else at
        starts = (
            starts_of(self.options[index])
            if index is not None and not self.further
            else self.starts
        )
        if lowered.startswith(starts, at):
            return True
        if not lowered.startswith(_ARTICLE_STARTS, at):
            return False
        article = _ARTICLE.match(lowered, at)
        return article is not None and lowered.startswith(starts, article.end())

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
    if not all(map(str.strip, options)):
        index, option = next((k, one) for k, one in enumerate(options) if not one.strip())
        raise ValueError(f"option {index + 1} of {len(options)} is empty: {option!r}")
    if labels is None:
        labels = default_labels(len(options))
    if len(labels) != len(options):
        raise ValueError(f"{len(labels)} labels for {len(options)} options")
    if aliases is not None and len(aliases) != len(options):
        raise ValueError(
            f"aliases for {len(aliases)} of {len(options)} options: give one list per option"
        )
    return Choices(options, label_set(labels), with_yes_and_no(options, aliases or ()))


def choices_for(
    options: Sequence[str],
    labels: Sequence[str] | None,
    aliases: Sequence[Sequence[str]] | None = None,
) -> Choices:
    """Options, labels and aliases, checked. The ValueError names the wrong one."""
    further = None if aliases is None else tuple(map(tuple, aliases))
    return _choices(tuple(options), None if labels is None else tuple(labels), further)
