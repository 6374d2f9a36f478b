"""Sixty-four times the text takes about 64 times as long, whatever the text is.

A quadratic rule would take 4,096 times as long: the limit lies an eightfold from both. Times
are of this process alone, the smallest of several, without the collector, which looks at all
that other tests have left.
"""

from __future__ import annotations

import gc
import time

import pytest

from mubench_gen.parser import parse_answer

OPTIONS = ("nucleus", "mitochondrion", "Golgi apparatus", "endoplasmic reticulum")
SHORT, LONG = 2_500, 160_000
LIMIT = 512.0  # between 64 (linear) and 4,096 (quadratic)
PIECES = [
    *(" ", "\n", "\n ", " \n", ".", "(", ")", "((B", "*", '"', "<", "<b>", "<|", "= ", "- ", "a"),
    *("B ", "A B C D ", "B-", "B.", "A:", "I ", "1 ", "1, ", "B" + " " * 40, "B, ", "A and "),
    *("either A or ", "if B ", "not B ", "B is the most the most ", "\n\nA. ", "\n\n\n"),
    *("answer ", "answer is ", "answer: ", "answer: A ", "the answer is not ", "so A ", "so, "),
    *("is to ", "none of the ", "cannot a ", "i'm sorry ", "\nQuestion: ", "\nq ", "<think>"),
    *("</think>", '{"answer": ', "\\boxed{", "\\frac{", "\\frac{1}{", "答案 ", "选", "Ａ"),
    *("nucleus ", "nucleus mitochondrion ", "A. nucleus\nB. mitochondrion\n"),
    *(
        "Which?\nA. x\nB. y\n",
        "is\n \nA: B\nB: A\n",
        "no, ",
        "The nucleus is round. Mitochondrion. ",
    ),
    *('{"A": 0.1, ', '"nucleus": 1, ', "50 % B, ", "A: 10%, ", "[x] B ", "☐ A ", "(A) 10 µm "),
    *("E. coli ", "ответ ", "ответ: B ", "B, x, is ", "if it is a, ", "no ", "Panel A "),
    *(
        "although nucleus, ",
        "change to ",
        "now i say ",
        ': "nucleus", ',
        "B (nucleus) ",
        "brightfield ",
    ),
    *("mostly nucleus with some ", "not nucleus: mitochondrion ", "i rather say ", "A: 0.1, "),
    *(
        "i see one cell, ",
        "nuclear ",
        "apparatus of the golgi ",
        "it looks like a nuclear, but it is a ",
    ),
    *("wait, ", "The answer is B. Wait, no. ", "Hmm, wait. That's a nucleus. ", "Or is it? "),
    *(
        "If so, then the answer is B. ",
        "So it is the nucleus. Let me check again. ",
        "A? wait. B? wait, that is wrong. ",
        '{"answer": "A"}, ',
        "\\boxed{A} \\boxed{B} ",
        "The nucleus is shown. ",
        "".join(map(chr, range(0x2460, 0x2500))),
    ),
]


def _seconds(reply: str) -> float:
    best = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            start = time.process_time()
            parse_answer(reply, OPTIONS)
            best = min(best, time.process_time() - start)
    finally:
        gc.enable()
    return best


@pytest.mark.first(24)
@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_time_grows_with_the_length_alone(piece: str) -> None:
    for _ in range(3):  # a busy machine may disturb one measurement, not three
        short = _seconds(piece * (SHORT // len(piece)))
        long = _seconds(piece * (LONG // len(piece)))
        # A tenth of a millisecond more hides what the clock cannot resolve.
        if long <= LIMIT * (short + 0.0001):
            return
    pytest.fail(f"{LONG} characters took {long:.3f} s, {SHORT} took {short:.3f} s")
