"""The steps on the way to a reply are stored beside it and shown on the page, and never read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

import mubench_gen
from mubench_gen.host.generative import from_reply
from mubench_gen.report.html.gallery import Gallery
from mubench_gen.types import Box, Image, Message, Reply, Request, Sampling, Text

from .helpers.command import Outcome
from .helpers.data import make_row, write_data

Here = Callable[..., Outcome]
ZOOM = Path(__file__).parents[1] / "docs/examples/zoom.py"
LOOKER = """
import mubench_gen

class Looker(mubench_gen.GenerativeModel):
    def generate(self, requests):
        boxes = [(0, 0, 4, 4), (10, 10, 14, 14)]
        turns = [mubench_gen.Turn("user", "Where?"),
                 mubench_gen.Turn("tool", "B is there", (mubench_gen.Box(*boxes[0]),), tool="crop"),
                 mubench_gen.Turn("assistant", "and here", (mubench_gen.Box(*boxes[1]),))]
        return [mubench_gen.Reply("A", trace=turns, confidence=0.75, reasoning="it is a cell")
                for _ in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("looker", Looker)]
"""


def picture(width: int = 8, height: int = 6) -> Image:
    shown = Pillow.new("RGB", (width, height))
    shown.putdata([(x * 9, y * 9, 7) for y in range(height) for x in range(width)])
    return Image.from_pixels("made.png", shown)


@pytest.fixture
def run(here: Here, tmp_path: Path) -> list[dict[str, Any]]:
    (tmp_path / "looker.py").write_text(LOOKER)
    rows = [
        make_row(n) | {"bbox": [{"className": "cell", "points": [9, 9, 20, 20]}]} for n in range(2)
    ]
    data = write_data(tmp_path / "cells", rows)
    args = ("--plugin", tmp_path / "looker.py", "--data", data, "--run-dir", tmp_path / "run")
    outcome = here("eval", *args)
    assert outcome.code == 0, outcome.err
    lines = (tmp_path / "run/records.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_steps_and_the_confidence_are_stored_and_not_read(run: list[dict[str, Any]]) -> None:
    for record in run:
        assert (record["reply"], record["status"]) == ("A", "answered")
        assert record["confidence"] == 0.75
        assert [turn["role"] for turn in record["trace"]] == ["user", "tool", "assistant"]
        assert record["trace"][1] == {
            "role": "tool", "text": "B is there", "boxes": [[0, 0, 4, 4]], "image": 1,
            "tool": "crop",
        }  # fmt: skip


def test_the_page_has_the_steps_with_what_they_looked_at(run: list[dict[str, Any]]) -> None:
    gallery = Gallery(1_000)
    gallery.add(run[0], 0)
    found = gallery.as_dict()
    strings, steps = found["strings"], found["steps"][0]
    assert [(who, strings[text]) for who, text, *_ in steps] == [
        ("thought", "it is a cell"), ("user", "Where?"), ("tool crop", "B is there"),
        ("assistant", "and here"),
    ]  # fmt: skip
    assert steps[3][2:4] == [[[10, 10, 14, 14]], 0]
    assert found["sure"][0] == 0.75


def test_with_boxes_known_the_last_look_is_right_or_not(
    run: list[dict[str, Any]], here: Here, tmp_path: Path
) -> None:
    assert {record["looked"] for record in run} == {True}
    outcome = here("report", tmp_path / "run", "--metric", "looked", "--json")
    assert outcome.code == 0, outcome.err
    assert '"looked"' in outcome.out


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply("A", trace=["looked"]), "something else than a mubench_gen.Turn"),  # type: ignore[list-item]
        (Reply("A", logprobs=[-1.0]), "1 log-probabilities for 2 options"),
        (Reply("A", logprobs=[-1.0, 0.5]), "above 0 or no number"),
        (Reply("A", confidence=1.5), "a number from 0 to 1 is needed"),
    ],
)
def test_what_is_wrong_beside_a_reply_is_the_items_error(reply: Reply, said: str) -> None:
    request = Request("key", (), ("A", "B"), "parse", Sampling(0.0, 8))
    response = from_reply(reply, request, 0.1)
    assert response.error is not None
    assert said in response.error.message


def test_a_crop_has_the_pixels_of_its_box_and_is_cut_at_the_edges() -> None:
    part = picture().crop(Box(2, 1, 100, 4))
    assert part.pixels().size == (6, 3)
    assert part.pixels().getpixel((0, 0)) == (18, 9, 7)
    again = Image.from_pixels(part.name, part.pixels())
    assert (part.sha256, part.data) == (again.sha256, again.data)
    with pytest.raises(ValueError, match="nothing of its 8 × 6 pixels"):
        picture().crop(Box(20, 0, 30, 4))
    assert picture().resized(4, 3).size == (4, 3)


def test_a_request_of_other_messages_has_their_images_and_a_key_of_its_own() -> None:
    first, second = picture(), picture(4, 4)
    asked = Request("key", (Message("user", (first,)),), ("A",), "parse", Sampling(0.0, 8), first)
    changed = asked.with_messages(Message("user", (second, Text("Which?"), first)))
    assert changed.images == (second, first)
    assert changed.text == "Which?"
    assert changed.key != asked.key
    assert changed.key == asked.with_messages(Message("user", (second, Text("Which?"), first))).key
    assert changed.key != asked.with_messages(Message("user", (first, Text("Which?"), second))).key


def test_the_example_of_an_agent_says_what_it_looked_at(tmp_path: Path) -> None:
    run = mubench_gen.evaluate(
        plugin=str(ZOOM), tasks=["modality"], limit=2, run_dir=tmp_path / "run"
    )
    for record in run.records():
        assert record["status"] == "answered"
        first, second = record["trace"]
        width, height = first["boxes"][0][2:]
        x0, y0, x1, y1 = second["boxes"][0]
        assert (x1 - x0, y1 - y0) == (width // 2, height // 2)
        said = [float(turn["text"].split(", ")[1]) for turn in record["trace"]]
        assert record["confidence"] == pytest.approx(max(said), abs=0.005)
