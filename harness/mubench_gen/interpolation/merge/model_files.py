"""The files beside the weights: configuration, tokenizer, processor, chat template.

All are copied from one side, by default the base, so that only the weights vary with α.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mubench_gen.errors import MergeError
from mubench_gen.interpolation.merge.checkpoint import OpenCheckpoint
from mubench_gen.interpolation.merge.clip_layouts import activation_of, layout_of
from mubench_gen.interpolation.merge.files import listed, read_object
from mubench_gen.interpolation.merge.parts import configs_of_towers
from mubench_gen.interpolation.merge.tensors import TORCH_NAMES
from mubench_gen.storage.json_files import write_json

REPORT = "merge.json"
_SUFFIXES = frozenset({".json", ".jinja", ".txt", ".model", ".py", ".tiktoken", ".spm", ".bpe"})
_FOLDERS = ("additional_chat_templates", "chat_templates")
_NOT = frozenset({REPORT, "trainer_state.json", "all_results.json", "train_results.json"})
_TYPE_KEYS = {"dtype", "torch_dtype"}
# Keys that may differ between a base and its fine-tune without changing the model's input.
_HARMLESS = frozenset(
    {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "_commit_hash",
     "architectures", "initializer_range", "initializer_factor"}
)  # fmt: skip


def model_files(folder: Path) -> list[Path]:
    """The files beside the weights, relative to the folder."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in _SUFFIXES and not path.name.endswith(".index.json")
        if path.is_file() and path.name not in _NOT
    ]
    for name in _FOLDERS:
        found += sorted(path for path in (folder / name).glob("*") if path.is_file())
    return [path.relative_to(folder) for path in found]


def copy_model_files(folder: Path, out: Path) -> list[Path]:
    """Copy the files beside the weights, and return the copies."""
    copies = [out / name for name in model_files(folder)]
    for copy in copies:
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / copy.relative_to(out), copy)  # follows links of the hub's cache
    return copies


def say_type(config: Path, dtype: str) -> None:
    """Write the type in which the weights are stored into a configuration, wherever it says one."""
    document = read_object(config)
    for part in (document, *(value for value in document.values() if isinstance(value, dict))):
        for key in _TYPE_KEYS & part.keys():
            part[key] = TORCH_NAMES[dtype]
    write_json(config, document)


def compare_model_files(
    base: OpenCheckpoint,
    other: OpenCheckpoint,
    *,
    accept_vocabulary: bool = False,
    keep_base: bool = False,
) -> tuple[list[str], list[str]]:
    """Warnings and notes on differences. Raises MergeError if token ids mean different tokens.

    `keep_base`: tokens that only one of the two has are no difference.
    """
    if not accept_vocabulary and other.towers != ("vision",):
        _compare_vocabularies(base, other, common=keep_base)
    ours, theirs = base.config, other.config
    if other.towers:
        ours, theirs = configs_of_towers(base, other)
    elif layout_of(base.tensors) is not None and other.converted:
        ours, theirs = activation_of(base), activation_of(other)
    keys = [
        f"{key} ({_short(one)} / {_short(two)})"
        for key, one, two in _differences(ours, theirs)
        if key.rpartition(".")[2] not in _HARMLESS
    ]
    warnings = (
        [f"the configurations of {base} and {other} differ ({len(keys):,}): {listed(keys)}"]
        if keys and base.config and other.config
        else []
    )
    here, there = (set(model_files(side.folder)) for side in (base, other))
    notes = []
    unequal = [
        str(name)
        for name in sorted(here & there)
        if (base.folder / name).read_bytes() != (other.folder / name).read_bytes()
    ]
    if unequal:
        notes.append(f"files that are not the same in {base} and {other}: {', '.join(unequal)}")
    return warnings, notes


def _compare_vocabularies(base: OpenCheckpoint, other: OpenCheckpoint, *, common: bool) -> None:
    """Refuse different tokens of one id; with `common`, among the ids that both have."""
    ours, theirs = _vocabulary(base.folder), _vocabulary(other.folder)
    ids = ours.keys() & theirs.keys() if common else ours.keys() | theirs.keys()
    differing = [
        f"{number} ({ours.get(number)!r} / {theirs.get(number)!r})"
        for number in sorted(ids)
        if ours.get(number) != theirs.get(number)
    ]
    if not ours or not theirs or not differing:
        return
    raise MergeError(
        f"The vocabularies of {base} and {other} differ in {len(differing):,} of "
        f"{len(ours.keys() | theirs.keys()):,} tokens (base / fine-tune): {listed(differing)}. "
        "Rows of their embeddings stand for different tokens. If that is meant (unused tokens that "
        "were given names): --accept-vocabulary."
    )


def _vocabulary(folder: Path) -> dict[int, str]:
    """Token id → token, as far as JSON files have them."""
    found: dict[int, str] = {}
    file = folder / "tokenizer.json"
    if file.is_file():
        document = read_object(file)
        model = document.get("model")
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        with _reading_tokens(file):
            if isinstance(vocabulary, dict):
                found |= {int(number): str(token) for token, number in vocabulary.items()}
            elif isinstance(vocabulary, list):  # a unigram model has [token, score]
                found |= {i: str(one[0]) for i, one in enumerate(vocabulary) if one}
            for token in document.get("added_tokens") or ():
                found[int(token["id"])] = str(token["content"])
    elif (file := folder / "vocab.json").is_file():
        with _reading_tokens(file):
            found = {int(n): str(token) for token, n in read_object(file).items()}
    return found


@contextmanager
def _reading_tokens(file: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise MergeError(
            f"{file}: its tokens are not described as tokenizers describe them: the file is "
            "damaged. Fetch it again."
        ) from None


def _differences(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(key), theirs.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            yield prefix + key, one, other


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else text[:29] + "…"
