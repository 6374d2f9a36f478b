"""Makes docs/api.md, and the snapshot of the API that later versions are held against.

    python docs/make_api.py                   writes docs/api.md and the snapshot of this version

Both are checked in: a test fails where they differ from the code, so that no public name,
hook or check changes, or comes without documentation, unseen.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mubench_gen
import mubench_gen.testing
from mubench_gen.plan.options import OPTIONS
from mubench_gen.plugins import deprecation
from mubench_gen.plugins.extension import Hooks
from mubench_gen.testing import CHECKS

HERE = Path(__file__).resolve().parent
PAGE = HERE / "api.md"
SNAPSHOTS = HERE.parent / "tests" / "api"
INTRODUCTION = HERE / "api-introduction.md"

# Names that came after 0.1; everything else is of the first version. A member is as old as its
# class where it isn't named.
FIRST = "0.1"
SINCE: dict[str, str] = {
    **dict.fromkeys(("Export", "Metric", "mubench_gen_exports", "mubench_gen_metrics"), "0.2"),
    **dict.fromkeys(("DataSet", "mubench_gen_datasets"), "0.2"),
    **dict.fromkeys(
        (
            "AsyncModel",
            "RequestPolicy",
            "RetryLater",
            "http_error",
            "OpenedModel",
            "open_model",
            "Box",
            "Turn",
            "Reply.trace",
            "Reply.logprobs",
            "Reply.confidence",
            "Image.crop",
            "Image.resized",
            "Image.from_pixels",
            "Request.with_messages",
        ),
        "0.2",
    ),
    "Run.images": "0.2",
    "GenerativeModel.option_logprobs": "0.2",
    **dict.fromkeys(
        (
            "rows_can_be_read",
            "export_writes",
            "export_can_be_read_back",
            "export_repeats_itself",
            "export_tells_nothing_private",
            "export_takes_any_runs",
            "export_keeps_the_run",
            "judge_answers",
            "judge_gives_indices",
            "judge_takes_an_empty_batch",
            "judge_reads_each_alone",
            "judge_repeats_itself",
            "judge_does_not_guess",
            "judge_keeps_its_arguments",
            "judge_can_be_closed",
            "metric_gives_numbers",
            "metric_has_an_interval",
            "metric_looks_at_one_item",
            "metric_repeats_itself",
            "metric_keeps_its_record",
            "model_answers",
            "weights_are_identified",
            "arguments_are_kept",
            "odd_texts_are_read",
            "secrets_are_not_told",
            "imports_are_public",
            "scorer_scores",
            "scorer_repeats_itself",
            "scorer_takes_any_order",
            "scorer_counts_no_error_as_an_answer",
            "scorer_takes_small_runs",
            "scorer_keeps_its_arguments",
            "section_is_written",
            "section_repeats_itself",
            "section_takes_any_runs",
            "transform_gives_pictures",
            "transform_takes_any_size",
            "transform_repeats_itself",
            "transform_draws_by_its_seed",
            "transform_options_are_typed",
            "transform_options_matter",
        ),
        "0.2",
    ),
    **dict.fromkeys(
        (
            "Drawing",
            "Kind",
            "Measures",
            "PerLength",
            "Pooling",
            "Readout",
            "Record",
            "RunSettings",
            "Score",
            "Scores",
            "Status",
            "Secret",
            "SecretStr",
            "WeightsPath",
            "ImagePolicy",
            "Member",
            "Plugin",
            "Plugins",
            "Offers",
            "Listed",
            "Against",
            "Agreement",
            "Bin",
            "BoxScore",
            "Calibration",
            "ChosenMetric",
            "Circular",
            "Clustering",
            "Controls",
            "Estimate",
            "Headline",
            "LabelMass",
            "Measured",
            "MetricScore",
            "MetricScores",
            "OpenScore",
            "Place",
            "Truncation",
        ),
        "0.2",
    ),
}

SECTIONS = {
    "A model": (
        "GenerativeModel", "AsyncModel", "RequestPolicy", "http_error", "StreamingModel",
        "ContrastiveModel", "Model", "Options", "Secret", "SecretStr", "WeightsPath", "Runtime",
        "ModelSpec", "Checkpoint", "open_model", "OpenedModel", "Member",
    ),
    "What a model is asked, and answers": (
        "Request", "Message", "Text", "Image", "ImagePolicy", "Sampling", "Reply", "Turn", "Box",
        "Scoring", "ReadText",
    ),
    "Beside models": ("DataSet", "Transform", "Metric", "Export", "Judge", "Unread", "Section"),
    "Evaluate and read": (
        "evaluate", "load_run", "Run", "frames", "ablate", "load_study", "AblationStudy",
        "StoredStudy", "parse_answer",
        "Answer", "paper_compat", "Scores", "Score", "Drawing", "RunSettings",
    ),
    "What is in the scores": (
        "Controls", "Headline", "Against", "Estimate", "Calibration", "Bin", "Circular", "Place",
        "Agreement", "LabelMass", "Truncation", "BoxScore", "Clustering", "ChosenMetric",
        "Measured", "MetricScores", "MetricScore", "OpenScore",
    ),
    "The plugins that are installed": ("Plugins", "Listed", "Plugin", "Offers"),
    "Names of types": ("Kind", "Readout", "Status", "Pooling", "PerLength", "Record", "Measures"),
    "Errors": (
        "MubenchError", "UsageError", "SettingError", "PluginError", "DefinitionError",
        "DataError", "RunFolderError", "ItemError", "ImageError", "RetryLater", "EngineFault",
    ),
}  # fmt: skip
# What has no docstring of its own, because it is another name for a type, or another's.
ALIASES = {
    "SecretStr": "A text that no file, key, message or log shows: pydantic's, whose method "
    "`get_secret_value()` gives it.",
    "WeightsPath": "A file or folder of weights that must be there; its content is digested into "
    "the keys and the manifest of a run, whatever the option is called.",
    "Kind": "What a model does: it writes, or it compares images with captions.",
    "Readout": "How an answer is had of a model.",
    "Status": "What became of an item.",
    "PerLength": "By what the read-out `cloze` divides an option's log-probability.",
    "Pooling": "How the similarities of several images to a caption become one.",
    "Record": "A record of `records.jsonl`, by the names of its fields.",
    "Measures": "What a scorer returns: measures by name, of each group by name.",
}
APART = ("hookimpl", "__version__")  # told in the introduction


def public() -> dict[str, Any]:
    """Every public thing by its name: of the package, and of its conformance kit."""
    names = {name: getattr(mubench_gen, name) for name in mubench_gen.__all__}
    kit = {
        f"testing.{name}": getattr(mubench_gen.testing, name)
        for name in mubench_gen.testing.__all__
    }
    return {**names, **kit}


def members(thing: type) -> dict[str, Any]:
    """The public members of a class of ours, its fields first, with those of its bases."""
    found: dict[str, Any] = {}
    if dataclasses.is_dataclass(thing):
        found |= {field.name: field for field in dataclasses.fields(thing)}
    for base in reversed(thing.__mro__):
        if not base.__module__.startswith("mubench_gen"):
            continue
        declared = {**inspect.get_annotations(base), **vars(base)}
        for name in declared:
            if not name.startswith("_") and name not in found and not _is_foreign(name, thing):
                value = vars(base).get(name, declared[name])
                found[name] = getattr(base, name) if isinstance(value, classmethod) else value
    return found


def _is_foreign(name: str, thing: type) -> bool:
    """Whether a member is pydantic's or the exceptions'."""
    foreign = [base for base in thing.__mro__ if not base.__module__.startswith("mubench_gen")]
    return any(name in vars(base) for base in foreign) or name.startswith("model_")


def signature(thing: Any) -> str:
    """The signature as it is written: annotations are texts already."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(thing)))


