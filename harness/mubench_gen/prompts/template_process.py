"""Templates that others wrote, rendered in a process of its own with limits.

One process serves all of them, one rendering after the other; it starts with the first one and
ends with this process: its connection closes. What is asked is plain data (marshal, which only
this side writes); what comes back is a text or what is wrong, never an object. The kernel ends
a rendering that takes too much processor time, even inside one long call of C; memory is
limited by address space. A process that is gone is started again by the next question.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import marshal
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import jinja2
import markupsafe

from mubench_gen import errors
from mubench_gen.errors import describe
from mubench_gen.prompts.sandbox import Reference, TemplateFault, Templates, references

_HEAD = 5  # bytes: the letter of a message's kind, and its length
_MOST_SETS = 256  # of templates that the process keeps compiled
_LONGEST_MESSAGE = 2_000
_PROGRAM = (
    "import json, sys; sys.path += json.loads(sys.argv[1]); "
    "from mubench_gen.prompts.template_process import serve; serve(json.loads(sys.argv[2]))"
)
_KEPT = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)  # environment variables that it gets: no API keys


@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering, or the reading of one template, may take."""

    cpu_seconds: float = 5.0
    seconds: float = 60.0  # of wall time, for a process that is stopped or on a machine that swaps
    mebibytes: int = 256  # above what the process takes when it starts


class ForeignTemplates:
    """`Templates` in the separate process."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._number = next(_numbers)

    def check(self) -> None:
        """Compile all of them. TemplateFault if one cannot be compiled."""
        self._ask(next(iter(self._texts)), "check")

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """The text of one for these variables, which are plain data."""
        return self._ask(name, "render", variables).decode()

    def _ask(self, name: str, *words: Any) -> bytes:
        try:
            question = marshal.dumps((self._number, None, name, *words))
        except ValueError as error:
            raise TemplateFault(f"its variables are not plain data: {error}", name) from None
        kind, content = the_process().ask(name, question)
        if kind == b"?":
            question = marshal.dumps((self._number, self._texts, name, *words))
            kind, content = the_process().ask(name, question)
        return content


def foreign_references(text: str, name: str) -> list[Reference]:
    """`references` in the separate process."""
    _, content = the_process().ask(name, marshal.dumps((0, {name: text}, name, "references")))
    return [Reference(*found) for found in json.loads(content)]


class TemplateProcess:
    """Starts the separate process, asks it and ends it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._errors: IO[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, name: str, question: bytes) -> tuple[bytes, bytes]:
        """Its answer about the template of that name. TemplateFault if it gives none.

        A process that ended without reaching a limit may have been killed from outside: a new
        one is asked once.
        """
        with self._lock:
            for last in (False, True):
                try:
                    kind, content = self._exchange(question)
                    break
                except TimeoutError:
                    self._end()
                    what = f"it is not rendered within {self.limits.seconds:g} seconds"
                    raise TemplateFault(what, name) from None
                except (EOFError, OSError) as error:
                    code, words = self._end()
                    if code == -signal.SIGPROF:
                        what = f"it takes more than {self.limits.cpu_seconds:g} s of processor time"
                        raise TemplateFault(what, name) from None
                    if last:
                        what = f"the process that renders it ended: {words or describe(error)}"
                        raise TemplateFault(what, name) from None
                except BaseException:  # Ctrl-C: an answer may be under way
                    self._end()
                    raise
        if kind == b"!":
            message, place, line = json.loads(content)
            raise TemplateFault(message, place, line)
        return kind, content

    def _exchange(self, question: bytes) -> tuple[bytes, bytes]:
        connection = self._connection or self._start()
        _send(connection, b"q", question)
        return _receive(connection)

    def _start(self) -> socket.socket:
        self._connection, theirs = socket.socketpair()
        self._connection.settimeout(self.limits.seconds)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 – closed with the process
        words = (json.dumps(_roots()), json.dumps(astuple(self.limits)))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, *words],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                cwd="/",
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                start_new_session=True,  # Ctrl-C is for this process
            )
        return self._connection

    def _end(self) -> tuple[int, str]:
        """End it; returns its exit code and the last line that it wrote."""
        code, said = 0, ""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()  # no effect on a dead one, whose exit code stays
            code = self._process.wait()
            said = f"exit code {code}"
        if self._errors is not None:
            self._errors.seek(0)
            last = self._errors.read(2**16).decode("utf-8", "replace").strip().splitlines()[-1:]
            said += f", {last[0]}" if last else ""
            self._errors.close()
        self._process = self._connection = self._errors = None
        return code, said

    def stop(self) -> None:
        """End it; the next question starts another one."""
        if self._lock.acquire(timeout=1):  # a thread may wait for an answer: it is left to it
            try:
                self._end()
            finally:
                self._lock.release()

    def forget(self) -> None:
        """For a fork of this process: the separate process belongs to the parent."""
        self._lock = threading.Lock()
        for opened in (self._connection, self._errors):
            if opened is not None:
                opened.close()
        if self._process is not None:
            self._process.returncode = 0  # not ours to wait for
        self._process = self._connection = self._errors = None


