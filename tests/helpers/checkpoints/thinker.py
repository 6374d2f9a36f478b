"""A model that thinks: the tiny LLaVA with a thought of eight words built into its weights.

The vector of each of the thought's tokens is so long that what the layers add to it hardly turns
it, and the head's row of the next token points the same way. The token behind the thought has the
vector of the end of the line after which the tiny LLaVA answers: it then answers about the image.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mubench_gen_plugins.tiny import WEIGHTS

_WORDS = [f" glance-{number}" for number in range(1, 9)]
THOUGHT = "".join(_WORDS)
_CHAIN = ("<think>", *_WORDS, "</think>", "\r\n")
_LINE = "Ċ"  # "\n" as byte-level vocabularies write it
_LENGTH, _SURE = 3e3, 3.0
_SWITCH = (
    "{% if enable_thinking is not defined or enable_thinking %}<think>{% else %}<think></think>\r\n"
    "{% endif %}"
)


def make_thinker(folder: Path) -> Path:
    """Write it to the folder, with a template that has the switch `enable_thinking`."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(WEIGHTS / "llava", folder, dirs_exist_ok=True)
    line = _add_tokens(folder)
    template = folder / "chat_template.jinja"
    before, last, _ = template.read_text().rpartition("{% endif %}")
    template.write_text(f"{before}{_SWITCH}{last}")
    weights = load_file(folder / "model.safetensors")
    embeddings = weights["language_model.model.embed_tokens.weight"]
    norm = weights["language_model.model.norm.weight"].float()
    random = torch.randn(len(norm), len(_CHAIN) - 1, generator=torch.Generator().manual_seed(0))
    ways = torch.linalg.qr(random)[0].T  # of each token of the thought
    added = {
        "model.embed_tokens.weight": torch.cat([_LENGTH * ways, embeddings[[line]].float()]),
        "lm_head.weight": torch.cat([torch.zeros(1, len(norm)), _SURE * ways / norm]),
    }
    for name, rows in added.items():
        whole = weights[f"language_model.{name}"]
        weights[f"language_model.{name}"] = torch.cat([whole, rows.to(whole.dtype)])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def _add_tokens(folder: Path) -> int:
    """Add the tokens of the thought to the vocabulary, and return that of the end of a line."""
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    for number, text in enumerate(_CHAIN, len(vocabulary)):
        tokenizer["added_tokens"].append({"id": number, "content": text, **plain})
    file.write_text(json.dumps(tokenizer))
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config["text_config"]["vocab_size"] = len(vocabulary) + len(_CHAIN)
    file.write_text(json.dumps(config))
    return int(vocabulary[_LINE])
