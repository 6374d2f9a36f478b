"""The answer parser: free text → one of the options, or a status that says why none."""

from typing import TYPE_CHECKING, Any

from mubench_gen.parser.labels import default_labels

if TYPE_CHECKING:
    from mubench_gen.parser.parse import parse_answer

__all__ = ["default_labels", "parse_answer"]


def __getattr__(name: str) -> Any:
    if name != "parse_answer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Its rules' patterns take as long to compile as all the rest of a listing.
    from mubench_gen.parser.parse import parse_answer

    return parse_answer
