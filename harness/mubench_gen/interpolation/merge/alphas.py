"""α as it is written: numbers, ranges, and by part of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from itertools import product

from mubench_gen.errors import SettingError
from mubench_gen.interpolation.merge.parts import PARTS, part_of

REST = "rest"
_MOST_ALPHAS = 201
_GLOB = re.compile(r"[*?\[]")
_EARLY = re.compile(r"embed|patch|pre_|ln_pre|class_|position|conv1")  # before a tower's blocks

Gradient = tuple[Decimal, ...]  # from a tower's first block to its last; one for all


@dataclass(frozen=True, slots=True)
class ByPart:
    """An α for each part of a model: "text", "vision", "projector", a glob of names, "rest".

    The first that matches a tensor counts, globs before the others; what no part matches stays the
    base's, by `leaves`. Several α of a part are spread over its blocks; before them the first
    counts, and behind them the last; with `outside_first` the first counts there too.
    """

    parts: tuple[tuple[str, Gradient], ...]
    outside_first: bool = False

    def at(self, name: str, place: tuple[int, int] | None) -> float:
        """The α of a tensor; `place`: its block's number and how many its tower has."""
        for part, gradient in self.parts:
            if matches(part, name):
                first = self.outside_first
                return float(gradient[0]) if first and not place else _spread(gradient, name, place)
        return 0.0

    def leaves(self, name: str) -> bool:
        """Whether no part matches the tensor."""
        return not any(matches(part, name) for part, _ in self.parts)


Alpha = Decimal | ByPart


def alpha_at(alpha: Alpha, name: str, place: tuple[int, int] | None) -> float:
    """The α of one tensor."""
    return alpha.at(name, place) if isinstance(alpha, ByPart) else float(alpha)


def leaves(alpha: Alpha, name: str) -> bool:
    """Whether α is of other parts alone, so that the tensor of that name stays the base's."""
    return isinstance(alpha, ByPart) and alpha.leaves(name)


def numbers_of(alpha: Alpha) -> Iterator[Decimal]:
    """All numbers in an α."""
    if isinstance(alpha, ByPart):
        yield from (number for _, gradient in alpha.parts for number in gradient)
    else:
        yield alpha


def parts_of(alpha: Alpha) -> tuple[str, ...]:
    """The parts that have an α of their own."""
    return tuple(part for part, _ in alpha.parts) if isinstance(alpha, ByPart) else ()


def matches(part: str, name: str) -> bool:
    """Whether a part of a model has the tensor of that name."""
    if _GLOB.search(part):
        return fnmatchcase(name, part)
    return part == REST or part_of(name) == part


def parse_alphas(given: Iterable[str | Alpha]) -> tuple[Alpha, ...]:
    """α from texts: numbers, lists with commas, START:STOP:STEP with both ends; PART=… by part.

    By part every combination is made. Raises SettingError for what is none of these. What is
    parsed already stays as it is.
    """
    given = tuple(given)
    parsed = tuple(one for one in given if not isinstance(one, str))
    if parsed:
        return parsed
    written = (text for text in given if isinstance(text, str))
    texts = [part.strip() for text in written for part in _items(text) if part.strip()]
    if any("=" in text for text in texts):
        found: tuple[Alpha, ...] = tuple(_combined(texts))
    else:
        found = tuple(sorted({alpha for text in texts for alpha in _parsed(text)}))
    if not found:
        raise SettingError("No α: give --alpha 0.5, --alpha 0,0.5,1 or --alpha 0:1:0.1.")
    if len(found) > _MOST_ALPHAS:
        raise SettingError(f"{len(found):,} α are more than the {_MOST_ALPHAS} of one merge.")
    return found


def spelled(alpha: Alpha) -> str:
    """The shortest plain spelling: "0", "0.1", "-0.5", "vision=0.25,text=[0,0.5]"."""
    if isinstance(alpha, ByPart):
        text = ",".join(f"{part}={_gradient(values)}" for part, values in alpha.parts)
        return f"{text},outside blocks the first" if alpha.outside_first else text
    text = f"{alpha:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def folder_name(alpha: Alpha) -> str:
    """The folder's name for one of several α."""
    if isinstance(alpha, ByPart):
        parts = (f"{part}-{_gradient(values)}" for part, values in alpha.parts)
        text = re.sub(r"[^\w.+-]+", "", "-".join(parts).replace(",", "_"))
        return f"alpha-{text}"
    return f"alpha-{spelled(alpha)}"


def _gradient(values: Gradient) -> str:
    texts = ",".join(map(spelled, values))
    return texts if len(values) == 1 else f"[{texts}]"


def _spread(gradient: Gradient, name: str, place: tuple[int, int] | None) -> float:
    values = [float(value) for value in gradient]
    if place is None or place[1] < 2:
        return values[0] if len(values) == 1 or _EARLY.search(name) else values[-1]
    at = place[0] / (place[1] - 1) * (len(values) - 1)
    left = min(int(at), len(values) - 2) if len(values) > 1 else 0
    right = min(left + 1, len(values) - 1)
    return values[left] + (values[right] - values[left]) * (at - left)


def _items(text: str) -> list[str]:
    """What stands between commas, but for those in the brackets of a gradient."""
    found: list[str] = []
    for piece in text.split(","):
        value = found[-1].rpartition("=")[2].strip() if found else ""
        if value.startswith("[") and not value.endswith("]"):
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return found


def _combined(texts: Sequence[str]) -> Iterator[ByPart]:
    wanted: dict[str, list[Gradient]] = {}
    part = ""
    for text in texts:
        name, equals, value = text.rpartition("=")
        part = name.strip() if equals else part
        if not part:
            raise SettingError(
                f"--alpha {text}: some α are of a part (PART=α), this one is of none. Say which."
            )
        _check_part(part)
        wanted.setdefault(part, []).extend(_values(value if equals else text))
    order = sorted(wanted, key=lambda part: (not _GLOB.search(part), part == REST))
    for values in product(*(dict.fromkeys(wanted[part]) for part in order)):
        yield ByPart(tuple(zip(order, values, strict=True)))


def _check_part(part: str) -> None:
    if part not in (*PARTS, REST) and not _GLOB.search(part):
        raise SettingError(
            f"--alpha {part}=…: no part of a model. Parts are {', '.join(PARTS)}, {REST}, or a "
            "glob of tensors' names, such as '*.self_attn.*'."
        )


def _values(text: str) -> list[Gradient]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [tuple(_number(part.strip(), text) for part in text[1:-1].split(","))]
    return [(number,) for number in _parsed(text)]


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
