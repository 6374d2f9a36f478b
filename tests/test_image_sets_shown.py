"""Several images a question, where people and other programs see them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen.report.html.gallery import Gallery

from .helpers.command import Outcome
from .helpers.data import make_png
from .helpers.image_sets import write_sets

Here = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, here: Here) -> mubench_gen.Run:
    data = write_sets(tmp_path / "data")
    assert here("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", "-q").code == 0
    return mubench_gen.load_run("run")


def record_of(run: mubench_gen.Run, item: str) -> dict[str, Any]:
    return next(dict(record) for record in run.records() if record["item"] == item)


def test_the_gallery_has_all_images_of_an_item_and_where_they_stand(run: mubench_gen.Run) -> None:
    gallery = Gallery(1_000)
    records = list(run.records())
    for record in records:
        gallery.add(record, 0)
    shown, digests = gallery.as_dict(), gallery.picture_digests()
    assert len(digests) == len(gallery.pictures) == 10
    for number, record in enumerate(records):
        assert [digests[code] for code in shown["sets"][number]] == record["images_sha256"]
        parts = shown["messages"][shown["records"]["messages"][number]][-1][1:]
        numbers = [-1 - part for part in parts if part < 0]
        wanted = list(range(1, len(record["images_sha256"]) + 1))
        assert sorted(numbers) == wanted
        if record["task"] == "which":
            assert numbers == wanted[::-1]


def test_page_pack_and_run_find_all_images(
    run: mubench_gen.Run, here: Here, tmp_path: Path
) -> None:
    assert here("report", "run", "--html", "page.html", "-q").code == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    pictures = page.partition('id="pictures"')[2].partition(">")[2].partition("</script>")[0]
    assert [entry is not None for entry in json.loads(pictures)] == [True] * 10
    assert len({image.sha256 for image in run.images()}) == 10


def test_exports_keep_all_images_and_their_places(run: mubench_gen.Run, here: Here) -> None:
    record = record_of(run, "sets/set-0/same")
    rows = here("report", "run", "--format", "vlmevalkit").out
    row = next(r for r in csv.DictReader(io.StringIO(rows), delimiter="\t")
               if r["item"] == "sets/set-0/same")  # fmt: skip
    assert json.loads(row["images_sha256"]) == record["images_sha256"]
    assert "Do <image 1> and <image 2> show the same cell?" in row["question"]
    lines = here("report", "run", "--format", "lm-eval").out.splitlines()
    found = {line["doc"]["id"]: line for line in map(json.loads, lines)}[record["id"]]
    assert found["doc"]["images_sha256"] == record["images_sha256"]
    assert "<image 2>" in found["arguments"]["gen_args_0"]["arg_0"]


def test_previews_number_the_images_of_a_row(tmp_path: Path, here: Here) -> None:
    data = write_sets(tmp_path / "data")
    shown = here("data", "preview", data, "--json").document
    assert [one["where"] for one in shown["shown"][:3]] == [
        f"row 1, image {n} of 3" for n in (1, 2, 3)
    ]
    assert shown["total"] == 10
    out = here("prompts", "show", "paper", "--task", "which", "--data", data).out
    places = [line for line in out.splitlines() if line.startswith("[image")]
    assert places == [f"[image {n} of set-0]" for n in (3, 2, 1)]


def test_a_damaged_image_of_a_set_is_found_and_costs_its_items_alone(
    tmp_path: Path, here: Here
) -> None:
    data = write_sets(tmp_path / "data")
    (data / "images" / "2-3.png").write_bytes(make_png(5)[:40])
    found = here("data", "verify", data)
    assert (found.code, "row 3, image 3" in found.err + found.out) == (1, True)
    given = ("eval", "--plugin", "echo", "--data", data, "--run-dir", "run", "-q")
    assert here(*given).code == 3
    failed = [r for r in mubench_gen.load_run("run").records() if r["status"] == "error"]
    assert {r["item"] for r in failed} == {"sets/set-2/same", "sets/set-2/which"}
    assert all(r["error"]["type"] == "ImageError" for r in failed)


@pytest.mark.parametrize(
    ("form", "name"), [("vlmevalkit", "echo_data.tsv"), ("lm-eval", "x.jsonl")]
)
def test_an_exported_run_keeps_its_images_when_it_is_imported(
    run: mubench_gen.Run, here: Here, form: str, name: str
) -> None:
    assert here("report", "run", "--format", form, "--out", name).code == 0
    assert here("runs", "import", name, "--out", "again").code == 0
    again = {r["item"]: r["images_sha256"] for r in mubench_gen.load_run("again").records()}
    assert again == {record["item"]: record["images_sha256"] for record in run.records()}
    assert here("report", "again", "--html", "page.html", "-q").code == 0
