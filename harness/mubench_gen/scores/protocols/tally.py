"""records → counts of like items under several protocols, of which all their numbers follow.

Items are alike if they have the same data set, task, gold place and readings, so that memory does
not grow with their number. Only a number that is an area under a curve keeps each probability.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from mubench_gen.errors import DefinitionError, UsageError
from mubench_gen.prompts.render import load_prompt
from mubench_gen.scores.open_answers import is_apart
from mubench_gen.scores.protocols.definition import Asking, Chosen
from mubench_gen.scores.protocols.files import Protocol
from mubench_gen.scores.protocols.rules import RuleReading, read
from mubench_gen.storage.records import Record

WhyNot = str  # "", or why a protocol does not count an item: "prompts", "read-outs", "excluded"


class LikeItems(NamedTuple):
    """What like items share; `readings` and `why_not` are by protocol, in their order."""

    dataset: str
    task: str
    group: str
    gold: int
    readings: tuple[RuleReading, ...]
    why_not: tuple[WhyNot, ...]
    cause: str = ""  # why two protocols read it differently


@dataclass(slots=True)
class Probabilities:
    """The probabilities of all options of some items, and whether each is the gold one."""

    values: array[float] = field(default_factory=lambda: array("d"))
    gold: array[int] = field(default_factory=lambda: array("b"))
    missing: int = 0

    def add(self, record: Record) -> None:
        """Note an item's; one without probabilities is counted as missing."""
        found = record.get("probabilities")
        if found is None:
            self.missing += 1
            return
        self.values.extend(found)
        self.gold.extend(place == record["gold"] for place in range(len(found)))


@dataclass(slots=True)
class ProtocolTally:
    """The counted items of a run. `n_boxes`: items that ask for boxes, counted nowhere else."""

    protocols: tuple[Protocol, ...]
    items: Counter[LikeItems] = field(default_factory=Counter)
    curves: dict[LikeItems, Probabilities] = field(
        default_factory=lambda: defaultdict(Probabilities)
    )
    n_errors: int = 0
    n_boxes: int = 0
    n_scored: int = 0  # items with option scores instead of a reply

    @property
    def asked(self) -> int:
        """The number of all records."""
        return sum(self.items.values()) + self.n_errors + self.n_boxes


Caused = Callable[[Record, Sequence[RuleReading]], str]


def tally(
    records: Iterable[Record],
    manifest: Mapping[str, Any],
    protocols: Sequence[Protocol],
    group_of: Callable[[str], str | None],
    cause_of: Caused | None = None,
) -> ProtocolTally:
    """Count the records under each of the protocols. `cause_of` says why two readings differ."""
    found = ProtocolTally(tuple(protocols))
    counted = [selection(protocol, manifest, group_of) for protocol in protocols]
    curves = any(n.metric == "auc" for p in protocols for n in p.file.numbers.values())
    for record in records:
        if is_apart(record):
            found.n_boxes += 1
        elif record["status"] == "error":
            found.n_errors += 1
        else:
            found.n_scored += record["reply"] is None
            readings = tuple(read(protocol.file.parser, record) for protocol in protocols)
            alike = LikeItems(
                record["dataset"],
                record["task"],
                group_of(record["task"]) or "",
                record["gold"],
                tuple(one._replace(how="") for one in readings),
                tuple(why_not(record) for why_not in counted),
                "" if cause_of is None else cause_of(record, readings),
            )
            found.items[alike] += 1
            if curves:
                found.curves[alike].add(record)
    return found


def selection(
    protocol: Protocol, manifest: Mapping[str, Any], group_of: Callable[[str], str | None]
) -> Callable[[Record], WhyNot]:
    """A function that says why the protocol does not count a record; empty if it does.

    Of prompts and read-outs those of the protocol are counted, where the run has any of them.
    """
    asking, exclude = asking_of(protocol, manifest), protocol.file.exclude
    digests = {prompt.sha256 for prompt in prompts_of(asking)}
    stored: Mapping[str, str] = (manifest.get("content") or {}).get("prompts") or {}
    chosen = {name for name, sha256 in stored.items() if sha256 in digests}
    names = chosen or {prompt.name for prompt in prompts_of(asking)} & set(stored)
    settings = manifest.get("settings") or {}
    readouts = set(asking.readout if asking else ()) & set(settings.get("readout") or ())

    def why_not(record: Record) -> WhyNot:
        if names and record["prompt"] not in names:
            return "prompts"
        if readouts and record["readout"] not in readouts:
            return "read_outs"
        group = group_of(record["task"]) or ""
        return "excluded" if _any_is_in(exclude, record["dataset"], record["task"], group) else ""

    return why_not


def asking_of(protocol: Protocol, manifest: Mapping[str, Any]) -> Asking | None:
    """How the protocol asks models of the run's kind; None if it asks none of them."""
    kind = (manifest.get("plugin") or {}).get("kind")
    return protocol.file.contrastive if kind == "contrastive" else protocol.file.generative


def prompts_of(asking: Asking | None) -> list[Any]:
    """The prompts of a protocol, loaded; none where it takes any."""
    if asking is None:
        return []
    try:
        return [load_prompt(name, dict(asking.prompt_set)) for name in asking.prompt]
    except UsageError as error:
        raise DefinitionError(f"A prompt of the protocol: {error}") from None


def is_in(chosen: Chosen, dataset: str, task: str, group: str) -> bool:
    """Whether an item is among the chosen ones."""
    return (
        _matches(chosen.datasets, dataset)
        and _matches(chosen.tasks, task)
        and _matches(chosen.groups, group)
    )


def _any_is_in(exclude: Chosen, dataset: str, task: str, group: str) -> bool:
    parts = ((exclude.datasets, dataset), (exclude.tasks, task), (exclude.groups, group))
    return any(patterns and _matches(patterns, value) for patterns, value in parts)


def _matches(patterns: Sequence[str], value: str) -> bool:
    """Whether one of the patterns is the value, and none with "!" is; no patterns: any."""
    wanted = [one for one in patterns if not one.startswith("!")]
    unwanted = [one[1:] for one in patterns if one.startswith("!")]
    if any(fnmatchcase(value, one) for one in unwanted):
        return False
    return not wanted or any(fnmatchcase(value, one) for one in wanted)
