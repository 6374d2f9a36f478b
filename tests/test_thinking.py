"""`--thinking`: the setting, what servers are told, and what becomes of thoughts in a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen
from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.server.options import ServerOptions
from mubench_gen.engines.server.requests import RequestWriter
from mubench_gen.engines.thinking import MARKS
from mubench_gen.engines.vllm.thinking import apart
from mubench_gen.errors import SettingError
from mubench_gen.model import Checkpoint, Runtime
from mubench_gen.plan.settings import make_settings
from mubench_gen.types import Reply

from .helpers.checkpoints.thinker import THOUGHT, make_thinker
from .helpers.command import Outcome
from .helpers.data import write_data
from .helpers.server import FakeServer, completion

Here = Callable[..., Outcome]
THINKER = """
import mubench_gen

class Thinker(mubench_gen.GenerativeModel):
    takes_thinking = True

    def generate(self, requests):
        told = self.runtime.thinking
        return [mubench_gen.Reply("A", "stop", {"completion_tokens": r.sampling.max_tokens},
                                  reasoning=f"told {told}") for r in requests]

    def label_logprobs(self, requests):
        return [
            mubench_gen.Reply("The answer is B", ("length", "stop")[n % 2], reasoning="still")
            if n % 3
            else mubench_gen.Reply("", "stop", {"reasoning_tokens": 3}, "of two",
                                   logprobs=[-0.1, -3, -4])
            for n, r in enumerate(requests)
        ]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("thinker", Thinker)]
