"""The conformance kit for data sets: a sound one passes, each fault is found by its check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mubench_gen.errors import SettingError
from mubench_gen.testing import CHECKS, check_plugin

from .helpers.command import Outcome
from .test_suite import medxpertqa

SOUND = """
import io
import itertools
import mubench_gen
from PIL import Image

COUNTER = itertools.count()


def picture(number):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def rows(place):
    for i in range(12):
        gold = i % 3
        options = ["red", "green", "blue"]
        yield {
            "id": f"q{i}",
            "image": picture(i),
            "question": "Which colour is the cell?",
            "options": options,
            "answer": gold,
            "task": "colours",
        }


@mubench_gen.hookimpl
def mubench_gen_datasets():
    return [
        mubench_gen.DataSet(
            "colours", "Colours", rows, licence="CC0-1.0", citation="Lab", expected={"images": 12}
        )
    ]
"""
FAULTS = {
    "rows_can_be_read": [("for i in range(12)", "for i in ()")],
    "data_set_is_described": [('licence="CC0-1.0", ', "")],
    "rows_are_sound": [('"answer": gold', '"answer": gold + 1')],
    "ids_are_unique": [('f"q{i}"', 'f"q{i // 2}"')],
    "counts_are_as_expected": [("range(12)", "range(11)")],
    "images_can_be_decoded": [("picture(i)", "picture(i)[:60]")],
    "options_can_be_told_apart": [('"green", "blue"', '"Red ", "blue"')],
    "questions_do_not_tell_the_answer": [('Which colour is the cell?"', 'Is it " + options[gold]')],
    "ids_do_not_tell_the_answer": [('f"q{i}"', 'f"{options[gold]}/{i}"')],
    "right_options_change_place": [("i % 3", "0")],
    "rows_are_the_same_again": [("picture(i)", "picture(next(COUNTER))")],
    "tasks_ask_every_question": [("expected=", 'tasks={"stain": {"title": "S", "group": "g", '
                                 '"question": "stain"}}, expected=')],
}  # fmt: skip


def write(folder: Path, *changes: tuple[str, str]) -> str:
    text = SOUND
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "colours.py").write_text(text)
    return str(folder / "colours.py")


@pytest.mark.usefixtures("here")
def test_a_sound_data_set_passes_all_checks(tmp_path: Path) -> None:
    results = list(check_plugin(write(tmp_path)))
    assert {result.check.name: result.found for result in results if not result.holds} == {}
    of_data = [result for result in results if result.kind == "dataset"]
    assert len(of_data) == sum("dataset" in check.kinds for check in CHECKS.values())
    assert all(result.state == "passed" for result in of_data)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_by_the_check_of_its_name(name: str, tmp_path: Path) -> None:
    (result,) = check_plugin(write(tmp_path, *FAULTS[name]), only=(name,))
    assert result.state == "failed"
    assert not result.found.startswith(("TypeError", "KeyError")), result.found


def test_every_check_of_data_sets_has_a_fault_here() -> None:
    own = {name for name, check in CHECKS.items() if check.kinds == {"dataset"}}
    assert own == set(FAULTS)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('f"q{i}"', 'f"slide-{i}-{chr(97 + gold)}"'),
        ('f"q{i}"', 'f"{i}_{options[gold].upper()}"'),
    ],
)
def test_a_letter_or_class_in_the_id_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    plugin = write(tmp_path, (old, new))
    (result,) = check_plugin(plugin, only=("ids_do_not_tell_the_answer",))
    assert "12 ids hold the right option or its letter" in result.found


@pytest.mark.usefixtures("here")
def test_a_letter_in_the_question_is_noticed(tmp_path: Path) -> None:
    told = 'f"Which colour? (Answer: {chr(65 + gold)})"'
    plugin = write(tmp_path, ('"Which colour is the cell?"', told))
    (result,) = check_plugin(plugin, only=("questions_do_not_tell_the_answer",))
    assert "12 questions give the answer's letter" in result.found


@pytest.mark.usefixtures("here")
def test_a_question_that_names_all_options_tells_nothing(tmp_path: Path) -> None:
    plugin = write(tmp_path, ("Which colour is the cell?", "Is it red, green or blue?"))
    (result,) = check_plugin(plugin, only=("questions_do_not_tell_the_answer",))
    assert result.state == "passed"


def test_a_data_set_that_is_not_here_is_checked_as_far_as_that_goes(
    here: Callable[..., Outcome], tmp_path: Path
) -> None:
    (skipped,) = check_plugin("suite", model="medxpertqa", only=("ids_are_unique",))
    assert (skipped.state, skipped.check.name) == ("not checked", "rows_can_be_read")
    assert "mubench-gen data prepare suite:medxpertqa" in skipped.found
    medxpertqa(tmp_path / "raw")
    assert here("data", "prepare", "medxpertqa", "--from", "raw").code == 0
    found = {result.check.name: result for result in check_plugin("suite", model="medxpertqa")}
    assert found["ids_are_unique"].state == "passed"
    assert "2 rows, 2,000 expected" in found["counts_are_as_expected"].found
    assert found["rows_are_the_same_again"].state == "skipped"


def test_a_name_that_is_of_no_data_set_is_refused() -> None:
    with pytest.raises(SettingError, match="has no data set 'slak'"):
        list(check_plugin("suite", model="slak"))
