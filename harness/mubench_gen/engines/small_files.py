"""The small files of a checkpoint: configuration, processor, tokenizer, chat template; no weights.

They are read as they lie there: neither torch nor transformers is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mubench_gen.data.hub import out_of_reach, require_checkpoint, unavailable
from mubench_gen.engines.digest import local_folder
from mubench_gen.errors import MissingExtraError, UsageError
from mubench_gen.storage.paths import user_path
from mubench_gen.storage.user_files import parse_json

_CONFIGURATIONS = ("chat_template.json", "processor_config.json", "tokenizer_config.json")
_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
# Folders of other programs, by a file that they have: what opens them.
_OTHERS = {
    "open_clip_config.json": "It is a checkpoint of OpenCLIP: --plugin openclip opens it.",
    "adapter_config.json": "It is an adapter, and its adapter_config.json names no base: write its "
    "folder or hub id there as base_model_name_or_path.",
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

    def added_tokens(self) -> set[str]:
        """The tokens that the tokenizer takes as a whole, wherever they stand in a text."""
        listed = read_json(self.folder / "tokenizer.json").get("added_tokens")
        named = read_json(self.folder / "tokenizer_config.json").get("added_tokens_decoder")
        entries = [*(listed or ()), *(named.values() if isinstance(named, dict) else ())]
        return {str(one.get("content")) for one in entries if isinstance(one, dict)}


def read_small_files(path: str | Path, revision: str | None, advice: str = "") -> SmallFiles:
    """The small files of a folder or hub id. UsageError, in one message, where there are none.

    `advice` is the plugin's, on a checkpoint that is not to be had.
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
    base = adapter_base(folder)
    if base is not None:
        return replace(read_small_files(base, None, advice), name=name, adapter=True)
    file = folder / "config.json"
    if not file.is_file():
        raise UsageError(f"{name} has no config.json. {_other(folder)}")
    config = read_json(file)
    if not config:
        raise UsageError(f"{file} is no JSON object: the configuration of {name} is damaged.")
    return SmallFiles(name, folder, config)


def adapter_base(folder: Path) -> str | None:
    """The base of an adapter (PEFT) that lies in a folder by itself; None for any other folder."""
    if (folder / "config.json").is_file():
        return None
    base = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    return str(base) if base else None


def fetch_small_files(path: str | Path, revision: str | None) -> Path:
    """The folder with the small files of a hub id, fetched where they are not at hand."""
    folder = local_folder(path, revision)
    if folder is not None:
        return folder
    if (why := out_of_reach()) is not None:
        raise UsageError(unavailable(path, why))
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError(
            "huggingface_hub", "transformers", f"Reading the configuration of {path}"
        ) from None
    try:
        wanted = ["*.json", "*.jinja"]
        return Path(snapshot_download(str(path), revision=revision, allow_patterns=wanted))
    except Exception as error:  # the hub's client raises what it likes
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(
            f"Cannot read the configuration of {path}: {reason} Check the id, access "
            "(hf auth login) and connection."
        ) from error


def template_in(folder: Path) -> str | None:
    """The chat template that a checkpoint's files hold; None without."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8", "replace")
    for name in _CONFIGURATIONS:
        found = read_json(folder / name).get("chat_template")
        if isinstance(found, list):  # [{"name": "default", "template": …}, …]
            named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
            found = named.get("default")
        if found:
            return str(found)
    return None


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        found = parse_json(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
