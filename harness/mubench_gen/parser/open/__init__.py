"""Reads replies to questions that ask for something else than one option.

`read_set` reads several options, `read_number` a quantity, `read_text` a few words. Each is pure,
never raises on a reply, never sees the right answer, and gives the statuses of `parse_answer`.
"""

from mubench_gen.parser.open.numbers import read_number
from mubench_gen.parser.open.reading import NumberReading, SetReading, TextReading
from mubench_gen.parser.open.sets import read_set
from mubench_gen.parser.open.texts import read_text

__all__ = ["NumberReading", "SetReading", "TextReading", "read_number", "read_set", "read_text"]
