"""Contrastive runs: what is encoded how often, and what records and scores say of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mubench_gen import Run
from mubench_gen.errors import DefinitionError, SettingError
from mubench_gen.host.contrastive import probabilities
from mubench_gen.host.embeddings import EmbeddingStore
from mubench_gen.model import Scoring
from mubench_gen.scores.calibration import BINS, CalibrationTally, confidence
from mubench_gen.scores.quantile import student

from .spine import OPTIONS, command, evaluate, make_row, write_data, write_plugin

CONTEXT = 40
VECTORS = f"""
import mubench_gen
import numpy as np
from mubench_gen import ModelSpec
from mubench_gen.model import ReadText, Scoring

ENCODED = []


class Vectors(mubench_gen.ContrastiveModel):
    '''Embeds by digests and letters; reads {CONTEXT} letters of a text.'''

    scoring = Scoring("softmax", 20.0)
    batch_size = 4

    def embed_images(self, images):
        ENCODED.extend(image.sha256 for image in images)
        for image in images:
            image.pixels()
        return np.array([[int(i.sha256[k : k + 2], 16) + 1 for k in (0, 2, 4)] for i in images])

    def embed_texts(self, texts):
        ENCODED.extend(texts)
        read = [text[:{CONTEXT}] for text in texts]
        return np.array([[len(t), t.count("a") + 1, t.count("e") + 1] for t in read])

    def read_texts(self, texts):
        return [ReadText(len(t), tuple(map(ord, t[:{CONTEXT}]))) for t in texts]


@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("vectors", Vectors)]
"""
ENSEMBLE = """+++
kind = "caption"
ensemble = true
+++
{% set of_class = {"biology": ["life"]} %}
{% for caption in of_class.get(option, ["a " ~ option, "an image of " ~ option, "a " ~ option]) %}
{{ caption }}
{% endfor %}
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUBENCH_GEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Ten rows of five questions on eight images: two rows show another one's image."""
    rows = [make_row(i, image=f"images/{i % 8}.png") for i in range(10)]
    return write_data(tmp_path / "cells", rows)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    return write_plugin(tmp_path / "plugins", VECTORS, "vectors")


@pytest.fixture
def ensemble(tmp_path: Path) -> Path:
    path = tmp_path / "ensemble.j2"
    path.write_text(ENSEMBLE)
    return path


def encoded(run: Run) -> dict[str, Any]:
    counts: dict[str, Any] = run.manifest["sessions"][-1]["encoded"]
    return counts


def test_each_image_and_each_text_is_encoded_once_for_all_questions_and_prompts(
    cells: Path, vectors: Path, ensemble: Path, tmp_path: Path
) -> None:
    prompts = ["caption", "caption-0", ensemble]
    run = evaluate(vectors, tmp_path / "run", data=cells, prompt=prompts)
    records = list(run.records())
    assert len(records) == 10 * 5 * 3
    shown = [
        line
        for record in records
        for part in record["messages"][0]["content"][1:]
        for line in part["text"].split("\n")
    ]
    counts = encoded(run)
    assert counts["images"] == 8
    assert counts["texts"] == len(set(shown)) < len(shown)
    assert counts["images_from_disk"] == 0
    assert counts["seconds"]["images"] >= 0


def test_a_second_study_of_prompts_encodes_texts_alone(
    cells: Path, vectors: Path, tmp_path: Path, own_cache: Path
) -> None:
    first = evaluate(vectors, tmp_path / "a", data=cells, keep_embeddings=True)
    second = evaluate(vectors, tmp_path / "b", data=cells, keep_embeddings=True, prompt="caption-0")
    again = evaluate(vectors, tmp_path / "c", data=cells, prompt="caption-0")
    assert (encoded(first)["images"], encoded(first)["images_from_disk"]) == (8, 0)
    assert (encoded(second)["images"], encoded(second)["images_from_disk"]) == (0, 8)
    assert encoded(second)["texts"] > 0
    assert (encoded(again)["images"], encoded(again)["images_from_disk"]) == (8, 0)
    scores = [
        {record["id"]: record["scores"] for record in run.records()} for run in (second, again)
    ]
    assert scores[0] == scores[1]
    assert len(list((own_cache / "embeddings").glob("*/*.safetensors"))) == 1


def test_embeddings_of_other_weights_are_not_taken(
    cells: Path, vectors: Path, tmp_path: Path
) -> None:
    evaluate(vectors, tmp_path / "a", data=cells, keep_embeddings=True)
    write_plugin(vectors.parent, VECTORS.replace("(0, 2, 4)", "(6, 8, 10)"), "vectors")
    other = evaluate(vectors, tmp_path / "b", data=cells, keep_embeddings=True)
    assert (encoded(other)["images"], encoded(other)["images_from_disk"]) == (8, 0)


