"""`doctor --base-url`: what a server can do, in three dialects, and what to type where it can't."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from .helpers.command import Outcome
from .helpers.server import Behaviour, FakeServer, always, completion
from .test_server import VLLM, detokenize, listing, tokenize

Here = Callable[..., Outcome]
KEY = "sk-proj-5e1f0c9d7a"
LETTERS = {(255, 0, 0): "A", (0, 0, 255): "C"}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def letter_of(body: dict[str, Any]) -> str:
    """What a model that sees colours answers: A for red, C for blue."""
    content = body["messages"][0]["content"]
    if isinstance(content, str):
        return "B"
    file = base64.b64decode(content[0]["image_url"]["url"].partition(",")[2])
    return LETTERS[Image.open(io.BytesIO(file)).getpixel((0, 0))]  # type: ignore[index]


def said(
    text: str, body: dict[str, Any], *, image_tokens: int = 50, **message: Any
) -> web.Response:
    """A completion that counts an image's tokens."""
    has_image = not isinstance(body["messages"][0]["content"], str)
    found = completion(text)
    found["usage"]["prompt_tokens"] = 10 + image_tokens * has_image
    found["choices"][0]["message"] |= message
    return web.json_response(found)


def refused(text: str, **more: Any) -> web.Response:
    return web.json_response({"error": {"message": text, **more}}, status=400)


