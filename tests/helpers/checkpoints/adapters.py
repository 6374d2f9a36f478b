"""LoRA adapters of the tiny llava, as PEFT saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mubench_gen_plugins.tiny import WEIGHTS

TEXT = r".*language_model.*(q_proj|v_proj|down_proj)"
VISION = r".*vision_tower.*(q_proj|v_proj)"


def make_adapter(folder: Path, base: Path = WEIGHTS / "llava", **config: Any) -> Path:
    """An adapter with random matrices, which names `base`; `config` as PEFT takes it."""
    import peft
    import torch
    import transformers

    auto: Any = transformers.AutoModelForImageTextToText
    torch.manual_seed(0)
    wanted = peft.LoraConfig(**{"r": 4, "target_modules": TEXT, **config})
    wrapped = peft.get_peft_model(auto.from_pretrained(base, dtype=torch.float32), wanted)
    for name, parameter in wrapped.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            parameter.data.normal_(std=0.05)
        elif "lora_magnitude" in name:
            parameter.data.mul_(1.2)
        elif "modules_to_save" in name:
            parameter.data.add_(0.02)
    wrapped.save_pretrained(folder, save_embedding_layers=False)
    return folder
