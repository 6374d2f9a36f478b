"""Data sets on the hub: `hf:OWNER/NAME[:CONFIG][/SPLIT][@REVISION]`, fetched when they are opened.

A revision is the commit that it is at; what is fetched stays in the hub's own cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mubench_gen.console.progress import bar, log
from mubench_gen.data.download import network_errors, reason_of, status_of
from mubench_gen.data.forms import open_form
from mubench_gen.data.forms.dataset import FormDataset
from mubench_gen.data.forms.hub_files import HubId, chosen_files, hub_id
from mubench_gen.data.forms.reading import AskedTable
from mubench_gen.data.hub import endpoint, out_of_reach, unavailable
from mubench_gen.data.ubench import hub_cache, repo_folder
from mubench_gen.errors import DataError, MissingExtraError
from mubench_gen.images.policy import StandardPolicy

_AT_ONCE = 8  # downloads
_COMMIT = re.compile(r"[0-9a-f]{40}")


def open_on_hub(
    text: str,
    policy: StandardPolicy,
    mapping: Mapping[str, str],
    *,
    partial: bool = False,
    thorough: bool = False,
    faults: list[str] | None = None,
    without: Mapping[str, str] | None = None,
    name: str | None = None,
    license_name: str | None = None,
) -> FormDataset:
    """The data set of that id, which is fetched where the cache does not have it.

    DataError where it is neither here nor to be had, or where it is not clear which files of it
    are meant.
    """
    wanted = hub_id(text)
    hub = _client()
    commit, files, card = _described(hub, wanted)
    chosen = chosen_files(wanted, files, card)
    folder = _fetched(hub, wanted, commit, chosen, files)
    licence = card.get("license")
    licence = licence[0] if isinstance(licence, list) and licence else licence
    log(
        f"{wanted.repo}: commit {commit}, {len(chosen)} "
        f"{'file' if len(chosen) == 1 else 'files'} ({', '.join(chosen[:3])}), licence: "
        f"{licence or 'not named'}"
    )
    named = "-".join(filter(None, (wanted.repo.partition("/")[2], wanted.config)))
    path = folder / chosen[0] if len(chosen) == 1 else folder
    asked = AskedTable(
        path,
        "csv" if chosen[0].lower().endswith((".csv", ".xlsx")) else "hf",
        mapping,
        base=folder if len(chosen) > 1 else path.parent,
        name=name or mapping.get("name") or named,
        license_name=license_name or (str(licence) if licence else None),
        root=repo_folder(wanted.repo),  # it holds links
        files=tuple(folder / file for file in chosen),
    )
    source = {"hub": f"{wanted.repo}@{commit}", "files": list(chosen), "licence": licence}
    return open_form(
        asked, policy, partial=partial, thorough=thorough, faults=faults, revision=commit,
        source=source, without=without,
    )  # fmt: skip


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise MissingExtraError("huggingface_hub", "hub", "Reading data from the hub") from None
    return huggingface_hub


def _described(hub: Any, wanted: HubId) -> tuple[str, list[str], dict[str, Any]]:
    """The commit, the names of all files, and the head of the data set's card."""
    revision = wanted.revision or "main"
    why = out_of_reach()
    if why is not None:
        return _in_cache(wanted, revision, why)
    try:
        info = hub.HfApi(endpoint=endpoint()).dataset_info(
            wanted.repo, revision=revision, timeout=30.0
        )
    except network_errors() as error:
        raise DataError(_not_to_be_had(wanted, error)) from None
    card = info.card_data.to_dict() if info.card_data is not None else {}
    return info.sha, [one.rfilename for one in info.siblings or ()], card


def _in_cache(wanted: HubId, revision: str, why: str) -> tuple[str, list[str], dict[str, Any]]:
    """What the hub's cache knows of the data set, where the hub is out of reach."""
    folder = repo_folder(wanted.repo)
    ref = folder / "refs" / revision
    commit = ref.read_text("utf-8").strip() if ref.is_file() else revision
    snapshot = folder / "snapshots" / commit
    if not _COMMIT.fullmatch(commit) or not snapshot.is_dir():
        fetched = f"--repo-type dataset {wanted.repo}"
        raise DataError(unavailable(f"{wanted.repo} ({revision})", why, wanted=fetched))
    files = [path.relative_to(snapshot).as_posix() for path in sorted(snapshot.rglob("*"))
             if path.is_file()]  # fmt: skip
    log(f"{wanted.repo}: {why}; opened from the hub's cache, commit {commit}.")
    return commit, files, _card_of(snapshot)


def _card_of(snapshot: Path) -> dict[str, Any]:
    """The head of the card, as far as it is here."""
    readme = snapshot / "README.md"
    if not readme.is_file():
        return {}
    from huggingface_hub import DatasetCard

    return dict(DatasetCard.load(readme, ignore_metadata_errors=True).data.to_dict())


def _fetched(
    hub: Any, wanted: HubId, commit: str, chosen: Sequence[str], files: Sequence[str]
) -> Path:
    """The folder of the commit in the cache, with the files of the rows and the images beside."""
    wanted_files = [*chosen, *_beside(chosen, files)]
    folder = repo_folder(wanted.repo) / "snapshots" / commit
    missing = [file for file in wanted_files if not (folder / file).is_file()]
    if not missing and folder.is_dir():
        return folder
    if out_of_reach() is not None:
        raise DataError(
            f"{wanted.repo}: the hub's cache lacks {len(missing)} of its files ({missing[0]}), and "
            f"the hub is out of reach. Type where there is a network: hf download --repo-type "
            f"dataset {wanted.repo}."
        )
    readme = [file for file in files if file == "README.md"]
    try:
        _download(hub, wanted.repo, commit, [*readme, *missing])
    except network_errors() as error:
        raise DataError(_not_to_be_had(wanted, error)) from None
    _keep_ref(folder.parents[1], wanted.revision or "main", commit)
    return folder


def _download(hub: Any, repo: str, commit: str, files: Sequence[str]) -> None:
    """Bring the files into the hub's cache, a few at a time."""

    def bring(file: str) -> None:
        hub.hf_hub_download(
            repo, file, repo_type="dataset", revision=commit, endpoint=endpoint(),
            cache_dir=hub_cache(),
        )  # fmt: skip

    with ThreadPoolExecutor(_AT_ONCE) as pool, bar(f"fetching {repo}", len(files)) as shown:
        for done, _ in enumerate(pool.map(bring, files), 1):
            shown.at(done, len(files))


def _keep_ref(repo: Path, revision: str, commit: str) -> None:
    """Note where a branch was, so that it is found again without a network."""
    if not _COMMIT.fullmatch(revision):
        ref = repo / "refs" / revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit, "utf-8")


def _beside(chosen: Sequence[str], files: Sequence[str]) -> Iterator[str]:
    """Image files that the rows may name; Parquet and Arrow have their images inside."""
    from mubench_gen.images.formats import SUFFIXES

    if not chosen[0].lower().endswith((".parquet", ".arrow")):
        yield from (file for file in files if Path(file).suffix.lower() in SUFFIXES)


def _not_to_be_had(wanted: HubId, error: BaseException) -> str:
    status = status_of(error)
    what = f"{wanted.repo} ({wanted.revision or 'main'}) cannot be had from {endpoint()}"
    if status in (401, 403):
        return (
            f"{what}: it is not there, or the hub wants to know who asks. Look at the name; of a "
            "gated data set accept its terms on the hub, and set HF_TOKEN."
        )
    if status == 404:
        return f"{what}: there is no such data set, or no such revision. Look at the name."
    return f"{what}: {reason_of(error)}. The same command goes on from what has come."
