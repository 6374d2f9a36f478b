"""How lmms-eval shows the twelve questions."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image


def doc_to_visual(doc: dict[str, Any]) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(doc["image"]))).convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    listed = "\n".join(f"{'ABCD'[i]}. {text}" for i, text in enumerate(doc["choices"]))
    asked = "Answer with the option's letter from the given choices directly."
    return f"{doc['question']}\n{listed}\n{asked}"


def doc_to_target(doc: dict[str, Any]) -> str:
    return "ABCD"[doc["answer"]]
