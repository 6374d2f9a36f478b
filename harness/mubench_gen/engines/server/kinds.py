"""What servers of each kind say of themselves beside /v1/models: version, context of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.error_messages import loaded
from mubench_gen.engines.server.options import Endpoint, ServerKind
from mubench_gen.errors import ItemError

# The paths that tell the version, the present one first.
_PATHS: Mapping[str, tuple[str, ...]] = {
    "vllm": ("version",),
    "llama.cpp": ("props",),
    "sglang": ("server_info", "get_server_info"),
}


@dataclass(frozen=True, slots=True)
class SaidOfItself:
    """A server's version, and the tokens of one request if it says them here; None if unknown."""

    version: str | None = None
    context: int | None = None


async def ask_of_itself(client: Client, endpoint: Endpoint, kind: ServerKind) -> SaidOfItself:
    """Ask a server for what is not in its list of models. What it refuses is not known."""
    for path in _PATHS.get(kind, ()):
        try:
            answered = await client.get(endpoint, endpoint.at_root(path))
        except (*client.broken, ItemError):
            continue
        told = loaded(answered.content)
        if answered.status == 200 and isinstance(told, dict):
            return _of_llama_cpp(told) if kind == "llama.cpp" else _of_others(told)
    return SaidOfItself()


def _of_others(told: Mapping[str, Any]) -> SaidOfItself:
    version = told.get("version")
    return SaidOfItself(None if version is None else str(version))


def _of_llama_cpp(told: Mapping[str, Any]) -> SaidOfItself:
    """The context of one of its slots, which is less than the model's where it was started so."""
    build, settings = told.get("build_info"), told.get("default_generation_settings")
    context = settings.get("n_ctx") if isinstance(settings, dict) else None
    return SaidOfItself(
        build if isinstance(build, str) else None, context if isinstance(context, int) else None
    )
