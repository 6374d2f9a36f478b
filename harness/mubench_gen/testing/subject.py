"""What is checked: one model of a plugin, with requests and images to ask it about."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mubench_gen.data import open_dataset
from mubench_gen.data.dataset import Dataset
from mubench_gen.data.packaged import Packaged
from mubench_gen.data.packaging import write
from mubench_gen.data.ubench import repo_folder
from mubench_gen.errors import SettingError, UsageError, did_you_mean
from mubench_gen.images.policy import StandardPolicy, open_image
from mubench_gen.model import Checkpoint, ContrastiveModel, Model
from mubench_gen.plan.opening import open_model, spec_of
from mubench_gen.plan.settings import Settings, make_settings
from mubench_gen.plugins.registry import Plugin, Plugins
from mubench_gen.testing.check import NotApplicable
from mubench_gen.types import Image, Message, Readout, Request, Sampling, Text

if TYPE_CHECKING:
    from PIL import Image as PillowImage

LABELS = ("A", "B", "C")
OPTIONS = ("fluorescence microscopy", "light microscopy", "electron microscopy")
COLOURS = ((200, 30, 30), (30, 160, 40), (20, 30, 190), (240, 240, 230), (5, 5, 5))
_QUESTIONS = ("Which modality is this?", "How was this image made?", "What was it taken with?")


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
    """A plugin's model, or data set, under check. `folder` is scratch space that is empty at first.

    `wish` is the engine that was asked for, of a checkpoint.
    """

    plugin: str
    folder: Path
    model: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    wish: str | None = None

    @cached_property
    def engine(self) -> str | None:
        """The engine wished for; without, on a CPU, transformers where the checkpoint runs on it.

        The checks start an engine seven times: seconds on transformers, minutes on vLLM.
        """
        source = self.loaded_plugin.spec(self.model).source
        if self.wish is not None or self.device != "cpu" or not isinstance(source, Checkpoint):
            return self.wish
        there = "transformers" in source.engines and find_spec("transformers") is not None
        return "transformers" if there else None

    @cached_property
    def settings(self) -> Settings:
        return make_settings(
            {
                "plugin": self.plugin,
                "model": self.model,
                "options": dict(self.options),
                "device": self.device,
                "engine": self.engine,
            }
        )

    @cached_property
    def loaded_plugin(self) -> Plugin:
        return Plugins().load(self.plugin)

    @cached_property
    def kind(self) -> str:
        """The kind of the model; "dataset" where a data set is under check."""
        plugin, known = self.loaded_plugin, [one.name for one in self.loaded_plugin.offers.datasets]
        if self.model not in known and (plugin.models or not known):
            return spec_of(plugin, self.settings).kind
        if self.model not in (None, *known):
            near = did_you_mean(str(self.model), known)
            raise SettingError(f"The plugin {plugin.name!r} has no data set {self.model!r}. {near}")
        return "dataset"

    @cached_property
    def data_set(self) -> Packaged:
        """The data set under check: the one that `model` names, or the plugin's first."""
        specs = self.loaded_plugin.offers.datasets
        spec = next((one for one in specs if self.model in (None, one.name)), specs[0])
        return Packaged(self.loaded_plugin, spec)

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

    def open(self) -> Model:
        """Another model object, not loaded."""
        return open_model(self.loaded_plugin, self.settings)

    @cached_property
    def ready(self) -> Model:
        """One loaded model, shared by the checks; `done` closes it."""
        model = self.open()
        model.load()
        return model

    def needs(self) -> UsageError | None:
        """What the user must do before the model answers at all: give a key, install a package."""
        if self.kind == "dataset":
            return None
        try:
            if isinstance(self.ready, ContrastiveModel):
                self.ready.embed_images([plain_image(0)])
            else:
                self.ready.generate(self.requests(1))  # type: ignore[attr-defined]
        except UsageError as error:
            return error
        except Exception:  # an edge of isolation: the checks find it again, and judge it
            return None
        return None

    def done(self) -> None:
        if "ready" in self.__dict__:
            self.ready.close()

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
            ask(plain_image(i), _QUESTIONS[i % 3], readout, sampling[i], key=f"{readout}-{i}")
            for i in range(n)
        ]


def ask(
    image: Image,
    question: str,
    readout: Readout,
    sampling: Sampling,
    *,
    key: str,
    more_images: tuple[Image, ...] = (),
) -> Request:
    """A multiple-choice question about an image, or about several."""
    lines = [f"{label}) {option}" for label, option in zip(LABELS, OPTIONS, strict=True)]
    text = "\n".join([question, *lines, "Answer with a single letter, no extra details."])
    return Request(
        key=key,
        messages=(Message("user", (image, *more_images, Text(text))),),
        labels=LABELS,
        readout=readout,
        sampling=sampling,
        image=image,
        more_images=more_images,
    )


def plain_image(number: int, size: tuple[int, int] = (64, 48)) -> Image:
    """A picture of two colours, another one for each number."""
    from PIL import Image as Pillow

    picture = Pillow.new("RGB", size, COLOURS[number % len(COLOURS)])
    side = min(size) // 2
    if side:
        picture.paste(COLOURS[(number + 1) % len(COLOURS)], (0, 0, side, side))
    return as_file(f"image-{number}.png", picture)


def odd_images() -> dict[str, Image]:
    """Images that readers stumble over, by what is odd about them."""
    import numpy as np
    from PIL import Image as Pillow

    ramp = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    clear = Pillow.new("RGBA", (40, 40), (200, 20, 20, 120))
    return {
        "16-bit": as_file("deep.png", Pillow.fromarray(ramp)),
        "RGBA": as_file("clear.png", clear),
        "palette": as_file("palette.png", Pillow.new("RGB", (40, 40), (120, 60, 20)).convert("P")),
        "1 × 1": as_file("one.png", Pillow.new("RGB", (1, 1), (90, 90, 90))),
        "4096 × 4096": as_file("large.png", Pillow.new("L", (4096, 4096), 90)),
    }


def as_file(name: str, picture: PillowImage.Image) -> Image:
    """The picture as an image of a data set: a PNG file's bytes under the standard policy."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    content = stream.getvalue()
    return open_image(name, lambda: content, StandardPolicy())
