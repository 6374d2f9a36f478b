"""What a model thinks before it answers: `--thinking`, a chat template's switch for it, and the
marks around a thought in a text. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mubench_gen.errors import UsageError

ROOM = 4096  # tokens for a thought without a budget, beside those of the prompt's own limit
_CLOSING = 16  # tokens that closing a thought may take
_PROBE = "mubench"
_TURN: tuple[Mapping[str, Any], ...] = (
    {"role": "user", "content": [{"type": "text", "text": _PROBE}]},
)
# Names that chat templates give the switch: Qwen3, GLM-4.1V, … and Granite, DeepSeek, …
SWITCHES = ("enable_thinking", "thinking")
_BUDGET = "thinking_budget"
_OF_TRANSFORMERS = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")  # tags that jinja2 lacks


class ThoughtMarks(NamedTuple):
    """The texts between which a thought stands."""

    opening: str
    closing: str


MARKS = (
    *(
        ThoughtMarks(f"<{name}>", f"</{name}>")
        for name in ("think", "thinking", "thought", "reasoning")
    ),
    ThoughtMarks("<seed:think>", "</seed:think>"),
    ThoughtMarks("◁think▷", "◁/think▷"),
    ThoughtMarks("[THINK]", "[/THINK]"),
)


@dataclass(frozen=True, slots=True)
class Thinking:
    """Whether a model shall think, and for how many tokens at most (None: no limit of its own)."""

    on: bool
    budget: int | None = None

    @property
    def flag(self) -> str:
        """As it was typed, for messages."""
        word = "on" if self.on else "off"
        return f"--thinking {word if self.budget is None else self.budget}"

    @property
    def room(self) -> int:
        """The tokens that a reply needs beside those of its answer."""
        if not self.on:
            return 0
        return ROOM if self.budget is None else self.budget + _CLOSING


def read_thinking(given: str | None) -> Thinking | None:
    """The setting `thinking` ("on", "off" or a number of tokens); None where it is not set."""
    if given is None:
        return None
    return Thinking(given == "on") if given in ("on", "off") else Thinking(True, int(given))


@dataclass(frozen=True, slots=True)
class Thought:
    """A text in two: what was thought, and the answer behind it.

    `closed`: whether the thought came to its end.
    """

    text: str
    answer: str
    closed: bool
    marks: ThoughtMarks


def split_thought(text: str, opened: ThoughtMarks | None = None) -> Thought | None:
    """The thought at the beginning of a reply; None where there is none.

    `opened`: the marks of a thought that the prompt has opened already. A closing mark without an
    opening one ends a thought too, because many templates open it in the prompt.
    """
    begun = text.lstrip()
    marks = next((m for m in MARKS if begun.startswith(m.opening)), None)
    if marks is not None:
        begun = begun[len(marks.opening) :]
    else:
        marks = opened or _closed_alone(text)
    if marks is None:
        return None
    thought, closing, answer = begun.partition(marks.closing)
    return Thought(thought.strip(), answer.lstrip(), bool(closing), marks)


def _closed_alone(text: str) -> ThoughtMarks | None:
    """The marks of which the text has the closing one, and no opening one before it."""
    for marks in MARKS:
        before, closing, _ = text.partition(marks.closing)
        if closing and marks.opening not in before:
            return marks
    return None


def opened_by(tail: str) -> ThoughtMarks | None:
    """The marks of a thought that a prompt's end opens and leaves open."""
    last = max(MARKS, key=lambda marks: tail.rfind(marks.opening))
    at = tail.rfind(last.opening)
    return last if at >= 0 and last.closing not in tail[at:] else None


def marks_in(template: str) -> ThoughtMarks:
    """The marks that a chat template names, by default those of most models."""
    return next((m for m in MARKS if m.opening in template or m.closing in template), MARKS[0])


def template_variables(template: str) -> frozenset[str]:
    """Which of the variables that switch or bound thinking a chat template reads."""
    from jinja2 import Environment, TemplateSyntaxError, meta

    parser = Environment(extensions=["jinja2.ext.loopcontrols"])
    try:
        read = meta.find_undeclared_variables(parser.parse(_OF_TRANSFORMERS.sub("", template)))
    except TemplateSyntaxError:
        return frozenset()
    return frozenset(read & {*SWITCHES, _BUDGET})


def template_arguments(
    thinking: Thinking | None, template: str, opened: ThoughtMarks | None, *, name: str
) -> dict[str, Any]:
    """The arguments that make a chat template think, or not.

    `opened`: what its prompt opens without any. Raises UsageError where it cannot do as asked.
    """
    if thinking is None:
        return {}
    known = template_variables(template)
    switch = next((one for one in SWITCHES if one in known), None)
    if switch is None:
        if thinking.on and opened is not None:  # it thinks always
            return {}
        raise UsageError(no_switch(thinking, name, always=opened is not None))
    bound = thinking.budget is not None and _BUDGET in known
    return {switch: thinking.on, **({_BUDGET: thinking.budget} if bound else {})}


def no_switch(thinking: Thinking, name: str, *, always: bool) -> str:
    """The message for a chat template that cannot do as asked; `always`: it thinks always."""
    why = "opens a thought in every prompt" if always else "reads no variable for it"
    return (
        f"{thinking.flag}: the chat template of {name} has no switch for thinking: it {why} "
        f"(looked for: {', '.join(SWITCHES)}). Leave --thinking out: what a model "
        "thinks by itself is recorded apart from its answer all the same."
    )


def probe_end(render: Callable[[list[dict[str, Any]]], str]) -> str:
    """What a chat template writes behind a short user's turn; empty where it refuses it."""
    try:
        return render([dict(turn) for turn in _TURN]).rpartition(_PROBE)[2]
    except Exception:  # a template raises what it likes, and again where something is asked
        return ""
