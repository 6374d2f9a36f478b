"""`compare --protocols A,B RUN` and `score RUN --scorer paper-compat`: why two numbers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.compare.protocols import Causes, PartScore, ProtocolDifference
    from mubench_gen.runs.results import Run
    from mubench_gen.scores.protocols.files import Protocol
    from mubench_gen.scores.protocols.tally import ProtocolTally

_REPLY = 60
_PARTS = ("groups", "tasks", "datasets")


def show(run: Run, names: Sequence[str], *, number: str | None, seed: int, as_json: bool) -> None:
    """Print the difference of two protocols' numbers by cause."""
    from mubench_gen.cli.views.tables import print_json

    protocols = _two(run, names)
    found, causes = _read(run, protocols)
    differences = _differences(found, causes, number)
    if as_json:
        print_json(
            {
                "run_dir": str(run.dir),
                "protocols": [one.name for one in protocols],
                "differences": [one.as_dict() for one in differences],
                "n_errors": found.n_errors,
                "reservations": {one.name: _reservations(run, found, one) for one in protocols},
            }
        )
        return
    _print_parts(run, found, seed)
    for one in differences:
        _print_difference(found, one)
    if not differences:
        say("No number can be compared: no item is counted by both, or a number has no value.")
    _print_notes(run, found)


def show_paper_compat(run: Run, *, seed: int, as_json: bool) -> None:
    """The same for the paper's scorer and ours; its JSON is that of 0.1."""
    from mubench_gen.cli.views.tables import print_json

    if not as_json:
        show(run, ("paper-compat", "ours"), number="all", seed=seed, as_json=False)
        return
    protocols = _two(run, ("paper-compat", "ours"))
    found, causes = _read(run, protocols)
    steps = [step for one in _differences(found, causes, "all") for step in one.steps]
    kept = ("name", "effect", "text", "n", "points", "examples")
    print_json(
        {
            "run_dir": str(run.dir),
            "scorer": "paper-compat",
            "scores": _old_scores(found, seed),
            "n_errors": found.n_errors,
            "difference": [{key: asdict(step)[key] for key in kept} for step in steps],
            "ours": run.scores.as_dict(),
            "not_as_published": _reservations(run, found, protocols[0]),
        }
    )


def _two(run: Run, names: Sequence[str]) -> list[Protocol]:
    from mubench_gen.errors import SettingError
    from mubench_gen.scores.protocols.asked import cannot_read
    from mubench_gen.scores.protocols.files import load_protocols

    protocols = load_protocols(names)
    if len(protocols) != 2:
        raise SettingError(
            f"--protocols {','.join(names)}: give two, as in --protocols paper-compat,olmo-eval."
        )
    for one in protocols:
        if why := cannot_read(run.manifest, one):
            raise SettingError(f"--protocols: {why}, and {run.dir} is of such a model.")
    return protocols


def _read(run: Run, protocols: Sequence[Protocol]) -> tuple[ProtocolTally, Causes]:
    from mubench_gen.compare.protocols import Causes, read_run

    first, second = protocols
    causes = Causes(first.file.parser, second.file.parser)
    return read_run(run, protocols, causes), causes


def _differences(
    found: ProtocolTally, causes: Causes, wanted: str | None
) -> list[ProtocolDifference]:
    """Of the numbers that both have; or of the wanted ones, as NAME or FIRST:SECOND."""
    from mubench_gen.compare.protocols import difference, shared_numbers
    from mubench_gen.errors import SettingError, did_you_mean
    from mubench_gen.scores.protocols.numbers import numbers_of

    pairs = [(name, name) for name in shared_numbers(found)]
    if wanted is not None:
        first, _, second = wanted.partition(":")
        pairs = [(first, second or first)]
        for protocol, name in zip(found.protocols, pairs[0], strict=True):
            if name not in (known := numbers_of(protocol)):
                raise SettingError(
                    f"--number: {protocol.name} has no number {name!r}. {did_you_mean(name, known)}"
                )
    made = [difference(found, causes, *pair) for pair in pairs]
    return [one for one in made if one is not None]


