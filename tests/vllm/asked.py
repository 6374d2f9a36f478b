"""Requests about the demo's images, made as a run makes them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any

from mubench_gen.plan.items import items_of
from mubench_gen.plan.plan import make_plan
from mubench_gen.plan.settings import make_settings
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Request


def demo_requests(**settings: Any) -> list[Request]:
    """The requests of a run of `tiny` with the settings, in the order of the run."""
    plan = make_plan(make_settings({"plugin": "tiny", "engine": "vllm", **settings}), Plugins())
    return [item.request for item in items_of(plan) if item.request is not None]


def answers(model: Any, requests: Sequence[Request]) -> list[Any]:
    """What the model answers to requests that are all under way at once."""
    futures = [model.submit(request) for request in requests]
    wait(futures, timeout=300)
    return [future.result(0) for future in futures]


def texts(replies: Sequence[Any]) -> list[str]:
    return [reply.text for reply in replies]
