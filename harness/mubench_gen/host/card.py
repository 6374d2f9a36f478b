"""What is known of a model before it is loaded, as plain data: no class of its plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mubench_gen.errors import PluginError
from mubench_gen.model import (
    Checkpoint,
    ContrastiveModel,
    GenerativeModel,
    Model,
    ModelSpec,
    StreamingModel,
)
from mubench_gen.types import Readout


@dataclass(frozen=True, slots=True)
class PluginCard:
    """A plugin, known by its metadata. `digest` is of its code."""

    name: str
    distribution: str | None
    version: str | None
    digest: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that is opened and not loaded.

    The `source` of `spec` is a checkpoint, or the base class of a class that only the host
    knows. `size`: requests (or images) a batch; of a model that `streams`, requests in flight.
    `canary`: whether it is a server, of which it is checked that it takes no image for another.
    `hosts`: how many processes run the model side by side. `secret`: options that are secret by
    their type; `secrets`: their values, which no output may show.
    """

    plugin: PluginCard
    spec: ModelSpec
    engine: str
    readouts: tuple[Readout, ...]
    size: int
    streams: bool = False
    announces: bool = False
    keeps_time: bool = False
    canary: bool = False
    hosts: int = 1
    secret: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def label(self) -> str:
        """The model as messages name it."""
        return f"the model {self.spec.name!r} of the plugin {self.plugin.name!r}"


def make_card(
    plugin: PluginCard,
    spec: ModelSpec,
    engine: str,
    model: Model,
    *,
    size: int | None,
    secret: frozenset[str],
    secrets: tuple[str, ...],
) -> ModelCard:
    """The card of a model; `size` is the user's wish. PluginError for a size that is no number."""
    streams = isinstance(model, StreamingModel)
    name = "window" if streams else "batch_size"
    chosen = size or getattr(model, name)
    if not isinstance(chosen, int) or chosen < 1:
        raise PluginError(
            f"The model {spec.name!r} of the plugin {plugin.name!r} has the {name} {chosen!r}; "
            "a whole number from 1 on is needed. --batch-size overrides it."
        )
    return ModelCard(
        plugin,
        plain_spec(spec),
        engine,
        tuple(str(readout) for readout in model.readouts),  # type: ignore[misc]
        int(chosen),
        streams,
        bool(getattr(model, "announces", False)),
        bool(getattr(model, "keeps_time", False)),
        bool(getattr(model, "canary", False)),
        int(getattr(model, "replicas", 1)),
        secret,
        secrets,
    )


def plain_spec(spec: ModelSpec) -> ModelSpec:
    """The same model without what only its plugin's process has."""
    source: Any = spec.source
    if isinstance(source, Checkpoint):
        named = {one.name: _plain(getattr(source, one.name)) for one in fields(Checkpoint)}
        source = Checkpoint(**named)
    else:
        families = (StreamingModel, GenerativeModel, ContrastiveModel)
        source = next(family for family in families if issubclass(source, family))
    facts = {str(name): str(fact) for name, fact in spec.facts.items()}
    most = None if spec.max_images is None else int(spec.max_images)
    return ModelSpec(spec.name, source, spec.description, bool(spec.any_id), facts, most)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else list(value)
    return value
