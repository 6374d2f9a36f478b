"""Twelve questions about tiny pictures, and what the model behind the mock endpoint replies.

What it replies depends on the question alone, so that harnesses that ask it differ in how they
read and not in what they got. Writes them as a data set of μ-Bench's schema, and as the tables
that the other harnesses read: python items.py FOLDER.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

# question, options, index of the right one, reply
ITEMS: list[tuple[str, list[str], int, str]] = [
    ("Which modality is it?",
     ["light microscopy", "electron microscopy", "fluorescence microscopy"], 0, "A"),
    ("Which stain was used?", ["Giemsa", "Gram", "Congo red"], 1, "The answer is (B)."),
    ("Which organelle is marked?",
     ["nucleus", "Golgi apparatus", "mitochondrion", "lysosome"], 2, "**C**"),
    ("Which tissue is it?", ["liver", "colon", "kidney", "lung"], 3, "D) lung"),
    ("Which organism is it?", ["budding yeast", "E. coli", "zebrafish"], 1, "E. coli"),
    ("Which phase is the cell in?", ["prophase", "metaphase", "anaphase", "interphase"], 2,
     "It could be A or C, but the sister chromatids are apart, so C."),
    ("How many nuclei are visible?", ["3", "5", "7", "9"], 1, "Answer: B"),
    ("Which fault does the picture have?", ["defocus", "motion blur", "saturation"], 0,
     "I'm sorry, but I cannot determine this from the image."),
    ("Which label is it?", ["DAPI", "GFP", "Alexa 647"], 1, "ANSWER: B"),
    ("Which cell is it?", ["lymphocyte", "neutrophil", "monocyte"], 1,
     "It is not A. The correct option is B."),
    ("Which shape do the bacteria have?", ["cocci", "rods", "spirals"], 2,
     "Both A and B are plausible."),
    ("Which contrast is it?", ["phase contrast", "bright field", "dark field"], 1,
     "A. bright field"),
]  # fmt: skip
LETTERS = "ABCD"


def picture(number: int) -> bytes:
    """A tiny picture, another for each item."""
    content = io.BytesIO()
    colour = (40 + 15 * number, 200 - 10 * number, 90)
    Image.new("RGB", (8, 8), colour).save(content, "PNG")
    return content.getvalue()


def reply_to(text: str) -> str:
    """The reply to a prompt that holds one of the questions."""
    return next(reply for question, _, _, reply in ITEMS if question in text)


def write(folder: Path) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows, docs, table = [], [], ["index\timage\tquestion\tA\tB\tC\tD\tanswer\tcategory"]
    for number, (question, options, gold, _) in enumerate(ITEMS):
        content = picture(number)
        (folder / "images" / f"{number}.png").write_bytes(content)
        asked = {
            "question": question,
            "options": options,
            "answer": options[gold],
            "answer_idx": gold,
        }
        row: dict[str, Any] = {
            "image_id": f"slide-{number}",
            "image": {"path": f"images/{number}.png"},
            "dataset": "slides",
            "license": "CC0-1.0",
            "questions": {"what": asked},
        }
        rows.append(row)
        encoded = base64.b64encode(content).decode()
        docs.append(
            {"id": f"slide-{number}", "question": question, "choices": options, "answer": gold,
             "image": encoded}
        )  # fmt: skip
        padded = [*options, ""][:4] if len(options) < 4 else options
        table.append("\t".join([str(number), encoded, question, *padded, LETTERS[gold], "slides"]))
    for name, lines in (("rows.jsonl", rows), ("docs.jsonl", docs)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "slides.tsv").write_text("\n".join(table) + "\n")
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / "slides.toml").write_text(
        'title = "Slides"\ngroup = "fine"\nquestion = "what"\n'
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
