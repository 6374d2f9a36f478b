"""The small files of a checkpoint: configuration, processor, tokenizer, chat template; no weights.

They are read as they lie there: neither torch nor transformers is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mubench_gen.data.hub import require_checkpoint
from mubench_gen.engines.adapters import find_adapter
from mubench_gen.engines.folders import (
    fetch_small_files,
    local_folder,
    read_json,
    template_in,
    tokens_in,
)
from mubench_gen.errors import UsageError
from mubench_gen.storage.paths import user_path

_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
# Folders of other programs, by a file that they have: what opens them.
_OTHERS = {
    "open_clip_config.json": "It is a checkpoint of OpenCLIP: --plugin openclip opens it.",
    "params.json": "It has Mistral's own layout: take the one of transformers (ids that end in -hf "
    "or mistral-community/…), or serve it and give --plugin openai --base-url URL.",
    "model_index.json": "It is a pipeline of diffusers, which makes images and reads none.",
}
_NO_CONFIG = "A model in transformers' layout has one beside its weights."


@dataclass(frozen=True, slots=True)
class SmallFiles:
    """What a checkpoint's small files say; `config` is its config.json.

    `adapter`: whether it is an adapter, and the files are those of its base.
    `code` are its classes that are Python code of its own, by the auto class that opens them.
    """

    name: str
    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    adapter: bool = False

    @property
    def model_type(self) -> str:
        return str(self.config.get("model_type") or "")

    @property
    def architecture(self) -> str:
        """The class of its weights, as its configuration names it; "" where it names none."""
        named = self.config.get("architectures")
        return str(named[0]) if isinstance(named, list) and named else ""

    @property
    def code(self) -> dict[str, Any]:
        found = self.config.get("auto_map")
        return found if isinstance(found, dict) else {}

    @property
    def families(self) -> tuple[str, ...]:
        """The names of its family for `ModelSpec.model_types`, the most exact first."""
        vision = self.config.get("vision_config")
        tower = str(vision.get("model_type") or "") if isinstance(vision, dict) else ""
        return (f"{self.model_type}/{tower}", self.model_type)

    @property
    def has_processor(self) -> bool:
        return any((self.folder / name).is_file() for name in _PROCESSORS)

    @property
    def template(self) -> str | None:
        """Its chat template (of several the default); None without."""
        return template_in(self.folder)

    def added_tokens(self) -> frozenset[str]:
        """The tokens that the tokenizer takes as a whole, wherever they stand in a text."""
        return tokens_in(self.folder)


def read_small_files(
    path: str | Path,
    revision: str | None,
    advice: str = "",
    *,
    base: str | Path | None = None,
) -> SmallFiles:
    """The small files of a folder or hub id. UsageError, in one message, where there are none.

    `advice` is the plugin's, on a checkpoint that is not to be had. `base`: that of an adapter,
    where it is not the one that its configuration names.
    """
    name = str(path)
    folder = user_path(path)
    if not folder.is_dir():
        if name.count("/") != 1 or folder.is_absolute():
            raise UsageError(
                f"No folder {folder}. A model is a folder with config.json and weights, or a hub "
                "id (OWNER/NAME)."
            )
        if "gguf" in name.lower() and local_folder(path, revision) is None:
            raise UsageError(_fetch_gguf(name))
        require_checkpoint(path, advice)
        folder = fetch_small_files(path, revision)
    adapter = find_adapter(path, revision, base)
    if adapter is not None:
        found = read_small_files(adapter.base, adapter.base_revision, advice)
        return replace(found, name=name, adapter=True)
    file = folder / "config.json"
    if not file.is_file():
        raise UsageError(f"{name} has no config.json. {_other(folder)}")
    config = read_json(file)
    if not config:
        raise UsageError(f"{file} is no JSON object: the configuration of {name} is damaged.")
    return SmallFiles(name, folder, config)


def _fetch_gguf(name: str) -> str:
    return (
        f"{name} is a repository of GGUF files, which are not fetched by themselves, since it "
        "holds several quantisations. Fetch one with its projector, for example: hf download "
        f"{name} --include '*Q4_K_M*' 'mmproj*'. Then type the same command again."
    )


def _other(folder: Path) -> str:
    """What the folder is that is no checkpoint of transformers."""
    for file, told in _OTHERS.items():
        if (folder / file).is_file():
            return told
    if any(folder.glob("*.gguf")):
        return "It holds GGUF: --engine llama-server opens it."
    return _NO_CONFIG
