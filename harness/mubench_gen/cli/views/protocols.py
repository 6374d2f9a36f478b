"""`mubench-gen prompts protocols`: the protocols, and what one of them says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mubench_gen.console.outlet import printable, say

if TYPE_CHECKING:
    from mubench_gen.scores.protocols.definition import Asking, ProtocolFile
    from mubench_gen.scores.protocols.files import Protocol


def show_all(*, as_json: bool) -> None:
    """Print a line for each protocol."""
    from mubench_gen.cli.views import packages as packages_view
    from mubench_gen.cli.views.tables import print_json, print_table
    from mubench_gen.scores.protocols.files import KIND, SUFFIX, load_protocol, protocol_names

    known = [load_protocol(name) for name in protocol_names()]
    if as_json:
        print_json([_document(one) for one in known])
        return
    print_table(
        ["protocol", "benchmark", "prompt", "replies", "numbers", "what it is"],
        [
            [
                one.name,
                one.file.benchmark or "any",
                _prompts(one.file),
                one.file.parser.rule,
                ", ".join(one.file.numbers),
                one.file.title,
            ]
            for one in known
        ],
    )
    packages_view.show(KIND, SUFFIX)


def show_one(name: str, *, as_json: bool) -> None:
    """Print all that a protocol says."""
    from mubench_gen.cli.views.tables import print_json
    from mubench_gen.scores.protocols.files import load_protocol

    one = load_protocol(name)
    if as_json:
        print_json(_document(one))
        return
    for key, text in _lines(one):
        say(printable(text), mark=f"{key}: ", colour="cyan")


def _document(one: Protocol) -> dict[str, Any]:
    return {
        "name": one.name,
        "path": str(one.path),
        "sha256": one.sha256,
        **one.file.model_dump(mode="json"),
    }


def _lines(one: Protocol) -> list[tuple[str, str]]:
    file = one.file
    lines = [("protocol", one.name), ("title", file.title), ("source", file.source)]
    lines += [("read", str(file.read))] if file.read else []
    lines += [("licence", file.licence)] if file.licence else []
    lines += [("deviation", text) for text in file.deviations]
    if file.data is not None:
        lines.append(("data", f"{file.data.name} {file.data.revision or ''}".strip()))
    for kind in ("generative", "contrastive"):
        lines.append((kind, _asked(getattr(file, kind))))
    lines.append(("replies", _plain(file.parser.model_dump(exclude_none=True))))
    lines.append(("left out", _plain(_chosen(file.exclude.model_dump())) or "nothing"))
    lines += [(f"domain {name}", ", ".join(sets)) for name, sets in file.domains.items()]
    for name, number in file.numbers.items():
        lines.append((f"number {name}", _plain(_chosen(number.model_dump()))))
    return lines


def _asked(asking: Asking | None) -> str:
    if asking is None:
        return "not asked"
    return _plain(_chosen(asking.model_dump(exclude_none=True))) or "in any way"


def _chosen(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ((), {}, "")}


def _plain(values: dict[str, Any]) -> str:
    return "; ".join(
        f"{key} = {', '.join(map(str, value)) if isinstance(value, tuple) else value}"
        for key, value in values.items()
    )


def _prompts(file: ProtocolFile) -> str:
    asked = [one.prompt for one in (file.generative, file.contrastive) if one is not None]
    return ", ".join(dict.fromkeys(name for prompts in asked for name in prompts)) or "any"
