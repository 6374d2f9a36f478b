"""Protocols: their files, how each rule reads a reply, what they count, and why two differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.compare.protocols import Causes, difference, shared_numbers
from mubench_gen.errors import DefinitionError
from mubench_gen.scores.protocols.files import (
    Protocol,
    load_protocol,
    load_protocols,
    protocol_names,
)
from mubench_gen.scores.protocols.numbers import area_under_curve, macro_f1, values
from mubench_gen.scores.protocols.rules import ShownQuestion, read_reply
from mubench_gen.scores.protocols.tally import Probabilities, prompts_of, tally

from .conftest import Here
from .spine import plain_record

MINIMAL = """\
title = "ours for short replies"
benchmark = "cells"
source = "a test"

[generative]
prompt = ["letter"]

[parser]
rule = "first-letter"

[numbers.coarse]
groups = ["coarse"]
over = "datasets"
"""


def written(folder: Path, text: str = MINIMAL, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def test_every_shipped_protocol_names_its_source_and_prompts_that_there_are() -> None:
    assert {"ours", "paper-compat", "olmo-eval", "medpmc", "mmbu", "microvqa-owner"} <= set(
        protocol_names()
    )
    for name in protocol_names():
        file = load_protocol(name).file
        assert file.source
        assert name == "ours" or file.read is not None
        for asking in (file.generative, file.contrastive):
            assert len(prompts_of(asking)) == len(asking.prompt if asking else ())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rule = "first-letter"', 'rule = "first-lettr"', ":8: parser: "),
        (
            'rule = "first-letter"',
            'rule = "regex"\npattern = "x"\ngroup = "letter"',
            ":10: parser.pattern: 'x' has 0 groups",
        ),
        ('over = "datasets"', 'over = "domains"', "there is no [domains]"),
        ('over = "datasets"', 'over = "scanners"', ":13: numbers.coarse.over: 'scanners'"),
        ('groups = ["coarse"]', 'group = ["coarse"]', ":12: numbers.coarse.group: there is"),
        ("[numbers.coarse]", "[numbers.all]", "is there in any case"),
        ('prompt = ["letter"]', 'orders = "any"', ":6: generative.orders: 'any' is not a valid"),
        ('source = "a test"', "", ":1: source: this key is required"),
        ('[generative]\nprompt = ["letter"]', "", "it asks no kind of model"),
        ('prompt = ["letter"]', "prompt = [", "no valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(DefinitionError) as told:
        load_protocol(str(written(tmp_path, MINIMAL.replace(old, new))))
    assert "mine.toml" in str(told.value)
    assert said in str(told.value)


def test_a_name_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(DefinitionError, match="olmo-eval"):
        load_protocol("olmo-evl")
    with pytest.raises(DefinitionError, match="no protocol file"):
        load_protocol("nowhere/mine.toml")


def test_two_protocols_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.mkdir()
    first = written(paths[0])
    assert len(load_protocols([str(first), str(written(paths[1]))])) == 1
    second = written(paths[1], MINIMAL.replace("a test", "another"))
    with pytest.raises(DefinitionError, match="Two protocols are named 'mine'"):
        load_protocols([f"{first},{second}"])


OPTIONS = ["eosinophil", "basophil", "vitamin A deposit", "none of the above"]
LETTERS, FIGURES = ["A", "B", "C", "D"], ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("protocol", "reply", "choice"),
    [
        ("olmo-eval", " B", 1),
        ("olmo-eval", "\nB) basophil", 1),
        ("olmo-eval", "(B)", None),
        ("paper-compat", " B", None),
        ("microvqa-owner", "So the answer is (2).", 1),
        ("microvqa-owner", "the answer is **(2)**", 1),
        ("microvqa-owner", "the answer is 2, no, the answer is 1", 1),
        ("microvqa-owner", "The answer is B", None),
        ("microvqa-owner", "The answer is (9)", None),
        ("microvqa-owner", "The Answer is (2)", None),
        ("microvqa-owner", "ANSWER IS (2)", None),
        ("microvqa-evalscope", "It is round.\nANSWER: B", 1),
        ("microvqa-evalscope", "answer: **B**", 1),
        ("microvqa-evalscope", "ANSWER: (B)", 1),
        ("microvqa-evalscope", "ANSWER: A\nNo.\nANSWER: B", 1),
        ("microvqa-evalscope", "ANSWER: B, not C", 1),
        ("microvqa-evalscope", "ANSWER: B\nANSWER: [LETTER]", 1),
        ("microvqa-evalscope", "ANSWER: A, B", None),
        ("microvqa-evalscope", "I would say B", 1),
        ("microvqa-evalscope", "B, said the Owl", None),
        ("microvqa-evalscope", "b", None),
        ("microvqa-vlmevalkit", "(B)", 1),
        ("microvqa-vlmevalkit", "It is B or C", None),
        ("microvqa-vlmevalkit", "a Basophil, surely", 1),
        ("microvqa-vlmevalkit", "Cannot determine the answer: basophil", None),
    ],
)
def test_each_rule_reads_as_its_source_does(protocol: str, reply: str, choice: int | None) -> None:
    labels = FIGURES if protocol == "microvqa-owner" else LETTERS
    found = read_reply(
        load_protocol(protocol).file.parser, reply, ShownQuestion(OPTIONS, labels, 1)
    )
    assert found.choice == choice
    assert found.right is (choice == 1)


@pytest.mark.parametrize(
    ("rule", "reply", "choice"),
    [
        ('rule = "first-letter"', " B.", 1),
        ('rule = "first-letter"\nstrip = false', " B.", None),
        ('rule = "exact"\nof = ["label", "option"]', "basophil\n", 1),
        ('rule = "exact"', "basophil", None),
        ('rule = "exact"\nignore_case = true', "b", 1),
        (
            """rule = "regex"\npattern = '\\b([A-D])\\b'\ngroup = "letter"\ntake = "last\"""",
            "A? B",
            1,
        ),
        ("""rule = "regex"\npattern = '=(\\w+)'\ngroup = "option\"""", "x=basophil", 1),
    ],
)  # fmt: skip
def test_rules_of_ones_own_are_data(tmp_path: Path, rule: str, reply: str, choice: Any) -> None:
    path = written(tmp_path, MINIMAL.replace('rule = "first-letter"', rule))
    parser = load_protocol(str(path)).file.parser
    assert read_reply(parser, reply, ShownQuestion(OPTIONS, LETTERS, 1)).choice == choice