def since(name: str) -> str:
    return SINCE.get(name, SINCE.get(name.rpartition(".")[0], FIRST))


def is_called(thing: Any) -> bool:
    return inspect.isfunction(thing) or inspect.ismethod(thing) or isinstance(thing, staticmethod)


def shape(thing: Any) -> list[list[Any]]:
    """What a caller may rely on: each parameter's name, kind, and whether it has a default."""
    parameters = inspect.signature(thing).parameters.values()
    return [[p.name, p.kind.name, p.default is not p.empty] for p in parameters]


def snapshot() -> dict[str, Any]:
    """The API as data: what `differences` compares."""
    names: dict[str, Any] = {}
    for name, thing in sorted(public().items()):
        if isinstance(thing, type):
            names[name] = "class"
            if dataclasses.is_dataclass(thing):
                names[f"{name}()"] = shape(thing)
            for member, value in members(thing).items():
                names[f"{name}.{member}"] = shape(value) if is_called(value) else "attribute"
        else:
            names[name] = shape(thing) if inspect.isfunction(thing) else "value"
    hooks = {name: shape(hook) for name, hook in hooks_of().items()}
    return {
        "version": mubench_gen.__version__,
        "names": names,
        "hooks": hooks,
        "checks": sorted(CHECKS),
        "deprecated": {
            **{name: d.removed for name, d in deprecation.NAMES.items()},
            **{name: d.removed for name, d in deprecation.CHECKS.items()},
        },
    }


