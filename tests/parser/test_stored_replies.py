"""Replies of real models, which lie beside the repository; no person has labelled them.

What other programs made of them is no gold, so that the bounds are loose: they show that
nothing has broken, not how good the parser is.
"""

from __future__ import annotations

from mubench_gen.parser import parse_answer

from .replies import Stored, blink, mmmu


def _agreement(stored: list[Stored]) -> tuple[float, float]:
    """Shares of the replies with another reading: read alike, and read differently."""
    alike = different = known = 0
    for row in stored:
        answer = parse_answer(row.reply, row.options, row.labels)
        labels = row.labels or ("A", "B", "C", "D")
        if row.said is None or row.said not in labels:
            continue
        known += 1
        if answer.index is not None:
            alike += labels[answer.index] == row.said
            different += labels[answer.index] != row.said
    return alike / known, different / known


def test_free_form_replies_are_mostly_read_as_another_reader_did() -> None:
    alike, different = _agreement(blink())
    assert alike > 0.94
    assert different < 0.015


def test_replies_without_an_answer_are_mostly_left_unanswered() -> None:
    none = [row for row in blink() if row.said == "Z"]
    left = sum(parse_answer(row.reply, row.options).index is None for row in none)
    assert left / len(none) > 0.95


def test_chains_of_thought_that_declare_an_answer_are_read() -> None:
    declared = [row for row in mmmu("mmmu_pro.jsonl") if "\nAnswer: " in row.reply]
    read = sum(
        (found := parse_answer(row.reply, row.options, row.labels)).index is not None
        or found.status == "out_of_range"
        for row in declared
    )
    assert read / len(declared) > 0.985


def test_every_stored_reply_is_read_without_an_exception() -> None:
    for row in [*blink(), *mmmu("mmmu_pro.jsonl"), *mmmu("mmmu_val.jsonl")]:
        parse_answer(row.reply, row.options, row.labels)
