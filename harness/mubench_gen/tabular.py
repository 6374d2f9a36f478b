"""A table as text for a terminal, and in the formats that other programs read."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """The text on one line, with nothing that a terminal would obey.

    White space becomes spaces; control and format characters (ESC, bidirectional marks) are
    shown as their escapes.
    """
    return "".join(
        " "
        if character in "\t\n\r\v\f\x85\u2028\u2029"
        else character
        if character.isprintable() or not unicodedata.category(character).startswith("C")
        else character.encode("unicode_escape").decode()
        for character in text
    )
