"""`mubench-gen score`: read stored replies again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mubench_gen.cli.help_texts import Sectioned
from mubench_gen.cli.options.common import COMMON
from mubench_gen.cli.options.metric import chosen, metric_option
from mubench_gen.cli.options.protocol import protocol_option
from mubench_gen.cli.options.user_path import PATH
from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.runs.rescore import ChangedAnswer, Rescored
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.metrics import ChosenMetric

_EXAMPLES = """
\b
Examples:
  mubench-gen score runs/tiny-llava-1a2b3c4d
  mubench-gen score runs/tiny-llava-1a2b3c4d --save
  mubench-gen score runs/tiny-llava-1a2b3c4d --no-aliases
  mubench-gen score runs/tiny-llava-1a2b3c4d --strict
  mubench-gen score runs/tiny-llava-1a2b3c4d --tasks ./mine.toml
  mubench-gen score runs/clip-1a2b3c4d --metric probability --save
  mubench-gen score runs/tiny-llava-1a2b3c4d --scorer paper-compat
  mubench-gen score runs/tiny-llava-1a2b3c4d --protocol paper-compat,olmo-eval
  mubench-gen score runs/tiny-llava-1a2b3c4d --scorer my-plugin
  mubench-gen score runs/tiny-llava-1a2b3c4d --audit 200 --out audit.csv
  mubench-gen score runs/tiny-llava-1a2b3c4d --audited audit.csv
  mubench-gen score runs/tiny-llava-1a2b3c4d --debias
  mubench-gen score runs/tiny-llava-1a2b3c4d --debias --blind runs/tiny-llava-5e6f7a8b
  mubench-gen score --parser-card labelled.jsonl
"""
_SHOWN = 20


_SECTIONS = {
    "How replies are read": (
        "--scorer",
        "--protocol",
        "--strict",
        "--no-aliases",
        "--tasks",
        "--metric",
        "--debias",
        "--blind",
    ),
    "What is changed": ("--save",),
    "How well they are read": ("--audit", "--out", "--audited", "--parser-card", "--seed"),
    "All commands": COMMON,
}
_FEW = ("--save", "--scorer", "--protocol", "--strict", "--audit", "--out", "--audited", *COMMON)


@click.command("score", cls=Sectioned, sections=_SECTIONS, few=_FEW, epilog=_EXAMPLES)
@click.argument("run", required=False, type=PATH)
@click.option(
    "--save", is_flag=True, help="Append the changed answers to the run and rewrite its scores."
)
@click.option(
    "--scorer",
    default="ours",
    metavar="NAME",
    help="paper-compat: compare with the official μ-Bench scorer; or a plugin's scorer. [ours]",
)
@protocol_option
@click.option(
    "--strict", is_flag=True, help="Count only rules that are right in 99 of 100 readings."
)
@click.option(
    "--no-aliases", is_flag=True, help="Read options by their own texts, not by a task's aliases."
)
@click.option(
    "--tasks",
    multiple=True,
    metavar="FILES",
    help="Task files whose aliases count here.",
)
@metric_option
@click.option(
    "--debias",
    is_flag=True,
    help="Divide the model's preference for labels out of stored probabilities; before and after.",
)
@click.option(
    "--blind",
    type=PATH,
    metavar="RUN",
    help="With --debias: the same prompts' run of --control blind, for contextual calibration.",
)
@click.option(
    "--parser-card",
    type=PATH,
    metavar="FILE",
    help="Measure the parser on a labelled file (reply, options, gold), without a RUN.",
)
@click.option(
    "--audit", type=click.IntRange(min=1), metavar="N", help="Draw N replies for a person to label."
)
@click.option("--out", type=PATH, metavar="FILE", help="File that --audit writes.")
@click.option(
    "--audited",
    type=PATH,
    metavar="FILE",
    help="The labelled sample: print the accuracy corrected for the parser's errors.",
)
@click.option(
    "--seed", type=int, default=0, metavar="N", help="Seed of the bootstrap and of --audit. [0]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    run: Path | None,
    save: bool,
    scorer: str,
    protocol: tuple[str, ...],
    strict: bool,
    no_aliases: bool,
    tasks: tuple[str, ...],
    metric: tuple[str, ...],
    debias: bool,
    blind: Path | None,
    parser_card: Path | None,
    audit: int | None,
    out: Path | None,
    audited: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Read a run's stored replies again, without a model, and score them.

    Shows every answer that today's parser reads differently; changes nothing without --save.
    """
    from mubench_gen.cli.views.parser import draw_audit, show_audit, show_card
    from mubench_gen.errors import SettingError
    from mubench_gen.runs.results import load_run

    if parser_card is not None:
        show_card(parser_card, as_json=as_json)
        return
    if run is None:
        raise SettingError("Which run? Give its folder: mubench-gen score runs/ID.")
    loaded = load_run(run)
    if audit is not None:
        draw_audit(loaded, audit, seed=seed, out=out, as_json=as_json)
        return
    if audited is not None:
        show_audit(loaded, audited, as_json=as_json)
        return
    if debias or blind is not None:
        if protocol or scorer != "ours" or strict or no_aliases or tasks or metric or save:
            raise SettingError(
                "--debias reads stored probabilities, not replies: leave out --scorer, "
                "--protocol, --strict, --no-aliases, --tasks, --metric and --save."
            )
        if not debias:
            raise SettingError("--blind goes with --debias: give that too.")
        from mubench_gen.cli.views import debias as debias_view

        debias_view.show(loaded, blind, seed=seed, as_json=as_json)
        return
    if protocol:
        if scorer != "ours" or strict or no_aliases or tasks or metric or save:
            raise SettingError(
                "--protocol reads the stored replies by the protocol's own rules: leave out "
                "--scorer, --strict, --no-aliases, --tasks, --metric and --save."
            )
        from mubench_gen.cli.views import protocol_scores

        protocol_scores.show(loaded, protocol, seed=seed, as_json=as_json)
        return
    if scorer == "ours":
        if save and (strict or no_aliases):
            raise SettingError("--save stores the full reading: leave out --strict, --no-aliases.")
        rescored = _read_again(loaded, strict=strict, aliases=not no_aliases, tasks=tasks)
        _score(loaded, rescored, chosen(metric), save=save, as_json=as_json)
        return
    if strict or no_aliases or tasks:
        raise SettingError("--strict, --no-aliases and --tasks go with our own reading.")
    if metric:
        raise SettingError("--metric goes with our own reading: leave --scorer out.")
    if save:
        raise SettingError("--save stores only our own reading: leave it out with --scorer.")
    if scorer == "paper-compat":
        from mubench_gen.cli.views.protocol_difference import show_paper_compat

        show_paper_compat(loaded, seed=seed, as_json=as_json)
        return
    from mubench_gen.cli.views import plugin_scorer

    plugin_scorer.show(loaded, scorer, as_json=as_json)


