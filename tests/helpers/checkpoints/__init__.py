"""Tiny random checkpoints, one of each architecture that the generative plugins open.

Real ones in every way but size and sense: a configuration of two layers, weights drawn from
a seed, a processor, a tokenizer trained on the spot with the special tokens of the family,
and its chat format. `ARCHITECTURES` are all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from . import formats, gemma, idefics, llava, pixtral, qwen
from .saving import Made, save


@dataclass(frozen=True)
class Architecture:
    """A tiny checkpoint, and the plugin that opens it.

    `model_type` and `format` (its chat template, None for none) are what its files say, `ends`
    its tokens of beginning and end; `needs` are the packages without which its processor does
    not open.
    """

    name: str
    plugin: str
    model_type: str
    make: Callable[[], Made]
    format: str | None = None
    ends: tuple[str, str] = ("<s>", "</s>")
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """What it needs and is not installed."""
        return [package for package in self.needs if find_spec(package) is None]


_VIDEO = ("torchvision",)  # for processors that read videos as well
_CHATML = ("<s>", "<|im_end|>")
_GEMMA = ("<bos>", "<eos>")
_ALL = (
    Architecture("llava", "llava", "llava", llava.make_llava),
    Architecture(
        "llava-next", "llava", "llava_next", llava.make_llava_next, formats.LLAVA_NEXT_MISTRAL
    ),
    Architecture(
        "llava-onevision", "llava", "llava_onevision", llava.make_llava_onevision,
        formats.LLAVA_ONEVISION, _CHATML, _VIDEO,
    ),
    Architecture("llava-med", "llava-med", "llava", llava.make_llava_med),
    Architecture(
        "qwen2-vl", "qwen-vl", "qwen2_vl", qwen.make_qwen2_vl, formats.QWEN_VL, _CHATML, _VIDEO
    ),
    Architecture(
        "qwen2.5-vl", "qwen-vl", "qwen2_5_vl", qwen.make_qwen2_5_vl, formats.QWEN_VL, _CHATML,
        _VIDEO,
    ),
    Architecture(
        "qwen3-vl", "qwen-vl", "qwen3_vl", qwen.make_qwen3_vl, formats.QWEN3_VL, _CHATML, _VIDEO
    ),
    Architecture(
        "internvl", "internvl", "internvl", qwen.make_internvl, formats.INTERNVL, _CHATML, _VIDEO
    ),
    Architecture("gemma3", "gemma", "gemma3", gemma.make_gemma3, formats.GEMMA3, _GEMMA),
    Architecture("paligemma", "paligemma", "paligemma", gemma.make_paligemma, None, _GEMMA),
    Architecture("idefics3", "smolvlm", "idefics3", idefics.make_idefics3, formats.SMOLVLM),
    Architecture(
        "smolvlm", "smolvlm", "smolvlm", idefics.make_smolvlm, formats.SMOLVLM,
        needs=(*_VIDEO, "num2words"),
    ),
    Architecture(
        "pixtral", "pixtral", "llava", pixtral.make_pixtral, formats.PIXTRAL, needs=_VIDEO
    ),
    Architecture(
        "mistral3", "pixtral", "mistral3", pixtral.make_mistral3, formats.PIXTRAL, needs=_VIDEO
    ),
)  # fmt: skip
ARCHITECTURES: Mapping[str, Architecture] = {one.name: one for one in _ALL}


def make_checkpoint(name: str, folder: Path) -> Path:
    """The checkpoint of that architecture in a folder: the same weights every time."""
    return save(ARCHITECTURES[name].make, folder)
