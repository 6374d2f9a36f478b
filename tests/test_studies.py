"""A study shown again from its records: tables, page, exports, figures, Python, the verdict."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas
import pytest

import mubench_gen
from mubench_gen.ablation import shipped
from mubench_gen.ablation.analysis import Analysis
from mubench_gen.errors import RunFolderError, SettingError

from .conftest import Here
from .spine import make_row, write_data

# A base and a fine-tune of known accuracy by prompt, with a taste for the first label.
KNOWN = """
import hashlib
import re
import mubench_gen
from mubench_gen import ModelSpec

RIGHT = {("base", "letter"): 0.5, ("base", "plain"): 0.9,
         ("tuned", "letter"): 0.9, ("tuned", "plain"): 0.5}


class Base(mubench_gen.GenerativeModel):
    name = "base"
    reads_pixels = False
    batch_size = 64

    def generate(self, requests):
        return [self.place(request) for request in requests]

    def label_logprobs(self, requests):
        found = []
        for request in requests:
            right = self.place(request)
            scores = [-3.0 if label == right else -5.0 for label in request.labels]
            scores[0] += 2.2
            found.append(scores)
        return found

    def place(self, request):
        prompt = "letter" if "with the label" in request.text else "plain"
        image = request.image.sha256 if request.image is not None else ""
        seen = f"{self.name} {prompt} {image}"
        number = int.from_bytes(hashlib.sha256(seen.encode()).digest()[:4], "big") / 2**32
        share = RIGHT[self.name, prompt] if request.image is not None else 0.2
        lines = re.findall(r"^(\\S+?)[.)] (.*)$", request.text, re.MULTILINE)
        right = next(label for label, text in lines if text == "light microscopy")
        others = [label for label, _ in lines if label != right]
        return right if number < share else others[int(number * 1e6) % len(others)]


class Tuned(Base):
    name = "tuned"


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("base", Base), ModelSpec("tuned", Tuned)]
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of both models, with a control and a transform, by `ablate` in Python."""
    folder = tmp_path_factory.mktemp("known")
    plugin = folder / "known.py"
    plugin.write_text(KNOWN)
    data = write_data(
        folder / "slides", [make_row(i, questions=("modality",), gold=0) for i in range(60)]
    )
    (folder / "both.toml").write_text(
        'prompt = ["letter", "plain"]\n[axis]\ncontrol = ["none", "blind"]\n'
        'transform = ["none", "grayscale"]\n'
    )
    made = mubench_gen.ablate(
        study=str(folder / "both.toml"), base=f"{plugin}=base", finetuned=f"{plugin}=tuned",
        data=str(data), run_dir=folder / "study",
    )  # fmt: skip
    assert made.dir == folder / "study"
    return made.dir


class _Text(HTMLParser):
    """The ids, the images without words, and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.wordless = 0
        self.outside: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.wordless += tag == "img" and not found.get("alt")
        self.pictures += tag == "img"
        self.outside += [
            str(found[key]) for key in ("src", "href")
            if found.get(key) and not str(found[key]).startswith(("data:", "#"))
        ]  # fmt: skip


def _ids(page: Path) -> list[str]:
    reader = _Text()
    reader.feed(page.read_text())
    return reader.ids


def test_a_study_is_printed_again_without_its_model(here: Here, study: Path) -> None:
    done = here("report", study)
    assert done.code == 0, done.err
    for words in ("8 cells", "what moves the score", "answers that change", "right → wrong",
                  "the gain by level", "Corruption error"):  # fmt: skip
        assert words in done.out
    document = here("report", study, "--json").document
    stored = json.loads((study / "study.json").read_text())
    assert document["results"] == stored["results"]
    assert {one["model"] for one in document["items"]} == {"known-base", "known-tuned"}
    assert document["methods"].startswith("We evaluated known-base, known-tuned in a full")
    for words in ("8 cells", "60 items on 60 images", "greedy", "clustered by image", "seed 0"):
        assert words in document["methods"]


def test_the_runs_of_a_study_are_still_one_table(here: Here, study: Path) -> None:
    done = here("report", study, "--each")
    assert done.code == 0, done.err
    assert "answers that change" not in done.out


