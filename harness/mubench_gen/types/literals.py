"""The values that a setting or a field of the flow may have, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["generative", "contrastive"]
Readout = Literal["parse", "choice", "logprob", "cloze", "similarity"]
Status = Literal[
    "answered",
    "ambiguous",
    "contradiction",
    "refused",
    "out_of_range",
    "truncated",
    "empty",
    "none",
    "error",
]
Control = Literal["none", "blind", "shuffled", "mean", "noise"]
Pooling = Literal["mean", "maximum"]
Form = Literal["option", "several", "number", "text", "boxes"]  # of what a question asks for
OPEN_FORMS: tuple[Form, ...] = ("several", "number", "text")
FORM_WORDS: Mapping[Form, str] = {
    "option": "one option",
    "several": "several options",
    "number": "a number",
    "text": "a short text",
    "boxes": "boxes",
}
PerLength = Literal["tokens", "characters", "none"]
