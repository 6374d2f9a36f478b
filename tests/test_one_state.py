"""A run is of one state of all that answers it: weights, code, members, judge."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mubench_gen.storage import digests
from mubench_gen.storage.digests import changed_since, sha256_of, watched
from mubench_gen.storage.records import read_records

from .helpers.data import write_data

# Says what is in the file of its weights, "lazily" read at each answer. At the third request it
# runs the line in `then`, once.
MODEL = """
import os, pathlib, signal
import mubench_gen

SAYS = "1"
HERE = pathlib.Path(__file__).parent

class Reader(mubench_gen.GenerativeModel):
    class Options(mubench_gen.Options):
        weights: pathlib.Path = HERE / "none"
        name: str = ""
        lazily: bool = False

    def load(self):
        self.asked = 0
        self.says = self.read()

    def read(self):
        named = self.options.name or str(self.options.weights)
        return pathlib.Path(named).read_text() if os.path.isfile(named) else SAYS

    def generate(self, requests):
        self.asked += len(requests)
        if self.asked == 3 and (HERE / "then").exists():
            then = (HERE / "then").read_text()
            (HERE / "then").unlink()
            exec(then)
        return [self.read() if self.options.lazily else self.says for _ in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [mubench_gen.ModelSpec("reader", Reader)]
"""
DIES = "; os.kill(os.getpid(), signal.SIGKILL)"
REWRITES = "(HERE / 'w.bin').write_text('2')"
EDITS = "f = HERE / 'reader.py'; f.write_text(f.read_text().replace('\"1\"', '\"2\"', 1))"
JUDGE = """
import pathlib
import mubench_gen

class Rules(mubench_gen.Judge):
    class Options(mubench_gen.Options):
        rules: pathlib.Path = pathlib.Path("rules.txt")

    def read(self, unread):
        return [int(self.options.rules.read_text()) for _ in unread]

@mubench_gen.hookimpl
def mubench_gen_judge():
    return Rules
"""


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """The folder of the plugin, its weights, and data of six questions."""
    (tmp_path / "reader.py").write_text(MODEL)
    (tmp_path / "w.bin").write_text("1")
    write_data(tmp_path / "cells")
    return tmp_path


def evaluated(*more: object) -> tuple[Any, ...]:
    own = ("--plugin", "./reader.py", "--data", "cells", "--tasks", "modality,stain")
    return ("eval", *own, "--batch-size", "1", "--run-dir", "run", *more)


def replies() -> list[str | None]:
    return [record["reply"] for record in read_records(Path("run/records.jsonl"))]


def outcomes(here: Any) -> dict[str, dict[str, str]]:
    checks = json.loads(here("runs", "verify", "run", "--json").out)["checks"]
    return {check["check"]: check for check in checks}


@pytest.mark.parametrize("option", ["weights", "name"])
def test_a_run_is_not_resumed_with_other_weights_of_an_option(
    here: Any, reader: Path, option: str
) -> None:
    own = evaluated("-o", f"{option}=w.bin")
    here(*own, "--max-requests", "2")
    (reader / "w.bin").write_text("2")
    refused = here(*own)
    assert refused.code == 2
    assert f"files.{option}: there" in refused.err
    assert replies() == ["1", "1"]


def test_weights_that_change_while_the_run_goes_on_end_it(here: Any, reader: Path) -> None:
    (reader / "then").write_text(REWRITES)
    own = evaluated("-o", "weights=w.bin", "-o", "lazily=true")
    ended = here(*own)
    assert ended.code == 2
    assert "w.bin: changed while the run went on" in ended.err
    assert replies() == ["1", "1"]
    (reader / "w.bin").write_text("1")
    assert here(*own).code == 0
    assert replies() == ["1"] * 6


def test_weights_that_are_only_touched_do_not_end_a_run(here: Any, reader: Path) -> None:
    (reader / "then").write_text("(HERE / 'w.bin').touch()")
    assert here(*evaluated("-o", "weights=w.bin")).code == 0


@pytest.mark.parametrize(
    ("then", "told"),
    [(REWRITES, "changed while the run went on"), (EDITS, "the plugin's code:")],
    ids=["weights", "code"],
)
@pytest.mark.usefixtures("hosted")
def test_a_model_that_died_and_is_another_when_it_is_started_again_ends_the_run(
    here: Any, reader: Path, then: str, told: str
) -> None:
    (reader / "then").write_text(then + DIES)
    ended = here(*evaluated("-o", "weights=w.bin"))
    assert ended.code == 2
    assert told in ended.err
    assert set(replies()) <= {"1"}


def test_verify_names_the_option_whose_file_changed(here: Any, reader: Path) -> None:
    here(*evaluated("-o", "weights=w.bin"))
    (reader / "w.bin").write_text("2")
    weights = outcomes(here)["weights"]
    assert weights["outcome"] == "fails"
    assert "what the option 'weights' names" in weights["found"]


def test_verify_names_the_member_that_changed(here: Any, reader: Path) -> None:
    (reader / "member.py").write_text(MODEL)
    pair = MODEL.replace(
        "    def load(self):",
        "    def __init__(self, options=None, runtime=None):\n"
        "        super().__init__(options, runtime)\n"
        "        given = {'weights': str(HERE / 'w.bin')}\n"
        "        self.member = mubench_gen.open_model(str(HERE / 'member.py'), options=given)\n\n"
        "    def load(self):",
    )
    (reader / "reader.py").write_text(pair)
    here(*evaluated("--max-requests", "2"))
    (reader / "w.bin").write_text("2")
    refused = here(*evaluated())
    assert refused.code == 2
    assert "members.1.files.weights: there" in refused.err
    (reader / "w.bin").write_text("1")
    (reader / "then").write_text(REWRITES)
    assert "w.bin: changed while the run went on" in here(*evaluated()).err
    (reader / "w.bin").write_text("1")
    assert here(*evaluated()).code == 0
    assert outcomes(here)["weights"]["outcome"] == "holds"
    (reader / "w.bin").write_text("2")
    weights = outcomes(here)["weights"]
    assert (weights["outcome"], "of its member" in weights["found"]) == ("fails", True)


def test_a_run_keeps_to_one_state_of_its_judges_files(here: Any, reader: Path) -> None:
    (reader / "judge.py").write_text(JUDGE)
    (reader / "rules.txt").write_text("0")
    (reader / "w.bin").write_text("Hm.")
    own = evaluated("-o", "weights=w.bin", "--judge", "./judge.py")
    here(*own, "--max-requests", "2")
    (reader / "rules.txt").write_text("1")
    refused = here(*own)
    assert refused.code == 2
    assert "judge_files.rules: there" in refused.err
    (reader / "rules.txt").write_text("0")
    (reader / "then").write_text("pathlib.Path('rules.txt').write_text('1')")
    ended = here(*own)
    assert ended.code == 2
    assert "rules.txt: changed while the run went on" in ended.err
    (reader / "rules.txt").write_text("0")
    assert here(*own).code == 0
    read = [(r["status"], r["rule"], r["choice"]) for r in read_records(Path("run/records.jsonl"))]
    assert read == [("answered", "judge:judge", 0)] * 6
    assert outcomes(here)["judge"]["outcome"] == "holds"
    (reader / "rules.txt").write_text("1")
    assert "what the option 'rules' names" in outcomes(here)["judge"]["found"]


TRANSFORM = """
import pathlib
import mubench_gen
from PIL import Image

def tint(image, colour: str = "colour.txt"):
    return Image.new("RGB", image.size, pathlib.Path(colour).read_text())

@mubench_gen.hookimpl
def mubench_gen_transforms():
    return [mubench_gen.Transform("tint", tint, version="1")]
"""


def test_a_run_keeps_to_one_state_of_the_files_of_a_transform(here: Any, reader: Path) -> None:
    (reader / "tint.py").write_text(TRANSFORM)
    (reader / "colour.txt").write_text("red")
    own = evaluated("--image-set", "transform=./tint.py:colour=colour.txt")
    here(*own, "--max-requests", "2")
    (reader / "colour.txt").write_text("blue")
    refused = here(*own)
    assert refused.code == 2
    assert "transform.files.colour: there" in refused.err
    (reader / "colour.txt").write_text("red")
    (reader / "then").write_text("(HERE / 'colour.txt').write_text('blue')")
    ended = here(*own)
    assert ended.code == 2
    assert "colour.txt: changed while the run went on" in ended.err


@pytest.mark.usefixtures("hosted")
def test_a_transform_that_is_another_when_the_model_is_started_again_ends_the_run(
    here: Any, reader: Path
) -> None:
    (reader / "tint.py").write_text(TRANSFORM)
    (reader / "colour.txt").write_text("red")
    edit = "f = HERE / 'tint.py'; f.write_text(f.read_text() + '#')"
    (reader / "then").write_text(edit + DIES)
    ended = here(*evaluated("--image-set", "transform=./tint.py"))
    assert ended.code == 2
    assert "The transform ./tint.py was changed while the run went on" in ended.err


def test_weights_beside_the_code_are_watched_too(here: Any, reader: Path) -> None:
    named = "self.options.name or str(self.options.weights)"
    (reader / "reader.py").write_text(MODEL.replace(named, "str(HERE / 'w.bin')"))
    (reader / "then").write_text(REWRITES)
    ended = here(*evaluated("-o", "lazily=true"))
    assert ended.code == 2
    assert "w.bin: changed while the run went on" in ended.err
    assert replies() == ["1", "1"]


def test_a_file_that_was_written_with_the_same_bytes_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "w.bin"
    file.write_text("1")
    with watched() as read:
        sha256_of(file)
    os.utime(file, (1, 1))
    asked: list[Path] = []
    monkeypatch.setattr(digests, "sha256_of", lambda path: asked.append(path) or sha256_of(path))
    assert list(changed_since(read)) == list(changed_since(read)) == []
    assert asked == [file]
    file.write_text("2")
    assert list(changed_since(read)) == [str(file)]
