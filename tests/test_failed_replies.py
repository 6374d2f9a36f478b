"""Replies that are no answers: given up by their engine, stopped by a filter, of another model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.engines.server.models import Names, Served, known_names
from mubench_gen.errors import ReplyError
from mubench_gen.host.generative import from_reply, from_scores
from mubench_gen.scores.localization import reread_boxes
from mubench_gen.types import Reply, Request, Sampling

from .helpers.command import Outcome
from .helpers.data import write_data
from .helpers.plugin import write_plugin
from .helpers.server import Behaviour, FakeServer, completion

Here = Callable[..., Outcome]
GIVEN_UP = ("error", "abort", "ABORT", "FinishReason.ERROR", "cancelled")
STOPPED = ("content_filter", "content_filter: SAFETY", "SAFETY", "RECITATION")
ASKED = Request("k", (), ("A", "B"), "parse", Sampling(0.0, 8))


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def run_of(tmp_path: Path, reason: str, **settings: Any) -> mubench_gen.Run:
    """A run of a plugin whose every reply is "A" and ends for this reason."""
    body = f"""
    def generate(self, requests):
        return [mubench_gen.Reply("A", finish_reason={reason!r}) for _ in requests]
    """
    return mubench_gen.evaluate(
        plugin=str(write_plugin(tmp_path / "mine.py", body)),
        data=write_data(tmp_path / "data"),
        run_dir=tmp_path / "run",
        **settings,
    )


@pytest.mark.parametrize("reason", GIVEN_UP)
def test_a_reply_that_was_given_up_is_an_error_of_any_plugin(tmp_path: Path, reason: str) -> None:
    run = run_of(tmp_path, reason)
    pooled = run.scores.pooled
    assert (pooled.n, pooled.n_errors) == (0, 6)
    for record in run.records():
        assert record["error"]["type"] == "ReplyError"
        assert f"aborted the reply (finish_reason '{reason}'" in record["error"]["message"]
        assert record["reply"] is record["choice"] is record["correct"] is None


@pytest.mark.parametrize("reason", STOPPED)
def test_what_a_filter_stopped_is_refused_whatever_stands_there(
    tmp_path: Path, reason: str
) -> None:
    run = run_of(tmp_path, reason)
    pooled = run.scores.pooled
    assert (pooled.n, pooled.n_errors, pooled.accuracy) == (6, 0, 0.0)
    assert pooled.statuses == {"refused": 1.0}
    for record in run.records():
        assert (record["reply"], record["finish_reason"]) == ("A", reason)
        assert (record["choice"], record["rule"]) == (None, "content_filter")


def test_a_refused_reply_stays_refused_when_it_is_read_again(here: Here, tmp_path: Path) -> None:
    run_of(tmp_path, "content_filter")
    assert here("score", "run", "--json").code == 0
    assert {r["status"] for r in mubench_gen.load_run("run").records()} == {"refused"}


def test_boxes_that_a_filter_stopped_are_refused() -> None:
    boxes = {"format": "json-pixels", "size": [10, 10], "gold": [[0, 0, 5, 5]], "score": None}
    record = {
        "reply": '[{"bbox_2d": [0, 0, 5, 5]}]',
        "finish_reason": "content_filter",
        "boxes": boxes,
    }
    answer, fields = reread_boxes(record)
    assert (answer.status, answer.rule, fields["found"]) == ("refused", "content_filter", None)


def test_scores_may_be_refused_too_but_are_never_a_reply() -> None:
    refused = from_scores(Reply("", "content_filter"), ASKED, 0.1)
    assert (refused.reply, refused.scores, refused.error) == ("", None, None)
    assert from_scores(Reply("A", "stop"), ASKED, 0.1).error is not None
    assert from_scores(Reply("A", "error"), ASKED, 0.1).error is not None
    assert from_reply(Reply("A", "length"), ASKED, 0.1).error is None


def naming(*names: str) -> Behaviour:
    """Each reply of the next model; of the last one from then on."""
    left = list(names)

    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        return web.json_response(completion(model=left.pop(0) if len(left) > 1 else left[0]))

    return behave


def evaluated(here: Here, server: FakeServer, data: Path, *more: str) -> Outcome:
    return here(
        "eval", "--plugin", "openai", "--base-url", server.url,
        "--no-preflight", "--data", str(data),
        "--run-dir", "r", "-o", "engine.window=1", *more,
    )  # fmt: skip


def errors() -> list[str]:
    return [r["error"]["message"] for r in mubench_gen.load_run("r").records() if r["error"]]


@pytest.mark.parametrize(
    ("models", "name"),
    [
        ([{"id": "mock"}], "mock"),
        ([{"id": "mock"}], "mock-2024-08-06"),
        ([{"id": "mock"}], "org/mock"),
        ([{"id": "mock", "root": "/w"}, {"id": "other", "root": "/w"}], "other"),
        ([{"id": "mock", "root": "/models/w"}], "/models/w"),
        ([{"id": "mock", "aliases": ["also"]}], "also"),
        ([{"id": "mock", "canonical_slug": "mock-of-may"}], "mock-of-may"),
    ],
)
def test_a_name_that_the_list_has_for_the_model_is_the_models(
    here: Here, cells: Path, models: list[dict[str, Any]], name: str
) -> None:
    with FakeServer(naming(name), models=models) as server:
        outcome = evaluated(here, server, cells, "--model", "mock")
    assert outcome.code == 0, outcome.err


def test_a_reply_of_another_model_is_its_items_error(here: Here, cells: Path) -> None:
    with FakeServer(naming("mock", "other", "mock")) as server:
        assert evaluated(here, server, cells).code == 3
        assert len(server.bodies) == 6
    assert len(errors()) == 1
    assert "the model 'other', asked was 'mock'" in errors()[0]
    assert errors()[0].endswith("start the run with: -o engine.answers_as=other")


def test_the_option_that_an_error_names_is_what_makes_a_proxys_name_the_models(
    here: Here, cells: Path
) -> None:
    with FakeServer(naming("azure/gpt 4o")) as server:
        assert evaluated(here, server, cells).code == 3
        options = shlex.split(errors()[0].partition("start the run with: ")[2])
        assert options == ["-o", "engine.answers_as=azure/gpt 4o"]
        assert evaluated(here, server, cells, *options, "--fresh").code == 0


def test_the_option_that_an_error_names_holds_what_was_given_before() -> None:
    with pytest.raises(
        ReplyError, match=r"start the run with: -o engine\.answers_as=deployed,other$"
    ):
        Names("mock", ["mock"], ("deployed",)).check("other")


@pytest.mark.parametrize("name", ["a,b", "a\nb", "a" * 300])
def test_a_name_that_no_option_can_hold_is_not_proposed(name: str) -> None:
    with pytest.raises(ReplyError, match=r"start the run with: -o engine\.answers_as=NAME$"):
        Names("mock", ["mock"], ()).check(name)


def test_a_name_that_the_user_gives_is_the_models(here: Here, cells: Path, tmp_path: Path) -> None:
    with FakeServer(naming("gateway/x", "y")) as server:
        assert evaluated(here, server, cells, "-o", "engine.answers_as=gateway/x,y").code == 0


def test_a_model_that_changes_between_two_replies_is_an_error(here: Here, cells: Path) -> None:
    names = ("mock-2024-05-13", "mock-2024-08-06", "mock-2024-05-13")
    with FakeServer(naming(*names)) as server:
        assert evaluated(here, server, cells).code == 3
    said = "the reply is of the model 'mock-2024-08-06', those before were of 'mock-2024-05-13'"
    assert [error.partition(". If")[0] for error in errors()] == [said]
    session = json.loads(Path("r/manifest.json").read_text())["sessions"][-1]
    assert session["counts"]["answered_as"] == "mock-2024-05-13"


def test_where_no_list_tells_the_first_reply_does(here: Here, cells: Path) -> None:
    async def none(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    with FakeServer(naming("deployed", "other", "deployed"), models=none) as server:
        assert evaluated(here, server, cells, "--model", "gpt-x").code == 3
    (error,) = errors()
    assert error.startswith("the reply is of the model 'other', those before were of 'deployed'")
    assert error.endswith("-o engine.answers_as=deployed,other")


def test_a_server_whose_every_reply_is_of_another_model_is_not_asked_for_ever(
    here: Here, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", 30)
    with FakeServer(naming("other")) as server:
        outcome = evaluated(here, server, data)
        assert len(server.bodies) == 16
    assert outcome.code == 3
    assert "The first 16 replies were of another model" in outcome.err


def test_of_several_forms_of_a_name_each_is_a_model_of_its_own() -> None:
    names = Names("mock", {"mock"}, ())
    names.check("mock-0613")
    for named in ("mock-0614", "mock", "mock-x"):
        with pytest.raises(ReplyError):
            names.check(named)
    for nothing in (None, "", 7, ["mock"]):
        names.check(nothing)
    latest = Names("mock-latest", {"mock-latest"}, ())
    latest.check("mock-2411")


def test_models_of_one_root_are_one_model_and_models_without_a_root_are_not() -> None:
    mine, same, other = Served("a", root="/w"), Served("b", root="/w"), Served("c")
    assert known_names(mine, [mine, same, other]) == {"a", "b", "/w"}
    assert known_names(other, [mine, same, other, Served("d")]) == {"c"}
