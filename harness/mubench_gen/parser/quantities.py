"""Numbers as answers: what a calculation ends in, and what is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mubench_gen.parser.reading import Reading, Verdict
from mubench_gen.parser.target import skip_fillers, text_at

_LAST = re.compile(r"[\s.!]*(?:\w{1,12}[\s.!]*)?$")  # a unit may follow
_COUNTED = re.compile(
    r"\b(?:there (?:is|are|appears? to be|seems? to be)|i (?:can )?(?:see|count|identify)"
    r"|the total (?:number [^.\n]{1,60} )?is|total of|a count of|shows?|contains?)"
    r" (?:exactly |about |only |a total of )?(?=[0-9tfsnez])"
)


def result(reading: Reading) -> Iterator[Verdict]:
    """A calculation that ends in an option's text: "3 * 5 = 15"."""
    equals = reading.low.rfind("=", max(0, len(reading.low) - 80))
    found = text_at(reading, skip_fillers(reading, equals + 1)) if equals >= 0 else None
    if found is not None and _LAST.match(reading.low, found.end):
        yield found


def counted(reading: Reading) -> Iterator[Verdict]:
    """One number is said to be there, and it is an option: "There are 4 cells"."""
    if not any(key[1:2].isdigit() for key in reading.choices.keys):
        return
    found = []
    for cue in _COUNTED.finditer(reading.low):
        number = text_at(reading, cue.end())
        if number is not None and _is_number(reading, number):
            found.append(number)
    if found and len({number.option for number in found}) == 1:
        yield found[-1]


def _is_number(reading: Reading, found: Verdict) -> bool:
    return found.option is not None and reading.choices.keys[found.option][1].isdigit()
