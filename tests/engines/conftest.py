"""Tiny random checkpoints, made from configurations on the spot, and images and requests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from mubench_gen.types import Image, Message, Request, Sampling, Text

# As the engine sets them before it imports torch, which a test may do first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

SPECIALS = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
LABELS = ("A", "B", "C", "D")
QUESTION = "What imaging modality is shown? (A) fluorescence (B) brightfield. Answer: A B C D"
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
EYE: dict[str, Any] = {**TOWER, "image_size": 32, "patch_size": 16}
TOKENS: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 4}
SQUARE = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}


class DecodedPolicy:
    """An image policy for pictures that are decoded already."""

    def __init__(self, picture: PillowImage.Image) -> None:
        self._picture = picture

    def check(self, content: bytes, name: str) -> str | None:
        return None

    def verify(self, content: bytes, name: str) -> None:
        pass

    def decode(self, content: bytes, name: str) -> PillowImage.Image:
        return self._picture


class Trap:
    """Makes a file when it is unpickled, as code in a pickle might."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


def make_image(seed: int, width: int = 60, height: int = 40) -> Image:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = PillowImage.fromarray(noise)
    return Image(f"image {seed}", picture.tobytes, DecodedPolicy(picture))


def make_request(
    number: int = 0,
    *,
    image: Image | None = None,
    text: str = QUESTION,
    temperature: float = 0.0,
    seed: int | None = None,
    max_tokens: int = 6,
    labels: tuple[str, ...] = LABELS,
    system: str | None = None,
) -> Request:
    parts = (Text(text),) if image is None else (image, Text(text))
    user = Message("user", parts)
    messages = (user,) if system is None else (Message("system", (Text(system),)), user)
    sampling = Sampling(temperature, max_tokens, seed)
    return Request(f"key {number}", messages, labels, "parse", sampling, image)


def make_caption_request(image: Image, *texts: str, role: Any = "caption") -> Request:
    """What a contrastive model is asked: which of the texts the image shows."""
    return Request(
        key=f"{image.name} {texts}",
        messages=(Message(role, (image, *map(Text, texts))),),
        labels=LABELS[: len(texts)],
        readout="similarity",
        sampling=Sampling(0.0, 16),
        image=image,
        texts=texts,
    )


@pytest.fixture(scope="session")
def requests() -> list[Request]:
    """Prompts of different lengths over three images, two of them without an image."""
    images = [make_image(n) for n in range(3)]
    texts = [f"{QUESTION} {'and cells ' * n}" for n in range(8)]
    seen = [images[0], images[0], None, images[1], images[2], None, images[1], images[0]]
    return [
        make_request(n, image=i, text=t) for n, (i, t) in enumerate(zip(seen, texts, strict=True))
    ]


def make_tokenizer(*more: str, context: int | None = None, ends: bool = False, **named: Any) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[*SPECIALS, *more],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([QUESTION, "user assistant system"] * 50, trainer)
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A <|im_end|>", special_tokens=[("<s>", 1), ("<|im_end|>", 4)]
        )
    limit = {"model_max_length": context} if context else {}
    named = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "<|im_end|>", **limit, **named}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def save(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def sharpen(model: Any) -> None:
    """Random weights of the usual size hardly tell one image, or one token, from another."""
    from transformers import GenerationConfig

    for parameter in model.parameters():
        parameter.data.mul_(3)
    model.generation_config = GenerationConfig(**TOKENS)


def text_model(vocabulary: int) -> dict[str, Any]:
    sizes = {"vocab_size": vocabulary, "num_key_value_heads": 2, "max_position_embeddings": 256}
    return {**TOWER, **TOKENS, **sizes}


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = make_tokenizer("<image>", extra_special_tokens={"image_token": "<image>"})
    token = tokenizer.convert_tokens_to_ids("<image>")
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**EYE, projection_dim=32),
        text_config=hf.LlamaConfig(**text_model(len(tokenizer))),
        image_token_id=token,
        image_token_index=token,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=4,
    )
    processor = hf.LlavaProcessor(
        image_processor=hf.CLIPImageProcessorPil(**SQUARE),
        tokenizer=tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=CHAT,
    )
    model = hf.LlavaForConditionalGeneration(config)
    sharpen(model)
    return save(tmp_path_factory.mktemp("llava"), model, processor)


