"""Models in llama.cpp's files (GGUF): what their headers say, and which files belong together.

The header of version 2 and 3 is read as the format's specification in ggml describes it; no
tensor is, and no package is needed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from mubench_gen.errors import UsageError
from mubench_gen.storage.digests import Stamp, stamp_of

SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_KEYS = 65_536
_LONGEST = 2**24  # bytes of a text that is kept
_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TEXT, _LIST = 8, 9
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\Z")
_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
# `general.file_type`: how most tensors are stored, as llama.cpp names it.
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The texts and numbers of a file's header; lists are left out."""

    file: Path
    values: Mapping[str, Any] = field(repr=False)

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    @property
    def is_projector(self) -> bool:
        """Whether it turns images into a model's input, as the file beside a model does."""
        return self.architecture == "clip" or self.values.get("general.type") == "mmproj"

    @property
    def is_model(self) -> bool:
        return not self.is_projector and self.values.get("general.type", "model") == "model"

    @property
    def quantisation(self) -> str:
        """How most of its weights are stored: "Q4_K_M"; "unknown" where it does not say."""
        number = self.values.get("general.file_type")
        return _FILE_TYPES.get(number, f"type {number}") if number is not None else "unknown"

    @property
    def context(self) -> int | None:
        """The tokens of context that it was trained with."""
        found = self.values.get(f"{self.architecture}.context_length")
        return found if isinstance(found, int) else None

    def facts(self) -> dict[str, str]:
        """What a report says of a model, as far as its author wrote it down."""
        told = {
            "quantisation": self.quantisation,
            "architecture": self.architecture,
            "parameters": self.values.get("general.size_label"),
            "licence": self.values.get("general.license"),
            "base": self.values.get("general.base_model.0.name"),
        }
        return {name: str(value) for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class GgufModel:
    """A model's `files` (one, or its shards in order), and the projectors that lie beside it."""

    files: tuple[Path, ...]
    header: GgufHeader
    projectors: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """The file that llama.cpp is given."""
        return self.files[0]

    @property
    def projector(self) -> Path | None:
        """The projector beside it: the only one, or the one whose name holds the model's."""
        if len(self.projectors) <= 1:
            return next(iter(self.projectors), None)
        stem = _bare(self.path, self.header.quantisation)
        named = [one for one in self.projectors if stem and stem in one.stem.lower()]
        return named[0] if len(named) == 1 else None


def holds_gguf(path: Path) -> bool:
    """Whether it is a GGUF file, or a folder with some and no other weights."""
    if path.is_dir():
        return bool(_files(path)) and not any(path.glob("*.safetensors"))  # the same model twice
    return path.suffix.lower() == SUFFIX and path.is_file()


def find_gguf(path: Path, quantisation: str | None = None) -> GgufModel | None:
    """The model of a GGUF file, or of a folder with some; None for anything else.

    `quantisation` chooses among several of a folder ("Q4_K_M"). Raises UsageError if a file is
    damaged or no model, a shard is missing, or it is not clear which model is meant.
    """
    if not holds_gguf(path):
        return None
    if path.is_file():
        header = read_header(path)
        if not header.is_model:
            raise UsageError(_no_model(header))
        return GgufModel(_shards(path), header, _projectors(path.parent))
    models = list(_models(path))
    if models and quantisation is not None:
        models = _of_quantisation(models, quantisation)
    if len(models) > 1:
        names = ", ".join(f"{one.path.name} ({one.header.quantisation})" for one in models)
        raise UsageError(
            f"{path} holds {len(models)} models: {names}. Say which: --model with the file, or "
            f"-o quantisation={models[0].header.quantisation}."
        )
    return models[0] if models else None


def read_header(file: Path) -> GgufHeader:
    """A file's header. Raises UsageError if it is no GGUF, of an unknown version, or cut off."""
    try:
        return _header(file, stamp_of(file.stat()))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(
            f"{file} is no complete GGUF file: {error}. Fetch or convert it again."
        ) from None


@lru_cache(maxsize=64)  # to walk through a vocabulary takes half a second
def _header(file: Path, stamp: Stamp) -> GgufHeader:
    """The header of a file that has not been written since it had this stamp."""
    _, _, size, _, _ = stamp
    with file.open("rb") as stream:
        return GgufHeader(file, dict(_read(stream, size)))


def _read(stream: BinaryIO, size: int) -> Iterator[tuple[str, Any]]:
    if stream.read(4) != _MAGIC:
        raise ValueError("it does not begin with GGUF")
    (version,) = _unpack(stream, "I")
    if version not in _VERSIONS:
        raise ValueError(f"its version is {version}, and 2 and 3 are known")
    _, keys = _unpack(stream, "QQ")
    if keys > _MOST_KEYS:
        raise ValueError(f"it claims to have {keys:,} keys")
    for _ in range(keys):
        name = _text(stream, size)
        (kind,) = _unpack(stream, "I")
        value = _value(stream, kind, size)
        if name and value is not None:
            yield name, value


def _value(stream: BinaryIO, kind: int, size: int) -> Any:
    """A text or a number; None for a list, which is skipped."""
    if kind == _TEXT:
        return _text(stream, size)
    if kind != _LIST:
        return _unpack(stream, _form(kind))[0]
    inner, count = _unpack(stream, "IQ")
    if inner == _TEXT:
        for _ in range(count):
            _skip(stream, _unpack(stream, "Q")[0], size)
    else:
        _skip(stream, count * struct.calcsize(_form(inner)), size)
    return None


def _form(kind: int) -> str:
    """The form of a number, for struct; ValueError for any other kind of value."""
    if kind not in _NUMBERS:
        raise ValueError(f"it has a value of the unknown type {kind}")
    return _NUMBERS[kind]


def _text(stream: BinaryIO, size: int) -> str | None:
    """A text; None for one that is too long to be kept."""
    (length,) = _unpack(stream, "Q")
    if length > _LONGEST:
        _skip(stream, length, size)
        return None
    content = stream.read(length)
    if len(content) < length:
        raise ValueError("its end is missing")
    return content.decode("utf-8", "replace")


def _skip(stream: BinaryIO, length: int, size: int) -> None:
    if stream.tell() + length > size:
        raise ValueError("its end is missing")
    stream.seek(length, 1)


def _unpack(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    wanted = struct.calcsize("<" + form)
    content = stream.read(wanted)
    if len(content) < wanted:
        raise ValueError("its end is missing")
    return struct.unpack("<" + form, content)


def _models(folder: Path) -> Iterator[GgufModel]:
    """The models of a folder, each with its shards, by name."""
    for file in _files(folder):
        shard = _SHARD.match(file.stem)
        if shard is None or int(shard["number"]) == 1:
            header = read_header(file)
            if header.is_model:
                yield GgufModel(_shards(file), header, _projectors(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() == SUFFIX and f.is_file())


def _projectors(folder: Path) -> tuple[Path, ...]:
    """The projectors of a folder: its files that are named so, as llama.cpp's own are."""
    named = [file for file in _files(folder) if _PROJECTOR.search(file.name)]
    return tuple(file for file in named if read_header(file).is_projector)


def _shards(file: Path) -> tuple[Path, ...]:
    shard = _SHARD.match(file.stem)
    if shard is None:
        return (file,)
    count, stem = int(shard["count"]), shard["stem"]
    files = [file.with_stem(f"{stem}-{n:05}-of-{count:05}") for n in range(1, count + 1)]
    missing = [one.name for one in files if not one.is_file()]
    if missing:
        raise UsageError(f"{file.parent}: a part of the model is missing: {', '.join(missing)}.")
    return tuple(files)


def _of_quantisation(models: Sequence[GgufModel], wanted: str) -> list[GgufModel]:
    """By their names, since a header knows no mixture of another maker; else by their headers."""
    named = [one for one in models if _words(wanted) in _words(one.path.stem)]
    found = named or [one for one in models if one.header.quantisation == wanted.upper()]
    if not found:
        there = ", ".join(one.header.quantisation for one in models)
        raise UsageError(
            f"{models[0].path.parent} has no GGUF file of the quantisation {wanted}. "
            f"It has: {there}."
        )
    return found


def _words(text: str) -> str:
    return f"-{re.sub('[^a-z0-9_]+', '-', text.lower()).strip('-')}-"


def _bare(file: Path, quantisation: str) -> str:
    """A model's name without its shard and quantisation."""
    shard = _SHARD.match(file.stem)
    stem = (shard["stem"] if shard else file.stem).lower()
    return stem.removesuffix(quantisation.lower()).rstrip("-_.")


def _no_model(header: GgufHeader) -> str:
    if header.is_projector:
        return (
            f"{header.file} is the projector of a model (mmproj), not the model: give the model's "
            f"file with --model, and this one with -o mmproj={header.file}."
        )
    return f"{header.file} holds no model but {header.values.get('general.type')!r}."
