"""A check: its name, why it is made, what to do when it fails. Names are stable API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mubench_gen.errors import MubenchError, describe
from mubench_gen.plugins.isolation import place_of

if TYPE_CHECKING:
    from mubench_gen.testing.subject import Subject

State = Literal[
    "passed", "failed", "skipped", "not checked", "expected failure", "unexpected pass"
]  # fmt: skip


class CheckFailed(AssertionError):
    """What was found instead of what the check wants."""


class NotApplicable(Exception):
    """The check does not concern what is checked; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """`run` raises CheckFailed, or NotApplicable; anything else that it raises is a failure too.

    `kinds` are the kinds of things that it concerns; `reason` says in a line what would go
    wrong in a run, `remedy` what to change. `gate`: where it fails, or cannot be made, nothing
    else is to be found, so that one cause has one message.
    """

    name: str
    kinds: frozenset[str]
    reason: str
    remedy: str
    run: Callable[[Any], None]
    gate: bool = False

    @property
    def is_quick(self) -> bool:
        """Whether it asks the model alone, without a whole run that is begun or resumed."""
        return not self.run.__module__.endswith("run_checks")


_ROUNDING = 1e-3
CHECKS: dict[str, Check] = {}


def check(
    *kinds: str, reason: str, remedy: str, gate: bool = False
) -> Callable[..., Callable[[Subject], None]]:
    """Registers a function as the check of its name."""

    def register(run: Callable[[Subject], None]) -> Callable[[Subject], None]:
        CHECKS[run.__name__] = Check(run.__name__, frozenset(kinds), reason, remedy, run, gate)
        return run

    return register


def want(holds: bool, otherwise: str) -> None:
    """Raises CheckFailed with this message if it does not hold."""
    if not holds:
        raise CheckFailed(otherwise)


def few(names: Iterable[str], shown: int = 3) -> str:
    """The first names, and how many more there are."""
    found = list(names)
    more = len(found) - shown
    return ", ".join([*found[:shown], *([f"… and {more:,} more"] if more > 0 else [])])


def alike(one: Any, other: Any) -> bool:
    """Equal; numbers up to rounding, which a batch's shape may change."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _ROUNDING or (one != one and other != other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended, and of what: a model's name, "metric brier", nothing for the plugin.

    `found` says what was found where it did not pass. `seconds` it took. `kind` is that of what
    was checked: "generative", "metric", …, or "plugin".
    """

    check: Check
    state: State
    found: str = ""
    seconds: float = 0.0
    of: str = ""
    kind: str = ""

    @property
    def holds(self) -> bool:
        """Whether the result is as wanted: passed, without concern, or failed as expected."""
        return self.state in ("passed", "skipped", "not checked", "expected failure")


def judged(check: Check, error: Exception | None, known: str | None) -> Result:
    """The result of a check that raised `error`, or nothing; `known`: why it is to fail."""
    if isinstance(error, NotApplicable):
        return Result(check, "not checked" if check.gate else "skipped", str(error))
    if error is None:
        found = "" if known is None else f"expected to fail ({known}), but it passes"
        return Result(check, "passed" if known is None else "unexpected pass", found)
    told = isinstance(error, (CheckFailed, MubenchError))
    place = place_of(error, error.__traceback__)
    found = describe(error) if told else f"{type(error).__name__}: {describe(error)}{place}"
    if known is None:
        return Result(check, "failed", found)
    return Result(check, "expected failure", f"{known} ({found})")
