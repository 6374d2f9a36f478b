"""Generative models behind an OpenAI-compatible server: `--engine server --base-url URL`.

A window of requests is in flight, in a separate event loop; images are sent as the bytes of
their files. `load` imports aiohttp.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Any

from mubench_gen.console.progress import log
from mubench_gen.engines.conversation import images_of
from mubench_gen.engines.server.answers import read_logprobs, read_reply
from mubench_gen.engines.server.client import Client
from mubench_gen.engines.server.discovery import Discovery, check_template
from mubench_gen.engines.server.models import Names
from mubench_gen.engines.server.options import (
    KEY_VARIABLE,
    Endpoint,
    Secret,
    ServerOptions,
    hosted_url,
    read_endpoints,
    read_key,
    read_server_options,
)
from mubench_gen.engines.server.replicas import ServerPool
from mubench_gen.engines.server.requests import ImageUrls, RequestWriter, Urls
from mubench_gen.engines.server.thinking import apart, marks_of_cut, opened_marks
from mubench_gen.engines.server.tokens import (
    LabelIdsOfServer,
    ServerTokenizer,
    asked_by_id,
    asked_by_rank,
    scores_by_id,
    scores_by_text,
)
from mubench_gen.engines.server.transport import Room
from mubench_gen.engines.thinking import ThoughtMarks, read_thinking
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, Runtime, StreamingModel
from mubench_gen.types import Readout, Reply, Request

ServerOutput = Reply | list[float]
_IN_FLIGHT = 256 * 2**20  # most bytes of bodies in flight


class ServerGenerative(StreamingModel):
    """A model that a server runs, or several equal servers."""

    reads_pixels = False
    keeps_time = True  # a time-out does not count while the server is unreachable

    engine = "server"

    def __init__(
        self,
        checkpoint: Checkpoint,
        runtime: Runtime,
        *,
        options: ServerOptions,
        endpoints: tuple[Endpoint, ...],
        key: Secret | None,
    ) -> None:
        super().__init__(options, runtime)
        self._checkpoint = checkpoint
        self._endpoints = endpoints
        self._key = key
        self.window = options.window * max(1, len(endpoints))
        local = all(endpoint.loopback for endpoint in endpoints)
        hosted = "hosted" in checkpoint.engine_arguments.get("server", {})
        self.announces = hosted or key is not None or not local
        self.canary = options.canary
        self._client: Client | None = None
        self._images = ImageUrls()
        self._tokens: Counter[str] = Counter()
        self._inbox: deque[tuple[Request, Future[Any]]] = deque()
        self._awake = False
        self._facts: dict[str, Any] = {}
        self._served: str | None = None
        self.offered: tuple[str, ...] = ()  # the models that the server lists, once loaded
        self.listed = 0  # tokens with the last log-probabilities, `lists_labels`: by their ids
        self.lists_labels = False
        self._thinking = read_thinking(runtime.thinking)
        self._opened: ThoughtMarks | None = None

    @classmethod
    def at(cls, checkpoint: Checkpoint, runtime: Runtime) -> ServerGenerative:
        """The model behind `--base-url`. Raises SettingError for a bad URL, key or option."""
        options = read_server_options(checkpoint, runtime.engine_options)
        endpoints = read_endpoints(hosted_url(checkpoint, runtime))
        key = read_key(options, endpoints)
        return cls(checkpoint, runtime, options=options, endpoints=endpoints, key=key)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        if self._thinking is None or not self._thinking.on:
            return ("parse", "choice", "logprob")
        # Only of a kind that is known to write what is constrained behind the thought.
        return ("parse", "choice") if self.options.kind == "openai" else ("parse",)

    def weights_digest(self) -> str | None:
        """The id of the served model if the user names none, because the keys depend on it."""
        if str(self._checkpoint.path) or self.options.served:
            return None
        client = self._connect()
        try:
            self._served = client.run(self._discovery(client).all()).model.id
        finally:
            client.close()
        return self._served

    def load(self) -> None:
        """Check the servers. Raises UsageError if none answers as it should."""
        if self._client is not None:
            return
        client = self._client = self._connect()
        seen = client.run(self._discovery(client).all())
        model, kind = seen.model, self.options.kind or seen.model.kind
        if self._served not in (None, model.id):
            raise UsageError(f"{self._endpoints[0].url} served {self._served!r} a moment ago.")
        client.context, self.offered = model.context, seen.offered
        self._names = Names(model.id, seen.names, self.options.answers_as)
        self._writer = RequestWriter(model.id, kind, self._checkpoint, self.options, self.runtime)
        opened = opened_marks(client, model.id, kind, self._thinking, self._writer.talk)
        self._opened = marks_of_cut(opened, kind, self._thinking)
        tokenizer = ServerTokenizer(client, model.id, self._writer.talk)
        self._ids = LabelIdsOfServer(tokenizer)
        if kind == "vllm":
            self._writer.add_defaults(tokenizer.defaults(self._checkpoint.stop))
            client.run(check_template(client, model.id))
        self._room = Room(_IN_FLIGHT)
        if self._checkpoint.chat_template is not None:
            log("The server's own chat template is used: the plugin's cannot be sent with requests")
        self._facts = {
            "engine": self.engine,
            "served_model": model.id,
            "root": model.root,
            "max_model_len": model.context,
            "kind": kind,
            "servers": list(seen.urls),
            "version": seen.version,
            "key": None if self._key is None else f"${self.options.key_env or KEY_VARIABLE}",
            "window": self.window,
        }

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._images.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        return self._facts

    @property
    def counts(self) -> Mapping[str, Any]:
        """Requests, bytes, retries by cause, tokens as the server counts them, images."""
        client = self._client
        if client is None:
            return {}
        servers = {r.endpoint.url: r.requests for r in client.replicas.all}
        called = self._names.first if self._facts else None
        return {
            **client.counts,
            **self._tokens,
            "images_encoded": self._images.encoded,
            "images_converted": self._images.converted,
            **({"by_server": servers} if len(servers) > 1 else {}),
            **(
                {"answered_as": called} if called not in (None, self._facts["served_model"]) else {}
            ),
        }

    def submit(self, request: Request) -> Future[Reply | str | Sequence[float]]:
        client = self._ready()
        future: Future[Any] = Future()
        self._inbox.append((request, future))
        if not self._awake:
            self._awake = True
            client.loop.call_soon_threadsafe(self._take)
        return future

    def _take(self) -> None:
        """Start all new requests; runs in the loop."""
        self._awake = False
        loop = asyncio.get_running_loop()
        while self._inbox:
            request, future = self._inbox.popleft()
            if not future.cancelled():
                task = loop.create_task(self._serve(request, future))
                future.add_done_callback(_stopper(task, loop))

    async def _serve(self, request: Request, future: Future[Any]) -> None:
        result: ServerOutput | None = None
        fault: BaseException | None = None
        try:
            result = await self._answer(request)
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # goes to whoever asked
            fault = error
        try:
            if fault is not None:
                future.set_exception(fault)
            else:
                future.set_result(result)
        except InvalidStateError:  # cancelled at the last moment
            pass

    async def _answer(self, request: Request) -> ServerOutput:
        image = request.image
        about = request.key if image is None else image.sha256
        urls = {
            one.sha256: self._images.known(one) or await self._images.of(one)
            for one in images_of(request)
        }
        if request.readout == "logprob":
            return await self._logprobs(request, urls, about)
        if request.readout == "choice":
            more = self._writer.choice(request.labels)
            limit = self._writer.choice_limit(request)
            content = await self._ask(request, urls, about, limit=limit, more=more)
            return self._writer.read_choice(self._read(content), request)
        return self._read(await self._ask(request, urls, about))

    async def _logprobs(self, request: Request, urls: Urls, about: str) -> ServerOutput:
        by_id = self._writer.kind == "vllm" and self.options.top_logprobs is None
        ids = await self._ids.of(request.labels) if by_id else None
        kind, wish = self._writer.kind, self.options.top_logprobs
        more = asked_by_rank(wish, kind) if ids is None else asked_by_id(ids)
        content = await self._ask(request, urls, about, limit=1, more=more)
        found = read_logprobs(content, self._names)
        self._tokens.update(found.usage or {})
        if isinstance(found, Reply):
            return found
        self.listed, self.lists_labels = len(found.tokens), ids is not None
        if ids is not None:
            scores, bounds = scores_by_id(found.tokens, ids, request.labels, found.unknown)
        else:
            scores, bounds = scores_by_text(found.tokens, request.labels)
        self._tokens["scores_that_are_bounds"] += bounds
        return scores

    async def _ask(
        self,
        request: Request,
        urls: Urls,
        about: str,
        *,
        limit: int | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> bytes:
        body = self._writer.body(request, urls, limit=limit, more=more)
        await self._room.take(len(body))
        try:
            return await self._ready().post("chat/completions", body, about=about)
        finally:
            self._room.give(len(body))

    def _read(self, content: bytes) -> Reply:
        reply = apart(read_reply(content, self._names), self._opened)
        self._tokens.update(reply.usage or {})
        return reply

    def _connect(self) -> Client:
        client = Client(
            ServerPool(self._endpoints), self.options, self._key, timeout=self.runtime.timeout
        )
        client.start()
        return client

    def _discovery(self, client: Client) -> Discovery:
        return Discovery(client, self._checkpoint, self.runtime.model, self.options)

    def _ready(self) -> Client:
        assert self._client is not None, "load() comes first"
        return self._client


def _stopper(task: asyncio.Task[None], loop: asyncio.AbstractEventLoop) -> Any:
    """A callback that stops the work on a request when its future is cancelled."""

    def stop(future: Future[Any]) -> None:
        if future.cancelled() and not task.done() and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    return stop
