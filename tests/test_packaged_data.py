"""Data sets that packages bring: found, listed, fetched if asked for, read, checked and scored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.data import open_dataset
from mubench_gen.data.packaged import find
from mubench_gen.errors import DataError, PluginError

from .data.hub import Hub, serving
from .helpers.command import Command, Outcome
from .helpers.data import make_png
from .helpers.plugin import write_distribution

Here = Callable[..., Outcome]
REVISION = "0123456789abcdef0123456789abcdef01234567"
SOURCE = """
import io
import mubench_gen
from PIL import Image

COLOURS = ("red", "green", "blue")


def picture(number):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def rows(place):
    for i in range(6):
        yield {{
            "id": f"q{{i}}",
            "images": [picture(i), picture(i + 1)],
            "question": "Which colour?",
            "options": COLOURS,
            "answer": i % 3,
            "stain": "none",
            "donor": i // 2,
        }}


@mubench_gen.hookimpl
def mubench_gen_datasets():
    return [mubench_gen.DataSet("{name}", "Colours", rows, licence="CC0-1.0"{more})]
"""
FROM_HUB = f""",
    hub="lab/colours", revision="{REVISION}", files=("data/*.txt",), size=2_000_000,
    expected={{"questions": 6}}, citation="Lab 2026"
"""


def source(name: str = "colours", more: str = "") -> str:
    return SOURCE.format(name=name, more=more)


def install(site: Path, name: str, text: str) -> None:
    module = f"mubench_gen_{name}"
    write_distribution(
        site, f"mubench-gen-{name}", entries=[f"{name} = {module}"], modules={module: text}
    )


def test_a_file_with_the_hook_is_a_data_set_that_a_run_asks(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(source())
    outcome = here("eval", "--plugin", "echo", "--data", "./mine.py", "--run-dir", "run", "--json")
    assert outcome.code == 0, outcome.err
    scores = outcome.document["scores"]
    assert scores["pooled"]["n"] == 6
    assert list(scores["tasks"]) == ["colours"]
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["data"]["name"] == "colours"
    assert len(manifest["data"]["digest"]) == 64
    assert (manifest["data"]["plugin"], manifest["data"]["licence"]) == ("mine", "CC0-1.0")
    (first, *_) = map(json.loads, (tmp_path / "run/records.jsonl").read_text().splitlines())
    assert first["meta"]["donor"] == 0
    assert first["meta"]["license"] == "CC0-1.0"


def test_an_installed_one_is_found_by_name_and_its_rows_are_those_of_the_package(
    here: Here, site: Path
) -> None:
    install(site, "lab", source())
    dataset = open_dataset("colours")
    assert [row.key for row in dataset] == [f"colours/q{i}" for i in range(6)]
    assert [row.questions["colours"].gold for row in dataset] == [0, 1, 2, 0, 1, 2]
    assert [len(row.images) for row in dataset] == [2] * 6
    assert dataset[1].images[0].file_bytes == dataset[0].images[1].file_bytes
    assert len(list((dataset.path.parent / "images").iterdir())) == 7  # shared ones once
    assert find("lab:colours").folder == dataset.path.parent


def test_the_name_of_an_image_file_tells_nothing(here: Here, site: Path) -> None:
    install(site, "lab", source())
    names = [image.name for row in open_dataset("colours") for image in row.images]
    assert all(len(Path(name).stem) == 32 and int(Path(name).stem, 16) >= 0 for name in names)


def test_two_packages_may_bring_one_name(here: Here, site: Path) -> None:
    install(site, "lab", source())
    install(site, "other", source())
    with pytest.raises(DataError, match="say lab:colours or other:colours"):
        open_dataset("colours")
    assert len(open_dataset("other:colours")) == 6
    listed = {one["name"] for one in here("data", "--json").document}
    assert {"lab:colours", "other:colours"} <= listed


def test_the_listing_imports_no_other_plugin_and_nothing_heavy(mubench: Command) -> None:
    site = mubench.folder / "site"
    install(site, "lab", source(more=FROM_HUB))
    install(site, "odd", "raise RuntimeError('not asked for')\ndef mubench_gen_models(): ...\n")
    program = (
        "import sys\nfrom mubench_gen.__main__ import _run\nsys.argv = ['mubench-gen', 'data']\n"
        "_run()\nheavy = {'torch', 'pandas', 'numpy', 'pyarrow', 'matplotlib', 'transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=mubench.environment({"PYTHONPATH": str(site)}),
        capture_output=True,
        text=True,
        check=True,
    )
    *listed, heavy = [line.split() for line in done.stdout.splitlines()]
    assert heavy == ["[]"]
    (line,) = [line for line in listed if line[0] == "colours"]
    assert " ".join(line) == "colours 6 2 MB CC0-1.0 not here: mubench-gen data prepare colours"
    assert "not asked for" not in done.stdout + done.stderr


def test_a_broken_package_is_named_and_hides_no_other(here: Here, site: Path) -> None:
    install(site, "lab", source())
    install(site, "bad", source("bad").replace("import io", "import io\n1 / 0"))
    listed = here("data", "--json")
    assert listed.code == 0
    states = {(one["plugin"], one["name"]): one["state"] for one in listed.document}
    assert states["lab", "colours"].startswith("here")
    assert "ZeroDivisionError" in states["bad", "?"]
    assert len(open_dataset("colours")) == 6
    with pytest.raises(DataError, match="ZeroDivisionError"):
        open_dataset("bad")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("yield {", "1 / 0\n        yield {", "is broken: ZeroDivisionError"),
        ('"answer": i % 3', '"answer": 3', "answer_idx: 3 is out of range for 3 options"),
        ('"answer": i % 3', '"answer": "pink"', "row 1, column answer: 'pink' is not one of"),
        ('"id": f"q{i}"', '"id": i', "row 1, column id: a text of its own is needed, found 0"),
        ("[picture(i), picture(i + 1)]", "[]", "column images: a list of images is needed"),
        (
            "[picture(i), picture(i + 1)]",
            "['a.png']",
            "an image is a file's bytes, its Path or a function",
        ),
        ('("red", "green", "blue")', '("red", "red", "blue")', "two options are the same"),
        ('"donor": i // 2', '"donor": [i]', "column donor: a text or number is needed"),
        ('"donor": i // 2', '"donor": float("nan")', "row 1: cannot be written as JSON"),
        ('"Which colour?"', '"Which \\udc80?"', "row 1: cannot be written as JSON"),
        ('"stain": "none"', '"task": 3', "column task: a text is needed, found 3"),
        ("for i in range(6)", "for i in range(0)", "its package gives no row"),
    ],
)
def test_a_row_that_is_wrong_is_named_with_its_column(
    here: Here, site: Path, old: str, new: str, told: str
) -> None:
    text = source()
    assert old in text
    install(site, "lab", text.replace(old, new))
    with pytest.raises((DataError, PluginError)) as raised:
        open_dataset("colours")
    assert told in str(raised.value)
    assert not find("colours").is_here


def test_faulty_rows_are_left_out_and_named_where_that_is_asked_for(here: Here, site: Path) -> None:
    text = source(more=', expected={"questions": 6}').replace("i % 3", "i if i < 5 else 0")
    install(site, "lab", text)
    refused = here("data", "prepare", "colours")
    assert refused.code == 2
    assert "2 rows of colours cannot be used. --partial leaves faulty rows out." in refused.err
    done = here("data", "prepare", "colours", "--partial", "--json")
    assert done.code == 0, done.err
    assert done.document["counts"]["left_out"] == 2
    assert "Left out: colours, row 4 (image_id q3)" in done.err
    assert "Look at it: colours has 4 questions, and 6 are expected." in done.err


def test_nothing_is_fetched_by_a_run_that_finds_no_data(here: Here, site: Path) -> None:
    install(site, "lab", source(more=FROM_HUB))
    outcome = here("eval", "--plugin", "echo", "--data", "colours")
    assert outcome.code == 2
    assert (
        "The data set 'colours' is not on this machine. Type: mubench-gen data prepare colours "
        "(2 MB, CC0-1.0, from the hub's lab/colours)."
    ) in outcome.err


@pytest.mark.parametrize("pinned", [True, False])
def test_prepare_fetches_what_the_hub_has_at_the_pinned_or_newest_commit(
    here: Here, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    text = source(more=FROM_HUB).replace(
        "for i in range(6)", "for i, _ in enumerate((place / 'data/a.txt').read_text())"
    )
    install(site, "lab", text if pinned else text.replace(REVISION, ""))
    files = {"data/a.txt": b"abcdef", "data/b.txt": b"small", "README.md": b"not asked for"}
    hub = Hub("lab/colours", REVISION, files, small={"data/b.txt"}, branches={"main": REVISION})
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with serving(hub):
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        outcome = here("data", "prepare", "colours", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["revision"] == REVISION
    (asked_about,) = [path for _, path, _ in hub.asked if "blobs=" in path]
    assert (REVISION in asked_about) == pinned
    assert outcome.document["counts"]["questions"] == 6
    assert "Fetching Colours from the hub's lab/colours (2 MB, CC0-1.0). Lab 2026" in outcome.err
    assert not any("README" in path for _, path, _ in hub.asked)
    assert open_dataset("colours").revision == REVISION
    asked = len(hub.asked)
    assert here("data", "prepare", "colours").code == 0
    assert len(hub.asked) == asked


def test_files_that_came_another_way_are_read_from_their_folder(
    here: Here, site: Path, tmp_path: Path
) -> None:
    more = ', on_request="Ask lab@example.org."'
    text = source(more=more).replace(
        "picture(i), picture(i + 1)", "place / f'{i}.png', place / '0.png'"
    )
    install(site, "lab", text)
    refused = here("data", "prepare", "colours")
    assert refused.code == 2
    assert "Ask lab@example.org. With its files: mubench-gen data prepare colours" in refused.err
    (tmp_path / "came").mkdir()
    for i in range(6):
        (tmp_path / f"came/{i}.png").write_bytes(make_png(i))
    done = here("data", "prepare", "colours", "--from", "came", "--out", "shared")
    assert done.code == 0, done.err
    assert len(open_dataset(str(tmp_path / "shared"))) == 6
    assert not find("colours").is_here
    assert here("data", "prepare", "colours", "--from", "came").code == 0
    assert len(open_dataset("colours")) == 6


def test_what_cannot_be_read_says_why(here: Here, site: Path) -> None:
    text = source(more=', unread="No public copy shows its columns."').replace(
        '"Colours", rows', '"Colours", None'
    )
    install(site, "lab", text)
    for words in (
        ["data", "prepare", "colours"],
        ["eval", "--plugin", "echo", "--data", "colours"],
    ):
        outcome = here(*words)
        assert outcome.code == 2
        assert "cannot be read: No public copy shows its columns." in outcome.err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (', hub="colours"', "hub is OWNER/NAME, found 'colours'"),
        (', hub="lab/colours"', "files names those of the hub that rows reads"),
        (', revision="main"', "revision is a commit of 40 hexadecimal digits, found 'main'"),
        (', unread="why"', "it needs either rows, a function, or unread"),
        (', expected={"pictures": 3}', "expected has ['pictures']"),
        (', tasks={"../a": {}}', "a task's name has letters, digits, _ . and - alone"),
    ],
)
def test_a_description_that_cannot_be_meant_is_the_packages_fault(
    site: Path, more: str, told: str
) -> None:
    install(site, "lab", source(more=more))
    with pytest.raises(DataError) as raised:
        open_dataset("colours")
    assert f"DataSet colours: {told}" in str(raised.value)


def test_another_version_of_the_code_is_read_again(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(source())
    before = open_dataset("./mine.py")
    (tmp_path / "mine.py").write_text(source().replace("range(6)", "range(4)"))
    assert (len(before), len(open_dataset("./mine.py"))) == (6, 4)


def test_its_tasks_lie_beside_its_rows(here: Here, site: Path, tmp_path: Path) -> None:
    tasks = """, tasks={"colours": {"title": 'The "colour"', "group": "lab", "question": "colours",
        "tags": ["a", "b"], "expected": {"questions": 6}, "aliases": {"red": ["crimson"]}}}"""
    install(site, "lab", source(more=tasks))
    listed = here("tasks", "--data", "colours", "--json")
    assert listed.code == 0, listed.err
    (task,) = listed.document
    assert task["title"] == 'The "colour"'
    done = here("eval", "--plugin", "echo", "--data", "colours", "--tasks", "b", "--json")
    assert done.document["scores"]["pooled"]["n"] == 6


def test_the_other_commands_about_data_take_its_name(here: Here, site: Path) -> None:
    install(site, "lab", source())
    counted = here("data", "info", "colours", "--json")
    assert counted.document["questions"] == 6
    assert counted.document["images"] == 7
    assert here("data", "verify", "colours").code == 0
    plugin: dict[str, Any] = here("plugins", "show", "lab", "--json").document
    assert plugin["datasets"] == {"colours": "Colours"}


def test_data_info_tells_whose_it_is_and_what_is_missing(here: Here, site: Path) -> None:
    install(site, "lab", source(more=', citation="Lab 2026", expected={"images": 8}'))
    outcome = here("data", "info", "colours")
    assert "Colours. CC0-1.0. Lab 2026." in outcome.out
    assert "colours has 7 images, and 8 are expected" in outcome.err
