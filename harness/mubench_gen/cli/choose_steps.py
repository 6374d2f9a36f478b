"""The steps of `choose`: import the images, check the models, ask until it is decided."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable
from mubench_gen.console.progress import log

if TYPE_CHECKING:
    from mubench_gen.compare.choose import Choice
    from mubench_gen.plan.plan import Plan
    from mubench_gen.runs.results import Run

_WARNINGS = 5  # of pictures to look at


def further(images: int) -> int:
    """The images of the next step: half as many again in all."""
    return round(1.5 * images) + 1


@dataclass(frozen=True, slots=True)
class ChoiceStudy:
    """What is chosen from. order: the images' ids as they are asked; ends: how many questions
    the images up to each one have; settings: those of each model, by its name."""

    out: Path
    order: list[str]
    ends: list[int]
    settings: dict[str, dict[str, Any]]


def prepare(data: Path, out: Path, rows: list[dict[str, Any]], given: dict[str, Any]) -> None:
    """Import the images in their random order, once. SettingError if others are there."""
    from mubench_gen.data.by_class import as_lines
    from mubench_gen.data.importing import import_data
    from mubench_gen.errors import DataError, SettingError
    from mubench_gen.plan.settings import pairs

    table, lines = out / "questions.jsonl", as_lines(rows)
    if (out / "data").exists():
        if table.exists() and table.read_text("utf-8") == lines:
            return
        raise SettingError(f"--out {out}: holds other images or questions; give another folder.")
    out.mkdir(parents=True, exist_ok=True)
    table.write_text(lines, "utf-8")
    try:
        made = import_data(
            data,
            out / "data",
            table=table,
            name=data.resolve().name,
            image_set=pairs(given.get("image_set", ())),
        )
    except DataError as error:
        table.unlink()
        with suppress(OSError):  # not empty
            out.rmdir()
        told = str(error).replace(f"{table}, ", "")
        raise DataError(f"{told}\nMend what is wrong in {data}, or take it out.") from None
    for warning in made.warnings[:_WARNINGS]:
        log(f"Look at it: {warning}.")
    if len(made.warnings) > _WARNINGS:
        log(f"And {len(made.warnings) - _WARNINGS:,} more: mubench-gen data verify {out / 'data'}")


def check_models(study: ChoiceStudy) -> None:
    """Find a fault in any model's settings before the first one is asked."""
    from mubench_gen.errors import SettingError

    names: dict[str, str] = {}
    for name in study.settings:
        plan = _planned(study, name)
        plan.model.close()
        other = names.setdefault(plan.name, name)
        if other != name:
            raise SettingError(f"--models: {other} and {name} are the same model; leave one out.")


def _planned(study: ChoiceStudy, name: str) -> Plan:
    from mubench_gen.plan.plan import make_plan
    from mubench_gen.plan.settings import make_settings
    from mubench_gen.plugins.registry import Plugins

    return make_plan(make_settings(study.settings[name]), Plugins())


def ask_in_steps(
    study: ChoiceStudy, most: int, first: int, margin: float
) -> tuple[Choice, dict[str, Run]]:
    """Ask the models that none beats about more and more images, until it is decided."""
    from mubench_gen.compare.choose import choose

    upto, asked = min(first, most), list(study.settings)
    runs: dict[str, Run] = {}
    while True:
        for name in asked:
            runs[name] = _ask(study, name, study.ends[upto - 1])
        choice = choose(runs, study.order, margin=margin)
        log(f"{upto:,} images: {_standing(choice)}")
        if choice.decided or upto == most:
            break
        upto, asked = min(most, further(upto)), list(choice.best)
    for run in runs.values():
        run.write_scores()
    return choice, runs


def _standing(choice: Choice) -> str:
    shares = ", ".join(
        f"{one.name} {100 * (one.accuracy or 0):.1f} %{' (out)' if one.beaten_by else ''}"
        for one in choice.contenders
    )
    return printable(shares)


def _ask(study: ChoiceStudy, name: str, items: int) -> Run:
    """Ask a model until it has answers to the first questions; go on where it was."""
    from mubench_gen.errors import LimitReached
    from mubench_gen.run import run_plan
    from mubench_gen.runs.results import load_run
    from mubench_gen.storage.run_folder import MANIFEST

    plan = _planned(study, name)
    folder = study.out / "runs" / plan.name
    try:
        answered = load_run(folder).scores.n if (folder / MANIFEST).exists() else 0
        wanted = items * len(plan.prompts) * len(plan.readouts) - answered
        if wanted > 0:
            run_plan(
                plan.in_folder(folder, most=wanted), ["mubench-gen", *sys.argv[1:]], progress=True
            )
    except LimitReached:
        pass  # the rest is for the next step
    finally:
        plan.model.close()
    return load_run(folder)
