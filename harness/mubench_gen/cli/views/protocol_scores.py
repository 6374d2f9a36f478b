"""`score RUN --protocol NAMES`, and what `eval --protocol` prints: numbers by protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.compare.protocols.scored import ProtocolScores
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.protocols.numbers import Valued

MARK = "≠"
METRICS = {"accuracy": "accuracy", "macro-f1": "macro-F1", "auc": "AUC"}
_LEFT_OUT = {
    "prompts": "asked with other prompts or captions",
    "read_outs": "of another read-out",
    "excluded": "of data sets or tasks that it leaves out",
}


def show(run: Run, names: Sequence[str], *, seed: int, as_json: bool) -> None:
    """Print the run's numbers by these protocols. SettingError where none can read it."""
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.errors import SettingError

    scored = scores_of(run, names, seed=seed)
    if all(one.refused for one in scored):
        raise SettingError(
            f"No protocol has a number for this run: {'; '.join(one.refused for one in scored)}. "
            "`mubench-gen prompts protocols` says what each is for."
        )
    if as_json:
        print_json({"run_dir": str(run.dir), "protocols": document(scored)})
    else:
        show_scores(run, scored)


def scores_of(run: Run, names: Sequence[str], *, seed: int = 0) -> list[ProtocolScores]:
    """The run's numbers by the protocols of these names."""
    from mubench_gen.compare.protocols.scored import score_protocols
    from mubench_gen.scores.protocols.files import load_protocols

    return score_protocols(run, load_protocols(names), seed=seed)


def document(scored: Sequence[ProtocolScores]) -> dict[str, Any]:
    """The same for --json, by protocol."""
    return {one.protocol.name: one.as_dict() for one in scored}


def show_scores(run: Run, scored: Sequence[ProtocolScores]) -> None:
    """Print a table of numbers, and below it why some cannot be compared."""
    from mubench_gen.cli.views.tables import print_table

    rows = [_row(one, number) for one in scored for number in one.numbers]
    print_table(
        ["protocol", "number", "n", "%", "±", "what it is"],
        rows,
        title=f"{run.manifest['plugin']['name']} · {run.manifest['model']['id']}: by protocol",
        right=(2, 3, 4),
        caption=f"{MARK} cannot be compared with what others report by the protocol: see below",
    )
    for one in scored:
        for line in _notes(one):
            say(printable(f"{one.protocol.name}: {line}."))


def _row(one: ProtocolScores, number: Valued) -> list[str]:
    from mubench_gen.console.numbers import percent

    interval = one.intervals.get(number.name)
    mark = f"{MARK} " if one.reservations else ""
    return [
        one.protocol.name,
        number.name,
        f"{number.n:,}",
        mark + ("–" if number.value is None else percent(number.value)),
        "" if interval is None else f"{100 * interval.half_width:.2f}",
        _what(number),
    ]


def _what(number: Valued) -> str:
    definition = number.definition
    over = "" if definition.over == "items" else f", mean over {definition.over}"
    metric = METRICS[definition.metric]
    without = ", ".join(name[1:] for name in definition.datasets if name.startswith("!"))
    left_out = f", without {without}" if without else ""
    return f"{metric}{over}{left_out}" + (f" ({number.title})" if number.title else "")


def _notes(one: ProtocolScores) -> list[str]:
    if one.refused:
        return [f"no number: {one.refused}"]
    left_out = [f"{n:,} items {_LEFT_OUT[reason]} are not counted" for reason, n in
                sorted(one.left_out.items())]  # fmt: skip
    no_curve = [
        f"{number.name} has no value: the items have no probabilities, or one kind of option alone"
        for number in one.numbers
        if number.value is None
    ]
    return [*left_out, *no_curve, *(f"not comparable: {note}" for note in one.reservations)]
