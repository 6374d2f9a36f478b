"""The forms in which a secret comes back, and where a text has it in any of them."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Callable


def _each(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(character)) for character in text)


def _basic(text: str) -> str:
    return base64.b64encode(f"user:{text}".encode()).decode()


def _escaped(text: str) -> str:
    """As JSON without a character that is no letter or digit in clear."""
    return "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "in clear": str,
    "as JSON": lambda text: json.dumps(text)[1:-1],
    "as JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "as JSON, each character": _each("\\u{:04x}"),
    "as JSON, some characters": _escaped,
    "as JSON, in capitals": _each("\\u{:04X}"),
    "as JSON, its slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "as Python has it": ascii,
    "as Python's bytes": _each("\\x{:02x}"),
    "in a URL": lambda text: urllib.parse.quote(text, safe=""),
    "in a URL in a URL": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), ""),
    "in a URL, each character": _each("%{:02X}"),
    "as JSON in a URL": lambda text: urllib.parse.quote(_escaped(text), safe=""),
    "in HTML": html.escape,
    "in HTML, each character": _each("&#{};"),
    "in HTML, in hexadecimal": _each("&#x{:x};"),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "as a header has it": _basic,
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(f"ab{text}".encode()).decode(),
    "as a header has it, in a URL": lambda text: urllib.parse.quote(_basic(text), safe=""),
}


def traces(content: bytes, secret: str) -> list[str]:
    """The spellings of a secret that a file or a stream has, as it is or as a JSON string."""
    text = content.decode("utf-8", "replace")
    found = []
    for name, spelled in SPELLINGS.items():
        form = spelled(secret).strip("=\"'")
        if form in text or json.dumps(form)[1:-1] in text:
            found.append(name)
    return found
