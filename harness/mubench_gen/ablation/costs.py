"""What each level of each axis costs: requests, image prefills and tokens, counted before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mubench_gen.ablation.grid import Grid
from mubench_gen.plan.plan import Plan
from mubench_gen.runs.cost_estimate import LETTERS_A_TOKEN, REPLY_SHARE, image_tokens_of
from mubench_gen.types import Image, Request, Text


@dataclass(frozen=True, slots=True)
class LevelCost:
    """The distinct requests of all cells with a level, their image prefills and tokens.

    own: the requests that no other level of the axis shares, which would not be asked without it.
    prompt_tokens: about, of texts and images without a cache (of the read-out `cloze` once for each
    option, with the option); reply_tokens: about, an eighth of the longest replies, thoughts among
    them. The sums over the levels may be more than the study's: levels share requests.
    """

    factor: str
    level: str
    requests: int
    own: int
    prefills: int
    prompt_tokens: int
    reply_tokens: int


class Costs:
    """Counts requests by the levels of the cells that need them; of one model."""

    def __init__(self, grid: Grid, plan: Plan) -> None:
        self._factors = [
            (number, factor) for number, factor in enumerate(grid.factors) if len(factor.levels) > 1
        ]
        self._cells: Mapping[tuple[int, str, str], tuple[str, ...]] = {
            (cell.condition, cell.prompt, cell.readout): cell.levels for cell in grid.cells
        }
        self._image = image_tokens_of(plan)[0]
        self.options = 0  # that requests of the read-out cloze score
        self._tokens: dict[str, tuple[int, int]] = {}
        self._prefixes: dict[str, bytes | None] = {}
        self._needed: dict[tuple[int, str], set[str]] = {}

    def add(
        self,
        cell: tuple[int, str, str],
        request: Request,
        prefix: bytes | None,
        *,
        thinks: bool = False,
    ) -> None:
        """Count a request of a cell, given by condition, prompt and read-out; `thinks`: of a model
        that was told to think, so that scores come behind a thought."""
        key = request.key
        if key not in self._tokens:
            self._tokens[key] = self._read(request), _written(request, thinks=thinks)
            self.options += len(request.texts) if request.readout == "cloze" else 0
            self._prefixes[key] = prefix
        for number, _ in self._factors:
            self._needed.setdefault((number, self._cells[cell][number]), set()).add(key)

    @property
    def tokens(self) -> tuple[int, int]:
        """About how many tokens all requests have that are read, and that are written."""
        return _sums(list(self._tokens.values()))

    def by_level(self) -> Sequence[LevelCost]:
        """The costs of each level, in the order of the grid."""
        return [
            self._of_level(number, factor.name, level, factor.levels)
            for number, factor in self._factors
            for level in factor.levels
        ]

    def _of_level(self, at: int, name: str, level: str, levels: Sequence[str]) -> LevelCost:
        keys = self._needed.get((at, level), set())
        rest = [self._needed.get((at, other), set()) for other in levels if other != level]
        read, written = _sums([self._tokens[key] for key in keys])
        return LevelCost(
            factor=name,
            level=level,
            requests=len(keys),
            own=len(keys.difference(*rest)),
            prefills=len({self._prefixes[key] for key in keys} - {None}),
            prompt_tokens=read,
            reply_tokens=written,
        )

    def _read(self, request: Request) -> int:
        parts = [part for message in request.messages for part in message.content]
        letters = sum(len(part.text) for part in parts if isinstance(part, Text))
        prompt = letters // LETTERS_A_TOKEN + self._image * sum(isinstance(p, Image) for p in parts)
        if request.readout != "cloze":
            return prompt
        return sum(prompt + max(1, len(text) // LETTERS_A_TOKEN) for text in request.texts)


def _written(request: Request, *, thinks: bool) -> int:
    if request.readout in ("parse", "choice") or thinks:
        return max(1, request.sampling.max_tokens // REPLY_SHARE)
    return int(request.readout != "cloze")


def _sums(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return sum(read for read, _ in pairs), sum(written for _, written in pairs)
