"""`choose`: several models on one's own images, asked in steps until it is decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mubench_gen.runs.results import load_run

from .conftest import Here
from .helpers.plugin import write_plugin

SEES = """
def generate(self, requests):
    pixels = [request.image.pixels().getpixel((0, 0)) for request in requests]
    return ["AB"[red > 128] for red, _, _ in pixels]
"""
SAYS_A = """
def generate(self, requests):
    return ["A" for request in requests]
"""
# Right but for the images whose first pixel's green is 7.
NEARLY = """
def generate(self, requests):
    pixels = [request.image.pixels().getpixel((0, 0)) for request in requests]
    return ["AB"[(red > 128) != (green == 7)] for red, green, _ in pixels]
"""


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A folder with a class of dark and one of light images, 30 each, no two of them alike."""
    for name, red in (("dark", 10), ("light_ones", 240)):
        folder = tmp_path / "slides" / name
        folder.mkdir(parents=True)
        for k in range(30):
            picture = Image.new("RGB", (16, 16), (red, k, 100))
            picture.putpixel((8, 8), (255 - red, 0, k))
            picture.save(folder / f"{k}.png")
    (tmp_path / "slides" / ".DS_Store").write_text("x")
    for name, body in (("sees", SEES), ("says", SAYS_A), ("nearly", NEARLY)):
        write_plugin(tmp_path / f"{name}.py", body)
    return tmp_path / "slides"


def chosen(here: Here, *words: Any) -> dict[str, Any]:
    outcome = here("choose", "--json", *words)
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_the_better_model_wins_before_all_images_are_asked(here: Here, slides: Path) -> None:
    found = chosen(here, "--data", slides, "--models", "./sees.py,./says.py")

    assert found["decided"]
    assert found["best"] == ["./sees.py"]
    assert found["images"] < found["available"] == 60
    (pair,) = found["pairs"]
    assert pair["verdict"] == "first"
    assert pair["interval"][0] >= 0
    assert pair["interval"][0] < pair["difference"] < pair["interval"][1]


def test_the_page_says_who_wins_and_shows_where_the_other_fails(here: Here, slides: Path) -> None:
    found = chosen(here, "--data", slides, "--models", "./sees.py,./says.py")
    page = Path(found["page"]).read_text("utf-8")

    assert "./sees.py is the best after" in page
    assert "./says.py on light ones:" in page
    assert page.count("data:image/jpeg") == 6
    assert "./sees.py on" not in page
    loser = next(one for one in found["contenders"] if one["name"] == "./says.py")
    assert loser["beaten_by"] == ["./sees.py"]
    assert {part["name"]: part["right"] for part in loser["classes"]}["light ones"] == 0


def test_the_same_command_again_asks_nothing_and_tells_the_same(here: Here, slides: Path) -> None:
    words = ("--data", slides, "--models", "./sees.py,./says.py")
    first = chosen(here, *words)
    runs = [Path(one["run"]) for one in first["contenders"]]
    records = [(run / "records.jsonl").read_bytes() for run in runs]

    assert chosen(here, *words) == first
    assert [(run / "records.jsonl").read_bytes() for run in runs] == records
    assert load_run(runs[0]).scores.n == first["images"]


def test_more_images_go_on_from_where_it_ended(here: Here, slides: Path) -> None:
    words = ("--data", slides, "--models", "./sees.py,./nearly.py", "--first", 8)
    few = chosen(here, *words, "--max-images", 8)
    assert not few["decided"]
    assert few["images"] == 8

    more = chosen(here, *words, "--max-images", 20)

    assert more["images"] == 20
    run = load_run(more["contenders"][0]["run"])
    items = [record["item"] for record in run.records()]
    assert len(items) == len(set(items)) == 20


def test_what_is_open_is_told_with_the_images_that_would_settle_it(
    here: Here, slides: Path
) -> None:
    outcome = here("choose", "--data", slides, "--models", "./sees.py,./nearly.py")

    assert outcome.code == 0
    assert "Not decided after 60 of 60 images" in outcome.out
    assert "further images would tell ./sees.py and ./nearly.py apart" in outcome.out


