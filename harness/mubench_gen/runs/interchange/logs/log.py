"""What every reader of another program's log returns: its facts, and an item an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from mubench_gen.errors import DataError


@dataclass(frozen=True, slots=True)
class TheirVerdict:
    """What the other program made of a reply: whether it is right, and what it read in it."""

    correct: bool | None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedItem:
    """A multiple-choice question that was asked, and its answer.

    `name` is the question's in its source. `prompt`: the messages as (role, text); `image`: the
    file's bytes, where they are to be had, else perhaps their digest; `more_images` and
    `images_sha256` (of all, in their order) where there are several. `scores`: one an option, in
    place of a reply. `error`: why there is no answer.
    """

    name: str
    question: str
    options: tuple[str, ...]
    gold: int
    reply: str | None = None
    scores: tuple[float, ...] | None = None
    theirs: TheirVerdict = TheirVerdict(None)
    prompt: tuple[tuple[str, str], ...] = ()
    image: bytes | None = None
    image_sha256: str | None = None
    more_images: tuple[bytes, ...] = ()
    images_sha256: tuple[str, ...] = ()
    image_id: str = ""
    item: str = ""  # of a run of ours, where the log was made of one
    model: str = ""  # that answered, where the log says it of each answer
    dataset: str = ""
    task: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    usage: Mapping[str, int] | None = None
    seconds: float | None = None
    reasoning: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        """NotAskedHere for a blank option; ValueError for what is not of its field's kind."""
        if not all(option.strip() for option in self.options):
            raise NotAskedHere("with an empty option")
        if self.scores is not None and not all(map(isfinite, self.scores)):
            raise ValueError("the score of an option is no finite number")
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise ValueError(f"its {name.replace('_', ' ')} is {value!r:.60}")


# A field that a log gives as it stands → what it must be.
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "reasoning": str,
    "finish_reason": str,
    "image_sha256": str,
    "seconds": (int, float),
    "error": str,
}


@dataclass(frozen=True, slots=True)
class Log:
    """A log. `version` is its program's, "" where that is not known; `items` are read as they are
    asked for, and count in `left_out` what is no multiple-choice question, by reason. `unknown`:
    what this log lacks beside what no log has."""

    program: str
    version: str
    model: str
    items: Iterator[LoggedItem]
    left_out: Counter[str]
    created: str = ""
    data: str = ""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


class NotAskedHere(Exception):
    """An entry of a log that is no multiple-choice question with one right answer."""


def usage_of(counts: Mapping[str, int]) -> dict[str, int] | None:
    """A record's usage, of what logs count as tokens in and out; None where they count none."""
    names = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
    found = {ours: counts[theirs] for theirs, ours in names.items() if theirs in counts}
    return found or None


@contextmanager
def entry(where: str, left_out: Counter[str]) -> Iterator[None]:
    """Turn what a malformed entry raises into a DataError that says where it stands; count an
    entry that is left out."""
    try:
        yield
    except NotAskedHere as reason:
        left_out[str(reason)] += 1
    except KeyError as error:
        raise DataError(f"{where}: has no {error.args[0]!r}.") from None
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
        raise DataError(f"{where}: is not as that format has it: {error}.") from None
