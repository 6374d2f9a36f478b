"""`--engine server` against a sound server on loopback: what goes out, and what comes back."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

import mubench_gen

from .helpers.command import Outcome
from .helpers.data import make_png, make_row, write_data
from .helpers.server import FakeServer, completion

Here = Callable[..., Outcome]
VLLM = [{"id": "mock", "owned_by": "vllm", "max_model_len": 512}]
OPENAI = [{"id": "mock", "owned_by": "openai"}]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


def evaluation(server: FakeServer, data: Path, *more: str) -> list[str]:
    return [
        "eval", "--plugin", "openai", "--base-url", server.url, "--data", str(data),
        "--no-preflight", *more,
    ]  # fmt: skip


def records(folder: Path) -> list[dict[str, Any]]:
    return list(mubench_gen.load_run(folder).records())


def session(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["sessions"][-1]
    return found


def test_a_server_is_evaluated_and_the_manifest_says_what_it_was(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def version(request: web.Request) -> web.StreamResponse:
        return web.json_response({"version": "0.32.0"})

    with FakeServer(models=VLLM, version=version) as server:
        outcome = here(*evaluation(server, cells, "--run-dir", "r", "--json"))
    assert outcome.code == 0, outcome.err
    assert outcome.document["scores"]["pooled"]["n"] == 6
    model = session(tmp_path / "r")["model"]
    assert (model["served_model"], model["kind"]) == ("mock", "vllm")
    assert (model["version"], model["max_model_len"]) == ("0.32.0", 512)
    counts = session(tmp_path / "r")["counts"]
    assert (counts["requests"], counts["prompt_tokens"]) == (6, 60)
    assert records(tmp_path / "r")[0]["usage"] == {"prompt_tokens": 10, "completion_tokens": 1}
    assert records(tmp_path / "r")[0]["finish_reason"] == "stop"


def test_the_bytes_that_arrive_are_the_files_own(
    here: Here, server: FakeServer, cells: Path, tmp_path: Path
) -> None:
    here(*evaluation(server, cells, "--run-dir", "r"))
    files = {(cells / f"images/{n}.png").read_bytes() for n in range(3)}
    assert set(server.images) == files
    assert len(server.images) == 6
    counts = session(tmp_path / "r")["counts"]
    assert (counts["images_encoded"], counts["images_converted"]) == (3, 0)


def test_the_bytes_are_the_same_where_pybase64_is_not_installed(
    here: Here, server: FakeServer, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pybase64", None)
    assert here(*evaluation(server, cells)).code == 0
    assert set(server.images) == {(cells / f"images/{n}.png").read_bytes() for n in range(3)}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats_that_servers_read_go_as_they_are(
    here: Here, server: FakeServer, tmp_path: Path, kind: str
) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (9, 7), "teal").save(stream, kind)
    data = write_data(tmp_path / "data", 1, {0: stream.getvalue()})
    assert here(*evaluation(server, data)).code == 0
    assert set(server.images) == {stream.getvalue()}
    part = server.bodies[0]["messages"][0]["content"][0]
    assert part["image_url"]["url"].startswith(f"data:image/{kind.lower()};base64,")


def test_what_the_image_policy_converts_goes_as_a_png_of_the_pixels_made_once(
    here: Here, server: FakeServer, tmp_path: Path
) -> None:
    stream = io.BytesIO()
    grey = Image.new("I;16", (4, 4))
    grey.putdata([4000 * (i % 16) for i in range(16)])
    grey.save(stream, "TIFF")
    data = write_data(tmp_path / "data", 1, {0: stream.getvalue()})
    outcome = here(*evaluation(server, data, "--run-dir", "r"))
    assert outcome.code == 0, outcome.err
    assert len(set(server.images)) == 1
    seen = Image.open(io.BytesIO(server.images[0]))
    assert (seen.format, seen.mode, seen.size) == ("PNG", "RGB", (4, 4))
    assert seen.getextrema() == ((0, 255),) * 3
    assert session(tmp_path / "r")["counts"]["images_converted"] == 1


def test_answers_out_of_order_belong_to_their_questions(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    arrived: list[str] = []

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        text = body["messages"][0]["content"][1]["text"]
        arrived.append(text)
        await asyncio.sleep(0.02 * (6 - len(arrived)))
        return web.json_response(completion(f"Seen: {text}"))

    with FakeServer(behave) as server:
        assert here(*evaluation(server, cells, "--run-dir", "r")).code == 0
    for record in records(tmp_path / "r"):
        assert record["reply"] == "Seen: " + record["messages"][0]["content"][1]["text"]


def test_no_more_than_a_window_is_under_way_and_connections_are_used_again(
    here: Here, tmp_path: Path
) -> None:
    async def slow(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return web.json_response(completion())

    data = write_data(tmp_path / "data", 20)
    with FakeServer(slow) as server:
        assert here(*evaluation(server, data, "-o", "engine.window=3")).code == 0
        assert len(server.bodies) == 40
        assert server.most == 3
        assert len(server.connections) <= 4  # one more for the list of models


def test_what_is_sent_says_all_that_determines_the_reply(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    options = ["-o", 'engine.body={"priority": 3}', "-o", "engine.omit=min_p", "--max-tokens", "7"]
    with FakeServer(models=VLLM) as server:
        assert here(*evaluation(server, cells, *options, "--temperature", "0.5")).code == 0
    body = server.bodies[0]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("mock", 7, 0.5)
    assert isinstance(body["seed"], int)
    assert (body["top_p"], body["repetition_penalty"], body["priority"]) == (1.0, 1.0, 3)
    assert "min_p" not in body
    assert len({body["seed"] for body in server.bodies}) == 6


def test_hosted_models_have_their_limit_under_its_new_name(here: Here, cells: Path) -> None:
    with FakeServer(models=OPENAI) as server:
        assert here(*evaluation(server, cells)).code == 0
    assert "max_tokens" not in server.bodies[0]
    assert server.bodies[0]["max_completion_tokens"] == 64


def test_a_system_prompt_is_a_message_of_its_own(
    here: Here, server: FakeServer, cells: Path
) -> None:
    assert here(*evaluation(server, cells, "--prompt-set", "system=Be brief.")).code == 0
    assert server.bodies[0]["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("vllm", {"structured_outputs": {"choice": ["A", "B", "C"]}}),
        ("sglang", {"regex": "(A|B|C)"}),
        ("llamacpp", {"grammar": 'root ::= "A" | "B" | "C"'}),
    ],
)
def test_a_choice_is_asked_for_as_the_kind_of_server_wants_it(
    here: Here, cells: Path, kind: str, field: dict[str, Any]
) -> None:
    with FakeServer(models=[{"id": "mock", "owned_by": kind}]) as server:
        outcome = here(*evaluation(server, cells, "--readout", "choice"))
    assert outcome.code == 0, outcome.err
    assert field.items() <= server.bodies[0].items()


def test_hosted_models_choose_in_json(here: Here, cells: Path, tmp_path: Path) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        schema = body["response_format"]["json_schema"]["schema"]
        label = schema["properties"]["answer"]["enum"][1]
        return web.json_response(completion(json.dumps({"answer": label})))

    with FakeServer(behave, models=OPENAI) as server:
        assert here(*evaluation(server, cells, "--readout", "choice", "--run-dir", "r")).code == 0
    found = {
        (record["reply"], record["choice"], record["rule"]) for record in records(tmp_path / "r")
    }
    assert found == {("B", 1, "choice")}


def test_a_server_that_ignores_the_labels_gives_errors_and_no_answers(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def chat(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(completion("It is A, I think."))

    with FakeServer(chat, models=VLLM) as server:
        outcome = here(*evaluation(server, cells, "--readout", "choice", "--run-dir", "r"))
    assert outcome.code == 3
    errors = [record["error"] for record in records(tmp_path / "r")]
    assert all("did not keep to the labels A, B, C" in error["message"] for error in errors)


def listing(*tokens: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": token, "logprob": logprob} for token, logprob in tokens]
    found = completion(tokens[0][0])
    found["choices"][0]["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return found


def test_label_logprobs_come_from_the_tokens_that_a_server_lists(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
        return web.json_response(
            listing(("B", -0.5), (" B", -2.0), ("A", -2.5), ("The", -3.0), (" C", -4.0))
        )

    with FakeServer(behave) as server:
        outcome = here(*evaluation(server, cells, "--readout", "logprob", "--run-dir", "r"))
    assert outcome.code == 0, outcome.err
    record = records(tmp_path / "r")[0]
    assert record["scores"] == pytest.approx([-2.5, -0.29859, -4.0], abs=1e-4)
    assert record["rule"] == "logprob"


def test_a_label_that_is_not_listed_has_at_most_what_is_left(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(listing(("B", -0.01), ("A", -5.0)))

    with FakeServer(behave) as server:
        assert here(*evaluation(server, cells, "--readout", "logprob", "--run-dir", "r")).code == 0
    scores = records(tmp_path / "r")[0]["scores"]
    assert scores[2] == pytest.approx(-5.7408, abs=1e-3)  # log(1 - exp(-0.01) - exp(-5))
    assert session(tmp_path / "r")["counts"]["scores_that_are_bounds"] == 6


def test_no_label_listed_is_an_error_and_no_number(here: Here, cells: Path, tmp_path: Path) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(listing(("The", -0.1), ("Image", -3.0)))

    with FakeServer(behave) as server:
        assert here(*evaluation(server, cells, "--readout", "logprob", "--run-dir", "r")).code == 3
    record = records(tmp_path / "r")[0]
    assert record["scores"] is None
    assert "none of the labels A, B, C" in record["error"]["message"]


def test_a_server_without_logprobs_gives_errors(here: Here, cells: Path, tmp_path: Path) -> None:
    with FakeServer() as server:
        assert here(*evaluation(server, cells, "--readout", "logprob", "--run-dir", "r")).code == 3
    assert "no log-probabilities" in records(tmp_path / "r")[0]["error"]["message"]


VOCABULARY = ["<s>", "</s>", "A", "B", "C", " A", " B", " C", "x", "USER", ": ", "?"]


async def tokenize(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    if "messages" in body:
        return web.json_response(
            {"tokens": [9, 10] + ([8] if body.get("add_generation_prompt", True) else [])}
        )
    text, tokens = body["prompt"], []
    while text:
        token = max((t for t in VOCABULARY if text.startswith(t)), key=len)
        tokens.append(VOCABULARY.index(token))
        text = text.removeprefix(token)
    return web.json_response({"tokens": tokens})


async def detokenize(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    return web.json_response({"prompt": "".join(VOCABULARY[t] for t in body["tokens"])})


def test_vllm_is_asked_for_exactly_the_labels_tokens_in_its_own_vocabulary(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        ids = body["logprob_token_ids"]
        return web.json_response(listing(*((f"token_id:{i}", -1.0 - i) for i in ids)))

    with FakeServer(behave, models=VLLM, tokenize=tokenize, detokenize=detokenize) as server:
        outcome = here(*evaluation(server, cells, "--readout", "logprob", "--run-dir", "r"))
    assert outcome.code == 0, outcome.err
    body = server.bodies[0]
    assert body["logprob_token_ids"] == [2, 3, 4, 5, 6, 7]
    assert (body["max_tokens"], body["logprobs"], "top_logprobs" in body) == (1, True, False)
    expected = [-2.9514, -3.9514, -4.9514]  # log(exp(-1 - i) + exp(-4 - i))
    assert records(tmp_path / "r")[0]["scores"] == pytest.approx(expected, abs=1e-4)


def test_several_readouts_of_one_image_share_one_base64(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        if "logprobs" in body:
            return web.json_response(listing(("A", -0.1), ("B", -3.0), ("C", -4.0)))
        return web.json_response(completion("A"))

    with FakeServer(behave) as server:
        outcome = here(
            *evaluation(server, cells, "--readout", "parse,choice,logprob", "--run-dir", "r")
        )
    assert outcome.code == 0, outcome.err
    assert {r["readout"] for r in records(tmp_path / "r")} == {"parse", "choice", "logprob"}
    assert session(tmp_path / "r")["counts"]["images_encoded"] == 3
    assert len(server.bodies) == 18


def test_a_model_that_is_not_served_is_refused_with_near_names(here: Here, cells: Path) -> None:
    with FakeServer(models=[{"id": "org/llava-7b"}, {"id": "org/qwen"}]) as server:
        outcome = here(*evaluation(server, cells, "--model", "org/llava-7B"))
        assert outcome.code == 2
        assert "does not serve 'org/llava-7B'. Did you mean 'org/llava-7b'?" in outcome.err
        outcome = here(*evaluation(server, cells))
        assert outcome.code == 2
        assert "serves 2 models: say which with --model" in outcome.err
        named = here(*evaluation(server, cells, "--model", "org/qwen"))
        assert named.code == 0
        other = here(*evaluation(server, cells, "-o", "engine.served=org/qwen", "--model", "mine"))
        assert other.code == 0
    assert {body["model"] for body in server.bodies} == {"org/qwen"}


def test_a_model_that_is_served_under_another_name_is_known_by_its_root(
    here: Here, cells: Path
) -> None:
    with FakeServer(models=[{"id": "alias", "root": "org/llava", "owned_by": "vllm"}]) as server:
        assert here(*evaluation(server, cells, "--model", "org/llava")).code == 0
    assert server.bodies[0]["model"] == "alias"


def test_the_same_command_does_not_ask_again_and_another_model_is_not_mixed_in(
    here: Here, server: FakeServer, cells: Path
) -> None:
    command = evaluation(server, cells, "--run-dir", "r")
    assert [here(*command).code for _ in range(2)] == [0, 0]
    assert len(server.bodies) == 6
    server.models = [{"id": "another"}]
    outcome = here(*command)
    assert outcome.code == 2, outcome.err
    assert len(server.bodies) == 6


def test_a_plugins_checkpoint_runs_behind_a_server_with_its_quirks(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "import mubench_gen\n"
        "@mubench_gen.hookimpl\n"
        "def mubench_gen_models():\n"
        "    return [mubench_gen.ModelSpec('mine', mubench_gen.Checkpoint('org/mine', 'generative',"
        " stop=('###',), system='user', template_arguments={'enable_thinking': False}))]\n"
    )
    options = ["--engine", "server", "--prompt-set", "system=Be brief."]
    with FakeServer(models=[{"id": "org/mine", "owned_by": "vllm"}]) as server:
        command = evaluation(server, cells, *options)
        command[2] = str(plugin)
        outcome = here(*command)
    assert outcome.code == 0, outcome.err
    body = server.bodies[0]
    assert body["stop"] == ["###"]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["messages"][0]["content"][1]["text"].startswith("Be brief.\n\n")


def test_an_image_above_what_goes_in_one_piece_arrives_whole(
    here: Here, server: FakeServer, tmp_path: Path
) -> None:
    stream = io.BytesIO()
    noise = Image.effect_noise((1200, 1200), 90).convert("RGB")
    noise.save(stream, "PNG", compress_level=0)
    data = write_data(tmp_path / "data", 1, {0: stream.getvalue()})
    assert here(*evaluation(server, data)).code == 0
    assert server.images[0] == stream.getvalue()
    assert len(stream.getvalue()) > 4_000_000


def test_an_answer_in_chunks_is_read_whole(here: Here, cells: Path, tmp_path: Path) -> None:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        text = json.dumps(completion("B")).encode()
        for at in range(0, len(text), 40):
            await response.write(text[at : at + 40])
        return response

    with FakeServer(behave) as server:
        assert here(*evaluation(server, cells, "--run-dir", "r")).code == 0
    assert {record["reply"] for record in records(tmp_path / "r")} == {"B"}


def test_blind_requests_hold_no_image(here: Here, server: FakeServer, cells: Path) -> None:
    assert here(*evaluation(server, cells, "--control", "blind")).code == 0
    assert server.images == []
    assert isinstance(server.bodies[0]["messages"][0]["content"], str)


def test_a_broken_image_is_its_items_error_and_is_never_sent(
    here: Here, server: FakeServer, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 2, {1: make_png(1)[:60]})
    assert here(*evaluation(server, data, "--run-dir", "r")).code == 3
    failed = [r["error"]["type"] for r in records(tmp_path / "r") if r["error"]]
    assert failed == ["ImageError"] * 2
    assert len(server.bodies) == 2


def test_equal_items_share_a_request(here: Here, server: FakeServer, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", [make_row(0), make_row(0, image_id="again")])
    assert here(*evaluation(server, data)).code == 0
    assert len(server.bodies) == 2


def test_worked_examples_show_their_own_images(
    here: Here, server: FakeServer, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 6)
    options = ["--tasks", "modality", "--limit", "2", "--prompt-set", "shots=2"]
    outcome = here(*evaluation(server, data, *options))
    assert outcome.code == 0, outcome.err
    assert len(server.bodies) == 2
    assert len(server.images) == 6
    assert len(set(server.images)) >= 4
