"""`score RUN --scorer paper-compat`: both scorers, and where they differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say

if TYPE_CHECKING:
    from mubench_gen.compare.official import Compared, OfficialScore
    from mubench_gen.runs.results import Run

_REPLY = 60


def show(run: Run, *, seed: int, as_json: bool) -> None:
    """Print the scores of the run by the official rule and by ours."""
    from mubench_gen.cli.tables import print_json
    from mubench_gen.compare.official import compare_scorers
    from mubench_gen.compare.published import reservations
    from mubench_gen.compare.published.beside import group_of

    compared = compare_scorers(run.records(), group_of(run.manifest), seed=seed)
    notes = reservations(run.manifest, asked=compared.asked, n_errors=compared.n_errors)
    if as_json:
        print_json(_document(run, compared, notes))
        return
    _print_scores(run, compared)
    _print_differences(compared)
    for note in notes:
        say(f"Not as published: {note}.")


def _document(run: Run, compared: Compared, notes: list[str]) -> dict[str, Any]:
    return {
        "run_dir": str(run.dir),
        "scorer": "paper-compat",
        "scores": {
            "pooled": asdict(compared.pooled),
            "macro": compared.macro,
            "macro_ours": compared.macro_ours,
            **{
                part: {name: asdict(score) for name, score in getattr(compared, part).items()}
                for part in ("groups", "tasks", "datasets")
            },
        },
        "n_errors": compared.n_errors,
        "difference": [
            {**asdict(d.cause), "n": d.n, "points": d.points, "examples": d.examples}
            for d in compared.differences
        ],
        "ours": run.scores.as_dict(),
        "not_as_published": notes,
    }


def _print_scores(run: Run, compared: Compared) -> None:
    from mubench_gen.cli.tables import print_table
    from mubench_gen.console.numbers import percent

    rows = [_row("pooled (micro)", compared.pooled)]
    for part in (compared.groups, compared.tasks, compared.datasets):
        rows += [_row(name, score) for name, score in part.items()]
    macro = ["mean of the data sets", "", percent(compared.macro), "", "", ""]
    macro[4:] = [percent(compared.macro_ours), _points(compared.macro, compared.macro_ours)]
    print_table(
        ["", "n", "paper-compat", "±", "ours", "difference"],
        [*rows, macro],
        title=f"{run.manifest['plugin']['name']} · {run.manifest['model']['id']}: two scorers",
        right=range(1, 6),
    )


def _row(name: str, score: OfficialScore) -> list[str]:
    from mubench_gen.console.numbers import percent

    return [
        name,
        f"{score.n:,}",
        percent(score.accuracy),
        "–" if score.half_width is None else f"{100 * score.half_width:.2f}",
        percent(score.ours),
        _points(score.accuracy, score.ours),
    ]


def _points(official: float | None, ours: float | None) -> str:
    return "–" if official is None or ours is None else f"{100 * (official - ours):+.1f}"


def _print_differences(compared: Compared) -> None:
    from mubench_gen.cli.tables import print_table

    if compared.scored:
        say(
            f"{compared.scored:,} items have option scores instead of a reply: "
            "both scorers take the highest."
        )
    if not compared.differences:
        say("The two scorers agree on every reply.")
        return
    print_table(
        ["", "cause", "items", "points", "for example"],
        [
            [
                d.cause.effect,
                d.cause.text,
                f"{d.n:,}",
                f"{d.points:+.2f}",
                repr(str(d.examples[0]["reply"])[:_REPLY]),
            ]
            for d in compared.differences
        ],
        title="Where they differ: points of the official accuracy that each cause adds",
        right=[2, 3],
    )
