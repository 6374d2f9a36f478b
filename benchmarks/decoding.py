"""How much memory does decoding an image take? Against what its decoded samples take.

    python benchmarks/decoding.py [--megapixels 12] [--kinds …]

For each kind of file, in a process of its own: the most resident memory while the image policy
decodes one file, above what the process held with the file read and a small one of the kind
decoded, over the decoded size: width × height × channels × bytes of the file's own samples, or
as 8-bit RGB where that is larger. The bar is 3.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image as PillowImage

BAR = 3.0
_SMALL = 64  # pixels a side


def _samples(side: int, channels: int, kind: str) -> Any:
    """A picture with some structure, so that it compresses as pictures do."""
    import numpy as np

    line = np.arange(side, dtype=np.int64)
    grey = (line[:, None] * 3 + line[None] * 5) % 4001
    if channels == 1:
        return grey.astype(kind)
    return np.stack([(grey * (c + 1)) % 4001 for c in range(channels)], axis=-1).astype(kind)


def _saved(picture: PillowImage.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _pillow(channels: int, depth: str, kind: str, mode: str = "", **options: Any) -> Any:
    def make(side: int) -> bytes:
        from PIL import Image

        picture = Image.fromarray(_samples(side, channels, depth))
        if mode == "P":
            picture = picture.convert("P", palette=Image.Palette.ADAPTIVE)
        elif mode:
            picture = picture.convert(mode)
        return _saved(picture, kind, **options)

    return make


def _turned(kind: str) -> Callable[[int], bytes]:
    def make(side: int) -> bytes:
        from PIL import Image

        exif = Image.Exif()
        exif[0x0112] = 6
        return _saved(Image.fromarray(_samples(side, 3, "uint8")), kind, exif=exif)

    return make


def _deep_png(side: int) -> bytes:
    """16-bit RGB, which Pillow cannot write."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + sum_

    lines = _samples(side, 3, ">u2")
    packed = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines), 1)
    header = struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    )


def _tiff(channels: int, depth: str, planes: int = 1, **options: Any) -> Callable[[int], bytes]:
    def make(side: int) -> bytes:
        import numpy as np
        import tifffile

        stream = io.BytesIO()
        values = _samples(side, channels, depth)
        if planes > 1:
            values = np.stack([values] * planes)
        photometric = "rgb" if channels == 3 else "minisblack"
        tifffile.imwrite(stream, values, photometric=photometric, **options)
        return stream.getvalue()

    return make


# What makes it, bytes a pixel of its samples, and the `--image-set` where it is not the standard.
KINDS: dict[str, tuple[Callable[[int], bytes], int, dict[str, str]]] = {
    "8-bit RGB PNG": (_pillow(3, "uint8", "PNG", compress_level=1), 3, {}),
    "8-bit grey PNG": (_pillow(1, "uint8", "PNG", compress_level=1), 1, {}),
    "16-bit grey PNG": (_pillow(1, "uint16", "PNG", compress_level=1), 2, {}),
    "16-bit RGB PNG": (_deep_png, 6, {}),
    "palette PNG": (_pillow(3, "uint8", "PNG", "P", compress_level=1), 1, {}),
    "palette PNG with a clear colour": (
        _pillow(3, "uint8", "PNG", "P", compress_level=1, transparency=3), 1, {},
    ),
    "RGBA PNG": (_pillow(4, "uint8", "PNG", compress_level=1), 4, {}),
    "turned PNG": (_turned("PNG"), 3, {}),
    "JPEG": (_pillow(3, "uint8", "JPEG"), 3, {}),
    "turned JPEG": (_turned("JPEG"), 3, {}),
    "progressive JPEG": (_pillow(3, "uint8", "JPEG", progressive=True), 3, {}),
    "progressive JPEG, 4:4:4": (
        _pillow(3, "uint8", "JPEG", progressive=True, subsampling=0), 3, {},
    ),
    "CMYK JPEG": (_pillow(3, "uint8", "JPEG", "CMYK"), 4, {}),
    "16-bit grey TIFF": (_pillow(1, "uint16", "TIFF"), 2, {}),
    "float TIFF": (_pillow(1, "float32", "TIFF"), 4, {}),
    "32-bit grey TIFF, deflate": (
        _pillow(1, "int32", "TIFF", compression="tiff_adobe_deflate"), 4, {},
    ),
    "RGB TIFF, LZW": (_pillow(3, "uint8", "TIFF", compression="tiff_lzw"), 3, {}),
    "GIF": (_pillow(3, "uint8", "GIF", "P"), 1, {}),
    "WebP": (_pillow(3, "uint8", "WEBP"), 3, {}),
    "WebP, RGBA": (_pillow(4, "uint8", "WEBP"), 4, {}),
    "BMP": (_pillow(3, "uint8", "BMP"), 3, {}),
    "JPEG 2000": (_pillow(3, "uint8", "JPEG2000"), 3, {}),
    "16-bit grey PNG, window": (
        _pillow(1, "uint16", "PNG", compress_level=1), 2, {"range": "window:0:4000"},
    ),
    "16-bit grey TIFF, percentiles": (_tiff(1, "uint16"), 2, {"range": "percentile:1:99"}),
    "16-bit RGB TIFF, minmax": (_tiff(3, "uint16"), 6, {"range": "minmax"}),
    "float64 TIFF, percentiles": (_tiff(1, "float64"), 8, {"range": "percentile:1:99"}),
    "4 planes of 16 bits, mean": (
        _tiff(1, "uint16", 4), 8, {"z": "mean", "range": "percentile:1:99"},
    ),
    "2 planes of 16 bits, mean": (
        _tiff(1, "uint16", 2), 4, {"z": "mean", "range": "percentile:1:99"},
    ),
}  # fmt: skip


def _memory(name: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most. (getrusage's include a parent's.)"""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def measure(kind: str, side: int) -> tuple[float, float]:
    """The factor and the seconds, in this process; a file of the kind comes on stdin."""
    from mubench_gen.images.microscope import make_policy

    make, width, chosen = KINDS[kind]
    policy = make_policy(chosen)
    content = sys.stdin.buffer.read()
    policy.decode(make(_SMALL), kind)
    before, began = _memory("VmRSS"), time.perf_counter()
    policy.decode(content, kind)
    seconds = time.perf_counter() - began
    return (_memory("VmHWM") - before) / (side**2 * max(width, 3)), seconds


def measured(kind: str, side: int) -> tuple[float, float]:
    """The same in a process of its own."""
    made = [sys.executable, __file__, "--make", kind, "--side", str(side)]
    content = subprocess.run(made, check=True, stdout=subprocess.PIPE).stdout
    command = [sys.executable, __file__, "--child", kind, "--side", str(side)]
    done = subprocess.run(command, check=True, input=content, stdout=subprocess.PIPE)
    factor, seconds = map(float, done.stdout.split())
    return factor, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--make", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    side = arguments.side or round((arguments.megapixels * 1e6) ** 0.5)
    if arguments.make:
        sys.stdout.buffer.write(KINDS[arguments.make][0](side))
        return
    if arguments.child:
        print(*measure(arguments.child, side))
        return
    for kind in arguments.kinds:
        factor, seconds = measured(kind, side)
        over = "" if factor <= BAR else f"  above {BAR:g}"
        print(f"{kind:<34} {factor:5.2f} ×  {seconds:6.2f} s{over}", flush=True)


if __name__ == "__main__":
    main()
