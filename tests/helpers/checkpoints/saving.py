"""From a configuration to a folder: seeded weights, a tokenizer, and the names that vLLM reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORPUS = [
    "What imaging modality is shown? (A) fluorescence microscopy (B) brightfield microscopy "
    "(C) electron microscopy (D) phase contrast. Answer with the label of the correct option.",
    "You look at micrographs. user assistant system User: Assistant: USER: ASSISTANT: A B C D",
]
# What the language models have in common. A head of 32 is the smallest that vLLM's kernels for a
# CPU know; the context has room for every image here in tiles.
TEXT: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOWER: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 16,
}
# A tower's weights in published checkpoints; transformers would name them shorter, and vLLM reads
# no other names.
TOWER_NAMES = (("vision_tower.", "vision_tower.vision_model."),)


@dataclass(frozen=True)
class Made:
    """A model and the processor beside it, not saved yet; `renamed` are prefixes of its weights."""

    model: Any
    processor: Any
    renamed: tuple[tuple[str, str], ...] = ()


def make_tokenizer(
    *specials: str,
    bos: str = "<s>",
    eos: str = "</s>",
    begins: bool = False,
    named: dict[str, str] | None = None,
    lines: tuple[str, ...] = (),
) -> Any:
    """A byte-level BPE of about 500 tokens, <pad>, bos and eos first.

    `begins`: it writes bos before every text, as those of the Llama and Gemma families do.
    `named` are special tokens under the names by which processors ask for them; `lines` are
    plain ones: Gemma's have ends of lines, which vLLM looks for.
    """
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=list(dict.fromkeys(["<pad>", bos, eos, *specials, *(named or {}).values()])),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 50, trainer)
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, 1)]
        )
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in lines])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token=bos,
        eos_token=eos,
        extra_special_tokens=named or {},
    )


def save(make: Callable[[], Made], folder: Path) -> Path:
    """Draw the weights from the seed 0 and write all of it."""
    import torch
    import transformers as hf

    torch.manual_seed(0)
    made = make()
    for parameter in made.model.parameters():
        parameter.data.mul_(3)  # else one image hardly differs from another
    made.model.generation_config = hf.GenerationConfig(
        pad_token_id=0, bos_token_id=1, eos_token_id=2
    )
    made.model.save_pretrained(folder)
    made.processor.save_pretrained(folder)
    if made.renamed:
        _rename(folder / "model.safetensors", made.renamed)
    return folder


def _rename(file: Path, prefixes: tuple[tuple[str, str], ...]) -> None:
    """Name the weights as published checkpoints do."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(file)
    for old, new in prefixes:
        tensors = {
            new + name.removeprefix(old) if name.startswith(old) else name: tensor
            for name, tensor in tensors.items()
        }
    save_file(tensors, file, {"format": "pt"})