def test_macro_f1_and_the_area_are_those_worked_out_by_hand() -> None:
    # Gold 0: 2 right, 1 read as 1; gold 1: 1 unread. F1: 2·2/(3+2), 0/(1+1).
    assert macro_f1({(0, 0): 2, (0, 1): 1, (1, None): 1}) == pytest.approx((0.8 + 0.0) / 2)
    part = Probabilities()
    for scores, gold in (([0.9, 0.1], 0), ([0.4, 0.4], 1)):
        part.add({"probabilities": scores, "gold": gold})
    # Of 2 · 2 pairs of a gold and another option: 0.9 wins both, 0.4 wins one and ties one.
    assert area_under_curve([part]) == pytest.approx(3.5 / 4)
    part.add({"probabilities": None, "gold": 0})
    assert area_under_curve([part]) is None


def records() -> list[dict[str, Any]]:
    """Five replies in two data sets, one asked with another prompt."""
    said = ["A", " A", "B", "The answer is A.", "A"]
    made = []
    for number, reply in enumerate(said):
        wrong = reply == "B"
        made.append(
            plain_record(
                number,
                reply=reply,
                choice=1 if wrong else 0,
                correct=not wrong,
                span=[reply.index("B" if wrong else "A"), reply.index("B" if wrong else "A") + 1],
                dataset="left-out" if number == 4 else "kept",
            )
        )
    return made


def two(tmp_path: Path) -> tuple[Protocol, Protocol]:
    text = MINIMAL + '\n[numbers.f1]\nmetric = "macro-f1"\n[exclude]\ndatasets = ["left-*"]\n'
    return load_protocol("paper-compat"), load_protocol(str(written(tmp_path, text)))


@pytest.mark.parametrize("numbers", [("all", "all"), ("coarse", "coarse"), ("all", "f1")])
def test_the_points_of_all_causes_are_the_difference(
    tmp_path: Path, numbers: tuple[str, str]
) -> None:
    pair = two(tmp_path)
    causes = Causes(pair[0].file.parser, pair[1].file.parser)
    found = tally(records(), {}, pair, lambda task: "coarse", causes)
    made = difference(found, causes, *numbers)
    assert made is not None
    assert made.first.value is not None
    assert made.second.value is not None
    assert made.points == pytest.approx(100 * (made.first.value - made.second.value))
    assert sum(step.points for step in made.steps) == pytest.approx(made.points)
    named = {step.name: step for step in made.steps}
    assert named["exclusions"].n == 1
    assert "left-out" in named["exclusions"].text
    assert (named["white_space"].n, named["white_space"].who) == (1, "paper-compat")
    assert ("metric" in named) is (numbers[1] == "f1")


