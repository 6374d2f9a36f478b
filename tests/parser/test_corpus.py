"""The project's own labelled replies: what they are, and how the parser does on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mubench_gen.errors import DataError, SettingError
from mubench_gen.parser import parse_answer
from mubench_gen.parser.conformance.__main__ import main
from mubench_gen.parser.conformance.corpus import FILES, HERE, load, shipped
from mubench_gen.parser.conformance.runner import adapted, own_reader, tallies
from mubench_gen.scores.parser_card import load_labelled, parser_card

HALVES = ("dev", "held")


def path(half: str) -> Path:
    return HERE / f"{half}.jsonl"


def test_the_corpus_has_six_hundred_replies_in_two_halves_of_one_size() -> None:
    sizes = [len(load_labelled(path(half))) for half in HALVES]
    assert sum(sizes) >= 600
    assert abs(sizes[0] - sizes[1]) <= 0.02 * sum(sizes)


def test_no_reply_stands_twice() -> None:
    lines = [line for name in FILES for line in path(name).read_text("utf-8").splitlines()]
    identifiers = [json.loads(line)["id"] for line in lines]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("half", FILES)
def test_every_reply_has_a_regime_and_a_failure_mode(half: str) -> None:
    assert all(row.regime and row.failure_mode for row in load_labelled(path(half)))


# Hard: read without the aliases that tasks have, or full of paraphrases.
BARS = {"terse": 0.68, "without_answer": 0.94, "answers_by_voices": 0.88, "judges": 0.88}
WRONG = {"judges": 0.01}  # long chains of thought among them
# Facts in general, which are answers where a question asks for one.
LEFT = {"chorus": 0.92, "without_answer": 0.9}


@pytest.mark.parametrize("half", FILES)
def test_the_parser_keeps_to_its_bar(half: str) -> None:
    tally, _ = tallies(shipped(half), own_reader)
    held, bare = tally.right + tally.wrong + tally.unanswered, tally.left + tally.invented
    assert tally.right >= BARS.get(half, 0.96) * held
    assert tally.wrong <= WRONG.get(half, 0.007) * held
    assert tally.left >= LEFT.get(half, 0.95) * bare


def test_statuses_are_as_labelled() -> None:
    for row in (row for name in FILES for row in shipped(name) if row.status):
        answer = parse_answer(row.reply, row.options, row.labels, complete=row.complete)
        assert answer.status == row.status, row.reply


def test_the_card_and_the_runner_count_alike() -> None:
    card, (tally, _) = parser_card(load_labelled(path("dev"))), tallies(shipped("dev"), own_reader)
    assert (card.total.right.count, card.total.left.count) == (tally.right, tally.left)


def test_another_parser_is_measured_through_an_adapter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = tmp_path / "first.py"
    adapter.write_text(
        "def read(reply, options, labels):\n"
        "    return next((label for label in labels if reply.startswith(label)), None)\n"
    )
    assert main(["--adapter", str(adapter), "--show", "1"]) == 0
    told = capsys.readouterr().out
    assert told.count(": right ") == len(FILES)
    assert "labelled" in told
    tally, _ = tallies(shipped("dev"), adapted(adapter))
    assert 0 < tally.right < 295
    assert tally.wrong > 0


def test_rules_have_their_precision(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rules", str(path("fresh"))]) == 0
    assert "declared_answer      100.0 %" in capsys.readouterr().out
    assert main(["--json", str(path("fresh"))]) == 0
    assert json.loads(capsys.readouterr().out)[str(path("fresh"))]["right"] == 76


def test_a_public_set_is_read_by_what_its_annotators_extracted(tmp_path: Path) -> None:
    row = {"key_answer_type": "alphabet_option", "llm_output": "It is (B).", "dataset": "x",
           "standard_answer_range": "[['A', 'red'], ['B', 'blue']]", "gold_label": "B"}  # fmt: skip
    rows = [row, {**row, "gold_label": "[No valid answer]"}, {**row, "key_answer_type": "math"}]
    file = tmp_path / "kaf.json"
    file.write_text(json.dumps(rows))
    assert [one.gold for one in load(file)] == [1, None]


def test_what_cannot_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(SettingError, match="needs a function read"):
        adapted(tmp_path / "empty.py")
    with pytest.raises(SettingError, match="no such Python file"):
        adapted(tmp_path / "none.py")
    with pytest.raises(DataError, match="holds no labelled replies"):
        load(tmp_path / "empty.json")
    assert main([str(tmp_path / "nothing.jsonl")]) == 2
    assert "Error: " in capsys.readouterr().err
