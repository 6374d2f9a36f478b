"""What is checked: a model, a data set, a metric, … of a plugin, or the plugin itself."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mubench_gen.data import open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.hub import find_checkpoint
from mubench_gen.data.packaged import Packaged
from mubench_gen.data.packaging import write
from mubench_gen.data.ubench import repo_folder
from mubench_gen.engines import REMOTE
from mubench_gen.model import Checkpoint, Model, ModelSpec
from mubench_gen.plan.opening import open_model
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plugins.extension import Judge
from mubench_gen.plugins.registry import Plugin, Plugins, check_options
from mubench_gen.runs.results import Run
from mubench_gen.testing.check import NotApplicable
from mubench_gen.testing.questions import QUESTIONS, ask, plain_image
from mubench_gen.testing.sample_run import sample_run
from mubench_gen.types import Readout, Request, Sampling

MODELS = ("generative", "contrastive")
_LISTS = {"dataset": "datasets", "transform": "transforms", "metric": "metrics",
          "export": "exports"}  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A data set's rows in a folder, their counts, and why others cannot be used."""

    folder: Path
    counts: Mapping[str, int]
    faults: list[str]

    @cached_property
    def dataset(self) -> Dataset:
        return open_dataset(str(self.folder))


@dataclass(frozen=True)
class Subject:
    """A thing of a plugin under check: the one of its `kind` that is called `name`.

    `folder` is scratch space of the plugin's subjects. `wish` is the engine that was asked for, of
    a checkpoint. `is_wanted`: whether it was named, so that weights that are not here are fetched.
    """

    plugin: str
    folder: Path
    kind: str = "plugin"
    name: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    wish: str | None = None
    is_wanted: bool = False

    @cached_property
    def loaded_plugin(self) -> Plugin:
        return Plugins().load(self.plugin)

    @cached_property
    def spec(self) -> ModelSpec:
        return self.loaded_plugin.spec(self.name)

    @cached_property
    def thing(self) -> Any:
        """The data set, transform, metric or export format as the plugin lists it."""
        listed = getattr(self.loaded_plugin.offers, _LISTS[self.kind])
        return next(one for one in listed if one.name == self.name)

    @property
    def with_options(self) -> Any:
        """The class whose `Options` its users can set."""
        if self.kind in MODELS:
            if isinstance(self.spec.source, Checkpoint):
                raise NotApplicable("a checkpoint has no options but its engine's")
            return self.spec.source
        return self.loaded_plugin.judge if self.kind == "judge" else self.thing

    def validated(self) -> Any:
        """Its options as `-o` gives them."""
        kind = "judge" if self.kind == "judge" else "plugin"
        return check_options(self.plugin, self.with_options, dict(self.options), kind=kind)

    @cached_property
    def engine(self) -> str | None:
        """The engine wished for; without, on a CPU, transformers where the checkpoint runs on it.

        The checks start an engine seven times: seconds on transformers, minutes on vLLM.
        """
        source = self.spec.source
        if self.wish is not None or self.device != "cpu" or not isinstance(source, Checkpoint):
            return self.wish
        there = "transformers" in source.engines and find_spec("transformers") is not None
        return "transformers" if there else None

    @cached_property
    def settings(self) -> Settings:
        return make_settings(
            {
                "plugin": self.plugin,
                "model": self.name,
                "options": dict(self.options),
                "device": self.device,
                "engine": self.engine,
            }
        )

    @property
    def lacks_weights(self) -> bool:
        """Whether it is a checkpoint that is not on this machine and would have to be fetched."""
        source = self.spec.source
        if not isinstance(source, Checkpoint) or {*source.engines} & REMOTE:
            return False
        return bool(source.path) and find_checkpoint(str(source.path)) is None

    def open(self) -> Model:
        """Another model object, not loaded."""
        return open_model(self.loaded_plugin, self.settings)

    @cached_property
    def ready(self) -> Model:
        """One loaded model, shared by the checks; `done` closes it."""
        model = self.open()
        model.load()
        return model

    def open_judge(self) -> Judge:
        """Another judge, not loaded."""
        assert self.loaded_plugin.judge is not None
        return self.loaded_plugin.judge(self.validated())

    @cached_property
    def judge(self) -> Judge:
        """One loaded judge, shared by the checks; `done` closes it."""
        judge = self.open_judge()
        judge.load()
        return judge

    def done(self) -> None:
        for shared in ("ready", "judge"):
            if shared in self.__dict__:
                getattr(self, shared).close()

    def requests(
        self,
        n: int = 4,
        *,
        readout: Readout = "parse",
        temperature: float = 0.0,
        max_tokens: int = 32,
    ) -> list[Request]:
        """Questions that differ in text and image."""
        sampling = [
            Sampling(temperature, max_tokens, 1_000 + i if temperature > 0 else None)
            for i in range(n)
        ]
        return [
            ask(plain_image(i), QUESTIONS[i % 3], readout, sampling[i], key=f"{readout}-{i}")
            for i in range(n)
        ]

    @property
    def run(self) -> Run:
        """A finished run with replies of every kind, and failed items."""
        return sample_run(self.folder, "mixed")

    @property
    def failed_run(self) -> Run:
        """A run of which every item failed."""
        return sample_run(self.folder, "failed")

    @cached_property
    def data_set(self) -> Packaged:
        return Packaged(self.loaded_plugin, self.thing)

    @cached_property
    def prepared(self) -> Prepared:
        """The data set's rows: as they are kept, or as its package gives them now."""
        found = self.data_set
        if found.spec.is_own and not found.spec.unread:
            return self._written()
        if not found.is_here:
            raise NotApplicable(f"it is not here: mubench-gen data prepare {found.full_name}")
        return Prepared(found.folder, found.about["counts"], [])

    def prepared_again(self) -> Prepared:
        """Its rows, read once more from its own files."""
        return self._written()

    def _written(self) -> Prepared:
        found, place = self.data_set, Path()
        if not found.spec.is_own:
            place = repo_folder(found.spec.hub) / "snapshots"
            place /= found.about.get("revision") or "none"
            if not place.is_dir():
                raise NotApplicable("its own files are not in the hub's cache")
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        counts = write(found, place, folder, partial=True)
        return Prepared(folder, counts.as_dict(), counts.faults)
