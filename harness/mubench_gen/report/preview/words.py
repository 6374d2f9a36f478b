"""An image policy in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from mubench_gen.images.auto import AutoPolicy
from mubench_gen.images.colours import NAMED
from mubench_gen.images.microscope import ScientificPolicy
from mubench_gen.images.policy import StandardPolicy

_RANGES = {
    "auto": "from the darkest to the brightest percentiles of what is shown (or the window that "
    "the file gives), with a floor so that noise is not amplified; colour samples are stretched "
    "together, so that a stain keeps its hue",
    "minmax": "of each channel the least value is black and the greatest full brightness",
}
_STACKS = {
    "auto": "the maximum where the background is dark, else the sharpest plane",
    "sharpest": "the sharpest plane",
    "max": "the maximum over all planes",
    "mean": "the mean over all planes",
    "first": "the first plane",
    "middle": "the middle plane",
    "images": "each plane is an image of its own, all under one contrast",
    "montage": "all planes as tiles of one picture, under one contrast",
}
_TIMES = {
    "max": "the maximum over all frames",
    "mean": "the mean over all frames",
    "images": "each frame is an image of its own, all under one contrast",
    "montage": "all frames as tiles of one picture, under one contrast",
}
_OWN = "the file's own, else those of the dyes (DAPI blue, GFP green, …), else the usual order"


def policy_words(policy: StandardPolicy) -> list[str]:
    """Sentences that say how files become what a model is given."""
    found = [
        "8-bit pictures (PNG, JPEG, …) are shown as they are: transparency over white, turned as "
        "their EXIF data say.",
        *(f"{what}: {how}." for what, how in _choices(policy)),
        f"Limits: {policy.max_pixels:,} pixels and {policy.max_bytes / 2**20:,.0f} MiB of samples.",
    ]
    if policy.transform is not None:
        found.append(f"Afterwards: {policy.transform.words}.")
    return found


def _choices(policy: StandardPolicy) -> Iterator[tuple[str, str]]:
    """What is chosen of files that are no plain pictures, and how."""
    if not isinstance(policy, AutoPolicy | ScientificPolicy):
        yield "Values of more than 8 bits", _RANGES["minmax"]
        yield "Several pages or frames", "the first"
        return
    yield "Contrast of files of more than 8 bits, or with channels", _range(policy.range)
    yield "Planes in depth", _STACKS.get(policy.z) or f"plane {policy.z} (counted from 0)"
    if isinstance(policy, AutoPolicy):
        frame = f"the {policy.t} frame" if not policy.t.isdecimal() else f"frame {policy.t}"
        yield "Times", _TIMES.get(policy.t) or frame
    yield "Colours of channels", _channels(policy.channels) or _OWN
    if isinstance(policy, AutoPolicy):
        level = policy.level
        yield "Pyramids", "the finest level within the limits" if level == "auto" else level
        if policy.region is not None:
            left, top, width, height = policy.region
            yield "Region", f"{width} × {height} pixels at {left}, {top}"
        if policy.scene:
            yield "Scene", f"{policy.scene} (counted from 0)"


def _range(value: str) -> str:
    kind, _, bounds = value.partition(":")
    low, _, high = bounds.partition(":")
    if kind == "window":
        return f"the value {low} is black and {high} full brightness"
    if kind == "percentile":
        return f"the {low}th percentile is black and the {high}th full brightness"
    return _RANGES[value]


def _channels(chosen: tuple[tuple[int, str], ...]) -> str:
    if not chosen:
        return ""
    told = [f"{n} in {colour}" if colour in NAMED else str(n) for n, colour in chosen]
    return f"{', '.join(told)} (channels counted from 0)"
