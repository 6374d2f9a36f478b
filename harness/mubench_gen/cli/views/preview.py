"""Writes a preview's page and contact sheet, and prints what it found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import say, tell

if TYPE_CHECKING:
    from mubench_gen.data.dataset import Dataset
    from mubench_gen.report.preview import Preview
    from mubench_gen.types import Task

_SECONDS = 600.0  # for one image, as `eval --timeout` has it where nothing else is said


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What the command line says of a preview."""

    out: Path | None
    items: int
    seed: int
    model: str | None
    revision: str | None
    as_json: bool


def preview_of(
    name: str,
    image_set: Mapping[str, str],
    options: PreviewOptions,
    *,
    outside: bool = False,
    task: Task | None = None,
    mapping: Mapping[str, str] | None = None,
) -> None:
    """Write the page and the sheet of a data set, folder or file, and print where they are.

    `task`: only the rows that it asks about, with the images that it shows.
    """
    from mubench_gen.cli.views.questions import questions_as_asked
    from mubench_gen.data import default_policy
    from mubench_gen.images.microscope import make_policy
    from mubench_gen.report.preview import gather, write_preview, write_sheet

    policy = make_policy(image_set, seconds=_SECONDS, default=default_policy(name))
    source = _source(name, policy, mapping, outside=outside)
    title = source.name
    if task is not None and not isinstance(source, Path):
        from mubench_gen.tasks.matching import with_recasts

        title, source = f"{task.name} of {title}", with_recasts(source, [task])
    page = _page(options.out, title)
    processor = None
    if options.model is not None:
        from mubench_gen.engines.transformers.image_input import ImageInput

        processor = ImageInput(options.model, options.revision)
    found = gather(
        source,
        policy,
        title=title,
        most=options.items,
        seed=options.seed,
        task=task,
        model=processor,
    )
    write_preview(found, page, _notes(found, options))
    write_sheet(found, page.with_suffix(".png"))
    asked = [] if isinstance(source, Path) else list(questions_as_asked(source, task))
    if options.as_json:
        _print_json(found, page, asked)
        return
    say(str(page))
    say(str(page.with_suffix(".png")))
    for text in asked:
        say(f"\n{text}")
    for warning in found.warnings:
        tell(f"Look at it: {warning}")


def _source(
    name: str, policy: Any, mapping: Mapping[str, str] | None, *, outside: bool
) -> Dataset | Path:
    """The data set of that name or path; else the folder of images, or the file itself."""
    from mubench_gen.data import NAMES, is_form, open_dataset
    from mubench_gen.data.shards import find_shards
    from mubench_gen.storage.paths import user_path

    if is_form(name, mapping):
        return open_dataset(name, policy, partial=True, outside=outside, mapping=mapping)
    path = user_path(name)
    is_data = name in NAMES or (path / "rows.jsonl").is_file() or path.suffix == ".jsonl"
    if is_data or not path.exists() or path.suffix == ".py" or find_shards(path):
        return open_dataset(name, policy, outside=outside)
    return path.resolve()


def _page(out: Path | None, name: str) -> Path:
    from mubench_gen.report.html import check_page_path

    page = out or Path(re.sub(r"[^\w.-]+", "-", f"{name}-preview.html"))
    check_page_path(page, flag="--out")
    if page.suffix.casefold() not in (".html", ".htm"):
        from mubench_gen.errors import SettingError

        raise SettingError(f"--out {page}: is no name of a page: let it end in .html.")
    return page


def _notes(found: Preview, options: PreviewOptions) -> list[str]:
    if len(found.shown) >= found.total:
        return []
    return [
        f"A sample of {len(found.shown):,} of {found.total:,} pictures, drawn by seed "
        f"{options.seed}; --items N shows more. `mubench-gen data verify` decodes all of them."
    ]


def _print_json(found: Preview, page: Path, asked: Sequence[str]) -> None:
    from mubench_gen.cli.views.tables import print_json

    left_out = ("content", "histogram")
    plain = asdict(found)
    for one in plain["shown"]:
        for name in left_out:
            del one[name]
    print_json(
        {
            "page": str(page),
            "sheet": str(page.with_suffix(".png")),
            **plain,
            "questions_as_asked": list(asked),
        }
    )
