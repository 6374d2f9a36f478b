"""What tasks ask for: one option, several, a number, a text, or boxes.

Rows say it, or the task's file does for them. A task asks for one of these alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mubench_gen.data.dataset import Dataset, forms_of
from mubench_gen.data.recast import BOXES
from mubench_gen.data.right_answers import answer_in_words, as_float, tolerance_of
from mubench_gen.errors import DataError, SettingError
from mubench_gen.types import (
    FORM_WORDS,
    Form,
    Question,
    RightNumber,
    RightSet,
    RightText,
    Row,
    Task,
)


def form_of(task: Task, dataset: Dataset) -> Form:
    """What a task asks for. SettingError where its data sets say different things."""
    if task.question.split("/")[0] == BOXES:
        return "boxes"
    if task.answer is not None:
        return task.answer
    found = {
        form
        for (name, question), form in forms_of(dataset).items()
        if question == task.question and task.asks(name)
    }
    if len(found) > 1:
        words = " and ".join(sorted(FORM_WORDS[form] for form in found))
        raise SettingError(
            f"The task {task.name!r} asks for {words}, of different data sets. Make a task of "
            "each: `datasets` in its file names those that it is about."
        )
    return found.pop() if found else "option"


def check_declared(tasks: Sequence[Task], dataset: Dataset) -> None:
    """DataError for a row that is not as its task's file declares, before anything is asked."""
    declaring = [task for task in tasks if _declares(task)]
    if not declaring:
        return
    for row in dataset:
        for task in declaring:
            for name in task.questions_of(row):
                as_declared(task, row, row.questions[name])


def _declares(task: Task) -> bool:
    return task.answer is not None or task.tolerance is not None or bool(task.unit)


def as_declared(task: Task, row: Row, question: Question) -> Question:
    """The question as its task's file declares it. DataError where the row says otherwise."""
    if not _declares(task) or question.boxes is not None:
        return question
    wanted = task.answer or question.form
    if wanted == question.form:
        return _with_unit(task, question) if wanted == "number" else question
    right = question.right
    if wanted == "several" and question.form == "option":
        return replace(question, gold=-1, right=RightSet((question.gold,)))
    if wanted == "text" and isinstance(right, RightNumber) and not right.unit:
        return replace(question, right=RightText((f"{right.value:.12g}",)))
    if wanted == "number" and isinstance(right, RightText) and len(right.accepted) == 1:
        number = as_float(right.accepted[0])
        if number is not None:
            return _with_unit(task, replace(question, right=RightNumber(number)))
    raise DataError(_contrary(task, row, question, wanted))


def _with_unit(task: Task, question: Question) -> Question:
    right = question.right
    assert isinstance(right, RightNumber)
    if not right.tolerance and task.tolerance is not None:
        room, relative = tolerance_of(task.tolerance, "tolerance")
        right = replace(right, tolerance=room, relative=relative)
    if not right.unit and task.unit:
        right = replace(right, unit=task.unit)
    return replace(question, right=right)


def _contrary(task: Task, row: Row, question: Question, wanted: Form) -> str:
    said: dict[str, Any] = {
        "option": "`options` and the number of the right one in `answer_idx`",
        "several": "`options` and a list in `answer_idx`",
        "number": "a number in `answer`, without its unit and without options",
        "text": "a text or a list of texts in `answer`, without options",
    }
    return (
        f"row {row.index + 1} (image_id {row.image_id}), column questions.{question.name}: the "
        f"task {task.name!r} declares answer = {wanted!r}, and the row asks for "
        f"{FORM_WORDS[question.form]} (right: {answer_in_words(question):.60}). Write "
        f"{said[wanted]}, or mend `answer` in the task's file."
    )
