"""Which rows of a record batch are sound, told from its Arrow buffers a column at a time.

It is cautious: for a row that it does not call sound, `schema.check_row` says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mubench_gen.data.columnar import validity
from mubench_gen.data.columns import marked, may_have_several_images
from mubench_gen.data.schema import QUESTION_IS_GIVEN_BY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Numbers = NDArray[np.int64]

_VARIANTS = ("_0", "_1")  # of a question's captions
_NO_NUMBER = -1
UNCOUNTED = -1  # options of an open question


@dataclass(frozen=True, slots=True)
class Checked:
    """`sound`: per row. `options`: question → per row, its number of options, 0 where the row has
    no such question; true of sound rows alone."""

    sound: Mask
    options: dict[str, Numbers]


def has_image(batch: Any) -> Mask:
    """Where the image's bytes are not NULL; everywhere if the batch has no images, and nowhere if
    a row may have several, which is looked at by itself."""
    if may_have_several_images(batch.schema):
        return np.zeros(len(batch), np.bool_)
    if "image" not in batch.schema.names:
        return np.ones(len(batch), np.bool_)
    image = batch.column("image")
    return validity(image) & validity(image.field(image.type.get_field_index("bytes")))


def check_batch(batch: Any) -> Checked:
    """Check all rows of a record batch with μ-Bench's columns, but for the image."""
    sound = _has_text(batch.column("image_id")) & ~marked(batch)
    questions = batch.column("questions")
    captions = batch.column("captions") if "captions" in batch.schema.names else None
    sound &= validity(questions)
    if captions is not None:
        sound &= validity(captions)
    options: dict[str, Numbers] = {}
    for field in questions.type:
        given, counts, gold, fine = _question(_part(questions, field.name), len(batch))
        for variant in _VARIANTS:
            cell = None if captions is None else _part(captions, field.name + variant)
            if cell is not None and fine.any():
                fine &= _captions(cell, counts, gold)
        sound &= fine | ~given
        counts = np.where(counts > 0, counts, UNCOUNTED)
        options[field.name] = np.where(given, counts, 0)
    return Checked(sound, options)


def _part(array: Any, name: str) -> Any:
    """A field of a struct; None where the type has none, or one that is never there."""
    import pyarrow.types as kinds

    if not kinds.is_struct(array.type) or array.type.get_field_index(name) < 0:
        return None
    found = array.field(array.type.get_field_index(name))
    return None if kinds.is_null(found.type) else found


def _question(cell: Any, rows: int) -> tuple[Mask, Numbers, Numbers, Mask]:
    """Per row: whether there is a question, its number of options, its gold, and whether it is
    sound."""
    nothing, none = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    if cell is None:
        return none, nothing, nothing, none
    given = validity(cell) & _any_given(cell)
    options = _part(cell, "options")
    texts = None if options is None else _lists(options)
    gold = _numbers(_part(cell, "answer_idx"), rows)
    if texts is None or gold is None:
        return given, nothing, gold if gold is not None else nothing, none
    fine = texts.sound & (texts.counts >= 2) & (gold >= 0) & (gold < texts.counts)
    text = _part(cell, "question")
    fine &= _distinct(texts) & (none if text is None else _has_text(text))
    answer = _part(cell, "answer")
    if answer is not None:
        fine &= ~validity(answer) | _is_option(answer, texts, gold, fine)
    return given, texts.counts, gold, fine


def _any_given(cell: Any) -> Mask:
    parts = [_part(cell, name) for name in QUESTION_IS_GIVEN_BY]
    found = [validity(part) for part in parts if part is not None]
    return np.logical_or.reduce(found) if found else np.zeros(len(cell), np.bool_)


@dataclass(frozen=True, slots=True)
class _Lists:
    """Lists of texts: where each begins, how many it has, each text's number, and the texts by
    number. `sound`: the list is there, and no text of it is NULL or blank."""

    begins: Numbers
    counts: Numbers
    codes: Numbers
    words: list[str | None]
    sound: Mask


