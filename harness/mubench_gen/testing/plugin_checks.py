"""Checks of a plugin before any of its models is loaded."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mubench_gen.errors import SettingError
from mubench_gen.plugins.import_trial import Imported, try_import
from mubench_gen.testing.check import NotApplicable, check, want
from mubench_gen.testing.subject import Subject

BOTH = ("generative", "contrastive")
ALL = (*BOTH, "dataset")
_NO_VALUE = "no such value"


@lru_cache(maxsize=8)
def _imported(plugin: str) -> Imported:
    """What importing the plugin does, seen in a process of its own."""
    imported = try_import(plugin)
    want(imported.error is None, f"importing it ended: {imported.error}")
    return imported


@check(
    *ALL,
    reason="everybody who lists plugins or asks for another one would wait for it",
    remedy="import heavy packages inside load(), not at the top of the module",
)
def import_is_light(subject: Subject) -> None:
    heavy = _imported(subject.plugin).heavy
    want(not heavy, f"importing the plugin imports {', '.join(heavy)}")


@check(
    *ALL,
    reason="stdout carries results alone, and the process belongs to the run",
    remedy="no print, signal.signal, os.chdir, os.environ[…] = … at the top: put it into load()",
)
def import_changes_nothing(subject: Subject) -> None:
    found = _imported(subject.plugin)
    want(not found.printed, f"importing the plugin prints {found.printed!r:.80}")
    want(not found.changed, f"importing the plugin changes {', '.join(found.changed)}")


@check(
    *BOTH,
    reason="`plugins show` and -h tell users what they can set",
    remedy="give every field of Options a default and a Field(description=…)",
)
def options_are_described(subject: Subject) -> None:
    fields = _options(subject).model_fields
    bare = [name for name, field in fields.items() if not field.description]
    want(not bare, f"options without a description: {', '.join(bare)}")
    needed = [name for name, field in fields.items() if field.is_required()]
    want(not needed, f"options without a default: {', '.join(needed)}")


@check(
    *BOTH,
    reason="a misspelt option that is ignored makes a wrong result without a word",
    remedy='keep Options as mubench_gen.Options makes it (extra="forbid"), with typed fields',
)
def options_refuse_unknown_names(subject: Subject) -> None:
    from mubench_gen.plugins.registry import check_options

    unknown = "an_option_that_is_not_there"
    source: Any = subject.loaded_plugin.spec(subject.model).source
    _options(subject)
    try:
        check_options(subject.plugin, source, {unknown: "1"})
    except SettingError as error:
        want(unknown in str(error), f"the refusal does not name the option: {error}")
        return
    want(False, f"-o {unknown}=1 is accepted")


@check(
    *BOTH,
    reason="a value that cannot be meant, taken as it is, makes a wrong result without a word",
    remedy="type the fields (int, float, bool, Literal[…]) and bound them: Field(ge=0, le=1)",
)
def options_refuse_bad_values(subject: Subject) -> None:
    from mubench_gen.plugins.registry import check_options

    options = _options(subject)
    source: Any = subject.loaded_plugin.spec(subject.model).source
    typed = [name for name, field in options.model_fields.items() if not _takes_text(field)]
    if not typed:
        raise NotApplicable("the model has no option but texts")
    for name in typed:
        try:
            check_options(subject.plugin, source, {name: _NO_VALUE})
        except SettingError as error:
            want(name in str(error), f"the refusal does not name the option {name}: {error}")
        else:
            want(False, f"-o {name}={_NO_VALUE!r} is accepted")
    defaults = {k: str(f.default) for k, f in options.model_fields.items() if k in typed}
    for name, value in defaults.items():
        try:
            check_options(subject.plugin, source, {name: value})
        except SettingError as error:
            want(value == "None", f"its own default is refused: {error}")


def _takes_text(field: Any) -> bool:
    """Whether any text is a value of the option."""
    return field.annotation is str or str in getattr(field.annotation, "__args__", ())


@check(
    *BOTH,
    reason="reports group models by these, and print them",
    remedy="ModelSpec(facts={…}) takes texts: family, domain, base, licence, parameters",
)
def facts_are_texts(subject: Subject) -> None:
    for spec in subject.loaded_plugin.models:
        odd = [k for k, v in spec.facts.items() if not isinstance(k, str) or not isinstance(v, str)]
        want(not odd, f"facts of {spec.name} that are no texts: {', '.join(map(str, odd))}")


def _options(subject: Subject) -> Any:
    """The Options class of the model, where it is a class of the plugin's own."""
    from mubench_gen.model import Checkpoint

    source = subject.loaded_plugin.spec(subject.model).source
    if isinstance(source, Checkpoint):
        raise NotApplicable("a checkpoint has no options but its engine's")
    return source.Options