"""


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def served(kind: str, thinking: str | None, **options: Any) -> dict[str, Any]:
    """The fields beside those of a plain request."""
    source = Checkpoint("org/mine", "generative", template_arguments={"enable_thinking": False})
    given = ServerOptions(**options)
    bodies = [
        RequestWriter("mine", kind, source, given, Runtime("", thinking=told))._same  # type: ignore[arg-type]
        for told in (thinking, None)
    ]
    return {name: value for name, value in bodies[0].items() if bodies[1].get(name) != value}


@pytest.mark.parametrize(("given", "kept"), [
    ("on", "on"), ("off", "off"), (True, "on"), (False, "off"), (2048, "2048"), ("0512", "512"),
    (None, None),
])  # fmt: skip
def test_the_setting_is_on_off_or_a_number_of_tokens(given: Any, kept: str | None) -> None:
    settings = make_settings({"plugin": "x", "thinking": given})
    assert settings.thinking == kept
    assert settings.identity().get("thinking") == kept
    assert ("thinking" in settings.identity()) == (kept is not None)


@pytest.mark.parametrize("given", ["0", "-3", "yes", "1.5", "", "²"])
def test_anything_else_is_refused(given: str) -> None:
    with pytest.raises(SettingError, match=r"thinking: .*on, off or a number of tokens"):
        make_settings({"plugin": "x", "thinking": given})


BOTH = {"enable_thinking": True, "thinking": True}


@pytest.mark.parametrize(("kind", "thinking", "fields"), [
    ("vllm", "on", {"chat_template_kwargs": BOTH}),
    ("vllm", "off", {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
    ("vllm", "300", {"chat_template_kwargs": BOTH, "thinking_token_budget": 300}),
    ("sglang", "on", {"chat_template_kwargs": BOTH}),
    ("llama.cpp", "300", {"chat_template_kwargs": BOTH, "thinking_budget_tokens": 300}),
    ("openai", "off", {"reasoning_effort": "none"}),
    ("openai", "on", {"reasoning_effort": "medium"}),
    ("openai", "500", {"reasoning_effort": "low"}),
    ("openai", "9000", {"reasoning_effort": "high"}),
    ("ollama", "off", {"reasoning_effort": "none"}),
    ("openrouter", "on", {"reasoning": {"enabled": True}}),
    ("openrouter", "700", {"reasoning": {"max_tokens": 700}}),
    ("anthropic", "off", {"thinking": {"type": "disabled"}}),
    ("anthropic", "2000", {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
    ("other", None, {}),
])  # fmt: skip
def test_each_kind_of_server_is_told_in_its_own_words(
    kind: str, thinking: str | None, fields: dict[str, Any]
) -> None:
    assert served(kind, thinking) == fields


@pytest.mark.parametrize(("kind", "budget", "why"), [
    ("sglang", "300", "SGLang bounds no thought"), ("anthropic", "300", "1,024 tokens at least"),
])  # fmt: skip
def test_a_budget_that_a_server_cannot_keep_is_refused(kind: str, budget: str, why: str) -> None:
    with pytest.raises(SettingError, match=why):
        served(kind, budget)


def test_vllm_scores_no_thought() -> None:
    source = Checkpoint("org/mine", "generative", engines=("vllm",))
    readouts = [
        open_checkpoint("vllm", source, Runtime("", thinking=told)).readouts
        for told in ("on", "64", "off", None)
    ]
    assert readouts == [("parse",)] * 2 + [("parse", "choice", "logprob", "cloze")] * 2


def test_a_thought_of_vllm_is_counted_where_its_mark_is_a_token() -> None:
    said = Reply("It is A.</think>\n\nB", "stop", {"completion_tokens": 9})
    found = apart(said, [5, 6, 7, 99, 8, 9], MARKS[0], {"</think>": 99})
    assert (found.text, found.reasoning) == ("B", "It is A.")
    assert found.usage == {"completion_tokens": 9, "reasoning_tokens": 4}
    assert "reasoning_tokens" not in (apart(said, [5, 6], MARKS[0], {}).usage or {})


def evaluation(server: FakeServer, data: Path, *more: str) -> list[str]:
    return [
        "eval", "--plugin", "openai", "--base-url", server.url, "--data", str(data),
        "--no-preflight", *more,
    ]  # fmt: skip


def said(text: str, reason: str = "stop") -> Any:
    async def behave(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        whole = completion(text)
        whole["choices"][0]["finish_reason"] = reason
        return web.json_response(whole)

    return behave


@pytest.mark.first(3)
@pytest.mark.parametrize(
    ("text", "reason", "told", "record"),
    [
        ("<think>It is B.</think>\n\nA", "stop", "off", ("A", "It is B.", "answered")),
        ("It is B.</think>A", "stop", None, ("A", "It is B.", "answered")),
        ("<think>The answer is A", "length", None, ("", "The answer is A", "truncated")),
        ("The answer is A", "length", "on", ("", "The answer is A", "truncated")),
        ("The answer is A", "length", "off", ("The answer is A", None, "answered")),
    ],
)
def test_a_thought_in_a_servers_text_is_recorded_apart_and_never_read(
    here: Here, tmp_path: Path, text: str, reason: str, told: str | None, record: tuple[Any, ...]
) -> None:
    data = write_data(tmp_path / "data", 1)
    options = [] if told is None else ["--thinking", told]
    with FakeServer(said(text, reason), models=[{"id": "mock", "owned_by": "vllm"}]) as server:
        done = here(*evaluation(server, data, *options, "--run-dir", "r"))
        limits = {body["max_tokens"] for body in server.bodies}
    assert done.code == 0, done.err
    found = {
        (one["reply"], one.get("reasoning"), one["status"])
        for one in mubench_gen.load_run(tmp_path / "r").records()
    }
    assert found == {record}
    assert ("--max-tokens" in done.err) == (record[2] == "truncated")
    assert limits == {64 + 4096 * (told == "on")}


@pytest.mark.parametrize(("knows", "told", "code"), [
    (True, "on", 0), (True, "off", 0), (False, "on", 2), (False, "off", 2),
])  # fmt: skip
def test_a_servers_template_without_a_switch_is_refused_before_anything_is_asked(
    here: Here, cells: Path, knows: bool, told: str, code: int
) -> None:
    async def applied(request: web.Request) -> web.StreamResponse:
        arguments = (await request.json())["chat_template_kwargs"]
        end = "" if arguments["enable_thinking"] or not knows else "<think></think>"
        return web.json_response({"prompt": f"user: ?\nassistant:{end}"})

    models = [{"id": "mock", "owned_by": "llamacpp"}]
    routes: dict[str, Any] = {"apply-template": applied}
    with FakeServer(models=models, **routes) as server:
        done = here(*evaluation(server, cells, "--thinking", told))
        assert done.code == code, done.err
        assert bool(server.bodies) == knows
    if not knows:
        assert f"--thinking {told}: the chat template of mock has no switch" in done.err


@pytest.mark.parametrize("readout", ["choice", "logprob"])
def test_a_readout_that_cannot_look_behind_a_thought_is_refused(
    here: Here, cells: Path, readout: str
) -> None:
    with FakeServer() as server:
        done = here(*evaluation(server, cells, "--thinking", "on", "--readout", readout))
        assert (done.code, server.bodies) == (2, [])
    assert "cannot tell where the thought ends and the answer begins" in done.err


def test_models_that_do_not_heed_it_are_refused(here: Here, cells: Path) -> None:
    asked = ("eval", "--data", str(cells), "--thinking", "off", "--plugin")
    done = here(*asked, "echo")
    assert (done.code, "does not say that it heeds it" in done.err) == (2, True), done.err
    done = here(*asked, "tiny", "--model", "clip")
    assert (done.code, "contrastive model" in done.err) == (2, True), done.err


def test_a_class_is_told_and_its_thoughts_tokens_and_room_are_recorded(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    (tmp_path / "thinker.py").write_text(THINKER)
    asked = ["eval", "--plugin", str(tmp_path / "thinker.py"), "--data", str(cells)]
    keys = {}
    for told in (None, "on", "off", "100"):
        more = [] if told is None else ["--thinking", told]
        done = here(*asked, *more, "--run-dir", f"r-{told}")
        assert done.code == 0, done.err
        records = list(mubench_gen.load_run(tmp_path / f"r-{told}").records())
        assert {record["reasoning"] for record in records} == {f"told {told}"}
        room = {None: 0, "on": 4096, "off": 0, "100": 116}[told]
        assert {record["usage"]["completion_tokens"] for record in records} == {64 + room}
        manifest = json.loads((tmp_path / f"r-{told}/manifest.json").read_text())
        sampling = manifest["sampling"]
        assert (sampling.get("thinking"), sampling.get("thinking_tokens", 0)) == (told, room)
        keys[told] = frozenset(record["key"] for record in records)
    assert len(set().union(*keys.values())) == sum(map(len, keys.values()))


def test_scores_behind_a_thought_have_it_beside_them_and_thoughts_without_an_answer_none(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    (tmp_path / "thinker.py").write_text(THINKER)
    done = here(
        "eval", "--plugin", str(tmp_path / "thinker.py"), "--data", str(cells), "--thinking", "on",
        "--readout", "logprob", "--run-dir", "r",
    )  # fmt: skip
    assert done.code == 0, done.err
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    found = {(r["status"], r["reasoning"], r["scores"] is None) for r in records}
    assert found == {
        ("answered", "of two", False),
        ("truncated", "still", True),
        ("empty", "still", True),
    }
    assert {r["usage"]["reasoning_tokens"] for r in records if r["scores"]} == {3}
    assert "--max-tokens" in done.err


@pytest.fixture
def thinker(tmp_path: Path) -> str:
    """A plugin with a model that thinks."""
    folder = make_thinker(tmp_path / "weights")
    plugin = tmp_path / "thinker.py"
    plugin.write_text(f"""
