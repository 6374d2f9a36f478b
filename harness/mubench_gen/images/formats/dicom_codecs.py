"""Compressions of DICOM that pydicom leaves to other packages, decoded by imagecodecs.

pydicom asks this module, as a plugin of its decoders, where its own cannot decode a frame.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydicom import pixels, uid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NEEDED = ("imagecodecs",)
_JPEG_2000 = (
    uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K,
)  # fmt: skip
_LOSSLESS = (uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
# What pydicom wants to know of a plugin.
DECODER_DEPENDENCIES = dict.fromkeys(
    (uid.JPEGExtended12Bit, *_LOSSLESS, *_JPEG_LS, *_JPEG_2000), _NEEDED
)


def is_available(syntax: str) -> bool:
    """Whether imagecodecs is there, as pydicom asks it."""
    return find_spec("imagecodecs") is not None


def decode_frame(content: bytes, runner: Any) -> bytearray:
    """One frame's values, row by row, the samples of a pixel together."""
    found = _decoded(content, runner.transfer_syntax, runner.samples_per_pixel)
    runner.set_option("bits_allocated", 8 * found.itemsize)
    runner.set_option("planar_configuration", 0)
    if str(runner.photometric_interpretation) in ("YBR_ICT", "YBR_RCT"):
        runner.set_option("photometric_interpretation", "RGB")
    return bytearray(found.tobytes())


def _decoded(content: bytes, syntax: str, samples: int) -> NDArray[np.generic]:
    import imagecodecs

    found: NDArray[np.generic]
    if syntax in _JPEG_2000:
        found = imagecodecs.jpeg2k_decode(content)
    elif syntax in _JPEG_LS:
        found = imagecodecs.jpegls_decode(content)
    elif syntax in _LOSSLESS:
        found = imagecodecs.ljpeg_decode(content)
    else:
        space = None if samples == 1 else "RGB"  # as stored: pydicom converts colours itself
        found = imagecodecs.jpeg_decode(content, colorspace=space, outcolorspace=space)
    return found


for _syntax in DECODER_DEPENDENCIES:  # at the import, which threads do once; after pydicom's own
    pixels.get_decoder(_syntax).add_plugin("imagecodecs", (__name__, "decode_frame"))
