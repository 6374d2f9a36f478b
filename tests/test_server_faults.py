"""`--engine server` against faulty servers on loopback: whose error it is, and what goes on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.engines.server import transport as server_transport

from .helpers.command import Command, Outcome
from .helpers.data import make_png, make_row, write_data
from .helpers.server import Behaviour, FakeServer, always, completion

Here = Callable[..., Outcome]
QUICK = ["-o", "engine.retries=2"]
KEY = "sk-proj-5e1f0c9d7a"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def evaluation(url: str, data: Path, *more: str) -> list[str]:
    return [
        "eval", "--plugin", "openai", "--base-url", url, "--data", str(data), "--run-dir", "r",
        "--no-preflight", *more,
    ]  # fmt: skip


def records(folder: Path) -> list[dict[str, Any]]:
    return list(mubench_gen.load_run(folder / "r").records())


def counts(folder: Path) -> dict[str, Any]:
    session = json.loads((folder / "r/manifest.json").read_text())["sessions"][-1]
    found: dict[str, Any] = session["counts"]
    return found


def first(n: int, fault: Behaviour, then: str = "A") -> Behaviour:
    """The fault for the first n requests, a sound answer from then on."""
    seen = 0

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen <= n:
            return await fault(body, request)
        return web.json_response(completion(then))

    return behave


async def hang_up(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half_a_body(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [{"ind')
    return await hang_up(body, request)


def one_bad(fault: Behaviour) -> Behaviour:
    """The fault for every request about the first image; sound otherwise."""

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if "iVBORw0KGgoAAAANSUhEUgAAAAg" in body["messages"][0]["content"][0]["image_url"]["url"]:
            return web.json_response(completion())
        return await fault(body, request)

    return behave


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Three images; the second is of another size than the others."""
    return write_data(tmp_path / "mixed", 3, {1: make_png(1, (11, 8))})


def test_no_server_is_the_users_to_fix(here: Here, cells: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        outcome = here(*evaluation(f"http://127.0.0.1:{port}/v1", cells))
    assert outcome.code == 2
    assert f"No server answers. http://127.0.0.1:{port}/v1" in outcome.err
    assert "Traceback" not in outcome.err


def test_no_base_url_is_the_users_to_fix(here: Here, cells: Path) -> None:
    outcome = here("eval", "--plugin", "openai", "--data", str(cells))
    assert outcome.code == 2
    assert "say which with --base-url" in outcome.err
    assert "OPENAI_API_KEY" in outcome.err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:8000/v1", "is not an http:// or https:// URL"),
        ("ftp://host/v1", "is not an http:// or https:// URL"),
        ("http://host:port/v1", "is not an http:// or https:// URL"),
        (f"http://me:{KEY}@host/v1", "holds a user or a password"),
        (f"https://host/v1?api_key={KEY}", "leave out ? and #"),
    ],
)
def test_a_bad_url_is_refused_without_what_is_secret_in_it(
    here: Here, cells: Path, url: str, said: str
) -> None:
    outcome = here(*evaluation(url, cells))
    assert outcome.code == 2
    assert said in outcome.err
    assert KEY not in outcome.err


def test_a_url_that_ends_too_early_is_told_its_end(here: Here, cells: Path) -> None:
    with FakeServer() as server:
        outcome = here(*evaluation(server.url.removesuffix("/v1"), cells))
    assert outcome.code == 2
    assert f"--base-url goes up to /v1: {server.url}" in outcome.err


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, "<!doctype html><title>Welcome to nginx!</title>", "a web page, 'Welcome to nginx!'"),
        (200, '{"object": "list", "data": []}', "there is none"),
        (200, '{"data": [{"id"', "does not list models (200)"),
        (503, "", "does not list models (503)"),
        (404, "", "does not list models (404)"),
    ],
)
def test_what_lists_no_models_is_no_server(
    here: Here, cells: Path, status: int, text: str, said: str
) -> None:
    async def models(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, content_type="text/html")

    with FakeServer(models=models) as server:
        outcome = here(*evaluation(server.url, cells))
    assert outcome.code == 2
    assert said in outcome.err


