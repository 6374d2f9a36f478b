"""Canaries in every field of every source: none is in any file or on any stream of the program."""

from __future__ import annotations

import base64
import itertools
import json
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import mubench_gen

from .helpers.command import Command, Outcome
from .helpers.data import make_row, question, write_data
from .helpers.server import Behaviour, FakeServer, completion
from .helpers.spellings import SPELLINGS, traces

Here = Callable[..., Outcome]
CANARY = "tsh-canary/4f+9c=1d&b7"
OSC = "\x1b]0;owned\x07\x9b31m\u202e"
ANSWER = f"I was given {{}} and {OSC} say\n\nA)"


def check(folder: Path, *outcomes: Outcome, but: tuple[Path, ...] = ()) -> None:
    """No file below the folder and no stream has a canary in any spelling, or a raw ESC."""
    contents = {"stdout": b"", "stderr": b""}
    for outcome in outcomes:
        assert "Traceback" not in outcome.err
        contents["stdout"] += outcome.out.encode()
        contents["stderr"] += outcome.err.encode()
    for path in folder.rglob("*"):
        if path.is_file() and not any(path.is_relative_to(one) for one in but):
            contents[str(path)] = path.read_bytes()
    for name, content in contents.items():
        assert not traces(content, CANARY), name
        assert b"\x1b" not in content or name.endswith(".parquet"), name  # which is binary
        for packed in re.findall(rb"[A-Za-z0-9+/]{200,}={0,2}", content):
            assert not traces(_inflated(packed), CANARY), name


def _inflated(packed: bytes) -> bytes:
    """What a page has of its items, as document.py packs it."""
    try:
        return zlib.decompress(base64.b64decode(packed), wbits=-15)
    except (ValueError, zlib.error):
        return b""


def reported(here: Here, run: str) -> list[Outcome]:
    """All that is said of a run, in every format."""
    shutil.copytree(run, f"{run}-again")
    outcomes = [
        here("report", run), here("report", run, "--json"), here("report", run, "--by", "dataset"),
        here("report", run, "--html", "page.html"), here("compare", run, f"{run}-again"),
        here("score", run), here("score", run, "--json"),
        here("score", run, "--audit", "4", "--out", "audit.csv"),
    ]  # fmt: skip
    for form in ("md", "csv", "latex", "parquet"):
        outcomes.append(here("report", run, "--format", form, "--out", f"out.{form}"))
        if form != "parquet":
            outcomes.append(here("report", run, "--format", form))
    return outcomes


