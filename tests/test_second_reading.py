"""What some replies have: thoughts beside the text, aliases, readings that strictness drops."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.engines.server.answers import read_reply
from mubench_gen.engines.server.models import Names
from mubench_gen.errors import DefinitionError
from mubench_gen.parser.rules import STRONG
from mubench_gen.parser.strictness import FORMS, is_strict
from mubench_gen.parser.vocabulary import aliases_for, shared_aliases
from mubench_gen.runs.rescore import rescore, save
from mubench_gen.tasks.task import load_task, load_tasks
from mubench_gen.types import Reply

from .conftest import Here
from .helpers.plugin import write_plugin
from .helpers.server import completion
from .spine import make_row, write_data

NAMES = Names("mock", None, ())
TASK = """
title = "Modality in plain words"
group = "mine"
question = "modality"
"""
WORDS = """
[aliases]
"electron microscopy" = ["the electron thing", "EM"]
"""


def made(tmp_path: Path, reply: str, **settings: object) -> mubench_gen.Run:
    """A run of four items of a plugin that always replies this Python expression."""
    body = f"def generate(self, requests): return [{reply} for _ in requests]"
    return mubench_gen.evaluate(
        plugin=str(write_plugin(tmp_path / "mine.py", body)),
        data=write_data(tmp_path / "cells", [make_row(i) for i in range(4)]),
        run_dir=tmp_path / "run",
        **{"tasks": ["modality"], "prompt": "letter", **settings},
    )


@pytest.fixture
def task(tmp_path: Path) -> Path:
    path = tmp_path / "plain.toml"
    path.write_text(TASK + WORDS, encoding="utf-8")
    return path


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_what_a_server_says_the_model_thought_is_kept_beside_the_text(field: str) -> None:
    document = completion(None)
    document["choices"][0]["message"][field] = "The answer is B."
    document["choices"][0]["finish_reason"] = "length"
    # As vLLM counts a thought that its prompt opened.
    document["usage"] = {
        "completion_tokens": 8,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    reply = read_reply(json.dumps(document).encode(), NAMES)
    assert reply == Reply("", "length", {"completion_tokens": 8}, "The answer is B.")


def test_thoughts_are_recorded_and_never_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(tmp_path, "mubench_gen.Reply('', 'length', reasoning='The answer is B.')")
    records = list(run.records())
    assert {(r["reply"], r["reasoning"], r["status"]) for r in records} == {
        ("", "The answer is B.", "truncated")
    }
    assert capsys.readouterr().err.count("--max-tokens") == 1
    assert rescore(run).changes == []


def test_a_record_without_thoughts_has_no_such_field(tmp_path: Path) -> None:
    assert all("reasoning" not in record for record in made(tmp_path, "'A'").records())


@pytest.mark.parametrize(("reason", "status"), [("length", "truncated"), ("stop", "answered")])
def test_the_end_of_a_reply_decides_whether_its_last_words_count(
    tmp_path: Path, reason: str, status: str
) -> None:
    run = made(tmp_path, f"mubench_gen.Reply('It was light microscopy', {reason!r})")
    assert {record["status"] for record in run.records()} == {status}


def test_an_alias_decides_and_the_record_says_which(tmp_path: Path, task: Path) -> None:
    run = made(tmp_path, "'It was made by the electron thing.'", tasks=[str(task)])
    assert {r["alias"] for r in run.records()} == {"the electron thing"}
    assert {r["options"][r["choice"]] for r in run.records()} == {"electron microscopy"}
    assert rescore(run).changes == []  # by the words that the manifest keeps
    assert rescore(run, aliases=False).scores.pooled.statuses == {"none": 1.0}


def test_new_aliases_of_a_task_file_count_when_they_are_named(tmp_path: Path, task: Path) -> None:
    task.write_text(TASK, encoding="utf-8")
    run = made(tmp_path, "'It was made by the electron thing.'", tasks=[str(task)])
    assert run.scores.pooled.statuses == {"none": 1.0}
    task.write_text(TASK + WORDS, encoding="utf-8")
    again = rescore(run, tasks=load_tasks([str(task)]))
    assert again.scores.pooled.statuses == {"answered": 1.0}
    save(run, again.changes)
    assert {r["alias"] for r in run.records()} == {"the electron thing"}


def test_aliases_leave_a_tasks_digest_as_it_is(task: Path) -> None:
    with_words = load_task(str(task))
    task.write_text(TASK, encoding="utf-8")
    assert load_task(str(task)).sha256 == with_words.sha256
    assert (bool(with_words.aliases), load_task(str(task)).aliases) == (True, ())


def test_an_alias_of_two_options_is_refused_where_it_stands(task: Path) -> None:
    task.write_text(TASK + WORDS + '"light microscopy" = ["EM"]\n', encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"plain\.toml:6: aliases: .*'EM' means both"):
        load_task(str(task))


def test_every_shipped_alias_means_one_option() -> None:
    for shipped in load_tasks():
        assert shared_aliases(shipped.aliases) == []


def test_an_option_is_found_by_any_of_its_names() -> None:
    words = (("TIRF microscopy", ("TIRF",)), ("DAPI", ()))
    assert aliases_for(words, ("tirf", "DAPI")) == (("TIRF microscopy",), ())
    assert aliases_for(words, ("PAS", "DAPI")) is None


@pytest.mark.parametrize(
    ("name", "options", "reply", "expected"),
    [
        ("modality", ("light microscopy", "electron microscopy"), "TEM", 1),
        ("modality", ("light microscopy", "electron microscopy"), "a bright-field image", 0),
        ("stain", ("H&E", "PAS"), "Haematoxylin & eosin", 0),
        ("stain", ("H&E", "PAS"), "Periodic acid-Schiff (PAS)", 1),
        ("acevedo_et_al_2020", ("platelet", "monocyte"), "thrombocytes", 0),
    ],
)
def test_the_fields_own_words_are_read(
    name: str, options: tuple[str, ...], reply: str, expected: int
) -> None:
    aliases = aliases_for(load_task(name).aliases, options)
    assert mubench_gen.parse_answer(reply, options, aliases=aliases).index == expected


def test_strictness_keeps_what_declares_and_drops_what_only_weighs() -> None:
    assert {rule.__name__ for tier in STRONG for rule in tier} | {"sole_label"} == FORMS
    assert all(map(is_strict, ("declared_answer", "boxed", "only_option", "logprob")))
    assert not any(map(is_strict, ("partial_text", "only_marked_label", "judge:mine", None)))


def test_a_strict_reading_leaves_weighed_texts_unanswered(here: Here, tmp_path: Path) -> None:
    run = made(tmp_path, "'Electron microscop'")
    loose, strict = run.scores.pooled, rescore(run, strict=True).scores.pooled
    assert (loose.statuses, strict.statuses) == ({"answered": 1.0}, {"none": 1.0})
    assert (loose.answered_strict, loose.accuracy_strict) == (0.0, 0.0)
    told = here("score", "run", "--strict").out
    assert "Unanswered, counted wrong: none 100.0" in told
    assert "Read strictly" in here("report", "run").out
    assert here("score", "run", "--no-aliases", "--json").code == 0
    refused = here("score", "run", "--strict", "--save")
    assert (refused.code, "--save" in refused.err) == (2, True)
