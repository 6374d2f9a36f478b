"""Items whose answer key may be wrong: found where it was turned, and not where it wasn't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mubench_gen
from mubench_gen.compare.boards import boards_and_doubtful
from mubench_gen.compare.doubtful import Doubtful
from mubench_gen.runs.results import Run

from .conftest import Here
from .helpers.plugin import write_plugin
from .spine import make_row, write_data

ROWS, SKILLS = 60, (20, 30, 40, 50, 55, 58)  # images that each model knows


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Six models of rising skill. The key of image 3 is wrong: the better ones fail it, the
    worst one guesses it; that of image 5 is one that nobody names, for another that all name."""
    folder = tmp_path_factory.mktemp("doubtful")
    data = write_data(folder / "cells", [make_row(n) for n in range(ROWS)])
    gold, other = {}, {}
    for line in (data / "rows.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        (question,) = [row["questions"]["modality"]]
        number = int(row["image_id"].rpartition("-")[2])
        gold[number] = question["answer"]
        other[number] = question["options"][question["answer_idx"] - 1]
    found = []
    for skill in SKILLS:
        body = f"""
            def generate(self, requests):
                return [self.reply(request) for request in requests]

            def reply(self, request):
                number = int(request.image.name.rpartition("/")[2].partition(".")[0])
                gold, wrong = {gold!r}[number], {other!r}[number]
                known = number * 7 % {ROWS} < {skill}
                if number == 3:
                    known = {skill} == 20
                if number == 5:
                    known = False
                return gold if known else wrong
        """
        plugin = write_plugin(folder / f"s{skill}.py", body)
        where = {"data": str(data), "tasks": ["modality"], "run_dir": folder / f"r{skill}"}
        found.append(mubench_gen.evaluate(plugin=str(plugin), **where))
    return found


def looked(runs: list[Run]) -> Doubtful:
    found = boards_and_doubtful(runs)[1]
    assert found is not None
    return found


def test_an_item_with_a_wrong_key_is_found(runs: list[Run]) -> None:
    found = looked(runs)
    (first, *_) = found.shown
    assert (first.why, first.item.rpartition("/")[0].endswith("00003")) == ("backwards", True)
    assert first.discrimination is not None
    assert first.discrimination < -0.5
    assert found.backwards == 1
    assert found.backwards_by_chance is not None
    assert found.backwards_by_chance > found.backwards


def test_an_item_that_all_fail_is_told_with_what_they_say_instead(runs: list[Run]) -> None:
    failed = [one for one in looked(runs).shown if one.why == "all wrong"]
    assert looked(runs).all_wrong == len(failed)
    (fifth,) = [one for one in failed if one.item.rpartition("/")[0].endswith("00005")]
    assert fifth.agreed is not None
    assert fifth.agreed[0] != fifth.right
    assert fifth.agreed[1] == 1
    assert 0 < fifth.by_chance < 0.1
    assert fifth.answers == (fifth.agreed[0],) * len(SKILLS)


def test_few_models_tell_only_what_all_of_them_fail(runs: list[Run]) -> None:
    few = looked(runs[:2])
    assert (few.backwards, few.backwards_by_chance) == (0, None)
    assert few.all_wrong > 0
    assert boards_and_doubtful(runs[:1])[1] is None


def test_the_page_lists_them_with_their_images(runs: list[Run], here: Here, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    here("report", *(run.dir for run in runs), "--html", page)
    text = page.read_text("utf-8")
    section = text.partition('<section id="doubtful"')[2].partition("</section>")[0]
    assert "every run fails" in section
    assert "discriminates backwards" in section
    assert 'href="#item=' in section
    assert "data:image/jpeg;base64," in section
