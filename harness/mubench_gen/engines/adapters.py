"""LoRA adapters (PEFT's folders) as models: found beside their base, and checked. No torch here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.folders import (
    fetch_files,
    fetch_small_files,
    local_folder,
    read_json,
    template_in,
    tokens_in,
)
from mubench_gen.errors import SettingError, UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.storage.paths import user_path

CONFIG = "adapter_config.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_WHOLE = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json",
          "pytorch_model.bin.index.json")  # fmt: skip
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+\Z")
# Kinds of PEFT that add tokens or layers to a model, and are no change of its weights.
_OF_PROMPTS = ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING",
               "ADAPTION_PROMPT", "CPT", "CARTRIDGE", "XLORA")  # fmt: skip
# What else an adapter may do, by the key of its configuration.
_MORE = {
    "use_dora": "it is a DoRA",
    "modules_to_save": "it trains whole modules (modules_to_save)",
    "bias": "it trains biases",
    "lora_bias": "it has biases of its own (lora_bias)",
    "trainable_token_indices": "it trains tokens (trainable_token_indices)",
    "layer_replication": "it repeats layers (layer_replication)",
    "use_qalora": "it is a QALoRA",
    "alora_invocation_tokens": "it is an activated LoRA",
    "target_parameters": "it changes parameters by name (target_parameters)",
}
# Initialisations that change the base, so that B·A is not the difference from the published one.
_OTHER_BASE = ("pissa", "olora", "corda", "loftq")
_OPTION = "-o base=FOLDER (or OWNER/NAME, OWNER/NAME@REVISION)"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter as it lies in `folder`; `base` is the folder or hub id of what it changes.

    `name` is what the user calls it; `config` is its adapter_config.json.
    """

    name: str
    revision: str | None
    folder: Path
    base: str
    base_revision: str | None
    config: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name

    @property
    def base_name(self) -> str:
        """The base with its revision, as `-o base` takes it."""
        return self.base if self.base_revision is None else f"{self.base}@{self.base_revision}"

    @property
    def facts(self) -> dict[str, Any]:
        """What a manifest has of it, beside its digests."""
        return {"path": self.name, "base": self.base_name, "rank": max(self.ranks)}

    @property
    def weights(self) -> Path | None:
        """The file of its weights; None where it is not here."""
        files = (self.folder / name for name in _WEIGHTS)
        return next((file for file in files if file.is_file()), None)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks that its configuration has, by modules too."""
        by_module = self.config.get("rank_pattern")
        given = by_module.values() if isinstance(by_module, dict) else ()
        found = [rank for rank in (self.config.get("r"), *given) if isinstance(rank, int)]
        return tuple(found) or (8,)


def find_adapter(
    path: str | Path, revision: str | None = None, base: str | Path | None = None
) -> Adapter | None:
    """The adapter in a folder, or in the hub's cache; None for anything else, and what isn't here.

    `base`: in place of the one that its configuration names. UsageError where none is known, or it
    is not on this machine; SettingError for a base of what is no adapter.
    """
    folder = local_folder(path, revision)
    if folder is None:
        return None
    config = _config_in(folder)
    if not config:
        if base is not None:
            raise SettingError(
                f"-o base={base}: {path} is no adapter (it has no {CONFIG}, or whole weights of "
                "its own), so that it has no base. Leave the option out."
            )
        return None
    kind = str(config.get("peft_type", "LORA")).upper()
    if kind in _OF_PROMPTS:
        raise UsageError(
            f"{path} is a PEFT adapter of the kind {kind}, which changes no weights: it is not "
            "opened. Adapters that change weights are (LoRA and its kin)."
        )
    found, its_revision = _base(str(path), config, None if base is None else str(base))
    return Adapter(str(path), revision, folder, found, its_revision, config)


def adapted(checkpoint: Checkpoint, revision: str | None, *, fetch: bool = False) -> Checkpoint:
    """The checkpoint; of an adapter with a chat template of its own, which it was trained with,
    with that. `fetch`: whether the hub is asked what it is, where that isn't here.
    """
    revision = revision or checkpoint.revision
    by_id = _HUB_ID.match(str(checkpoint.path)) is not None
    if fetch and by_id and local_folder(checkpoint.path, revision) is None:
        require_checkpoint(checkpoint.path, checkpoint.hint)
        fetch_small_files(checkpoint.path, revision)
    adapter = find_adapter(checkpoint.path, revision, checkpoint.base)
    if adapter is None or checkpoint.chat_template is not None:
        return checkpoint
    return replace(checkpoint, chat_template=template_in(adapter.folder))


def ready(adapter: Adapter) -> Adapter:
    """The adapter with its weights and the small files of its base at hand, fetched if need be.

    UsageError if they are not to be had, or do not belong together.
    """
    if adapter.weights is None:
        if user_path(adapter.name).is_dir():
            raise UsageError(f"{adapter}: it has {CONFIG} and no {' or '.join(_WEIGHTS)}.")
        fetch_files(adapter.name, adapter.revision, ("adapter_*",))
        if adapter.weights is None:
            raise UsageError(f"{adapter}: the hub has no {' or '.join(_WEIGHTS)} of it.")
    require_checkpoint(adapter.base)
    base = fetch_small_files(adapter.base, adapter.base_revision)
    if _config_in(base):
        raise UsageError(
            f"{adapter}: its base {adapter.base} is an adapter too. Write whole weights first: "
            f"mubench-gen merge BASE {adapter.base} --alpha 1 --out FOLDER, then -o base=FOLDER."
        )
    own = tokens_in(adapter.folder)
    added = sorted(own - tokens_in(base)) if own else []
    if added:
        raise UsageError(
            f"{adapter}: its tokenizer has tokens that its base {adapter.base} lacks "
            f"({', '.join(added[:5])}), for which the base has no embeddings. Have PEFT merge it "
            "into the base as it was trained, and give that folder."
        )
    return adapter


def more_than_lora(adapter: Adapter) -> str | None:
    """What an adapter does beside adding B·A to weights, in words; None if nothing."""
    kind = str(adapter.config.get("peft_type", "LORA")).upper()
    if kind != "LORA":
        return f"it is of the kind {kind}"
    for key, what in _MORE.items():
        if adapter.config.get(key) not in (None, False, "none", [], {}):
            return what
    initialised = initialised_by(adapter.config)
    if initialised is not None:
        return f"it was initialised by {initialised!r}, which changes the base"
    return None


def initialised_by(config: Mapping[str, Any]) -> str | None:
    """The initialisation of an adapter if that changed its base; None if not."""
    initialised = str(config.get("init_lora_weights", "")).lower()
    return initialised if initialised.startswith(_OTHER_BASE) else None


def lies_alone(folder: Path) -> bool:
    """Whether a folder with an adapter's configuration has no whole weights beside it."""
    if not (folder / "config.json").is_file():
        return True
    own = any((folder / name).is_file() for name in _WEIGHTS)
    return own and not any((folder / name).is_file() for name in _WHOLE)


def _config_in(folder: Path) -> dict[str, Any]:
    """The configuration of an adapter that lies in a folder alone; empty for anything else."""
    return read_json(folder / CONFIG) if lies_alone(folder) else {}


def _base(name: str, config: Mapping[str, Any], given: str | None) -> tuple[str, str | None]:
    """The base and its revision. UsageError for none, and for a folder that is not here."""
    stated = config.get("base_model_name_or_path")
    base = given or (str(stated) if stated else None)
    if base is None:
        raise UsageError(
            f"{name} is an adapter, and its {CONFIG} names no base. Give it: {_OPTION}."
        )
    folder = user_path(base)
    if folder.is_dir():
        return str(folder), None
    hub, _, revision = base.partition("@")
    if _HUB_ID.match(hub):
        pinned = None if given else config.get("revision")
        return hub, revision or (str(pinned) if pinned else None)
    whose = f"-o base={base}" if given else f"{name} is an adapter whose base is {base}"
    raise UsageError(f"{whose}: there is no such folder here. Give its base: {_OPTION}.")
