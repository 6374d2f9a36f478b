"""Compares the shipped image transforms with independent implementations, and times them.

python benchmarks/transforms.py [SIDE]: each transform at each severity on a picture of tissue of
SIDE pixels: the largest difference in grey levels from scikit-image, OpenCV and imagecorruptions,
as far as these are installed, and the milliseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from mubench_gen.images.transform import read_transform
from mubench_gen.plugins.registry import Plugins

SEED = 7
Other = Callable[[Any, dict[str, Any]], Any]


def main() -> None:
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    picture, others = tissue(side), dict(independent())
    print(f"{'transform':22} {'compared with':18} {'levels':>6} {'ms':>7}")
    for name, text in chosen():
        transform = read_transform(text, Plugins(), seed=SEED)
        assert transform is not None
        given = dict(transform.options) | ({"seed": SEED} if transform.seed is not None else {})
        began = time.perf_counter()
        made = transform.transform.function(picture.copy(), **given).convert("RGB")
        spent = 1000 * (time.perf_counter() - began)
        against, levels = others.get(name), "–"
        if against is not None:
            other = np.asarray(against[1](picture, given), float)
            levels = f"{np.abs(other - np.asarray(made, float)).max():.2f}"
        print(f"{text:22} {against[0] if against else '–':18} {levels:>6} {spent:7.1f}")


def chosen() -> Iterator[tuple[str, str]]:
    """Each shipped transform, at each of its severities."""
    for one in Plugins().load("grayscale").offers.transforms:
        for level in range(1, len(one.severities) + 1):
            yield one.name, f"{one.name}:{level}"
        if not one.severities:
            yield one.name, one.name


def tissue(side: int) -> Image.Image:
    """A stained section (scikit-image's), repeated to that size."""
    from skimage.data import immunohistochemistry

    found = np.asarray(immunohistochemistry())
    times = -(-side // found.shape[0])
    return Image.fromarray(np.tile(found, (times, times, 1))[:side, :side])


def independent() -> Iterator[tuple[str, tuple[str, Other]]]:
    """By transform the package that defines it too, and its picture, values from 0 to 255."""
    from skimage import color, exposure, filters
    from skimage.util import invert, random_noise

    def unit(picture: Any) -> Any:
        return np.asarray(picture, np.float64) / 255

    def hsv(picture: Any, change: Callable[[Any], Any]) -> Any:
        return 255 * color.hsv2rgb(change(color.rgb2hsv(unit(picture))).clip(0, 1)).clip(0, 1)

    def brighter(picture: Any, given: dict[str, Any]) -> Any:
        return hsv(picture, lambda found: found + np.array([0, 0, given["add"]]))

    def saturated(picture: Any, given: dict[str, Any]) -> Any:
        times, add = [1, given["times"], 1], [0, given["add"], 0]
        return hsv(picture, lambda found: found * times + add)

    def turned(picture: Any, given: dict[str, Any]) -> Any:
        found = color.rgb2hsv(unit(picture))
        found[..., 0] = (found[..., 0] + given["degrees"] / 360) % 1
        return 255 * color.hsv2rgb(found)

    def noisy(mode: str, **how: Any) -> Other:
        def make(picture: Any, given: dict[str, Any]) -> Any:
            options = {key: value(given) for key, value in how.items()}
            return 255 * random_noise(unit(picture), mode, rng=SEED, **options)

        return make

    def blurred(picture: Any, given: dict[str, Any]) -> Any:
        return 255 * filters.gaussian(unit(picture), given["sigma"], channel_axis=2)

    def stains(picture: Any, given: dict[str, Any]) -> Any:
        found = color.rgb2hed(unit(picture))
        times = [given[name] for name in ("haematoxylin", "eosin", "dab")]
        made = 255 * color.hed2rgb(found * times)
        # scikit-image cuts off negative stains: only where there is none both mean the same.
        own = stains_of(picture, given)
        return np.where((found > 0).all(axis=2)[..., None], made, own)

    yield "gaussian_blur", ("scikit-image", blurred)
    yield "gaussian_noise", ("scikit-image", noisy("gaussian", var=lambda given: given["sd"] ** 2))
    yield "speckle_noise", ("scikit-image", noisy("speckle", var=lambda given: given["sd"] ** 2))
    yield "salt_and_pepper", ("scikit-image", noisy("s&p", amount=lambda given: given["amount"]))
    yield "brightness", ("scikit-image", brighter)
    yield "saturation", ("scikit-image", saturated)
    yield "hue", ("scikit-image", turned)
    yield (
        "gamma",
        ("scikit-image", lambda p, g: 255 * exposure.adjust_gamma(unit(p), g["gamma"])),
    )
    yield "stain_strength", ("scikit-image", stains)
    yield "invert", ("scikit-image", lambda picture, given: invert(np.asarray(picture)))
    yield from opencv()
    yield from corruptions()


def stains_of(picture: Any, given: dict[str, Any]) -> Any:
    from mubench_gen_plugins.transforms.stains import stain_strength

    return np.asarray(stain_strength(picture, **given))


def opencv() -> Iterator[tuple[str, tuple[str, Other]]]:
    try:
        import cv2
    except ImportError:
        return

    def defocused(picture: Any, given: dict[str, Any]) -> Any:
        radius, softness = given["radius"], given["softness"]
        reach, size = (8, 3) if radius <= 8 else (radius, 5)
        across, down = np.meshgrid(*[np.arange(-reach, reach + 1)] * 2)
        disk = (across**2 + down**2 <= radius**2).astype(np.float32)
        kernel = cv2.GaussianBlur(disk / disk.sum(), (size, size), sigmaX=softness)
        return cv2.filter2D(np.asarray(picture, np.float32), -1, kernel)

    def by_area(picture: Any, given: dict[str, Any]) -> Any:
        """Any of the transforms to larger pixels: by the size of what it makes."""
        name = {"factor": "downscale", "max_pixels": "shrink", "um": "pixel_size"}[max(given)]
        transform = read_transform(name, Plugins(), seed=SEED)
        assert transform is not None
        size = transform.transform.function(picture, **given).size
        found = np.asarray(picture, np.float32)
        return cv2.resize(found, size, interpolation=cv2.INTER_AREA)

    yield "defocus_blur", ("OpenCV", defocused)
    for name in ("downscale", "shrink", "pixel_size"):
        yield name, ("OpenCV", by_area)


def corruptions() -> Iterator[tuple[str, tuple[str, Other]]]:
    try:
        import imagecorruptions.corruptions as other
    except ImportError:
        return
    tables = {"contrast": "keep", "pixelate": "keep", "jpeg": "quality"}
    names = {"jpeg": "jpeg_compression"}

    def severity(name: str, given: dict[str, Any]) -> int:
        for one in Plugins().load("grayscale").offers.transforms:
            if one.name == name:
                levels = [options[tables[name]] for options in one.severities]
                return 1 + levels.index(given[tables[name]])
        raise KeyError(name)

    def moved(picture: Any, given: dict[str, Any]) -> Any:
        angle = np.random.default_rng(given["seed"]).uniform(-45, 45)
        found = np.asarray(picture, np.float32)
        return other._motion_blur(found, given["radius"], given["sigma"], angle)

    def graded(name: str) -> Other:
        made = getattr(other, names.get(name, name))
        return lambda picture, given: made(picture, severity(name, given))

    for name in tables:
        yield name, ("imagecorruptions", graded(name))
    yield "motion_blur", ("imagecorruptions", moved)


if __name__ == "__main__":
    main()