def _old_scores(found: ProtocolTally, seed: int) -> dict[str, Any]:
    from mubench_gen.compare.protocols import part_scores

    parts = {part: part_scores(found, part, seed=seed) for part in _PARTS}
    first, second = _means_of(parts["datasets"]) or (None, None)
    return {
        "pooled": _old(part_scores(found, None, seed=seed).get("")),
        "macro": first,
        "macro_ours": second,
        **{
            part: {name: _old(one) for name, one in scores.items()}
            for part, scores in parts.items()
        },
    }


def _old(one: PartScore | None) -> dict[str, Any]:
    if one is None:
        return dict.fromkeys(("accuracy", "half_width", "ci95", "ours")) | {"n": 0}
    return {
        "n": one.n,
        "accuracy": one.first,
        "half_width": one.half_width,
        "ci95": list(one.ci95),
        "ours": one.second,
    }


def _means_of(scores: Mapping[str, PartScore]) -> tuple[float, float] | None:
    """Both protocols' means over data sets, of their scores; None without one."""
    from statistics import fmean

    each = scores.values()
    return (fmean(one.first for one in each), fmean(one.second for one in each)) if each else None


def _reservations(run: Run, found: ProtocolTally, protocol: Protocol) -> list[str]:
    from mubench_gen.scores.protocols.asked import reservations

    return reservations(run.manifest, protocol, asked=found.asked, n_errors=found.n_errors)


def _print_parts(run: Run, found: ProtocolTally, seed: int) -> None:
    from mubench_gen.cli.views.tables import print_table
    from mubench_gen.compare.protocols import part_scores

    first, second = (one.name for one in found.protocols)
    pooled = part_scores(found, None, seed=seed)
    rows = [_row("pooled (micro)", one) for one in pooled.values()]
    parts = {part: part_scores(found, part, seed=seed) for part in _PARTS}
    rows += [_row(name, one) for scores in parts.values() for name, one in scores.items()]
    if means := _means_of(parts["datasets"]):
        rows.append(["mean of the data sets", "", *_compared(*means)])
    print_table(
        ["", "n", first, "±", second, "difference"],
        rows,
        title=f"{run.manifest['plugin']['name']} · {run.manifest['model']['id']}: the items that "
        "both count",
        right=range(1, 6),
    )


def _row(name: str, one: PartScore) -> list[str]:
    return [name, f"{one.n:,}", *_compared(one.first, one.second, one.half_width)]


def _compared(first: float, second: float, half_width: float | None = None) -> list[str]:
    """The cells of two numbers, with half of the first's interval where there is one."""
    from mubench_gen.console.numbers import percent

    half = "" if half_width is None else f"{100 * half_width:.2f}"
    return [percent(first), half, percent(second), f"{100 * (first - second):+.1f}"]


def _print_difference(found: ProtocolTally, one: ProtocolDifference) -> None:
    from mubench_gen.cli.views.tables import print_table
    from mubench_gen.console.numbers import percent

    first, second = (protocol.name for protocol in found.protocols)
    title = (
        f"{first} {one.first.name} {percent(one.first.value)} (n {one.first.n:,}) − "
        f"{second} {one.second.name} {percent(one.second.value)} (n {one.second.n:,}) = "
        f"{one.points:+.2f} points"
    )
    if not one.steps:
        say(printable(f"{title}: the two agree on every item."))
        return
    print_table(
        ["", "whose", "cause", "items", "points", "for example"],
        [
            [
                step.effect or step.kind,
                step.who,
                f"{step.name}: {step.text}",
                f"{step.n:,}",
                f"{step.points:+.2f}",
                repr(str(step.examples[0]["reply"])[:_REPLY]) if step.examples else "",
            ]
            for step in one.steps
        ],
        title=f"{title}. Where they differ:",
        right=[3, 4],
    )


def _print_notes(run: Run, found: ProtocolTally) -> None:
    if found.n_scored:
        say(
            f"{found.n_scored:,} items have option scores instead of a reply: "
            "all rules take the highest."
        )
    if found.n_errors:
        say(f"{found.n_errors:,} items failed and are counted by neither.")
    for protocol in found.protocols:
        for note in _reservations(run, found, protocol):
            say(printable(f"{protocol.name}: not comparable with others' numbers: {note}."))
