"""What kind of model a checkpoint is, and on which engines it opens, by its small files alone.

`transformers` is imported for what it knows; no weights are read.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from mubench_gen.engines.quirks import ON_VLLM, quirks_of
from mubench_gen.engines.small_files import SmallFiles, read_small_files
from mubench_gen.engines.source import hint_of
from mubench_gen.engines.transformers.source import require_transformers
from mubench_gen.errors import UsageError
from mubench_gen.model import Checkpoint
from mubench_gen.types import Kind

# The auto classes under which a checkpoint's own code lists a class that writes text.
_WRITES = ("AutoModelForImageTextToText", "AutoModelForMultimodalLM", "AutoModelForVision2Seq",
           "AutoModelForCausalLM")  # fmt: skip
_EMBEDS = ("get_image_features", "get_text_features")


@dataclass(frozen=True, slots=True)
class Opens:
    """An architecture's kind, and the engines that know it, the one for a GPU first."""

    kind: Kind
    engines: tuple[str, ...]


def recognise(
    checkpoint: Checkpoint, *, engine: str | None, revision: str | None, trusted: bool
) -> Checkpoint:
    """A checkpoint of the kind "auto" with the kind, engines and quirks that its files tell.

    `engine` is the user's wish, `trusted` whether the checkpoint's own code may run. Behind a
    server nothing but the name is known, and the model is generative. Raises UsageError for what
    no engine opens, and says what is needed.
    """
    if engine == "server":
        return replace(checkpoint, kind="generative")
    if not str(checkpoint.path):
        raise UsageError(
            "Which model? Give --model with an id of the hub (OWNER/NAME) or a folder."
        )
    revision = revision or checkpoint.revision
    files = read_small_files(checkpoint.path, revision, hint_of(checkpoint), base=checkpoint.base)
    found = opens(files, engine=engine, trusted=trusted)
    if found.kind == "contrastive":
        return replace(checkpoint, kind="contrastive", engines=found.engines)
    return quirks_of(replace(checkpoint, kind="generative", engines=found.engines), files, engine)


def opens(files: SmallFiles, *, engine: str | None = None, trusted: bool = False) -> Opens:
    """What opens the model of these files. Raises UsageError if nothing does."""
    if not files.model_type:
        raise UsageError(
            f"The config.json of {files.name} names no model_type, so that it is not known what "
            "the weights are. Is the file of transformers' layout?"
        )
    in_vllm = files.architecture in vllm_architectures()
    kind = _kind_in_transformers(files)
    if kind is None and files.code:
        if not trusted and not (in_vllm and engine in ON_VLLM):
            raise UsageError(_needs_code(files, in_vllm))
        kind = _kind_of_code(files)
        engines = ("vllm", "transformers") if in_vllm else ("transformers", "vllm")
        return Opens(kind, engines if kind == "generative" else ("transformers",))
    if kind is None:
        if in_vllm and engine != "transformers":
            return Opens("generative", ("vllm",))
        raise UsageError(_unknown(files, in_vllm))
    if kind == "contrastive":
        return Opens(kind, ("transformers",))
    # Without vLLM nothing is known of its list; with it, an unlisted one may still be tried.
    return Opens(kind, ("vllm", "transformers") if in_vllm else ("transformers",))


def _kind_in_transformers(files: SmallFiles) -> Kind | None:
    """The kind of a model that transformers has a class for; None where it has none."""
    require_transformers()
    from transformers.models.auto import modeling_auto

    writes = _names(modeling_auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES, files.model_type)
    plain = _names(modeling_auto.MODEL_MAPPING_NAMES, files.model_type)
    if writes and files.architecture not in plain:
        return "generative"
    if any(_embeds(files, name) for name in plain):
        return "contrastive"
    return "generative" if writes else None


def _embeds(files: SmallFiles, name: str) -> bool:
    """Whether a class of transformers embeds images and texts."""
    import transformers

    try:
        cls: Any = getattr(transformers, name, None)
        return all(hasattr(cls, method) for method in _EMBEDS)
    except ImportError as error:  # of a package that this class alone needs
        raise UsageError(
            f"{files.name} ({name}) needs a package that is not installed: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error


def _names(mapping: Mapping[str, Any], model_type: str) -> tuple[str, ...]:
    found = mapping.get(model_type, ())
    return (found,) if isinstance(found, str) else tuple(found)


def _kind_of_code(files: SmallFiles) -> Kind:
    writes = any(name in files.code for name in _WRITES)
    return "generative" if writes or not files.architecture.endswith("Model") else "contrastive"


def _needs_code(files: SmallFiles, in_vllm: bool) -> str:
    natively = " vLLM knows it without: --engine vllm." if in_vllm else ""
    return (
        f"{files.name} ({files.architecture or files.model_type}) needs Python code of its own, "
        "which is not run. If you have read it and trust it: --trust-remote-code with --revision "
        f"and the commit's 40 digits.{natively}"
    )


def _unknown(files: SmallFiles, in_vllm: bool) -> str:
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    what = f"{files.name} is of the architecture {files.architecture or files.model_type!r}"
    here = f"transformers {transformers.__version__}"
    if in_vllm:
        return f"{what}, which {here} does not know. vLLM does: --engine vllm."
    if files.model_type in CONFIG_MAPPING_NAMES:
        return (
            f"{what} (model_type {files.model_type!r}), which {here} has as no model that reads "
            "images and writes text, and as none that embeds both. Take a vision-language model."
        )
    other = (
        "" if vllm_architectures()
        else " vLLM may know it: pip install 'mubench-gen[vllm]', then --engine vllm."
    )  # fmt: skip
    return (
        f"{what} (model_type {files.model_type!r}), which {here} does not know. "
        f"Type: pip install --upgrade {_newer(files, transformers.__version__)}.{other}"
    )


def _newer(files: SmallFiles, here: str) -> str:
    """The requirement that would know the model, by the version that wrote its configuration."""
    try:
        written = Version(str(files.config.get("transformers_version")))
        if written > Version(here):
            return f"'transformers>={written.base_version}'"
    except InvalidVersion:
        pass
    return "transformers"


def vllm_architectures(package: Path | None = None) -> frozenset[str]:
    """The multimodal architectures that the installed vLLM lists; empty without vLLM.

    Read from its source, since importing it takes many seconds. `package`: another one's folder.
    """
    if package is None:
        spec = find_spec("vllm")
        if spec is None or spec.origin is None:
            return frozenset()
        package = Path(spec.origin).parent
    return _listed(package / "model_executor" / "models" / "registry.py")


@lru_cache(maxsize=4)
def _listed(file: Path) -> frozenset[str]:
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return frozenset()
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        named = isinstance(target, ast.Name) and target.id == "_MULTIMODAL_MODELS"
        if named and isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            return frozenset(
                str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)
            )
    return frozenset()
