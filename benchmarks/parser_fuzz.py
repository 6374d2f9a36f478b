"""The answer parser on made-up replies: none may raise, and every span must lie in its reply.

    python benchmarks/parser_fuzz.py [REPLIES] [SEED]

A million replies by default: pieces of the project's labelled replies, cut, joined, and with
marks and words in between that rules look for, with their own or other options, labels of
several styles, with and without aliases, complete, cut, or not known. Ends with status 1 at
the first reply that fails, and prints it.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from mubench_gen.parser import default_labels, parse_answer
from mubench_gen.parser.conformance.corpus import FILES, LabelledText, shipped

_PIECES = [
    *("not ", "\n", "(B)", " A ", "**", ". ", ", ", "answer ", "so ", "is correct", "选", "因此"),
    *("no, ", "{", "%", "<", "50%", "[x] ", "≥", "\n\nQuestion: ", "I choose ", "_", "wait, "),
    *(
        "E. coli",
        "changed to ",
        "<think>",
        "</think>",
        "\\boxed{",
        "Ⓑ",
        "İ",
        "\x00",
        "🄰",
        '"',
        ": ",
    ),
]
_STYLES = ("A", "a", "1", "i")


def replies(rng: random.Random) -> Iterator[tuple[str, LabelledText]]:
    """Endless replies, each with the labelled one whose options are asked for."""
    rows = [row for name in FILES for row in shipped(name)]
    sentences = [s for row in rows for s in re.split(r"(?<=[.!?\n])\s*", row.reply) if s.strip()]
    while True:
        row, other = rng.choice(rows), rng.choice(rows)
        text = row.reply
        at = rng.randrange(len(text) + 1)
        made = (
            text[:at],
            text[at:],
            text[:at] + rng.choice(_PIECES) + text[at:],
            " ".join(rng.choice(sentences) for _ in range(rng.randint(1, 4))),
            text[:at] + " " + rng.choice(sentences) + " " + text[at:],
            "".join(rng.choice([*_PIECES, *row.options]) for _ in range(rng.randint(1, 12))),
        )
        yield rng.choice(made), row if rng.random() < 0.8 else other


def fails(text: str, row: LabelledText, rng: random.Random, found: Counter[str]) -> str | None:
    """What is wrong with the answer to a reply, None if nothing is."""
    labels = row.labels
    if rng.random() < 0.3:
        labels = default_labels(len(row.options), rng.choice(_STYLES))
    aliases = [[f"alias {k}", option[::-1]] for k, option in enumerate(row.options)]
    answer = parse_answer(
        text,
        row.options,
        labels,
        aliases=aliases if rng.random() < 0.2 else None,
        complete=rng.choice((None, None, True, False)),
    )
    found[answer.status] += 1
    if (answer.status == "answered") != (answer.index is not None and answer.span is not None):
        return f"{answer} is no answer"
    if answer.span is not None and not 0 <= answer.span[0] < answer.span[1] <= len(text):
        return f"the span of {answer} is not in the reply"
    return None


def main(wanted: int = 1_000_000, seed: int = 0) -> int:
    rng, found, start = random.Random(seed), Counter[str](), time.process_time()
    for done, (text, row) in enumerate(replies(rng)):
        if done == wanted:
            break
        try:
            wrong = fails(text, row, rng, found)
        except Exception as error:  # whatever a rule raises is what is looked for
            wrong = repr(error)
        if wrong is not None:
            print(f"reply {done} of seed {seed}: {wrong}\n{text!r}\n{row.options}")
            return 1
    seconds = time.process_time() - start
    counts = chain.from_iterable((status, f"{n:,}") for status, n in found.most_common())
    print(f"{wanted:,} replies, seed {seed}, {seconds:,.0f} s: none fails;", *counts)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
