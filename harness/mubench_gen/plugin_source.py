"""What a plugin's source tells without being run: its kind, and faults that show from outside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_FAMILIES = {
    "GenerativeModel": "generative",
    "StreamingModel": "generative",
    "ContrastiveModel": "contrastive",
}
_KINDS = ("generative", "contrastive", "judge")
# Packages that take seconds to import.
_HEAVY = frozenset(
    {"jax", "open_clip", "tensorflow", "timm", "torch", "torchvision", "transformers", "vllm"}
)
_LOGGING = frozenset({"basicConfig", "setLevel", "disable"})
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


def read_source(module: str) -> Source:
    """The source of a module, found on sys.path and parsed, never imported."""
    file = _find(module)
    if file is None:
        return Source(broken=None if _may_be_hidden(module) else f"there is no module {module}")
    try:
        tree = _parse(file)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        return Source(broken=f"{file.name}{line}: {error.args[0]}")
    others = (
        [file] if file.name != "__init__.py" else sorted(file.parent.glob("*.py"))[:_MOST_FILES]
    )
    kinds = {kind for one in others for kind in _kinds_of(one)}
    if not kinds:  # it may be declared by what the plugin takes from elsewhere in its package
        near = (
            _find(name) for name in _imported(tree) if name.split(".")[0] == module.split(".")[0]
        )
        kinds = {kind for one in near if one is not None for kind in _kinds_of(one)}
    return Source(
        kinds=tuple(kind for kind in _KINDS if kind in kinds),
        broken=_ends(tree, file),
        notes=tuple(dict.fromkeys(_notes(tree.body))),
    )


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
    return ast.parse(file.read_bytes(), str(file))


def _kinds_of(file: Path) -> Iterator[str]:
    try:
        tree = _parse(file)
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (_FAMILIES[name] for name in map(_last, node.bases) if name in _FAMILIES)
        elif isinstance(node, ast.keyword) and node.arg == "kind":
            if isinstance(node.value, ast.Constant) and node.value.value in _KINDS:
                yield str(node.value.value)
        elif isinstance(node, ast.FunctionDef) and node.name == "mubench_gen_judge":
            yield "judge"


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def _ends(tree: ast.Module, file: Path) -> str | None:
    """A statement at the top that ends the import, whatever happens."""
    for node in tree.body:
        called = _called(node)
        if isinstance(node, ast.Raise):
            return f"{file.name}:{node.lineno}: raises when it is imported"
        if called in ("sys.exit", "exit", "quit", "os._exit"):
            return f"{file.name}:{node.lineno}: ends the process when it is imported"
    return None


def _notes(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from _heavy(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from _heavy([node.module or ""])
        elif isinstance(node, (ast.Try, ast.With)):
            yield from _notes(node.body)
        called = _called(node)
        if called == "print":
            yield "prints when it is imported"
        elif called is not None and called.split(".")[-1] in _LOGGING:
            yield "changes logging when it is imported"


def _heavy(names: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for name in names:
        top = name.split(".")[0]
        if top in _HEAVY:
            yield f"imports {top} at the top, so it is slow to open"


def _called(node: ast.stmt) -> str | None:
    """The dotted name that an expression statement calls: "logging.basicConfig"."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return None
    return _dotted(node.value.func)


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value) or '?'}.{node.attr}"
    return _dotted(node.func) if isinstance(node, ast.Call) else None


def _last(node: ast.expr) -> str:
    return (_dotted(node) or "").split(".")[-1]