def test_equal_models_are_told_to_be_equal_within_a_wide_margin(here: Here, slides: Path) -> None:
    found = chosen(here, "--data", slides, "--models", "./sees.py,./nearly.py", "--margin", "0.5")

    assert found["decided"]
    assert found["best"] == ["./sees.py", "./nearly.py"]
    assert found["pairs"][0]["verdict"] == "equal"


def test_a_beaten_model_is_asked_no_more(here: Here, slides: Path) -> None:
    found = chosen(here, "--data", slides, "--models", "./sees.py,./says.py,./nearly.py")

    images = {one["name"]: one["images"] for one in found["contenders"]}
    assert images["./says.py"] < images["./sees.py"] == images["./nearly.py"] == 60


def test_a_table_of_questions_is_taken_as_it_is(here: Here, slides: Path) -> None:
    rows = [f"{kind}/{k}.png,What is it?,dark|light,{answer}" for k in range(12)
            for kind, answer in (("dark", "dark"), ("light_ones", "light"))]  # fmt: skip
    (slides / "t.csv").write_text("image,question,options,answer\n" + "\n".join(rows), "utf-8")

    found = chosen(here, "--data", slides, "--models", "./sees.py,./says.py")

    assert found["available"] == 24
    assert found["best"] == ["./sees.py"]


def test_a_plan_asks_nothing_and_writes_nothing(here: Here, slides: Path, tmp_path: Path) -> None:
    found = chosen(here, "--data", slides, "--models", "./sees.py,./says.py", "--plan")

    assert found["steps"] == [24, 37, 57, 60]
    assert found["answers"] == {"dark": 30, "light ones": 30}
    assert found["at_most"] == 120
    assert not (tmp_path / "choices").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--data", "slides", "--models", "./sees.py"), "two or more different models"),
        (("--data", "slides", "--models", "echo,echo"), "two or more different models"),
        (("--data", "nowhere", "--models", "echo,tiny"), "There is no folder 'nowhere'"),
        (("--data", "slides/dark", "--models", "echo,tiny"), "needs a folder for each class"),
        (("--data", "slides", "--models", "echo,absent"), "absent"),
    ],
)
def test_what_cannot_be_is_said(
    here: Here, slides: Path, words: tuple[str, ...], told: str
) -> None:
    outcome = here("choose", *words)

    assert outcome.code == 2
    assert told in outcome.err


def test_another_folder_is_not_mixed_into_a_study(here: Here, slides: Path) -> None:
    words = ("--data", slides, "--models", "./sees.py,./says.py", "--out", "mine")
    chosen(here, *words)
    (slides / "dark" / "0.png").unlink()

    outcome = here("choose", *words)

    assert outcome.code == 2
    assert "holds other images" in outcome.err


def test_a_fault_of_the_last_model_is_found_before_the_first_is_asked(
    here: Here, slides: Path, tmp_path: Path
) -> None:
    outcome = here("choose", "--data", slides, "--models", "./sees.py,tiny:nope")
    assert outcome.code == 2
    assert "no model 'nope'" in outcome.err
    assert not [*tmp_path.rglob("records.jsonl")]
    twice = here("choose", "--data", slides, "--models", "tiny,tiny:llava")
    assert twice.code == 2
    assert "tiny and tiny:llava are the same model" in twice.err


def test_files_that_are_no_images_are_named_and_nothing_is_left(
    here: Here, slides: Path, tmp_path: Path
) -> None:
    (slides / "dark" / "notes.txt").write_text("cells")
    outcome = here("choose", "--data", slides, "--models", "./sees.py,./says.py")
    assert outcome.code == 2
    assert "dark/notes.txt: no image format" in outcome.err
    assert "take it out" in outcome.err
    assert not [*(tmp_path / "choices").iterdir()]


def test_a_winner_that_always_giving_one_answer_would_equal_is_told_with_that(
    here: Here, slides: Path
) -> None:
    for path in [*(slides / "light_ones").iterdir()][1:]:
        path.unlink()
    words = ("--data", slides, "--models", "./sees.py,./says.py", "--max-images", 24)
    assert "Always answering 'dark' would be right in " in here("choose", *words).out
