"""Parts of a row that are made when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, Sized, ValuesView
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
V = TypeVar("V")
Made = TypeVar("Made", bound=Sized)


class _WhenLookedAt(Generic[Made]):
    """What `make(*arguments)` makes when it is first looked at."""

    __slots__ = ("_arguments", "_found", "_make")

    def __init__(self, make: Callable[..., Made], *arguments: Any) -> None:
        self._make = make
        self._arguments = arguments
        self._found: Made | None = None

    def _made(self) -> Made:
        if self._found is None:
            self._found = self._make(*self._arguments)  # if this raises, the next look tries again
            self._arguments = ()
        return self._found

    def __len__(self) -> int:
        return len(self._made())

    def __repr__(self) -> str:
        return repr(self._made())


class LazyList(_WhenLookedAt[Sequence[T]], Sequence[T]):
    """A sequence that is made when it is first looked at."""

    __slots__ = ()

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._made()[index]


class Lazy(_WhenLookedAt[Mapping[str, V]], Mapping[str, V]):
    """A mapping that is made when it is first looked at."""

    __slots__ = ()

    def __getitem__(self, name: str) -> V:
        return self._made()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._made()

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def items(self) -> ItemsView[str, V]:
        return self._made().items()  # at once: a look-up each takes several times as long

    def values(self) -> ValuesView[V]:
        return self._made().values()
