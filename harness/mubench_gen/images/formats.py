"""Names of image files."""

from __future__ import annotations

# How the name of a file ends that is taken for a picture where a folder is looked through.
SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".btf", ".gif", ".webp", ".bmp", ".pgm", ".ppm",
    ".pnm", ".jp2", ".j2k", ".jxl", ".avif", ".lsm", ".stk", ".svs", ".ndpi", ".scn", ".qptiff",
    ".bif", ".czi", ".nd2", ".lif", ".dcm", ".ozx",
})  # fmt: skip
