"""Which architectures open on which engine: the table in docs/engines.md.

    python benchmarks/architectures.py [--vllm FOLDER] [--write]

Every family that the installed transformers lists as a model of images and text, or as one that
embeds both, is recognised by its configuration. Those of which tests/helpers/checkpoints makes a
tiny random checkpoint are opened on transformers as well, by their files alone, and asked: the
label log-probabilities of two images must differ. vLLM starts nothing here: `listed` means that
its registry names the architecture. FOLDER is that of a vLLM package that is not installed here;
--write puts the table into the page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mubench_gen.engines import open_checkpoint
from mubench_gen.engines.recognition import opens, recognise, vllm_architectures
from mubench_gen.engines.small_files import SmallFiles
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint, ContrastiveModel, GenerativeModel, Runtime
from mubench_gen.plugins.registry import Plugins

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tests.helpers
PAGE = ROOT / "docs" / "engines.md"
BEGIN, END = "<!-- architectures: made by benchmarks/architectures.py -->", "<!-- end -->"
PLUGINS = ("align", "clip", "gemma", "internvl", "llava", "paligemma", "pixtral", "qwen-vl",
           "siglip", "smolvlm")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of the table; `tried` says what its tiny checkpoint did, None without one."""

    family: str
    architecture: str
    kind: str
    plugin: str
    tried: str | None
    in_vllm: bool

    def cells(self) -> str:
        vllm = "–" if self.kind == "contrastive" else "listed" if self.in_vllm else "no"
        shown = (f"`{self.family}`", f"`{self.architecture}`", f"`{self.plugin}`")
        return f"| {' | '.join((*shown, self.tried or 'known', vllm))} |"


def families() -> Iterator[tuple[str, str]]:
    """Every family of transformers with its class, of both kinds."""
    from transformers.models.auto import modeling_auto as auto

    writes = dict(auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES)
    for family, found in sorted({**auto.MODEL_MAPPING_NAMES, **writes}.items()):
        yield family, found if isinstance(found, str) else found[0]


def kind_of(family: str, architecture: str) -> str | None:
    """The kind by its configuration alone; None for what reads no images or no text."""
    config = {"model_type": family, "architectures": [architecture]}
    try:
        found = opens(SmallFiles(family, ROOT, config), engine="transformers")
    except UsageError:
        return None
    return found.kind


def of_images(family: str) -> bool:
    """Whether a family that writes text reads images: of some it is sound alone."""
    from transformers.models.auto import modeling_auto as auto

    sees = {*auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, "phi4_multimodal", "qwen2_5_omni",
            "qwen3_omni_moe"}  # fmt: skip
    return family in sees


def answers_by_files(folder: Path) -> str:
    """What a tiny checkpoint does that is opened as its files alone tell."""
    found = Checkpoint(folder, "auto")
    return answers(recognise(found, engine="transformers", revision=None, trusted=False))


def answers(source: Any) -> str:
    """What a tiny checkpoint does."""
    from tests.helpers.checkpoints.prompts import ask

    model: Any = open_checkpoint("transformers", source, Runtime("", device="cpu"))
    model.load()
    one, two = ask(seed=1), ask(seed=2)
    if isinstance(model, GenerativeModel):
        assert len(model.generate([one])) == 1
        differ = model.label_logprobs([one])[0] != model.label_logprobs([two])[0]
    else:
        assert isinstance(model, ContrastiveModel)
        first, second = model.embed_images([one.images[0], two.images[0]])
        differ = bool((first != second).any()) and len(model.embed_texts(["a", "b"])) == 2
    model.close()
    return "answers" if differ else "answers, and an image changes nothing"


def tried() -> dict[str, str]:
    """Family → what its tiny checkpoint did here: by its plugin, or by its files alone."""
    from tests.helpers.checkpoints import ARCHITECTURES, make_checkpoint
    from tests.helpers.checkpoints.others import OTHERS, make_metaclip_2, make_other
    from tests.helpers.checkpoints.saving import save

    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, one in ARCHITECTURES.items():
            if one.missing:
                found.setdefault(one.model_type, f"known; needs {one.missing[0]}")
                continue
            folder = make_checkpoint(name, Path(scratch, name))
            source = Plugins().load(one.plugin).spec(str(folder)).source
            found[one.model_type] = result(name, partial(answers, source))
        for name in OTHERS:
            folder = make_other(name, Path(scratch, name))
            found[name] = result(name, partial(answers_by_files, folder))
        folder = save(make_metaclip_2, Path(scratch, "metaclip_2"))
        found["metaclip_2"] = result("metaclip_2", partial(answers_by_files, folder))
    return found


def result(name: str, ask_it: Callable[[], str]) -> str:
    """What it told, or its error; said on stderr too."""
    try:
        told = ask_it()
    except Exception as error:  # the table tells
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:60]}"
    print(f"{name}: {told}", file=sys.stderr)
    return told


def plugins() -> dict[str, str]:
    return {
        family: name
        for name in PLUGINS
        for spec in Plugins().load(name).models
        for family in spec.model_types
    }


def table(vllm: Path | None) -> list[str]:
    did, named, listed = tried(), plugins(), vllm_architectures(vllm)
    rows = []
    for family, architecture in families():
        kind = kind_of(family, architecture)
        if kind is None or (kind == "generative" and not of_images(family)):
            continue
        rows.append(
            Row(family, architecture, kind, named.get(family, "hf"), did.get(family),
                architecture in listed)
        )  # fmt: skip
    granite = "LlavaNextForConditionalGeneration"
    rows.append(
        Row("llava_next (Granite Vision)", granite, "generative", "llava", did["granite-vision"],
            granite in listed)
    )  # fmt: skip
    asked = sum((row.tried or "").startswith("answers") for row in rows)
    print(f"{len(rows)} families, {asked} asked", file=sys.stderr)
    head = ["| family | architecture | plugin | transformers | vLLM |", "|---|---|---|---|---|"]
    return [*head, *(row.cells() for row in rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vllm", type=Path, help="the folder of a vLLM package")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.vllm is None and find_spec("vllm") is None:
        print("Without --vllm FOLDER nothing is known of vLLM.", file=sys.stderr)
    lines = table(given.vllm)
    if not given.write:
        print("\n".join(lines))
        return
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join([before + BEGIN, *lines, END]) + after, "utf-8")


if __name__ == "__main__":
    main()
