"""What the parser reads, in the words of the options."""

from __future__ import annotations

from mubench_gen.parser import parse_answer


def named(reply: str, options: tuple[str, ...], complete: bool | None = None) -> str | None:
    """The option that a reply names, None for none."""
    index = parse_answer(reply, options, complete=complete).index
    return None if index is None else options[index]
