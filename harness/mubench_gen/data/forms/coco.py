"""Boxes in COCO's JSON: images with what is marked in them, asked about as μ-Bench's marks are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mubench_gen.data.forms.cells import text_of
from mubench_gen.data.forms.dataset import TableReading
from mubench_gen.data.forms.json_table import read_document
from mubench_gen.data.forms.parts import task_name
from mubench_gen.data.forms.pictures import Pictures
from mubench_gen.data.forms.reading import AskedTable, data_name
from mubench_gen.data.forms.tables import TableRow
from mubench_gen.data.recast import RECAST
from mubench_gen.errors import DataError, ImageError
from mubench_gen.images.policy import StandardPolicy

_KEYS = ("images", "annotations", "categories")
_HEAD = 1024  # bytes


def recognises(path: Path) -> bool:
    """Whether it is a JSON file, or a folder with one, that begins as COCO's does."""
    file = _file(path)
    if file is None:
        return False
    try:
        with file.open("rb") as opened:
            if not opened.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                return False
        document = read_document(file)
    except (DataError, OSError):
        return False
    return isinstance(document, dict) and all(isinstance(document.get(k), list) for k in _KEYS)


def _file(path: Path) -> Path | None:
    """The one JSON file that is meant."""
    if path.is_file():
        return path if path.suffix.lower() == ".json" else None
    if not path.is_dir():
        return None
    found = [*path.glob("*.json"), *path.glob("annotations/*.json")]
    return found[0] if len(found) == 1 else None


def read(asked: AskedTable, policy: StandardPolicy) -> TableReading:
    """The reading: a row an image, with its boxes and no question of its own."""
    file = _file(asked.path)
    if file is None:
        raise DataError(f"{asked.path}: one JSON file of COCO's form is needed; name it.")
    document = read_document(file)
    if not isinstance(document, dict) or not all(isinstance(document.get(k), list) for k in _KEYS):
        raise DataError(f"{file}: is not of COCO's form: {', '.join(_KEYS)} are needed, as lists.")
    choices = asked.wishes.choices
    name = asked.name or choices.get("name") or data_name(asked.path)
    coco = _Coco(file, document, name, asked.license_name)
    pictures = Pictures(coco, policy, folder=choices.get("folder"), outside=asked.outside)
    tasks = {f"{task_name(name)}-{kind.replace('_', '-')}": kind for kind in RECAST}
    told = [
        f"categories: {', '.join(coco.categories.values())[:200]}",
        f"boxes: {len(document['annotations']):,}, as left, top, width and height in pixels; "
        "outlines and masks are not read",
        f"tasks: --tasks {','.join(tasks)}",
    ]
    return TableReading(
        "coco", asked.path, name, coco.made(pictures), pictures, tasks, told, coco.warnings,
        coco.faults,
    )  # fmt: skip


class _Coco:
    """The document, also as a Table of its images."""

    columns = ("file_name",)

    def __init__(
        self, path: Path, document: Mapping[str, Any], name: str, license_name: str | None
    ) -> None:
        self.path = path
        self.base = path.parent
        self.told: list[str] = []
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self._document = document
        self._name = name
        self._license = license_name
        self.categories: dict[Any, str] = {}
        for one in _objects(document["categories"], f"{path}, categories"):
            self.categories[one.get("id")] = text_of(one.get("name")) or ""

    def rows(self) -> Iterator[TableRow]:
        for number, one in enumerate(_objects(self._document["images"], str(self.path)), 1):
            yield TableRow(self.path, number, number, one)

    def again(self, place: Any) -> Mapping[str, Any]:
        raise AssertionError("images of COCO's form are files")

    def made(self, pictures: Pictures) -> Iterator[tuple[str, dict[str, Any]]]:
        boxes = self._boxes()
        known: Counter[Any] = Counter()
        rows = []
        for row in self.rows():
            known[row.cells.get("id")] += 1
            try:
                (shown,) = pictures.of(row, row.number, ("file_name",)) or (None,)
                if shown is None or not shown.name:
                    raise ImageError(f"there is no file {row.cells.get('file_name')!r}")
                if known[row.cells.get("id")] > 1:
                    raise ImageError(f"its id {row.cells.get('id')!r} is there twice")
            except (ImageError, ValueError) as error:
                self.faults.append(f"{row.where} of images, column file_name: {error}.")
                continue
            rows.append((row, shown.name))
        self.faults += [
            f"{where}: there is no image {image!r}."
            for image, found in boxes.items()
            if image not in known
            for where in [found[0]["where"]]
        ]
        for row, name in rows:
            found = boxes.get(row.cells.get("id"), [])
            yield (
                row.where,
                {
                    "image_id": str(row.cells["file_name"]),
                    "image": {"bytes": None, "path": name},
                    "dataset": self._name,
                    **({} if self._license is None else {"license": self._license}),
                    "questions": {},
                    "captions": {},
                    "bbox": [{"className": b["name"], "points": b["points"]} for b in found],
                },
            )

    def _boxes(self) -> dict[Any, list[dict[str, Any]]]:
        """The boxes by the id of their image."""
        found: dict[Any, list[dict[str, Any]]] = {}
        crowds = 0
        where = f"{self.path}, annotations"
        for number, one in enumerate(_objects(self._document["annotations"], where), 1):
            place = f"{self.path}, row {number} of annotations"
            if one.get("iscrowd") == 1:
                crowds += 1
                continue
            name = self.categories.get(one.get("category_id"))
            if not name:
                self.faults.append(
                    f"{place}, column category_id: there is no category "
                    f"{one.get('category_id')!r}; the ids are {list(self.categories)[:10]}."
                )
                continue
            points = _points(one.get("bbox"))
            if points is None:
                self.faults.append(
                    f"{place}, column bbox: left, top, width and height are needed, width and "
                    f"height above 0; found {one.get('bbox')!r:.80}."
                )
                continue
            entry = {"name": name, "points": points, "where": place}
            found.setdefault(one.get("image_id"), []).append(entry)
        if crowds:
            self.warnings.append(f"{self.path}: {crowds:,} boxes around crowds were left out.")
        return found


def _points(box: Any) -> list[float] | None:
    """Left, top, right and bottom."""
    if not isinstance(box, list) or len(box) != 4:
        return None
    if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in box):
        return None
    x, y, width, height = box
    return [x, y, x + width, y + height] if width > 0 and height > 0 else None


def _objects(entries: Any, where: str) -> Iterator[Mapping[str, Any]]:
    for number, one in enumerate(entries, 1):
        if not isinstance(one, dict):
            raise DataError(f"{where}, row {number}: is no object: {one!r:.60}.")
        yield one
