"""A table of known failures of vLLM: patterns of messages, and explanations. No vLLM here.

The patterns match messages of vLLM 0.32, torch and transformers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mubench_gen.engines.footprint import GIB
from mubench_gen.engines.vllm.arguments import known_arguments
from mubench_gen.errors import did_you_mean

# Packages whose names differ from the modules that they contain.
_PACKAGES = {
    "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml", "google": "protobuf",
    "skimage": "scikit-image", "sklearn": "scikit-learn",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """What was being opened: `model` by the user's name, `weights` in bytes if known.

    `weights`: their size once loaded, in the precision `dtype`; `options`: the user's, for the
    engine; `hint`: the plugin's advice, for example how to get access.
    """

    model: str
    weights: int | None = None
    dtype: str = "auto"
    options: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""

    @property
    def size(self) -> str:
        """The size of the weights, as part of a message."""
        if self.weights is None:
            return ""
        precision = "" if self.dtype == "auto" else f" in {self.dtype}"
        return f" Its weights alone take {self.weights / GIB:.3g} GiB{precision}."

    @property
    def given(self) -> str:
        """The given engine options, as part of a message, because one may be the cause."""
        if not self.options:
            return ""
        told = " ".join(f"-o engine.{name}={value}" for name, value in self.options.items())
        return f" (with {told})"


class KnownFailure(NamedTuple):
    """A failure: its pattern and its explanation. `always`: not only for failed starts."""

    pattern: re.Pattern[str]
    tell: Callable[[re.Match[str], Opening], str]
    always: bool


KNOWN: list[
    KnownFailure
] = []  # in the order of the functions below; the first match explains a failure
_Tell = Callable[[re.Match[str], Opening], str]
_N = r"(\d{1,9}(?:\.\d{0,9})?)"  # a number in a log


def _known(pattern: str, *, always: bool = False) -> Callable[[_Tell], _Tell]:
    """Put a function into the table. `pattern` is bounded throughout, so that no log, however
    damaged, takes long to read or makes a long message."""

    def put(tell: _Tell) -> _Tell:
        KNOWN.append(KnownFailure(re.compile(pattern), tell, always))
        return tell

    return put


def no_device(model: str) -> str:
    """The message if vLLM finds no device."""
    return (
        f"vLLM finds no GPU for {model}, and its usual build needs one. Use --engine "
        "transformers; if there is a GPU, `mubench-gen doctor` says what is wrong with it."
    )


@_known(
    rf"\({_N}/{_N} GiB\) on startup is less than desired \w+ memory utilization "
    rf"\({_N}, {_N} GiB\)"
)
def _busy_device(found: re.Match[str], opening: Opening) -> str:
    free, total, share, wanted = found.groups()
    fits = int(float(free) / max(float(total), float(free), 0.01) * 100) / 100
    return (
        f"Not enough memory for {opening.model}: {free} of {total} GiB are free, and vLLM is to "
        f"take {wanted} GiB (gpu_memory_utilization {share}).{opening.size} Stop what else uses "
        f"the memory, or give vLLM less: -o engine.gpu_memory_utilization={fits:.2f}"
    )


@_known(
    rf"max seq len \((\d{{1,18}})\), \(?{_N} GiB KV cache is needed, which is larger than "
    rf"the available KV cache memory \({_N} GiB\)(.{{0,300}})"
)
def _short_cache(found: re.Match[str], opening: Opening) -> str:
    context, needed, there, rest = found.groups()
    fits = re.search(r"estimated maximum model length is (\d{1,18})", rest)
    shorter = fits.group(1) if fits else "a smaller number"
    return (
        f"Not enough memory for {opening.model}: one prompt of its full context ({context} "
        f"tokens) needs {needed} GiB of cache, and {there} GiB are left beside the weights. "
        f"Use a shorter context: -o engine.max_model_len={shorter}"
    )


@_known(r"No available memory for the cache blocks|Cannot auto-fit max_model")
def _no_cache(found: re.Match[str], opening: Opening) -> str:
    return (
        f"Not enough memory for {opening.model}: the weights leave none for the cache."
        f"{opening.size} Let vLLM take more (-o engine.gpu_memory_utilization=0.95), spread the "
        "model over GPUs (-o engine.tensor_parallel_size=2), or use a quantised version."
    )


@_known(r"Failed core proc\(s\): \{[^}]{0,300}: -9\b", always=True)
def _killed(found: re.Match[str], opening: Opening) -> str:
    return (
        f"vLLM's process for {opening.model} was killed, as the system does where memory runs "
        f"out.{opening.size} Stop what else uses the memory, or use a quantised or "
        "smaller version."
    )


@_known(r"Failed to infer device type")
def _no_device(found: re.Match[str], opening: Opening) -> str:
    return no_device(opening.model)


@_known(r"Not enough allowed NUMA nodes to bind threads of (\d{1,18})")
def _no_nodes(found: re.Match[str], opening: Opening) -> str:
    return (
        f"{opening.model} is to run in {found.group(1)} parts, and this machine, which has no "
        "GPU, is one: leave engine.tensor_parallel_size and engine.pipeline_parallel_size out."
    )


@_known(
    r"(?:CUDA|HIP) out of memory\. Tried to allocate [^.]{0,40}(?:\.\d{1,9} \w{1,9})?"
    rf"(?:\. GPU \d{{1,9}} has a total capacity of {_N} \w{{1,9}} of which "
    rf"{_N} \w{{1,9}} is free)?",
    always=True,
)
def _no_room(found: re.Match[str], opening: Opening) -> str:
    return (
        f"Not enough memory for {opening.model}: {found.group(0).strip()}.{opening.size} Use "
        "a shorter context (-o engine.max_model_len=4096), spread the model over GPUs "
        "(-o engine.tensor_parallel_size=2), or use a quantised or smaller version."
    )


@_known(
    rf"\({_N}/[\d.]{{1,18}} GiB\) on kv cache allocation is less than requested memory for "
    rf"kv \({_N} GiB\)"
)
def _large_cache(found: re.Match[str], opening: Opening) -> str:
    free, wanted = found.groups()
    return (
        f"Not enough memory for {opening.model}: its cache is to take {wanted} GiB, and {free} GiB "
        "are free. Set VLLM_CPU_KVCACHE_SPACE (in GiB) or -o engine.kv_cache_memory_bytes lower."
    )


@_known(
    r"DefaultCPUAllocator: can't allocate memory"
    r"(?:: you tried to allocate (\d{1,18}) bytes)?",
    always=True,
)
def _no_host_memory(found: re.Match[str], opening: Opening) -> str:
    more = f" {int(found.group(1)) / GIB:.3g} GiB more were asked for." if found.group(1) else ""
    return (
        f"Not enough memory on this machine for {opening.model}:{more}{opening.size} Stop what "
        "else uses the memory, or use a quantised or smaller version."
    )


@_known(
    r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\)[^\n]{0,200}"
    r"|Following weights were not initialized from checkpoint: \{[^,}]{0,200}"
    r"|size mismatch for [^\n]{0,200}"
)
def _no_fit(found: re.Match[str], opening: Opening) -> str:
    return (
        f"The weights of {opening.model}{opening.given} do not fit its config.json: "
        f"{found.group(0)[:200].strip()}. Both belong to one version of one model."
    )


@_known(r"Couldn't instantiate the backend tokenizer")
def _no_tokenizer(found: re.Match[str], opening: Opening) -> str:
    return (
        f"{opening.model}{opening.given} has no tokenizer that can be read: tokenizer.json and "
        "tokenizer_config.json belong beside config.json."
    )


@_known(r"World size \((\d{1,9})\) is larger than the number of available GPUs \((\d{1,9})\)")
def _few_devices(found: re.Match[str], opening: Opening) -> str:
    return (
        f"{opening.model} is to run on {found.group(1)} GPUs, and this machine has "
        f"{found.group(2)}: give a smaller -o engine.tensor_parallel_size."
    )


@_known(r"trust_remote_code=True|requires you to execute")
def _remote_code(found: re.Match[str], opening: Opening) -> str:
    return (
        f"{opening.model} brings code of its own, which runs only where it is asked for, "
        "at one commit: --trust-remote-code --revision and the commit's 40 hexadecimal digits."
    )


@_known(
    r"Model architectures \['([^']{1,99})'"
    r"|model type `([^`]{1,99})` but Transformers does not"
    r"|Model architecture (\w{1,99}) (?:was|is not) supported"
    r"|Transformers implementation of '(\w{1,99})' is not compatible"
)
def _unknown_architecture(found: re.Match[str], opening: Opening) -> str:
    name = next(group for group in found.groups() if group)
    # An unknown model type is transformers' message, so transformers doesn't help either.
    newer = "" if found.group(2) else "; else use --engine transformers"
    return (
        f"vLLM, as it is installed here, does not know the architecture {name} of "
        f"{opening.model}. A newer vLLM may (pip install --upgrade vllm){newer}. {opening.hint}"
    ).strip()


@_known(
    r"max_model_len \((\d{1,18})\) is greater than the derived max_model_len "
    r"\(\w{1,99}=([\d.]{1,18}?)(?:\.0)? "
)
def _too_long(found: re.Match[str], opening: Opening) -> str:
    return (
        f"engine.max_model_len={found.group(1)} is more than the context of {opening.model}, "
        f"which is {found.group(2)} tokens."
    )


@_known(r"No module named '([\w.]{1,99})'|requires the (\S{1,99}) library")
def _missing_package(found: re.Match[str], opening: Opening) -> str:
    module = (found.group(1) or found.group(2)).partition(".")[0]
    package = _PACKAGES.get(module, module.replace("_", "-"))
    return (
        f"{opening.model}{opening.given} needs the package {package}, which is not installed. "
        f"Type: pip install {package}"
    )


@_known(r"(pip install [\w\[\]'\"=<>.,-]{1,99})")
def _told_package(found: re.Match[str], opening: Opening) -> str:
    return f"{opening.model} needs a package that is not installed. Type: {found.group(1)}"


@_known(
    r"cached snapshot folder|Invalid repository ID or local directory|Repository Not Found"
    r"|couldn't connect to|is not a local folder and is not a valid model identifier"
)
def _no_model(found: re.Match[str], opening: Opening) -> str:
    return (
        f"No model {opening.model}{opening.given}: a model is a folder with config.json and "
        "weights, or a hub id (OWNER/NAME) that can be reached, or lies in the cache where "
        "HF_HUB_OFFLINE is set. "
        f"{opening.hint}"
    ).strip()


@_known(r"unrecognized arguments: (--[\w-]{1,99})")
def _unknown_argument(found: re.Match[str], opening: Opening) -> str:
    name = found.group(1).lstrip("-").replace("-", "_")
    return (
        f"vLLM has no argument {name!r} (-o engine.{name}=…). "
        f"{did_you_mean(name, known_arguments() or ())}"
    )


@_known(r"[Aa]ddress already in use")
def _busy_port(found: re.Match[str], opening: Opening) -> str:
    return "vLLM's port was taken by another process meanwhile. Type the command again."


@_known(
    r"(?:OutOfMemoryError|out of memory|not enough memory|Cannot allocate memory|KV cache memory)"
    r"[^\n]{0,200}",
    always=True,
)
def _no_room_in_other_words(found: re.Match[str], opening: Opening) -> str:
    return _no_room(found, opening)
