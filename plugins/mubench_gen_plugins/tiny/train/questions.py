"""Training questions: prompts as the harness renders them, and the replies to learn."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.images.policy import StandardPolicy
from mubench_gen.prompts.render import Prompt, load_prompt, render
from mubench_gen.types import Image, Question, Row, Sample, Task, Text

NONE_OF_THE_ABOVE = "none of the above"

# Prompt, label style and weight. Label styles beyond the prompt's own are seen less.
STYLES = (
    ("paper", "A)", 40), ("paper", "(A)", 4), ("paper", "a)", 4), ("paper", "1)", 4),
    ("letter", "A.", 18), ("letter", "a.", 3), ("letter", "1.", 4), ("letter", "i.", 2),
    ("plain", "A.", 8), ("plain", "1.", 2),
    ("cot", "A.", 9), ("cot", "1.", 2),
)  # fmt: skip

_TASK = Task(
    name="training", title="Training", group="fine", question="", datasets=(), source="", sha256=""
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the user says after the image, and what the model is to reply.

    `ends` are the places in `prompt` of each option's last character; `gold` is the place
    of the right one among them.
    """

    prompt: str
    reply: str
    ends: tuple[int, ...]
    gold: int


class Teacher:
    """Asks about rows of the demo's schema in all prompt styles, options in any order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"{seed}/questions")
        self._prompts = [load_prompt(name, {"labels": labels}) for name, labels, _ in STYLES]
        self._weights = [weight for _, _, weight in STYLES]

    def lesson(self, row: dict[str, Any], name: str) -> Lesson:
        """The row's question of that name in a random style."""
        prompt = self._chance.choices(self._prompts, self._weights)[0]
        options = list(row["questions"][name]["options"])
        return ask(prompt, row, name, self._order(len(options)))

    def lessons(self, row: dict[str, Any], count: int) -> Iterator[Lesson]:
        """`count` different questions about the row; the fine-grained one always."""
        others = [name for name in row["questions"] if name != "classification"]
        for name in ["classification", *self._chance.sample(others, count - 1)]:
            yield self.lesson(row, name)

    def _order(self, count: int) -> tuple[int, ...]:
        """Mostly with "none of the above" last, as in μ-Bench; sometimes anywhere."""
        places = list(range(count))
        if self._chance.random() < 0.2:
            self._chance.shuffle(places)
            return tuple(places)
        return (*self._chance.sample(places[:-1], count - 1), count - 1)


def ask(prompt: Prompt, row: dict[str, Any], name: str, order: tuple[int, ...]) -> Lesson:
    """The row's question of that name, rendered, with the right reply for the style."""
    rendered = render(prompt, _sample(row, name), order)
    text = "".join(p.text for p in rendered.messages[-1].content if isinstance(p, Text))
    label, answer = rendered.labels[rendered.gold], rendered.options[rendered.gold]
    replies = {
        "cot": f"The image shows {answer}.\nAnswer: {label}",
        "plain": f"{label}. {answer}",
    }
    reply = replies.get(prompt.path.stem, label)
    return Lesson(text, reply, _option_ends(text, rendered.options), rendered.gold)


def _option_ends(text: str, options: Sequence[str]) -> tuple[int, ...]:
    ends = []
    place = 0
    for option in options:
        place = text.index(f" {option}", place) + len(option)
        ends.append(place)
    return tuple(ends)


def corpus(rows: list[dict[str, Any]], seed: int) -> Iterator[str]:
    """Text for a tokenizer: prompts and replies of all styles, and all captions."""
    teacher = Teacher(seed)
    for row in rows:
        for name, question in row["questions"].items():
            lesson = teacher.lesson(row, name)
            yield f"{lesson.prompt}\n{lesson.reply}"
            yield from question["options"]
        for caption in row["captions"].values():
            yield from caption["options"]


def _sample(row: dict[str, Any], name: str) -> Sample:
    question = row["questions"][name]
    asked = Question(name, question["question"], tuple(question["options"]), question["answer_idx"])
    image = Image(row["image_id"], _no_bytes, StandardPolicy())
    return Sample(
        id=row["image_id"],
        task=_TASK,
        row=Row(0, row["image_id"], row["image_id"], row["dataset"], image, {name: asked}, {}, {}),
        question=asked,
        image=image,
    )


def _no_bytes() -> bytes:
    raise NotImplementedError("training renders text alone")
