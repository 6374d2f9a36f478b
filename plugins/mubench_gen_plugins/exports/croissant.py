"""Croissant 1.0: what a run's data set is, as JSON-LD that data catalogues read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any

from pydantic import Field

import mubench_gen
from mubench_gen import Export, SettingError
from mubench_gen_plugins import exports

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_ROWS = "rows.jsonl"
_PLACES = {"ubench": "https://huggingface.co/datasets/jnirschl/uBench"}
_FIELDS = {"image_id": "sc:Text", "dataset": "sc:Text", "license": "sc:Text"}


class Options(mubench_gen.Options):
    url: str = Field("", description="where the data can be had [μ-Bench's repository]")
    creator: str = Field("", description="who made the data")
    cite: str = Field("", description="how the data shall be cited")


def write(runs: Sequence[Any], stream: IO[bytes], options: Options) -> None:
    """The data set of the runs, which must be one."""
    digests = {one.run.manifest["data"].get("digest") for one in runs}
    if len(digests) != 1 or digests == {None}:
        raise SettingError("Croissant describes one data set: give runs of the same data.")
    text = json.dumps(described(runs[0], options), indent=2, ensure_ascii=False)
    stream.write(text.encode("utf-8", "replace") + b"\n")


def described(one: Any, options: Options) -> dict[str, Any]:
    """The data set of a run as a Croissant document: its files, its rows, and their licences."""
    manifest = one.run.manifest
    data, content = manifest["data"], manifest["content"]
    counted = Counter(str(r["meta"].get("license") or "unknown") for r in one.run.outcomes())
    tasks = ", ".join(content.get("tasks") or ())
    stated = {
        "url": options.url or _PLACES.get(str(data["name"]), ""),
        "citeAs": options.cite,
        "datePublished": exports.started(manifest)[:10],
        "creator": options.creator and {"@type": "sc:Organization", "name": options.creator},
    }
    lines = content.get("images") is not None  # images beside a rows.jsonl
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": str(data["name"]),
        "description": (
            f"{data.get('rows')} images with multiple-choice questions in μ-Bench's schema; "
            f"tasks: {tasks}. Digest of the whole: {data.get('digest')}."
        ),
        "license": " | ".join(name for name, _ in counted.most_common()),
        "version": str(data.get("revision") or "1.0.0"),
        **{name: value for name, value in stated.items() if value},
        "distribution": _of_lines(content) if lines else [_files("shards", "**/*.arrow")],
        **({"recordSet": [_record_set()]} if lines else {}),
    }


def _of_lines(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = {
        "@type": "cr:FileObject",
        "@id": _ROWS,
        "name": _ROWS,
        "contentUrl": _ROWS,
        "encodingFormat": "application/jsonlines",
        "sha256": str(content["data"]),
    }
    told = f"SHA-256 of the list of their names and digests: {content['images']}"
    return [rows, {**_files("images", "**/*"), "description": told, "encodingFormat": "image/*"}]


def _files(name: str, pattern: str) -> dict[str, Any]:
    kind = "application/vnd.apache.arrow.file"
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": kind,
        "includes": pattern,
    }


def _record_set() -> Mapping[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"rows/{name}",
                "name": name,
                "dataType": kind,
                "source": {"fileObject": {"@id": _ROWS}, "extract": {"column": name}},
            }
            for name, kind in _FIELDS.items()
        ],
    }


@mubench_gen.hookimpl
def mubench_gen_exports() -> Sequence[Export]:
    title = "Croissant: the description of a run's data set, as JSON-LD"
    return [Export("croissant", title, write, Options)]
