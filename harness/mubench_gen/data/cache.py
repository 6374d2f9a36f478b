"""The demo data in the cache folder: written on first use, complete or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mubench_gen.errors import DataError
from mubench_gen.storage.paths import cache_folder
from mubench_gen.storage.scratch import Scratch, sweep

DEMO_IMAGES = 600


def demo_folder() -> Path:
    """The folder of the demo data, which is generated if it does not exist."""
    folder = cache_folder() / f"demo-{_generator_digest()}"
    if not (folder / "rows.jsonl").is_file():
        generate_demo(folder, images=DEMO_IMAGES)
    return folder


def generate_demo(folder: Path, *, images: int, seed: int | None = None) -> None:
    """Write the demo into `folder`: a temporary folder beside it first, then one rename."""
    from mubench_gen.console.progress import bar
    from mubench_gen.data.demo import DEMO_SEED, write_demo

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent, [folder.name])
        with (
            Scratch(folder, is_folder=True) as scratch,
            bar("generating the demo's images", images) as progress,
        ):
            chosen = DEMO_SEED if seed is None else seed
            write_demo(scratch.path, images=images, seed=chosen, progress=progress.at)
            scratch.become(folder)
    except OSError as error:
        if not os.path.isfile(folder / "rows.jsonl"):  # else another process was first
            raise DataError(
                f"The data cannot be written to {folder}: {error.strerror}. "
                "Set MUBENCH_GEN_CACHE to a folder that can be."
            ) from None


def _generator_digest() -> str:
    """Eight hex digits of the generator's own source: a new generator makes a new folder."""
    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "demo").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
