"""The project's own labelled replies, and how a parser does on them.

    python -m mubench_gen.parser.conformance                       this parser
    python -m mubench_gen.parser.conformance --adapter mine.py     another one
    python -m mubench_gen.parser.conformance FILE …                other labelled replies

An adapter is a file with a function `read(reply, options, labels)` that returns the index of
the option that the reply names, its label, or None. The replies are Apache-2.0, like the code.
"""

from mubench_gen.parser.conformance.corpus import FILES, LabelledText, load, shipped
from mubench_gen.parser.conformance.runner import Reader, ReadingTally, tallies

__all__ = ["FILES", "LabelledText", "Reader", "ReadingTally", "load", "shipped", "tallies"]
