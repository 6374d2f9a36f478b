"""Why vLLM did not start, or died: from its log to what the user can do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mubench_gen.engines.vllm.arguments import known_arguments
from mubench_gen.errors import did_you_mean

_SHOWN = 300
_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|No available memory for the cache blocks"
    r"|KV cache memory|KV cache is needed|Free memory on device|not enough memory|Cannot allocate",
    re.IGNORECASE,
)
_MISSING = re.compile(r"No module named '([\w.]{1,99})'|requires the (\S{1,99}) library")
_UNKNOWN = re.compile(r"unrecognized arguments: (--[\w-]{1,99})")
_ERROR = re.compile(r"([\w.]*(Error|Exception)\b|Value error,)")  # the latter is pydantic's
_CALM = re.compile(r"^(\([^)]*\) )?(INFO|DEBUG) ")  # what it does, and all its settings
_PREFIX = re.compile(
    r"^(\([^)]*\) )?(ERROR|WARNING|INFO|CRITICAL)? ?(\d\d-\d\d [\d:]+ )?(\[\S+\] )?"
)


def diagnose(lines: Sequence[str]) -> str:
    """What was wrong and what to do, in a sentence or two, from the end of the log."""
    clean = [_PREFIX.sub("", line).strip() for line in lines if not _CALM.match(line)]
    for line in clean:
        unknown = _UNKNOWN.search(line)
        if unknown:
            name = unknown[1].lstrip("-").replace("-", "_")
            near = did_you_mean(name, known_arguments() or ())
            return f"It has no argument {name!r} (-o engine.{name}=…). {near}"
    errors = [line for line in clean if _ERROR.match(line)]
    for line in [*reversed(errors), *reversed(clean)]:
        if _MEMORY.search(line):
            return (
                f"Memory: {_short(line)}. Try -o engine.max_model_len=4096 (a shorter context "
                "needs less), -o engine.gpu_memory_utilization=0.95, "
                "-o engine.tensor_parallel_size=2 (more GPUs), or a quantised model."
            )
        if "trust_remote_code" in line:
            return (
                "The model needs Python code of its own, which is not run. If you have read it "
                "and trust it: --trust-remote-code with --revision and the commit's 40 digits."
            )
        missing = _MISSING.search(line)
        if missing:
            package = (missing[1] or missing[2]).split(".")[0]
            return f"The package {package} is not installed. Type: pip install {package}"
        if "address already in use" in line.lower():
            return "Its port was taken by another process meanwhile. Type the command again."
    said = next(
        (line for line in reversed(errors) if not line.startswith("RuntimeError: Engine")), ""
    )
    return f"{_short(said or (errors or clean or ['It said nothing.'])[-1])}."


def _short(line: str) -> str:
    line = " ".join(line.split()).rstrip(".")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
