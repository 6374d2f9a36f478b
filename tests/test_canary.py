"""Canaries: coloured squares that show whether a server mixes images up, or is another by now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.inference import preflight
from mubench_gen.interpolation.sweep.weights.ends import InPlaceContrastive

from .helpers.command import Outcome
from .helpers.packages import package
from .helpers.server import Behaviour, FakeServer
from .test_server_doctor import letter_of, said

Here = Callable[..., Outcome]
RUN = ("--run-dir", "run")
ITEMS, CANARY = 6, 11  # requests


def is_canary(body: dict[str, Any]) -> bool:
    return "Which colour" in json.dumps(body)


def sees(letter: Callable[[dict[str, Any]], str] = letter_of) -> Behaviour:
    """A model that answers squares by this function, and all other questions with A."""

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return said(letter(body) if is_canary(body) else "A", body)

    return behave


def words(server: FakeServer, data: Path, *more: str) -> list[str]:
    return ["eval", "--plugin", "openai", "--base-url", server.url, "--data", str(data), *RUN,
            *more]  # fmt: skip


def records(folder: Path = Path("run")) -> list[dict[str, Any]]:
    return list(mubench_gen.load_run(folder).records())


def test_a_sound_server_is_asked_a_few_questions_more_which_are_no_items(
    here: Here, cells: Path
) -> None:
    with FakeServer(sees()) as server:
        outcome = here(*words(server, cells, "--json"))
        assert outcome.code == 0, outcome.err
        assert len(server.bodies) == ITEMS + CANARY
        again = here(*words(server, cells))
        assert (again.code, len(server.bodies)) == (0, ITEMS + CANARY)
    assert outcome.document["scores"]["pooled"]["n"] == len(records()) == ITEMS
    (session, _) = json.loads(Path("run/manifest.json").read_text())["sessions"]
    assert [said for said, _ in session["canary"]] == ["A", "C", "C", "A"]


@pytest.mark.parametrize(
    "off", [("--no-preflight",), ("-o", "engine.canary=false"), ("--control", "blind")]
)
def test_who_wants_none_gets_none(here: Here, cells: Path, off: tuple[str, ...]) -> None:
    with FakeServer(sees()) as server:
        assert here(*words(server, cells, *off)).code == 0
        assert not any(map(is_canary, server.bodies))


def test_a_small_limit_of_requests_is_left_to_the_items(here: Here, cells: Path) -> None:
    with FakeServer(sees()) as server:
        assert here(*words(server, cells, "--max-requests", "6")).code == 0
        assert len(server.bodies) == ITEMS


def by_text() -> Behaviour:
    """A cache that knows a question by its text alone."""
    known: dict[str, str] = {}

    def letter(body: dict[str, Any]) -> str:
        content = body["messages"][0]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        return known.setdefault(text, letter_of(body))

    return sees(letter)


def in_flight() -> Behaviour:
    """Gives those who ask with one text at one time one answer."""
    asked: dict[str, asyncio.Future[str]] = {}

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        content = body["messages"][0]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        if text in asked:
            return said(await asked[text], body)
        asked[text] = asyncio.get_running_loop().create_future()
        for _ in range(200):
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        asked[text].set_result(letter_of(body) if is_canary(body) else "A")
        return said(await asked.pop(text), body)

    return behave


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (by_text, "the second always gets the answer of the first"),
        (in_flight, "mixes images up: two images under one text are answered ['A', 'C'] alone"),
    ],
)
def test_an_image_that_is_answered_for_another_ends_the_run_at_its_beginning(
    here: Here, cells: Path, behaviour: Callable[[], Behaviour], told: str
) -> None:
    with FakeServer(behaviour()) as server:
        outcome = here(*words(server, cells))
    assert outcome.code == 2
    assert told in outcome.err
    assert "--no-preflight" in outcome.err
    assert len(records()) == 1


def swapped(after: int, **other: Any) -> Behaviour:
    """Another model from that request on: one that answers B, or counts other tokens."""
    asked: list[int] = []

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        asked.append(1)
        letter = letter_of(body) if is_canary(body) else "A"
        if len(asked) <= after:
            return said(letter, body)
        return said("B", body) if not other else said(letter, body, **other)

    return behave


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, "answered 'A' before the run, and is now answered 'B'"),
        ({"image_tokens": 70}, "answered 'A' (60 tokens in the prompt) before the run"),
    ],
)
def test_another_model_under_the_same_name_ends_the_run_and_the_run_stays_refused(
    here: Here, cells: Path, other: dict[str, int], told: str
) -> None:
    with FakeServer(swapped(10, **other)) as server:
        outcome = here(*words(server, cells))
        assert outcome.code == 2
        assert "Another model is served under the same name." in outcome.err
        assert told in outcome.err
        again = here(*words(server, cells))
        assert (again.code, "Found when this run was made" in again.err) == (2, True)
        assert here(*words(server, cells, "--no-preflight")).code == 0


def test_another_model_is_found_while_the_run_goes_on(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_EVERY", 2)
    with FakeServer(swapped(10)) as server:
        outcome = here(*words(server, cells, "--repeats", "9", "--temperature", "1",
                              "-o", "engine.window=1"))  # fmt: skip
        assert outcome.code == 2
        assert "Another model is served" in outcome.err
    assert len(records()) < 9 * ITEMS


def test_a_run_is_not_resumed_with_another_model_under_the_same_name(
    here: Here, cells: Path
) -> None:
    with FakeServer(sees()) as server:
        first = here(*words(server, cells, "--max-requests", "200", "--limit", "2"))
        assert first.code == 0
        lines = Path("run/records.jsonl").read_text().splitlines(keepends=True)
        Path("run/records.jsonl").write_text("".join(lines[:-1]))
        server.behaviour = sees(lambda body: "B")
        again = here(*words(server, cells, "--max-requests", "200", "--limit", "2"))
        server.behaviour = sees()
        assert here(*words(server, cells, "--max-requests", "200", "--limit", "2")).code == 0
    assert again.code == 2
    assert "'A' when the run began, and is now answered 'B'" in again.err


def test_a_server_that_leaves_images_out_is_told_of(here: Here, cells: Path) -> None:
    async def blind(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return said("A", body, image_tokens=0)

    with FakeServer(blind) as server:
        outcome = here(*words(server, cells))
    assert outcome.code == 0
    assert "The server may leave images out" in outcome.err


def test_a_model_without_an_answer_to_squares_is_asked_no_more_of_them(
    here: Here, cells: Path
) -> None:
    with FakeServer(sees(lambda body: "")) as server:
        outcome = here(*words(server, cells))
        assert sum(map(is_canary, server.bodies)) == 1
    assert outcome.code == 0
    assert "cannot be told" in outcome.err


def test_a_sweep_whose_weights_do_not_move_ends(
    here: Here, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("torch")
    command = ("sweep", "--plugin", "tiny", "--base", "clip", "--finetuned", "clip-finetuned",
               "--in-domain", "modality", "--alpha", "0.5", "--data", cells,
               "--prompt", "caption-question",
               "--run-dir", "moved")  # fmt: skip
    sound = here(*command)
    assert sound.code == 0, sound.err
    monkeypatch.setattr(InPlaceContrastive, "_go", lambda self, alpha: None)
    stuck = here(*command[:-1], "stuck")
    assert stuck.code == 2
    assert "The weights did not move: at α 0.5 the model answers as at α 0" in stuck.err
    assert here(*command[:-1], "unchecked", "--no-preflight").code == 0
