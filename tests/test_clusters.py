"""`--cluster`: items of one slide, donor or plate are not independent on other images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen.errors import SettingError
from mubench_gen.scores.clusters import Clustering
from mubench_gen.scores.estimand import estimand
from mubench_gen.scores.paired import compare_means
from mubench_gen.scores.quantile import student
from mubench_gen.scores.score import Scores, score

from .conftest import Here
from .spine import make_row, write_data


def records(
    slides: int = 20, images: int = 10, *, seed: int = 1, correlation: float = 0.2
) -> list[dict[str, Any]]:
    """A right or wrong answer to each image; those of a slide are alike."""
    drawn = np.random.default_rng(seed)
    about = 1 / correlation - 1
    chances = drawn.beta(0.5 * about, 0.5 * about, slides)
    return [
        record(f"{slide}-{image}", slide, right=bool(drawn.random() < chances[slide]))
        for slide in range(slides)
        for image in range(images)
    ]


def record(image: str, slide: int | None, *, right: bool, prompt: str = "p") -> dict[str, Any]:
    return {
        "id": f"{image}/{prompt}/parse/given/0", "item": image, "image_sha256": None,
        "image_id": image, "dataset": "d", "task": "t", "prompt": prompt, "readout": "parse",
        "options": ["a", "b"], "gold": 0, "choice": 0 if right else 1, "status": "answered",
        "correct": right, "rule": "label", "order": [0, 1], "scores": None,
        "meta": {} if slide is None else {"slide": slide},
    }  # fmt: skip


def width(found: Scores) -> float:
    low, high = found.pooled.ci95 or (0, 0)
    return high - low


def test_the_interval_by_slide_holds_the_truth_where_that_by_image_does_not() -> None:
    held = {"image": 0, "slide": 0}
    for seed in range(150):
        made = records(seed=seed)
        for field in held:
            low, high = score(made, Clustering([field])).pooled.ci95 or (0, 0)
            held[field] += low <= 0.5 <= high
    assert held["slide"] / 150 >= 0.92
    assert held["image"] / 150 < 0.85


def test_the_number_of_slides_is_told_and_what_they_are_worth() -> None:
    pooled = score(records(), Clustering(["slide"])).pooled
    assert pooled.clusters == 20
    assert pooled.worth == pytest.approx(20)
    few = score(records(slides=4), Clustering(["slide"])).pooled
    assert any("slide" in caution for caution in few.cautions)


def test_a_row_without_the_field_is_clustered_by_its_image() -> None:
    made = [*records(slides=5), *(record(f"x{i}", None, right=True) for i in range(7))]
    assert score(made, Clustering(["slide"])).pooled.clusters == 12


def test_two_fields_count_what_either_has_in_common() -> None:
    made = [
        record(f"{image}", None, right=bool((image + at) % 3), prompt=prompt)
        for image in range(30)
        for at, prompt in enumerate("abcdef")
    ]
    by_image, by_prompt = (score(made, Clustering([f])) for f in ("image", "prompt"))
    both = score(made, Clustering(["image", "prompt"]))
    assert width(both) >= max(width(by_image), width(by_prompt))
    with pytest.raises(SettingError, match="one field or two"):
        Clustering(["a", "b", "c"])


def test_a_task_can_name_the_field_and_the_flag_wins() -> None:
    made = records()
    assert score(made, Clustering((), {"t": "slide"})).pooled.clusters == 20
    assert score(made, Clustering(["image"], {"t": "slide"})).pooled.clusters == 200


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    rows = [make_row(number, slide=f"s{number % 3}", dataset="wards") for number in range(12)]
    return write_data(tmp_path / "slides", rows)


def test_every_command_takes_the_flag_and_says_which_fields_there_are(
    here: Here, slides: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    done = here(
        "eval", "--plugin", "echo", "--data", slides, "--tasks", "modality", "--run-dir", run,
        "--cluster", "slide", "--json",
    )  # fmt: skip
    found = json.loads(done.out)["scores"]
    assert found["clustered"] == ["slide"]
    assert found["inference"]["pooled"]["clusters"] == 3
    assert json.loads(here("report", run, "--json").out)["scores"]["clustered"] == ["slide"]
    by_image = json.loads(here("report", run, "--json", "--cluster", "image").out)["scores"]
    assert by_image["inference"]["pooled"]["clusters"] == 12
    failed = here("report", run, "--cluster", "slyde")
    assert failed.code == 2
    assert "slide" in failed.err
    assert "no item has a value of such a field" in failed.err
    other = tmp_path / "other"
    here("eval", "--plugin", "echo", "--data", slides, "--tasks", "modality", "--run-dir", other,
         "--control", "shuffled")  # fmt: skip
    compared = here("compare", run, other, "--intersection", "--cluster", "slide", "--json")
    assert compared.code == 0, compared.err
    document = json.loads(compared.out)
    assert document["differences"][0]["images"] == 3
    assert document["clustered"] == "slide"
    assert document["differences"][0]["cautions"][0].endswith("equally heavy slides")
    told = here("compare", run, other, "--intersection", "--cluster", "slide").out
    assert "slides" in told
    assert "images" not in told
    twin = shutil.copytree(run, tmp_path / "twin")
    forgotten = here("report", "--forgetting", run, twin, "--cluster", "slide")
    assert "clustered by slide" in forgotten.out
    assert here("compare", run, other, "--cluster", "slyde").code == 2


def test_a_study_is_clustered_by_the_field_that_was_asked_for(
    here: Here, slides: Path, tmp_path: Path
) -> None:
    asked = ("ablate", "--plugin", "echo", "--data", slides, "--tasks", "modality",
             "--prompt", "paper,letter", "--json")  # fmt: skip
    by_slide = here(*asked, "--run-dir", tmp_path / "a", "--cluster", "slide")
    (model,) = json.loads(by_slide.out)["results"]["models"]
    by_image = here(*asked, "--run-dir", tmp_path / "b")
    (other,) = json.loads(by_image.out)["results"]["models"]

    def width(found: dict[str, Any]) -> float:
        low, high = found["cells"][0]["ci95"]
        return float(high - low)

    assert width(model) > width(other)
    assert model["effects"]["images"] == 3
    assert other["effects"]["images"] == 12


def test_a_task_file_beside_the_data_names_the_field(
    here: Here, slides: Path, tmp_path: Path
) -> None:
    (slides / "tasks").mkdir()
    told = 'title = "Modality"\ngroup = "own"\nquestion = "modality"\n'
    (slides / "tasks" / "ward.toml").write_text(told + 'cluster = "slide"\n')
    asked = ("eval", "--plugin", "echo", "--data", slides, "--tasks", "ward", "--run-dir",
             tmp_path / "run", "--json")  # fmt: skip
    found = json.loads(here(*asked).out)["scores"]
    assert found["inference"]["pooled"]["clusters"] == 3
    assert any("slide" in caution for caution in found["inference"]["pooled"]["cautions"])
    (slides / "tasks" / "ward.toml").write_text(told)  # no part of the task's digest
    resumed = here(*asked)
    assert resumed.code == 0, resumed.err


def test_a_comparison_is_clustered_by_two_fields_of_its_items_at_once(
    here: Here, tmp_path: Path
) -> None:
    rows = [
        make_row(number, slide=f"s{number % 6}", plate=f"p{number // 6}", dataset="wards")
        for number in range(36)
    ]
    data = write_data(tmp_path / "plates", rows)
    for name, flags in (("a", ("--prompt", "paper,letter")), ("b", ("--control", "shuffled"))):
        here("eval", "--plugin", "echo", "--data", data, "--tasks", "modality",
             "--run-dir", tmp_path / name, *flags)  # fmt: skip

    def compared(fields: str) -> dict[str, Any]:
        done = here("compare", tmp_path / "a", tmp_path / "b", "--intersection", "--cluster",
                    fields, "--json")  # fmt: skip
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    one, other, both = (compared(fields) for fields in ("slide", "plate", "slide,plate"))
    sizes = [found["differences"][0]["size"] for found in (one, other, both)]
    assert sizes[2] <= min(sizes[:2]) * (1 + 1e-9)
    assert both["clustered"] == "slide and plate"
    assert both["differences"][0]["freedom"] == min(
        found["differences"][0]["freedom"] for found in (one, other)
    )
    (note,) = [one for one in compared("image,prompt")["notes"] if one.startswith("Clustered by")]
    assert note.startswith("Clustered by image alone: an item has several values of prompt")


def test_a_difference_by_two_clusterings_has_the_variance_of_both_less_that_of_their_cells() -> (
    None
):
    drawn = np.random.default_rng(3)
    rows, columns = np.divmod(np.arange(400), 20)
    shift = drawn.normal(0, 0.5, 20)[rows] + drawn.normal(0, 0.5, 20)[columns]
    values = shift + drawn.normal(0, 1, 400)
    found = compare_means(values, np.zeros(400), np.stack([rows, columns], axis=1))
    cells = rows * 20 + columns
    one, other, both = (
        estimand(values, codes).precision().variance for codes in (rows, columns, cells)
    )
    half = (found.ci95[1] - found.ci95[0]) / 2
    assert half == pytest.approx(student(0.95, found.freedom) * (one + other - both) ** 0.5)


@pytest.mark.parametrize(
    "command", [("eval",), ("ablate", "--prompt", "paper,letter")], ids=lambda command: command[0]
)
def test_a_field_that_no_item_has_is_told_before_anything_is_asked(
    here: Here, slides: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    failed = here(*command, "--plugin", "echo", "--data", slides, "--tasks", "modality",
                  "--run-dir", out, "--cluster", "slyde")  # fmt: skip
    assert failed.code == 2
    assert "--cluster slyde: no item has a value" in failed.err
    assert "Did you mean 'slide'?" in failed.err
    assert not out.exists()


def test_a_study_is_not_clustered_by_what_it_varies(
    here: Here, slides: Path, tmp_path: Path
) -> None:
    failed = here("ablate", "--plugin", "echo", "--data", slides, "--prompt", "paper,letter",
                  "--run-dir", tmp_path / "out", "--cluster", "prompt")  # fmt: skip
    assert failed.code == 2
    assert "--cluster prompt: an item is asked with several values of prompt" in failed.err
    assert not (tmp_path / "out").exists()


def test_a_study_is_clustered_by_two_fields_at_once_and_says_so(here: Here, tmp_path: Path) -> None:
    rows = [
        make_row(number, slide=f"s{number % 6}", plate=f"p{number // 6}", dataset="wards")
        for number in range(36)
    ]
    data = write_data(tmp_path / "plates", rows)

    def studied(fields: str) -> tuple[dict[str, Any], str]:
        folder = tmp_path / fields.replace(",", "-")
        asked = ("ablate", "--plugin", "echo", "--data", data, "--tasks", "modality",
                 "--prompt", "paper,letter", "--run-dir", folder, "--cluster", fields)  # fmt: skip
        text, told = here(*asked), here(*asked, "--json")
        assert (text.code, told.code) == (0, 0), told.err
        found: dict[str, Any] = json.loads(told.out)["results"]
        return found, text.out

    (one, _), (other, _), (both, told) = map(studied, ("slide", "plate", "slide,plate"))

    def half(found: dict[str, Any]) -> float:
        low, high = found["models"][0]["effects"]["effects"][0]["levels"][0]["ci95"]
        return float(high - low)

    assert both["clustered"] == "slide and plate"
    assert half(both) >= max(half(one), half(other)) - 1e-12
    assert "clustered by slide and plate" in told
    assert "by image" not in told
    by_prompt, told = studied("plate,prompt")
    assert by_prompt["clustered"] == "plate"
    assert "Clustered by plate alone: an item has several values of prompt" in told
    page = here("report", tmp_path / "slide-plate", "--html", tmp_path / "page.html")
    assert page.code == 0, page.err
    html = (tmp_path / "page.html").read_text("utf-8")
    assert "clustered by slide and plate" in html
    assert "clustered by image" not in html
