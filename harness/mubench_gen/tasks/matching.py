"""Which tasks a run asks with which prompts: boxes are asked for by prompts of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.data.dataset import Dataset, has_several_images
from mubench_gen.data.recast import RECAST, RecastDataset
from mubench_gen.errors import SettingError
from mubench_gen.model import ModelSpec
from mubench_gen.prompts.image_places import is_image
from mubench_gen.prompts.oversized import largest
from mubench_gen.prompts.render import Prompt, render
from mubench_gen.tasks.forms import form_of
from mubench_gen.tasks.samples import no_partner, samples
from mubench_gen.types import FORM_WORDS, OPEN_FORMS, Control, Form, Kind, Readout, Row, Task

_DEFAULT_PROMPT = "paper"  # of generative models
_OWN_CAPTIONS, _MADE_CAPTIONS = "caption", "caption-question"  # of contrastive ones
_LOOKED_AT = 500  # rows, about
_DEFAULT_FOR_BOXES = "detect-json"
_DEFAULT_FOR_OPEN = "open"


def tasks_to_ask(tasks: Sequence[Task], *, named: bool) -> list[Task]:
    """The tasks to ask; those made of boxes and polygons only if the user named tasks."""
    return [task for task in tasks if named or task.question not in RECAST]


def answerable_tasks(kind: Kind, tasks: Sequence[Task], dataset: Dataset) -> list[Task]:
    """The tasks that a model of this kind can answer: a contrastive one chooses an option."""
    if kind == "generative":
        return list(tasks)
    forms = {task.name: form_of(task, dataset) for task in tasks}
    chosen = [task for task in tasks if forms[task.name] == "option"]
    left_out = [task.name for task in tasks if task not in chosen]
    if left_out and not chosen:
        form = forms[left_out[0]]
        more = "Its recasts as multiple choice (…-which-box, …-count) are for every model."
        raise SettingError(
            f"The task {left_out[0]!r} asks for {FORM_WORDS[form]}, which a contrastive model "
            f"cannot give. {more if form == 'boxes' else 'Take a generative model for it.'}"
        )
    if left_out:
        words = " or ".join(sorted({FORM_WORDS[forms[name]] for name in left_out}))
        log(f"Left out, as a contrastive model cannot give {words}: {', '.join(left_out)}.")
    return chosen


def with_recasts(dataset: Dataset, tasks: Sequence[Task]) -> Dataset:
    """The data set with questions made of its boxes and polygons, if a task asks them."""
    asking = [task for task in tasks if task.question in RECAST]
    if not asking:
        return dataset
    return RecastDataset(dataset, lambda name: any(task.asks(name) for task in asking))


def default_prompts(tasks: Sequence[Task], kind: Kind, dataset: Dataset) -> tuple[str, ...]:
    """The prompts of a run that names none."""
    if kind == "contrastive":
        return (_caption_prompt(tasks, dataset),)
    forms = {form_of(task, dataset) for task in tasks}
    defaults = (
        (_DEFAULT_PROMPT, "option" in forms),
        (_DEFAULT_FOR_BOXES, "boxes" in forms),
        (_DEFAULT_FOR_OPEN, not forms.isdisjoint(OPEN_FORMS)),
    )
    return tuple(name for name, is_needed in defaults if is_needed)


def _caption_prompt(tasks: Sequence[Task], dataset: Dataset) -> str:
    """The data's own captions, or where there are none those of question and option."""
    lacking = without_captions(tasks, dataset)
    if not lacking:
        return _OWN_CAPTIONS
    if len(lacking) == len(tasks):
        note(
            f"{dataset.name} has no captions of its options: the prompt {_MADE_CAPTIONS!r} makes "
            "them of question and option."
        )
        return _MADE_CAPTIONS
    names = ", ".join(sorted(lacking))
    raise SettingError(
        f"Some questions of {dataset.name} have captions of their options, which the prompt "
        f"{_OWN_CAPTIONS!r} shows, and others have none: {names}. Take --prompt {_MADE_CAPTIONS}, "
        "which makes captions of question and option for all, or leave out one kind with --tasks."
    )