def hooks_of() -> dict[str, Any]:
    return {n: hook for n, hook in vars(Hooks).items() if n.startswith("mubench_gen_")}


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What of the old API the new one breaks. Additions break nothing."""
    gone = {name for name, removed in old["deprecated"].items() if _reached(removed, new)}
    for kind in ("names", "hooks"):
        for name, before in old[kind].items():
            if name not in new[kind]:
                if name not in gone:
                    yield f"{name} is gone without having warned for a release"
            elif isinstance(before, list):
                yield from (f"{name}: {what}" for what in _narrower(before, new[kind][name]))
            elif before != new[kind][name] and "attribute" not in (before, new[kind][name]):
                yield f"{name} was a {before}"
    for check in old["checks"]:
        if check not in new["checks"] and check not in gone:
            yield f"the check {check} is gone without having warned for a release"


def _reached(version: str, new: dict[str, Any]) -> bool:
    from packaging.version import Version

    return Version(new["version"]) >= Version(version)


def _narrower(before: list[list[Any]], after: Any) -> Iterator[str]:
    if not isinstance(after, list):
        yield "it can no longer be called"
        return
    later = {name: (position, kind, has) for position, (name, kind, has) in enumerate(after)}
    open_ended = any(kind == "VAR_KEYWORD" for _, kind, _ in after)
    for position, (name, kind, has_default) in enumerate(before):
        if name not in later:
            if not open_ended:
                yield f"the argument {name} is gone"
            continue
        place, its_kind, still = later[name]
        if kind == "POSITIONAL_OR_KEYWORD" and (its_kind != kind or place != position):
            yield f"the argument {name} has another place"
        if has_default and not still:
            yield f"the argument {name} has no default any more"
    for name, kind, has_default in after:
        known = {old_name for old_name, _, _ in before}
        if name not in known and not has_default and not kind.startswith("VAR_"):
            yield f"the new argument {name} has no default"


def page() -> str:
    """docs/api.md."""
    parts = [INTRODUCTION.read_text("utf-8").rstrip(), "## Hooks"]
    parts += [_hook(name, hook) for name, hook in hooks_of().items()]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}")
        parts += [_entry(name, public()[name]) for name in names]
    parts.append("## The conformance kit: `mubench_gen.testing`")
    parts += [_entry(n, t) for n, t in public().items() if n.startswith("testing.")]
    parts.append("## The names of the checks")
    parts.append("What each wants, and what to do when it fails: [conformance](conformance.md).")
    parts.append("\n".join(f"- `{name}` – since {since(name)}" for name in CHECKS))
    return "\n\n".join(parts) + "\n"


def _hook(name: str, hook: Any) -> str:
    given = signature(hook).replace("(self, ", "(").replace("(self)", "()")
    return f"### `{name}`\n\n{_code(name + given)}\n\nSince {since(name)}. {_text(hook)}"


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _entry(name: str, thing: Any) -> str:
    if name in ALIASES:
        return f"### `{name}`\n\nSince {since(name)}. {ALIASES[name]} `{_meaning(thing)}`"
    if not isinstance(thing, type):
        if inspect.isfunction(thing):
            given = _code(name.removeprefix("testing.") + signature(thing))
            return f"### `{name}`\n\n{given}\n\nSince {since(name)}. {_text(thing)}"
        return f"### `{name}`\n\nSince {since(name)}. A {type(thing).__name__}."
    bases = [b.__name__ for b in thing.__bases__ if b is not object]
    title = f"### class `{name}`" + (f" ({', '.join(bases)})" if bases else "")
    lines = [title, "", f"Since {since(name)}. {_text(thing)}", ""]
    lines += [_member(name, member, value) for member, value in _own(thing).items()]
    return "\n".join(lines).rstrip()


def _meaning(thing: Any) -> str:
    """What a name of a type stands for."""
    kind = getattr(thing, "__origin__", thing) if hasattr(thing, "__metadata__") else thing
    if isinstance(kind, type):
        return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    return str(kind).replace("typing.", "").replace("collections.abc.", "")


def _own(thing: type) -> dict[str, Any]:
    """The members that a class itself declares: its bases' stand with these."""
    bases = [b for b in thing.__bases__ if b.__module__.startswith("mubench_gen")]
    inherited = {name for base in bases for name in members(base) if name not in vars(thing)}
    return {name: value for name, value in members(thing).items() if name not in inherited}