def test_two_protocols_share_the_numbers_of_one_name(tmp_path: Path) -> None:
    found = tally(records(), {}, two(tmp_path), lambda task: "coarse")
    assert shared_numbers(found) == ["all", "coarse"]
    assert [one.n for one in values(found, 1)] == [4, 4, 4]


def test_a_run_is_read_by_several_protocols(here: Here, cells: Path) -> None:
    done = here("eval", "--plugin", "echo", "-o", "style=sentence", "--data", cells,
                "--prompt", "paper", "--run-dir", "run")  # fmt: skip
    assert done.code == 0
    given = ("score", "run", "--protocol", "paper-compat,microvqa-evalscope,medpmc")
    found = here(*given, "--json").document["protocols"]
    stored = [json.loads(line) for line in Path("run/records.jsonl").read_text().splitlines()]
    right = sum(record["correct"] for record in stored)
    assert found["paper-compat"]["numbers"]["all"]["value"] == 0  # "The answer is A."
    assert (
        found["microvqa-evalscope"]["numbers"]["all"] | {"n": 6, "value": right / 6}
        == (found["microvqa-evalscope"]["numbers"]["all"])
    )
    assert found["microvqa-evalscope"]["comparable"] is False
    assert any("evalscope-cot" in why for why in found["microvqa-evalscope"]["reservations"])
    assert found["medpmc"]["refused"] == "medpmc asks no generative models"
    shown = here(*given).out
    assert "≠" in shown
    assert "medpmc: no number" in shown
    assert here("score", "run", "--protocol", "medpmc").code == 2
    assert here("score", "run", "--protocol", "ours", "--save").code == 2


def test_one_run_is_compared_under_two_protocols(here: Here, cells: Path) -> None:
    assert here("eval", "--plugin", "echo", "-o", "style=sentence", "--data", cells,
                "--run-dir", "run").code == 0  # fmt: skip
    found = here("compare", "run", "--protocols", "paper-compat,ours", "--json").document
    for one in found["differences"]:
        assert sum(cause["points"] for cause in one["causes"]) == pytest.approx(one["points"])
    assert {one["first"]["name"] for one in found["differences"]} == {"all", "coarse"}
    shown = here("compare", "run", "--protocols", "paper-compat,ours", "--number", "all:coarse")
    assert "paper-compat all" in shown.out
    for wrong in (
        ("run", "--protocols", "ours"),
        ("run", "run", "--protocols", "ours,paper-compat"),
        ("run", "run", "--protocol", "ours", "--number", "all"),
        ("run", "--protocols", "ours,medpmc"),
        ("run", "--protocols", "ours,paper-compat", "--number", "fin"),
        ("run", "--number", "fine"),
    ):
        assert here("compare", *wrong).code == 2


def test_a_protocol_sets_how_a_run_is_asked(here: Here, cells: Path) -> None:
    ask = ("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run")
    done = here(*ask, "--protocol", "microvqa-owner", "--json")
    assert done.code == 0
    assert done.document["protocols"]["microvqa-owner"]["numbers"]["microvqa"]["n"] == 6
    manifest = json.loads(Path("run/manifest.json").read_text())
    settings = manifest["settings"]
    assert settings["protocol"] == ["microvqa-owner"]
    assert (settings["prompt"], settings["temperature"]) == (["microvqa-owner"], 1.0)
    assert (settings["max_tokens"], settings["seed"]) == (2048, 0)
    assert manifest["protocols"]["microvqa-owner"]["sha256"]
    record = json.loads(Path("run/records.jsonl").read_text().splitlines()[0])
    assert [part["type"] for part in record["messages"][0]["content"]] == ["text", "image"]
    assert record["labels"][0] == "1"
    again = here("eval", "--config", "run/manifest.json", "--plugin", "echo", "--fresh", "--json")
    assert again.code == 0
    assert "by protocol" in here(*ask, "--protocol", "microvqa-owner").out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--protocol", "olmo-eval", "--max-tokens", "64"), "--max-tokens 64 contradicts"),
        (("--protocol", "olmo-eval", "--prompt", "letter"), "which has paper"),
        (("--protocol", "olmo-eval", "--prompt-set", "labels=1"), "--prompt-set labels=1"),
        (("--protocol", "microvqa-owner", "--temperature", "0"), "--temperature 0.0 contradicts"),
        (("--protocol", "olmo-eval", "--orders", "reversed"), "which has given"),
        (("--protocol", "olmo-eval,microvqa-owner"), "contradicts --protocol microvqa-owner"),
        (("--protocol", "medpmc"), "asks no generative models"),
        (("--protocol", "olmo"), "no protocol 'olmo'"),
    ],
)
def test_what_contradicts_a_protocol_is_refused_by_name(
    here: Here, cells: Path, given: tuple[str, ...], said: str
) -> None:
    done = here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run", *given)
    assert done.code == 2
    assert said in done.err
    assert not Path("run").exists()