def without_captions(tasks: Sequence[Task], dataset: Dataset) -> set[str]:
    """The tasks, by name, that have a question without captions, as far as a sample of rows shows.

    The rows are spread evenly over the data: of a small data set all are looked at.
    """
    found: set[str] = set()
    for index in range(0, len(dataset), max(1, len(dataset) // _LOOKED_AT)):
        row = dataset[index]
        for task in tasks:
            questions = () if task.name in found else task.questions_of(row)
            if any(not any(row.captions.get(name, ())[1:]) for name in questions):
                found.add(task.name)
    return found


def check_first(prompts: Sequence[Prompt], tasks: Sequence[Task], dataset: Dataset) -> None:
    """Render the first question of the data for each prompt, before a model is loaded.

    DefinitionError says what a template lacks.
    """
    for fitting in dict.fromkeys(_asks(prompt) for prompt in prompts):
        of_kind = [task for task in tasks if _kind(form_of(task, dataset)) == fitting]
        first = next(samples(of_kind, dataset), None) if of_kind else None
        if first is None or largest(first, ()) is not None:  # its own item says what is wrong
            continue
        for prompt in prompts:
            if _asks(prompt) == fitting:
                render(prompt, first, tuple(range(len(first.question.options))))


def check_images(
    tasks: Sequence[Task], dataset: Dataset, spec: ModelSpec, label: str, control: Control
) -> int:
    """How many images a question of the tasks has at most.

    SettingError where that is more than the model takes, or where a contrastive model would be
    asked about options that are images; DataError where `shuffled` has no other row to show.
    `label`: the model as messages name it.
    """
    if not has_several_images(dataset):
        return 1
    most: Counter[str] = Counter({task.name: 1 for task in tasks})
    rows: Counter[int] = Counter()
    asked: dict[int, Row] = {}  # by number of images, the first
    for row in dataset:
        rows[len(row.images)] += 1
        for task in tasks:
            for name in task.questions_of(row):
                asked.setdefault(len(row.images), row)
                question = row.questions[name]
                if spec.kind == "contrastive" and any(map(is_image, question.options)):
                    raise SettingError(_no_captions(task, row, label))
                if question.boxes is None and question.draw is None:
                    most[task.name] = max(most[task.name], len(row.images))
    alone = [row for number, row in asked.items() if rows[number] == 1]
    if control == "shuffled" and alone:
        raise no_partner(alone[0])
    limit = spec.max_images
    over = [task.name for task in tasks if limit is not None and most[task.name] > limit]
    if over and spec.kind == "generative" and control != "blind":
        raise SettingError(_too_many(over, most, label, limit))
    return max(most.values(), default=1)


def _too_many(over: Sequence[str], most: Mapping[str, int], label: str, limit: int | None) -> str:
    told = ", ".join(f"{name} (up to {most[name]})" for name in over)
    return (
        f"A question of these tasks shows more images than {label} takes, which is {limit}: "
        f"{told}. Leave them out (--tasks), or take a model that takes more: `mubench-gen plugins "
        "show NAME` says how many. A plugin of your own says it by ModelSpec(max_images=…)."
    )


def _no_captions(task: Task, row: Row, label: str) -> str:
    return (
        f"The task {task.name!r} has options that are images (row {row.index + 1}, image_id "
        f"{row.image_id}). {label[:1].upper()}{label[1:]} compares images with texts, so that it "
        "cannot be asked. Leave the task out (--tasks), or take a generative model."
    )


def fits(prompt: Prompt, form: Form) -> bool:
    """Whether a prompt asks for what a question is about: boxes, one option, or an open answer."""
    return _asks(prompt) == _kind(form)


def _asks(prompt: Prompt) -> str:
    return "boxes" if prompt.settings.boxes else prompt.settings.asks


def _kind(form: Form) -> str:
    return "open" if form in OPEN_FORMS else form


def readouts_for(readouts: Sequence[Readout], form: Form) -> Sequence[Readout]:
    """The read-outs of a question: all but one option is read from a reply alone."""
    return readouts if form == "option" else ("parse",)


def tasks_for(
    prompts: Sequence[Prompt], tasks: Sequence[Task], dataset: Dataset, *, named: bool
) -> list[Task]:
    """The tasks that these prompts ask; those with open answers are left out where no prompt is for
    them, unless the user named them."""
    forms = {task.name: form_of(task, dataset) for task in tasks}
    left_out = [
        name
        for name, form in forms.items()
        if form in OPEN_FORMS and not any(fits(prompt, form) for prompt in prompts)
    ]
    if named or not left_out or len(left_out) == len(tasks):
        return list(tasks)
    words = " or ".join(sorted({FORM_WORDS[forms[name]] for name in left_out}))
    log(
        f"Left out, as no prompt given asks for {words}: {', '.join(left_out)}. Add --prompt open "
        "to ask them too."
    )
    return [task for task in tasks if task.name not in left_out]


def check_pairs(
    prompts: Sequence[Prompt],
    tasks: Sequence[Task],
    readouts: Sequence[Readout],
    dataset: Dataset,
) -> None:
    """SettingError if a task has no prompt, a prompt no task, or answers could not be read."""
    forms = {task.name: form_of(task, dataset) for task in tasks}
    for name, form in forms.items():
        if not any(fits(prompt, form) for prompt in prompts):
            words = "one of its options" if form == "option" else FORM_WORDS[form]
            raise SettingError(
                f"The task {name!r} asks for {words}; no prompt given does. "
                f"{_ADD[_kind(form)]}: `mubench-gen prompts` lists them."
            )
    for prompt in prompts:
        if not any(fits(prompt, form) for form in forms.values()):
            raise SettingError(
                f"The prompt {prompt.name!r} asks for {_WORDS[_asks(prompt)]}; no task given does. "
                f"{_SEE[_asks(prompt)]}"
            )
    for name, form in forms.items():
        if form != "option" and "parse" not in readouts:
            what = "Boxes are" if form == "boxes" else f"The task {name!r}: {FORM_WORDS[form]} is"
            raise SettingError(f"{what} read from a reply: add --readout parse.")


_ADD = {"boxes": "Add one of detect-…", "open": "Add --prompt open", "option": "Add another"}
_WORDS = {
    "boxes": "boxes",
    "open": "several options, a number or a text",
    "option": "one of the options",
}
_OF_BOXES = "`mubench-gen tasks localization` lists those that ask for boxes."
_SEE = {
    "boxes": _OF_BOXES,
    "option": _OF_BOXES,
    "open": "Those that do have open answers: docs/howto/open-answers.md.",
}
