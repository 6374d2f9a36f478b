"""A model that holds other models: opened by name, part of the keys, loaded by the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.errors import PluginError, SettingError
from mubench_gen.plugins.entry_points import GROUP
from mubench_gen.plugins.registry import Plugins
from mubench_gen.types import Message, Request, Sampling, Text

from .helpers.command import Outcome
from .helpers.data import write_data

Here = Callable[..., Outcome]
VOTE = Path(__file__).parents[1] / "docs/examples/vote.py"
CHOOSER = """
import mubench_gen
from pydantic import Field, SecretStr

class Chooser(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        label: int = Field(0, description="which label it says")
        token: SecretStr = Field(SecretStr(""), description="a key")

    def load(self):
        print("loaded", self.options.label, self.runtime.dtype, self.runtime.seed)

    def close(self):
        print("closed", self.options.label)

    def generate(self, requests):
        return [request.labels[self.options.label] for request in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("chooser", Chooser)]
"""
PAIR = """
import pathlib
import mubench_gen
from pydantic import Field

HERE = pathlib.Path(__file__).parent

class Pair(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        label: str = Field("1", description="what its member says")

    def __init__(self, options=None, runtime=None):
        super().__init__(options, runtime)
        given = {"label": self.options.label, "token": "nobody-knows"}
        self.member = mubench_gen.open_model(str(HERE / "chooser.py"), options=given)

    def generate(self, requests):
        return [reply.text for reply in self.member.generate(requests)]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("pair", Pair)]
"""


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    (tmp_path / "chooser.py").write_text(CHOOSER)
    (tmp_path / "pair.py").write_text(PAIR)
    write_data(tmp_path / "cells")
    return tmp_path


def evaluate(here: Here, folder: Path, *more: Any) -> Outcome:
    args = ("eval", "--plugin", folder / "pair.py", "--data", folder / "cells")
    return here(*args, "--run-dir", folder / "run", "--in-process", *more)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run/records.jsonl").read_text().splitlines()]


def test_a_member_has_the_runs_settings_and_is_loaded_and_closed(here: Here, pair: Path) -> None:
    outcome = evaluate(here, pair, "--seed", "7", "--dtype", "float32")
    assert outcome.code == 0, outcome.err
    assert {r["reply"] for r in records(pair)} == {"B"}
    assert "loaded 1 float32 7" in outcome.err
    assert "closed 1" in outcome.err


def test_a_members_options_are_in_the_manifest_without_its_secrets(here: Here, pair: Path) -> None:
    assert evaluate(here, pair).code == 0
    text = (pair / "run/manifest.json").read_text()
    (member,) = json.loads(text)["content"]["members"]
    assert (member["plugin"], member["options"]["label"]) == ("chooser", "1")
    assert "nobody-knows" not in text


def test_a_run_is_not_resumed_with_another_member(here: Here, pair: Path) -> None:
    assert evaluate(here, pair).code == 0
    changed = CHOOSER.replace("self.options.label]", "-1]")
    (pair / "chooser.py").write_text(changed)
    outcome = evaluate(here, pair)
    assert outcome.code == 2
    assert "members" in outcome.err
    assert {r["reply"] for r in records(pair)} == {"B"}


def test_the_keys_depend_on_the_members_code(here: Here, pair: Path) -> None:
    assert evaluate(here, pair).code == 0
    before = {r["key"] for r in records(pair)}
    (pair / "chooser.py").write_text(CHOOSER + "\n# another version\n")
    assert evaluate(here, pair, "--fresh").code == 0
    (again,) = pair.glob("run-*/records.jsonl")
    assert before.isdisjoint(json.loads(line)["key"] for line in again.read_text().splitlines())


def test_what_a_member_is_refused_for_is_told_as_for_any_model(here: Here, pair: Path) -> None:
    outcome = evaluate(here, pair, "-o", "label=many")
    assert outcome.code == 2
    assert "Option label of the plugin" in outcome.err


def test_a_handle_answers_outside_of_a_run() -> None:
    member = mubench_gen.open_model("echo")
    message = Message("user", (Text("Which?\nA) one\nB) two"),))
    request = Request("key", (message,), ("A", "B"), "parse", Sampling(0.0, 8))
    (reply,) = member.generate([request])
    assert member.submit(request).result() in (reply, reply.text)
    assert reply.text[0] in "AB"
    assert (member.name, member.kind) == ("echo/echo", "generative")
    with pytest.raises(PluginError, match="echo/echo is a generative model"):
        member.embed_texts(["a"])
    member.close()


def test_an_unknown_option_of_a_handle_is_named() -> None:
    with pytest.raises(SettingError, match="has no option 'styel'"):
        mubench_gen.open_model("echo", options={"styel": "x"})


def test_the_example_of_a_vote_gives_the_answer_of_most(tmp_path: Path) -> None:
    run = mubench_gen.evaluate(
        plugin=str(VOTE),
        options={"members": "tiny,echo,tiny"},
        tasks=["modality"],
        limit=4,
        run_dir=tmp_path / "vote",
    )
    alone = mubench_gen.evaluate(
        plugin="tiny", tasks=["modality"], limit=4, run_dir=tmp_path / "tiny"
    )
    assert [r["choice"] for r in run.records()] == [r["choice"] for r in alone.records()]


def test_what_a_member_opens_comes_from_the_runs_plugins_too(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for opener, opened in (("outer_model", "middle"), ("middle_model", "chosen")):
        own = PAIR.replace('str(HERE / "chooser.py"), options=given', repr(opened))
        (pair / f"{opener}.py").write_text(own)
    (pair / "chosen_model.py").write_text(CHOOSER)
    monkeypatch.syspath_prepend(pair)
    names = ("outer", "middle", "chosen")
    plugins = Plugins([EntryPoint(name, f"{name}_model", GROUP) for name in names])
    run = mubench_gen.evaluate(
        plugin="outer",
        data=pair / "cells",
        run_dir=pair / "run",
        in_process=True,
        plugins=plugins,
    )
    (member,) = run.manifest["content"]["members"]
    assert [inner["plugin"] for inner in member["members"]] == ["chosen"]


THINKER = """
import mubench_gen

class Thinker(mubench_gen.GenerativeModel):
    takes_thinking = True

    def generate(self, requests):
        return [mubench_gen.Reply("A", reasoning=str(self.runtime.thinking)) for _ in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("thinker", Thinker)]
"""
HOLDER = """
import pathlib
import mubench_gen

HERE = pathlib.Path(__file__).parent

class Holder(mubench_gen.GenerativeModel):
    def __init__(self, options=None, runtime=None):
        super().__init__(options, runtime)
        self.told = [mubench_gen.open_model(str(HERE / f"{name}.py"), THINKING)
                     for name in NAMES]

    def generate(self, requests):
        return self.told[0].generate(requests)

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("holder", Holder)]
"""


@pytest.fixture
def hold(tmp_path: Path, here: Here) -> Callable[..., Outcome]:
    """A run of a model that holds members, under `--thinking on`."""
    (tmp_path / "thinker.py").write_text(THINKER)
    (tmp_path / "chooser.py").write_text(CHOOSER)
    data = write_data(tmp_path / "data")

    def run(*names: str, thinking: str = "thinking=None") -> Outcome:
        holder = HOLDER.replace("NAMES", repr(names)).replace("THINKING", thinking)
        (tmp_path / "holder.py").write_text(holder)
        return here(
            "eval", "--plugin", tmp_path / "holder.py", "--data", data, "--limit", "1",
            "--tasks", "modality", "--thinking", "on", "--run-dir", "r", "--fresh",
        )  # fmt: skip

    return run


def test_members_that_heed_it_think_as_the_run_says(
    hold: Callable[..., Outcome], tmp_path: Path
) -> None:
    done = hold("thinker", "chooser")
    assert done.code == 0, done.err
    (record,) = mubench_gen.load_run(tmp_path / "r").records()
    assert record["reasoning"] == "on"
    members = json.loads((tmp_path / "r/manifest.json").read_text())["content"]["members"]
    assert [member.get("thinking") for member in members] == ["on", None]


def test_what_a_member_is_told_of_its_own_holds(
    hold: Callable[..., Outcome], tmp_path: Path
) -> None:
    assert hold("thinker", thinking="thinking='off'").code == 0
    (record,) = mubench_gen.load_run(tmp_path / "r").records()
    assert record["reasoning"] == "off"


def test_thinking_that_no_member_heeds_is_refused(hold: Callable[..., Outcome]) -> None:
    done = hold("chooser")
    assert (done.code, "does not say that it heeds it" in done.err) == (2, True), done.err