def _member(owner: str, name: str, value: Any) -> str:
    qualified = f"{owner}.{name}"
    age = f" (since {since(qualified)})" if since(qualified) != since(owner) else ""
    if isinstance(value, dataclasses.Field):
        default = "" if value.default is dataclasses.MISSING else f" = {value.default!r}"
        kind = value.type if isinstance(value.type, str) else getattr(value.type, "__name__", "")
        return f"- `{name}: {kind}{default}`{age}"
    if is_called(value):
        return f"- `{name}{signature(value)}`{age}: {_line(value)}"
    if owner == "RunSettings":
        return f"- `{name}: {value.__forward_arg__}`: {OPTIONS[name].help}"
    about = _line(value) if isinstance(value, property) else ""
    return f"- `{name}`{age}" + (f": {about}" if about else "")


def _text(thing: Any) -> str:
    """The docstring as Markdown; code in it is code here."""
    text = inspect.getdoc(thing) or ""
    return re.sub(r"(?m)^(├|└|│|MubenchError)(.*)$", r"    \1\2", text)


def _line(thing: Any) -> str:
    """The first paragraph of a docstring, in a line; an inherited one counts."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())


def undocumented() -> list[str]:
    """Every public name, method, property and hook without a docstring or a place on the page."""
    placed = {name for names in SECTIONS.values() for name in names} | set(APART)
    missing = [n for n in public() if not n.startswith("testing.") and n not in placed]
    for name, thing in {**public(), **hooks_of()}.items():
        told = isinstance(thing, type) or inspect.isfunction(thing)
        if told and not inspect.getdoc(thing):
            missing.append(name)
        if isinstance(thing, type):
            missing += [
                f"{name}.{member}"
                for member, value in members(thing).items()
                if (is_called(value) or isinstance(value, property))
                and not inspect.getdoc(getattr(thing, member))
            ]
    return missing


def main() -> None:
    """Write both files; refuse while something has no documentation."""
    missing = undocumented()
    if missing:
        sys.exit(f"Without documentation: {', '.join(missing)}")
    PAGE.write_text(page(), "utf-8")
    target = SNAPSHOTS / f"{mubench_gen.__version__}.json"
    target.write_text(json.dumps(snapshot(), indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