def test_flips_are_those_of_the_records(study: Path) -> None:
    found = mubench_gen.load_study(study)
    assert isinstance(found, mubench_gen.AblationStudy)
    rows = pandas.concat(
        mubench_gen.frames([run]).assign(cell=run.dir.name) for run in found.runs
        if run.dir.parent.name == "known-base" and "control=none" in run.dir.name
    )  # fmt: skip
    rows["grey"] = rows["cell"].str.contains("grayscale")
    rows["chosen"] = [order[at] for order, at in zip(rows["order"], rows["choice"], strict=True)]
    wide = rows.pivot_table(index=["item", "prompt"], columns="grey", values=["chosen", "correct"])
    flips = found.flips.set_index(["model", "factor", "level"])
    one = flips.loc["known-base", "transform", "grayscale"]
    right = wide["correct"].astype(float)
    assert one["changed"] == pytest.approx((wide["chosen"][False] != wide["chosen"][True]).mean())
    assert one["destructive"] == pytest.approx((right[False] * (1 - right[True])).mean())
    assert one["corrective"] == pytest.approx((right[True] * (1 - right[False])).mean())
    assert one["difference"] == pytest.approx(one["corrective"] - one["destructive"])


def test_the_verdict_says_where_the_gain_is_and_that_it_reverses(study: Path) -> None:
    found = Analysis(study).verdict
    assert found is not None
    at = {(one.factor, one.level): one for one in found.gains}
    letter, plain = at["prompt", "letter"], at["prompt", "plain"]
    assert letter.verdict == "gain"
    assert plain.verdict == "loss"
    assert letter.ci95[0] < 0.4 < letter.ci95[1]
    assert plain.ci95[0] < -0.4 < plain.ci95[1]
    assert at["", ""].verdict == "not known"
    assert any(line.startswith("It reverses between prompt letter") for line in found.sentences)
    assert len(found.cells) == 8


def test_a_study_with_a_budget_has_its_verdict_and_flips_too(
    here: Here, study: Path, tmp_path: Path
) -> None:
    folder, plugin = study.parent, study.parent / "known.py"
    made = mubench_gen.ablate(
        study=str(folder / "both.toml"), base=f"{plugin}=base", finetuned=f"{plugin}=tuned",
        data=str(folder / "slides"), run_dir=tmp_path / "s", budget=240,
    )  # fmt: skip
    found = Analysis(made.dir).verdict
    assert found is not None
    at = {(one.factor, one.level): one for one in found.gains}
    assert at["prompt", "letter"].ci95[0] < 0.4 < at["prompt", "letter"].ci95[1]
    assert (at["prompt", "letter"].verdict, at["prompt", "plain"].verdict) == ("gain", "loss")
    assert set(made.flips["level"]) == {"plain", "blind", "grayscale"}
    assert (made.flips["items"] < 60).all()
    document = here("report", tmp_path / "s", "--json").document
    assert len(document["items"]) == 2
    assert document["verdict"]["missing"] == []
    here("report", tmp_path / "s", "--html", tmp_path / "page.html")
    assert {"verdict", "flips"} <= set(_ids(tmp_path / "page.html"))


def test_the_page_is_one_file_with_figures_tables_and_what_the_models_saw(
    here: Here, study: Path, tmp_path: Path
) -> None:
    done = here("report", study, "--html", "study.html")
    assert done.code == 0, done.err
    text = (tmp_path / "study.html").read_text("utf-8")
    page = _Text()
    page.feed(text)
    assert {"verdict", "effects", "flips", "corruption", "images", "scores", "methods"} <= {
        *page.ids
    }
    assert len(page.ids) == len(set(page.ids))
    assert not page.outside
    assert not page.wordless
    assert page.pictures == 16  # eight images, as they are and without colour
    assert text.count('class="figure"') == 4
    without = here("report", study, "--html", "bare.html", "--no-images")
    assert without.code == 0
    assert 'id="images"' not in (tmp_path / "bare.html").read_text("utf-8")


@pytest.mark.parametrize("kind", ["effects", "grid", "flips", "gains"])
def test_each_figure_is_written_in_the_width_of_a_column(
    here: Here, study: Path, tmp_path: Path, kind: str
) -> None:
    done = here("report", study, "--figure", kind, "--out", f"{kind}.svg", "-o", "width=85")
    assert done.code == 0, done.err
    assert 'width="240.9' in (tmp_path / f"{kind}.svg").read_text()  # points


