"""Explains why vLLM did not start, or died, from its errors and log. No vLLM here.

Both engines that run vLLM use it, so that a failure has one explanation. Unknown failures are
passed on in vLLM's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from mubench_gen.engines.digest import weight_files
from mubench_gen.engines.folders import local_folder
from mubench_gen.engines.footprint import GIB, broken, loaded_bytes, memory
from mubench_gen.engines.source import hint_of
from mubench_gen.engines.vllm.arguments import VllmStart
from mubench_gen.engines.vllm.failures import KNOWN, KnownFailure, Opening
from mubench_gen.errors import UsageError, describe
from mubench_gen.model import Checkpoint

_LONGEST = 600  # characters shown of vLLM's own message
_VALUE_ERROR = re.compile(r"Value error, (.{0,999})", re.DOTALL)
_FIELD_ERROR = re.compile(
    r"^(\w{1,99})(?:\.[\w\-\[\]]{1,99}){0,9}\n[ \t]{1,9}(\S.{0,999}?) \[type=", re.MULTILINE
)
# "Value error," begins the line after pydantic's error.
_RAISED = re.compile(r"\s{0,9}(?:[\w.]{0,199}(?:Error|Exception)(?::|$)|Value error,)")
_BEGINS = re.compile(rf"Traceback \(most recent|{_RAISED.pattern}|[\w. ]{{1,99}}: error: ")
# Messages of errors whose cause is in another process's log.
_ELSEWHERE = ("Engine core initialization failed", "EngineCore encountered an issue", "WorkerProc")
_WORDLESS = "it ended without a message, as if the system had run out of memory"
_PROCESS = re.compile(r"\(\w[^)\n]{0,60}pid=\d{1,9}\) ?")
# A log record in vLLM's own format, and in the format of mubench-gen's log file.
_RECORD = re.compile(
    r"(?P<own>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?:\d\d-\d\d [\d:]{1,20} )?(?:\[\S{1,199}\] ?)?"
    r"|\d{4}-\d\d-\d\d [\d:,]{1,20} \d{1,9} (?P<file>[A-Z]{1,20}) \S{1,199}: ?"
)
_FAILED = ("ERROR", "CRITICAL")


def opening_of(checkpoint: Checkpoint, start: VllmStart, options: Mapping[str, str]) -> Opening:
    """Facts about the model for explanations; `options` are the user's for the engine."""
    folder = local_folder(start.model, start.arguments.get("revision"))
    dtype = str(start.arguments["dtype"])
    size = None
    with suppress(OSError):
        files = [] if folder is None else weight_files(folder)
        size = loaded_bytes(files, dtype) if files else None
    return Opening(start.model, size, dtype, dict(options), hint_of(checkpoint))


def check_weights(start: VllmStart, opening: Opening) -> None:
    """Refuse incomplete weights, or weights too large for the memory, before they are read.

    Raises UsageError.
    """
    folder = local_folder(start.model, start.arguments.get("revision"))
    for file in [] if folder is None else weight_files(folder):
        problem = broken(file)
        if problem is not None:
            raise UsageError(
                f"The weights of {start.model} cannot be read: {file.name}: {problem}. "
                "Fetch the file again."
            )
    if not start.on_gpu and start.arguments.get("quantization") is None:
        available = memory()
        check_host_memory(opening, available[1] if available else None)


def check_host_memory(opening: Opening, available: int | None) -> None:
    """Refuse weights that are too large for the host's memory, if they are loaded there.

    Otherwise the system would kill vLLM's process while it reads them, without a message.
    Raises UsageError.
    """
    if opening.weights is None or available is None or opening.weights <= available:
        return
    smaller = ""
    if opening.dtype == "float32":
        smaller = " --dtype bfloat16 takes half of it."
    raise UsageError(
        f"Not enough memory for {opening.model}:{opening.size} {available / GIB:.3g} GiB are "
        f"available on this machine.{smaller} Else stop what uses the memory, or use a quantised "
        "or smaller version."
    )


def explain_start(log: str, opening: Opening, error: BaseException | None = None) -> str:
    """Why vLLM did not start and what to do. `log` is the log of its processes.

    `error` is the exception, if vLLM runs in this process.
    """
    told = _known(KNOWN, log, opening, error)
    if told is not None:
        return told
    words = root_cause(log, error)
    return f"vLLM cannot open {opening.model}{opening.given}: {words}. {opening.hint}".strip()


def explain_death(log: str, opening: Opening, error: BaseException | None = None) -> str:
    """Why vLLM died during a run; arguments as in `explain_start`."""
    told = _known([one for one in KNOWN if one.always], log, opening, error)
    if told is not None:
        return told
    elsewhere = error is None or _is_elsewhere(describe(error))
    return f"{root_cause(log, None if elsewhere else error)}."


def root_cause(log: str, error: BaseException | None = None) -> str:
    """The message of the original error, from the engine's process if it has one."""
    outer = "" if error is None else describe(error)
    if not outer or _is_elsewhere(outer):
        outer = _last_raised(log) or outer or _WORDLESS
    inner = _VALUE_ERROR.search(outer) or _FIELD_ERROR.search(outer)
    told = ": ".join(inner.groups()) if inner else outer
    return " ".join(told.partition(" [type=")[0].split())[:_LONGEST].rstrip(".")


def _known(
    table: Sequence[KnownFailure], log: str, opening: Opening, error: BaseException | None
) -> str | None:
    for text in ("" if error is None else describe(error), "\n".join(_failures(log))):
        for known in table:
            found = known.pattern.search(text)
            if found is not None:
                return known.tell(found, opening)
    return None


def _is_elsewhere(words: str) -> bool:
    return any(sign in words for sign in _ELSEWHERE)


def _last_raised(log: str) -> str:
    """The last error that says more than "another process failed", else the last line."""
    lines = list(_failures(log))
    raised = [n for n, line in enumerate(lines) if _RAISED.match(line)]
    own = [n for n in raised if not _is_elsewhere(lines[n])]
    if not lines:
        return ""
    last = (own or raised or [len(lines) - 1])[-1]
    # pydantic's findings are in the following lines.
    return "\n".join(lines[last : last + (3 if "validation error" in lines[last] else 1)])


def _failures(log: str) -> Iterator[str]:
    """The lines from the first failure on, without what is before a message.

    Before it and in lines of other levels, warnings and settings may hold the same words.
    """
    begun = False
    for line in log.splitlines():
        process = _PROCESS.match(line)
        text = line[process.end() :] if process else line
        record = _RECORD.match(text)
        if record:
            if (record["own"] or record["file"]) not in _FAILED:
                continue
            text, begun = text[record.end() :], True
        begun = begun or bool(_BEGINS.match(text))
        if begun and text.strip():
            yield text.rstrip()
