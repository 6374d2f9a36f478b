"""A loaded model with open_clip's interface, shared by several plugins. Imports torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mubench_gen.model import ReadText
from mubench_gen.types import Image

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Opened:
    """`preprocess` makes an RGB picture a tensor; `tokenize` makes texts rows of ids for a
    context, padded with `pad` on the right; `image_arguments` are those of encode_image."""

    model: Any
    preprocess: Callable[[Any], torch.Tensor]
    tokenize: Callable[[Sequence[str], int], torch.Tensor]
    pad: int
    context: int
    device: torch.device
    dtype: torch.dtype
    digest: str
    facts: Mapping[str, Any]
    image_arguments: Mapping[str, Any] = field(default_factory=dict)

    def embed_images(self, images: Sequence[Image]) -> list[np.ndarray[Any, Any]]:
        pixels = torch.stack([self.preprocess(image.pixels()) for image in images])
        pixels = pixels.to(self.device, self.dtype)
        with torch.inference_mode():
            rows = self.model.encode_image(pixels, **self.image_arguments)
        return list(rows.float().cpu().numpy())

    def embed_texts(self, texts: Sequence[str]) -> list[np.ndarray[Any, Any]]:
        with torch.inference_mode():
            rows = self.model.encode_text(self.tokenize(texts, self.context).to(self.device))
        return list(rows.float().cpu().numpy())

    def read_texts(self, texts: Sequence[str]) -> list[ReadText]:
        # A text has at most as many tokens as bytes, plus some special tokens.
        most = max((len(text.encode()) for text in texts), default=0) + 8
        counts = _filled(self.tokenize(texts, max(most, self.context)), self.pad)
        rows = self.tokenize(texts, self.context)[:, : self.context].tolist()
        return [ReadText(n, tuple(row[:n])) for n, row in zip(counts, rows, strict=True)]


def files_digest(files: Iterable[Path]) -> str:
    """sha256 over the sha256 of each file."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def described(
    model: Any,
    files: Sequence[Path],
    device: torch.device,
    dtype: torch.dtype,
    package: str,
    version: str,
) -> dict[str, Any]:
    """The facts for the manifest that are needed to reproduce a run."""
    safe = all(file.suffix == ".safetensors" for file in files)
    return {
        "engine": package,
        "architecture": type(model).__name__,
        "weights_files": [file.name for file in files],
        "weights_format": "safetensors" if safe else "pickle, read with weights_only=True",
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
        "versions": {"torch": str(torch.__version__), package: version},
    }


def _filled(rows: torch.Tensor, pad: int) -> list[int]:
    """The number of ids in each row before the padding."""
    places = torch.arange(1, rows.shape[1] + 1)
    counts: list[int] = ((rows != pad) * places).amax(dim=1).tolist()
    return counts
