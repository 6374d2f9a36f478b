"""Normalises text; every function keeps its length in code points.

Spans refer to code points of the original reply, so full-width forms, styled letters and
typographic marks are translated one to one, and noise (Markdown, LaTeX, HTML, special tokens)
is blanked out, never removed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_MARKS = {
    "。": "\n",  # ends a sentence without a space after it, like a line break
    "｡": "\n",
    "、": ",",
    "【": "[",
    "】": "]",
    "〔": "[",
    "〕": "]",
    "「": '"',
    "」": '"',
    "『": '"',
    "』": '"',
    "《": '"',
    "》": '"',
    "〈": "<",
    "〉": ">",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "‘": "'",
    "’": "'",
    "‚": "'",
    "‐": "-",
    "‑": "-",
    "‒": "-",
    "–": "-",
    "—": "-",
    "―": "-",
    "−": "-",
    "⁃": "-",
    "•": "*",
    "μ": "µ",  # the Greek letter, for the sign of micro
    "\u2028": "\n",
    "\u2029": "\n",
    "\x85": "\n",
    "\x00": " ",
}
_INVISIBLE = (
    *range(0x2000, 0x2010),  # spaces, zero-width marks, direction marks
    *range(0x202A, 0x2030),
    *range(0x205F, 0x2070),
    *range(0xFE00, 0xFE10),  # variation selectors, as in emoji
    0x00A0,
    0x00AD,
    0x20E3,  # the keycap around a digit
    0x061C,
    0x1680,
    0x3000,
    0xFEFF,
)
# Blocks whose characters are styled forms of ASCII ones.
_STYLED = (
    range(0xFF01, 0xFF5F),  # full-width forms
    range(0x1D400, 0x1D800),  # mathematical alphanumerics
    range(0x2460, 0x2469),  # ① … ⑨
    range(0x24B6, 0x24EA),  # Ⓐ … ⓩ
    range(0x1F130, 0x1F18A),  # 🄰 … 🆉
)


def _styled() -> dict[str, str]:
    table = {}
    for block in _STYLED:
        for code in block:
            plain = unicodedata.normalize("NFKC", chr(code))
            if len(plain) == 1 and plain.isascii():
                table[chr(code)] = plain
    table.update({chr(0x2080 + k): str(k) for k in range(10)})  # ₀ … ₉
    for one in (0x2474, 0x2488, 0x2776, 0x2780, 0x278A):  # ⑴ ⒈ ❶ ➀ ➊
        table.update({chr(one + k): str(k + 1) for k in range(9)})
    table.update({chr(0x249C + k): chr(ord("a") + k) for k in range(26)})  # ⒜ … ⒵
    for letter_a in (0x1F130, 0x1F150, 0x1F170):  # 🄰 🅐 🅰
        table.update({chr(letter_a + k): chr(ord("A") + k) for k in range(26)})
    return table


_FOLD = {**_styled(), **{chr(code): " " for code in _INVISIBLE}, **_MARKS}
_TABLE = str.maketrans({**_FOLD, "\x00": " "})
_FEW = 32
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def fold(text: str) -> str:
    """Replace styled and typographic characters by plain ones; keeps the length."""
    if not text.isascii():
        # One pass for each distinct character is faster than a table, as there are few.
        present = set(_BEYOND_ASCII.findall(text)) & _FOLD.keys()
        if len(present) > _FEW:
            return text.translate(_TABLE)
        for character in present:
            text = text.replace(character, _FOLD[character])
    return text.replace("\x00", " ")


def lower(text: str) -> str:
    """Lower case of the same length (İ alone would become two code points)."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def any_in(words: Iterable[str], text: str) -> bool:
    """Whether one of the words is in the text: cheaper than the pattern that needs one of them."""
    return any(map(text.__contains__, words))


def spaces(found: re.Match[str]) -> str:
    """A replacement that blanks out what was found, and keeps its length."""
    return " " * len(found[0])


_SPECIAL = re.compile(
    r"<\|[^|<>\n]{0,40}\|>|</?s>|\[/?INST\]|<(?:eos|bos|pad|unk|end_of_turn|eoa|eot)>|<0x0A>"
)
_TAGS = re.compile(
    r"</?(?:b|i|u|p|em|strong|span|div|center|code|pre|font|mark|su[bp]|li|[uo]l|h[1-6]|body|html"
    r"|final|response|output|td|tr|table)(?: [^<>]{0,80})?>|<br ?/?>",
    re.IGNORECASE,
)
_LATEX = re.compile(
    r"\\(?:text(?:bf|it|rm|tt|sf)?|math(?:bf|it|rm|tt|sf)|boldsymbol|mbox|displaystyle|bf|rm"
    r"|[Ll]arge|quad|left|right|[()\[\],;! ])"
)
_ADDRESS = re.compile(r"https?://[^\s<>\"')]{1,400}")
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")
ARROWS = "→⇒➡"  # for ">" where words are read; an order of options has none
_MARKUP = "*`$#_{}~|"


_FRACTION = re.compile(r"(\\[dt]?frac\{)([^{}]{1,24})\}\{([^{}]{1,24})\}")


def _fraction(found: re.Match[str]) -> str:
    return f"{' ' * len(found[1])}{found[2]}/ {found[3]} "


def strip_special(text: str) -> str:
    """Blank out chat-template tokens, such as <|im_end|> and </s>."""
    if "<" in text or "[/" in text or "[I" in text:
        return _SPECIAL.sub(spaces, text)
    return text


def strip_markup(text: str) -> str:
    """Blank out Markdown, LaTeX and HTML, so that **B**, $B$ and <b>B</b> read as B."""
    if "</" in text or "<br" in text:
        text = _TAGS.sub(spaces, text)
    if "\\" in text:
        text = _FRACTION.sub(_fraction, text)
        text = _LATEX.sub(spaces, text)
    if "://" in text:
        text = _ADDRESS.sub(spaces, text)
    if "~~" in text:
        text = _STRUCK.sub(spaces, text)
    for mark in _MARKUP:
        if mark in text:
            text = text.replace(mark, " ")
    if not text.isascii():
        for arrow in ARROWS:
            text = text.replace(arrow, ">")
    return text


_THINK = re.compile(r"</?(?:think|thinking|thought|reasoning)>|◁/?think▷", re.IGNORECASE)
_THINK_OPEN = re.compile(r"<(?:think|thinking|thought|reasoning)>|◁think▷", re.IGNORECASE)
_THINK_CLOSE = re.compile(r"</(?:think|thinking|thought|reasoning)>|◁/think▷", re.IGNORECASE)


def hide_thinking(text: str) -> tuple[str, bool]:
    """Blank out thinking; the flag is true if a block was opened and never closed.

    A closing mark alone counts too, because some chat templates put the opening one in the
    prompt.
    """
    if ("<" not in text and "◁" not in text) or _THINK.search(text) is None:
        return text, False
    closes = list(_THINK_CLOSE.finditer(text))
    visible_from = closes[-1].end() if closes else 0
    head = ""
    first = _THINK_OPEN.search(text)
    if first and closes and first.start() < closes[0].start():
        head = text[: first.start()]
    reopened = _THINK_OPEN.search(text, visible_from)
    if reopened:
        return " " * visible_from + text[visible_from : reopened.start()], True
    if not closes:
        return text, False
    return head + " " * (visible_from - len(head)) + text[visible_from:], False
