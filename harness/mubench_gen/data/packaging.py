"""A package's data set → a folder of μ-Bench's schema: fetched if asked for, checked row by row."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mubench_gen.console.progress import bar
from mubench_gen.data.equal_options import Alike
from mubench_gen.data.packaged import ABOUT, Packaged
from mubench_gen.data.schema import check_row, to_row
from mubench_gen.errors import DataError, PluginError
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.plugins.data_set import DataSet
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.prompts.toml_files import as_toml
from mubench_gen.storage.scratch import Scratch, sweep

_PLACE = "{class}"
_END = object()
_SHOWN = 5  # faulty rows in one message
_NOT_FACTS = frozenset(
    {"id", "image", "images", "question", "options", "answer", "task", "caption", "image_id",
     "captions", "questions", "bbox", "polygon"}
)  # fmt: skip
_OF_OPEN = ("form", "tolerance", "unit")  # parts of a question without options
_STARTS = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"II", ".tif"), (b"MM", ".tif"),
           (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"RIFF", ".webp"))  # fmt: skip


@dataclass
class Counts:
    """What was written. `faults`: the rows that were left out, and why."""

    rows: int = 0
    images: set[str] = field(default_factory=set)
    options: int = 0
    faults: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        return {
            "rows": self.rows,
            "images": len(self.images),
            "questions": self.rows,
            "options": self.options,
            "left_out": len(self.faults),
        }


def prepare(
    found: Packaged,
    place: Path | None = None,
    *,
    out: Path | None = None,
    revision: str | None = None,
    partial: bool = False,
) -> Counts:
    """Write the data set's folder, or `out`: all of it or nothing.

    `place`: the folder of its own files, of which the data set is made anew; `revision`: their
    commit. `partial`: faulty rows are left out; DataError names them otherwise.
    """
    target = out or found.folder
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent, [target.name])
        with Scratch(target, is_folder=True) as scratch:
            counts = write(found, place or Path(), scratch.path, partial=partial)
            _describe(found.spec, scratch.path, counts, revision)
            if place is not None and out is None and target.exists():
                shutil.rmtree(target)
            scratch.become(target)
    except OSError as error:
        if out is None and found.is_here:  # another process was first
            return Counts()
        raise DataError(f"{target}: cannot be written: {error.strerror}.") from None
    return counts


def write(found: Packaged, place: Path, folder: Path, *, partial: bool = False) -> Counts:
    """Write rows.jsonl, images and tasks into an empty folder."""
    spec, total = found.spec, found.spec.expected.get("rows", 0)
    (folder / "images").mkdir()
    with (
        (folder / "rows.jsonl").open("wb") as file,
        bar(f"reading {spec.name}", total) as shown,
    ):
        writer = _Writer(spec, folder, file, Alike(Path(found.full_name)))
        for number, columns in enumerate(_rows_of(found, place), 1):
            writer.add(columns, f"{spec.name}, row {number}")
            shown.at(number, max(number, total))
    counts = writer.counts
    if counts.faults and not (partial and counts.rows):
        raise DataError(_faulty(spec, counts.faults))
    if not counts.rows:
        raise DataError(f"{spec.name}: its package gives no row of {place}.")
    writer.alike.tell()
    _write_tasks(spec, folder / "tasks")
    return counts


def _rows_of(found: Packaged, place: Path) -> Iterator[Any]:
    """The rows as the package gives them; what it raises is its fault."""
    where = f"The plugin {found.plugin.name!r}, data set {found.spec.name!r}"
    assert found.spec.rows is not None
    with Isolated(where):
        rows = iter(found.spec.rows(place))
    while True:
        with Isolated(where):
            columns = next(rows, _END)
        if columns is _END:
            return
        yield columns


@dataclass
class _Writer:
    """Writes rows that are sound, and counts them; notes what is wrong with others."""

    spec: DataSet
    folder: Path
    file: IO[bytes]
    alike: Alike
    counts: Counts = field(default_factory=Counts)

    def add(self, columns: Any, where: str) -> None:
        try:
            self._add(columns, where)
        except (DataError, PluginError) as error:
            told = str(error)
            self.counts.faults.append(told if told.startswith(where) else f"{where}: {told}")

    def _add(self, columns: Any, where: str) -> None:
        if not isinstance(columns, Mapping):
            raise DataError(f"{where}: a mapping is needed, found {columns!r:.80}.")
        contents = list(_contents(columns, where))
        row = _row(self.spec, columns, [_file_name(one) for one in contents], where)
        image = open_image("image", lambda: contents[0], StandardPolicy())
        made = to_row(self.counts.rows, row, image, where=where, repeated=False)
        check_row(made)
        line = _line(row, where)
        self.alike.note(made)
        self._store(dict(zip(row["images"], contents, strict=True)))
        self.counts.rows += 1
        self.counts.options += sum(len(one.options) for one in made.questions.values())
        self.file.write(line)

    def _store(self, images: Mapping[str, bytes]) -> None:
        for name in images.keys() - self.counts.images:
            (self.folder / name).write_bytes(images[name])
            self.counts.images.add(name)


def _line(row: Mapping[str, Any], where: str) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except ValueError as error:  # NaN, or half of a surrogate pair
        raise DataError(f"{where}: cannot be written as JSON: {error}.") from None


def _row(
    spec: DataSet, columns: Mapping[str, Any], images: list[str], where: str
) -> dict[str, Any]:
    """The row in μ-Bench's schema."""
    identity = columns.get("id")
    if not isinstance(identity, str) or not identity.strip():
        raise DataError(f"{where}, column id: a text of its own is needed, found {identity!r:.80}.")
    task = columns.get("task") or spec.name
    if not isinstance(task, str):
        raise DataError(f"{where}, column task: a text is needed, found {task!r:.80}.")
    options = columns.get("options")
    options = list(options) if isinstance(options, (list, tuple)) else options
    cell = {"question": columns.get("question"), **_answer(columns, options, where)}
    return {
        "image_id": identity,
        "images": images,
        "dataset": spec.name,
        "license": spec.licence or None,
        **_facts(columns, where),
        "questions": {task: cell},
        "captions": _captions(task, columns.get("caption"), options, where),
    }