def test_what_says_the_same_as_a_protocol_is_taken(here: Here, cells: Path) -> None:
    done = here(
        "eval",
        "--plugin",
        "echo",
        "--data",
        cells,
        "--run-dir",
        "run",
        "--limit",
        "2",
        "--protocol",
        "paper-compat,olmo-eval",
        "--max-tokens",
        "128",
        "--prompt",
        "paper",
    )
    assert done.code == 0  # fmt: skip


def test_a_protocols_own_file_is_found_again_from_the_manifest(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    path = written(tmp_path)
    assert here("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run",
                "--protocol", "./mine.toml").code == 0  # fmt: skip
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["named"]["protocol"] == [str(path)]


def test_a_prompt_may_lie_beside_its_protocol(here: Here, cells: Path, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "terse.j2").write_text("{{ question }}")
    settings = 'prompt = ["terse.j2"]\nprompt_set = { max_tokens = 9 }\norders = "reversed"'
    path = written(folder, MINIMAL.replace('prompt = ["letter"]', settings))
    ask = ("eval", "--plugin", "echo", "--data", cells, "--run-dir", "run", "--protocol", path)
    done = here(*ask, "--json")
    assert done.code == 0
    assert done.document["protocols"]["mine"]["reservations"] == []
    record = json.loads(Path("run/records.jsonl").read_text().splitlines()[0])
    assert record["prompt"] == "terse[max_tokens=9]"
    written(folder, MINIMAL.replace('prompt = ["letter"]', settings.replace("terse", "none")))
    assert "There is no prompt file" in here(*ask).err


def test_protocols_are_listed_and_shown(here: Here) -> None:
    listed = here("prompts", "protocols")
    assert listed.code == 0
    assert all(name in listed.out for name in protocol_names())
    assert len(here("prompts", "protocols", "--json").document) == len(protocol_names())
    shown = here("prompts", "protocols", "olmo-eval").out
    assert "7709a11c91a1" in shown
    assert "!eulenberg_et_al_2017_darkfield" in shown
    assert here("prompts", "protocols", "nothing").code == 2


def test_reports_and_comparisons_of_runs_go_by_a_protocol(
    here: Here, cells: Path, tmp_path: Path
) -> None:
    ask = ("eval", "--plugin", "echo", "--data", cells, "--prompt", "paper")
    assert here(*ask, "--run-dir", "a").code == 0
    assert here(*ask, "-o", "style=sentence", "--run-dir", "b").code == 0
    first = here("score", "a", "--protocol", "paper-compat", "--json").document
    right = first["protocols"]["paper-compat"]["numbers"]["all"]["value"]
    boards = here("report", "a", "b", "--protocol", "paper-compat", "--json").document
    assert [one["scores"]["pooled"]["accuracy"] for one in boards["runs"]] == [right, 0]
    compared = here("compare", "a", "b", "--protocol", "paper-compat")
    assert compared.code == 0
    assert "by the protocol paper-compat" in compared.out
    path = written(tmp_path, MINIMAL + '\n[exclude]\ntasks = ["modality"]\n')
    left = here("report", "a", "--protocol", path, "--json").document
    assert left["scores"]["pooled"]["n"] == 3
    assert left["complete"] is True  # what is left out was never planned
    assert here("report", "a", "--protocol", "ours,paper-compat").code == 2
    assert here("report", "a", "--protocol", "medpmc").code == 2
    assert here("report", "a", "--protocol", "ours", "--html", "x.html").code == 2
