"""Calls to the system that fail as they are made for the n-th time, in one folder alone."""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Each with what is short of a failure: half of it is written, and that is said.
CALLS = ("write", "pwrite", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "chmod",
         "ftruncate", "open", "scandir")  # fmt: skip
_ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EBUSY,
           errno.EINTR)  # fmt: skip
SHORT = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What fails: which call, from which one on, how (an errno, or SHORT), and whether for ever."""

    call: str
    number: int
    error: int
    lasting: bool

    @classmethod
    def drawn(cls, draw: random.Random, made: Mapping[str, int]) -> Fault:
        """One of the calls that were made, each kind as likely as another."""
        call = draw.choice(sorted(made))
        errors = (*_ERRORS, SHORT) if call in ("write", "pwrite") else _ERRORS
        return cls(call, draw.randrange(made[call]), draw.choice(errors), draw.random() < 0.5)

    def __str__(self) -> str:
        how = errno.errorcode.get(self.error, "a short one")
        return f"{self.call} {self.number}: {how}{' from then on' if self.lasting else ''}"


def inject(fault: Fault, folder: Path) -> None:
    """Have it happen in this process, to files in the folder and to the folder."""
    seen = 0

    def fails() -> bool:
        nonlocal seen
        seen += 1
        return seen - 1 == fault.number or (fault.lasting and seen - 1 > fault.number)

    def call(real: Callable[..., Any], *given: Any, **more: Any) -> Any:
        if not fails():
            return real(*given, **more)
        if fault.error == SHORT:
            handle, content, *rest = given
            return real(handle, content[: (len(content) + 1) // 2], *rest)
        place = None if isinstance(given[0], int) else os.fspath(given[0])
        raise OSError(fault.error, os.strerror(fault.error), place)

    _watch(folder, {fault.call}, lambda name, real, *given, **more: call(real, *given, **more))


def counted_calls(act: Callable[[], object], folder: Path) -> dict[str, int]:
    """How often each call is made in the folder by the processes that `act` forks."""
    told = folder.with_name(f"{folder.name}-calls")
    handle = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    write = os.write

    def call(name: str, real: Callable[..., Any], *given: Any, **more: Any) -> Any:
        write(handle, json.dumps(name).encode() + b"\n")
        return real(*given, **more)

    undo = _watch(folder, set(CALLS), call)
    try:
        act()
    finally:
        undo()
        os.close(handle)
    return dict(Counter(json.loads(line) for line in told.read_text().splitlines()))


def _watch(folder: Path, names: set[str], call: Callable[..., Any]) -> Callable[[], None]:
    """Put `call` before these functions wherever they are used on the folder."""
    here = os.path.abspath(folder)
    real: list[tuple[Any, str, Any]] = []

    def put(module: Any, attribute: str, name: str) -> None:
        function = getattr(module, attribute)
        real.append((module, attribute, function))

        def watched(*given: Any, **more: Any) -> Any:
            if given and _is_in(here, given[0]):
                return call(name, function, *given, **more)
            return function(*given, **more)

        setattr(module, attribute, watched)

    for name in names:
        put(os, name, name)
    if "open" in names:
        put(builtins, "open", "open")
        put(io, "open", "open")

    def undo() -> None:
        for module, attribute, function in real:
            setattr(module, attribute, function)

    return undo


def _is_in(folder: str, place: Any) -> bool:
    try:
        path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else place
        return os.path.abspath(os.fsdecode(path)).startswith(folder)
    except (OSError, TypeError):
        return False
