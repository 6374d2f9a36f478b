"""Several equal servers: an image has one of them, a dead one's images move, and come back."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.engines.server import health as server_health
from mubench_gen.engines.server.options import Endpoint
from mubench_gen.engines.server.replicas import ServerPool, Suspicions
from mubench_gen.errors import EngineFault, ItemError

from .helpers.command import Outcome
from .helpers.data import write_data
from .helpers.server import FakeServer, completion

Here = Callable[..., Outcome]


@pytest.fixture
def servers() -> Iterator[list[FakeServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FakeServer()) for _ in range(3)]


def evaluation(servers: list[FakeServer], data: Path, *more: str) -> list[str]:
    urls = ",".join(server.url for server in servers)
    return [
        "eval", "--plugin", "openai", "--base-url", urls, "--data", str(data), "--run-dir", "r",
        "--no-preflight", *more,
    ]  # fmt: skip


def counts(folder: Path) -> dict[str, Any]:
    session = json.loads((folder / "r/manifest.json").read_text())["sessions"][-1]
    found: dict[str, Any] = session["counts"]
    return found


def replicas(n: int) -> ServerPool:
    return ServerPool([Endpoint(f"http://10.0.0.{i}:8000/v1", loopback=False) for i in range(n)])


def chosen(among: ServerPool, images: range) -> list[str]:
    found = [among.choose(f"image {i}") for i in images]
    return [replica.endpoint.url for replica in found if replica is not None]


@pytest.mark.parametrize("n", [2, 3, 8])
def test_images_are_spread_evenly(n: int) -> None:
    shares = Counter(chosen(replicas(n), range(4000)))
    assert len(shares) == n
    assert all(abs(share - 4000 / n) < 4 * (4000 / n) ** 0.5 for share in shares.values())


def test_a_dead_servers_images_move_and_those_of_the_others_stay() -> None:
    async def check() -> None:
        among = replicas(4)
        before = chosen(among, range(1000))
        dead = among.all[1]
        dead.probe = asyncio.create_task(asyncio.sleep(0))
        after = chosen(among, range(1000))
        moved = {old for old, new in zip(before, after, strict=True) if old != new}
        assert moved == {dead.endpoint.url}
        assert dead.endpoint.url not in after
        await dead.probe
        dead.probe = None
        assert chosen(among, range(1000)) == before

    asyncio.run(check())


def test_what_is_asked_alone_waits_for_what_is_under_way_and_the_others_wait_for_it() -> None:
    async def check() -> None:
        server = replicas(1).all[0]
        happened: list[str] = []

        async def together() -> None:
            async with asyncio.timeout(None) as flight:
                server.depart(flight)
                await asyncio.sleep(0.01)
                happened.append("answered together")
                server.land(flight)

        async def alone() -> None:
            async with server.alone():
                happened.append("asked alone")
                await asyncio.sleep(0.01)
                happened.append("answered alone")

        async def late() -> None:
            async with asyncio.timeout(60) as deadline:
                await server.admit(deadline)
            happened.append("asked late")

        first = asyncio.create_task(together())
        await asyncio.sleep(0)
        suspects = [asyncio.create_task(alone()) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.gather(first, *suspects, late())
        one = ["asked alone", "answered alone"]
        assert happened == ["answered together", *one, *one, "asked late"]
        assert not server.closed

    asyncio.run(check())


def test_servers_that_die_of_many_requests_end_the_run() -> None:
    suspicions = Suspicions(Counter())
    found = [suspicions.guilty({("a", 2 * n), ("a", 2 * n + 1)}) for n in range(17)]
    assert {type(error) for error in found[:16]} == {ItemError}
    assert isinstance(found[16], EngineFault)
    assert len(suspicions.explained) == 34


def test_all_questions_about_an_image_go_to_one_server(
    here: Here, servers: list[FakeServer], tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 30)
    assert here(*evaluation(servers, data, "--readout", "parse", "--repeats", "2")).code == 0
    seen = [set(server.images) for server in servers]
    assert sum(len(images) for images in seen) == len(set.union(*seen)) == 30
    assert all(images for images in seen)
    assert sum(counts(tmp_path)["by_server"].values()) == 120


def test_a_server_that_is_down_at_the_start_is_gone_without(
    here: Here, servers: list[FakeServer], tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 20)
    servers[1].down()
    outcome = here(*evaluation(servers, data))
    assert outcome.code == 0, outcome.err
    assert f"{servers[1].url} is unreachable" in outcome.err
    assert len(servers[1].bodies) == 0
    assert sum(len(server.bodies) for server in servers) == 40


def test_a_server_that_dies_gives_its_images_to_the_others_and_has_them_again(
    here: Here, servers: list[FakeServer], tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 100)
    dying, other = servers[0], servers[1]
    back, looked_at = threading.Event(), threading.Event()

    def restart() -> None:
        back.set()
        dying.up()

    async def models(request: web.Request) -> web.StreamResponse:
        if back.is_set():
            looked_at.set()
        return web.json_response({"object": "list", "data": [{"id": "mock"}]})

    async def dies(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(dying.bodies) == 5:
            dying.in_background(dying.down)
            await asyncio.sleep(30)
        return web.json_response(completion())

    async def waits(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(other.bodies) == 40 and not back.is_set():
            dying.in_background(restart)
        while back.is_set() and not looked_at.is_set():
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.01)
        return web.json_response(completion())

    dying.behaviour, other.behaviour, dying.models = dies, waits, models
    outcome = here(*evaluation([dying, other], data, "-o", "engine.window=2"))
    assert outcome.code == 0, outcome.err
    assert f"{dying.url} is unreachable" in outcome.err
    assert f"{dying.url} is back" in outcome.err
    assert len(dying.bodies) > 10
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    assert len(records) == 200
    assert {record["status"] for record in records} == {"answered"}


@pytest.mark.parametrize("returns", [True, False], ids=["and returns", "for good"])
def test_what_a_server_was_asked_that_vanished_without_a_word_is_asked_again(
    here: Here,
    servers: list[FakeServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    returns: bool,
) -> None:
    monkeypatch.setattr(server_health, "_FAREWELL", 3600.0 if returns else 1.0)
    monkeypatch.setattr(server_health, "_SILENCE", 0.4)
    data = write_data(tmp_path / "data", 30)
    vanishing, other = servers[0], servers[1]
    silent: list[dict[str, Any]] = []

    async def vanishes(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(vanishing.bodies) == 5:
            threading.Thread(target=vanish).start()
        if len(vanishing.bodies) >= 5 and not vanishing_back.is_set():
            silent.append(body)
            await asyncio.sleep(3600)
        return web.json_response(completion())

    vanishing_back = threading.Event()

    def vanish() -> None:
        vanishing.vanish()
        if returns:
            time.sleep(2.0)
            vanishing_back.set()
            vanishing.up()

    vanishing.behaviour = vanishes
    outcome = here(*evaluation([vanishing, other], data, "-o", "engine.window=4"))
    assert outcome.code == 0, outcome.err
    assert f"{vanishing.url} is unreachable" in outcome.err
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    assert len(records) == 60
    assert {record["status"] for record in records} == {"answered"}
    assert silent
    asked = [json.dumps(body) for server in (vanishing, other) for body in server.bodies]
    assert len(asked) - len(set(asked)) == len(silent)
    assert counts(tmp_path)["retries after a lost server"] == len(silent)


def test_servers_of_different_models_are_no_replicas(
    here: Here, servers: list[FakeServer], cells: Path
) -> None:
    servers[2].models = [{"id": "mock", "owned_by": "vllm"}]
    outcome = here(*evaluation(servers, cells))
    assert outcome.code == 2
    assert "The servers are not equal" in outcome.err
    assert servers[2].url in outcome.err


@pytest.mark.first(1)
@pytest.mark.parametrize(
    ("away", "another"),
    [(0.0, {"id": "another"}), (1.5, {"id": "another"}), (0.0, {"id": "mock", "root": "/other"})],
    ids=["at once", "after a while", "under the same name"],
)
def test_a_server_that_comes_back_with_another_model_is_not_asked(
    here: Here, servers: list[FakeServer], tmp_path: Path, away: float, another: dict[str, str]
) -> None:
    data = write_data(tmp_path / "data", 60)
    dying, other = servers[0], servers[1]
    asked_of_another: list[dict[str, Any]] = []
    dying.models = [{"id": "mock", "owned_by": "mock", "root": "/mine"}]

    def replace() -> None:
        dying.down()
        time.sleep(away)
        dying.models = [another]
        dying.up()

    async def dies(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if dying.models == [another]:
            asked_of_another.append(body)
        if len(dying.bodies) == 3:
            threading.Thread(target=replace).start()
            await asyncio.sleep(30)
        return web.json_response(completion())

    async def slow(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return web.json_response(completion())

    dying.behaviour, other.behaviour = dies, slow
    outcome = here(*evaluation([dying, other], data, "-o", "engine.window=1"))
    assert outcome.code == 0, outcome.err
    assert f"{dying.url} is unreachable" in outcome.err
    assert f"{dying.url} is back\n" not in outcome.err
    assert asked_of_another == []
