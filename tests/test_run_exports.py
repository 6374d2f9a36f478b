"""`runs export`: each format as its own readers have it, without secrets and private paths."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import shutil
import sqlite3
import uuid
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import mubench_gen
from mubench_gen import Export

from .conftest import Here
from .spine import evaluate, write_plugin

SCHEMA = json.loads((Path(__file__).parent / "interchange" / "eee_schema.json").read_text("utf-8"))
CANARY = "sk-canary-0123456789abcdef"
# A model that repeats a secret, and fails for a private file.
LEAKY = """
import mubench_gen
from mubench_gen import ModelSpec
from mubench_gen_plugins.echo import Echo, draw

class Leaky(Echo):
    class Options(Echo.Options):
        api_key: str = ""

    def generate(self, requests):
        if any(draw(request) % 3 == 0 for request in requests):
            raise RuntimeError("cannot open /home/somebody/weights/model.bin")
        return [f"A, since the key is {self.options.api_key}" for _ in requests]

@mubench_gen.hookimpl
def mubench_gen_models():
    return [ModelSpec("org/leaky", Leaky)]
"""


@pytest.fixture
def run(cells: Path, tmp_path: Path) -> mubench_gen.Run:
    plugin = write_plugin(tmp_path / "private", LEAKY, "leaky")
    return evaluate(
        plugin, tmp_path / "private" / "run", data=str(cells), options={"api_key": CANARY},
        batch_size=1,
    )  # fmt: skip


def written(here: Here, run: mubench_gen.Run, form: str, *options: str, out: str = "out") -> Path:
    outcome = here("runs", "export", run.dir, "--to", form, "--out", out, *options)
    assert outcome.code == 0, outcome.err
    return Path(out)


def files(path: Path) -> Iterator[bytes]:
    for one in [path, *path.rglob("*")]:
        if one.is_file():
            yield one.name.encode() + one.read_bytes()


def validate(document: Any, name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(document, {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


def test_every_eval_ever_gets_an_aggregate_and_its_samples(
    here: Here, run: mubench_gen.Run
) -> None:
    out = written(here, run, "eee")
    (samples,) = out.rglob("*_samples.jsonl")
    (aggregate,) = out.rglob("*.json")
    document = json.loads(aggregate.read_text("utf-8"))
    validate(document, "aggregate")
    detailed = document["detailed_evaluation_results"]
    assert (Path("out") / detailed["file_path"]).samefile(samples)  # the path in its repository
    assert uuid.UUID(aggregate.stem).version == 4
    assert detailed["checksum"] == hashlib.sha256(samples.read_bytes()).hexdigest()
    lines = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    for line in lines:
        validate(line, "sample")
        assert line["evaluation_id"] == document["evaluation_id"]
    asked = {"raw": line["input"]["raw"], "reference": line["input"]["reference"]}
    plain = json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()
    assert line["sample_hash"] == hashlib.sha256(plain).hexdigest()
    pooled = run.scores.pooled
    assert pooled.n_errors > 0
    assert len(lines) == detailed["total_rows"] == pooled.n
    assert sum(line["evaluation"]["is_correct"] for line in lines) == round(
        pooled.n * (pooled.accuracy or 0)
    )
    result = document["evaluation_results"][0]
    assert result["score_details"]["score"] == pooled.accuracy
    assert result["score_details"]["details"]["n_failed"] == str(pooled.n_errors)
    assert document["model_info"]["id"] == "org/leaky"


def test_failed_items_are_left_out_and_counted(here: Here, run: mubench_gen.Run) -> None:
    failed = run.scores.pooled.n_errors
    for form in ("eee", "lm-eval", "vlmevalkit"):
        told = here("runs", "export", run.dir, "--to", form, "--out", f"out-{form}")
        assert f"{failed} " in told.out + told.err
        assert "left out" in told.out + told.err


def test_the_hub_gets_a_yaml_file_a_run_and_the_line_that_uploads_it(
    here: Here, run: mubench_gen.Run
) -> None:
    told = here("runs", "export", run.dir, "--to", "hf", "-o", "dataset=org/cells", "--out", "hub")
    (path,) = Path("hub/.eval_results").iterdir()
    yaml = pytest.importorskip("yaml")
    upload = f"hf upload org/leaky hub/.eval_results/{path.name} .eval_results/{path.name}"
    assert f"{upload} --create-pr" in told.out
    entries = yaml.safe_load(path.read_text("utf-8"))
    assert {one["dataset"]["task_id"] for one in entries} == set(run.scores.tasks)
    for one in entries:
        score = run.scores.tasks[one["dataset"]["task_id"]]
        assert one["dataset"]["id"] == "org/cells"
        assert one["value"] == round(100 * (score.accuracy or 0), 2)
        assert f"n = {score.n}" in one["notes"]
    index = yaml.safe_load(Path("hub/model-index.yaml").read_text("utf-8"))["model-index"]
    assert index[0]["name"] == "leaky"
    assert len(index[0]["results"]) == len(entries)


def test_the_hub_needs_the_name_of_a_data_set(here: Here, run: mubench_gen.Run) -> None:
    refused = here("runs", "export", run.dir, "--to", "hf", "--out", "hub")
    assert refused.code == 2
    assert "-o dataset=ORG/NAME" in refused.err
    assert not Path("hub").exists()


def test_lm_eval_gets_samples_by_task_and_results(here: Here, run: mubench_gen.Run) -> None:
    out = written(here, run, "lm-eval")
    (results,) = out.glob("results_*.json")
    document = json.loads(results.read_text("utf-8"))
    for name, score in run.scores.tasks.items():
        (samples,) = out.glob(f"samples_{name}_*.jsonl")
        lines = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
        assert document["results"][name]["acc,none"] == score.accuracy
        assert len(lines) == document["n-samples"][name]["effective"] == score.n
        assert all(line["acc"] in (0.0, 1.0) for line in lines)


def test_vlmevalkit_gets_a_table_with_the_options_in_columns(
    here: Here, run: mubench_gen.Run
) -> None:
    out = written(here, run, "vlmevalkit", out="leaky_cells.tsv")
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    records = [r for r in run.records() if r["status"] != "error"]
    assert [row["prediction"] for row in rows] == [r["reply"] for r in records]
    for row, record in zip(rows, records, strict=True):
        assert row[row["answer"]] == record["options"][record["gold"]]
        assert row["A"] == record["options"][0]


def test_inspect_reads_its_log_itself(here: Here, run: mubench_gen.Run) -> None:
    log = pytest.importorskip("inspect_ai.log")
    out = written(here, run, "inspect", out="run.eval")
    found = log.read_eval_log(str(out))
    assert found.status == "success"
    assert len(found.samples) == run.scores.pooled.n
    right = sum(sample.scores["mubench-gen"].value == "C" for sample in found.samples)
    assert right == round(run.scores.pooled.n * (run.scores.pooled.accuracy or 0))
    assert all(len(sample.attachments) == 1 for sample in found.samples)


@pytest.mark.parametrize("form", ["eee", "lm-eval", "vlmevalkit", "hf"])
def test_no_secret_and_no_private_path_leaves_in_any_format(
    here: Here, run: mubench_gen.Run, tmp_path: Path, form: str
) -> None:
    options = ("-o", "dataset=org/cells") if form == "hf" else ()
    out = written(here, run, form, *options)
    content = b"".join(files(out))
    assert content
    for private in (CANARY, str(tmp_path), "/private/", "/home/somebody", str(Path.home())):
        assert private.encode() not in content
    assert here("runs", "pack", run.dir, "--out", "one.run.zip").code == 0
    with zipfile.ZipFile("one.run.zip") as archive:
        packed = b"".join(map(archive.read, archive.namelist()))
    assert CANARY.encode() not in packed
    assert b"/home/somebody" not in packed


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, in its reader
def test_croissant_describes_the_data_of_a_run(
    here: Here, run: mubench_gen.Run, cells: Path
) -> None:
    out = written(here, run, "croissant", "-o", "cite=Nobody, 2026", out="cells/croissant.json")
    document = json.loads(out.read_text("utf-8"))
    rows = next(one for one in document["distribution"] if one["@type"] == "cr:FileObject")
    assert rows["sha256"] == hashlib.sha256((cells / rows["contentUrl"]).read_bytes()).hexdigest()
    assert document["license"] == "CC0"
    reader = pytest.importorskip("mlcroissant")
    found = reader.Dataset(str(out))
    assert not found.metadata.issues.errors
    assert len(list(found.records("rows"))) == 3


@pytest.mark.filterwarnings("ignore")
def test_trackio_gets_scores_and_a_table_of_items(here: Here, run: mubench_gen.Run) -> None:
    if find_spec("trackio") is None:  # an import would fix its folder
        pytest.skip("trackio is not installed")
    out = written(here, run, "trackio", "-o", "project=cells")
    with contextlib.closing(sqlite3.connect(out / "cells.db")) as project:
        ((logged,),) = project.execute("select metrics from metrics").fetchall()
    document = json.loads(logged)
    assert document["accuracy"] == run.scores.pooled.accuracy
    assert len(document["items"]["_value"]) == run.scores.pooled.n
    content = b"".join(files(out))
    assert not any(one.encode() in content for one in (CANARY, str(run.dir.parent)))


@pytest.mark.filterwarnings("ignore")  # of what mlflow imports
def test_mlflow_gets_scores_and_a_table_of_items(
    here: Here, run: mubench_gen.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed")
    out = written(here, run, "mlflow", "-o", "project=cells")
    content = b"".join(files(out))
    for private in (CANARY, str(run.dir.parent), str(out.resolve().parent), str(Path.home())):
        assert private.encode() not in content
    import mlflow

    shutil.move(out, "elsewhere")
    monkeypatch.chdir("elsewhere")  # what is read there is found relative to the store
    client = mlflow.MlflowClient(tracking_uri="sqlite:///mlflow.db")
    (found,) = client.search_runs([client.get_experiment_by_name("cells").experiment_id])
    assert found.data.metrics["accuracy"] == pytest.approx(run.scores.pooled.accuracy)
    assert found.data.params["model"] == "org/leaky"
    place = Path(client.download_artifacts(found.info.run_id, ""))
    table = json.loads((place / "items.json").read_text("utf-8"))
    assert len(table["data"]) == run.scores.pooled.n
    shown = {row[0]["filepath"] for row in table["data"]}
    assert all((place / path).is_file() for path in shown)
    assert len(shown) < len(table["data"])  # each image once


def test_nothing_is_overwritten_and_nothing_half_written_is_left(
    here: Here, run: mubench_gen.Run, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    assert here("runs", "export", run.dir, "--to", "eee", "--out", "out").code == 2
    assert list((tmp_path / "out").iterdir()) == []
    broken = write_plugin(tmp_path / "p", BROKEN, "broken")
    failed = here("runs", "export", run.dir, "--to", broken, "--out", "half")
    assert failed.code == 2
    assert "broken" in failed.err
    assert not Path("half").exists()
    assert here("runs", "export", run.dir, "--to", "nothing", "--out", "x").code == 2


BROKEN = """
import mubench_gen
from mubench_gen import Export

def files(runs, folder, options):
    (folder / "part").write_text("half")
    raise RuntimeError("out of order")

@mubench_gen.hookimpl
def mubench_gen_exports():
    return [Export("broken", "a broken format", files=files)]
"""


def test_a_format_of_several_files_is_no_report(here: Here, run: mubench_gen.Run) -> None:
    refused = here("report", run.dir, "--format", "eee")
    assert refused.code == 2
    assert "runs export" in refused.err


def test_a_format_writes_a_stream_or_files() -> None:
    with pytest.raises(ValueError, match="function"):
        Export("nothing", "a format that writes nothing")
