"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL (the Instruct versions)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import generative

_qwen = partial(
    generative,
    # Turns a template's thinking mode off, so that replies begin with the label.
    template_arguments={"enable_thinking": False},
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        _qwen(
            "Qwen/Qwen2.5-VL-7B-Instruct",
            "Qwen2.5-VL 7B; --model takes any Qwen2-VL, Qwen2.5-VL or Qwen3-VL",
            any_id=True,
            model_types=("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"),
            family="Qwen2.5-VL",
            base="Qwen2.5 7B, a ViT of its own",
            licence="Apache-2.0",
            parameters="8.29B",
        ),
        _qwen(
            "Qwen/Qwen2.5-VL-3B-Instruct",
            "Qwen2.5-VL 3B",
            family="Qwen2.5-VL",
            base="Qwen2.5 3B, a ViT of its own",
            licence="Qwen Research (not commercial)",
            parameters="3.75B",
        ),
        _qwen(
            "Qwen/Qwen2.5-VL-72B-Instruct",
            "Qwen2.5-VL 72B",
            family="Qwen2.5-VL",
            base="Qwen2.5 72B, a ViT of its own",
            licence="Qwen",
            parameters="73.4B",
        ),
        _qwen(
            "Qwen/Qwen2-VL-2B-Instruct",
            "Qwen2-VL 2B",
            family="Qwen2-VL",
            base="Qwen2 1.5B, a ViT of its own",
            licence="Apache-2.0",
            parameters="2.21B",
        ),
        _qwen(
            "Qwen/Qwen2-VL-7B-Instruct",
            "Qwen2-VL 7B",
            family="Qwen2-VL",
            base="Qwen2 7B, a ViT of its own",
            licence="Apache-2.0",
            parameters="8.29B",
        ),
        _qwen(
            "Qwen/Qwen3-VL-4B-Instruct",
            "Qwen3-VL 4B",
            family="Qwen3-VL",
            base="Qwen3 4B, SigLIP 2",
            licence="Apache-2.0",
            parameters="4.44B",
        ),
        _qwen(
            "Qwen/Qwen3-VL-8B-Instruct",
            "Qwen3-VL 8B",
            family="Qwen3-VL",
            base="Qwen3 8B, SigLIP 2",
            licence="Apache-2.0",
            parameters="8.77B",
        ),
        _qwen(
            "Qwen/Qwen3-VL-32B-Instruct",
            "Qwen3-VL 32B",
            family="Qwen3-VL",
            base="Qwen3 32B, SigLIP 2",
            licence="Apache-2.0",
            parameters="33.4B",
        ),
    ]
