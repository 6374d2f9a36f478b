"""Which software a server is, and under which id it serves the model that is wanted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from mubench_gen.engines.server.options import Kind
from mubench_gen.errors import UsageError, did_you_mean
from mubench_gen.model import Checkpoint

# What /v1/models calls the owner of its models.
_OWNERS: dict[str, Kind] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llama.cpp",
    "openai": "openai",
    "openai-internal": "openai",
    "system": "openai",
}


@dataclass(frozen=True, slots=True)
class Served:
    """One model of a server: `root` is where it came from, `context` its length in tokens."""

    id: str
    owner: str = ""
    root: str | None = None
    context: int | None = None
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        return _OWNERS.get(self.owner, "other")


def read_models(content: bytes) -> list[Served] | None:
    """What /v1/models lists; None where that is no such list."""
    try:
        listed = orjson.loads(content)["data"]
        return [_served(one) for one in listed]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def _served(one: dict[str, object]) -> Served:
    root, context = one.get("root"), one.get("max_model_len")
    meta = one.get("meta")  # llama.cpp
    if context is None and isinstance(meta, dict):
        context = meta.get("n_ctx_train")
    return Served(
        id=str(one["id"]),
        owner=str(one.get("owned_by") or "").lower(),
        root=root if isinstance(root, str) else None,
        context=context if isinstance(context, int) else None,
        aliases=tuple(_texts(one.get("aliases")) + _texts([one.get("canonical_slug")])),
    )


def _texts(values: object) -> list[str]:
    return [v for v in values if isinstance(v, str)] if isinstance(values, list) else []


def choose_served(
    served: Sequence[Served], checkpoint: Checkpoint, name: str, wish: str | None, url: str
) -> Served:
    """The model that is meant. UsageError where there is none, or where it is not told which.

    `wish` is an id of the server's; without one the checkpoint's path, its last part, or the
    model's name is looked for, among ids and roots. A checkpoint without a path is whatever
    is served, if that is one.
    """
    ids = [one.id for one in served]
    if wish is None and not str(checkpoint.path):
        if len(served) == 1:
            return served[0]
        raise UsageError(
            f"{url} serves {len(ids)} models: say which with --model. {did_you_mean('', ids)}"
        )
    wanted = [wish] if wish is not None else _names(checkpoint.path, name)
    for want in wanted:
        for one in served:
            if want in (one.id, one.root):
                return one
    where = os.path.realpath(checkpoint.path)
    for one in served:
        if wish is None and one.root is not None and os.path.realpath(one.root) == where:
            return one
    advice = "" if wish is not None else " -o engine.served=ID says under which id it has it."
    raise UsageError(f"{url} does not serve {wanted[0]!r}. {did_you_mean(wanted[0], ids)}{advice}")


def _names(path: str | Path, name: str) -> list[str]:
    return list(dict.fromkeys([str(path), name, Path(path).name]))
