"""Where a question's images stand in a text: markers `<image 2>` in the data, signs in templates.

Data name a place by a marker. While a template renders, a sign stands for each marker: a number
between two characters that none of the texts holds, so that no text can pass for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mubench_gen.errors import QuestionError
from mubench_gen.types import Image, Text

_BEGINS = "<image"
_MARKER = re.compile(r"<image(?:[ _]?([1-9][0-9]{0,3}))?>")
_REST = "0"  # the sign of all images that have no place of their own
_FIRST_SIGN, _LAST_SIGN = 0xE000, 0xF8FF  # private-use characters


def marker(number: int) -> str:
    """The marker of an image, counted from 1."""
    return f"<image {number}>"


def numbered(texts: Sequence[str], images: int) -> tuple[str, ...]:
    """The texts of a question (its own, then its options') with all their markers numbered.

    A bare `<image>` is the next image that no marker names. Of a row with one image, `<image 1>`
    is its place, and every other marker is plain text. QuestionError for an image that the row
    does not have.
    """
    if not any(_BEGINS in text for text in texts):
        return tuple(texts)
    if images == 1:
        return tuple(_MARKER.sub(lambda found: _only(found), text) for text in texts)
    named = {int(n) for text in texts for n in _MARKER.findall(text) if n}
    free = (number for number in range(1, images + 1) if number not in named)
    return tuple(_MARKER.sub(lambda found: _next(found, free, images), text) for text in texts)


def _only(found: re.Match[str]) -> str:
    return marker(1) if found[1] == "1" else found[0]


def _next(found: re.Match[str], free: Iterator[int], images: int) -> str:
    number = int(found[1]) if found[1] else next(free, images + 1)
    if number > images:
        raise QuestionError(
            f"{found[0]} has no image: the row has {images}. Give the row more images, or take the "
            "marker out of the text"
        )
    return marker(number)


def is_image(option: str) -> bool:
    """Whether an option is an image, or has one inside."""
    return _BEGINS in option and any(_MARKER.findall(option))


class ImageSigns:
    """The signs of a sample's images in what one template writes.

    `texts` are all the texts that the template can write, so that none of them holds the sign.
    """

    def __init__(self, images: Sequence[Image], texts: Sequence[str]) -> None:
        self._images = images
        self._sign = _unused(texts)
        self._written = re.compile(f"{self._sign}([0-9]+){self._sign}")

    @property
    def rest(self) -> str:
        """What `{{ image }}` writes: the sign of all images that have no other place."""
        return self._of(_REST) if self._images else ""

    @property
    def each(self) -> list[str]:
        """What `{{ images[0] }}`, … write."""
        return [self._of(n) for n in range(1, len(self._images) + 1)]

    def signed(self, text: str) -> str:
        """The text with signs in place of its markers, as far as there are such images."""
        if not self._images or _BEGINS not in text:
            return text
        return _MARKER.sub(self._signed, text)

    def parts(self, text: str, *, before: bool) -> tuple[Text | Image, ...]:
        """The rendered text, split at its signs; images without a place come before or after it.

        Each image is shown once: a later mention of it is a text, "<image 2>".
        """
        if self._sign not in text:
            return self._around((Text(text),), self._images, before)
        pieces = self._written.split(text)
        named = {int(number) for number in pieces[1::2]}
        waiting = [n for n in range(1, len(self._images) + 1) if n not in named]
        whole: list[str | int] = []
        for place, piece in enumerate(pieces):
            if place % 2 == 0:
                whole.append(piece)
            elif piece == _REST:
                whole += waiting
                waiting = []
            else:
                number = int(piece)
                whole.append(marker(number) if number in whole else number)
        left = [self._images[number - 1] for number in waiting]
        return self._around(tuple(self._joined(whole)), left, before)

    def plain(self, text: str, form: str = "<image {}>") -> str:
        """The text with words in place of signs, for what cannot hold an image."""
        if self._sign not in text:
            return text
        return self._written.sub(
            lambda found: "" if found[1] == _REST else form.format(found[1]), text
        )

    def _of(self, number: int | str) -> str:
        return f"{self._sign}{number}{self._sign}"

    def _signed(self, found: re.Match[str]) -> str:
        known = found[1] is not None and int(found[1]) <= len(self._images)
        return self._of(found[1]) if known else found[0]

    def _joined(self, pieces: Sequence[str | int]) -> Iterator[Text | Image]:
        """The parts of a message: neighbouring texts as one, blank ones left out."""
        said = ""
        for piece in pieces:
            if isinstance(piece, str):
                said += piece
                continue
            if said.strip():
                yield Text(said)
            said = ""
            yield self._images[piece - 1]
        if said.strip():
            yield Text(said)

    def _around(
        self, parts: tuple[Text | Image, ...], images: Sequence[Image], before: bool
    ) -> tuple[Text | Image, ...]:
        return (*images, *parts) if before else (*parts, *images)


def _unused(texts: Sequence[str]) -> str:
    """The first private-use character that is in none of the texts."""
    whole = "".join(texts)
    return next(chr(n) for n in range(_FIRST_SIGN, _LAST_SIGN + 1) if chr(n) not in whole)
