"""What the tests of the flow share: small data sets, path plugins, and ways to run them."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import mubench_gen
from mubench_gen.storage.records import Record

from .helpers.command import finished

OPTIONS: Mapping[str, Sequence[str]] = {
    "domain": ("biology", "pathology", "neither"),
    "modality": ("light microscopy", "electron microscopy", "fluorescence microscopy"),
    "stain": ("haematoxylin", "gram", "giemsa", "silver", "congo red", "none of the above"),
    "subdomain": ("cell biology", "histology", "microbiology", "neuroscience"),
    "submodality": ("bright field", "phase contrast", "confocal", "cryo", "scanning"),
}

ASKED = """
import os
import mubench_gen
from mubench_gen import ModelSpec
from mubench_gen_plugins.echo import Echo, draw


class Asked(Echo):
    '''Echo that notes every request's key in $ASKED, and fails some while $FAULTY is a file.'''

    batch_size = 16

    def generate(self, requests):
        noted = os.open(os.environ["ASKED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(noted, "".join(f"{request.key}\\n" for request in requests).encode())
        os.close(noted)
        if os.path.exists(os.environ.get("FAULTY", "")):
            for request in requests:
                if draw(request) % 5 == 0:
                    raise RuntimeError("out of order")
        return super().generate(requests)


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("asked", Asked)]
"""


def png(seed: int) -> bytes:
    """A small image, another for each seed."""
    pixels = random.Random(seed).randbytes(8 * 8 * 3)
    content = io.BytesIO()
    Image.frombytes("RGB", (8, 8), pixels).save(content, "PNG")
    return content.getvalue()


def make_row(
    index: int,
    *,
    dataset: str = "cells",
    image: str | None = None,
    questions: Sequence[str] = tuple(OPTIONS),
    gold: int | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """A row of the schema; its gold options are drawn by index where none is given."""
    drawn = random.Random(index)
    asked, captions = {}, {}
    for name in questions:
        options = list(OPTIONS[name])
        right = drawn.randrange(len(options)) if gold is None else gold
        asked[name] = {
            "question": f"Which {name} is it?",
            "options": options,
            "answer": options[right],
            "answer_idx": right,
        }
        for variant in range(2):
            captions[f"{name}_{variant}"] = {
                "options": [f"variant {variant} of {option}" for option in options]
            }
    return {
        "image_id": f"{dataset}-{index:05d}",
        "image": {"path": image or f"images/{index}.png"},
        "dataset": dataset,
        "license": "CC0-1.0",
        "questions": asked,
        "captions": captions,
        **columns,
    }


def write_data(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A data set of these rows; an image that is not there yet is drawn by its number."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = []
    for number, row in enumerate(rows):
        path = folder / row["image"]["path"]
        if not path.exists():
            path.write_bytes(png(int(path.stem) if path.stem.isdecimal() else number))
        lines.append(json.dumps(row) + "\n")
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def write_plugin(folder: Path, source: str = ASKED, name: str = "asked") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    return path


def evaluate(plugin: str | Path, run_dir: Path, **settings: Any) -> mubench_gen.Run:
    return mubench_gen.evaluate(plugin=str(plugin), run_dir=run_dir, **settings)


def environment(**variables: object) -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", **{key: str(v) for key, v in variables.items()}}


def command_line(*words: object) -> list[str]:
    return [sys.executable, "-m", "mubench_gen", *map(str, words)]


def command(*words: object, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run `mubench-gen WORDS` in a process of its own."""
    return finished([str(word) for word in words], Path.cwd(), environment(**variables))


def by_id(run: mubench_gen.Run) -> dict[str, Record]:
    """The records of a run by id, without what may differ between equal runs."""
    records = list(run.records())
    found = {
        r["id"]: {k: v for k, v in r.items() if k not in ("seconds", "usage")} for r in records
    }
    assert len(found) == len(records)
    return found


def asked_keys(log: Path) -> list[str]:
    """Every key that the `ASKED` plugin was asked, in order, repeats too."""
    return log.read_text().split() if log.exists() else []


def plain_record(number: int, **fields: Any) -> Record:
    """A record with all its fields: answered, right, four options."""
    return {
        "id": f"cells/{number}/modality/plain/parse/0.1.2.3/0",
        "key": f"{number:032x}",
        "item": f"cells/{number}/modality",
        "image_id": f"{number}",
        "image_sha256": f"{number:064x}",
        "dataset": "cells",
        "task": "modality",
        "meta": {},
        "plugin": "echo",
        "model": "echo",
        "prompt": "plain",
        "prompt_sha256": "0" * 64,
        "readout": "parse",
        "options": ["a cat", "a dog", "a cow", "a pig"],
        "labels": ["A", "B", "C", "D"],
        "order": [0, 1, 2, 3],
        "gold": 0,
        "messages": [],
        "reply": "A",
        "scores": None,
        "tied": False,
        "finish_reason": "stop",
        "status": "answered",
        "choice": 0,
        "rule": "letter",
        "span": [0, 1],
        "correct": True,
        "error": None,
        "usage": None,
        "seconds": 0.1,
        **fields,
    }
