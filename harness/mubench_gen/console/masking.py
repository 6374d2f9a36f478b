"""Masks known secrets (`secrets.py` registers them) as ***.

In clear, and in the forms that they come back in: escaped for JSON, HTML or a URL, or in base64.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Any

MASK = "***"
_SHORTEST = 8  # characters of a secret: shorter ones may be ordinary words
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_"


# One character, as JSON, Python, URLs or HTML escape it, however often it was quoted.
_ESCAPED = re.compile(
    r"""(?<!\\)\\+(?:u(?P<u>[0-9a-f]{4})|x(?P<x>[0-9a-f]{2})|(?P<c>[/"'])|(?P<b>(?<=\\\\)))"""
    r"""|(?P<url>(?:%(?:25)*[0-9a-f]{2})+)|(?P<html>&(?:\#\w{1,5}|amp|lt|gt|quot|apos);)""",
    re.IGNORECASE | re.VERBOSE,
)


# Parts of such escapes by their first byte: its absence is found quickly.
_SIGNS = {
    b"%": re.compile(rb"%[0-9A-Fa-f]{2}"),
    b"\\": re.compile(rb"\\(?:[ux/]|\\[\"'\\])"),
    b"&": re.compile(rb"&[#alqg]"),
}


@dataclass(frozen=True, slots=True)
class _Known:
    """The secrets, the longest first as one may contain another, and their forms.

    `literals`: in clear and as in JSON, each with the beginning that is looked for, since a
    message may have cut the rest; `encoded`: in base64, at each of its three alignments.
    """

    secrets: tuple[str, ...] = ()
    literals: tuple[tuple[str, str], ...] = ()
    encoded: tuple[str, ...] = ()
    octets: tuple[bytes, ...] = ()


_known = _Known()


def know(*secrets: str) -> None:
    """From now on these are printed as ***. Texts of fewer than 8 characters are ignored."""
    global _known
    found = {secret for secret in secrets if len(secret) >= _SHORTEST} | set(_known.secrets)
    if len(found) == len(_known.secrets):
        return
    known = tuple(sorted(found, key=lambda one: (-len(one), one)))
    literals = tuple(dict.fromkeys(form for secret in known for form in _literal_forms(secret)))
    encoded = tuple({form: None for secret in known for form in _base64_forms(secret)})
    heads = tuple((form, _head(form)) for form in literals)
    sought = (*(head for _, head in heads), *encoded)
    octets = tuple(form.encode("utf-8", "surrogatepass") for form in sought)
    _known = _Known(known, heads, encoded, octets)


def forget() -> None:
    """Forget all secrets."""
    global _known
    _known = _Known()


def holds_secret(content: bytes) -> bool:
    """Whether a secret may be in a JSON document: quick, and certain if False."""
    octets = _known.octets
    if not octets:
        return False
    if any(form in content for form in octets):
        return True
    return any(begin in content and sign.search(content) for begin, sign in _SIGNS.items())


def blank(text: str) -> str:
    """The text with known secrets masked."""
    known = _known
    if not known.secrets:
        return text
    for form, head in known.literals:
        if head in text:
            text = text.replace(form, MASK)
    for form, head in known.literals:
        if head in text:
            text = MASK.join(_around(text, form, head))
    for form in known.encoded:
        while form in text:
            head, _, tail = text.partition(form)
            text = head.rstrip(_BASE64) + MASK + tail.lstrip(_BASE64).lstrip("=")
    return _blank_escaped(text) if _ESCAPED.search(text) else text


def blank_body(content: bytes) -> bytes:
    """What a server sent, with secrets masked: JSON stays JSON."""
    if not holds_secret(content):
        return content
    text = content.decode("utf-8", "surrogateescape")
    try:
        text = json.dumps(blanked(json.loads(text)))
    except (ValueError, RecursionError):
        text = blank(text)
    return text.encode("utf-8", "surrogateescape")


def blanked(value: Any) -> Any:
    """A JSON value with secrets masked in all its texts, keys too."""
    if isinstance(value, str):
        return blank(value)
    if isinstance(value, Mapping):
        return {blanked(name): blanked(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [blanked(one) for one in value]
    return value


def _head(form: str) -> str:
    """The beginning that is looked for: from less of it nobody can guess the rest."""
    return form[: max(12, len(form) // 2)] if len(form) >= 16 else form


def _around(text: str, form: str, head: str) -> Iterator[str]:
    """The pieces of the text between occurrences of a form, whole or cut short."""
    first, *others = text.split(head)
    yield first
    rest = form[len(head) :]
    for other in others:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(other, rest, strict=False))
        yield other[len(list(same)) :]


def _literal_forms(secret: str) -> tuple[str, str, str]:
    """The secret in clear, and as JSON writes it, with and without non-ASCII characters."""
    return secret, json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]


def _base64_forms(secret: str) -> set[str]:
    """The parts of its base64 that do not depend on the bytes before and behind it."""
    content = secret.encode("utf-8", "surrogatepass")
    found = set()
    for before in range(3):
        begin, end = -(-8 * before // 6), 8 * (before + len(content)) // 6
        form = b64encode(bytes(before) + content).decode()[begin:end]
        found |= {form, form.replace("+", "-").replace("/", "_")}
    return found


def _blank_escaped(text: str) -> str:
    """Masks secrets of which some characters are escaped."""
    for whole in _known.secrets:
        secret = whole.strip("\\") or whole  # at an end they can't be told from those of escapes
        core = _unescaped(secret)
        if core in _unescaped(text):
            text = _spelled(secret).sub(MASK, text)
            if core in _unescaped(text):  # escaped in two ways, one in the other
                text = _unescaped(text).replace(core, MASK)
    plain = _unescaped(text)
    return blank(plain) if any(form in plain for form in _known.encoded) else text


def _unescaped(text: str) -> str:
    """The text with its escapes replaced until there are none, four times at most."""
    for _ in range(4):
        plain = _ESCAPED.sub(_character, text)
        if plain == text:
            break
        text = plain
    return text


def _character(match: re.Match[str]) -> str:
    if match["url"]:
        octets = re.findall("%(?:25)*([0-9a-f]{2})", match["url"], re.IGNORECASE)
        return bytes.fromhex("".join(octets)).decode("utf-8", "replace")
    if match["html"]:
        from html import unescape

        return unescape(match["html"])
    if match["b"] is not None:
        return "\\"
    return match["c"] or chr(int(match["u"] or match["x"], 16))


@cache
def _spelled(secret: str) -> re.Pattern[str]:
    """Finds a secret, each of its characters escaped or not."""
    return re.compile("".join(map(_spellings, secret)), re.IGNORECASE)


def _spellings(character: str) -> str:
    from html import escape

    octets = "".join(f"%(?:25)*{octet:02x}" for octet in character.encode("utf-8", "replace"))
    plain, number = re.escape(character), ord(character)
    quoted = rf"|\\+{plain}" if character in "/\"'" else r"|\\+" if character == "\\" else ""
    return (
        rf"(?:(?-i:{plain})|\\+u{number:04x}|\\+x{number:02x}|{octets}{quoted}"
        rf"|&\#0*{number};|&\#x0*{number:x};|{re.escape(escape(character))})"
    )
