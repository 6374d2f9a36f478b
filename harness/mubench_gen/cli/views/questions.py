"""Three questions of a data set as a model is asked them."""

from __future__ import annotations

from collections.abc import Iterator

from mubench_gen.data.dataset import Dataset
from mubench_gen.data.derived import Derived
from mubench_gen.data.recast import RECAST
from mubench_gen.data.right_answers import answer_in_words
from mubench_gen.prompts.oversized import largest
from mubench_gen.prompts.render import load_prompt, render
from mubench_gen.tasks.matching import default_prompts, with_recasts
from mubench_gen.tasks.samples import samples
from mubench_gen.tasks.task import load_tasks
from mubench_gen.types import Row, Task, Text


def questions_as_asked(dataset: Dataset, task: Task | None) -> Iterator[str]:
    """Three questions as a model is asked them, from the beginning, the middle and the end."""
    known = [task] if task is not None else load_tasks(dataset=dataset)
    own = [one for one in dataset.tasks if one.question in RECAST]
    tasks = [one for one in known if one.question not in RECAST] if task is None else known
    tasks = tasks if sum(dataset.questions.values()) or task is not None else own
    dataset = with_recasts(dataset, tasks)
    for index in sorted({0, len(dataset) // 2, len(dataset) - 1}):
        row = dataset[index]
        sample = next(samples(tasks, _OneRow(dataset, index)), None)
        if sample is None or largest(sample, ()) is not None:
            continue
        (name, *_) = default_prompts([sample.task], "generative", dataset)
        shown = render(load_prompt(name), sample, tuple(range(len(sample.question.options))))
        parts = [part for message in shown.messages for part in message.content]
        lines = [one.text if isinstance(one, Text) else f"[image {one.name}]" for one in parts]
        gold = f"right: {answer_in_words(sample.question)}"
        yield "\n".join([f"{row.key}, as the prompt {name!r} shows it:", *lines, gold])


class _OneRow(Derived):
    """One row of a data set, as one of its own."""

    def __init__(self, dataset: Dataset, index: int) -> None:
        super().__init__(dataset)
        self.questions = dataset.questions
        self._index = index

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Row:
        return self._dataset[self._index]

    def __iter__(self) -> Iterator[Row]:
        yield self._dataset[self._index]
