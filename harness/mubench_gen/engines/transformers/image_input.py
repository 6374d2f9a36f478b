"""What a checkpoint's processor makes of a picture: its size, tiles, and image tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mubench_gen.data.hub import spare_retries
from mubench_gen.engines.adapters import find_adapter
from mubench_gen.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from PIL import Image as PillowImage


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A picture as a model gets it: `tiles` of `width` × `height` pixels, and the number of its
    tokens (image tokens in the prompt, or patches where the model has no prompt); None if the
    processor does not tell."""

    width: int
    height: int
    tiles: int
    tokens: int | None

    def words(self) -> str:
        size = f"{self.width} × {self.height} pixels"
        whole = size if self.tiles == 1 else f"{self.tiles} tiles of {size}"
        return whole if self.tokens is None else f"{whole}, {self.tokens:,} image tokens"


class ImageInput:
    """The processor of one checkpoint, without its weights."""

    def __init__(self, model: str, revision: str | None = None) -> None:
        """`model`: a folder, or an id of the hub. UsageError if it has no processor."""
        try:
            import transformers
        except ImportError:
            raise MissingExtraError(
                "transformers", "transformers", "Showing what a model's processor makes"
            ) from None
        self.model = model
        adapter = find_adapter(model, revision)
        if adapter is not None:
            model, revision = adapter.base, adapter.base_revision
        spare_retries()
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(model, revision=revision)
            self._config = transformers.AutoConfig.from_pretrained(model, revision=revision)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"--model {model}: its processor cannot be opened: {reason}") from None
        self._images = getattr(self._processor, "image_processor", self._processor)

    def of(self, picture: PillowImage.Image) -> ModelInput:
        """What it makes of an 8-bit RGB picture. UsageError if it refuses it."""
        try:
            found = self._images(images=[picture], return_tensors="pt")
            width, height, tiles = self._size(found)
            tokens = self._tokens(picture)
        except (ValueError, TypeError, IndexError, KeyError, RuntimeError) as error:
            raise UsageError(f"--model {self.model}: its processor refuses it: {error}") from None
        if tokens is None:
            tokens = self._patches(width, height, tiles)
        return ModelInput(width, height, tiles, tokens)

    def _size(self, found: Any) -> tuple[int, int, int]:
        if "image_grid_thw" in found:  # Qwen: patches in a row
            _, high, wide = (int(part) for part in found["image_grid_thw"][0])
            patch = int(self._images.patch_size)
            return wide * patch, high * patch, 1
        values = found["pixel_values"]
        if isinstance(values, list):
            values = values[0]
        shape = tuple(values.shape)
        tiles = 1
        for part in shape[:-3]:
            tiles *= int(part)
        if "image_sizes" in found and len(shape) == 4:  # Pixtral: one picture, padded
            high, wide = (int(part) for part in found["image_sizes"][0])
            return wide, high, 1
        return int(shape[-1]), int(shape[-2]), tiles

    def _tokens(self, picture: PillowImage.Image) -> int | None:
        """The image tokens in a prompt with this picture alone; None for a model without."""
        token = getattr(self._processor, "image_token", None)
        number = getattr(self._processor, "image_token_id", None)
        if token is None or getattr(self._processor, "tokenizer", None) is None:
            return None
        if number is None:
            number = self._processor.tokenizer.convert_tokens_to_ids(token)
        made = self._processor(text=[self._prompt(token)], images=[[picture]], return_tensors="pt")
        return int((made["input_ids"] == int(number)).sum())

    def _prompt(self, token: str) -> str:
        if not getattr(self._processor, "chat_template", None):
            return str(getattr(self._processor, "boi_token", token))
        turns = [{"role": "user", "content": [{"type": "image"}]}]
        return str(self._processor.apply_chat_template(turns, tokenize=False))

    def _patches(self, width: int, height: int, tiles: int) -> int | None:
        vision = getattr(self._config, "vision_config", self._config)
        patch = getattr(vision, "patch_size", None)
        if not isinstance(patch, int) or patch < 1:
            return None
        return tiles * (width // patch) * (height // patch)
