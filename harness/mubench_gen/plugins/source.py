"""What a plugin's source tells without being run: its kind, and faults that show from outside."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mubench_gen.plugins.source_faults import faults_of

_FAMILIES = {
    "GenerativeModel": "generative",
    "StreamingModel": "generative",
    "ContrastiveModel": "contrastive",
}
_KINDS = ("generative", "contrastive", "metrics", "export", "judge", "scorer", "section")
_EXTENSIONS = {
    "mubench_gen_metrics": "metrics",
    "mubench_gen_exports": "export",
    "mubench_gen_judge": "judge",
    "mubench_gen_score": "scorer",
    "mubench_gen_section": "section",
}
_BINDS_ANY = ("*", "__getattr__", "globals")  # where these stand, a module can have any attribute
_MOST_FILES = 64  # of a package that are looked at


@dataclass(frozen=True, slots=True)
class Source:
    """`kinds` of what the plugin offers, as far as it shows; `broken` says why it can't load.

    `notes` are what importing it does beside: imports that take seconds, prints, and the like.
    """

    kinds: tuple[str, ...] = ()
    broken: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return ", ".join(self.kinds) or "?"


class Unparsed(Exception):
    """A file that Python could not read either; the message says where and why."""


def read_source(module: str, attribute: str = "") -> Source:
    """The source of a module, found on sys.path and parsed, never imported.

    `attribute` is what an entry point names in it (MODULE:ATTRIBUTE).
    """
    file = _find(module)
    if file is None:
        return Source(broken=None if _may_be_hidden(module) else f"there is no module {module}")
    opened = _opened(module)
    broken: list[str] = []
    notes: list[str] = []
    for one in opened:
        try:
            tree = _parse(one)
            faults = faults_of(tree, one)
        except Unparsed as error:
            broken.append(str(error))
            continue
        except RecursionError:  # nested deeper than is looked at, not than Python reads
            continue
        broken += [] if faults.broken is None else [faults.broken]
        notes += faults.notes
        if one == file and attribute and not _may_have(tree, attribute.partition(".")[0]):
            broken.append(f"{one.name}: there is no {attribute} in it")
    others = {
        *([file] if file.name != "__init__.py" else sorted(file.parent.glob("*.py"))[:_MOST_FILES]),
        *opened,
    }
    kinds = {kind for one in others for kind in _kinds_of(one)}
    return Source(
        kinds=tuple(kind for kind in _KINDS if kind in kinds),
        broken=next(iter(broken), None),
        notes=tuple(dict.fromkeys(notes)),
    )


def _opened(module: str) -> list[Path]:
    """The files of the plugin's own package that importing the module runs, the module's first."""
    package = module.split(".")[0]
    left, seen = [module], set[str]()
    files: dict[Path, None] = {}
    while left and len(files) < _MOST_FILES:
        name = left.pop(0)
        file = _find(name)
        if name in seen or file is None:
            continue
        seen.add(name)
        files[file] = None
        if "." in name:
            left.append(name.rpartition(".")[0])
        try:
            left += _imported(_parse(file), name, package, is_package=file.name == "__init__.py")
        except Unparsed:  # told where the file's faults are looked for
            continue
    return list(files)


def _find(module: str) -> Path | None:
    parts = module.split(".")
    for entry in sys.path:
        folder = Path(entry or ".", *parts)
        for file in (folder / "__init__.py", folder.with_name(f"{folder.name}.py")):
            if file.is_file():
                return file
    return None


def _may_be_hidden(module: str) -> bool:
    """Whether it can lie where folders of sys.path do not show it: an archive, an import hook."""
    if module.split(".")[0] in sys.modules or any(Path(entry).is_file() for entry in sys.path):
        return True
    hooks = (hook if isinstance(hook, type) else type(hook) for hook in sys.meta_path)
    return any("editable" in f"{hook.__module__}.{hook.__name__}".lower() for hook in hooks)


def _parse(file: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in strings: not for who lists
            return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise Unparsed(f"{file.name}{line}: {error.msg}") from None
    except ValueError as error:
        raise Unparsed(f"{file.name}: {error}") from None
    except (RecursionError, MemoryError):
        raise Unparsed(f"{file.name}: it is nested too deeply to be read") from None
    except OSError as error:
        raise Unparsed(f"{file.name}: it cannot be read: {error.strerror}") from None


def _may_have(tree: ast.Module, name: str) -> bool:
    """Whether a module can have an attribute: something in it is bound to that name."""
    for node in ast.walk(tree):
        bound = getattr(node, "asname", None) or getattr(node, "name", getattr(node, "id", None))
        if isinstance(bound, str) and bound.partition(".")[0] in (name, *_BINDS_ANY):
            return True
    return False


def _kinds_of(file: Path) -> Iterator[str]:
    try:
        tree = _parse(file)
    except Unparsed:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (_FAMILIES[name] for name in map(_last, node.bases) if name in _FAMILIES)
        elif isinstance(node, ast.keyword) and node.arg == "kind":
            if isinstance(node.value, ast.Constant) and node.value.value in _KINDS:
                yield str(node.value.value)
        elif isinstance(node, ast.FunctionDef) and node.name in _EXTENSIONS:
            yield _EXTENSIONS[node.name]


def _imported(tree: ast.Module, name: str, package: str, *, is_package: bool) -> Iterator[str]:
    """The modules of its own package that a module imports at its top."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".") if is_package else name.split(".")[:-1]
            parts = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*parts, node.module]))
            if base.split(".")[0] == package:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _last(node: ast.expr) -> str:
    """The last part of a dotted name: "mubench_gen.GenerativeModel" → "GenerativeModel"."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
