"""What TIFF files say of their channels: OME's XML, ImageJ's look-up tables, Zeiss's LSM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from mubench_gen.images.source import Channel

_WHITE = -1  # OME's default colour, which says nothing


def channels_of(file: Any, series: int, count: int) -> Sequence[Channel]:
    """The `count` channels of a series; none where the file says nothing of them."""
    if file.is_ome:
        return _of_ome(file.ome_metadata, series, count)
    if file.is_imagej:
        return _of_imagej(file.imagej_metadata or {}, count)
    if file.is_lsm:
        return _of_lsm(file.lsm_metadata or {}, count)
    return ()


def _of_ome(text: str, series: int, count: int) -> Sequence[Channel]:
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, TypeError):  # tifffile read what it needs of it
        return ()
    images = [one for one in root if one.tag.endswith("}Image") or one.tag == "Image"]
    if series >= len(images):
        return ()
    found = [one for one in images[series].iter() if one.tag.rpartition("}")[2] == "Channel"]
    if len(found) != count:
        return ()
    return [
        Channel(one.get("Name") or one.get("Fluor") or "", _ome_colour(one.get("Color")))
        for one in found
    ]


def _ome_colour(text: str | None) -> tuple[int, int, int] | None:
    """Red, green, blue, alpha as a signed number of 32 bits."""
    try:
        value = _WHITE if text is None else int(text)
    except ValueError:
        return None
    if value == _WHITE:
        return None
    return _shown((value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255)


def _of_imagej(about: dict[str, Any], count: int) -> Sequence[Channel]:
    tables, ranges = about.get("LUTs") or [], list(about.get("Ranges") or ())
    if not ranges and "min" in about and "max" in about:
        ranges = [about["min"], about["max"]]
    if len(tables) < count and len(ranges) < 2 * count:
        return ()
    return [
        Channel(
            colour=_shown(*(int(row[-1]) for row in tables[i])) if len(tables) >= count else None,
            window=_window(*ranges[2 * i : 2 * i + 2]) if len(ranges) >= 2 * count else None,
        )
        for i in range(count)
    ]


def _of_lsm(about: dict[str, Any], count: int) -> Sequence[Channel]:
    stored = about.get("ChannelColors") or {}
    names, colours = stored.get("ColorNames") or [], stored.get("Colors") or []
    if len(names) != count or len(colours) != count:
        return ()
    return [
        Channel(str(name), _shown(*(int(part) for part in colour[:3])))
        for name, colour in zip(names, colours, strict=True)
    ]


def _window(low: float, high: float) -> tuple[float, float] | None:
    return (float(low), float(high)) if high > low else None


def _shown(red: int, green: int, blue: int) -> tuple[int, int, int] | None:
    """The colour; None for black, in which nothing can be seen."""
    return (red, green, blue) if max(red, green, blue) > 0 else None
