"""Which rules count where only readings that are hardly ever wrong are wanted: `--strict`."""

from __future__ import annotations

from functools import lru_cache

PRECISION = 0.99
_ENOUGH = 30  # readings that measure a rule
# (right, read) on the 5,164 BLINK replies: every reading that differs from another reader's was
# checked by hand (docs/parser.md, "Precision of the rules").
MEASURED = {
    "declared_answer": (2047, 2048), "only_option": (612, 615), "leading_label": (341, 341),
    "pointed_label": (324, 325), "final_line": (250, 250), "label_with_text": (147, 147),
    "leading_text": (144, 144), "said_correct": (114, 115), "only_marked_label": (84, 85),
    "chosen": (77, 77), "therefore": (65, 65), "sole_text": (48, 48),
    "opening_sentence": (42, 42), "concluded": (19, 19), "text_then_label": (16, 16),
    "sole_label": (8, 8), "final_text": (1, 1), "item_marked_correct": (1, 1), "corrected": (0, 1),
}  # fmt: skip
# The rules of the tiers that read a declaration or the whole reply (`rules.STRONG`), whose
# patterns a report has no need to compile, and what a read-out scores or constrains.
FORMS = frozenset(
    (
        "sole_label", "label_with_text", "sole_text", "sole_labels", "ranked", "json_answer",
        "weighed", "ordered", "checked", "answer_tag", "boxed", "declared_answer", "declared_cjk",
        "declared_abroad", "pointed_at", "chosen", "corrected", "said_correct",
        "item_marked_correct", "leading_label", "final_line",
    )
)  # fmt: skip
_READOUTS = ("choice", "logprob", "cloze", "similarity")


@lru_cache(maxsize=256)
def is_strict(rule: str | None) -> bool:
    """Whether answers that the rule reads are right in at least 99 of 100 cases.

    A rule with few measured readings counts if it reads a declaration or the whole reply, not
    if it weighs a text. Read-outs that are no rules (`choice`, `logprob`, …) count; judges do not.
    """
    if rule is None or rule.startswith("judge:"):
        return False
    right, read = MEASURED.get(rule, (0, 0))
    if read >= _ENOUGH:
        return right >= PRECISION * read
    return rule in FORMS or rule in _READOUTS