def test_a_damaged_file_of_embeddings_is_passed_over_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = EmbeddingStore(tmp_path / "kept")
    vectors = {f"{n:064x}": np.array([n, 1], np.float32) for n in range(3)}
    store.add(vectors)
    store.add({"f" * 64: np.array([np.nan, 1], np.float32)})
    store.flush()
    again = EmbeddingStore(tmp_path / "kept")
    assert len(again) == 3
    assert all((again.get(digest) == vector).all() for digest, vector in vectors.items())
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    assert len(EmbeddingStore(tmp_path / "kept")) == 0
    assert "skipped" in capsys.readouterr().err


def test_records_hold_similarities_and_probabilities(
    cells: Path, vectors: Path, tmp_path: Path
) -> None:
    run = evaluate(vectors, tmp_path / "run", data=cells)
    for record in run.records():
        assert len(record["probabilities"]) == len(record["scores"]) == len(record["options"])
        assert sum(record["probabilities"]) == pytest.approx(1)
        weights = np.exp(20 * np.array(record["scores"]))
        np.testing.assert_allclose(record["probabilities"], weights / weights.sum(), rtol=1e-6)


def test_a_reused_answer_keeps_its_probabilities(
    cells: Path, vectors: Path, tmp_path: Path
) -> None:
    first = evaluate(vectors, tmp_path / "a", data=cells)
    second = evaluate(vectors, tmp_path / "b", data=cells, reuse=[first.dir])
    assert "encoded" not in second.manifest["sessions"][-1]
    kept = [{r["id"]: r["probabilities"] for r in run.records()} for run in (first, second)]
    assert kept[0] == kept[1]


def test_an_ensemble_is_the_direction_of_the_mean_of_its_captions(
    cells: Path, vectors: Path, ensemble: Path, tmp_path: Path
) -> None:
    run = evaluate(vectors, tmp_path / "run", data=cells, prompt=ensemble, tasks=["domain"])
    record = next(run.records())
    texts = [part["text"] for part in record["messages"][0]["content"][1:]]
    assert texts[record["options"].index("biology")] == "life"  # a class's own captions
    place = record["options"].index("pathology")
    assert texts[place] == "a pathology\nan image of pathology"  # each once
    digest = record["image_sha256"]

    def unit(*numbers: float) -> Any:
        vector = np.array(numbers, np.float32)
        return vector / np.linalg.norm(vector)

    image = unit(*(int(digest[k : k + 2], 16) + 1 for k in (0, 2, 4)))
    captions = [unit(len(t), t.count("a") + 1, t.count("e") + 1) for t in texts[place].split("\n")]
    assert record["scores"][place] == pytest.approx(float(image @ unit(*sum(captions))), abs=1e-6)