@lru_cache(maxsize=1)
def the_process() -> TemplateProcess:
    """The separate process, one for this process."""
    process = TemplateProcess(Limits())
    atexit.register(process.stop)
    os.register_at_fork(after_in_child=process.forget)
    return process


_numbers = itertools.count(1)


def _roots() -> list[str]:
    """Where the process finds what it imports, as this one did: folders, or a zip file."""
    homes = [errors.__file__, jinja2.__file__, markupsafe.__file__]
    return list(dict.fromkeys(str(Path(os.path.abspath(h)).parent.parent) for h in homes if h))


def _receive(connection: socket.socket) -> tuple[bytes, bytes]:
    """One message: its letter and its content. EOFError where the other side is gone."""
    received, wanted = bytearray(), _HEAD
    while len(received) < wanted:
        part = connection.recv(2**16)
        if not part:
            raise EOFError
        received += part
        if len(received) >= _HEAD:
            wanted = _HEAD + int.from_bytes(received[1:_HEAD], "big")
    return bytes(received[:1]), bytes(received[_HEAD:])


def _send(connection: socket.socket, kind: bytes, content: bytes) -> None:
    connection.sendall(kind + len(content).to_bytes(_HEAD - 1, "big") + content)


# What follows runs in the process.


def serve(given: Sequence[Any]) -> None:
    """Answer until the connection closes."""
    limits = Limits(*given)
    connection = socket.socket(fileno=os.dup(0))  # 0 itself stays open until the process ends
    _limit_memory(limits.mebibytes)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # whatever the parent does with it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    sets: dict[int, Templates] = {}
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            _, question = _receive(connection)
            signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)  # its signal ends the process
            kind, content = _answer(question, sets, limits)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _send(connection, kind, content)


def _limit_memory(mebibytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # not Linux, where nothing says how much there is now
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + mebibytes * 2**20
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _answer(question: bytes, sets: dict[int, Templates], limits: Limits) -> tuple[bytes, bytes]:
    number, texts, name, word, *variables = marshal.loads(question)
    try:
        if word == "references":
            found = references(texts[name], name)
            return b"r", json.dumps([astuple(reference) for reference in found]).encode()
        templates = _kept(sets, number, texts)
        if templates is None:
            return b"?", b""
        if word == "check":
            templates.check()
            return b"c", b""
        return b"t", templates.render(name, *variables).encode()
    except TemplateFault as fault:
        return _wrong(fault.message, fault.name, fault.line)
    except MemoryError:
        return _wrong(f"it takes more than {limits.mebibytes} MiB of memory", name, None)


def _kept(
    sets: dict[int, Templates], number: int, texts: Mapping[str, str] | None
) -> Templates | None:
    """The set of that number; None where it is not here and its texts were not sent."""
    found = sets.pop(number, None) or (None if texts is None else Templates(texts))
    if found is not None:
        sets[number] = found
        if len(sets) > _MOST_SETS:
            del sets[next(iter(sets))]
    return found


def _wrong(message: str, name: str, line: int | None) -> tuple[bytes, bytes]:
    shown = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "…"
    return b"!", json.dumps([shown, name, line]).encode()
