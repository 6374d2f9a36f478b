"""The parser's error rates on replies that a person has labelled.

A labelled file is JSON Lines, one reply per line: `reply`, `options`, `gold` (the index of
the option that a reader finds in the reply, null for none), and optionally `labels`, `regime`
and `failure_mode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mubench_gen.console.outlet import printable
from mubench_gen.errors import DataError
from mubench_gen.parser import parse_answer
from mubench_gen.scores import quantile
from mubench_gen.storage.user_files import parse_json
from mubench_gen.types import Answer

if TYPE_CHECKING:
    from rich.table import Table

Outcome = Literal["right", "wrong", "unanswered", "left", "read"]
Parse = Callable[[str, Sequence[str], Sequence[str] | None], Answer]
_Z = 1.959963984540054  # normal quantile of a 95 % interval


@dataclass(frozen=True, slots=True)
class LabelledReply:
    """A reply with the option that a reader finds in it; `gold` None: no option."""

    reply: str
    options: tuple[str, ...]
    gold: int | None
    labels: tuple[str, ...] | None = None
    regime: str = ""
    failure_mode: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n`, with the Wilson interval of the rate (0 to 1 if n is 0)."""

    count: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        return self.count / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class ParserRates:
    """The parser's rates on some replies.

    `right`, `wrong` and `unanswered` are shares of the replies with an answer; `left` is the
    share of the replies without an answer that the parser left unanswered.
    """

    right: Share
    wrong: Share
    unanswered: Share
    left: Share


@dataclass(frozen=True, slots=True)
class RuleRates:
    """How often a rule decided, and was right (never on a reply without an answer)."""

    fired: int
    right: Share


@dataclass(frozen=True, slots=True)
class ParserCard:
    """The whole card. `statuses` counts replies with and without an answer, by status."""

    total: ParserRates
    regimes: dict[str, ParserRates]
    failure_modes: dict[str, ParserRates]
    statuses: dict[str, tuple[int, int]]
    rules: dict[str, RuleRates]


def wilson(count: int, n: int) -> Share:
    """A share with its 95 % Wilson score interval."""
    if n == 0:
        return Share(count, n, 0.0, 1.0)
    return Share(count, n, *quantile.wilson(count / n, n, _Z))


def load_labelled(path: Path) -> list[LabelledReply]:
    """The replies of a labelled file. Raises DataError with the number of an invalid line."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataError(f"cannot read the labelled replies in {path}: {error.strerror}") from error
    return [
        _labelled(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _labelled(line: str, where: str) -> LabelledReply:
    try:
        row = parse_json(line)
    except ValueError as error:
        raise DataError(f"{where}: not JSON ({error})") from error
    missing = {"reply", "options", "gold"} - set(row) if isinstance(row, dict) else {"an object"}
    if missing:
        raise DataError(f"{where}: needs {', '.join(sorted(missing))}")
    options, gold, labels = tuple(row["options"]), row["gold"], row.get("labels")
    if gold is not None and not (isinstance(gold, int) and 0 <= gold < len(options)):
        raise DataError(
            f"{where}: gold is {gold!r}; it must be null or an index from 0 to {len(options) - 1}"
        )
    return LabelledReply(
        reply=row["reply"],
        options=options,
        gold=gold,
        labels=tuple(labels) if labels else None,
        regime=row.get("regime", ""),
        failure_mode=row.get("failure_mode", ""),
    )


def parser_card(replies: Iterable[LabelledReply], parse: Parse = parse_answer) -> ParserCard:
    """The rates of a parser (by default the project's own) on labelled replies."""
    judged = [(row, answer, _outcome(row, answer)) for row, answer in _read(replies, parse)]
    by_regime: dict[str, list[Outcome]] = {}
    by_mode: dict[str, list[Outcome]] = {}
    statuses: dict[str, tuple[int, int]] = {}
    by_rule: dict[str, list[Outcome]] = {}
    for row, answer, outcome in judged:
        by_regime.setdefault(row.regime or "(none)", []).append(outcome)
        by_mode.setdefault(row.failure_mode or "(none)", []).append(outcome)
        held, bare = statuses.get(answer.status, (0, 0))
        statuses[answer.status] = (held, bare + 1) if row.gold is None else (held + 1, bare)
        if answer.rule is not None:
            by_rule.setdefault(answer.rule, []).append(outcome)
    return ParserCard(
        total=_tally([outcome for _, _, outcome in judged]),
        regimes={name: _tally(by_regime[name]) for name in sorted(by_regime)},
        failure_modes={name: _tally(by_mode[name]) for name in sorted(by_mode)},
        statuses=dict(sorted(statuses.items())),
        rules={
            name: RuleRates(len(outcomes), wilson(outcomes.count("right"), len(outcomes)))
            for name, outcomes in sorted(by_rule.items(), key=lambda entry: -len(entry[1]))
        },
    )


def _read(replies: Iterable[LabelledReply], parse: Parse) -> Iterable[tuple[LabelledReply, Answer]]:
    for row in replies:
        yield row, parse(row.reply, row.options, row.labels)


def _outcome(row: LabelledReply, answer: Answer) -> Outcome:
    if row.gold is None:
        return "left" if answer.index is None else "read"
    if answer.index is None:
        return "unanswered"
    return "right" if answer.index == row.gold else "wrong"


def _tally(outcomes: Sequence[Outcome]) -> ParserRates:
    bare = outcomes.count("left") + outcomes.count("read")
    held = len(outcomes) - bare
    return ParserRates(
        right=wilson(outcomes.count("right"), held),
        wrong=wilson(outcomes.count("wrong"), held),
        unanswered=wilson(outcomes.count("unanswered"), held),
        left=wilson(outcomes.count("left"), bare),
    )


def card_json(card: ParserCard) -> dict[str, Any]:
    """The card as a JSON document."""
    return asdict(card)


def card_tables(card: ParserCard) -> list[Table]:
    """The card as rich tables: pooled and by regime, by status, by rule."""
    from rich.table import Table
    from rich.text import Text

    regimes = Table(title="Parser, by regime", caption="share [95 % Wilson interval] (count of n)")
    for heading in ("regime", "right", "wrong", "unanswered", "without an answer: left unanswered"):
        regimes.add_column(heading)
    for name, tally in {**card.regimes, "all": card.total}.items():
        shares = (tally.right, tally.wrong, tally.unanswered, tally.left)
        regimes.add_row(Text(printable(name)), *map(_percent, shares))
    statuses = Table("status", "with an answer", "without", title="Parser, by status")
    for name, (held, bare) in card.statuses.items():
        statuses.add_row(name, str(held), str(bare))
    rules = Table("rule", "fired", "right", title="Parser, by rule")
    for name, rule in card.rules.items():
        rules.add_row(name, str(rule.fired), _percent(rule.right))
    return [regimes, statuses, rules]


def _percent(share: Share) -> str:
    if share.rate is None:
        return "-"
    return (
        f"{100 * share.rate:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"
        f" ({share.count} of {share.n})"
    )