def _read_again(loaded: Run, *, strict: bool, aliases: bool, tasks: Sequence[str]) -> Rescored:
    from mubench_gen.runs.rescore import rescore
    from mubench_gen.tasks.task import load_tasks

    given = load_tasks(tasks) if tasks else ()
    return rescore(loaded, aliases=aliases, strict=strict, tasks=given)


def _score(
    loaded: Run,
    rescored: Rescored,
    metrics: Sequence[ChosenMetric],
    *,
    save: bool,
    as_json: bool,
) -> None:
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.report.text import print_scores
    from mubench_gen.runs import rescore as again

    measured = again.measured(loaded, rescored.changes, metrics)
    if save:
        again.save(loaded, rescored.changes, metrics)
    if as_json:
        from mubench_gen.cli.views.imported import verdict_document

        changed = [_plain(change) for change in rescored.changes]
        print_json(
            {
                **loaded.summary(rescored.scores, measured),
                "changed": changed,
                "saved": save,
                **verdict_document(loaded),
            }
        )
        return
    print_scores(loaded, rescored.scores, measured=measured)
    _print_changes(rescored.changes, saved=save)
    if "imported" in loaded.manifest:
        from mubench_gen.cli.views.imported import show_verdicts

        show_verdicts(loaded)


def _plain(change: ChangedAnswer) -> dict[str, Any]:
    fields = ("status", "choice", "rule", "span", "correct")
    return {
        "id": change.before["id"],
        "reply": change.before["reply"],
        "before": {f: change.before[f] for f in fields},
        "after": {f: change.after[f] for f in fields},
    }


def _print_changes(changes: list[ChangedAnswer], *, saved: bool) -> None:
    from mubench_gen.cli.views.tables import print_table

    matter = [change for change in changes if change.matters]
    if not matter:
        say("No answer differs from the stored one.")
        return
    print_table(
        ["item", "reply", "before", "after", "right"],
        [
            [
                change.before["item"],
                (change.before["reply"] or "")[:80],
                _shown(change.before),
                _shown(change.after),
                f"{_mark(change.before)} → {_mark(change.after)}",
            ]
            for change in matter[:_SHOWN]
        ],
        title=f"{len(matter):,} answers read differently"
        + ("" if saved else " (not saved: --save)"),
        caption=f"{len(matter) - _SHOWN:,} more: --json" if len(matter) > _SHOWN else None,
    )


def _shown(record: dict[str, Any]) -> str:
    if record["choice"] is None:
        return str(record["status"])
    return f"{record['labels'][record['choice']]} ({record['rule']})"


def _mark(record: dict[str, Any]) -> str:
    return "✓" if record["correct"] else "✗"
