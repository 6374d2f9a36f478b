"""GGUF files: written by the format's specification, and the tiny LLaVA as llama.cpp reads it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ALIGNED = 32
_BLOCK = 32  # numbers that share a scale
TYPES = {"F32": 0, "Q8_0": 8}  # of tensors
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15}


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    inner = value[0]
    kind = 8 if isinstance(inner, str) else 6 if isinstance(inner, float) else 5
    each = [_text(v) if kind == 8 else struct.pack("<f" if kind == 6 else "<i", v) for v in value]
    return struct.pack("<IIQ", 9, kind, len(value)) + b"".join(each)


def write_gguf(
    path: Path,
    values: Mapping[str, Any],
    tensors: Mapping[str, Any] | None = None,
    *,
    quantised: str = "F32",
) -> Path:
    """A GGUF file of version 3. `tensors`: arrays of float32; those of two axes are quantised."""
    infos, blob = b"", b""
    for name, array in (tensors or {}).items():
        kind = quantised if array.ndim == 2 else "F32"
        content = _q8_0(array) if kind == "Q8_0" else array.astype("<f4").tobytes()
        shape = array.shape[::-1]
        infos += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos += struct.pack("<IQ", TYPES[kind], len(blob))
        blob += content + bytes(-len(content) % _ALIGNED)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors or {}), len(values))
    head += b"".join(_text(key) + _value(value) for key, value in values.items()) + infos
    path.write_bytes(head + bytes(-len(head) % _ALIGNED) + blob)
    return path


def write_model(path: Path, quantisation: str = "Q4_K_M", **values: Any) -> Path:
    """The header of a model, without weights, which a stand-in for llama.cpp takes for one."""
    told = {"general.architecture": "llama", "general.type": "model", "llama.context_length": 4096}
    return write_gguf(path, {**told, "general.file_type": FILE_TYPES[quantisation], **values})


def write_projector(path: Path, **values: Any) -> Path:
    return write_gguf(path, {"general.architecture": "clip", "general.type": "mmproj", **values})


def _q8_0(array: Any) -> bytes:
    """Blocks of 32 numbers as whole numbers of 8 bits, each with its scale."""
    import numpy as np

    blocks = array.astype(np.float32).reshape(-1, _BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    whole = np.round(np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale > 0))
    made = np.concatenate(
        [scale.astype("<f2").view(np.int8).reshape(-1, 2), whole.astype(np.int8)], axis=1
    )
    return made.tobytes()


def write_tiny_llava(weights: Path, folder: Path, quantisation: str = "F32") -> Path:
    """The checkpoint of the plugin `tiny` as llama.cpp's converter would write it.

    The file of the model; its projector is beside it.
    """
    from safetensors.torch import load_file

    config = json.loads((weights / "config.json").read_text())
    loaded = load_file(weights / "model.safetensors")
    arrays = {name: tensor.float().numpy() for name, tensor in loaded.items()}
    _write_projector(folder / "mmproj-tiny.gguf", arrays, config)
    values = {
        **_of_the_model(config["text_config"]),
        **_of_the_tokenizer(json.loads((weights / "tokenizer.json").read_text())),
        "general.file_type": FILE_TYPES[quantisation],
        "tokenizer.chat_template": (weights / "chat_template.jinja").read_text(),
    }
    tensors = _text_tensors(arrays, config["text_config"]["num_attention_heads"])
    file = folder / f"tiny-{quantisation}.gguf"
    return write_gguf(file, values, tensors, quantised=quantisation)


def _of_the_model(text: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "tiny llava",
        "general.size_label": "1.1M",
        "general.license": "apache-2.0",
        "llama.context_length": text["max_position_embeddings"],
        "llama.embedding_length": text["hidden_size"],
        "llama.block_count": text["num_hidden_layers"],
        "llama.feed_forward_length": text["intermediate_size"],
        "llama.attention.head_count": text["num_attention_heads"],
        "llama.attention.head_count_kv": text["num_key_value_heads"],
        "llama.attention.layer_norm_rms_epsilon": text["rms_norm_eps"],
        "llama.rope.freq_base": 10000.0,
        "llama.rope.dimension_count": text["head_dim"],
        "llama.vocab_size": text["vocab_size"],
    }


def _of_the_tokenizer(tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    vocabulary = tokenizer["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    special = {token["content"] for token in tokenizer["added_tokens"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in special else 1 for token in tokens],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 4,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
    }


def _text_tensors(arrays: Mapping[str, Any], heads: int) -> dict[str, Any]:
    before = next(k for k in arrays if k.endswith("embed_tokens.weight"))
    before = before.removesuffix("embed_tokens.weight")
    head = next(k for k in arrays if k.endswith("lm_head.weight"))
    found = {
        "token_embd.weight": arrays[f"{before}embed_tokens.weight"],
        "output_norm.weight": arrays[f"{before}norm.weight"],
        "output.weight": arrays[head],
    }
    names = {
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    for layer in range(_layers(arrays, f"{before}layers.")):
        for ours, theirs in names.items():
            array = arrays[f"{before}layers.{layer}.{theirs}.weight"]
            turned = ours in ("attn_q", "attn_k")  # llama.cpp turns neighbouring numbers
            found[f"blk.{layer}.{ours}.weight"] = _turned(array, heads) if turned else array
    return found


def _turned(array: Any, heads: int) -> Any:
    rows, *others = array.shape
    return array.reshape(heads, 2, rows // heads // 2, *others).swapaxes(1, 2).reshape(array.shape)


def _layers(arrays: Mapping[str, Any], before: str) -> int:
    return len({name[len(before) :].split(".")[0] for name in arrays if name.startswith(before)})


def _write_projector(file: Path, arrays: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    vision = config["vision_config"]
    values = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.file_type": 0,
        "clip.has_vision_encoder": True,
        "clip.has_llava_projector": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": False,
        "clip.vision.image_size": vision["image_size"],
        "clip.vision.patch_size": vision["patch_size"],
        "clip.vision.embedding_length": vision["hidden_size"],
        "clip.vision.feed_forward_length": vision["intermediate_size"],
        "clip.vision.projection_dim": config["text_config"]["hidden_size"],
        "clip.vision.attention.head_count": vision["num_attention_heads"],
        "clip.vision.attention.layer_norm_epsilon": vision["layer_norm_eps"],
        "clip.vision.block_count": vision["num_hidden_layers"],
        "clip.vision.feature_layer": [vision["num_hidden_layers"]],  # the last
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    write_gguf(file, values, _image_tensors(arrays))


def _image_tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    ends = "embeddings.class_embedding"
    before = next(k for k in arrays if k.endswith(ends)).removesuffix(ends)
    found = {
        "v.class_embd": arrays[f"{before}{ends}"],
        "v.patch_embd.weight": arrays[f"{before}embeddings.patch_embedding.weight"],
        "v.position_embd.weight": arrays[f"{before}embeddings.position_embedding.weight"],
    }
    names = {
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_out": "self_attn.out_proj", "ln1": "layer_norm1", "ln2": "layer_norm2",
        "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2",
    }  # fmt: skip
    last = next(k for k in arrays if k.endswith("linear_1.weight")).removesuffix("linear_1.weight")
    for part in ("weight", "bias"):
        found[f"v.pre_ln.{part}"] = arrays[f"{before}pre_layrnorm.{part}"]
        found[f"mm.0.{part}"] = arrays[f"{last}linear_1.{part}"]
        found[f"mm.2.{part}"] = arrays[f"{last}linear_2.{part}"]
        for layer in range(_layers(arrays, f"{before}encoder.layers.")):
            for ours, theirs in names.items():
                array = arrays[f"{before}encoder.layers.{layer}.{theirs}.{part}"]
                found[f"v.blk.{layer}.{ours}.{part}"] = array
    return found
