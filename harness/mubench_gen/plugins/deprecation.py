"""Deprecated names: they work as before, and warn for at least one release before they go.

A name of the public face or of a conformance check that is to go, or has a new name, gets a
line here and a line in the CHANGELOG; the test of the API refuses a removal without one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mubench_gen.console.progress import log


class MubenchDeprecationWarning(DeprecationWarning):
    """Something of mubench-gen that is used here goes in the version that the message names."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """`instead` says what to use; `since` warns, `removed` is the first version without it."""

    instead: str
    since: str
    removed: str


NAMES: dict[str, Deprecation] = {}  # of `mubench_gen`, `mubench_gen.testing`: "Old", "Model.old"
CHECKS: dict[str, Deprecation] = {}  # of the conformance kit


def warn(what: str, deprecation: Deprecation, *, stacklevel: int = 3) -> None:
    """Say that `what` is deprecated, at the place of the caller's caller."""
    warnings.warn(
        f"{what} is deprecated since mubench-gen {deprecation.since} and goes in "
        f"{deprecation.removed}: {deprecation.instead}",
        MubenchDeprecationWarning,
        stacklevel=stacklevel,
    )


@contextmanager
def told(where: str) -> Iterator[None]:
    """Tell on stderr which deprecated names the block uses; other warnings go their way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MubenchDeprecationWarning)
        yield
    for one in caught:
        if issubclass(one.category, MubenchDeprecationWarning):
            log(f"{where}: {one.message}")
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
