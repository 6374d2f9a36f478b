"""Questions that are too long to be shown: the error of their items alone, not of the template."""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.errors import QuestionError
from mubench_gen.parser.label_styles import make_labels, split_style
from mubench_gen.prompts.render import Prompt
from mubench_gen.types import RenderedPrompt, Sample, WorkedExample

_LARGE = 10_000  # characters of a question from which on it may make a prompt too long
_MOST = 100_000  # characters of a question that fit into no prompt
_SHOWN = 200  # characters of an option that a record keeps


def largest(sample: Sample, examples: Sequence[WorkedExample]) -> Sample | None:
    """The sample that makes a prompt too long, asked or example; None: the template does."""
    shown = max((sample, *(one.sample for one in examples)), key=_characters)
    return shown if _characters(shown) >= _LARGE else None


def check_size(sample: Sample) -> None:
    """QuestionError for a question that cannot fit, so that nobody tries to render it."""
    if _characters(sample) > _MOST:
        raise too_long(sample)


def too_long(sample: Sample) -> QuestionError:
    """The error for a question that is too long."""
    question = sample.question
    return QuestionError(
        f"row {sample.row.index + 1} (image_id {sample.row.image_id}), question {question.name}: "
        f"too long for a prompt: {_characters(sample):,} characters, {len(question.options):,} "
        "options"
    )


def unrendered(prompt: Prompt, sample: Sample, order: tuple[int, ...]) -> RenderedPrompt:
    """What a record keeps of an item that was not rendered: no message, options cut short."""
    options = (sample.question.options[i] for i in order)
    _, alphabet, _ = split_style(prompt.settings.labels)
    return RenderedPrompt(
        sample=sample,
        prompt=prompt.name,
        prompt_sha256=prompt.sha256,
        messages=(),
        options=tuple(o if len(o) <= _SHOWN else o[:_SHOWN] + "…" for o in options),
        labels=make_labels(alphabet, len(order)),
        order=order,
        gold=-1 if sample.question.right is not None else order.index(sample.question.gold),
        max_tokens=prompt.settings.max_tokens,
        box_format=prompt.settings.boxes,
    )


def _characters(sample: Sample) -> int:
    question = sample.question
    return len(question.text) + sum(map(len, question.options))
