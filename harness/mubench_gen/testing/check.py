"""A check: its name, why it is made, what to do when it fails. Names are stable API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mubench_gen.testing.subject import Subject

State = Literal["passed", "failed", "skipped", "expected failure", "unexpected pass"]


class CheckFailed(AssertionError):
    """What was found instead of what the check wants."""


class NotApplicable(Exception):
    """The check does not concern this model or data set; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """`run` raises CheckFailed, or NotApplicable; anything else that it raises is a failure too.

    `kinds` are the kinds of model that it concerns; `reason` says in a line what would go
    wrong in a run, `remedy` what to change.
    """

    name: str
    kinds: frozenset[str]
    reason: str
    remedy: str
    run: Callable[[Any], None]

    @property
    def is_quick(self) -> bool:
        """Whether it asks the model alone, without a whole run that is begun or resumed."""
        return not self.run.__module__.endswith("run_checks")


CHECKS: dict[str, Check] = {}


def check(*kinds: str, reason: str, remedy: str) -> Callable[..., Callable[[Subject], None]]:
    """Registers a function as the check of its name."""

    def register(run: Callable[[Subject], None]) -> Callable[[Subject], None]:
        CHECKS[run.__name__] = Check(run.__name__, frozenset(kinds), reason, remedy, run)
        return run

    return register


def want(holds: bool, otherwise: str) -> None:
    """Raises CheckFailed with this message if it does not hold."""
    if not holds:
        raise CheckFailed(otherwise)


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended; `found` says what was found where it did not pass. `seconds` it took."""

    check: Check
    state: State
    found: str = ""
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the result is as wanted: passed, skipped, or failed as expected."""
        return self.state in ("passed", "skipped", "expected failure")


def judged(check: Check, error: Exception | None, expected: Mapping[str, str]) -> Result:
    """The result of a check that raised `error`, or nothing."""
    if isinstance(error, NotApplicable):
        return Result(check, "skipped", str(error))
    known = expected.get(check.name)
    if error is None:
        found = "" if known is None else f"expected to fail ({known}), but it passes"
        return Result(check, "passed" if known is None else "unexpected pass", found)
    found = str(error) if isinstance(error, CheckFailed) else f"{type(error).__name__}: {error}"
    if known is None:
        return Result(check, "failed", found)
    return Result(check, "expected failure", f"{known} ({found})")
