"""The tokens of an option's text as a reply, for the read-out `cloze`: shared by all engines. No
torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mubench_gen.errors import ItemError


def continued(
    texts: Sequence[str], tail: str, encode: Callable[[str], Sequence[int]]
) -> list[list[int]]:
    """The tokens of each text behind a prompt that ends in `tail`.

    A space is put between where the tail ends in something else than white space. Tokens are those
    behind the tail's own; where the two merge, those of the text by itself.
    """
    between = " " if tail and not tail[-1].isspace() else ""
    before, found = list(encode(tail)), []
    for text in texts:
        whole = list(encode(tail + between + text))
        own = whole[len(before) :] if whole[: len(before)] == before else []
        tokens = own or list(encode(between + text))
        if not tokens:
            raise ItemError(f"The option {text!r:.60} has no token, so that it has no probability.")
        found.append(tokens)
    return found
