"""Asks a model object as a run does, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext

from mubench_gen.host.card import PluginCard, make_card
from mubench_gen.host.client import HostedModel
from mubench_gen.host.local import LocalHost
from mubench_gen.host.serving import Opened, RunSetup, Serving
from mubench_gen.host.setup import HostSetup
from mubench_gen.images.policy import StandardPolicy
from mubench_gen.inference.batches import Answered
from mubench_gen.inference.flow import ask
from mubench_gen.model import Model, ModelSpec
from mubench_gen.types import Request


def opened(model: Model, size: int) -> HostedModel:
    """The loaded model, as a run has it."""
    spec = ModelSpec("model", type(model))
    card = make_card(
        PluginCard("test", None, None), spec, "transformers", model,
        size=size, secret=frozenset(), secrets=(),
    )  # fmt: skip
    setup = HostSetup("", "the model")
    hosted, local = HostedModel(setup, in_process=True), LocalHost(setup)
    made = Opened(card, model, nullcontext, lambda: None, lambda name: spec)
    local.serving = Serving(made, local.events.put)
    hosted.hosts.append(local)
    hosted.load(RunSetup(StandardPolicy()))
    return hosted


def asked(
    model: Model, requests: Iterable[Request | None], *, size: int, timeout: float = 60.0
) -> Iterator[Answered]:
    """Batches of requests with their responses."""
    return ask(opened(model, size), requests, size=size, timeout=timeout)
