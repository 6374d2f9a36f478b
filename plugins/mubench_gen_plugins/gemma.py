"""Gemma 3 and MedGemma. All are gated: their terms are accepted once, on the hub.

Gemma knows no system role: its own template puts a system prompt before the image, in the
user's turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import gated, generative

_GEMMA = "Gemma Terms of Use"
_HEALTH = "Health AI Developer Foundations terms"

_gemma = partial(
    generative,
    # Fine-tunes tend to lose the generation_config.json that says so.
    stop=("<end_of_turn>",),
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        _gemma(
            "google/gemma-3-4b-it",
            "Gemma 3 4B (gated); --model takes any Gemma 3 with images",
            any_id=True,
            model_types=("gemma3",),
            family="Gemma 3",
            base="Gemma 3 4B, SigLIP SO400M/14-896",
            licence=_GEMMA,
            parameters="4.30B",
            hint=gated("Gemma's terms"),
        ),
        _gemma(
            "google/gemma-3-12b-it",
            "Gemma 3 12B (gated)",
            family="Gemma 3",
            base="Gemma 3 12B, SigLIP SO400M/14-896",
            licence=_GEMMA,
            parameters="12.19B",
            hint=gated("Gemma's terms"),
        ),
        _gemma(
            "google/gemma-3-27b-it",
            "Gemma 3 27B (gated)",
            family="Gemma 3",
            base="Gemma 3 27B, SigLIP SO400M/14-896",
            licence=_GEMMA,
            parameters="27.43B",
            hint=gated("Gemma's terms"),
        ),
        _gemma(
            "google/medgemma-4b-it",
            "MedGemma 4B (gated): Gemma 3, trained on radiology, skin, eyes, histopathology",
            family="MedGemma",
            domain="medicine",
            base="google/gemma-3-4b-pt, with MedSigLIP",
            licence=_HEALTH,
            parameters="4.30B",
            hint=gated("the Health AI Developer Foundations terms"),
        ),
        _gemma(
            "google/medgemma-27b-it",
            "MedGemma 27B with images (gated)",
            family="MedGemma",
            domain="medicine",
            base="Gemma 3 27B, with MedSigLIP",
            licence=_HEALTH,
            parameters="27.43B",
            hint=gated("the Health AI Developer Foundations terms"),
        ),
    ]
