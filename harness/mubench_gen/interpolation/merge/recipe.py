"""The recipe of a merge: method, α, which tensors. Checked before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.alphas import (
    Alpha,
    ByPart,
    numbers_of,
    parse_alphas,
    spelled,
)
from mubench_gen.interpolation.merge.methods import (
    METHODS,
    USUAL,
    Sparse,
    method_named,
    settings_for,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """`alphas`: numbers, ascending, each once, or combinations by part.

    `method` is one of `methods.METHODS`: docs/interpolation.md says what each makes of a tensor.
    `sparse`: the settings of the methods that drop parts of the differences. Tensors that
    `include` and `exclude` leave out are the base's. `keep_base`: so are those that a fine-tune
    lacks or has in another shape, which is otherwise refused.
    """

    alphas: tuple[Alpha, ...]
    method: str = "linear"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sparse: Sparse = USUAL
    keep_base: bool = False

    @property
    def numbers(self) -> tuple[Decimal, ...]:
        """The α of a recipe that has none by part."""
        return tuple(alpha for alpha in self.alphas if not isinstance(alpha, ByPart))

    def covers(self, name: str) -> bool:
        """Whether the tensor of that name is merged."""
        kept = not self.include or any(fnmatchcase(name, glob) for glob in self.include)
        return kept and not any(fnmatchcase(name, glob) for glob in self.exclude)

    def as_dict(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "alphas": [spelled(alpha) for alpha in self.alphas],
            "include": list(self.include),
            "exclude": list(self.exclude),
            **({"missing": "keep-base"} if self.keep_base else {}),
            **{key: value for key, value in asdict(self.sparse).items() if value is not None},
        }


def make_recipe(
    alphas: Iterable[str],
    *,
    method: str = "linear",
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    sparse: Sparse = USUAL,
    keep_base: bool = False,
) -> Recipe:
    """The checked recipe. Raises SettingError for an invalid α, method, or setting of one."""
    method = method_named(method)
    found = parse_alphas(alphas)
    outside = [one for alpha in found for one in numbers_of(alpha) if not 0 <= one <= 1]
    if outside and not METHODS[method].any_alpha:
        raise SettingError(
            f"α {spelled(outside[0])} is outside [0, 1], where {method} has no meaning. "
            "Beyond the ends: --method task-arithmetic."
        )
    settings = settings_for(method, sparse)
    return Recipe(found, method, tuple(include), tuple(exclude), settings, keep_base)


def lines_scale(alpha: float, place: tuple[int, int] | None) -> float:
    """LiNeS's factor in block number `place[0]` (from 0) of `place[1]`; None: in no block."""
    if place is None or place[1] < 2:
        return alpha
    return alpha + (1 - alpha) * place[0] / (place[1] - 1)


def block_depths(names: Iterable[str]) -> Mapping[str, tuple[int, int]]:
    """For each tensor in a numbered block: the block's number and how many its tower has."""
    found: dict[str, tuple[str, int]] = {}
    for name in names:
        block = BLOCK.match(name)
        if block:
            found[name] = (block["tower"], int(block["number"]))
    counts: dict[str, int] = {}
    for tower, number in found.values():
        counts[tower] = max(counts.get(tower, 0), number + 1)
    return {name: (number, counts[tower]) for name, (tower, number) in found.items()}


# The first integer in a name is its block's: vision_model.encoder.layers.3.mlp.fc1.weight
BLOCK = re.compile(r"(?P<tower>.*?)\.(?P<number>[0-9]{1,9})\.")


def block_of(name: str) -> str:
    """The block that a tensor belongs to, for tables: its tower and number, else its module."""
    block = BLOCK.match(name)
    if block:
        return f"{block['tower']}.{block['number']}"
    module = name.rpartition(".")[0]
    return ".".join(module.split(".")[:2]) if module else name
