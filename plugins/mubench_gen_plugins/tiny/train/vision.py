"""The vision tower, and its pre-training: naming what an image shows, field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

from mubench_gen_plugins.tiny.train.images import MEAN, SIDE, STD, ImageSet, normalised, turned

PATCH = 14
TOKENS = (SIDE // PATCH) ** 2
Log = Callable[[str], None]


def vision_config(width: int, layers: int) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=width,
    )


def image_processor() -> CLIPImageProcessorPil:
    """Squashes to SIDE × SIDE: nothing is cropped away, whatever the aspect ratio."""
    return CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[MEAN] * 3,
        image_std=[STD] * 3,
    )


def patch_features(tower: Any, pixels: torch.Tensor) -> torch.Tensor:
    """What LLaVA sees: the last layer's patches, shape (n, TOKENS, width)."""
    states = tower(pixels, output_hidden_states=True).hidden_states[-1]
    assert isinstance(states, torch.Tensor)
    return states[:, 1:]


class Heads:
    """One linear classifier a question on the mean patch; thrown away after pre-training."""

    def __init__(self, images: ImageSet, width: int) -> None:
        names = list(images.answers[0])
        self.classes = {name: sorted({a[name] for a in images.answers}) for name in names}
        self.norm = nn.LayerNorm(width)
        self.layers = {name: nn.Linear(width, len(c)) for name, c in self.classes.items()}

    def parameters(self) -> list[torch.Tensor]:
        modules = [self.norm, *self.layers.values()]
        return [parameter for module in modules for parameter in module.parameters()]

    def targets(self, images: ImageSet) -> dict[str, torch.Tensor]:
        """The right class of every image, a tensor of shape (n,) a question."""
        return {
            name: torch.tensor([classes.index(a[name]) for a in images.answers])
            for name, classes in self.classes.items()
        }

    def guess(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits of shape (n, classes) a question, for features of shape (n, TOKENS, width)."""
        pooled = self.norm(features.float().mean(1))
        return {name: layer(pooled) for name, layer in self.layers.items()}


def pretrain(
    tower: CLIPVisionModel, images: ImageSet, *, steps: int, batch: int, seed: int, log: Log
) -> None:
    """Train the tower for `steps` batches, with heads of its own."""
    generator = torch.Generator().manual_seed(seed)
    heads = Heads(images, tower.config.hidden_size)
    targets = heads.targets(images)
    parameters = [*tower.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=max(steps, 2))
    for step in range(steps):
        chosen = torch.randint(len(images), (batch,), generator=generator)
        pixels = normalised(turned(images.pixels[chosen], generator))
        with torch.autocast("cpu", torch.bfloat16):
            features = patch_features(tower, pixels)
        guesses = heads.guess(features)
        losses = {n: functional.cross_entropy(g, targets[n][chosen]) for n, g in guesses.items()}
        loss = torch.stack(list(losses.values())).sum() + losses["classification"]
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            log(f"vision {step + 1}/{steps}: {listed(losses)}")


def listed(losses: dict[str, torch.Tensor]) -> str:
    """The losses by question, for the log."""
    return ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items())
