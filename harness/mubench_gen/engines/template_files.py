"""Whether a checkpoint's files hold a chat template, told without opening it. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mubench_gen.engines.digest import local_folder
from mubench_gen.model import Checkpoint
from mubench_gen.storage.user_files import parse_json

_CONFIGURATIONS = ("chat_template.json", "processor_config.json", "tokenizer_config.json")


def template_to_serve(checkpoint: Checkpoint, revision: str | None) -> str | None:
    """The template that a server has to be given: the plugin's, or its fallback.

    None where the files have one of their own, or where nothing is known of them.
    """
    if checkpoint.chat_template is not None or not checkpoint.fallback_templates:
        return checkpoint.chat_template
    folder = _small_files(checkpoint.path, revision)
    if folder is None or _has_template(folder):
        return None
    return checkpoint.fallback_templates.get(str(_read(folder / "config.json").get("model_type")))


def _small_files(path: str | Path, revision: str | None) -> Path | None:
    """The folder with the checkpoint's configuration, fetched where it is not at hand."""
    folder = local_folder(path, revision)
    if folder is not None:
        return folder
    try:
        from huggingface_hub import snapshot_download

        wanted = ["*.json", "*.jinja"]
        return Path(snapshot_download(str(path), revision=revision, allow_patterns=wanted))
    except Exception:  # the server asks the hub again, and says what is wrong
        return None


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():
        return True
    return any(_read(folder / name).get("chat_template") for name in _CONFIGURATIONS)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = parse_json(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
