"""The recipe of a merge: method, α, which tensors. Checked before anything is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.methods import (
    METHODS,
    USUAL,
    Sparse,
    method_named,
    settings_for,
)

_MOST_ALPHAS = 201


@dataclass(frozen=True, slots=True)
class Recipe:
    """`alphas` as written ("0", "0.1", "1"), ascending, each once.

    `method` is one of `methods.METHODS`: docs/interpolation.md says what each makes of a tensor.
    `sparse`: the settings of the methods that drop parts of the differences. Tensors that
    `include` and `exclude` leave out are the base's. `keep_base`: so are those that a fine-tune
    lacks or has in another shape, which is otherwise refused.
    """

    alphas: tuple[Decimal, ...]
    method: str = "linear"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sparse: Sparse = USUAL
    keep_base: bool = False

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
    outside = [alpha for alpha in found if not 0 <= alpha <= 1]
    if outside and not METHODS[method].any_alpha:
        raise SettingError(
            f"α {spelled(outside[0])} is outside [0, 1], where {method} has no meaning. "
            "Beyond the ends: --method task-arithmetic."
        )
    settings = settings_for(method, sparse)
    return Recipe(found, method, tuple(include), tuple(exclude), settings, keep_base)


def parse_alphas(given: Iterable[str]) -> tuple[Decimal, ...]:
    """α from texts: numbers, lists with commas, and START:STOP:STEP with both ends."""
    texts = [part.strip() for text in given for part in text.split(",") if part.strip()]
    found = {alpha for text in texts for alpha in _parsed(text)}
    if not found:
        raise SettingError("No α: give --alpha 0.5, --alpha 0,0.5,1 or --alpha 0:1:0.1.")
    if len(found) > _MOST_ALPHAS:
        raise SettingError(f"{len(found):,} α are more than the {_MOST_ALPHAS} of one merge.")
    return tuple(sorted(found))


def spelled(alpha: Decimal) -> str:
    """The shortest plain spelling: "0", "0.1", "1", "-0.5"."""
    text = f"{alpha:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def folder_name(alpha: Decimal) -> str:
    """The folder's name for one of several α."""
    return f"alpha-{spelled(alpha)}"


def _parsed(text: str) -> list[Decimal]:
    parts = text.split(":")
    numbers = [_number(part, text) for part in parts]
    if len(numbers) == 1:
        return numbers
    if len(numbers) != 3 or numbers[2] <= 0 or numbers[1] < numbers[0]:
        raise SettingError(
            f"--alpha {text}: a range is START:STOP:STEP, from low to high, as in 0:1:0.1."
        )
    start, stop, step = numbers
    count = int((stop - start) / step) + 1
    if count > _MOST_ALPHAS:
        raise SettingError(f"--alpha {text}: more than the {_MOST_ALPHAS} of one merge.")
    found = [start + step * i for i in range(count)]
    if found[-1] != stop:
        raise SettingError(
            f"--alpha {text}: steps of {spelled(step)} from {spelled(start)} do not reach "
            f"{spelled(stop)}, the last is {spelled(found[-1])}. Give a step that does."
        )
    return found


def _number(text: str, whole: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or abs(number) > 100 or not re.search(r"\d", text):
        raise SettingError(f"--alpha {whole}: {text!r} is not a number from -100 to 100.")
    return number


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
