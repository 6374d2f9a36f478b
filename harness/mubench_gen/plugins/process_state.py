"""State of the process that plugins must not change: how to read it, and to put it back."""

from __future__ import annotations

import builtins
import contextlib
import gc
import locale
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_OWN = "mubench_gen"


@dataclass(frozen=True, slots=True)
class Aspect:
    """`look` reads the state; `put_back` restores it; None: differences are only reported.

    `tell` names what differs between two readings; "" if nothing that matters does.
    """

    look: Callable[[], Any]
    tell: Callable[[Any, Any], str]
    put_back: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True)
class Differences:
    """What differs: what was put back, and what was left because its owner may need it."""

    put_back: list[str]
    left: list[str]


class State:
    """A snapshot of the process."""

    def __init__(self) -> None:
        self._seen = [(aspect, aspect.look()) for aspect in ASPECTS]

    def restore(self) -> Differences:
        """Put back what differs from this state; returns the differences."""
        found = Differences([], [])
        for aspect, before in self._seen:
            text = aspect.tell(before, aspect.look())
            if not text:
                continue
            (found.left if aspect.put_back is None else found.put_back).append(text)
            if aspect.put_back is not None:
                # A signal's handler, say, can be set in the main thread alone.
                with contextlib.suppress(ValueError, TypeError, OSError, locale.Error):
                    aspect.put_back(before)
        return found


@contextlib.contextmanager
def descriptors_kept() -> Iterator[list[str]]:
    """Restores file descriptors 1 and 2 after the block; yields a list of those that changed."""
    found: list[str] = []
    kept: dict[int, int] = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):
            kept[number] = os.dup(number)
    try:
        yield found
    finally:
        for number, copy in kept.items():
            if not _same_file(number, copy):
                os.dup2(copy, number)
                found.append(f"file descriptor {number}")
            os.close(copy)


def _same_file(number: int, copy: int) -> bool:
    try:
        return os.path.samestat(os.fstat(number), os.fstat(copy))
    except OSError:
        return False


def _named(name: str) -> Callable[[Any, Any], str]:
    return lambda before, after: name if before != after else ""


def _folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody removed it
        return None


def _enter(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


class WorkingFolder:
    """The working directory as it is now, to go back to where somebody left it."""

    def __init__(self) -> None:
        self._folder = _folder()

    def back(self) -> bool:
        """Go back; returns whether it had been left."""
        left = _folder() != self._folder
        if left:
            _enter(self._folder)
        return left


def _umask() -> int:
    """The umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _blanket_filters() -> int:
    """How many filters there are that concern every warning of every module."""
    return sum(
        message is None and module is None and category is Warning
        for _, message, category, module, _ in warnings.filters
    )


def _changed_variables(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    names = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    return f"the environment ({', '.join(names)})" if names else ""


def _waiting_threads() -> frozenset[threading.Thread]:
    """The threads that keep the process from ending."""
    main = threading.main_thread()
    return frozenset(t for t in threading.enumerate() if not t.daemon and t is not main)


def _new_threads(before: frozenset[threading.Thread], after: frozenset[threading.Thread]) -> str:
    names = sorted(thread.name for thread in after - before)
    return f"what runs (the thread {', '.join(names)} keeps the process alive)" if names else ""


def _lost_folders(before: list[str], after: list[str]) -> str:
    return "sys.path" if set(before) - set(after) else ""


Functions = Mapping[str, Mapping[str, Any]]  # by module and name


def _functions(belongs: Callable[[str], bool]) -> Callable[[], Functions]:
    """Reads the public functions and classes of the imported modules that `belongs` selects."""

    def look() -> Functions:
        return {
            name: {k: v for k, v in vars(module).items() if callable(v) and k[:1] != "_"}
            for name, module in list(sys.modules.items())
            if belongs(name.partition(".")[0]) and hasattr(module, "__dict__")
        }

    return look


def _replaced(before: Functions) -> Iterator[tuple[str, str]]:
    for name, functions in before.items():
        now = vars(sys.modules[name]) if name in sys.modules else functions
        yield from ((name, k) for k, v in functions.items() if now.get(k, v) is not v)


def _tell_replaced(before: Functions, after: Functions) -> str:
    return ", ".join(sorted(f"{module}.{name}" for module, name in _replaced(before)))


def _put_functions_back(before: Functions) -> None:
    for module, name in list(_replaced(before)):
        setattr(sys.modules[module], name, before[module][name])


def _is_ours(package: str) -> bool:
    return package in (_OWN, builtins.__name__)


def _is_pythons(package: str) -> bool:
    return package in sys.stdlib_module_names and package != builtins.__name__


def _signal_aspects() -> Iterator[Aspect]:
    for number in sorted(signal.valid_signals()):
        if isinstance(number, signal.Signals):

            def look(number: signal.Signals = number) -> Any:
                return signal.getsignal(number)

            def put_back(handler: Any, number: signal.Signals = number) -> object:
                return signal.signal(number, handler)

            yield Aspect(look, _named(f"the handler of {number.name}"), put_back)


def _set_attribute(owner: Any, name: str) -> Aspect:
    return Aspect(
        lambda: getattr(owner, name),
        _named(f"{owner.__name__}.{name}"),
        lambda before: setattr(owner, name, before),
    )


def _stop_timer(pending: bool) -> None:
    if not pending:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _handlers(handlers: tuple[logging.Handler, ...]) -> None:
    logging.getLogger().handlers[:] = handlers


_root = logging.getLogger()
ASPECTS: tuple[Aspect, ...] = (
    Aspect(lambda: _root.level, _named("the root logger's level"), lambda b: _root.setLevel(b)),
    Aspect(lambda: tuple(_root.handlers), _named("the root logger's handlers"), _handlers),
    Aspect(lambda: _root.manager.disable, _named("which levels are logged"), logging.disable),
    *_signal_aspects(),
    Aspect(
        lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        lambda before, after: "an alarm that is due" if after and not before else "",
        _stop_timer,
    ),
    Aspect(_folder, _named("the working directory"), _enter),
    Aspect(_umask, _named("the umask"), os.umask),
    Aspect(
        lambda: locale.setlocale(locale.LC_ALL),
        _named("the locale"),
        lambda before: locale.setlocale(locale.LC_ALL, before),
    ),
    Aspect(
        _blanket_filters, _named("which warnings are shown"), lambda before: None
    ),  # see effects
    Aspect(sys.getrecursionlimit, _named("the recursion limit"), sys.setrecursionlimit),
    Aspect(
        gc.isenabled,
        _named("the garbage collector"),
        lambda before: gc.enable() if before else gc.disable(),
    ),
    *(_set_attribute(sys, name) for name in ("stdout", "stderr", "excepthook")),
    _set_attribute(threading, "excepthook"),
    Aspect(
        lambda: list(sys.path),
        _lost_folders,
        lambda before: sys.path.extend(p for p in before if p not in sys.path),
    ),
    Aspect(_functions(_is_ours), _tell_replaced, _put_functions_back),
    Aspect(_functions(_is_pythons), _tell_replaced),
    Aspect(lambda: dict(os.environ), _changed_variables),
    Aspect(_waiting_threads, _new_threads),
)