def _lists(array: Any) -> _Lists | None:
    """None where it is no column of lists of texts."""
    import pyarrow.types as kinds

    if not kinds.is_list(array.type) or not kinds.is_string(array.type.value_type):
        return None
    ends = array.offsets.to_numpy().astype(np.int64)
    if not len(ends):
        return None
    flat = array.values.slice(ends[0], ends[-1] - ends[0]).dictionary_encode()
    words = flat.dictionary.to_pylist()
    blank = np.array([not word.strip() for word in words] + [True])  # the last stands for NULL
    codes = _values(flat.indices, len(words))
    ends = ends - ends[0]
    faults = np.concatenate([[0], np.cumsum(blank[codes])])
    sound = validity(array) & (faults[ends[1:]] == faults[ends[:-1]])
    return _Lists(ends[:-1], np.diff(ends), codes, [*words, None], sound)


def _distinct(lists: _Lists) -> Mask:
    """Per list, whether no text stands in it twice."""
    owner = np.repeat(np.arange(len(lists.counts)), lists.counts)
    pairs = np.sort(owner * len(lists.words) + lists.codes)
    doubled = pairs[1:][pairs[1:] == pairs[:-1]] // len(lists.words)
    found = np.ones(len(lists.counts), np.bool_)
    found[doubled] = False
    return found


def _is_option(answer: Any, lists: _Lists, gold: Numbers, where: Mask) -> Mask:
    """Whether the answer is the gold option's text, in the rows of `where`."""
    import pyarrow.types as kinds

    found = np.zeros(len(answer), np.bool_)
    if not kinds.is_string(answer.type):
        return found
    known = {word: number for number, word in enumerate(lists.words)}
    coded = answer.dictionary_encode()
    numbers = [known.get(word, _NO_NUMBER) for word in coded.dictionary.to_pylist()]
    told = np.array([*numbers, _NO_NUMBER])[_values(coded.indices, len(numbers))]
    places = np.where(where, lists.begins + gold, 0)
    if len(lists.codes):
        found = where & (told == lists.codes[places])
    return found


def _captions(cell: Any, counts: Numbers, gold: Numbers) -> Mask:
    """Per row, whether the captions are absent, or one for each option."""
    options = _part(cell, "options")
    if options is None:
        return ~validity(cell)
    absent: Mask = ~validity(cell) | (~validity(options) & ~_any_given(cell))
    texts = _lists(options)
    told = _numbers(_part(cell, "answer_idx"), len(cell))
    if texts is None or told is None:
        return absent
    index = _part(cell, "answer_idx")
    untold = np.ones(len(cell), np.bool_) if index is None else ~validity(index)
    fine: Mask = texts.sound & (texts.counts == counts) & (untold | (told == gold))
    return absent | fine


def _numbers(array: Any, rows: int) -> Numbers | None:
    """Whole numbers, also where they stand as texts; -1 for NULL and what is none. None where the
    column is of another type."""
    import pyarrow.types as kinds

    if array is None:
        return np.full(rows, _NO_NUMBER)
    if kinds.is_integer(array.type):
        return _values(array, _NO_NUMBER)
    if not kinds.is_string(array.type):
        return None
    coded = array.dictionary_encode()
    values = [_number(text) for text in coded.dictionary.to_pylist()]
    found = np.array([*values, _NO_NUMBER], np.int64)
    return found[_values(coded.indices, len(values))]


def _values(array: Any, null: int) -> Numbers:
    """An array of whole numbers, with another number in place of NULL."""
    found = array.to_numpy(zero_copy_only=False)  # with NaN for NULL
    return np.where(validity(array), found, null).astype(np.int64)


def _number(text: str) -> int:
    """A small whole number as it is usually written; -1 for any other text."""
    plain = text.isdecimal() and len(text) < 10 and str(int(text)) == text
    return int(text) if plain else _NO_NUMBER


def _has_text(array: Any) -> Mask:
    """Where a text stands that is not empty."""
    import pyarrow.types as kinds

    if not kinds.is_string(array.type) or not len(array):
        return np.zeros(len(array), np.bool_)
    _, places, _ = array.buffers()
    ends = np.frombuffer(places, np.int32, array.offset + len(array) + 1)[array.offset :]
    found: Mask = validity(array) & (np.diff(ends) > 0)
    return found
