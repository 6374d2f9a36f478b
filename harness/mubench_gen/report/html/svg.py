"""SVG as text: every attribute and text escaped, lengths in pixels or per cent.

Plots are as wide as their container: x is in per cent and y in pixels, so that text keeps its
size on a phone.
"""

from __future__ import annotations

from html import escape


def tag(name: str, content: str = "", **attributes: object) -> str:
    """One element. `class_` is the class; "_" in a name becomes "-"; None leaves it out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}>{content}</{name}>" if content else f"<{name}{shown}/>"


def text(words: str, **attributes: object) -> str:
    """A text element."""
    return tag("text", escape(words), **attributes)


def titled(title: str, *parts: str, **attributes: object) -> str:
    """A group with a title, which is its tool tip and what a screen reader says."""
    return tag("g", tag("title", escape(title)) + "".join(parts), **attributes)


def figure(parts: list[str], *, height: float, title: str, class_: str = "plot") -> str:
    """The whole picture. `title` says in words what it shows."""
    return tag(
        "svg",
        "".join(parts),  # no <title> here: it would be a tool tip everywhere
        xmlns="http://www.w3.org/2000/svg",
        class_=class_,
        width="100%",
        height=height,
        role="img",
        aria_label=title,
    )


def at(share: float) -> str:
    """A share of the width, 0 to 1, as a length."""
    return f"{100 * share:.2f}%"


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
