"""Preflight: what no question of a run can pass is one message, not an error of each item."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.engines.advice import advice

from .conftest import Here
from .engines.conftest import CHAT
from .helpers.checkpoints import make_checkpoint
from .helpers.data import write_data
from .helpers.packages import package
from .helpers.plugin import write_plugin
from .helpers.server import FakeServer, completion
from .test_server_doctor import refused

Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package("torch")
    return make_checkpoint("llava", tmp_path_factory.mktemp("llava"))


def edited(source: Path, folder: Path, **edits: Edit) -> Path:
    """A copy of a checkpoint with some of its JSON files changed."""
    shutil.copytree(source, folder)
    for name, edit in edits.items():
        path = folder / f"{name}.json"
        document = json.loads(path.read_text())
        edit(document)
        path.write_text(json.dumps(document))
    return folder


def template(text: str) -> Edit:
    return lambda document: document.update(chat_template=text)


def records(folder: Path = Path("run")) -> list[dict[str, Any]]:
    return list(mubench_gen.load_run(folder).records())


def evaluation(model: Path, data: Path, *more: str) -> list[Any]:
    return ["eval", "--plugin", "llava", "--model", model, "--engine", "transformers",
            "--data", data, "--readout", "parse,logprob", "--max-tokens", "4",
            "-o", "engine.threads=1", "--run-dir", "run", *more]  # fmt: skip


SMALL = {"crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 32}}
BROKEN: dict[str, tuple[dict[str, Edit], str]] = {
    "syntax": (
        {"tokenizer_config": template("{% for m in messages %}{{ m.content ")},
        "-o chat_template=FILE",
    ),
    "code": (
        {"tokenizer_config": template("{{ messages[0]['content'] + 'x' }}")},
        "-o chat_template=FILE",
    ),
    "no image token": (
        {"tokenizer_config": template(CHAT.replace("<image>", ""))},
        "The prompt has no place for the image",
    ),
    "patch_size": (
        {
            "tokenizer_config": template(CHAT),
            "processor_config": lambda document: document.pop("patch_size"),
        },
        "write them into processor_config.json",
    ),
    "context": (
        {
            "tokenizer_config": template(CHAT),
            "config": lambda document: document["text_config"].update(max_position_embeddings=24),
        },
        "--prompt plain",
    ),
    "size": (
        {
            "tokenizer_config": template(CHAT),
            "processor_config": lambda document: document["image_processor"].update(SMALL),
        },
        "both belong to one version",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_checkpoint_that_can_be_asked_nothing_is_one_message(
    here: Here, cells: Path, llava: Path, tmp_path: Path, fault: str
) -> None:
    edits, told = BROKEN[fault]
    outcome = here(*evaluation(edited(llava, tmp_path / "model", **edits), cells))
    assert outcome.code == 2
    assert told in outcome.err
    assert outcome.err.count("Each of the first questions fails (read-out parse, logprob)") == 1
    assert not records()


def test_who_wants_no_preflight_gets_an_error_for_each_item(
    here: Here, cells: Path, llava: Path, tmp_path: Path
) -> None:
    edits, _ = BROKEN["syntax"]
    model = edited(llava, tmp_path / "model", **edits)
    outcome = here(*evaluation(model, cells, "--no-preflight"))
    assert outcome.code == 3
    assert len(records()) == 12
    mended = edited(llava, tmp_path / "mended", tokenizer_config=template(CHAT))
    assert here(*evaluation(mended, cells, "--fresh")).code == 0


def test_the_first_questions_are_asked_once_and_are_records(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    plugin = write_plugin(
        tmp_path / "mine.py",
        """
        def note(self, requests):
            with open("asked", "a") as file:
                file.write("".join(f"{r.key}\\n" for r in requests))
        def generate(self, requests):
            self.note(requests)
            return ["A" for _ in requests]
        def label_logprobs(self, requests):
            self.note(requests)
            return [[-9.0] * len(r.labels) for r in requests]
        """,
    )
    words = ("eval", "--plugin", plugin, "--data", cells, "--run-dir", "run",
             "--readout", "parse,logprob")  # fmt: skip
    outcome = here(*words)
    assert outcome.code == 0, outcome.err
    asked = Path("asked").read_text().splitlines()
    assert sorted(asked) == sorted({record["key"] for record in records()})
    assert "The labels of the first question have 0.00" in outcome.err
    again = here(*words)
    assert (again.code, Path("asked").read_text().splitlines()) == (0, asked)
    assert "labels of the first question" not in again.err


def by_number(*bad: int) -> Any:
    """Refuses the requests with these numbers, which count from 0."""
    asked: list[int] = []

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        asked.append(len(asked))
        refuses = asked[-1] in bad
        return refused("I will not look at this") if refuses else web.json_response(completion())

    return behave


@pytest.mark.parametrize(("bad", "code"), [((0,), 3), ((0, 1), 3), ((0, 1, 2), 2)])
def test_one_item_that_fails_first_is_not_the_models_fault(
    here: Here, cells: Path, bad: tuple[int, ...], code: int
) -> None:
    with FakeServer(by_number(*bad)) as server:
        outcome = here(*of_server(server, cells))
    assert outcome.code == code
    assert sum(record["status"] == "error" for record in records()) == (
        len(bad) if code == 3 else 0
    )


def of_server(server: FakeServer, data: Path, *more: str) -> list[Any]:
    return ["eval", "--plugin", "openai", "--base-url", server.url, "--data", data,
            "--run-dir", "run", "-o", "engine.retries=0", "-o", "engine.canary=false",
            *more]  # fmt: skip


def has_image(body: dict[str, Any]) -> bool:
    return any(isinstance(message["content"], list) for message in body["messages"])


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an image": (
        lambda body: has_image(body) and refused("image_url is no valid type here"),
        "A question without an image is answered, so it is the image that fails; --control blind",
    ),
    "the length": (
        lambda body: refused("This model's maximum context length is 100 tokens, not 300"),
        "Type: --prompt plain",
    ),
    "a field": (
        lambda body: "max_tokens" in body and refused("Unsupported parameter: 'max_tokens'"),
        "-o engine.limit_field=max_completion_tokens",
    ),
    "log-probabilities": (
        lambda body: "logprobs" in body and refused("nothing of that kind"),
        "(read-out logprob): the server refuses the request (400): nothing of that kind. "
        "A short question",
    ),
    "the name": (
        lambda body: web.json_response(completion(model="gpt-2")),
        "-o engine.answers_as=gpt-2",
    ),
    "the key": (
        lambda body: web.json_response({"error": {"message": "no"}}, status=401),
        "set OPENAI_API_KEY",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_server_refuses_of_every_request_is_one_message(
    here: Here, cells: Path, what: str
) -> None:
    answer, told = REFUSED[what]

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return answer(body) or web.json_response(
            completion(logprobs={"content": []}) if "logprobs" in body else completion()
        )

    with FakeServer(behave) as server:
        outcome = here(*of_server(server, cells, "--readout", "parse,logprob"))
    assert outcome.code == 2
    assert told.partition("A short")[0] in outcome.err
    assert not any(record["status"] == "error" for record in records())
    if what == "log-probabilities":
        assert "--readout parse works." in outcome.err


def test_a_server_that_is_busy_is_no_fault_of_the_users(here: Here, cells: Path) -> None:
    async def busy(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "busy"}}, status=503)

    with FakeServer(busy) as server:
        outcome = here(*of_server(server, cells))
    assert outcome.code == 3
    assert {record["error"]["type"] for record in records()} == {"RetryLater"}


def test_a_reply_that_was_cut_before_its_answer_is_told_once_with_the_option(
    here: Here, tmp_path: Path
) -> None:
    async def cut(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        found = completion("The image shows many round")
        found["choices"][0]["finish_reason"] = "length"
        return web.json_response(found)

    with FakeServer(cut) as server:
        outcome = here(*of_server(server, write_data(tmp_path / "data", 4)))
    assert outcome.code == 0
    assert outcome.err.count("was cut off at 64 tokens, before its answer") == 1
    assert "--max-tokens 256" in outcome.err


def test_a_run_about_one_image_is_judged_by_a_small_one(here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", 1)
    with FakeServer(by_number(*range(9))) as server:
        assert here(*of_server(server, data)).code == 2
        assert len(server.bodies) == 4
    with FakeServer(by_number(0)) as server:
        assert here(*of_server(server, data, "--fresh")).code == 3


def test_python_and_a_file_turn_it_off_too(cells: Path, tmp_path: Path, here: Here) -> None:
    with FakeServer(by_number(*range(9))) as server:
        run = mubench_gen.evaluate(
            plugin="openai", base_url=server.url, data=cells, run_dir=tmp_path / "python",
            preflight=False,
        )  # fmt: skip
    assert run.scores.pooled.n_errors == 6
    config = tmp_path / "run.toml"
    with FakeServer(by_number(*range(9))) as server:
        config.write_text(f'plugin = "openai"\nbase_url = "{server.url}"\npreflight = false\n')
        words = ("eval", "--config", config, "--data", cells, "--run-dir", "run")
        assert here(*words).code == 3


def test_advice_fits_the_words_and_whose_the_files_are() -> None:
    assert "chat_template" in advice("Image features and image tokens do not match, tokens: 0")
    assert not advice("the chat template fails", is_remote=True)
    assert not advice("the cat sat on the mat")
