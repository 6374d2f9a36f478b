"""Adds a LoRA adapter (PEFT) to a model of transformers. Imports peft."""

from __future__ import annotations

import re
from typing import Any

from mubench_gen.engines.adapters import Adapter
from mubench_gen.errors import UsageError

# PEFT stores DoRA's magnitudes without the last part of their name in a model, which transformers
# (5.19) would not find.
_MAGNITUDE = re.compile(r"\.lora_magnitude_vector\Z")
_NAMES_SHOWN = 3


def add_adapter(model: Any, adapter: Adapter) -> None:
    """Add it to its base, in memory. UsageError if not all of it, or not only it, has a place."""
    import peft

    try:
        config = peft.PeftConfig.from_pretrained(str(adapter.folder))
        stored = peft.utils.load_peft_weights(str(adapter.folder), device="cpu")
        weights = {_MAGNITUDE.sub(r"\g<0>.weight", name): one for name, one in stored.items()}
        report = model.load_adapter(peft_config=config, adapter_state_dict=weights)
    except Exception as error:  # peft raises any kind of error on a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"Cannot add the adapter {adapter} to {adapter.base}: {reason[:400]} "
            "Is this its base (-o base=…)?"
        ) from error
    misfits = {
        "of its tensors have no place in the base": report.unexpected_keys,
        "tensors that its configuration asks for are not in its file": report.missing_keys,
        "of its tensors have another shape in the base": [one[0] for one in report.mismatched_keys],
    }
    for what, names in misfits.items():
        if names:  # transformers would only warn, and answer by the base's or by random weights
            shown = ", ".join(sorted(names)[:_NAMES_SHOWN])
            raise UsageError(
                f"The adapter {adapter} does not fit {adapter.base}: {len(names)} {what} ({shown}"
                f"{', …' if len(names) > _NAMES_SHOWN else ''}). Is this its base (-o base=…)?"
            )
