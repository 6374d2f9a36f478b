"""A judge reads what no rule could, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.errors import PluginError, SettingError
from mubench_gen.runs.rescore import rescore

MODEL = """
import mubench_gen

class Wordy(mubench_gen.GenerativeModel):
    def generate(self, requests):
        replies = ["it shows tissue of some organ", "The answer is B."]
        replies += ["", "either A or B, both fit"]
        return [replies[i % 4] for i, _ in enumerate(requests)]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("wordy", Wordy)]
"""
JUDGE = """
import json, pathlib
import mubench_gen

class Strict(mubench_gen.Judge):
    def read(self, unread):
        with open(pathlib.Path(__file__).with_name("asked.jsonl"), "a") as file:
            for one in unread:
                file.write(json.dumps([one.reply, one.prompt, one.options, one.labels]) + "\\n")
        return {answers}

@mubench_gen.hookimpl
def mubench_gen_judge():
    return Strict
"""
Judged = Callable[[str], mubench_gen.Run]


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """Evaluate a wordy model with a judge that answers by the given expression."""

    def run(answers: str) -> mubench_gen.Run:
        (tmp_path / "wordy.py").write_text(MODEL)
        (tmp_path / "judge.py").write_text(JUDGE.replace("{answers}", answers))
        return mubench_gen.evaluate(
            plugin=str(tmp_path / "wordy.py"),
            judge=str(tmp_path / "judge.py"),
            tasks=["modality"],
            limit=8,
            batch_size=8,
            run_dir=tmp_path / "run",
        )

    return run


def test_a_judge_reads_only_replies_that_no_rule_could(judged: Judged, tmp_path: Path) -> None:
    records = list(judged("[0 for _ in unread]").records())
    by_reply = {r["reply"]: r for r in records}
    assert by_reply["it shows tissue of some organ"]["rule"] == "judge:judge"
    assert by_reply["it shows tissue of some organ"]["status"] == "answered"
    assert by_reply["The answer is B."]["rule"] != "judge:judge"
    assert by_reply[""]["status"] == "empty"
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    assert {reply for reply, *_ in asked} == {
        "it shows tissue of some organ",
        "either A or B, both fit",
    }


def test_a_judge_never_sees_the_right_answer() -> None:
    fields = set(mubench_gen.Unread.__dataclass_fields__)
    assert fields == {"reply", "prompt", "options", "labels"}


def test_a_judge_that_finds_no_answer_leaves_the_reply_as_the_rules_did(judged: Judged) -> None:
    records = list(judged("[None for _ in unread]").records())
    assert {r["status"] for r in records if r["reply"].startswith("it shows")} == {"none"}


@pytest.mark.parametrize(
    "answers", ["1 / 0", "[]", "[99 for _ in unread]", "['A' for _ in unread]"]
)
def test_a_judge_that_fails_costs_its_answers_alone(
    judged: Judged, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = judged(answers)
    assert run.scores.pooled.n_errors == 0
    assert not any((r["rule"] or "").startswith("judge:") for r in run.records())
    assert "The judge 'judge' failed" in capsys.readouterr().err


def test_its_use_is_printed_and_counted(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    judged("[0 for _ in unread]")
    assert (
        "was asked about 4 replies that no rule could read, and read 4" in capsys.readouterr().err
    )


def test_reading_the_run_again_keeps_what_the_judge_read(judged: Judged) -> None:
    assert rescore(judged("[0 for _ in unread]")).changes == []


def test_a_plugin_without_a_judge_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="'echo' has no judge"):
        mubench_gen.evaluate(plugin="echo", judge="echo", limit=1, run_dir=tmp_path / "run")


def test_a_plugin_that_is_only_a_judge_has_no_model_to_evaluate(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text(JUDGE.replace("{answers}", "[]"))
    with pytest.raises(PluginError, match="is a judge: it has no model"):
        mubench_gen.evaluate(plugin=str(tmp_path / "judge.py"), limit=1, run_dir=tmp_path / "run")


CAREFUL = """
import mubench_gen
from pydantic import Field, SecretStr

class Careful(mubench_gen.Judge):
    class Options(mubench_gen.Options):
        place: int = Field(0, ge=0, le=3, description="which option it takes")
        word: SecretStr = Field(SecretStr(""), description="its password")

    def read(self, unread):
        return [self.options.place for _ in unread]

@mubench_gen.hookimpl
def mubench_gen_judge():
    return Careful
"""


@pytest.fixture
def careful(tmp_path: Path) -> Path:
    (tmp_path / "wordy.py").write_text(MODEL)
    (tmp_path / "careful.py").write_text(CAREFUL)
    return tmp_path


def careful_run(folder: Path, **options: str) -> mubench_gen.Run:
    return mubench_gen.evaluate(
        plugin=str(folder / "wordy.py"),
        judge=str(folder / "careful.py"),
        options={f"judge.{key}": value for key, value in options.items()},
        tasks=["modality"],
        limit=4,
        run_dir=folder / "run",
    )


def test_a_judge_has_options_of_its_own(careful: Path) -> None:
    run = careful_run(careful, place="2", word="nobody-knows")
    judged = [r for r in run.records() if str(r["rule"]).startswith("judge:")]
    assert {r["choice"] for r in judged} == {2}
    for file in (careful / "run").iterdir():
        assert b"nobody-knows" not in file.read_bytes()


def test_an_option_of_a_judge_changes_no_key(careful: Path) -> None:
    first = {r["id"]: r["key"] for r in careful_run(careful, place="2").records()}
    shutil.rmtree(careful / "run")
    assert {r["id"]: r["key"] for r in careful_run(careful, place="1").records()} == first


def test_a_wrong_option_of_a_judge_is_told_before_a_model_is_asked(careful: Path) -> None:
    with pytest.raises(SettingError, match=r"Option place of the judge .*less than or equal to 3"):
        careful_run(careful, place="7")
    with pytest.raises(SettingError, match="name one with --judge"):
        mubench_gen.evaluate(plugin="echo", options={"judge.place": "1"}, run_dir=careful / "run")
