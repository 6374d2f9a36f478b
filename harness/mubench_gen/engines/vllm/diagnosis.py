"""What keeps vLLM from starting, told from what it raised or logged. No vLLM here.

What no known failure explains is passed on in vLLM's words.
"""

from __future__ import annotations

import re

from mubench_gen.engines.footprint import GIB
from mubench_gen.engines.vllm.failures import KNOWN, Opening
from mubench_gen.errors import UsageError, describe

_LONGEST = 600  # of vLLM's own words
_VALUE_ERROR = re.compile(r"Value error, (.{0,999})", re.DOTALL)
_FIELD_ERROR = re.compile(
    r"^(\w{1,99})(?:\.[\w\-\[\]]{1,99}){0,9}\n[ \t]{1,9}(\S.{0,999}?) \[type=", re.MULTILINE
)
_RAISED = re.compile(r"^([\w.]*(?:Error|Exception)): (.*)$", re.MULTILINE)
# What an error says whose cause another process logged.
ELSEWHERE = ("Engine core initialization failed", "EngineCore encountered an issue", "WorkerProc")


def diagnose(error: BaseException, log: str, opening: Opening) -> UsageError:
    """What to tell the user. `log` is what vLLM's processes logged."""
    for text in (describe(error), _failures(log)):
        for pattern, tell in KNOWN:
            found = pattern.search(text)
            if found is not None:
                return UsageError(tell(found, opening))
    told = f"vLLM cannot open {opening.model}{opening.given}: {root_cause(error, log)}"
    return UsageError(f"{told} {opening.hint}".strip())


def check_host_memory(opening: Opening, available: int | None) -> None:
    """Refuse weights that this machine has no memory for. Only where they go into the host's.

    Without this the system would kill vLLM's process while it reads them, without a word.
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


def root_cause(error: BaseException, log: str) -> str:
    """The words of the error that began it: in the engine's process, where there is one."""
    raised = _RAISED.findall(_failures(log))
    outer = describe(error)
    if raised and any(words in outer for words in ELSEWHERE):
        return ": ".join(raised[-1])[:_LONGEST]
    inner = _VALUE_ERROR.search(outer) or _FIELD_ERROR.search(outer)
    if inner is None:
        return outer[:_LONGEST]
    told = (part.partition(" [type=")[0].strip() for part in inner.groups())
    return ": ".join(told)[:_LONGEST]


def _failures(log: str) -> str:
    """What was logged from the first error on: before it, warnings may hold the same words."""
    at = log.find(" ERROR ")
    return "" if at < 0 else log[at:]