@pytest.fixture(scope="session")
def idefics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An architecture that cuts images into tiles and takes them nested, row by row."""
    import torch
    import transformers as hf

    torch.manual_seed(0)
    tiles = [f"<row_{row}_col_{col}>" for row in range(1, 4) for col in range(1, 4)]
    marks = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    tokenizer = make_tokenizer(*marks, *tiles)
    text = {"model_type": "llama", **text_model(len(tokenizer))}
    config = hf.Idefics3Config(
        vision_config={**EYE, "image_size": 64},
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    processor = hf.Idefics3Processor(
        image_processor=hf.Idefics3ImageProcessorPil(
            size={"longest_edge": 128}, max_image_size={"longest_edge": 64}
        ),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=CHAT,
    )
    model = hf.Idefics3ForConditionalGeneration(config)
    sharpen(model)
    return save(tmp_path_factory.mktemp("idefics"), model, processor)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = make_tokenizer(ends=True)
    text = {**TOWER, **TOKENS, "vocab_size": len(tokenizer), "max_position_embeddings": 24}
    model = hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=EYE, projection_dim=16))
    processor = hf.CLIPProcessor(
        image_processor=hf.CLIPImageProcessorPil(**SQUARE), tokenizer=tokenizer
    )
    return save(tmp_path_factory.mktemp("clip"), model, processor)


@pytest.fixture(scope="session")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = make_tokenizer(context=24)
    text = {**TOWER, **TOKENS, "vocab_size": len(tokenizer), "max_position_embeddings": 24}
    model = hf.SiglipModel(hf.SiglipConfig(text_config=text, vision_config=EYE))
    processor = hf.SiglipProcessor(
        image_processor=hf.SiglipImageProcessorPil(size={"height": 32, "width": 32}),
        tokenizer=tokenizer,
    )
    return save(tmp_path_factory.mktemp("siglip"), model, processor)


@pytest.fixture(scope="session")
def siglip2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images as patches, by defaults of the processor that its image processor lacks."""
    import torch
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = make_tokenizer(context=64)
    text = {**TOWER, **TOKENS, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    vision = {**TOWER, "patch_size": 16, "num_patches": 16}
    model = hf.Siglip2Model(hf.Siglip2Config(text_config=text, vision_config=vision))
    images = hf.Siglip2ImageProcessorPil(patch_size=16, max_num_patches=4)
    processor = hf.Siglip2Processor(images, tokenizer)
    return save(tmp_path_factory.mktemp("siglip2"), model, processor)


@pytest.fixture(scope="session")
def align(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolutional image tower, and a context shorter than the text tower's positions."""
    import torch
    import transformers as hf

    torch.manual_seed(0)
    tokenizer = make_tokenizer(ends=True)
    one_block = ["kernel_sizes", "strides", "expand_ratios", "num_block_repeats"]
    vision = {
        **dict(zip(one_block, ([3], [1], [1], [1]), strict=True)),
        "image_size": 32,
        "hidden_dim": 1280,
        "in_channels": [32],
        "out_channels": [16],
        "depthwise_padding": [],
    }
    text = {**TOWER, "vocab_size": len(tokenizer), "pad_token_id": 0}
    config = hf.AlignConfig(text_config=text, vision_config=vision, projection_dim=32)
    images = hf.EfficientNetImageProcessorPil(size={"height": 32, "width": 32})
    model, processor = hf.AlignModel(config), hf.AlignProcessor(images, tokenizer)
    return save(tmp_path_factory.mktemp("align"), model, processor)


@pytest.fixture
def altered(tmp_path: Path) -> Callable[..., Path]:
    """Copies a checkpoint with one JSON file's entries changed (None: the file removed)."""

    def alter(folder: Path, name: str, change: dict[str, Any] | None) -> Path:
        copy = tmp_path / "altered"
        shutil.copytree(folder, copy)
        file = copy / name
        if change is None:
            file.unlink()
        else:
            file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
        return copy

    return alter
