"""Writing the demo data set to a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from mubench_gen.data.demo.display import displayed
from mubench_gen.data.demo.plan import plan
from mubench_gen.data.demo.rows import row
from mubench_gen.data.demo.scenes import paint


def write_rows(
    folder: Path, *, images: int, seed: int, progress: Callable[[int, int], None] | None
) -> None:
    """See `mubench_gen.data.demo.write_demo`."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = []
    for index in range(images):
        micrograph = plan(seed, index)
        picture = Image.fromarray(displayed(micrograph, paint(micrograph)))
        # Noise hardly compresses: level 1 is five times quicker and 3 % larger.
        picture.save(folder / "images" / f"{micrograph.image_id}.png", compress_level=1)
        lines.append(json.dumps(row(micrograph), ensure_ascii=False) + "\n")
        if progress is not None:
            progress(index + 1, images)
    unfinished = folder / "rows.jsonl.partial"
    unfinished.write_text("".join(lines), encoding="utf-8", newline="\n")
    os.replace(unfinished, folder / "rows.jsonl")
