"""`mubench-gen choose`: which of several models to take for one's own images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.choose_steps import ChoiceStudy, ask_in_steps, check_models, further, prepare
from mubench_gen.cli.options.settings import setting_options
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.notes import note
from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.compare.choose import Choice

_SETTINGS = (
    "options", "prompt", "readout", "image_set", "engine", "base_url", "device", "dtype",
    "batch_size", "max_tokens", "timeout", "preflight", "in_process", "seed",
)  # fmt: skip
_EXAMPLES = """
\b
Examples:
  mubench-gen choose --data slides/ --models tiny:clip,tiny:llava
  mubench-gen choose --data slides/ --models llava,qwen:Qwen/Qwen2.5-VL-7B-Instruct --device cuda
  mubench-gen choose --data slides/ --models a,b,c --max-images 200 --json
  mubench-gen choose --data slides/ --models a,b --plan      what it would ask

\b
slides/ has a folder for each class (slides/mitosis/1.png, slides/no_mitosis/7.tif, …), or a
table of questions as in `data import`. The same command again goes on.
Exit code 0: done, decided or not; 2: something to fix; 3: some items failed.
"""


@click.command("choose", epilog=_EXAMPLES)
@click.option("--data", type=PATH, required=True, metavar="DIR", help="A folder of images.")
@click.option(
    "--models",
    multiple=True,
    required=True,
    metavar="PLUGIN[:MODEL],…",
    help="Two or more models, the preferred one first.",
)
@click.option("--question", metavar="TEXT", help="What is asked about an image of a class.")
@click.option(
    "--max-images", type=click.IntRange(min=1), metavar="N", help="Ask about no more. [all]"
)
@click.option(
    "--first",
    type=click.IntRange(min=1),
    default=24,
    metavar="N",
    help="Images before the first look. [24]",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    default=0.02,
    metavar="SHARE",
    help="Models that differ by less are equal. [0.02]",
)
@click.option("--out", type=PATH, metavar="DIR", help="Folder of data, runs, page. [choices/ID]")
@setting_options(*_SETTINGS)
@click.option("--plan", "planning", is_flag=True, help="Ask nothing: say what would be asked.")
@click.option("--dry-run", "planning", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    data: Path,
    models: tuple[str, ...],
    question: str | None,
    max_images: int | None,
    first: int,
    margin: float,
    out: Path | None,
    planning: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Choose a model for your own images: ask in steps until it is decided, then one page.

    All models see the same images, in a random order. After each step every pair is compared by
    an interval that holds at every look, models that another one beats are left out, and it
    ends when one is left or all that are left are equal.
    """
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.stdout import results_only
    from mubench_gen.plan.sources import gather
    from mubench_gen.report.choice_page import write_choice

    given = gather(flags).values
    names = [name.strip() for text in models for name in text.split(",") if name.strip()]
    rows = _rows(data, int(given.get("seed") or 0), question)
    study = _study(data, rows, names, given, out)
    most = min(max_images or len(study.order), len(study.order))
    if planning:
        return _plan(study, rows, most, first, as_json=as_json)
    with results_only():
        prepare(data, study.out, rows, given)
        check_models(study)
        choice, runs = ask_in_steps(study, most, first, margin)
        page = study.out / "choice.html"
        write_choice(choice, list(runs.values()), page)
    if as_json:
        print_json({**choice.as_dict(), "page": str(page), "out": str(study.out)})
    else:
        _show(choice)
    note(f"Page: {page}")
    note(f"Next: mubench-gen view {study.out / 'runs'}   (every image with each model's reply)")
    return 3 if any(one.n_errors for one in choice.contenders) else 0


def _rows(data: Path, seed: int, question: str | None) -> list[dict[str, Any]]:
    from mubench_gen.data.by_class import shuffled_questions
    from mubench_gen.data.forms.folders import QUESTION

    return shuffled_questions(data, seed=seed, question=question or QUESTION)


def _study(
    data: Path,
    rows: Sequence[dict[str, Any]],
    names: Sequence[str],
    given: dict[str, Any],
    out: Path | None,
) -> ChoiceStudy:
    """The study's folder and the settings of each model. SettingError for fewer than two."""
    import hashlib

    from mubench_gen.data.by_class import as_lines
    from mubench_gen.errors import SettingError

    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise SettingError(
            "--models: give two or more different models, like --models tiny:clip,tiny:llava."
        )
    digest = hashlib.sha256(as_lines(list(rows)).encode()).hexdigest()[:8]
    folder = out or Path("choices", f"{data.resolve().name}-{digest}")
    ends: dict[str, int] = {}
    for done, row in enumerate(rows, 1):
        ends[str(row["image"])] = done
    settings = {}
    for name in names:
        plugin, colon, model = name.partition(":")
        own = {"plugin": plugin, **({"model": model} if colon else {})}
        settings[name] = {**given, **own, "data": str(folder / "data")}
    return ChoiceStudy(folder, list(ends), list(ends.values()), settings)


def _plan(
    study: ChoiceStudy, rows: Sequence[dict[str, Any]], most: int, first: int, *, as_json: bool
) -> int:
    from collections import Counter

    from mubench_gen.cli.views.tables import print_json, print_table

    classes = Counter(str(row["answer"]) for row in rows)
    steps = [min(first, most)]
    while steps[-1] < most:
        steps.append(min(most, further(steps[-1])))
    if as_json:
        print_json({
            "out": str(study.out), "models": list(study.settings), "images": len(study.order),
            "questions": len(rows), "answers": classes, "steps": steps,
            "at_most": study.ends[most - 1] * len(study.settings),
        })  # fmt: skip
        return 0
    shown = [[printable(name), f"{n:,}"] for name, n in classes.most_common()]
    print_table(["answer", "questions"], shown, right=(1,))
    say(f"Looks after {', '.join(f'{n:,}' for n in steps)} images, in {study.out}.")
    at_most = study.ends[most - 1] * len(study.settings)
    say(f"At most {at_most:,} questions, {study.ends[most - 1]:,} to each model.")
    return 0


def _show(choice: Choice) -> None:
    from mubench_gen.cli.views.tables import print_table
    from mubench_gen.compare.choose import lead
    from mubench_gen.report.choice_page import (
        CLASSES,
        MODELS,
        PAIRS,
        class_rows,
        model_rows,
        pair_rows,
    )

    print_table(MODELS, model_rows(choice), right=(1, 2, 3, 4))
    print_table(PAIRS, pair_rows(choice), right=(1, 2, 3, 5))
    print_table(CLASSES, class_rows(choice), title="Where each fails", right=(2, 3, 4))
    for line in lead(choice):
        say(printable(line))
