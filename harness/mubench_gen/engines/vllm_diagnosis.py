"""What keeps vLLM from starting, told from what it raised or logged. No vLLM here.

The sentences that are looked for are vLLM 0.32's, torch's and transformers' own. What none
of them explains is passed on in vLLM's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mubench_gen.errors import UsageError, describe

_LONGEST = 600  # of vLLM's own words
_VALUE_ERROR = re.compile(r"Value error, (.*?)(?: \[type=|$)", re.DOTALL)
_FIELD_ERROR = re.compile(r"^(\w+)(?:\.[\w\-\[\]]+)*\n\s+(.*?) \[type=", re.MULTILINE)
_RAISED = re.compile(r"^([\w.]*(?:Error|Exception)): (.*)$", re.MULTILINE)
# What an error says whose cause another process logged.
_ELSEWHERE = ("Engine core initialization failed", "EngineCore encountered an issue", "WorkerProc")


@dataclass(frozen=True, slots=True)
class Opening:
    """What was to be opened: `model` as the user knows it, `weights` in bytes where known.

    `hint` is the plugin's: how to get access to the model, say.
    """

    model: str
    weights: int | None = None
    hint: str = ""

    @property
    def size(self) -> str:
        """How large the weights are, as part of a sentence."""
        if self.weights is None:
            return ""
        return f" Its weights take {self.weights / 2**30:.3g} GiB on the disk."


def diagnose(error: BaseException, log: str, opening: Opening) -> UsageError:
    """What to tell the user. `log` is what vLLM's processes logged."""
    for text in (describe(error), _failures(log)):
        for pattern, tell in _KNOWN:
            found = pattern.search(text)
            if found is not None:
                return UsageError(tell(found, opening))
    told = f"vLLM cannot open {opening.model}: {root_cause(error, log)}"
    return UsageError(f"{told} {opening.hint}".strip())


def root_cause(error: BaseException, log: str) -> str:
    """The words of the error that began it: in the engine's process, where there is one."""
    raised = _RAISED.findall(_failures(log))
    outer = describe(error)
    if raised and any(words in outer for words in _ELSEWHERE):
        return ": ".join(raised[-1])[:_LONGEST]
    inner = _VALUE_ERROR.search(outer) or _FIELD_ERROR.search(outer)
    if inner is None:
        return outer[:_LONGEST]
    return ": ".join(part.strip() for part in inner.groups())[:_LONGEST]


def _failures(log: str) -> str:
    """What was logged from the first error on: before it, warnings may hold the same words."""
    at = log.find(" ERROR ")
    return "" if at < 0 else log[at:]


def _busy_device(found: re.Match[str], opening: Opening) -> str:
    free, total, share, wanted = found.groups()
    fits = int(float(free) / float(total) * 100) / 100
    return (
        f"Not enough memory for {opening.model}: {free} of {total} GiB are free, and vLLM is to "
        f"take {wanted} GiB (gpu_memory_utilization {share}).{opening.size} Stop what else uses "
        f"the memory, or give vLLM less: -o engine.gpu_memory_utilization={fits:.2f}"
    )


def _short_cache(found: re.Match[str], opening: Opening) -> str:
    context, needed, there, rest = found.groups()
    fits = re.search(r"estimated maximum model length is (\d+)", rest)
    shorter = fits.group(1) if fits else "a smaller number"
    return (
        f"Not enough memory for {opening.model}: one prompt of its full context ({context} "
        f"tokens) needs {needed} GiB of cache, and {there} GiB are left beside the weights. "
        f"Use a shorter context: -o engine.max_model_len={shorter}"
    )


def _no_cache(found: re.Match[str], opening: Opening) -> str:
    return (
        f"Not enough memory for {opening.model}: the weights leave none for the cache."
        f"{opening.size} Let vLLM take more (-o engine.gpu_memory_utilization=0.95), spread the "
        "model over GPUs (-o engine.tensor_parallel_size=2), or use a quantised version."
    )


