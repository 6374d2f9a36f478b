"""Which tasks a run asks with which prompts: boxes are asked for by prompts of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mubench_gen.console.notes import note
from mubench_gen.console.progress import log
from mubench_gen.data.dataset import Dataset, has_several_images
from mubench_gen.data.recast import BOXES, RECAST, RecastDataset
from mubench_gen.errors import SettingError
from mubench_gen.model import ModelSpec
from mubench_gen.prompts.image_places import is_image
from mubench_gen.prompts.oversized import largest
from mubench_gen.prompts.render import Prompt, render
from mubench_gen.tasks.samples import no_partner, samples
from mubench_gen.types import Control, Kind, Readout, Row, Task

_DEFAULT_PROMPT = "paper"  # of generative models
_OWN_CAPTIONS, _MADE_CAPTIONS = "caption", "caption-question"  # of contrastive ones
_LOOKED_AT = 500  # rows, about
_DEFAULT_FOR_BOXES = "detect-json"


def tasks_to_ask(tasks: Sequence[Task], *, named: bool) -> list[Task]:
    """The tasks to ask; those made of boxes and polygons only if the user named tasks."""
    return [task for task in tasks if named or task.question not in RECAST]


def answerable_tasks(kind: Kind, tasks: Sequence[Task]) -> list[Task]:
    """The tasks that a model of this kind can answer: a contrastive one gives no boxes."""
    chosen = [task for task in tasks if kind == "generative" or task.question != BOXES]
    left_out = [task.name for task in tasks if task not in chosen]
    if left_out and not chosen:
        raise SettingError(
            f"The task {left_out[0]!r} asks for boxes, which a contrastive model cannot give. "
            "Its recasts as multiple choice (…-which-box, …-count) are for every model."
        )
    if left_out:
        log(f"Left out, as a contrastive model gives no boxes: {', '.join(left_out)}.")
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
    boxes = [task for task in tasks if task.question == BOXES]
    plain = (_DEFAULT_PROMPT,) if len(boxes) < len(tasks) else ()
    return plain + ((_DEFAULT_FOR_BOXES,) if boxes else ())


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
    """Render the first question of the data by each prompt, before a model is loaded.

    DefinitionError says what a template lacks.
    """
    first = next(samples(tasks, dataset), None)
    if first is None or largest(first, ()) is not None:  # its own item says what is wrong with it
        return
    for prompt in prompts:
        if fits(prompt, first.question.name):
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


def fits(prompt: Prompt, question: str) -> bool:
    """Whether a prompt asks for what the question (its name) is about: boxes, or an option."""
    return bool(prompt.settings.boxes) == (question.split("/")[0] == BOXES)


def readouts_for(readouts: Sequence[Readout], question: str) -> Sequence[Readout]:
    """The read-outs of a question: boxes are read from a reply alone."""
    return ("parse",) if question.split("/")[0] == BOXES else readouts


def check_pairs(
    prompts: Sequence[Prompt], tasks: Sequence[Task], readouts: Sequence[Readout]
) -> None:
    """SettingError if a task has no prompt, a prompt no task, or boxes could not be read."""
    for task in tasks:
        if not any(fits(prompt, task.question) for prompt in prompts):
            boxes = task.question == BOXES
            raise SettingError(
                f"The task {task.name!r} asks for {'boxes' if boxes else 'one of its options'}; "
                f"no prompt given does. {'Add one of detect-…' if boxes else 'Add another'}: "
                "`mubench-gen prompts` lists them."
            )
    for prompt in prompts:
        if not any(fits(prompt, task.question) for task in tasks):
            boxes_or_option = "boxes" if prompt.settings.boxes else "one of the options"
            raise SettingError(
                f"The prompt {prompt.name!r} asks for {boxes_or_option}; no task given does. "
                "`mubench-gen tasks localization` lists those that ask for boxes."
            )
    if any(task.question == BOXES for task in tasks) and "parse" not in readouts:
        raise SettingError("Boxes are read from a reply: add --readout parse.")
