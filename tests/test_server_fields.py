"""What goes into a request to a server: what the harness owns, and fields that a server refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen

from .helpers.command import Outcome
from .helpers.server import FakeServer, always, completion

Here = Callable[..., Outcome]
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


def listing(*tokens: tuple[str, float | None]) -> dict[str, Any]:
    top = [{"token": token, "logprob": logprob} for token, logprob in tokens]
    found = completion(tokens[0][0])
    found["choices"][0]["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return found


@pytest.mark.first(4)
@pytest.mark.parametrize(
    ("field", "flag"),
    [
        ("temperature", "--temperature"),
        ("max_completion_tokens", "--max-tokens"),
        ("top_logprobs", "engine.top_logprobs"),
        ("Model", "--model"),
        ("messages", "--prompt"),
        ("n", "--repeats"),
        ("stream", "replies are read whole"),
        ("max_tokens", "--max-tokens"),
        ("seed", "--seed"),
        ("logprobs", "--readout logprob"),
    ],
)
def test_a_field_that_the_harness_sets_is_refused_with_its_flag(
    here: Here, cells: Path, field: str, flag: str
) -> None:
    body = json.dumps({"priority": 1, field: 1})
    with FakeServer() as server:
        outcome = here(*evaluation(server.url, cells, "-o", f"engine.body={body}"))
    assert outcome.code == 2
    assert f"the harness sets {field!r} itself" in outcome.err
    assert flag in outcome.err
    assert not server.bodies


def test_no_request_can_do_without_its_messages(here: Here, cells: Path) -> None:
    outcome = here(*evaluation("http://127.0.0.1:9/v1", cells, "-o", "engine.omit=seed,messages"))
    assert outcome.code == 2
    assert "no request is possible without 'messages'" in outcome.err


def said(text: str, **more: Any) -> str:
    return json.dumps({"error": {"message": text, **more}})


@pytest.mark.first(5)
@pytest.mark.parametrize(
    ("status", "text", "way"),
    [
        (
            400,
            said(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                param="max_tokens",
            ),
            "-o engine.limit_field=max_completion_tokens",
        ),
        (
            422,
            '{"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs '
            'are not permitted"}]}',
            "-o engine.omit=min_p,seed",
        ),
        (
            400,
            said("Unsupported value: 'temperature' does not support 0 with this model."),
            "-o engine.omit=min_p,temperature",
        ),
        (400, said("Unrecognized request argument supplied: seed"), "-o engine.omit=min_p,seed"),
        (400, said("Unsupported parameter: priority"), "take priority out of -o engine.body"),
        (
            400,
            said("Unknown parameter: 'max_completion_tokens'."),
            "-o engine.limit_field=max_tokens",
        ),
        (400, said("This model does not support logprobs."), "--readout parse"),
        (400, said("Invalid value for 'top_logprobs': must be at most 5"), "engine.top_logprobs=5"),
        (400, said("response_format json_schema is not supported"), "-o engine.kind"),
    ],
)
def test_a_field_that_a_server_refuses_is_told_with_the_option(
    here: Here, cells: Path, status: int, text: str, way: str
) -> None:
    options = ["-o", "engine.omit=min_p", "-o", 'engine.body={"priority": 1}']
    with FakeServer(always(status, text)) as server:
        outcome = here(*evaluation(server.url, cells, *options, "-o", "engine.window=1"))
    assert outcome.code == 2, outcome.err
    assert f"refuses a field of every request ({status})" in outcome.err
    assert way in outcome.err
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "text", ["The image is not supported: its temperature map is unknown", "Invalid 'stop' mark"]
)
def test_a_word_that_is_also_a_fields_name_is_its_items_error(
    here: Here, cells: Path, text: str
) -> None:
    with FakeServer(always(400, said(text))) as server:
        outcome = here(*evaluation(server.url, cells))
    assert outcome.code == 3, outcome.err
    assert len(server.bodies) == 6


@pytest.mark.parametrize("owner", ["mock", "vllm"])
def test_as_many_tokens_are_listed_as_the_user_says(
    here: Here, cells: Path, tmp_path: Path, owner: str
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(listing(("B", -0.1), ("A", -3.0), ("C", -4.0)))

    options = ["--readout", "logprob", "-o", "engine.top_logprobs=5"]
    with FakeServer(behave, models=[{"id": "mock", "owned_by": owner}]) as server:
        outcome = here(*evaluation(server.url, cells, *options))
    assert outcome.code == 0, outcome.err
    assert {body["top_logprobs"] for body in server.bodies} == {5}
    assert "logprob_token_ids" not in server.bodies[0]
    assert records(tmp_path)[0]["scores"] == pytest.approx([-3.0, -0.1, -4.0])


def test_a_label_whose_log_probability_is_null_is_as_one_that_is_not_listed(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(listing(("B", -0.01), ("A", -5.0), ("C", None)))

    with FakeServer(behave) as server:
        outcome = here(*evaluation(server.url, cells, "--readout", "logprob"))
    assert outcome.code == 0, outcome.err
    record = records(tmp_path)[0]
    assert record["status"] == "answered"
    assert record["scores"] == pytest.approx([-5.0, -0.01, -5.7408], abs=1e-3)


def test_null_for_every_token_is_no_log_probability(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(listing(("A", None), ("B", None)))

    with FakeServer(behave) as server:
        assert here(*evaluation(server.url, cells, "--readout", "logprob")).code == 3
    assert "all log-probabilities are null" in records(tmp_path)[0]["error"]["message"]


def test_a_deployment_that_is_not_listed_is_asked_where_the_user_says_so(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    listed = [{"id": "gpt-x", "owned_by": "openai"}, {"id": "gpt-y", "owned_by": "openai"}]
    with FakeServer(models=listed) as server:
        command = evaluation(server.url, cells, "--model", "my-deployment")
        refused = here(*command, "--run-dir", "refused")
        outcome = here(*command, "-o", "engine.unlisted=true")
    assert refused.code == 2
    assert "-o engine.unlisted=true" in refused.err
    assert outcome.code == 0, outcome.err
    assert {body["model"] for body in server.bodies} == {"my-deployment"}
    assert "max_completion_tokens" in server.bodies[0]  # the kind is that of those listed
    manifest = json.loads((tmp_path / "r/manifest.json").read_text())
    assert manifest["sessions"][-1]["model"]["served_model"] == "my-deployment"


def test_an_unlisted_model_must_be_named(here: Here, cells: Path) -> None:
    with FakeServer() as server:
        outcome = here(*evaluation(server.url, cells, "-o", "engine.unlisted=true"))
    assert outcome.code == 2
    assert "say which with --model" in outcome.err


def test_a_listing_that_is_closed_does_not_keep_from_an_unlisted_model(
    here: Here, cells: Path
) -> None:
    async def models(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "not for you"}}, status=403)

    with FakeServer(models=models) as server:
        command = evaluation(server.url, cells, "--model", "x", "-o", "engine.unlisted=true")
        outcome = here(*command)
    assert outcome.code == 0, outcome.err


def escaped(text: str) -> str:
    r"""The text with every other character as \uXXXX."""
    return "".join(f"\\u{ord(c):04x}" if i % 2 else c for i, c in enumerate(text))


@pytest.mark.first(5)
@pytest.mark.parametrize("spell", [escaped, str], ids=["escaped", "plain"])
@pytest.mark.parametrize("where", ["content", "reasoning", "finish_reason", "error", "parts"])
def test_a_key_that_a_reply_repeats_is_in_no_file(
    here: Here,
    cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    spell: Callable[[str], str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    text = json.dumps(answer_with(where))
    for word, part in (("KEY", KEY), ("HEAD", KEY[:9]), ("TAIL", KEY[9:])):
        text = text.replace(word, spell(part))
    with FakeServer(always(200, text)) as server:
        outcome = here(*evaluation(server.url, cells, "-o", "engine.retries=0"))
    assert outcome.code in (0, 3)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in kept
    assert KEY not in outcome.err + outcome.out
    assert "***" in json.dumps(records(tmp_path)[0])


def answer_with(where: str) -> dict[str, Any]:
    """A reply with the word KEY somewhere, or with HEAD and TAIL in two parts of its text."""
    if where == "error":
        return {"error": {"message": "you sent KEY"}}
    found = completion("A, by KEY")
    choice = found["choices"][0]
    if where == "parts":
        pieces = ("A, by HEAD", "TAIL")
        choice["message"]["content"] = [{"type": "text", "text": piece} for piece in pieces]
    elif where == "finish_reason":
        choice["finish_reason"] = "KEY"
    elif where == "reasoning":
        choice["message"] |= {"content": "A", "reasoning": "KEY means A"}
    return found