def _answer(columns: Mapping[str, Any], options: Any, where: str) -> dict[str, Any]:
    """The options with the right one, or several; without options a number, or accepted texts."""
    answer = columns.get("answer")
    if options is None and answer is not None:
        given = {name: columns.get(name) for name in _OF_OPEN}
        return {"answer": answer, **{k: value for k, value in given.items() if value is not None}}
    if isinstance(options, list) and isinstance(answer, (list, tuple)):
        several = [_index_of(one, options, where) for one in answer]
        return {"options": options, "answer_idx": several}
    return {"options": options, "answer_idx": _index_of(answer, options, where)}


def _index_of(answer: Any, options: Any, where: str) -> Any:
    """The index of an answer that is given as its option's text; others as they are."""
    if not isinstance(answer, str) or not isinstance(options, list):
        return answer
    if options.count(answer) != 1:
        raise DataError(f"{where}, column answer: {answer!r} is not one of {options}.")
    return options.index(answer)


def _captions(task: str, caption: Any, options: Any, where: str) -> dict[str, Any]:
    if not caption or not isinstance(options, list):
        return {}
    if not isinstance(caption, str) or _PLACE not in caption:
        raise DataError(f"{where}, column caption: {_PLACE} stands nowhere in {caption!r:.80}.")
    captions = [caption.replace(_PLACE, str(option)) for option in options]
    return {f"{task}_0": {"options": captions}}


def _facts(columns: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The row's other columns, those of the schema and the data set's own."""
    found = {
        key: value
        for key, value in columns.items()
        if key not in _NOT_FACTS and value not in (None, "")
    }
    if columns.get("options") is None:
        found = {key: value for key, value in found.items() if key not in _OF_OPEN}
    odd = next((key for key in found if not isinstance(found[key], (str, int, float))), None)
    if odd is not None:
        raise DataError(f"{where}, column {odd}: a text or number is needed, "
                        f"found {found[odd]!r:.80}.")  # fmt: skip
    return found


def _contents(columns: Mapping[str, Any], where: str) -> Iterator[bytes]:
    """The bytes of a row's images."""
    given = columns.get("images")
    listed = [columns.get("image")] if given is None else given
    if not isinstance(listed, (list, tuple)) or not listed:
        raise DataError(
            f"{where}, column images: a list of images is needed, found {listed!r:.80}."
        )
    for one in listed:
        if isinstance(one, Path):
            try:
                yield one.read_bytes()
            except OSError as error:
                raise DataError(f"{where}: the image {one}: {error.strerror}.") from None
            continue
        with Isolated(where):
            content = one() if callable(one) else one
        if not isinstance(content, bytes) or not content:
            raise DataError(
                f"{where}: an image is a file's bytes, its Path or a function that reads it, "
                f"found {content!r:.80}."
            )
        yield content


def _file_name(content: bytes) -> str:
    """A name by content alone: one that the package gave could tell the answer."""
    suffix = next((end for start, end in _STARTS if content.startswith(start)), ".image")
    return f"images/{hashlib.sha256(content).hexdigest()[:32]}{suffix}"


def _faulty(spec: DataSet, faults: Sequence[str]) -> str:
    more = len(faults) - _SHOWN
    listed = "\n".join([*faults[:_SHOWN], *([f"… and {more:,} more"] if more > 0 else [])])
    rows = "1 row" if len(faults) == 1 else f"{len(faults):,} rows"
    return f"{listed}\n{rows} of {spec.name} cannot be used. --partial leaves faulty rows out."


def _write_tasks(spec: DataSet, folder: Path) -> None:
    usual = {spec.name: {"title": spec.title, "group": spec.name, "question": spec.name}}
    folder.mkdir()
    for name, keys in (spec.tasks or usual).items():
        text = as_toml({"source": spec.citation, **keys})
        (folder / f"{name}.toml").write_text(text, "utf-8")


def _describe(spec: DataSet, folder: Path, counts: Counts, revision: str | None) -> None:
    about = {
        "name": spec.name,
        "title": spec.title,
        "licence": spec.licence,
        "citation": spec.citation,
        "hub": spec.hub or None,
        "revision": revision,
        "counts": counts.as_dict(),
        "expected": dict(spec.expected),
    }
    (folder / ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", "utf-8")