def _no_room(found: re.Match[str], opening: Opening) -> str:
    return (
        f"Not enough memory for {opening.model}: {found.group(0).strip()}.{opening.size} Spread "
        "it over GPUs (-o engine.tensor_parallel_size=2), or use a quantised or smaller version."
    )


def _few_devices(found: re.Match[str], opening: Opening) -> str:
    return (
        f"{opening.model} is to run on {found.group(1)} GPUs, and this machine has "
        f"{found.group(2)}: give a smaller -o engine.tensor_parallel_size."
    )


def _remote_code(found: re.Match[str], opening: Opening) -> str:
    return (
        f"{opening.model} brings code of its own, which runs only where it is asked for, "
        "at one commit: --trust-remote-code --revision and the commit's 40 hexadecimal digits."
    )


def _unknown_architecture(found: re.Match[str], opening: Opening) -> str:
    name = next(group for group in found.groups() if group)
    return (
        f"vLLM, as it is installed here, does not know the architecture {name} of "
        f"{opening.model}. A newer vLLM may (pip install --upgrade vllm); else use "
        "--engine transformers."
    )


def _too_long(found: re.Match[str], opening: Opening) -> str:
    return (
        f"engine.max_model_len={found.group(1)} is more than the context of {opening.model}, "
        f"which is {found.group(2)} tokens."
    )


def _missing_package(found: re.Match[str], opening: Opening) -> str:
    package = found.group(1).partition(".")[0]
    return (
        f"{opening.model} needs the package {package}, which is not installed. "
        f"Type: pip install {package}"
    )


def _told_package(found: re.Match[str], opening: Opening) -> str:
    return f"{opening.model} needs a package that is not installed. Type: {found.group(1)}"


def _no_model(found: re.Match[str], opening: Opening) -> str:
    return (
        f"No model {opening.model}: a model is a folder with config.json and weights, or a hub "
        "id (OWNER/NAME) that can be reached, or lies in the cache where HF_HUB_OFFLINE is set. "
        f"{opening.hint}"
    ).strip()


_KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Opening], str]], ...] = (
    (
        re.compile(
            r"\(([\d.]+)/([\d.]+) GiB\) on startup is less than desired \w+ memory utilization "
            r"\(([\d.]+), ([\d.]+) GiB\)"
        ),
        _busy_device,
    ),
    (
        re.compile(
            r"max seq len \((\d+)\), \(([\d.]+) GiB KV cache is needed, which is larger than the "
            r"available KV cache memory \(([\d.]+) GiB\)(.*)"
        ),
        _short_cache,
    ),
    (re.compile(r"No available memory for the cache blocks"), _no_cache),
    (
        re.compile(
            r"(?:CUDA|HIP) out of memory\. Tried to allocate [^.]*(?:\.\d+ \w+)?"
            r"(?:\. GPU \d+ has a total capacity of [\d.]+ \w+ of which [\d.]+ \w+ is free)?"
            r"|Available memory on node \d+ .*? GiB\)|DefaultCPUAllocator: can't allocate memory"
        ),
        _no_room,
    ),
    (
        re.compile(r"World size \((\d+)\) is larger than the number of available GPUs \((\d+)\)"),
        _few_devices,
    ),
    (re.compile(r"trust_remote_code=True|requires you to execute"), _remote_code),
    (
        re.compile(
            r"Model architectures \['([^']+)'|model type `([^`]+)` but Transformers does not"
            r"|Model architecture (\w+) (?:was|is not) supported"
            r"|Transformers implementation of '(\w+)' is not compatible"
        ),
        _unknown_architecture,
    ),
    (
        re.compile(
            r"max_model_len \((\d+)\) is greater than the derived max_model_len "
            r"\(\w+=([\d.]+?)(?:\.0)? "
        ),
        _too_long,
    ),
    (re.compile(r"No module named '([\w.]+)'"), _missing_package),
    (re.compile(r"(pip install [\w\[\]'\"=<>.,-]+)"), _told_package),
    (
        re.compile(
            r"cached snapshot folder|Invalid repository ID or local directory|Repository Not Found"
            r"|couldn't connect to|is not a local folder and is not a valid model identifier"
        ),
        _no_model,
    ),
)