async def as_vllm(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
    """Sees, keeps to labels, draws by seeds, and thinks unless it is told not to."""
    letter = letter_of(body)
    if "logprob_token_ids" in body:
        tokens = [(f"token_id:{one}", -1.0 - one) for one in body["logprob_token_ids"]]
        return web.json_response(listing(*tokens))
    if body["temperature"]:
        return said(f"Animal {body['seed']}.", body)
    if body.get("chat_template_kwargs", {}).get("enable_thinking", True):
        return said(letter, body, reasoning_content="Let me see.")
    return said(letter, body)


def as_hosted() -> Behaviour:
    """Lists five tokens, forgets seeds, knows no field for thinking."""
    draws = count()

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        assert "max_tokens" not in body
        if "reasoning_effort" in body or "chat_template_kwargs" in body:
            return refused("Unsupported parameter: 'reasoning_effort'")
        if body.get("top_logprobs", 0) > 5:
            return refused("Invalid value for 'top_logprobs': must be at most 5")
        if "top_logprobs" in body:
            return web.json_response(listing(("A", -0.1), ("B", -3.0), ("The", -4.0)))
        if "response_format" in body:
            return said(json.dumps({"answer": letter_of(body)}), body)
        return said(f"Animal {next(draws)}" if body["temperature"] else letter_of(body), body)

    return behave


async def blind(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
    """Leaves out images, and all fields that it does not know."""
    return said("I cannot see it.", body, image_tokens=0)


def findings(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in outcome.document["findings"]}


async def version(request: web.Request) -> web.StreamResponse:
    return web.json_response({"version": "0.32.0"})


def test_a_server_that_can_do_everything_is_described(here: Here) -> None:
    facts = {"models": VLLM, "tokenize": tokenize, "detokenize": detokenize, "version": version}
    with FakeServer(as_vllm, **facts) as server:
        outcome = here("doctor", "--base-url", server.url, "--json")
    assert outcome.code == 0, outcome.err
    found, can = findings(outcome), outcome.document["server"]
    assert {one["state"] for one in found.values()} == {"ok"}
    assert (can["kind"], can["version"], can["model"]) == ("vllm", "0.32.0", "mock")
    assert (can["models"], can["context"], can["images"]) == (["mock"], 512, True)
    assert can["readouts"] == {"parse": True, "choice": True, "logprob": True}
    assert can["seed"] is True
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    assert can["thinking"] == {"default": True, "switch": off}
    assert found["thinking"]["to_do"] == f"-o engine.body='{json.dumps(off)}'"
    assert "50 tokens for one" in found["images"]["found"]
    assert found["logprob"]["found"] == "exactly the labels' tokens"


def test_what_a_hosted_server_cannot_do_is_told_with_what_to_type(here: Here) -> None:
    listed = [{"id": name, "owned_by": "openai"} for name in ("small", "large")]
    with FakeServer(as_hosted(), models=listed) as server:
        command = ["doctor", "--base-url", server.url, "--model", "large", "--json"]
        outcome = here(*command)
        with_option = here(*command, "-o", "engine.top_logprobs=5")
    assert outcome.code == with_option.code == 0, outcome.err
    found, can = findings(outcome), outcome.document["server"]
    assert (can["models"], can["context"]) == (["small", "large"], None)
    assert can["readouts"] == {"parse": True, "choice": True, "logprob": False}
    assert "-o engine.top_logprobs=5" in found["logprob"]["to_do"]
    assert (found["seed"]["state"], can["seed"]) == ("note", False)
    assert can["thinking"] == {"default": False, "switch": None}
    assert with_option.document["server"]["top_logprobs"] == 3
    assert "1 of 3 labels" in findings(with_option)["logprob"]["found"]


def test_a_server_that_leaves_images_out_is_at_fault(here: Here) -> None:
    with FakeServer(blind) as server:
        outcome = here("doctor", "--base-url", server.url)
    assert outcome.code == 1
    lines = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    assert "an image changes nothing: 10 tokens with it and without" in lines["images"]
    assert "did not keep to the labels" in lines["choice"]
    assert "--readout parse" in lines["choice"]
    assert "no log-probabilities" in lines["logprob"]
    assert "-o engine.kind=KIND" in lines["server"]


def test_an_image_that_is_answered_from_anothers_cache_is_a_fault(here: Here) -> None:
    asked: list[str] = []

    async def stale(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        asked.append(letter_of(body))
        return said("C" if len(asked) > 3 else asked[-1], body)  # the pair together: one answer

    with FakeServer(stale) as server:
        outcome = here("doctor", "--base-url", server.url, "--json")
    assert outcome.code == 1
    assert findings(outcome)["images"]["state"] == "fault"
    assert "['C', 'C'] together" in findings(outcome)["images"]["found"]


def test_a_server_that_does_not_answer_is_at_fault(here: Here) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        outcome = here("doctor", "--base-url", url, "--json")
    assert outcome.code == 1
    assert not outcome.document["holds"]
    assert "No server answers" in findings(outcome)["server"]["found"]


@pytest.mark.parametrize("way", [["--json"], []], ids=["json", "table"])
def test_a_key_that_the_server_repeats_is_not_shown(
    here: Here, monkeypatch: pytest.MonkeyPatch, way: list[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeServer(always(401, json.dumps({"error": {"message": f"bad {KEY}"}}))) as server:
        outcome = here("doctor", "--base-url", server.url, *way)
    assert outcome.code == 1
    assert "refuses the key" in outcome.out
    assert KEY not in outcome.out + outcome.err


def test_several_models_are_named_where_none_is_chosen(here: Here) -> None:
    with FakeServer(models=[{"id": "small"}, {"id": "large"}]) as server:
        outcome = here("doctor", "--base-url", server.url)
    assert outcome.code == 1
    assert "serves 2 models: say which with --model" in outcome.out
    assert "small" in outcome.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--base-url", "nowhere"], "is not an http"),
        (["--base-url", "http://127.0.0.1:9/v1", "-o", "engine.nope=1"], "no option 'nope'"),
        (["--base-url", "http://127.0.0.1:9/v1", "-o", "window=1"], "engine.K=V"),
        (["--base-url", "http://127.0.0.1:9/v1", "--gpu"], "of the other flags it takes --model"),
        (["-o", "engine.window=1"], "only for --base-url"),
    ],
)
def test_what_cannot_be_asked_is_the_users_to_fix(here: Here, words: list[str], told: str) -> None:
    outcome = here("doctor", *words)
    assert outcome.code == 2
    assert told in outcome.err
