"""The verdict on a fine-tune as sentences: where it gains, where it loses, what changes that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mubench_gen.ablation.grid import shown
from mubench_gen.ablation.seen import OF_IMAGES, SEEN, hides
from mubench_gen.ablation.statistics.gains import Gain, GainChange, Where
from mubench_gen.images.transform import NONE

if TYPE_CHECKING:
    from mubench_gen.ablation.statistics.verdict import PairVerdict

_FEW = 4  # cells that a sentence names
_KINDS: Mapping[str, Where] = {
    "A real gain": "gain", "A real loss": "loss", "Neither is shown": "not known",
}  # fmt: skip


def sentences(found: PairVerdict) -> Iterator[str]:
    """What the verdict says, the whole first."""
    whole, *levels = found.gains
    others = [one for one in levels if one.factor not in OF_IMAGES or one.level != NONE]
    yield (
        f"{found.finetuned} against {found.base}, with the images as they are: "
        f"{_points(whole.gain)} ({_range(whole.ci95)}; {_surely(whole.verdict)}), on "
        f"{found.items:,} items."
    )
    for words, kind in _KINDS.items():
        if where := [_named(one) for one in others if one.verdict == kind]:
            yield f"{words} at {'; '.join(where)}."
    yield from _by_cell(found.cells)
    images = [one for one in found.changes if one.factor in OF_IMAGES]
    yield from (_changed(one) for one in images if one.is_shown)
    if same := [level_words(one) for one in images if not one.is_shown]:
        yield f"Under {', '.join(same)} the difference is not shown to change."
    own = [one for one in found.changes if one.factor not in OF_IMAGES]
    for one in own:
        if one.reverses:
            yield (
                f"It reverses between {one.factor} {shown(one.baseline)} "
                f"({_points(one.gain_there)}) and {shown(one.level)} ({_points(one.gain)})."
            )
    if any(one.factor == "prompt" for one in own) and not any(one.reverses for one in own):
        yield "No prompt is shown to reverse it."
    yield from found.missing


def _by_cell(cells: Sequence[Gain]) -> Iterator[str]:
    """In how many cells there is a gain and a loss; the fewer of them by name."""
    gains, losses = ([one for one in cells if one.verdict == kind] for kind in ("gain", "loss"))
    counts = (
        f"Cells with a real gain: {len(gains):,} of {len(cells):,}; a real loss: {len(losses):,}"
    )
    fewer = min(gains, losses, key=len)
    if not gains or not losses:
        yield f"{counts}."
        return
    named = "; ".join(f"{one.level} ({_points(one.gain)})" for one in fewer[:_FEW])
    more = f"; and {len(fewer) - _FEW:,} more" if len(fewer) > _FEW else ""
    yield f"{counts}. {'Gains' if fewer is gains else 'Losses'}: {named}{more}."


def _changed(one: GainChange) -> str:
    told = f"Under {level_words(one)} the difference is {_points(one.gain)}"
    if hides(one.factor, one.level):
        part = f"{_points(-one.change)} ({_range((-one.ci95[1], -one.ci95[0]))})"
        return f"{told}: {part} depend on the image."
    if one.reverses:
        return f"{told}: it reverses ({_points(one.change)}, {_range(one.ci95)})."
    if one.gain_there > 0 > one.change:
        lost = (-one.ci95[1], -one.ci95[0])
        return f"{told}: {-100 * one.change:.1f} points of the gain are lost ({_range(lost)})."
    return f"{told}: it changes by {_points(one.change)} ({_range(one.ci95)})."


def _named(one: Gain) -> str:
    return f"{level_words(one)} ({_points(one.gain)})"


def level_words(one: Gain | GainChange) -> str:
    """The level, after its factor where that says more."""
    return shown(one.level) if one.factor == SEEN else f"{one.factor} {shown(one.level)}"


def _surely(verdict: Where) -> str:
    return {"gain": "a real gain", "loss": "a real loss"}.get(verdict, "not shown to differ")


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _range(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:+.1f} to {100 * ends[1]:+.1f}"
