"""Checks of a data set that a plugin brings: its rows, images, answers, counts and tasks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mubench_gen.data.equal_options import alike
from mubench_gen.errors import ImageError
from mubench_gen.tasks.task import load_tasks
from mubench_gen.testing.check import NotApplicable, check, few, want
from mubench_gen.testing.subject import Subject
from mubench_gen.types import Question, Row

_FEW = 8  # questions: what all of these have in common may be chance
_NEARLY_ALL = 0.9
_LETTER = re.compile(
    r"\b(?:answer|correct|key)\b\W{0,20}(?:(?:is|option)\W{0,20})?\b([a-z])\b", re.IGNORECASE
)
_BY_CHANCE = 0.05  # the share of questions that may name their answer, as prose does
_NOTICED = 2


@check(
    "dataset",
    reason="people must know what they may do with it, and whom to cite",
    remedy="give DataSet a licence and a citation",
)
def data_set_is_described(subject: Subject) -> None:
    spec = subject.data_set.spec
    lacking = [name for name in ("licence", "citation") if not getattr(spec, name)]
    want(not lacking, f"it says nothing of {', '.join(lacking)}")


@check(
    "dataset",
    reason="a data set whose rows cannot be read asks nothing",
    remedy="let the function of DataSet(…) yield dicts with the keys of docs/extending.md",
    gate=True,
)
def rows_can_be_read(subject: Subject) -> None:
    prepared = subject.prepared
    want(bool(prepared.counts.get("rows")) or bool(prepared.faults), "it has no rows")


@check(
    "dataset",
    reason="a row that is wrong is not asked, and a score is of other questions than published",
    remedy="mend the rows that are named: two or more options, an answer that is one of them",
)
def rows_are_sound(subject: Subject) -> None:
    faults = subject.prepared.faults
    want(not faults, f"{len(faults):,} rows cannot be used: {few(faults)}")


@check(
    "dataset",
    reason="a record names its item by the row's id; repeated ones differ by their place alone",
    remedy="give each row an id of its own that does not depend on the others",
)
def ids_are_unique(subject: Subject) -> None:
    times = Counter(row.image_id for row in subject.prepared.dataset)
    twice = [name for name, count in times.items() if count > 1]
    want(not twice, f"{len(twice):,} ids stand in several rows: {few(twice)}")


@check(
    "dataset",
    reason="a part that is missing makes another benchmark under the same name",
    remedy="compare with the publication, and mend rows or expected",
)
def counts_are_as_expected(subject: Subject) -> None:
    expected = subject.data_set.spec.expected
    if not expected:
        raise NotApplicable("no number of its publication is known (DataSet.expected)")
    counts = subject.prepared.counts
    odd = [f"{counts[k]:,} {k}, {n:,} expected" for k, n in expected.items() if counts[k] != n]
    want(not odd, f"it has {'; '.join(odd)}")


@check(
    "dataset",
    reason="an image that cannot be decoded costs its items",
    remedy="give the file's bytes as they are, of a format that `data preview` shows",
)
def images_can_be_decoded(subject: Subject) -> None:
    faults = []
    for row in subject.prepared.dataset:
        try:
            for image in row.images:
                image.pixels()
        except ImageError as error:
            faults.append(f"{row.image_id}: {error}")
    want(not faults, f"{len(faults):,} rows have images that cannot be shown: {few(faults)}")


@check(
    "dataset",
    reason="no parser can be sure which of two equal options a reply means",
    remedy="let options differ by more than case, spaces and the form of their characters",
)
def options_can_be_told_apart(subject: Subject) -> None:
    equal = [row.image_id for row, one in _questions(subject) if alike(one.options)]
    want(not equal, f"options are equal but for case or spaces in {few(equal)}")


@check(
    "dataset",
    reason="a question that names its answer is answered without looking",
    remedy="word the question so that it names all options or none",
)
def questions_do_not_tell_the_answer(subject: Subject) -> None:
    asked = list(_questions(subject))
    told = [row.image_id for row, one in asked if _names_gold_alone(one)]
    usual = max(_NOTICED, _BY_CHANCE * len(asked))
    want(len(told) < usual, f"{len(told):,} questions name the right option alone: {few(told)}")
    lettered = [row.image_id for row, one in asked if _gives_letter(one)]
    want(not lettered, f"{len(lettered):,} questions give the answer's letter: {few(lettered)}")


@check(
    "dataset",
    reason="ids stand in records, pages and file names, and models may come to see them",
    remedy="make ids of numbers or digests, and not of classes or letters",
)
def ids_do_not_tell_the_answer(subject: Subject) -> None:
    asked = list(_questions(subject))
    told = [row.image_id for row, one in asked if _is_told(row.image_id, one)]
    several = len({one.options[one.gold] for _, one in asked}) > 1
    want(
        not several or len(told) < max(_NOTICED, _NEARLY_ALL * len(asked)),
        f"{len(told):,} ids hold the right option or its letter: {few(told)}",
    )


@check(
    "dataset",
    reason="a model that always says A would be right",
    remedy="shuffle the options by a seed, or say in the prompt that their order is fixed",
)
def right_options_change_place(subject: Subject) -> None:
    places = Counter(one.gold for _, one in _questions(subject))
    place, times = next(iter(places.most_common(1)), (0, 0))
    told = f"the right option is number {place + 1} in {times:,} of {places.total():,} questions"
    want(places.total() < _FEW or times <= _NEARLY_ALL * places.total(), told)


@check(
    "dataset",
    reason="runs are compared and resumed by the data's digest",
    remedy="sort what you list, draw with a fixed seed, and write no time into images",
)
def rows_are_the_same_again(subject: Subject) -> None:
    first, second = subject.prepared.dataset, subject.prepared_again().dataset
    want(first.rows_digest == second.rows_digest, "read twice, its rows differ")
    want(first.digest == second.digest, "read twice, its images differ")


@check(
    "dataset",
    reason="a question that no task asks is never asked",
    remedy="name a task in `tasks` for each `task` of the rows",
)
def tasks_ask_every_question(subject: Subject) -> None:
    dataset = subject.prepared.dataset
    known = load_tasks(dataset=dataset)
    left = [
        question
        for name, question in dataset.questions
        if not any(task.question == question and task.asks(name) for task in known)
    ]
    want(not left, f"no task asks {few(left)}")
    own = subject.data_set.spec.tasks
    asked = {question for _, question in dataset.questions}
    idle = [name for name, keys in own.items() if keys.get("question") not in asked]
    want(not idle, f"no row has a question of the tasks {few(idle)}")


def _questions(subject: Subject) -> Iterator[tuple[Row, Question]]:
    """Those of single choice."""
    for row in subject.prepared.dataset:
        for question in row.questions.values():
            if question.form == "option":
                yield row, question


def _names_gold_alone(question: Question) -> bool:
    text = _words(question.text)
    named = [place for place, option in enumerate(question.options) if _words(option) in text]
    return named == [question.gold]


def _gives_letter(question: Question) -> bool:
    """Whether its text says "Answer: B" where B is right."""
    found = _LETTER.findall(question.text)
    return any(letter.lower() == chr(ord("a") + question.gold) for letter in found)


def _is_told(image_id: str, question: Question) -> bool:
    words, letter = _words(image_id), chr(ord("a") + question.gold)
    return _words(question.options[question.gold]) in words or f" {letter} " in words


def _words(text: str) -> str:
    """The words of a text in lower case, a space around each."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.casefold()), ""])
