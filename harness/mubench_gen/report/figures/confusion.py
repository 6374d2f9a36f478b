"""runs → confusion matrices: right options against answers, task by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mubench_gen.compare.groups import label_runs
from mubench_gen.console.outlet import printable
from mubench_gen.errors import SettingError, did_you_mean
from mubench_gen.report.figures.drawing import COLUMN, Drawing
from mubench_gen.report.figures.matrix import Matrix, matrices
from mubench_gen.runs.results import Run
from mubench_gen.scores.open_answers import is_apart

_NO_ANSWER = "no answer"
_MOST_OPTIONS = 40  # of a matrix
_MATRICES = 6  # where no task is chosen


def confusions(runs: Sequence[Run], tasks: Sequence[str] = (), *, width: float = COLUMN) -> Drawing:
    """The matrices of these tasks; without any, of those with the most wrong answers.

    Raises SettingError for a task that no run has.
    """
    labels = [printable(label) for label in label_runs(runs)]
    counted = [_confusions(run) for run in runs]
    errors = Counter[str]()
    for counts in counted:
        for task, pairs in counts.items():
            errors[task] += sum(n for (gold, answer), n in pairs.items() if gold != answer)
    if not errors:
        raise SettingError("No answer has been recorded: there is no confusion to show.")
    if unknown := [task for task in tasks if task not in errors]:
        near = did_you_mean(unknown[0], errors)
        raise SettingError(f"No run has answers to the task {unknown[0]!r}. {near}")
    fitting = [task for task, _ in errors.most_common() if _options(counted, task) <= _MOST_OPTIONS]
    few = max(1, _MATRICES // len(runs))
    chosen = sorted(tasks or fitting[:few])
    if not chosen:
        raise SettingError(
            f"The options of these tasks are too many for a matrix (more than {_MOST_OPTIONS})."
        )
    left = len(errors) - len(chosen)
    below = f"{len(chosen)} of {len(errors)} tasks: the most wrong answers" if left else ""
    return matrices(
        [
            confusion(counts[task], title=f"{label}: {task}" if len(labels) > 1 else task)
            for task in chosen
            for label, counts in zip(labels, counted, strict=True)
            if task in counts
        ],
        "Confusion: right options and answers",
        below="" if tasks else below,
        width=width,
    )


def _options(counted: Sequence[Mapping[str, Counter[tuple[str, str]]]], task: str) -> int:
    return max(len({text for pair in counts.get(task, ()) for text in pair}) for counts in counted)


def confusion(counts: Mapping[tuple[str, str], int], *, title: str) -> Matrix:
    """The matrix of a task from counts of (right option, answer); "" stands for no answer."""
    rights = sorted({gold for gold, _ in counts})
    answers = sorted({*rights, *(answer for _, answer in counts if answer)})
    answers += [""] if any(not answer for _, answer in counts) else []
    totals = {gold: sum(n for (g, _), n in counts.items() if g == gold) for gold in rights}
    return Matrix(
        printable(title),
        [printable(gold) for gold in rights],
        [printable(answer) or _NO_ANSWER for answer in answers],
        [[counts.get((g, a), 0) / totals[g] for a in answers] for g in rights],
        [[f"{n:,}" if (n := counts.get((g, a), 0)) else "" for a in answers] for g in rights],
        across="answer",
        down="right option",
        framed=[
            (y, x) for y, gold in enumerate(rights) for x, a in enumerate(answers) if a == gold
        ],
    )


def _confusions(run: Run) -> dict[str, Counter[tuple[str, str]]]:
    found: dict[str, Counter[tuple[str, str]]] = {}
    for record in run.outcomes():
        if record["status"] != "error" and not is_apart(record):
            options, choice = record["options"], record["choice"]
            answer = "" if choice is None else options[choice]
            pair = options[record["gold"]], answer
            found.setdefault(record["task"], Counter())[pair] += 1
    return found
