"""Checks the servers before a run: do they answer, and which software and model do they run?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.error_messages import refusal, words
from mubench_gen.engines.server.kinds import ask_of_itself
from mubench_gen.engines.server.models import Served, choose_served, known_names, read_models
from mubench_gen.engines.server.options import Endpoint, ServerOptions
from mubench_gen.engines.server.transport import HttpResponse
from mubench_gen.errors import ItemError, UsageError
from mubench_gen.model import Checkpoint

# Models there have owners of many names.
_HOSTS = {
    "https://api.openai.com/": "openai",
    "https://openrouter.ai/": "openrouter",
    "https://api.anthropic.com/": "anthropic",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """The common properties of all servers: the chosen model, and their version.

    `names` are the model's names in their lists; None without a list. `offered` are the ids of all
    models that are listed.
    """

    model: Served
    version: str | None
    urls: tuple[str, ...]
    names: frozenset[str] | None = None
    offered: tuple[str, ...] = ()


class Discovery:
    """Checks all servers of a client for one checkpoint."""

    def __init__(
        self, client: Client, checkpoint: Checkpoint, name: str, options: ServerOptions
    ) -> None:
        self._client = client
        self._checkpoint = checkpoint
        self._name = name
        self._wish = options.served
        self._unlisted = options.unlisted

    async def all(self) -> Seen:
        """Check all servers. Raises UsageError if none answers as it should, or if they differ.

        Unreachable ones may join later, if at least one answers now.
        """
        client = self._client
        endpoints = [replica.endpoint for replica in client.replicas.all]
        found = await asyncio.gather(*map(self._one, endpoints), return_exceptions=True)
        seen: list[Seen] = []
        errors: list[BaseException] = []
        for one in found:
            if isinstance(one, Seen):
                seen.append(one)
            elif isinstance(one, client.broken):
                errors.append(one)
            else:
                raise UsageError(str(one)) if isinstance(one, ItemError) else one
        if not seen:
            raise UsageError(_nobody(endpoints, errors))
        for replica, one in zip(client.replicas.all, found, strict=True):
            if isinstance(one, BaseException):
                client.health.lose(replica, one)
            else:
                replica.root = one.model.root
        agreed = _agreed(seen)
        client.health.expected = None if agreed.names is None else agreed.model.id
        return agreed

    async def _one(self, endpoint: Endpoint) -> Seen:
        answered = await self._client.get(endpoint, endpoint.at("models"))
        served = read_models(answered.content) if answered.status == 200 else None
        name = self._wish or str(self._checkpoint.path)
        if self._unlisted and not any(name in (one.id, one.root) for one in served or ()):
            return await self._not_listed(endpoint, name, served or ())
        if not served:
            if answered.status == 404 and name and not await self._is_misplaced(endpoint):
                return Seen(Served(name), None, (endpoint.url,))  # an endpoint without a list
            raise await self._no_list(endpoint, answered)
        model = choose_served(served, self._checkpoint, self._name, self._wish, endpoint.url)
        return await self._seen(endpoint, model, served, known_names(model, served))

    async def _not_listed(self, endpoint: Endpoint, name: str, served: Sequence[Served]) -> Seen:
        """A model that the server has without listing it; its kind is that of those listed."""
        if not name:
            raise UsageError(
                "engine.unlisted=true asks for a model that the server does not list: say which "
                "with --model."
            )
        kinds = {one.kind: one.owner for one in served}
        owner = next(iter(kinds.values())) if len(kinds) == 1 else ""
        return await self._seen(endpoint, Served(name, owner), served, None)

    async def _seen(
        self,
        endpoint: Endpoint,
        model: Served,
        served: Sequence[Served],
        names: frozenset[str] | None,
    ) -> Seen:
        for host, owner in _HOSTS.items():  # fine-tunes there have owners of many names
            if endpoint.url.startswith(host):
                model = replace(model, owner=owner)
        told = await ask_of_itself(self._client, endpoint, model.kind)
        model = replace(model, context=told.context or model.context)
        return Seen(model, told.version, (endpoint.url,), names, tuple(one.id for one in served))

    async def _is_misplaced(self, endpoint: Endpoint) -> bool:
        """Whether the list of models is at URL/v1 instead."""
        if endpoint.url.endswith("/v1"):
            return False
        answered = await self._client.get(endpoint, endpoint.at("v1/models"))
        return answered.status == 200 and read_models(answered.content) is not None

    async def _no_list(self, endpoint: Endpoint, answered: HttpResponse) -> Exception:
        status, content = answered.status, self._client.hidden(answered.content)
        if status in (401, 403):
            return refusal(status, content, context=None)
        if status == 404 and await self._is_misplaced(endpoint):
            return UsageError(f"--base-url goes up to /v1: {endpoint.url}/v1")
        empty = status == 200 and read_models(content) == []
        said = "there is none" if empty else words(content)
        return UsageError(
            f"{endpoint.url}/models does not list models ({status}): {said}. --base-url goes up to "
            "/v1 of an OpenAI-compatible server."
        )


async def check_template(client: Client, model: str) -> None:
    """Raise UsageError if a vLLM server has no chat template for the model."""
    question = {"model": model, "messages": [{"role": "user", "content": "?"}]}
    try:
        await client.post("tokenize", orjson.dumps(question), about="", root=True)
    except ItemError as error:
        if "chat template" in str(error):
            raise UsageError(
                f"{model} has no chat template, so its prompt format is unknown "
                f"({error}). Use the instruction-tuned version of the model, or start the server "
                "with --chat-template."
            ) from None
    except UsageError:  # a server that does not offer /tokenize
        pass


def _agreed(seen: Sequence[Seen]) -> Seen:
    first, *others = seen
    for other in others:
        if _described(other) != _described(first):
            raise UsageError(
                f"The servers are not equal: {first.urls[0]} serves {_described(first)}, "
                f"{other.urls[0]} serves {_described(other)}. Answers of one run come from one "
                "model."
            )
    urls = tuple(url for one in seen for url in one.urls)
    names = [one.names for one in seen if one.names is not None]
    together = frozenset().union(*names) if names else None
    return Seen(first.model, first.version, urls, together, first.offered)


def _described(seen: Seen) -> str:
    version = f" {seen.version}" if seen.version else ""
    return f"{seen.model.id!r} ({seen.model.kind}{version})"


def _nobody(endpoints: Sequence[Endpoint], errors: Sequence[BaseException]) -> str:
    reasons = "; ".join(
        f"{endpoint.url}: {str(error) or type(error).__name__}"
        for endpoint, error in zip(endpoints, errors, strict=True)
    )
    return (
        f"No server answers. {reasons}. Is it running, and is this its address? "
        "`--engine vllm-server` starts one itself."
    )
