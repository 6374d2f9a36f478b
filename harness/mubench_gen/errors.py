"""The errors of mubench-gen, as one tree.

MubenchError                  every error raised on purpose
├── UsageError                the user must fix it: one message, exit code 2, no traceback
│   ├── SettingError          a flag, a configuration key, an option of a plugin or engine
│   ├── PluginError           unknown, broken, incompatible or shadowed plugin
│   ├── DefinitionError       a task's TOML or a prompt's template (file, line, key)
│   ├── DataError             a data set that is missing, unreadable or not of the schema
│   ├── RunFolderError        other settings, in use by another process, disk full, …
│   ├── MergeError            checkpoints that cannot be read, merged or written
│   ├── MissingExtraError     a package that an extra brings
│   └── NotHereError          a checkpoint that is not on this machine, nor to be had now
├── ItemError                 one item has no answer; the run goes on
│   ├── ImageError            corrupt, truncated, too large, or refused by the policy
│   ├── QuestionError         longer than a prompt may be
│   ├── ItemTimeout           the model did not answer in time
│   ├── ModelDied             the model's process ended while it was asked
│   ├── RetryLater            the service gave no answer now, and may when it is asked again
│   └── ReplyError            too few or too many replies, or one that is not a str
└── EngineFault               the engine is gone: the run ends, resumable, exit code 3
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mubench_gen.types import Failure

_MOST_NAMES = 16  # in one message


class MubenchError(Exception):
    """Base of all errors that mubench-gen raises on purpose."""


class UsageError(MubenchError):
    """Something the user must fix. The message says what, where and what to do."""


class SettingError(UsageError):
    """A setting that is unknown or has a bad value."""


class PluginError(UsageError):
    """A plugin that cannot be used."""


class DefinitionError(UsageError):
    """A task or prompt definition that cannot be used."""


class DataError(UsageError):
    """A data set that cannot be used."""


class RunFolderError(UsageError):
    """A run folder that cannot be used."""


class MergeError(UsageError):
    """Checkpoints that cannot be read, don't fit each other, or cannot be written."""


class MissingExtraError(UsageError):
    """A package is missing that one of the extras installs; `otherwise`: what else helps."""

    def __init__(self, needs: str, extra: str, purpose: str, otherwise: str = "") -> None:
        super().__init__(
            f"{purpose} needs {needs}, which is not installed. "
            f"Type: pip install 'mubench-gen[{extra}]'" + (f". {otherwise}" if otherwise else "")
        )


class NotHereError(UsageError):
    """A checkpoint that is not on this machine, and cannot be fetched now."""


class ItemError(MubenchError):
    """One item has no answer."""


class ImageError(ItemError):
    """An image that cannot be decoded, or that the policy refuses."""


class QuestionError(ItemError):
    """A question that is too long to be shown."""


class ItemTimeout(ItemError):
    """The model did not answer within the timeout."""


class ModelDied(ItemError):
    """The process of the model ended, each time that the request was asked."""


class RetryLater(ItemError):
    """A service gave no answer now. `after`: the seconds that it asks to wait; None: not said."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class ReplyError(ItemError):
    """The model answered with something that is not one reply a request."""


class EngineFault(MubenchError):
    """The engine cannot go on; what was finished is kept and the run can be resumed."""


class LimitReached(EngineFault):
    """As many requests were made as are allowed; the run can be resumed."""


class Terminated(BaseException):
    """SIGTERM arrived: what is finished is on the disk, the same command resumes."""


def describe(error: BaseException) -> str:
    """An exception's message; its class name if it has no message or raises when asked for it."""
    try:
        return str(error) or repr(error)
    except Exception:  # a plugin's exception may do anything
        return type(error).__name__


def failure(error: BaseException) -> Failure:
    """An exception as a record keeps it: its type and a message without lone surrogates."""
    from mubench_gen.types import Failure

    message = describe(error)
    name = type(error).__name__
    text = encodable(message)[:2_000]
    return Failure(name, text if isinstance(error, MubenchError) else f"{name}: {text}")


def encodable(text: str) -> str:
    """The text without lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def similar(name: str, known: Iterable[str]) -> list[str]:
    """The known names, at most three, that a wrong name may have meant; the nearest first."""
    import difflib

    return difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that helps with an unknown name: similar names, or else the list of all."""
    names = sorted(set(known))
    if near := similar(name, names):
        return "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    shown = names if len(names) <= _MOST_NAMES else names[: _MOST_NAMES - 1]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return "Known: " + (", ".join(shown) if names else "none") + more + "."
