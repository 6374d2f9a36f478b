"""inspect's logs: JSON, and .eval files, which are ZIP files."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mubench_gen.errors import DataError, MissingExtraError
from mubench_gen.runs.interchange.logs import choices
from mubench_gen.runs.interchange.logs.log import (
    Log,
    LoggedItem,
    NotAskedHere,
    TheirVerdict,
    entry,
    usage_of,
)
from mubench_gen.runs.interchange.logs.rows import document, whole_texts

_ATTACHED = "attachment://"
_ZSTANDARD = 93  # in a ZIP file


def reads(path: Path) -> bool:
    """Whether a file is a log of inspect."""
    if path.suffix == ".eval":
        return True
    if path.suffix != ".json":
        return False
    try:
        found = document(path)
    except DataError:
        return False
    return isinstance(found, dict) and {"eval", "status"} <= found.keys()


def read(paths: Sequence[Path], given: Mapping[str, str]) -> Log:
    """One log, with the items of all its samples and epochs."""
    if len(paths) > 1:
        raise DataError(f"{paths[1]}: an inspect log is a run of its own: import them one by one.")
    path = paths[0]
    found = _archive(path) if path.suffix == ".eval" else document(path)
    left_out: Counter[str] = Counter()
    try:
        about = found["eval"]
        config = about.get("model_generate_config") or {}
        return Log(
            program="inspect",
            version=str((about.get("packages") or {}).get("inspect_ai", "")),
            model=str(about["model"]),
            items=_items(path, found, left_out),
            left_out=left_out,
            created=str(about.get("created", "")),
            data=str((about.get("dataset") or {}).get("name") or about.get("task", "")),
            sampling={name: config.get(name) for name in ("temperature", "max_tokens")},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is no log of inspect: {error!r}.") from None


def _archive(path: Path) -> Any:
    """The log of an .eval file as a document."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "header.json" not in names:
                raise DataError(
                    f"{path}: has no header.json: the evaluation was not finished, or the file is "
                    "cut off. `inspect log recover` may help."
                )
            header = _member(archive, "header.json", path)
            samples = [name for name in names if name.startswith("samples/")]
            return {**header, "samples": [_member(archive, name, path) for name in samples]}
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: cannot be read as an .eval file: {error}.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    info = archive.getinfo(name)
    content = _zstandard(archive, info, path) if info.compress_type == _ZSTANDARD else None
    try:
        return whole_texts(archive.read(info) if content is None else content)
    except ValueError as error:
        raise DataError(f"{path}, {name}: no valid JSON: {error}.") from None


def _zstandard(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    """A member that is compressed as inspect does, which Python's own module reads from 3.14 on."""
    try:
        import pyarrow
    except ImportError:
        raise MissingExtraError(
            "pyarrow",
            "parquet",
            f"Reading {path.name}",
            f"`inspect log convert {path.name} --to json` makes a log that needs nothing",
        ) from None
    file: Any = archive.fp
    file.seek(info.header_offset)
    header = file.read(30)
    skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = file.read(skipped + info.compress_size)[skipped:]
    try:
        content = pyarrow.decompress(packed, info.file_size, codec="zstd", asbytes=True)
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these
        raise DataError(f"{path}, {info.filename}: is damaged: {error}.") from None
    if zlib.crc32(content) != info.CRC:
        raise DataError(f"{path}, {info.filename}: is damaged: it does not fit its checksum.")
    return bytes(content)


def _items(path: Path, found: Mapping[str, Any], left_out: Counter[str]) -> Iterator[LoggedItem]:
    if found.get("samples") is None:
        raise DataError(
            f"{path}: holds no samples: inspect was told to log none (--no-log-samples)."
        )
    if not isinstance(found["samples"], list):
        raise DataError(f"{path}: its samples are no list.")
    for number, sample in enumerate(found["samples"], 1):
        with entry(f"{path}, sample {number}", left_out):
            yield _item(sample, found["eval"])


def _item(sample: Mapping[str, Any], about: Mapping[str, Any]) -> LoggedItem:
    choices.leave_out_open(sample.get("metadata") or {})
    options = tuple(map(str, sample.get("choices") or ()))
    if len(options) < 2:
        raise NotAskedHere("without options")
    metadata = sample.get("metadata") or {}
    messages = list(_asked(sample.get("messages") or []))
    shown = [images for message in messages if (images := tuple(_images(message, sample)))]
    first, *others = shown[-1] if shown else (None,)
    output = sample.get("output") or {}
    answers = output.get("choices") or []
    error = sample.get("error")
    return LoggedItem(
        name=str(sample["id"]),
        question=_text(_input(sample["input"]), sample),
        options=options,
        gold=choices.gold_of({}, options, sample["target"]),
        reply=None if error or not answers else str(_reply(answers[0], sample)),
        theirs=_verdict(sample.get("scores") or {}),
        prompt=tuple((str(m["role"]), _text(m.get("content"), sample)) for m in messages),
        image=first,
        image_sha256=metadata.get("image_sha256"),
        more_images=tuple(filter(None, others)),
        images_sha256=tuple(map(str, metadata.get("images_sha256") or ())),
        image_id=str(metadata.get("image_id", "")),
        item=str(sample["id"]) if "mubench-gen" in (about.get("packages") or {}) else "",
        dataset=str(metadata.get("dataset") or (about.get("dataset") or {}).get("name") or ""),
        task=str(metadata.get("task") or about.get("task") or ""),
        meta={k: v for k, v in metadata.items() if isinstance(v, (str, int, float, bool))},
        finish_reason={"max_tokens": "length"}.get(
            *(2 * [str(answers[0].get("stop_reason", "stop"))]) if answers else ("", "")
        ),
        usage=usage_of(output.get("usage") or {}),
        seconds=output.get("time"),
        error=None if error is None else str(error.get("message", error)),
    )


def _input(given: Any) -> Any:
    """The question of a sample: a text, or the content of its last message of a user."""
    if isinstance(given, str):
        return given
    users = [message for message in given if message.get("role") == "user"]
    return users[-1].get("content") if users else ""


def _asked(messages: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The messages before the first reply."""
    for message in messages:
        if message["role"] == "assistant":
            return
        yield message


def _text(content: Any, sample: Mapping[str, Any]) -> str:
    if isinstance(content, list):
        parts = [p.get("text", "") for p in content if p.get("type") == "text"]
        return "\n".join(str(_attached(part, sample)) for part in parts)
    return str(_attached(content or "", sample))


def _reply(answer: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    return _text(answer["message"].get("content"), sample)


def _images(message: Mapping[str, Any], sample: Mapping[str, Any]) -> Iterator[bytes]:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "image":
            found = choices.decoded(str(_attached(part.get("image", ""), sample)))
            if found is not None:
                yield found


def _attached(text: Any, sample: Mapping[str, Any]) -> Any:
    if isinstance(text, str) and text.startswith(_ATTACHED):
        return (sample.get("attachments") or {}).get(text.removeprefix(_ATTACHED), text)
    return text


def _verdict(scores: Mapping[str, Any]) -> TheirVerdict:
    for score in scores.values():
        value = score.get("value")
        right = {"C": True, "I": False, "N": False, 1: True, 0: False}.get(
            value if isinstance(value, (str, int, float)) else ""
        )
        return TheirVerdict(right, score.get("answer") or None)
    return TheirVerdict(None)