def test_a_server_without_a_list_of_models_is_asked_for_the_one_that_is_named(
    here: Here, cells: Path
) -> None:
    async def models(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    with FakeServer(models=models) as server:
        assert here(*evaluation(server.url, cells, "--model", "gpt-x")).code == 0
    assert {body["model"] for body in server.bodies} == {"gpt-x"}


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (always(500, '{"error": {"message": "CUDA error"}}'), "retries after 5xx"),
        (always(503, "loading"), "retries after 5xx"),
        (always(429, '{"error": {"message": "slow down"}}'), "retries after 429"),
        (hang_up, "retries after a broken connection"),
        (half_a_body, "retries after a broken connection"),
    ],
)
def test_what_had_no_answer_is_asked_again(
    here: Here, cells: Path, tmp_path: Path, fault: Behaviour, cause: str
) -> None:
    with FakeServer(first(2, fault)) as server:
        outcome = here(*evaluation(server.url, cells, "-o", "engine.window=1"))
    assert outcome.code == 0, outcome.err
    assert len(server.bodies) == 8
    assert counts(tmp_path)[cause] == 2


class Forgetful(socketserver.StreamRequestHandler):
    """Answers the first question of each connection, and closes it without a word at the next."""

    answers = 1  # a connection
    unanswered: ClassVar[list[bytes]]

    def handle(self) -> None:
        for number in itertools.count():
            head = b"".join(itertools.takewhile(lambda line: line.strip(), self.rfile))
            if not head:
                return
            length = re.search(rb"(?i)content-length: (\d+)", head)
            self.rfile.read(int(length[1]) if length else 0)
            if head.startswith(b"POST") and number >= self.answers:
                self.unanswered.append(head)
                return
            listed = {"data": [{"id": "mock", "owned_by": "mock"}]}
            body = json.dumps(completion() if head.startswith(b"POST") else listed).encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@contextlib.contextmanager
