"""Prefill tokens that vLLM computes for K prompts an image, against the bound V + K · T.

    python benchmarks/prefill.py [IMAGES] [K]

On a CPU, with a LLaVA of random weights whose images are 256 tokens: two of vLLM's KV blocks
there (128 tokens; prompts of fewer than 129 never hit). V are the tokens that all prompts of an
image share (the template's beginning and the image), T those of one question. The KV cache
holds a part of the images, as it does of a real data set. The same requests are asked in
the order of a run (image by image), and shuffled; an interleaved pair a round.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import Any

from mubench_gen.engines import open_checkpoint
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.model import Checkpoint, Runtime, StreamingModel
from mubench_gen.types import Image, Message, Request, Sampling, Text

SIDE, PATCH, BLOCK = 224, 14, 128
BLOCKS = 64  # of the KV cache
ROUNDS = 3
QUESTIONS = (
    "modality",
    "stain",
    "domain",
    "subdomain",
    "submodality",
    "organelle",
    "count",
    "phase",
)


def main(images: int, k: int) -> None:
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(make_llava(Path(folder)), "generative")
        options = {
            "enforce_eager": "true",
            "max_model_len": "512",
            "max_num_seqs": "16",
            "num_gpu_blocks_override": str(BLOCKS),
        }
        runtime = Runtime("", device="cpu", dtype="float32", engine_options=options)
        model = open_checkpoint("vllm", checkpoint, runtime)
        assert isinstance(model, StreamingModel)
        model.load()
        measure(model, images, k)
        model.close()


def measure(model: StreamingModel, images: int, k: int) -> None:
    """Print what each order computes, of new images each time."""
    computed: dict[str, list[int]] = {"image by image": [], "shuffled": []}
    total, bound = 0, 0
    for number in range(ROUNDS):
        for place, name in enumerate(computed):
            asked = requests(images, k, seed=10_000 * (2 * number + place))
            if name == "shuffled":
                random.Random(number).shuffle(asked)
            before = dict(model.counts)
            lengths = ask(model, asked)
            after = dict(model.counts)
            tokens = {
                key: after[key] - before[key] for key in ("prompt_tokens", "cached_prompt_tokens")
            }
            computed[name].append(tokens["prompt_tokens"] - tokens["cached_prompt_tokens"])
            total = tokens["prompt_tokens"]
            shared = SHARED + (SIDE // PATCH) ** 2
            bound = images * shared + sum(length - shared for length in lengths)
    print(f"{images} images, K = {k}: {total:,} prompt tokens; bound V + K·T: {bound:,}")
    for name, runs in computed.items():
        median = statistics.median(runs)
        print(f"{name:15} {median:9,.0f} computed, {median / bound:5.2f} × the bound, {runs}")


def ask(model: StreamingModel, asked: Sequence[Request]) -> list[int]:
    """Ask all in a window; the lengths of the prompts in tokens."""
    lengths: list[int] = []
    for start in range(0, len(asked), model.window):
        futures = [model.submit(request) for request in asked[start : start + model.window]]
        wait(futures)
        lengths += [future.result().usage["prompt_tokens"] for future in futures]  # type: ignore[union-attr,index]
    return lengths


def requests(images: int, k: int, *, seed: int) -> list[Request]:
    return [
        Request(
            key=f"{seed} {number} {variant}",
            messages=(Message("user", (image, Text(question(variant)))),),
            labels=("A", "B", "C", "D"),
            readout="parse",
            sampling=Sampling(0.0, 1),
            image=image,
        )
        for number in range(images)
        for image in [picture(seed + number)]
        for variant in range(k)
    ]


def question(variant: int) -> str:
    about = QUESTIONS[variant % len(QUESTIONS)]
    return (
        f"{variant}. What is the {about} of this image?\nA) one\nB) two\nC) three\nD) none\nAnswer:"
    )


def picture(seed: int) -> Image:
    import numpy as np
    from PIL import Image as Pillow

    noise = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(noise).save(stream, "PNG", compress_level=1)
    content = stream.getvalue()
    return open_image(f"{seed}.png", lambda: content, StandardPolicy())


def make_llava(folder: Path) -> Path:
    """A LLaVA of random weights with the tiny plugin's tokenizer and template."""
    import torch
    import transformers
    from safetensors.torch import load_file, save_file

    from mubench_gen_plugins.tiny import WEIGHTS
    from mubench_gen_plugins.tiny.train.checkpoint import vllm_name

    tiny = WEIGHTS / "llava"
    torch.manual_seed(0)
    config: Any = transformers.AutoConfig.from_pretrained(tiny)
    config.vision_config.image_size = SIDE
    config.vision_config.patch_size = PATCH
    config.image_seq_length = (SIDE // PATCH) ** 2
    model: Any = transformers.LlavaForConditionalGeneration(config)
    processor: Any = transformers.AutoProcessor.from_pretrained(tiny)
    processor.patch_size = PATCH
    processor.image_processor.size = {"height": SIDE, "width": SIDE}
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    weights = folder / "model.safetensors"
    tensors = {vllm_name(key): tensor for key, tensor in load_file(weights).items()}
    save_file(tensors, weights, {"format": "pt"})
    return folder


SHARED = 4  # tokens of the template before the image


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given + [48, 16][len(given) :]))
