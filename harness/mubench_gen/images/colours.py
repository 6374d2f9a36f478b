"""The colour that each channel is shown in: the file's own, its dye's, or the usual order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mubench_gen.images.source import Channel

Colour = tuple[int, int, int]
NAMED: dict[str, Colour] = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "cyan": (0, 255, 255),
    "magenta": (255, 0, 255), "yellow": (255, 255, 0), "grey": (255, 255, 255),
}  # fmt: skip
# Names of dyes, of fluorescent proteins and of light, as microscopes write them.
_DYES = {
    "blue": r"dapi|hoechst|draq5|dna|nucle(us|i|ar)|bfp|cfp|cerulean|alexa ?(fluor)? ?(350|405)"
    r"|pacific ?blue|coumarin|histone|h2b|4[0-5]\d ?nm",
    "green": r"e?gfp|fitc|alexa ?(fluor)? ?488|af ?488|cy2|bodipy|fluorescein|oregon ?green"
    r"|calcein|gcamp\w*|neon ?green|venus|e?yfp|citrine|phalloidin|actin|atto ?488|488 ?(nm)?",
    "red": r"m?rfp|m?cherry|tritc|texas ?red|rhodamine|alexa ?(fluor)? ?(546|555|561|568|594)"
    r"|af ?(546|555|568|594)|cy3(\.5)?|td ?tomato|ds ?red|propidium ?iodide|pi|mito ?tracker ?red"
    r"|mscarlet\w*|5[46]\d ?(nm)?|594 ?(nm)?",
    "magenta": r"cy5(\.5)?|cy7|alexa ?(fluor)? ?(633|647|660|680|700|750)|af ?647|far ?red"
    r"|irfp\w*|sir-\w+|6[34]\d ?(nm)?|7\d\d ?nm|allophycocyanin|apc",
    "grey": r"bright ?field|bf|dic|phase( ?contrast)?|phc?\d?|trans(mitted|mission)?( ?light)?"
    r"|tl|tpmt|t-pmt|esid|oblique|reflection",
}  # fmt: skip
_PATTERNS = {
    colour: re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z0-9])", re.IGNORECASE)
    for colour, names in _DYES.items()
}
# Unnamed channels: by wavelength, as most microscopes store them, so the nuclei first. Red stays
# out, in case they are not.
_USUAL = ("blue", "green", "magenta", "yellow", "cyan", "grey")
_USUAL_TWO = ("green", "magenta")
MOST = len(_USUAL)  # channels that are shown together
_FAINT = (128, 128, 128)  # transmitted light beside other channels


def colour_of_dye(name: str) -> str | None:
    """The colour by the name of a dye or of light; None for an unknown one."""
    plain = name.replace("_", " ")
    return next((c for c, pattern in _PATTERNS.items() if pattern.search(plain)), None)


def chosen_colours(channels: Sequence[Channel], numbers: Sequence[int]) -> list[Colour]:
    """A colour for each of these channels; one alone is grey."""
    if len(numbers) == 1:
        return [NAMED["grey"]]
    known = [_known(channels[n] if n < len(channels) else Channel()) for n in numbers]
    if all(colour == NAMED["grey"] for colour in known):
        known = [None] * len(numbers)
    usual = _USUAL_TWO if len(numbers) == 2 and not any(known) else _USUAL
    free = [NAMED[name] for name in usual if NAMED[name] not in known]
    found = [colour or (free.pop(0) if free else NAMED["grey"]) for colour in known]
    return [_FAINT if colour == NAMED["grey"] else colour for colour in found]


def _known(channel: Channel) -> Colour | None:
    """The file's own colour, but for white, which files have where nobody chose; else the dye's."""
    if channel.colour is not None and channel.colour != NAMED["grey"]:
        return channel.colour
    name = colour_of_dye(channel.name)
    return NAMED[name] if name else channel.colour


def name_of(colour: Colour) -> str:
    """The colour's name, or else its digits: "#ff8000"."""
    names = {value: name for name, value in NAMED.items()} | {_FAINT: "faint grey"}
    return names.get(colour) or "#{:02x}{:02x}{:02x}".format(*colour)