def test_a_study_is_exported_as_tables_and_as_tidy_rows(
    here: Here, study: Path, tmp_path: Path
) -> None:
    assert "answers that change" in here("report", study, "--format", "md").out
    latex = here("report", study, "--format", "latex").out
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") > 5
    assert "% We evaluated" in latex
    cells = here("report", study, "--format", "csv").out.splitlines()
    assert len(cells) == 1 + 16
    assert cells[0].startswith("model,prompt,readout,control,transform,n,errors,accuracy")
    done = here("report", study, "--format", "parquet", "-o", "table=flips", "--out", "f.parquet")
    assert done.code == 0, done.err
    frame = pandas.read_parquet(tmp_path / "f.parquet")
    assert list(frame) == list(mubench_gen.load_study(study).flips)
    wrong = here("report", study, "--format", "csv", "-o", "table=flip")
    assert wrong.code == 2
    assert "flips" in wrong.err


def test_a_baseline_must_be_a_model_of_the_study(here: Here, study: Path, tmp_path: Path) -> None:
    done = here("report", study, "--baseline", "known-tuned")
    assert "Corruption error, in % of that of known-tuned" in done.out
    wrong = here("report", study, "--baseline", "known-tune")
    assert wrong.code == 2
    assert "known-tuned" in wrong.err


def test_an_unfinished_study_says_what_to_do(study: Path, tmp_path: Path) -> None:
    document = json.loads((study / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps({**document, "results": None}))
    with pytest.raises(RunFolderError, match="not finished: type its command again"):
        mubench_gen.load_study(tmp_path)


def test_results_from_before_cells_had_their_run_are_read_alike(
    study: Path, tmp_path: Path
) -> None:
    document = json.loads((study / "study.json").read_text())
    for one in document["results"]["models"]:
        for cell in one["cells"]:
            del cell["condition"]
    (tmp_path / "study.json").write_text(json.dumps(document))
    (tmp_path / "runs").symlink_to(study / "runs")
    assert Analysis(tmp_path).grid == Analysis(study).grid


def test_shipped_pairs_name_plugins_that_there_are() -> None:
    import tomllib

    from mubench_gen.plugins.registry import Plugins

    stored = tomllib.loads((shipped.FOLDER / "verdict.toml").read_text())
    assert {"llava-med", "medgemma", "plip", "quiltnet", "biomedclip"} <= {*stored["pairs"]}
    known = {plugin.name for plugin in Plugins().list()}
    for pair in stored["pairs"].values():
        assert {pair[end].partition("=")[0] for end in ("base", "finetuned")} <= known
        assert pair["kind"] in stored


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--study", "verdikt"], "verdict"),
        (["--study", "verdict"], "or a pair by name: --pair llava-med"),
        (["--study", "verdict", "--pair", "pilp"], "no pair 'pilp'. Did you mean 'plip'?"),
        (["--study", "verdict", "--pair", "tiny", "--base", "tiny=llava"], "leave --base and"),
        (["--pair", "tiny"], "--pair belongs to a study"),
        (["--study", "verdict", "--base", "a", "--finetuned", "b"], "of which plugin?"),
        (["--base", "tiny=llava"], "--study verdict"),
        (["--study", "verdict", "--base", "tiny=llava", "--finetuned", "tiny=llava"], "two models"),
        (["--study", "verdict", "--finetuned", "tiny", "--model", "x"], "leave --model out"),
    ],
)
def test_what_is_missing_of_a_verdict_is_named(here: Here, words: list[str], told: str) -> None:
    done = here("ablate", *words, "--data", "demo", "--plan")
    assert done.code == 2
    assert told in done.err


def test_settings_win_over_those_of_a_study(tmp_path: Path) -> None:
    from mubench_gen.plugins.registry import Plugins

    found = shipped.with_study(
        {"prompt": ("paper",), "axis": {"control": ["none", "shuffled"]}, "plugin": "x"},
        "verdict", None, "tiny", Plugins(),
    )  # fmt: skip
    assert found["prompt"] == ("paper",)
    assert found["axis"].keys() == {"seen"}
    assert found["axis"]["seen"][:3] == ["none", "shuffled", "grayscale"]
    assert found["plugin"] == ["tiny"]
    assert found["model"] == ["tiny=llava", "tiny=llava-finetuned"]
    axes = {"seen": ["none", "mean"]}
    assert shipped.with_study({"axis": axes}, "verdict", None, "tiny", Plugins())["axis"] == axes
    with pytest.raises(SettingError, match="no such file"):
        shipped.with_study({}, "nothing.toml", None, None, Plugins())