def test_an_ensemble_and_the_same_text_as_one_caption_are_two_requests(
    cells: Path, vectors: Path, ensemble: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one.j2"
    one.write_text(ENSEMBLE.replace("ensemble = true\n", ""))
    run = evaluate(vectors, tmp_path / "run", data=cells, prompt=[ensemble, one])
    prompts = ("ensemble", "one")
    keys = [{r["key"] for r in run.records() if r["prompt"] == name} for name in prompts]
    assert len(keys[0]) == len(keys[1]) == 8 * 5
    assert not keys[0] & keys[1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (ENSEMBLE.replace('"caption"', '"chat"'), r"ensemble\.j2:3: ensemble: .*caption prompt"),
        ('+++\nkind = "caption"\nensemble = true\n+++\n \n', "no caption of 'biology'"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused(
    cells: Path, vectors: Path, ensemble: Path, tmp_path: Path, source: str, message: str
) -> None:
    ensemble.write_text(source)
    with pytest.raises((DefinitionError, SettingError), match=message):
        evaluate(vectors, tmp_path / "run", data=cells, prompt=ensemble, tasks=["domain"])


def test_options_longer_than_the_context_are_counted_and_named(
    vectors: Path, tmp_path: Path
) -> None:
    rows = [make_row(i, questions=["domain"], gold=0) for i in range(3)]
    long = "an option that goes on for quite a while, "
    for row in rows[:2]:
        row["captions"]["domain_1"]["options"] = [f"{long}left", f"{long}right", "short"]
    rows[1]["captions"]["domain_1"]["options"][1] = "a quite different option that is as long too"
    data = write_data(tmp_path / "cells", rows)
    run = evaluate(vectors, tmp_path / "run", data=data)
    assert encoded(run)["texts_cut"] == 3
    assert [record["cut"] for record in run.records()] == [[0, 1], [0, 1], []]
    assert [record["alike"] for record in run.records()] == [[0, 1], [], []]
    first = next(run.records())
    assert first["scores"][0] == first["scores"][1]
    scores = json.loads((run.dir / "scores.json").read_text())["scores"]
    cut = scores["truncation"]
    assert cut["captions"][0] == f"{long}left"
    assert {name: cut[name] for name in ("options", "items", "cut", "alike", "distinct")} == {
        "options": 9, "items": 2, "cut": 4, "alike": 2, "distinct": 3,
    }  # fmt: skip
    printed = " ".join(command("report", run.dir).stdout.split())
    assert "context: 4 of 9 options, in 2 items; 2 of them thereby became identical" in printed
    assert "“an option that goes on for quite a while, left”" in printed


def test_scores_hold_the_calibration_of_each_task(
    cells: Path, vectors: Path, tmp_path: Path
) -> None:
    run = evaluate(vectors, tmp_path / "run", data=cells)
    scores = json.loads((run.dir / "scores.json").read_text())["scores"]
    assert list(scores["calibration"]) == ["pooled", *sorted(OPTIONS)]
    pooled = scores["calibration"]["pooled"]
    records = list(run.records())
    sure = [max(record["probabilities"]) for record in records]
    assert pooled["n"] == 50
    assert pooled["accuracy"] == pytest.approx(scores["pooled"]["accuracy"])
    assert pooled["confidence"] == pytest.approx(np.mean(sure))
    edges = [min(BINS - 1, int(np.ceil(s * BINS)) - 1) for s in sure]
    gaps = [
        abs(sum(r["correct"] - s for r, s, e in zip(records, sure, edges, strict=True) if e == b))
        for b in range(BINS)
    ]
    assert pooled["ece"] == pytest.approx(sum(gaps) / 50)
    assert sum(one["n"] for one in pooled["bins"]) == 50
    assert "Calibration: expected error" in command("report", run.dir).stdout


def test_a_model_that_is_as_often_right_as_it_is_sure_has_no_error() -> None:
    tally = CalibrationTally()
    for n in range(10):
        tally.add([0.7, 0.2, 0.1], 0, clusters=[n << 16], gold=0 if n < 7 else 1, right=n < 7)
    calibration = tally.calibration()
    assert calibration is not None
    assert calibration.ece == pytest.approx(0)
    (full,) = [one for one in calibration.bins if one.n]
    assert (full.n, full.accuracy) == (10, 0.7)
    assert full.low < 0.7 <= full.high
    right, wrong = 0.09 + 0.04 + 0.01, 0.49 + 0.64 + 0.01
    assert calibration.brier == pytest.approx(0.7 * right + 0.3 * wrong)
    assert calibration.nll == pytest.approx(-0.7 * math.log(0.7) - 0.3 * math.log(0.2))
    each = np.r_[np.full(7, right), np.full(3, wrong)]
    half = student(0.95, 9) * each.std(ddof=1) / math.sqrt(10)
    low, high = calibration.brier_ci95 or (0, 0)
    assert (low, high) == pytest.approx((each.mean() - half, each.mean() + half), rel=1e-6)
    assert CalibrationTally().calibration() is None


def test_the_shares_of_sigmoids_are_the_common_footing() -> None:
    sigmoid = probabilities([0.1, 0.05, -0.2], Scoring("sigmoid", 100.0, -15.0))
    assert sum(sigmoid) != pytest.approx(1)
    assert confidence(sigmoid, 0) == pytest.approx(sigmoid[0] / sum(sigmoid))
    assert confidence([0.0, 0.0], 1) == 0.5
    assert probabilities([1.0, -1.0], Scoring("sigmoid", 1e4)) == (1.0, 0.0)
    assert probabilities([1.0, -1.0], Scoring("softmax", 1e4)) == (1.0, 0.0)


def test_generative_records_have_none_of_these_fields(cells: Path, tmp_path: Path) -> None:
    run = evaluate("echo", tmp_path / "run", data=cells, tasks=["domain"])
    assert not {"probabilities", "cut", "alike"} & set(next(run.records()))
    assert run.scores.calibration == {}
    assert run.scores.truncation is None


def test_data_without_captions_is_asked_with_captions_of_question_and_option(
    tmp_path: Path, vectors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "bare", [make_row(i, captions={}) for i in range(3)])
    run = evaluate(vectors, tmp_path / "run", data=data)
    assert run.manifest["settings"]["prompt"] == ["caption-question"]
    assert set(run.frame()["prompt"]) == {"caption-question"}
    assert run.scores.n_errors == 0
    assert (
        "has no captions of its options: the prompt 'caption-question'" in capsys.readouterr().err
    )


def test_data_with_captions_of_some_questions_is_refused_before_anything_is_asked(
    tmp_path: Path, vectors: Path
) -> None:
    rows = [make_row(i) for i in range(3)]
    for row in rows:
        row["captions"] = {k: v for k, v in row["captions"].items() if k.startswith("modality")}
    data = write_data(tmp_path / "some", rows)
    with pytest.raises(SettingError, match=r"others have none: .*stain.*--prompt caption-question"):
        evaluate(vectors, tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()
    assert evaluate(vectors, tmp_path / "run", data=data, tasks=["modality"]).complete


def test_a_prompt_that_the_data_cannot_fill_is_refused_before_the_model_is_loaded(
    tmp_path: Path, vectors: Path
) -> None:
    data = write_data(tmp_path / "bare", [make_row(i, captions={}) for i in range(3)])
    with pytest.raises(DefinitionError, match="no captions of this question's options"):
        evaluate(vectors, tmp_path / "run", data=data, prompt=["caption-0"])
    assert not (tmp_path / "run").exists()
