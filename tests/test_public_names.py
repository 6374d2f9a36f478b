"""What `import mubench_gen` offers is settled, and every name of it can be had."""

from __future__ import annotations

import pytest

import mubench_gen
from mubench_gen.plan.arguments import RunSettings
from mubench_gen.plan.settings import Settings

NAMES = [
    "Answer", "Checkpoint", "ContrastiveModel", "DataError", "DataSet", "DefinitionError",
    "EngineFault",
    "Export", "GenerativeModel", "Image", "ImageError", "ItemError", "Judge", "Message", "Metric",
    "Model", "ModelSpec",
    "MubenchError", "Options", "PerLength", "PluginError", "ReadText", "Reply", "Request", "Run",
    "RunFolderError", "Runtime", "Sampling", "Scoring", "Section", "SettingError", "StreamingModel",
    "Text", "Transform", "Unread", "UsageError", "__version__", "evaluate", "frames",
    "hookimpl", "load_run", "load_study", "paper_compat", "parse_answer", "StoredStudy",
    "AsyncModel", "RequestPolicy", "RetryLater", "http_error", "OpenedModel", "open_model",
    "Box", "Turn", "Drawing", "Kind", "Measures", "Pooling", "Readout", "Record",
    "RunSettings", "Score", "Scores", "Status", "AblationStudy", "ablate",
    "Secret", "SecretStr", "WeightsPath", "ImagePolicy", "Member",
    "Plugin", "Plugins", "Offers", "Listed",
    "Against", "Agreement", "Bin", "BoxScore", "Calibration", "ChosenMetric", "Circular",
    "Clustering", "Controls", "Estimate", "Headline", "LabelMass", "Measured", "MetricScore",
    "MetricScores", "OpenScore", "Place", "Truncation",
]  # fmt: skip


def test_the_public_names_are_these_and_no_others() -> None:
    assert sorted(mubench_gen.__all__) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_imported_and_is_listed_by_dir(name: str) -> None:
    assert getattr(mubench_gen, name) is not None
    assert name in dir(mubench_gen)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        _ = mubench_gen.evalute


def test_every_error_of_ours_is_one_of_the_tree() -> None:
    for name in NAMES:
        value = getattr(mubench_gen, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, mubench_gen.MubenchError)


def test_evaluate_takes_every_setting_by_name_and_type() -> None:
    assert set(RunSettings.__annotations__) == set(Settings.model_fields) - {"plugin"}
