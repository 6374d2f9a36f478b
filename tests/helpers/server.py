"""An OpenAI-compatible server on loopback, sound or faulty, in a thread of the test's own."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Behaviour = Callable[[dict[str, Any], web.Request], Awaitable[web.StreamResponse]]


def completion(text: str | None = "A", **changes: Any) -> dict[str, Any]:
    """A chat completion as servers give it; `changes` replace its fields."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    choice["message"]["content"] = text  # type: ignore[index]
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage} | changes


async def sound(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
    return web.json_response(completion())


def always(status: int, text: str, content_type: str = "application/json") -> Behaviour:
    """The same answer to everything."""

    async def answer(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type=content_type)

    return answer


class FakeServer:
    """Serves /v1/models and /v1/chat/completions. What came in is in `bodies` and `headers`."""

    def __init__(self, behaviour: Behaviour = sound, **facts: Any) -> None:
        self.behaviour = behaviour
        self.models = facts.pop("models", [{"id": "mock", "object": "model", "owned_by": "mock"}])
        self.routes: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = facts
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[Any] = set()
        self.most = self.now = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None
        self._runners: list[web.AppRunner] = []
        self._restarting: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def images(self) -> list[bytes]:
        """The files' bytes in what came in."""
        found = []
        for body in self.bodies:
            for message in body["messages"]:
                parts = message["content"] if isinstance(message["content"], list) else []
                found += [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]
        return [base64.b64decode(url.partition(",")[2]) for url in found]

    def __enter__(self) -> FakeServer:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        for restarting in self._restarting:
            restarting.join(240)
        self.down()
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(240)
        self._loop.close()

    def up(self) -> None:
        """Listen, on the port that it had."""
        asyncio.run_coroutine_threadsafe(self._up(), self._loop).result(240)

    def down(self) -> None:
        """Be gone: connections break, new ones are refused."""
        asyncio.run_coroutine_threadsafe(self._down(), self._loop).result(240)

    def in_background(self, restart: Callable[[], None]) -> None:
        """Take the server down and up again; its end waits for that."""
        self._restarting.append(threading.Thread(target=restart))
        self._restarting[-1].start()

    async def _up(self) -> None:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        for path, answer in self.routes.items():
            app.router.add_route("*", "/" + path.replace("__", "/"), answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        self._runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = runner.addresses[0][1]

    def vanish(self) -> None:
        """Be gone as a machine without power: new connections fail, the old ones stay silent."""
        asyncio.run_coroutine_threadsafe(self._deafen(), self._loop).result(240)

    async def _deafen(self) -> None:
        """Take no more connections. Those being taken are given time: Python 3.11 forgets a
        connection that is half made when its server closes, and whoever is at its other end
        waits for ever.
        """
        sites = [site for runner in self._runners for site in runner.sites]
        for site in sites:
            for listening in site._server.sockets:  # type: ignore[attr-defined]
                self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.01)
        for site in sites:
            await site.stop()

    async def _down(self) -> None:
        await self._deafen()
        while self._runners:
            runner = self._runners.pop()
            for connection in list(runner.server.connections) if runner.server else []:
                if connection.transport is not None:
                    connection.transport.abort()
            await runner.cleanup()

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if callable(self.models):
            response: web.StreamResponse = await self.models(request)
            return response
        return web.json_response({"object": "list", "data": self.models})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            raw = await request.read()
            body = json.loads(raw)
            self.raw.append(raw)
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            self.connections.add(request.transport)
            return await self.behaviour(body, request)
        finally:
            self.now -= 1
