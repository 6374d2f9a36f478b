"""Units of measured quantities: what they are of, and how large.

Two units of one kind can be converted. SI prefixes, and the words for them, are known for lengths,
times, masses, volumes, voltages, frequencies, concentrations and some more; squares and cubes of
lengths too. Any other word is a unit of its own kind ("cells").
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Unit(NamedTuple):
    """A unit: `kind` is equal for units that can be converted, `size` is in that kind's base."""

    kind: str
    size: float


_PREFIXES = {
    "p": 1e-12, "n": 1e-9, "µ": 1e-6, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 0.1, "": 1.0,
    "k": 1e3, "M": 1e6, "G": 1e9,
}  # fmt: skip
_PREFIX_WORDS = {
    "pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2, "deci": 0.1,
    "": 1.0, "kilo": 1e3, "mega": 1e6, "giga": 1e9,
}  # fmt: skip
_BASES = {"m": "m", "g": "g", "s": "s", "V": "V", "A": "A", "Hz": "Hz", "L": "L", "l": "L",
          "eV": "eV", "Pa": "Pa", "W": "W", "J": "J", "M": "M", "mol": "mol", "N": "N",
          "Da": "Da", "T": "T", "px": "px"}  # fmt: skip
_WORDS = {"meter": "m", "metre": "m", "gram": "g", "second": "s", "volt": "V", "ampere": "A",
          "hertz": "Hz", "liter": "L", "litre": "L", "electronvolt": "eV", "pascal": "Pa",
          "watt": "W", "joule": "J", "molar": "M", "mole": "mol", "newton": "N",
          "dalton": "Da", "tesla": "T", "pixel": "px"}  # fmt: skip
_OTHERS = {
    "micron": Unit("m", 1e-6), "å": Unit("m", 1e-10), "angstrom": Unit("m", 1e-10),
    "ångström": Unit("m", 1e-10), "ångstrom": Unit("m", 1e-10), "mum": Unit("m", 1e-6),
    "sec": Unit("s", 1.0), "min": Unit("s", 60.0), "minute": Unit("s", 60.0),
    "h": Unit("s", 3600.0), "hr": Unit("s", 3600.0), "hour": Unit("s", 3600.0),
    "day": Unit("s", 86400.0), "%": Unit("%", 1.0), "percent": Unit("%", 1.0),
    "pct": Unit("%", 1.0), "per cent": Unit("%", 1.0), "°": Unit("°", 1.0),
    "degree": Unit("°", 1.0), "deg": Unit("°", 1.0), "°c": Unit("°C", 1.0),
    "x": Unit("×", 1.0), "×": Unit("×", 1.0), "fold": Unit("×", 1.0),
}  # fmt: skip
_POWERS = {"²": 2, "^2": 2, "2": 2, "³": 3, "^3": 3, "3": 3}
_SQUARE = {"square": 2, "squared": 2, "sq": 2, "cubic": 3, "cubed": 3}


@lru_cache(maxsize=1024)
def physical(text: str) -> Unit | None:
    """The unit that a text names, None if it is no unit that is known."""
    text = " ".join(text.replace("μ", "µ").replace("Å", "Å").split()).strip(" .")
    power, bare = 1, text
    for word, value in _SQUARE.items():
        if text.lower().startswith(f"{word} "):
            power, bare = value, text[len(word) + 1 :]
        elif text.lower().endswith(f" {word}"):
            power, bare = value, text[: -len(word) - 1]
    for sign, value in _POWERS.items():
        if power == 1 and len(text) > len(sign) and text.endswith(sign):
            power, bare = value, text[: -len(sign)].rstrip()
    found = _simple(bare)
    if found is None or (power > 1 and found.kind not in ("m", "px")):
        return None
    if power == 1:
        return found
    return Unit(f"{found.kind}{power}", found.size**power)


def _simple(text: str) -> Unit | None:
    low = text.lower()
    if (other := _OTHERS.get(low) or _OTHERS.get(low.removesuffix("s"))) is not None:
        return other
    for base, kind in _BASES.items():
        if text.endswith(base) and (prefix := text[: -len(base)]) in _PREFIXES:
            if base == "px" and prefix:
                continue
            return Unit(kind, _PREFIXES[prefix])
    for word, kind in _WORDS.items():
        for ending in (word, word + "s"):
            if low.endswith(ending) and (prefix := low[: -len(ending)].rstrip("- ")) in (
                _PREFIX_WORDS
            ):
                return Unit(kind, _PREFIX_WORDS[prefix])
    return None


def unit_of(text: str) -> Unit | None:
    """The unit that is asked for: a known one, or a word of its own; None for an empty text."""
    if not text.strip():
        return None
    return physical(text) or Unit(f"word {singular(text)}", 1.0)


def singular(word: str) -> str:
    """A word for comparison: cells is cell, nuclei is nucleus."""
    low = word.strip().lower()
    for plural, ending in (("ies", "y"), ("nuclei", "nucleus"), ("ia", "ion")):
        if low.endswith(plural) and len(low) > len(plural) + (plural != "nuclei"):
            return low[: -len(plural)] + ending
    return "nucleus" if low == "nuclei" else low.removesuffix("s")


# Names that may stand behind a number, the longest first.
_NAMES = (
    r"(?:square |sq\.? |cubic )?(?:pico|nano|micro|milli|centi|deci|kilo|mega|giga)?[- ]?"
    r"(?:met(?:er|re)|gram|second|volt|ampere|hertz|lit(?:er|re)|electronvolt|pascal|watt|joule"
    r"|molar|mole|newton|dalton|tesla|pixel)s?(?: squared| cubed)?"
    r"|(?:square |cubic )?microns?|[aå]ngstr[oö]ms?|per ?cent|pct|percent"
    r"|minutes?|hours?|days?|degrees?"
    r"|[pnµumcdkMG]?(?:eV|Hz|Pa|mol|Da)|[pnµumcdkMG]?[mgsVALlWJMNT](?:\s?(?:\^?[23]|[²³]))?"
    r"|px|min|sec|hrs?|h|deg|°\s?C|°|%|Å|[x×](?!\s*\d)|-?fold|mum(?:\s?(?:\^?[23]|[²³]))?"
)
NAME = re.compile(rf"\s{{0,3}}-?(?P<unit>{_NAMES})(?![A-Za-zµ])")
