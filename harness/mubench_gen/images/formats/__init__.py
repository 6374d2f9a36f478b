"""Formats of microscopes and scanners, through the readers that their communities keep.

Each module has a `Reader` whose package is an extra; `unread` names those that none here reads.
"""

from __future__ import annotations

# How the name of a file ends that is taken for a picture where a folder is looked through.
SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".btf", ".gif", ".webp", ".bmp", ".pgm", ".ppm",
    ".pnm", ".jp2", ".j2k", ".jls", ".jxl", ".avif", ".lsm", ".stk", ".svs", ".ndpi", ".scn",
    ".qptiff", ".bif", ".czi", ".nd2", ".lif", ".dcm", ".ozx", ".vsi", ".oib", ".ims", ".mrxs",
    ".dv",
})  # fmt: skip
