"""Every kind of answer that a server may give: asked again, an item's error, or read.

All kinds stand in one run, each the answer to a question of its own, so that what one of them
breaks is seen in the others.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen

from .helpers.answers import AGAIN, AGAINS, DEAD, ENDS, ERROR, ERRORS, LATE, READ, Answer
from .helpers.command import Outcome
from .helpers.data import STAIN, make_row, question, write_data
from .helpers.server import FakeServer, completion

Here = Callable[..., Outcome]
KINDS = (*READ, *AGAINS, *ERRORS)
SETTINGS = {"plugin": "openai", "timeout": 12.0}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def asked_about(body: Any) -> int:
    """The number of the question that a request asks."""
    found = re.search(r"kind (\d+)", str(body["messages"]))
    assert found is not None
    return int(found[1])


def answering(kinds: Sequence[Answer], tries: Counter[str]) -> FakeServer:
    """A server that answers each question with its kind, and notes how often it was asked."""

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        kind = kinds[asked_about(body)]
        tries[kind.name] += 1
        if kind.expected == AGAIN and tries[kind.name] > 1:
            return web.json_response(completion())
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        if isinstance(kind.wire, bytes):
            transport.write(kind.wire)
        else:
            await kind.wire(transport)
        transport.close()
        return web.Response()

    return FakeServer(behave)


def rows_of(kinds: Sequence[Answer]) -> list[dict[str, Any]]:
    asked = [question(f"What of kind {i}?", STAIN, 0) for i in range(len(kinds))]
    return [make_row(i, captions={}, questions={"stain": one}) for i, one in enumerate(asked)]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], int]]:
    """The record of each kind, and how often the server was asked."""
    folder = tmp_path_factory.mktemp("answers")
    data = write_data(folder / "data", rows_of(KINDS))
    tries: Counter[str] = Counter()
    with answering(KINDS, tries) as server:
        run = mubench_gen.evaluate(
            **SETTINGS,
            data=data,
            base_url=server.url,
            run_dir=folder / "run",
            options={"engine.retries": "2", "engine.window": "200"},
            preflight=False,
        )
    records = {record["item"]: record for record in run.records()}
    return {
        kind.name: (records[f"cells/cell-{i}/stain"], tries[kind.name])
        for i, kind in enumerate(KINDS)
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_answer_becomes_what_it_is(
    kind: Answer, outcomes: dict[str, tuple[dict[str, Any], int]]
) -> None:
    record, tries = outcomes[kind.name]
    if kind.expected in (ERROR, LATE, DEAD):
        assert record["status"] == "error", record["reply"]
        assert record["error"]["type"] in ("ItemError", "ItemTimeout", "ReplyError", "RetryLater")
        assert kind.said in record["error"]["message"]
        assert record["choice"] is record["correct"] is None
    else:
        expected = "answered" if kind.expected == AGAIN else kind.expected
        assert record["status"] == expected, record["error"]
        assert record["choice"] == (0 if expected == "answered" else None)
    # What gets no byte on a connection that was left open is asked once more, on a new one.
    assert tries in {AGAIN: (2,), DEAD: (3, 4)}.get(kind.expected, (1,))


@pytest.mark.parametrize("kind", ENDS, ids=lambda kind: kind.name)
def test_an_answer_that_concerns_all_ends_the_run(kind: Answer, here: Here, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", rows_of([kind]))
    with answering([kind], Counter()) as server:
        outcome = here(
            "eval", "--plugin", "openai", "--base-url", server.url, "--data", str(data),
            "-o", "engine.retries=0",
        )  # fmt: skip
    assert str(outcome.code) == kind.expected, outcome.err
    assert kind.said in outcome.err
    assert "Traceback" not in outcome.err


def test_there_are_sixty_kinds() -> None:
    kinds = [*KINDS, *ENDS]
    assert len({kind.name for kind in kinds}) == len(kinds) >= 60
