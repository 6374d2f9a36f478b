"""Embeddings of images on the disk, so that a second study of captions encodes none again.

Each combination of what determines an embedding besides the image (weights, precision, image
policy, …) has a folder of safetensors files with `keys` (images' `identity`) and `vectors`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.progress import log
from mubench_gen.errors import MissingExtraError
from mubench_gen.storage.scratch import Scratch, sweep

if TYPE_CHECKING:
    import numpy as np

    Vector = np.ndarray[Any, Any]

_SUFFIX = ".safetensors"
_SCRATCH = "embeddings"  # `.embeddings-` and eight letters
_SHARD = 1_024  # most embeddings that wait to be written


class EmbeddingStore:
    """Unit vectors by the `identity` of an image. Raises MissingExtraError without safetensors.

    A damaged file is skipped with a message; so is a failed write. Several processes may write
    at once, because files are named by their content and created atomically.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Vector] = {}
        self._waiting: dict[str, Vector] = {}
        sweep(folder, [_SCRATCH])
        self._read()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, digest: str) -> bool:
        return digest in self._known

    def get(self, digest: str) -> Vector:
        return self._known[digest]

    def add(self, vectors: Mapping[str, Vector]) -> None:
        """Keep the finite ones of these vectors."""
        import numpy as np

        for digest, vector in vectors.items():
            if np.isfinite(vector).all():
                self._known[digest] = self._waiting[digest] = vector
        if len(self._waiting) >= _SHARD:
            self.flush()

    def flush(self) -> None:
        """Write waiting embeddings to the disk."""
        if not self._waiting:
            return
        import numpy as np
        from safetensors.numpy import save

        keys = np.array([list(bytes.fromhex(digest)) for digest in self._waiting], np.uint8)
        content = save({"keys": keys, "vectors": np.stack(list(self._waiting.values()))})
        self._waiting.clear()
        name = hashlib.sha256(content).hexdigest()[:32] + _SUFFIX
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with Scratch(self.folder / _SCRATCH) as scratch:
                scratch.write(content)
                scratch.become(self.folder / name)
        except OSError as error:
            log(f"Embeddings cannot be kept in {self.folder}: {error.strerror}.")

    def _read(self) -> None:
        try:
            from safetensors import SafetensorError
            from safetensors.numpy import load_file
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                error.name or "safetensors", extra="transformers", purpose="--keep-embeddings"
            ) from error
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            try:
                tensors = load_file(path)
                pairs = list(zip(tensors["keys"], tensors["vectors"], strict=True))
            except (OSError, SafetensorError, KeyError, ValueError) as error:
                log(f"{path} is skipped, its images are encoded again: {error}")
                continue
            self._known.update((bytes(key).hex(), vector) for key, vector in pairs)
