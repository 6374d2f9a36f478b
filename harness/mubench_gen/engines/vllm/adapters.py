"""What vLLM can apply of a LoRA adapter: arguments for it, and refusals that say what to type.

vLLM ignores in silence what an adapter changes outside of the text tower, and dies of some of what
it does not know, so that both are found here before it starts. No vLLM here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from mubench_gen.engines.adapters import CONFIG, Adapter, more_than_lora
from mubench_gen.engines.folders import local_folder
from mubench_gen.engines.footprint import tensors_of
from mubench_gen.errors import UsageError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM (0.32) serves
# Prefixes of a model's text tower. vLLM ignores what an adapter changes elsewhere.
_SPOKEN = re.compile(r"(model\.)?(language_model|text_model|layers\.\d+)\.")
_PART = re.compile(
    r"^(base_model\.model\.)?(?P<module>.+?)\.lora_(A|B|embedding_A|embedding_B)(\.weight)?"
)
_SHOWN = 3
EXTENSION = "mubench_gen.engines.vllm.worker.LooksAtAdapters"


def lora_arguments(adapter: Adapter) -> dict[str, Any]:
    """The arguments with which vLLM can load it. UsageError if vLLM cannot apply such an adapter,
    by its configuration.
    """
    if (what := more_than_lora(adapter)) is not None:
        raise _refused(adapter, what)
    return arguments_of_rank(max(adapter.ranks), adapter)


def check_alone(path: str, revision: str | None) -> None:
    """UsageError for whole weights with an adapter beside them, which vLLM would not look at."""
    folder = local_folder(path, revision)
    if folder is not None and (folder / CONFIG).is_file() and any(folder.glob("adapter_model.*")):
        raise UsageError(
            f"{path} holds an adapter beside whole weights, which vLLM would leave out. Use "
            "--engine transformers, which adds it; or move the adapter's files to a folder of "
            f"their own, and type --model ADAPTER -o base={path}."
        )


def arguments_of_rank(rank: int, adapter: Adapter | None = None) -> dict[str, Any]:
    """The arguments for one adapter of that rank at a time."""
    served = next((size for size in RANKS if size >= rank), None)
    if served is None:
        raise _refused(adapter, f"its rank is {rank}, and vLLM serves {RANKS[-1]} at most")
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": served}


def check_modules(adapter: Adapter) -> None:
    """UsageError if its weights, which are here, change what vLLM cannot apply."""
    assert adapter.weights is not None
    elsewhere, whole = [], []
    for name in _names(adapter):
        part = _PART.fullmatch(name)
        if part is None:
            whole.append(name)
        elif not is_spoken([part["module"]]):
            elsewhere.append(part["module"])
    if whole:
        raise _refused(adapter, f"it holds whole tensors ({_some(whole)})")
    if elsewhere:
        raise not_applied(adapter, elsewhere)


def not_applied(adapter: Adapter | str, modules: Iterable[str]) -> UsageError:
    """The refusal of an adapter that changes modules where vLLM applies none."""
    return _refused(
        adapter, f"it changes {_some(modules)}, and vLLM applies adapters to the text tower alone",
        mergeable=True,
    )  # fmt: skip


def is_spoken(modules: Iterable[str]) -> bool:
    """Whether an adapter changes only the text tower, so that vLLM serves all of it."""
    return all(_SPOKEN.match(module) for module in modules)


def _names(adapter: Adapter) -> list[str]:
    assert adapter.weights is not None
    if adapter.weights.suffix == ".safetensors":
        return list(tensors_of(adapter.weights))
    import torch

    try:
        return list(torch.load(adapter.weights, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises any kind of error on a damaged file
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"{adapter}: {adapter.weights.name} cannot be read: {reason}") from error


def _refused(adapter: Adapter | str | None, why: str, *, mergeable: bool = False) -> UsageError:
    """`mergeable`: whether `merge` can write whole weights of it."""
    base = adapter.base_name if isinstance(adapter, Adapter) else "BASE"
    merged = f"mubench-gen merge {base} {adapter} --alpha 1 --out FOLDER, then --model FOLDER; or "
    return UsageError(
        f"vLLM cannot apply the adapter {adapter}: {why}. Type: "
        f"{merged if mergeable else ''}--engine transformers."
    )


def _some(names: Iterable[str]) -> str:
    found = sorted(set(names))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{', '.join(found[:_SHOWN])}{more}"