def forgetful(answers: int) -> Iterator[tuple[str, type[Forgetful]]]:
    handler = type("Handler", (Forgetful,), {"answers": answers, "unanswered": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", handler
        server.shutdown()


@pytest.mark.parametrize("window", [1, 4])
def test_a_connection_that_the_server_closed_meanwhile_costs_no_try(
    here: Here, cells: Path, tmp_path: Path, window: int
) -> None:
    with forgetful(answers=1) as (url, handler):
        options = ["-o", "engine.retries=0", "-o", f"engine.window={window}"]
        outcome = here(*evaluation(url, cells, *options))
    assert outcome.code == 0, outcome.err
    assert handler.unanswered
    assert {record["status"] for record in records(tmp_path)} == {"answered"}
    resent = counts(tmp_path)["retries after a connection that had been closed"]
    assert resent == len(handler.unanswered)


def test_a_new_connection_that_the_server_closes_is_a_try(here: Here, cells: Path) -> None:
    with forgetful(answers=0) as (url, handler):
        outcome = here(*evaluation(url, cells, "-o", "engine.retries=1", "-o", "engine.window=1"))
    assert outcome.code == 3, outcome.err
    assert "the connection to the server broke 2 times" in outcome.err
    assert len(handler.unanswered) == 12


def test_the_server_says_when_it_wants_to_be_asked_again(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    times: list[float] = []

    async def busy(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        return web.Response(status=429, headers={"Retry-After": "1"})

    async def note(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        return web.json_response(completion())

    calm = first(1, busy)

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        answer = await calm(body, request)
        return answer if answer.status == 429 else await note(body, request)

    with FakeServer(behave) as server:
        assert here(*evaluation(server.url, cells, "-o", "engine.window=1")).code == 0
    assert times[1] - times[0] >= 0.9


def test_a_wait_longer_than_the_timeout_is_not_waited_for(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def busy(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "86400"})

    with FakeServer(busy) as server:
        assert here(*evaluation(server.url, cells)).code == 3
    assert len(server.bodies) == 6
    assert "asks to wait 86400 s" in records(tmp_path)[0]["error"]["message"]


def test_a_quota_that_is_used_up_ends_the_run(here: Here, cells: Path) -> None:
    text = '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    with FakeServer(always(429, text)) as server:
        outcome = here(*evaluation(server.url, cells, "-o", "engine.window=1"))
    assert outcome.code == 3
    assert len(server.bodies) == 1
    assert "quota is used up: You exceeded your current quota" in outcome.err


@pytest.mark.first(6)
@pytest.mark.parametrize(
    ("fault", "type_", "said"),
    [
        (always(500, "CUDA error"), "RetryLater", "answered 500 3 times: CUDA error"),
        (always(400, '{"error": {"message": "bad image"}}'), "ItemError", "(400): bad image"),
        (always(422, '{"detail": [{"msg": "no"}]}'), "ItemError", "refuses the request (422)"),
        (always(413, "<html><title>Too Large</title>"), "ItemError", "a web page, 'Too Large'"),
        (always(200, '{"choices": [{"index": 0, "mess'), "ReplyError", "cut off"),
        (always(200, ""), "ReplyError", "not a chat completion but empty"),
        (always(200, "<html><title>Sign in</title>"), "ReplyError", "a web page, 'Sign in'"),
        (always(200, "[1, 2]"), "ReplyError", "not a chat completion"),
        (always(200, '{"choices": []}'), "ReplyError", "0 choices to a request for one"),
        (
            always(200, json.dumps(completion(choices=[*completion()["choices"] * 2]))),
            "ReplyError",
            "2 choices to a request for one",
        ),
        (always(200, '{"choices": [{"index": 0}]}'), "ReplyError", "has no message"),
        (
            always(200, json.dumps(completion()).replace('"index": 0', '"index": 5')),
            "ReplyError",
            "has the index 5",
        ),
        (always(200, json.dumps(completion(7))), "ReplyError", "is not text but int"),  # type: ignore[arg-type]
        (
            always(200, '{"error": {"message": "provider is down"}}'),
            "ItemError",
            "answered with an error: provider is down",
        ),
        (hang_up, "RetryLater", "the connection to the server broke 3 times"),
        (half_a_body, "RetryLater", "the connection to the server broke 3 times"),
    ],
)
def test_a_fault_in_one_item_never_stops_the_others(
    here: Here, mixed: Path, tmp_path: Path, fault: Behaviour, type_: str, said: str
) -> None:
    with FakeServer(one_bad(fault)) as server:
        outcome = here(*evaluation(server.url, mixed, *QUICK))
    assert outcome.code == 3, outcome.err
    failed = [r["error"] for r in records(tmp_path) if r["status"] == "error"]
    assert [error["type"] for error in failed] == [type_] * 2
    assert said in failed[0]["message"]
    assert sum(r["status"] == "answered" for r in records(tmp_path)) == 4


def test_an_answer_once_received_is_never_rolled_again(here: Here, cells: Path) -> None:
    for text in ("", "{", "<html>", json.dumps(completion(choices=[]))):
        with FakeServer(always(200, text)) as server:
            assert here(*evaluation(server.url, cells, "--fresh")).code == 3
        assert len(server.bodies) == 6


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_reply_is_a_reply(
    here: Here, cells: Path, tmp_path: Path, text: str | None
) -> None:
    with FakeServer(always(200, json.dumps(completion(text)))) as server:
        assert here(*evaluation(server.url, cells)).code == 0
    assert {r["status"] for r in records(tmp_path)} == {"empty"}


def test_a_reply_of_another_model_in_the_servers_words_is_kept_with_its_reason(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    cut = json.dumps(completion("The image shows")).replace('"stop"', '"length"')
    with FakeServer(always(200, cut)) as server:
        assert here(*evaluation(server.url, cells)).code == 0
    assert {r["status"] for r in records(tmp_path)} == {"truncated"}
    assert {r["finish_reason"] for r in records(tmp_path)} == {"length"}


@pytest.mark.parametrize(
    ("text", "models"),
    [
        (
            "This model's maximum context length is 512 tokens. However, you requested 700 tokens "
            "(636 in the messages, 64 in the completion).",
            [{"id": "mock", "owned_by": "vllm", "max_model_len": 512}],
        ),
        ("The decoder prompt (length 700) is longer than the maximum model length of 512", None),
        ("the request exceeds the available context size (700 > 512)", None),
    ],
)
def test_a_prompt_longer_than_the_context_names_both_lengths(
    here: Here, cells: Path, tmp_path: Path, text: str, models: Any
) -> None:
    facts = {"models": models} if models else {}
    with FakeServer(always(400, json.dumps({"error": {"message": text}})), **facts) as server:
        assert here(*evaluation(server.url, cells)).code == 3
    message = records(tmp_path)[0]["error"]["message"]
    assert "700" in message
    assert "512" in message
    assert "context" in message


@pytest.mark.parametrize("status", [401, 403, 404, 405, 307])
def test_what_concerns_all_requests_ends_the_run_as_the_users_to_fix(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    text = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}})
    with FakeServer(always(status, text)) as server:
        outcome = here(*evaluation(server.url, cells))
    assert outcome.code == 2, outcome.err
    assert f"({status})" in outcome.err
    assert KEY not in outcome.err


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "org/text is not a multimodal model"),
        (400, "Invalid content type. image_url is only supported by certain models."),
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
    ],
)
def test_a_model_that_is_not_multimodal_is_the_users_to_fix(
    here: Here, cells: Path, status: int, text: str
) -> None:
    with FakeServer(always(status, json.dumps({"error": {"message": text}}))) as server:
        outcome = here(*evaluation(server.url, cells))
    assert outcome.code == 2, outcome.err
    assert f"The server's model reads no images: {text.rstrip('.')}" in outcome.err


def test_a_model_without_a_chat_template_is_the_users_to_fix(here: Here, cells: Path) -> None:
    async def tokenize(request: web.Request) -> web.StreamResponse:
        text = "default chat template is no longer allowed, so you must provide a chat template"
        return web.json_response({"error": {"message": text}}, status=400)

    models = [{"id": "mock", "owned_by": "vllm"}]
    with FakeServer(models=models, tokenize=tokenize) as server:
        outcome = here(*evaluation(server.url, cells))
    assert outcome.code == 2
    assert "mock has no chat template" in outcome.err


def test_a_key_that_is_refused_at_the_start_is_not_shown(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    async def models(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": f"bad key {KEY}"}}, status=401)

    with FakeServer(models=models) as server:
        outcome = here(*evaluation(server.url, cells))
    assert outcome.code == 2
    assert "refuses the key, or wants one (401): bad key ***" in outcome.err
    assert KEY not in outcome.err


def test_the_key_goes_to_the_server_and_nowhere_else(
    here: Here, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    fault = always(400, json.dumps({"error": {"message": f"you sent {KEY}"}}))
    with FakeServer(first(1, fault)) as server:
        outcome = here(*evaluation(server.url, cells, "-o", "engine.key_env=MY_KEY"))
    assert outcome.code == 3
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]
    assert KEY not in outcome.err + outcome.out
    assert "To ask: at most 6 requests" in outcome.err


@pytest.mark.parametrize("option", [f"api_key={KEY}", f"key_env={KEY}", f"key_env={KEY.lower()}"])
def test_a_key_given_as_an_option_is_refused_and_not_shown(
    here: Here, cells: Path, option: str
) -> None:
    outcome = here(*evaluation("http://127.0.0.1:9/v1", cells, "-o", f"engine.{option}"))
    assert outcome.code == 2
    assert "OPENAI_API_KEY" in outcome.err
    assert KEY not in outcome.err


def test_a_key_variable_that_is_not_set_is_named(here: Here, cells: Path) -> None:
    outcome = here(*evaluation("http://127.0.0.1:9/v1", cells, "-o", "engine.key_env=NO_SUCH_KEY"))
    assert outcome.code == 2
    assert "NO_SUCH_KEY (engine.key_env) is not set or empty" in outcome.err


def test_a_slow_answer_is_its_items_error_and_its_connection_is_closed(
    here: Here, mixed: Path, tmp_path: Path
) -> None:
    gone = threading.Event()

    async def never(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            gone.set()
            raise
        return web.Response()

    with FakeServer(one_bad(never)) as server:
        assert here(*evaluation(server.url, mixed, "--timeout", "5")).code == 3
        assert gone.wait(240)
    failed = [r["error"] for r in records(tmp_path) if r["status"] == "error"]
    assert [error["type"] for error in failed] == ["ItemTimeout"] * 2


def test_a_server_that_dies_ends_the_run_and_the_same_command_goes_on(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 20)
    server = FakeServer()

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(server.bodies) == 10:
            threading.Thread(target=server.down).start()
            await asyncio.sleep(30)
        return web.json_response(completion())

    server.behaviour = behave
    command = evaluation(
        server.url, data, "-o", "engine.window=2", "-o", "engine.patience=0.5", *QUICK
    )
    with server:
        command[4] = server.url
        outcome = here(*command)
        assert outcome.code == 3, outcome.err
        assert "No server can be reached for 0.5 s" in outcome.err
        assert "Traceback" not in outcome.err
        done = len(records(tmp_path))
        assert 8 <= done < 40
        assert not [r for r in records(tmp_path) if r["status"] == "error"]
        asked = len(server.bodies)
        server.up()
        outcome = here(*command)
        assert outcome.code == 0, outcome.err
        assert len(server.bodies) - asked == 40 - done


def test_a_server_that_comes_back_in_time_goes_on_in_the_same_run(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 10)
    server = FakeServer()

    def restart() -> None:
        server.down()
        time.sleep(0.5)
        server.up()

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(server.bodies) == 5:
            server.in_background(restart)
            await asyncio.sleep(30)
        return web.json_response(completion())

    server.behaviour = behave
    with server:
        outcome = here(*evaluation(server.url, data, "-o", "engine.window=2"))
    assert outcome.code == 0, outcome.err
    assert "is unreachable" in outcome.err
    assert "is back" in outcome.err


def mortal(server: FakeServer, word: str, under_way: list[int], *, away: float) -> Behaviour:
    """Dies of what holds the word, noting how many were under way, and is started again."""

    def restart() -> None:
        server.down()
        time.sleep(away)
        server.up()

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        if word in json.dumps(body):
            under_way.append(server.now)
            server.in_background(restart)
            await asyncio.sleep(30)
        return web.json_response(completion())

    return behave


def test_what_a_server_dies_of_each_time_is_asked_alone_and_is_its_items_error(
    here: Here, tmp_path: Path
) -> None:
    rows = [make_row(number) for number in range(10)]
    rows[4]["questions"]["stain"]["question"] = "Which hemlock is this?"
    data = write_data(tmp_path / "data", rows)
    under_way: list[int] = []
    server = FakeServer()
    server.behaviour = mortal(server, "hemlock", under_way, away=0.5)
    with server:
        outcome = here(*evaluation(server.url, data, "-o", "engine.window=6"))
    assert outcome.code == 3, outcome.err
    failed = [record for record in records(tmp_path) if record["status"] == "error"]
    assert [record["item"] for record in failed] == ["cells/cell-4/stain"]
    assert "the last time this alone" in failed[0]["error"]["message"]
    assert sum(record["status"] == "answered" for record in records(tmp_path)) == 19
    assert len(under_way) == 3
    assert under_way[2] == 1
    assert server.most > 1
    assert counts(tmp_path)["requests_that_servers_died_of"] == 1


def test_the_time_in_which_a_server_is_away_is_no_requests(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 6)
    server = FakeServer()
    died = threading.Event()

    def restart() -> None:
        server.down()
        time.sleep(6)  # longer than --timeout, which a busy machine needs too
        server.up()

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if len(server.bodies) >= 4 and not died.is_set():
            died.set()
            restarting.start()
            await asyncio.sleep(30)
        return web.json_response(completion())

    restarting = threading.Thread(target=restart)
    server.behaviour = behave
    with server:
        outcome = here(*evaluation(server.url, data, "--timeout", "5", "-o", "engine.window=4"))
        restarting.join(240)
    assert died.is_set()
    assert outcome.code == 0, outcome.err


def test_a_server_that_fails_everything_ends_the_run(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 20)
    with FakeServer(always(500, "out of memory")) as server:
        outcome = here(*evaluation(server.url, data, "-o", "engine.retries=0"))
    assert outcome.code == 3
    assert "16 requests in a row failed for good" in outcome.err
    assert "out of memory" in outcome.err


def test_a_server_that_refuses_everything_is_not_asked_a_thousand_times(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 120)
    text = '{"error": {"message": "No such thing today"}}'
    with FakeServer(always(400, text)) as server:
        outcome = here(*evaluation(server.url, data, "-o", "engine.window=1"))
    assert outcome.code == 3
    assert len(server.bodies) < 100
    assert "20 requests in a row failed with one cause" in outcome.err
    assert "No such thing today" in outcome.err


def test_an_answer_too_large_is_not_read(here: Here, mixed: Path, tmp_path: Path) -> None:
    async def huge(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b" " * 2**20)
        return response

    with FakeServer(one_bad(huge)) as server:
        assert here(*evaluation(server.url, mixed)).code == 3
    failed = [r["error"] for r in records(tmp_path) if r["status"] == "error"]
    assert "has more than 16 MiB" in failed[0]["message"]
    assert len(failed) == 2


def test_ctrl_c_leaves_a_run_that_goes_on(mubench: Command, here: Here, tmp_path: Path) -> None:
    import signal

    data = write_data(tmp_path / "data", 30)
    started = threading.Event()

    async def slow(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        if len(server.bodies) > 10:
            started.set()
        return web.json_response(completion())

    with FakeServer(slow) as server:
        command = evaluation(server.url, data, "-o", "engine.window=2")
        running = mubench.start(*command)
        assert started.wait(240)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=240)
        assert running.returncode == 130
        assert "Traceback" not in err
        outcome = here(*command)
        assert outcome.code == 0, outcome.err
    assert len(records(tmp_path)) == 60


def test_the_network_is_asked_whether_a_silent_server_is_still_there(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[socket.socket] = []

    def lifelike(address: Any) -> socket.socket:
        made.append(plain(address))
        assert made[-1].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert made[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        return made[-1]

    plain = server_transport.lifelike
    monkeypatch.setattr(server_transport, "lifelike", lifelike)
    with FakeServer() as server:
        assert here(*evaluation(server.url, cells)).code == 0
        assert len(server.connections) <= len(made)
    assert made
