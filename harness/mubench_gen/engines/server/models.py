"""The models of a server, their ids, and the model names in its replies."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mubench_gen.engines.server.options import ServerKind
from mubench_gen.errors import EngineFault, ReplyError, UsageError, did_you_mean
from mubench_gen.model import Checkpoint

# The `owned_by` of /v1/models, by which servers are recognised.
_OWNERS: dict[str, ServerKind] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llama.cpp",
    "library": "ollama",
    "openai": "openai",
    "openai-internal": "openai",
    "system": "openai",
    "openrouter": "openrouter",
    "anthropic": "anthropic",
}
_HOPELESS = 16  # replies by another model, without any by the right one, before the run ends
_DATED = r"[-@](\d{3,4}|\d{8}|\d{4}-\d\d-\d\d)"  # the suffix of a dated form of an id


@dataclass(frozen=True, slots=True)
class Served:
    """One model of a server: `root` is where it came from, `context` its length in tokens."""

    id: str
    owner: str = ""
    root: str | None = None
    context: int | None = None
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> ServerKind:
        return _OWNERS.get(self.owner, "other")


def read_models(content: bytes) -> list[Served] | None:
    """The models that /v1/models lists; None if the content is not such a list."""
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
    """The model to use. Raises UsageError if there is none, or if the choice is ambiguous.

    `wish` is an id of the server's; without one the checkpoint's path, its last part, or the
    model's name is searched among ids and roots. A checkpoint without a path stands for the
    served model, if there is only one.
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
    advice += " -o engine.unlisted=true asks for it although it is not listed."
    raise UsageError(f"{url} does not serve {wanted[0]!r}. {did_you_mean(wanted[0], ids)}{advice}")


def _names(path: str | Path, name: str) -> list[str]:
    return list(dict.fromkeys([str(path), name, Path(path).name]))


class Names:
    """The names that replies may give the model; `known` is None if the server lists no models.

    A reply without a model name is accepted. A dated form of the id is the model too, and
    without a list the first reply decides; a later reply with another form is refused.
    """

    def __init__(self, asked: str, known: Collection[str] | None, also: Sequence[str]) -> None:
        self._asked = asked
        self._known = None if known is None else {asked, *known}
        self._also = also
        self._strange = 0
        self.first: str | None = None  # the name in the replies, if it is not the id

    def check(self, named: Any) -> None:
        """Raise ReplyError for a reply by another model; EngineFault if all replies are."""
        if not isinstance(named, str) or not named or named == self.first:
            return
        means = self._meant(named)
        if means is None:
            raise self._other(named)
        if self.first is None:
            self.first = means
        elif means != self.first:
            both = [name for name in (self.first, named) if name != self._asked]
            raise ReplyError(
                f"the reply is of the model {named!r:.200}, those before were of {self.first!r}. "
                f"{self._advice(*both)}"
            )

    def _meant(self, named: str) -> str | None:
        """The canonical name for equal names; None for another model's."""
        if named in self._also or _is(named, self._known or {self._asked}):
            return self._asked
        dated = re.escape(self._asked.removesuffix("-latest")) + _DATED
        if self._known is None or re.fullmatch(dated, named):
            return named
        return None

    def _other(self, named: str) -> Exception:
        self._strange += 1
        said = (
            f"the reply is of the model {named!r:.200}, asked was {self._asked!r}. "
            f"{self._advice(named)}"
        )
        if self.first is None and self._strange >= _HOPELESS:
            return EngineFault(f"The first {self._strange} replies were of another model: {said}")
        return ReplyError(said)

    def _advice(self, *names: str) -> str:
        """Advice with the option, ready to be typed, that accepts these names."""
        wanted = list(dict.fromkeys([*self._also, *names]))
        if not all(name.isprintable() and "," not in name and len(name) < 200 for name in wanted):
            wanted = ["NAME"]
        option = shlex.quote(f"engine.answers_as={','.join(wanted)}")
        same = "If that is the same model under another name, as of a proxy"
        return f"{same}, start the run with: -o {option}"


def known_names(model: Served, served: Sequence[Served]) -> frozenset[str]:
    """The model's names in a server's list: its id, its root, its aliases."""
    same = [one for one in served if model.root is not None and one.root == model.root]
    names = {name for one in (model, *same) for name in (one.id, one.root, *one.aliases)}
    return frozenset(name for name in names if name)


def _is(named: str, names: Collection[str]) -> bool:
    """Whether it is one of the names; a path equals its last part."""
    return named in names or named.rpartition("/")[2] in {n.rpartition("/")[2] for n in names}