import mubench_gen

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("thinker", mubench_gen.Checkpoint({str(folder)!r}, "generative"))]
""")
    return str(plugin)


def test_a_model_that_thinks_is_compared_with_itself_by_every_readout(
    here: Here, cells: Path, tmp_path: Path, thinker: str
) -> None:
    done = here(
        "ablate", "--plugin", thinker, "--data", str(cells), "--limit", "2", "--prompt", "letter",
        "--readout", "parse,choice,logprob", "--axis", "thinking=off,4,on", "--study-dir", "s",
        "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    words = THOUGHT.split()
    tokens = {"off": [], "4": words[:4], "on": words}
    for run in mubench_gen.load_study(tmp_path / "s").runs:
        told = run.dir.name.partition("=")[2]
        records = list(run.records())
        assert {record["readout"] for record in records} == {"parse", "choice", "logprob"}
        for record in records:
            assert (record.get("reasoning") or "").split() == tokens[told], record
            assert record["status"] in ("answered", "out_of_range")  # it knows other images
            assert "glance" not in (record["reply"] or "")
            assert told == "off" or record["usage"]["reasoning_tokens"] == len(tokens[told]) + 1
    ((costs,), (items,)) = done.document["thinking"].values(), done.document["items"]
    means = {one["level"]: (one["thought"]["value"], one["cut"]["value"]) for one in costs}
    assert means == {"off": (0, 0), "4": (5, 0), "on": (9, 0)}
    written = {one["level"]: one["tokens"]["value"] for one in costs}
    assert written["off"] < written["4"] < written["on"]
    assert {one["factor"] for one in items["flips"]} == {"thinking", "readout"}


def test_a_thought_that_is_cut_is_truncated_and_no_wrong_answer(
    here: Here, cells: Path, tmp_path: Path, thinker: str
) -> None:
    done = here(
        "eval", "--plugin", thinker, "--data", str(cells), "--limit", "2", "--prompt", "letter",
        "--thinking", "on", "--max-tokens", "3", "--run-dir", "r",
    )  # fmt: skip
    assert done.code == 0, done.err
    for record in mubench_gen.load_run(tmp_path / "r").records():
        assert (record["status"], record["choice"]) == ("truncated", None)
        assert record["reasoning"].split() == THOUGHT.split()[:3]
    assert "--max-tokens" in done.err
