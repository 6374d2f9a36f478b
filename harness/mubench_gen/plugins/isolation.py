"""A plugin's errors, caught and explained: what failed, and where in whose code."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.errors import (
    EngineFault,
    PluginError,
    Terminated,
    UsageError,
    describe,
)

if TYPE_CHECKING:
    from mubench_gen.plugins.extension import Measures, Section

    Score = Callable[[Iterable[Mapping[str, Any]], Mapping[str, Any]], Measures]
    Sectioned = Callable[[Sequence[Any]], Section]


class Isolated(contextlib.AbstractContextManager[None]):
    """Turns whatever a plugin raises into a PluginError that names file and line.

    Also SystemExit, KeyboardInterrupt and the like; but what a signal raises passes through.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, (UsageError, EngineFault)) or of_a_signal(error):
            return
        place = place_of(error, trace)
        what = error.msg if isinstance(error, SyntaxError) else describe(error)
        name = type(error).__name__
        said = name if what in ("", f"{name}()") else f"{name}: {what}"
        raise PluginError(f"{self._where} is broken: {said}{place}.") from None


def of_a_signal(error: BaseException) -> bool:
    """Whether Ctrl-C or SIGTERM raised it, which is no fault of a plugin; a `raise` statement of a
    KeyboardInterrupt is."""
    if not isinstance(error, KeyboardInterrupt):
        return isinstance(error, Terminated)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return not last or not (last[0].line or "").lstrip().startswith("raise ")


def place_of(error: BaseException, trace: Any) -> str:
    """The file and line in the plugin's own code, and not in what imported it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {error.filename}:{error.lineno}" if error.lineno else f" in {error.filename}"
    frames = [f for f in traceback.extract_tb(trace) if not _imports(f.filename)]
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _imports(filename: str) -> bool:
    ours = filename.startswith(os.path.dirname(os.path.dirname(__file__)) + os.sep)
    return ours or filename.startswith("<") or "importlib" in filename or "pluggy" in filename