def test_on_one_axis_controls_and_transforms_are_each_held_against_the_images_as_they_are(
    here: Here, study: Path, tmp_path: Path
) -> None:
    plugin = study.parent / "known.py"
    done = here(
        "ablate", "--study", "verdict", "--base", f"{plugin}=base", "--finetuned",
        f"{plugin}=tuned", "--data", study.parent / "slides", "--prompt", "letter,plain",
        "--axis", "transform=grayscale", "--study-dir", "apart", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.document["grid"]["seen"] == ["none", "blind", "grayscale"]
    found, crossed = mubench_gen.load_study("apart"), mubench_gen.load_study(study)
    assert isinstance(found, mubench_gen.AblationStudy)
    assert isinstance(crossed, mubench_gen.AblationStudy)
    assert len(found.cells) == 2 * 2 * 3
    own, other = (one.flips.set_index(["model", "level"]) for one in (found, crossed))
    for name in ("known-base", "known-tuned"):
        assert own.loc[(name, "grayscale"), "changed"] == other.loc[(name, "grayscale"), "changed"]
    assert own.loc[("known-base", "plain"), "difference"] == pytest.approx(
        other.loc[("known-base", "plain"), "difference"]
    )  # under no control
    assert {one["kind"] for one in done.document["corruption"]["errors"]} == {"grayscale", "mean"}
    told = " ".join(found.verdict)
    assert "Cells with a real gain: 3 of 6; a real loss: 2. Losses: plain · none" in told
    assert "Under grayscale the difference is not shown to change." in told
    found.write_page(tmp_path / "page.html", pictures=3)
    page = (tmp_path / "page.html").read_text("utf-8")
    shown = re.findall(r"data:image/jpeg[^\"]*", page)  # each as it is and without colour
    assert (len(shown), len(set(shown))) == (2 * 3, 2 * 3)
    assert page.count("grayscale<br><small>") == 3


def test_debiased_read_outs_of_a_run_mend_a_taste_for_the_first_label(
    here: Here, study: Path, tmp_path: Path
) -> None:
    """The plugin adds to the first label's score; without that it is right in half of the items."""
    plugin = study.parent / "known.py"
    asked = ["--plugin", plugin, "--model", "base", "--data", study.parent / "slides", "--prompt",
             "letter", "--readout", "logprob", "--tasks", "modality"]  # fmt: skip
    for name, more in (("run", ["--orders", "cyclic:3"]), ("one", []),
                       ("blind", ["--orders", "cyclic:3", "--control", "blind"])):  # fmt: skip
        assert here("eval", *asked, *more, "--run-dir", name).code == 0
    found = here("score", "run", "--debias", "--blind", "blind", "--json").document["debiased"]
    methods = {one["method"]: one for one in found["methods"]}
    assert set(methods) == {"contextual", "batch", "pride", "orders"}
    for one in methods.values():
        assert one["items"] == 60
        assert one["bias_after"] < one["bias_before"]
    assert methods["batch"]["after"] == pytest.approx(0.5, abs=0.15)
    text = here("score", "run", "--debias")
    assert "Not by contextual: there is no blind run" in text.out
    alone = here("score", "one", "--debias", "--json").document["debiased"]
    assert set(alone["missing"]) == {"contextual", "pride", "orders"}
    wrong = here("score", "run", "--debias", "--blind", "one")
    assert wrong.code == 2
    assert "--control blind" in wrong.err
    none = here("score", study / "runs" / "known-base" / "control=none+transform=none", "--debias")
    assert (none.code, none.out) == (2, "")
    assert "--debias needs probabilities" in none.err


def test_a_fraction_of_a_grid_shows_the_effects_that_it_estimates(
    study: Path, tmp_path: Path
) -> None:
    document = json.loads((study / "study.json").read_text())
    effect = {"term": "prompt", "level": "plain", "effect": 0.25, "ci95": [0.1, 0.4]}
    document["design"] = {
        "cells": [0, 3, 5, 6], "terms": ["prompt", "control"], "effects": {"known-base": [effect]}
    }  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(document))
    (tmp_path / "runs").symlink_to(study / "runs")
    found = Analysis(tmp_path)
    table = next(one for one in found.tables() if "effects estimated" in one.title)
    assert list(table.sections[0][0]) == ["prompt", "plain", "+25.0", "+10.0 to +40.0"]
    assert "fractional factorial design of 4 of 8 cells" in found.methods
