"""Which model a server's replies say that they are of: the one that was asked, or another."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from mubench_gen.engines.server.kind import Served
from mubench_gen.errors import EngineFault, ReplyError

_HOPELESS = 16  # replies of another model, with none of the right one, before the run ends
_DATED = r"[-@](\d{3,4}|\d{8}|\d{4}-\d\d-\d\d)"  # behind an id, of what stands for it by then


class Names:
    """What replies may call the model; None as `known`: the server lists no models.

    A reply that names no model claims nothing. A dated form of the id is that model too, and
    where there is no list, the first reply decides; each is another model than any other form.
    """

    def __init__(self, asked: str, known: Collection[str] | None, also: Collection[str]) -> None:
        self._asked = asked
        self._known = None if known is None else {asked, *known}
        self._also = also
        self._strange = 0
        self.first: str | None = None  # what the replies call it, where that is not the id

    def check(self, named: Any) -> None:
        """ReplyError for a reply of another model; EngineFault where all of them are."""
        if not isinstance(named, str) or not named or named == self.first:
            return
        means = self._meant(named)
        if means is None:
            raise self._other(named)
        if self.first is None:
            self.first = means
        elif means != self.first:
            raise ReplyError(
                f"the reply is of the model {named!r:.200}, those before were of {self.first!r}"
            )

    def _meant(self, named: str) -> str | None:
        """The name that stands for all equal ones; None for another model's."""
        if named in self._also or _is(named, self._known or {self._asked}):
            return self._asked
        dated = re.escape(self._asked.removesuffix("-latest")) + _DATED
        if self._known is None or re.fullmatch(dated, named):
            return named
        return None

    def _other(self, named: str) -> Exception:
        self._strange += 1
        said = (
            f"the reply is of the model {named!r:.200}, asked was {self._asked!r}. Where that is "
            "the same model under another name: -o engine.answers_as=NAME"
        )
        if self.first is None and self._strange >= _HOPELESS:
            return EngineFault(f"The first {self._strange} replies were of another model: {said}.")
        return ReplyError(said)


def known_names(model: Served, served: Sequence[Served]) -> frozenset[str]:
    """What a server's list calls the model: its id, what it came from, its aliases."""
    same = [one for one in served if model.root is not None and one.root == model.root]
    names = {name for one in (model, *same) for name in (one.id, one.root, *one.aliases)}
    return frozenset(name for name in names if name)


def _is(named: str, names: Collection[str]) -> bool:
    """Whether it is one of the names; a path may stand for its last part, and the other way."""
    return named in names or named.rpartition("/")[2] in {n.rpartition("/")[2] for n in names}