def of_server(raw: bool) -> Behaviour:
    """Answers with the canary in each field in each spelling, as it stands in the JSON text where
    that is `raw`.
    """
    spellings = SPELLINGS.values()
    answers = itertools.cycle(itertools.product(("reply", "reason", "error", "half"), spellings))

    async def answer(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        kind, spell = next(answers)
        spelled = spell(CANARY)
        mark = "@" if raw else spelled
        document = completion(ANSWER.format(mark), system_fingerprint=mark)
        document["usage"][mark] = 3
        if kind == "reason":
            document["choices"][0]["finish_reason"] = mark
        if kind == "error":
            error = {"message": f"no {mark}", "code": mark, "type": mark}
            document = {"error": error, "model": mark}
        text = json.dumps(document)
        text = text.replace("@", spelled) if raw else text
        text = f"<html>{text[:-3]}" if kind == "half" else text
        status = 400 if kind == "error" else 200
        return web.Response(status=status, text=text, content_type="application/json")

    return answer


@pytest.mark.parametrize("raw", [True, False], ids=["in the JSON text", "in its strings"])
def test_no_field_of_a_servers_answer_gives_the_key_away(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    data = write_data(tmp_path / "data", 2 * len(SPELLINGS))
    said = " ".join(spelled(CANARY) for spelled in SPELLINGS.values())
    models = [{"id": "mock", "owned_by": said, "root": said, "max_model_len": 4096}]
    with FakeServer(of_server(raw), models=models) as server:
        done = here("eval", "--plugin", "openai", "--base-url", server.url,
                    "--no-preflight", "--data", data,
                    "--run-dir", "r", "-o", "engine.retries=0")  # fmt: skip
        assert len(server.bodies) == 4 * len(SPELLINGS), done.err
        assert {one["Authorization"] for one in server.headers} == {f"Bearer {CANARY}"}
    records = list(mubench_gen.load_run(tmp_path / "r").records())
    answered = [record for record in records if record["status"] == "answered"]
    assert len(answered) >= len(SPELLINGS)
    for record in answered:
        begin, end = record["span"]
        assert record["reply"][begin:end].startswith("A")
    check(tmp_path, done, *reported(here, "r"), but=(data,))


PLUGIN = """
import os

import mubench_gen
from pydantic import Field, SecretBytes, SecretStr

CANARY, OSC = {canary!r}, {osc!r}
TEXT = CANARY + OSC


class Odd(Exception):
    pass


class Nosy(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        harmless: SecretStr = Field(SecretStr(""), description=TEXT)
        nested: dict[str, SecretBytes] | None = Field(None, description="x")
        pin: SecretStr | None = Field(None, description="x", max_length=9)
        plain: str = Field("", description="x")

    def generate(self, requests):
        if "NOISY" in os.environ:
            print(TEXT)
        replies = []
        for request in requests:
            if "stain" in request.text:
                raise Odd(f"could not log in with {{TEXT}}")
            replies.append(mubench_gen.Reply(f"I saw {{TEXT}}, so A)", finish_reason=TEXT,
                                             usage={{TEXT: 1}}))
        return replies

    @property
    def facts(self):
        return {{"fact " + TEXT: [TEXT], "url": "https://me:" + CANARY + "@host/x"}}

    @property
    def counts(self):
        return {{TEXT: TEXT}}

    def close(self):
        raise Odd(TEXT)


@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("nosy", Nosy, description=TEXT, facts={{TEXT: TEXT}})]


@mubench_gen.hookimpl
def mubench_gen_section(runs):
    return mubench_gen.Section("title " + TEXT, TEXT + "\\n" + TEXT)


@mubench_gen.hookimpl
def mubench_gen_score(records, manifest):
    return {{"pooled " + TEXT: {{"m" + TEXT: 1.0}}}}
"""


@pytest.fixture
def nosy(tmp_path: Path) -> Path:
    path = tmp_path / "source/nosy.py"
    path.parent.mkdir()
    path.write_text(PLUGIN.format(canary=CANARY, osc=OSC), "utf-8")
    return path


def test_nothing_that_a_plugin_says_gives_a_secret_away(
    here: Here, nosy: Path, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SERVICES_PASSWORD", CANARY)
    outcomes = [here("eval", "--plugin", nosy, "--data", cells, "--run-dir", "r")]
    outcomes += reported(here, "r")
    outcomes += [
        here("plugins", "show", nosy), here("plugins", "show", nosy, "--json"),
        here("report", "r", "--section", nosy), here("score", "r", "--scorer", nosy),
        here("report", "r", "--section", nosy, "--html", "s.html"),
    ]  # fmt: skip
    check(tmp_path, *outcomes, but=(nosy.parent, cells))
    record = next(iter(mubench_gen.load_run(tmp_path / "r").records()))
    begin, end = record["span"]
    assert record["reply"][begin:end].startswith("A")


def test_a_process_blanks_what_its_plugins_print_and_the_traceback_of_a_bug(
    mubench: Command, nosy: Path, cells: Path
) -> None:
    env = {"A_SERVICES_PASSWORD": CANARY, "NOISY": "1"}
    done = mubench("eval", "--plugin", nosy, "--data", cells, "--run-dir", "r", env=env)
    assert done.code == 3
    assert "***" in done.err
    check(mubench.folder, done, but=(nosy.parent, cells))
    broken = nosy.with_name("sitecustomize.py")
    broken.write_text(
        "import mubench_gen.cli as cli\n\n"
        f"def bug(*_):\n    raise KeyError({CANARY + OSC!r}, {OSC!r})\n\n"
        "cli.LazyGroup.get_command = bug\n",
        "utf-8",
    )
    env["PYTHONPATH"] = f"{broken.parent}:{mubench.environment(None).get('PYTHONPATH', '')}"
    done = mubench("tasks", env=env)
    assert "Traceback" in done.err
    assert not traces(done.err.encode(), CANARY)
    assert "\x1b" not in done.err


def test_an_option_that_is_secret_by_its_type_is_blanked_whatever_its_name(
    here: Here, nosy: Path, cells: Path, tmp_path: Path
) -> None:
    flags = ["eval", "--plugin", nosy, "--data", cells, "--run-dir", "r"]
    here(*flags, "-o", f"harmless={CANARY}", "-o", "plain=tsh-4711-plain")
    text = (tmp_path / "r/manifest.json").read_text("utf-8")
    assert "harmless=***" in text
    assert json.loads(text)["settings"]["options"] == {"harmless": "***", "plain": "tsh-4711-plain"}
    check(tmp_path / "r")
    with (tmp_path / "r/records.jsonl").open("rb") as before:
        finished = len(before.readlines())
    again = here(*flags, "-o", "harmless=tsh-another-one", "-o", "plain=tsh-4711-plain")
    assert "other settings" not in again.err
    assert len((tmp_path / "r/records.jsonl").read_bytes().splitlines()) < 2 * finished


def test_a_short_secret_is_blanked_where_it_was_given(
    here: Here, nosy: Path, cells: Path, tmp_path: Path
) -> None:
    flags = ["--plugin", nosy, "--data", cells, "--run-dir", "r"]
    here("eval", *flags, "-opin=4711")
    assert "4711" not in (tmp_path / "r/manifest.json").read_text("utf-8")
    refused = here("eval", *flags, "-o", "pin=4711471147114711")
    assert refused.code == 2
    assert "4711" not in refused.err


def hostile_data(folder: Path) -> Path:
    """Data, a task and a prompt with a canary and an escape in every text."""
    text = CANARY + OSC
    rows = [
        make_row(
            n,
            image_id=f"cell-{text}-{n}",
            label_name=text,
            dataset=f"cells {text}",
            domain=text,
            subdomain=text,
            license=f"CC0 {text}",
            modality=text,
            stain=text,
            questions={
                "modality": question(f"Which {text}?", [f"a {text}", "b", "c"], n % 3),
                "odd": question(f"Which {text}?", ["=1+1", f"@{text}", "c"], n % 3),
            },
        )
        for n in range(3)
    ]
    data = write_data(folder, rows)
    (data / "tasks").mkdir()
    title = json.dumps(f"about {text}", ensure_ascii=True)
    (data / "tasks/odd.toml").write_text(
        f'title = {title}\nquestion = "odd"\ngroup = {title}\ntags = [{title}]\nsource = {title}\n',
        "utf-8",
    )
    (data / "odd.j2").write_text(
        f"+++\ntitle = {title}\n+++\n{CANARY} {OSC} {{{{ question }}}}"
        "{% for option in options %}\n{{ option.marker }} {{ option.text }}{% endfor %}\n",
        "utf-8",
    )
    return data


def test_no_text_of_data_tasks_and_prompts_gives_a_secret_away(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", CANARY)
    data = hostile_data(tmp_path / "hostile")
    prompt = data / "odd.j2"
    eval_ = ["eval", "--plugin", "echo", "--data", data, "--prompt", prompt, "--run-dir", "r"]
    outcomes = [here(*eval_)]
    assert outcomes[0].code == 0, outcomes[0].err
    assert here(*eval_, "--json").code == 0
    lines = (tmp_path / "r/records.jsonl").read_bytes().count(b"\n")
    assert lines == mubench_gen.load_run(tmp_path / "r").scores.pooled.n  # none is asked again
    outcomes += reported(here, "r")
    outcomes += [
        here("data", "info", data), here("data", "info", data, "--json"),
        here("tasks", "--data", data), here("tasks", "odd", "--data", data),
        here("tasks", "--data", data, "--json"), here("data", "verify", data),
        here("prompts", "show", prompt, "--task", "odd", "--data", data),
        here("prompts", "show", prompt, "--task", "odd", "--data", data, "--json"),
        here("eval", "--plugin", "echo", "--data", data, "--prompt", prompt, "--plan"),
        here("ablate", "--plugin", "echo", "--data", data, "--run-dir", "s",
             "--prompts", f"paper,{prompt}"),
    ]  # fmt: skip
    check(tmp_path, *outcomes, but=(data,))


def test_what_is_secret_in_a_command_is_in_no_file(
    here: Here, cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-of-them-0")
    body = json.dumps({"metadata": {"api_key": CANARY}, "reasoning_effort": "low"})

    async def echoing(body: dict[str, Any], request: web.Request) -> web.StreamResponse:
        assert body["metadata"] == {"api_key": CANARY}
        return web.json_response(completion(ANSWER.format(CANARY)))

    with FakeServer(echoing) as server:
        done = here("eval", "--plugin", "openai", "--base-url", server.url,
                    "--no-preflight", "--data", cells,
                    "--run-dir", "r", "-o", f"engine.body={body}")  # fmt: skip
    assert done.code == 0, done.err
    assert "reasoning_effort" in (tmp_path / "r/manifest.json").read_text("utf-8")
    check(tmp_path, done, but=(cells,))


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{CANARY}@127.0.0.1:9/v1".replace("/4f", "-4f"),
        "http://127.0.0.1:9/sk-canary-4f9c1d/v1",
    ],
)
def test_what_is_secret_in_a_servers_url_is_not_told(
    mubench: Command, cells: Path, url: str
) -> None:
    flags = ("--data", cells, "-o", "engine.patience=0")
    done = mubench("eval", "--plugin", "openai", *flags, "--base-url", url)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert "canary" not in done.err
