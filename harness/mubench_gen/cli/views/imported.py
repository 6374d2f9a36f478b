"""`mubench-gen runs import`, and the other program's verdicts beside ours in `score`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say, tell

if TYPE_CHECKING:
    from mubench_gen.runs.results import Run

_PAIRS = ("right right", "wrong wrong", "right wrong", "wrong right")  # theirs, ours


def import_logs(
    logs: Sequence[Path],
    out: Path,
    *,
    form: str | None,
    columns: Sequence[str],
    model: str | None,
    facts: Sequence[str],
    as_json: bool,
) -> None:
    """Import the logs, and say how the two readings compare."""
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.console.secrets import know_environment
    from mubench_gen.plan.settings import pairs
    from mubench_gen.runs.interchange.imported import import_logs

    know_environment()
    mapped = pairs(part for text in columns for part in text.split(",") if part)
    made = import_logs(
        logs,
        out,
        form=form,
        columns=mapped,
        model=model,
        facts=pairs(facts),
        command=["mubench-gen", *sys.argv[1:]],
    )
    if as_json:
        found = {"run_dir": str(made.run.dir), "items": made.items, "left_out": made.left_out}
        print_json({**found, **verdict_document(made.run), "scores": made.run.scores.as_dict()})
        return
    source = made.run.manifest["imported"]
    version = f" {source['version']}" if source["version"] else ""
    say(f"{made.items:,} items of {source['program']}{version}, read by our parser.")
    for reason, count in made.left_out.items():
        say(f"{count:,} entries are left out: {reason}.")
    show_verdicts(made.run)
    say(f"Not known of that evaluation: {', '.join(source['unknown'])}.")
    tell(f"Run folder: {made.run.dir}")


def show_verdicts(run: Run) -> None:
    """A table of both verdicts, by the rule that decided ours."""
    from mubench_gen.cli.views.tables import print_table
    from mubench_gen.runs.interchange.imported import verdicts

    found = verdicts(run.records())
    known = {rule: counts for rule, counts in found.items() if any(counts[p] for p in _PAIRS)}
    if not known:
        say("The log does not say which of its items its own scorer counted as right.")
        return
    total: Counter[str] = sum(known.values(), Counter())
    print_table(
        [
            "our rule or status",
            "both right",
            "both wrong",
            "right by theirs alone",
            "by ours alone",
        ],
        [
            [rule, *(f"{counts[pair]:,}" for pair in _PAIRS)]
            for rule, counts in [*sorted(known.items()), ("all", total)]
        ],
        title=f"Verdicts of {run.manifest['imported']['program']}, and ours",
        right=[1, 2, 3, 4],
    )


def verdict_document(run: Run) -> dict[str, Any]:
    """Both verdicts by our rule, for JSON; nothing for a run that was not imported."""
    from mubench_gen.runs.interchange.imported import verdicts

    if "imported" not in run.manifest:
        return {}
    names = dict(
        zip(
            _PAIRS,
            ("both_right", "both_wrong", "right_by_theirs_alone", "right_by_ours_alone"),
            strict=True,
        )
    )
    return {
        "verdicts": {
            rule: {name: counts[pair] for pair, name in names.items()}
            for rule, counts in sorted(verdicts(run.records()).items())
        }
    }
