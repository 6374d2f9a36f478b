"""mubench-gen: evaluate vision-language models on microscopy benchmarks.

    import mubench_gen
    run = mubench_gen.evaluate(plugin="tiny", tasks=["modality"], limit=20)
    run.frame()

Names are imported when they are first used, so that listing plugins imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mubench_gen._version import __version__
from mubench_gen.plugins.moved_modules import find_moved_modules

if TYPE_CHECKING:
    from mubench_gen.ablation.from_python import ablate
    from mubench_gen.ablation.stored import AblationStudy, load_study
    from mubench_gen.compare.protocols import paper_compat
    from mubench_gen.errors import (
        DataError,
        DefinitionError,
        EngineFault,
        ImageError,
        ItemError,
        MubenchError,
        PluginError,
        RetryLater,
        RunFolderError,
        SettingError,
        UsageError,
    )
    from mubench_gen.model import (
        Checkpoint,
        ContrastiveModel,
        GenerativeModel,
        Member,
        Model,
        ModelSpec,
        Options,
        ReadText,
        Runtime,
        Scoring,
        StreamingModel,
        hookimpl,
    )
    from mubench_gen.parser import parse_answer
    from mubench_gen.plan.arguments import RunSettings
    from mubench_gen.plan.members import OpenedModel, open_model
    from mubench_gen.plugins.async_model import AsyncModel, RequestPolicy, http_error
    from mubench_gen.plugins.data_set import DataSet
    from mubench_gen.plugins.extension import (
        Export,
        Judge,
        Measures,
        Metric,
        Section,
        Transform,
        Unread,
    )
    from mubench_gen.plugins.hooks import Offers
    from mubench_gen.plugins.listing import Listed
    from mubench_gen.plugins.option_types import Secret, SecretStr, WeightsPath
    from mubench_gen.plugins.registry import Plugin, Plugins
    from mubench_gen.report.figures.drawing import Drawing
    from mubench_gen.run import evaluate
    from mubench_gen.runs.results import Run, frames, load_run
    from mubench_gen.runs.studies import StoredStudy
    from mubench_gen.scores.agreement import Agreement
    from mubench_gen.scores.calibration import Bin, Calibration
    from mubench_gen.scores.clusters import Clustering
    from mubench_gen.scores.estimate import Estimate
    from mubench_gen.scores.headline import Against, Headline
    from mubench_gen.scores.label_mass import LabelMass
    from mubench_gen.scores.localization import BoxScore
    from mubench_gen.scores.measured import Measured, MetricScore, MetricScores
    from mubench_gen.scores.metrics import ChosenMetric
    from mubench_gen.scores.open_score import OpenScore
    from mubench_gen.scores.option_order import Circular, Place
    from mubench_gen.scores.score import Scores
    from mubench_gen.scores.tallied import Controls
    from mubench_gen.scores.tally import Score
    from mubench_gen.scores.truncation import Truncation
    from mubench_gen.storage.records import Record
    from mubench_gen.types import (
        Answer,
        Box,
        Image,
        ImagePolicy,
        Kind,
        Message,
        PerLength,
        Pooling,
        Readout,
        Reply,
        Request,
        Sampling,
        Status,
        Text,
        Turn,
    )


_HOMES = {
    "compare.protocols": ("paper_compat",),
    "errors": (
        "DataError", "DefinitionError", "EngineFault", "ImageError", "ItemError", "MubenchError",
        "PluginError", "RetryLater", "RunFolderError", "SettingError", "UsageError",
    ),
    "model": (
        "Checkpoint", "ContrastiveModel", "GenerativeModel", "Member", "Model", "ModelSpec",
        "Options", "ReadText", "Runtime", "Scoring", "StreamingModel", "hookimpl",
    ),
    "parser": ("parse_answer",),
    "plan.arguments": ("RunSettings",),
    "plan.members": ("OpenedModel", "open_model"),
    "plugins.async_model": ("AsyncModel", "RequestPolicy", "http_error"),
    "plugins.data_set": ("DataSet",),
    "plugins.extension": (
        "Export", "Judge", "Measures", "Metric", "Section", "Transform", "Unread",
    ),
    "plugins.hooks": ("Offers",),
    "plugins.listing": ("Listed",),
    "plugins.option_types": ("Secret", "SecretStr", "WeightsPath"),
    "plugins.registry": ("Plugin", "Plugins"),
    "report.figures.drawing": ("Drawing",),
    "run": ("evaluate",),
    "runs.results": ("Run", "frames", "load_run"),
    "runs.studies": ("StoredStudy",),
    "ablation.stored": ("AblationStudy", "load_study"),
    "ablation.from_python": ("ablate",),
    "scores.agreement": ("Agreement",),
    "scores.calibration": ("Bin", "Calibration"),
    "scores.clusters": ("Clustering",),
    "scores.estimate": ("Estimate",),
    "scores.headline": ("Against", "Headline"),
    "scores.label_mass": ("LabelMass",),
    "scores.localization": ("BoxScore",),
    "scores.measured": ("Measured", "MetricScore", "MetricScores"),
    "scores.metrics": ("ChosenMetric",),
    "scores.open_score": ("OpenScore",),
    "scores.option_order": ("Circular", "Place"),
    "scores.score": ("Controls", "Scores"),
    "scores.tally": ("Score",),
    "scores.truncation": ("Truncation",),
    "storage.records": ("Record",),
    "types": (
        "Answer", "Box", "Image", "ImagePolicy", "Kind", "Message", "PerLength", "Pooling",
        "Readout", "Reply",
        "Request", "Sampling", "Status", "Text", "Turn",
    ),
}  # fmt: skip
find_moved_modules()

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AblationStudy",
    "Against",
    "Agreement",
    "Answer",
    "AsyncModel",
    "Bin",
    "Box",
    "BoxScore",
    "Calibration",
    "Checkpoint",
    "ChosenMetric",
    "Circular",
    "Clustering",
    "ContrastiveModel",
    "Controls",
    "DataError",
    "DataSet",
    "DefinitionError",
    "Drawing",
    "EngineFault",
    "Estimate",
    "Export",
    "GenerativeModel",
    "Headline",
    "Image",
    "ImageError",
    "ImagePolicy",
    "ItemError",
    "Judge",
    "Kind",
    "LabelMass",
    "Listed",
    "Measured",
    "Measures",
    "Member",
    "Message",
    "Metric",
    "MetricScore",
    "MetricScores",
    "Model",
    "ModelSpec",
    "MubenchError",
    "Offers",
    "OpenScore",
    "OpenedModel",
    "Options",
    "PerLength",
    "Place",
    "Plugin",
    "PluginError",
    "Plugins",
    "Pooling",
    "ReadText",
    "Readout",
    "Record",
    "Reply",
    "Request",
    "RequestPolicy",
    "RetryLater",
    "Run",
    "RunFolderError",
    "RunSettings",
    "Runtime",
    "Sampling",
    "Score",
    "Scores",
    "Scoring",
    "Secret",
    "SecretStr",
    "Section",
    "SettingError",
    "Status",
    "StoredStudy",
    "StreamingModel",
    "Text",
    "Transform",
    "Truncation",
    "Turn",
    "Unread",
    "UsageError",
    "WeightsPath",
    "__version__",
    "ablate",
    "evaluate",
    "frames",
    "hookimpl",
    "http_error",
    "load_run",
    "load_study",
    "open_model",
    "paper_compat",
    "parse_answer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    deprecated = import_module(f"{__name__}.plugins.deprecation")
    if name in deprecated.NAMES:  # not cached: every use warns
        deprecated.warn(f"{__name__}.{name}", deprecated.NAMES[name])
        return value
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
