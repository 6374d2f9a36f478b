"""Where the tiles of a whole slide in DICOM lie (PS3.3, C.7.6.17.3 and C.8.12.14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mubench_gen.images.source import Region

Tile = tuple[int, int, int]  # frame, left, top


@dataclass(frozen=True, slots=True)
class Tiles:
    """`size`: width and height of the level; `tile`: those of a tile; `planes` (in depth) and
    `paths` (of light): how many; `of[plane, path]`: the tiles of each."""

    size: tuple[int, int]
    tile: tuple[int, int]
    planes: int
    paths: int
    of: Mapping[tuple[int, int], Sequence[Tile]]

    def within(self, plane: int, path: int, region: Region) -> Iterator[Tile]:
        """The tiles that a region meets, at places in it."""
        left, top, width, height = region
        for frame, x, y in self.of.get((plane, path), ()):
            if -self.tile[0] < x - left < width and -self.tile[1] < y - top < height:
                yield frame, x - left, y - top


def tiles_of(data: Any) -> Tiles | None:
    """The tiles of a data set; None where it is no slide in tiles. ValueError where the file
    does not say where they lie."""
    frames = int(data.get("NumberOfFrames", 1) or 1)
    if "TotalPixelMatrixColumns" not in data:
        return None
    size = int(data.TotalPixelMatrixColumns), int(data.TotalPixelMatrixRows)
    tile = int(data.Columns), int(data.Rows)
    across, down = -(-size[0] // tile[0]), -(-size[1] // tile[1])
    stated = data.get("DimensionOrganizationType")
    if stated == "TILED_FULL" or (stated is None and frames == across * down):
        corners = [
            (column * tile[0], row * tile[1]) for row in range(down) for column in range(across)
        ]
        planes = int(data.get("TotalPixelMatrixFocalPlanes", 1) or 1)
        paths = frames // (len(corners) * planes)
        if len(corners) * planes * paths != frames:
            raise ValueError(f"its {frames} frames are not {across} × {down} tiles")
        places = [(plane, path) for path in range(paths) for plane in range(planes)]
        numbered = ((place, corner) for place in places for corner in corners)
    else:
        if "PerFrameFunctionalGroupsSequence" not in data:
            raise ValueError("it does not say where its tiles lie")
        told = [_told(group) for group in data.PerFrameFunctionalGroupsSequence]
        heights = sorted({height for height, _, _ in told})
        lights = sorted({light for _, light, _ in told})
        planes, paths = len(heights), len(lights)
        numbered = (
            ((heights.index(height), lights.index(light)), corner) for height, light, corner in told
        )
    found: dict[tuple[int, int], list[Tile]] = {}
    for frame, (place, (left, top)) in enumerate(numbered):
        found.setdefault(place, []).append((frame, left, top))
    return Tiles(size, tile, planes, paths, found)


def _told(group: Any) -> tuple[float, str, tuple[int, int]]:
    """Height, path of light, and left and top of a frame, counted from 0."""
    place = group.PlanePositionSlideSequence[0]
    light = group.get("OpticalPathIdentificationSequence")
    return (
        float(place.get("ZOffsetInSlideCoordinateSystem", 0) or 0),
        str(light[0].OpticalPathIdentifier) if light else "",
        (
            int(place.ColumnPositionInTotalImagePixelMatrix) - 1,
            int(place.RowPositionInTotalImagePixelMatrix) - 1,
        ),
    )
