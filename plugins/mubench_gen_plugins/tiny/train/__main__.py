"""Makes the weights: `python -m mubench_gen_plugins.tiny.train MODEL --out DIR`."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from mubench_gen.data.demo import TRAINING_SEEDS
from mubench_gen_plugins.tiny.train import clip, finetune, llava
from mubench_gen_plugins.tiny.train.images import make_images
from mubench_gen_plugins.tiny.train.vision import Log

IMAGES = 18_000


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    start = time.monotonic()

    def log(message: str) -> None:
        print(f"{time.monotonic() - start:6.0f} s  {message}", file=sys.stderr, flush=True)

    if options.finetune is not None:
        _finetune(options, log)
        log(f"saved to {options.out}")
        return
    images = make_images(options.images or IMAGES, TRAINING_SEEDS, options.threads)
    log(f"{len(images):,} images")
    if options.model == "llava":
        plan = llava.Plan(seed=options.seed)
        if options.steps is not None:
            plan = replace(plan, steps=options.steps, vision_steps=options.steps)
        llava.train(images, plan, options.out, log)
    else:
        short = clip.Plan(seed=options.seed)
        if options.steps is not None:
            short = replace(short, steps=options.steps)
        clip.train(images, short, options.out, log)
    log(f"saved to {options.out}")


def _finetune(options: argparse.Namespace, log: Log) -> None:
    plan = finetune.Plan(steps=options.steps or finetune.STEPS[options.model], seed=options.seed)
    count = options.images or finetune.IMAGES
    images = make_images(count, finetune.SEEDS, options.threads, plan.datasets)
    log(f"{len(images):,} images of {', '.join(plan.datasets)}")
    finetune.train(options.model, options.finetune, images, plan, options.out, log)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mubench_gen_plugins.tiny.train", description=__doc__
    )
    parser.add_argument("model", choices=["llava", "clip"])
    parser.add_argument("--out", type=Path, required=True, help="folder to write the checkpoint to")
    parser.add_argument(
        "--finetune", type=Path, metavar="BASE", help="go on from this checkpoint, on three sets"
    )
    parser.add_argument("--images", type=int, help="training images; default: as shipped")
    parser.add_argument(
        "--steps", type=int, help="steps of each stage, for a trial; default: as shipped"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and batches")
    parser.add_argument("--threads", type=int, default=2, help="threads, and processes that paint")
    return parser


if __name__ == "__main__":
    main()
