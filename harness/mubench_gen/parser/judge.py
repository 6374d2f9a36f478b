"""Calls a judge plugin for replies that no rule of the parser could read.

Off unless a judge is named. It never overrides a rule and never sees the right answer. The
`rule` of each record says whether a judge read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.console.progress import log
from mubench_gen.plugins.extension import Judge, Unread
from mubench_gen.types import Answer

MARK = "judge:"  # prefix of the rule of a judge's answer
_UNREAD = frozenset({"none", "ambiguous"})


def is_unread(answer: Answer, reply: str | None) -> bool:
    """Whether a judge may read the reply: it is not empty, and no rule decided."""
    return answer.status in _UNREAD and bool(reply)


def is_judged(rule: str | None) -> bool:
    """Whether the rule of a record is a judge's."""
    return rule is not None and rule.startswith(MARK)


class JudgeCaller:
    """Calls a judge plugin for unparsed replies, validates its answers, and counts them."""

    def __init__(
        self,
        name: str,
        judge: Judge,
        secret: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.secret = secret  # names of options that are secret by their type, as they are typed
        self.asked = self.answered = self.failed = 0
        self._judge = judge
        self._loaded = False

    def read(self, unread: Sequence[Unread]) -> list[Answer | None]:
        """An answer for each reply, None if the judge finds none or fails.

        If the judge raises, the replies stay unread, as the rules left them.
        """
        if not unread:
            return []
        self.asked += len(unread)
        try:
            choices = self._choices(unread)
        except Exception as error:  # an edge of isolation: one batch of one plugin
            self._fail(len(unread), f"{type(error).__name__}: {error}")
            return [None] * len(unread)
        return [self._answer(choice, one) for choice, one in zip(choices, unread, strict=True)]

    def close(self) -> None:
        if self._loaded:
            self._judge.close()

    @property
    def summary(self) -> str:
        failed = f", failed on {self.failed:,}" if self.failed else ""
        return (
            f"The judge {self.name!r} was asked about {self.asked:,} replies that no rule could "
            f"read, and read {self.answered:,}{failed}."
        )

    def _choices(self, unread: Sequence[Unread]) -> list[int | None]:
        if not self._loaded:
            self._judge.load()
            self._loaded = True
        choices = list(self._judge.read(unread))
        if len(choices) != len(unread):
            raise ValueError(f"{len(choices)} answers to {len(unread)} replies")
        return choices

    def _answer(self, choice: int | None, unread: Unread) -> Answer | None:
        if choice is None:
            return None
        if isinstance(choice, bool) or not isinstance(choice, int):
            self._fail(1, f"an answer is {choice!r}: the index of an option is needed, or None")
            return None
        if not 0 <= choice < len(unread.options):
            self._fail(1, f"the answer {choice} is out of range for {len(unread.options)} options")
            return None
        self.answered += 1
        return Answer("answered", choice, rule=f"{MARK}{self.name}")

    def _fail(self, replies: int, why: str) -> None:
        if not self.failed:
            log(f"The judge {self.name!r} failed: {why}. Its replies stay unread.")
        self.failed += replies
