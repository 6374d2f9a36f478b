"""Doubtful items as the page shows them: each with its image, its answer key and the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from mubench_gen.compare.doubtful import Doubtful, DoubtfulItem
from mubench_gen.console.numbers import percent
from mubench_gen.console.outlet import printable


def doubtful_shown(
    found: Doubtful | None, address: Callable[[str], str | None]
) -> dict[str, Any] | None:
    """What the template shows; None where there is no doubtful item. `address`: that of the image
    of a digest.
    """
    if found is None or not found.shown:
        return None
    return {
        "words": _words(found),
        "items": [_item(one, address(one.image)) for one in found.shown],
    }


def _words(found: Doubtful) -> str:
    told = f"Of {found.items:,} items that all runs answered, every run fails {found.all_wrong:,}"
    if found.backwards_by_chance is not None:
        by_chance = f"{found.backwards_by_chance:.0f} would by chance"
        told += (
            f"; {found.backwards:,} discriminate backwards: the runs that are right there are "
            f"those that are worse elsewhere (correlation −0.5 or below; {by_chance})"
        )
    more = found.all_wrong + found.backwards - len(found.shown)
    shown = f" The {len(found.shown)} most surprising ones:" if more > 0 else ""
    return f"{told}. Look whether their right option is right.{shown}"


def _item(one: DoubtfulItem, picture: str | None) -> dict[str, Any]:
    return {
        "id": printable(one.item),
        "link": f"#item={quote(one.item, safe='')}",
        "task": printable(one.task),
        "picture": picture,
        "right": printable(one.right),
        "why": _why(one),
    }


def _why(one: DoubtfulItem) -> str:
    if one.why == "backwards":
        why = f"discriminates backwards (correlation {one.discrimination:.2f})"
    else:
        why = f"every run fails it ({percent(one.by_chance)} % by chance on this task)"
    if one.agreed is None:
        return f"{why}; no run names another option"
    text, share = one.agreed
    return f"{why}; {percent(share)} % of the runs say “{printable(text)}”"
