"""Where modules of 0.1 are now: an import of the old place works, and warns, until 0.3.

This finder stands before all others: the files of a package that moved lie where its new name
says, and the ordinary finder would load them a second time under the old one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_ROOT = "mubench_gen."
# Modules, and packages with all that is in them, below `mubench_gen`.
MOVED = {
    "ablation.answers": "ablation.statistics.answers",
    "ablation.effects": "ablation.statistics.effects",
    "ablation.estimated": "ablation.statistics.estimated",
    "ablation.findings": "ablation.statistics.findings",
    "ablation.posterior": "scores.posterior",
    "ablation.ranks": "ablation.statistics.ranks",
    "ablation.rasch": "scores.rasch",
    "ablation.spread": "ablation.statistics.spread",
    "ablation.tallies": "ablation.statistics.tallies",
    "agreement": "scores.agreement",
    "allowance": "inference.request_limit",
    "answer": "parser.answer",
    "apart": "plugins.subprocess",
    "audit": "runs.audit",
    "bands": "images.bands",
    "boxes": "parser.box_formats",
    "breakdown": "scores.breakdown",
    "calibration": "scores.calibration",
    "circular": "scores.option_order",
    "cli.ablate_view": "cli.views.ablate",
    "cli.forgetting_view": "cli.views.forgetting",
    "cli.group_view": "cli.views.groups",
    "cli.packages_view": "cli.views.packages",
    "cli.parser_views": "cli.views.parser",
    "cli.plan_view": "cli.views.plan",
    "cli.plugin_scorer": "cli.views.plugin_scorer",
    "cli.plugin_sections": "cli.views.plugin_sections",
    "cli.published": "cli.views.published",
    "cli.streams": "console.stdout",
    "cli.tables": "cli.views.tables",
    "clusters": "scores.clusters",
    "columns": "storage.columns",
    "comparability": "compare.preconditions",
    "comparison": "compare.comparison",
    "data.alike": "data.equal_options",
    "data.chosen": "data.subset",
    "definitions": "prompts.toml_files",
    "deprecation": "plugins.deprecation",
    "digests": "storage.digests",
    "disk_table": "storage.index",
    "doctor.hub": "data.hub",
    "doctor.packages": "plugins.requirements",
    "embeddings": "host.embeddings",
    "engines.ray_options": "plan.ray_options",
    "engines.server.canary": "inference.canary",
    "engines.server_answers": "engines.server.answers",
    "engines.server_client": "engines.server.client",
    "engines.server_diagnosis": "engines.vllm.diagnosis",
    "engines.server_generative": "engines.server.generative",
    "engines.server_health": "engines.server.health",
    "engines.server_images": "engines.server.requests",
    "engines.server_kind": "engines.server.models",
    "engines.server_labels": "engines.server.tokens",
    "engines.server_look": "engines.server.discovery",
    "engines.server_options": "engines.server.options",
    "engines.server_process": "engines.server.process",
    "engines.server_replicas": "engines.server.replicas",
    "engines.server_requests": "engines.server.requests",
    "engines.server_room": "engines.server.transport",
    "engines.server_suspicions": "engines.server.replicas",
    "engines.server_tokenizer": "engines.server.tokens",
    "engines.server_vllm": "engines.server.own_vllm",
    "engines.server_watchdog": "engines.server.watchdog",
    "engines.server_wire": "engines.server.transport",
    "engines.server_words": "engines.server.error_messages",
    "engines.stops": "engines.conversation",
    "engines.template_files": "engines.conversation",
    "engines.transformers_batches": "engines.transformers.batches",
    "engines.transformers_chat": "engines.transformers.chat",
    "engines.transformers_checkpoint": "engines.transformers.checkpoint",
    "engines.transformers_contrastive": "engines.transformers.contrastive",
    "engines.transformers_decoding": "engines.transformers.decoding",
    "engines.transformers_generative": "engines.transformers.generative",
    "engines.transformers_source": "engines.transformers.source",
    "engines.vllm_arguments": "engines.vllm.arguments",
    "engines.vllm_asks": "engines.vllm.asks",
    "engines.vllm_diagnosis": "engines.vllm.diagnosis",
    "engines.vllm_engine": "engines.vllm.engine",
    "engines.vllm_failures": "engines.vllm.failures",
    "engines.vllm_generative": "engines.vllm.generative",
    "engines.vllm_log": "engines.vllm.log",
    "engines.vllm_loop": "engines.vllm.loop",
    "engines.vllm_opening": "engines.vllm.opening",
    "engines.vllm_replicas": "engines.vllm.replicas",
    "entry_points": "plugins.entry_points",
    "estimate": "runs.cost_estimate",
    "export": "report.export",
    "extension": "plugins.extension",
    "fields": "scores.metadata",
    "finish": "parser.finish_reason",
    "forgetting": "compare.forgetting",
    "forgetting_page": "report.forgetting_page",
    "framing": "runs.dataframe",
    "geometry": "images.geometry",
    "grit": "scores.grit",
    "group_tables": "report.group_tables",
    "grouping": "compare.model_groups",
    "hooks": "plugins.hooks",
    "image": "images.policy",
    "image_files": "images.files",
    "import_trial": "plugins.import_trial",
    "interval": "scores.interval",
    "items": "plan.items",
    "joining": "runs.merge_shards",
    "jpeg": "images.jpeg",
    "judging": "parser.judge",
    "labels": "parser.label_styles",
    "localization": "scores.localization",
    "manifest": "plan.manifest",
    "merging": "interpolation.merge",
    "merging.account": "interpolation.merge.report",
    "merging.adapters": "interpolation.merge.lora",
    "merging.companions": "interpolation.merge.model_files",
    "merging.layouts": "interpolation.merge.clip_layouts",
    "merging.lora_settings": "interpolation.merge.lora_config",
    "merging.pickled": "interpolation.merge.torch_pickle",
    "merging.reading": "interpolation.merge.files",
    "merging.shard": "interpolation.merge.shard_writer",
    "merging.ties": "interpolation.merge.tied_weights",
    "merging.workspace": "interpolation.merge.partial_folder",
    "named_files": "storage.named_files",
    "official": "compare.protocols",
    "on_ray": "inference.ray",
    "on_ray.looking": "inference.ray.node_check",
    "orders": "prompts.orders",
    "outcomes": "compare.answer_matrix",
    "outlet": "console.outlet",
    "oversized": "prompts.oversized",
    "packaged": "plugins.task_packages",
    "page": "report.html",
    "page.place": "report.html.write_page",
    "paired": "scores.paired",
    "pairing": "tasks.matching",
    "parser.listing": "parser.repeated_options",
    "parser.prose": "parser.labels_in_prose",
    "parser.reading": "parser.reply_text",
    "parser.statuses": "parser.refusals",
    "parser.weighed": "parser.claims",
    "parser_card": "scores.parser_card",
    "pixels": "images.pixels",
    "places": "storage.paths",
    "plugin_switches": "plugins.enabled",
    "progress": "console.progress",
    "prompt": "prompts.render",
    "prompt_files": "prompts.files",
    "published": "compare.published",
    "ranges": "images.ranges",
    "recording": "runs.recorder",
    "records": "storage.records",
    "replies": "host.generative",
    "request": "plan.request",
    "rescore": "runs.rescore",
    "response": "inference.flow",
    "results": "runs.results",
    "resuming": "runs.resuming",
    "runfolder": "storage.run_folder",
    "samples": "tasks.samples",
    "sandbox": "prompts.sandbox",
    "scaffold": "plugins.scaffold",
    "scientific": "images.microscope",
    "score": "scores.score",
    "scratch": "storage.scratch",
    "secrecy": "console.secrets",
    "settings": "plan.settings",
    "shard": "data.shard",
    "shots": "tasks.few_shot",
    "shown_images": "runs.shown_images",
    "sides": "compare.groups",
    "similarity": "host.contrastive",
    "standard_streams": "console.streams",
    "streaming": "inference.flow",
    "sweeping": "interpolation.sweep",
    "sweeping.ends": "interpolation.sweep.weights.ends",
    "sweeping.opening": "interpolation.sweep.weights.opening",
    "sweeping.vllm_ends": "interpolation.sweep.weights.vllm_ends",
    "tabular": "console.formats",
    "task": "tasks.task",
    "template_process": "prompts.template_process",
    "terminal": "console.tables",
    "truncation": "scores.truncation",
    "user_files": "storage.user_files",
    "weights": "plan.fingerprint",
    "workers": "plugins.worker_threads",
}


def new_place(name: str) -> str | None:
    """The full name of the module that had this full name in 0.1; None where it is not known."""
    if not name.startswith(_ROOT):
        return None
    old, rest = name.removeprefix(_ROOT), ""
    while old not in MOVED:
        old, dot, last = old.rpartition(".")
        if not dot:
            return None
        rest = f".{last}{rest}"
    return f"{_ROOT}{MOVED[old]}{rest}"


class _MovedModules:
    """Finds and loads; without the bases of importlib.abc, whose import takes as long as ours."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader: Any = self
        return None if new_place(fullname) is None else ModuleSpec(fullname, loader)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        place = new_place(spec.name)
        assert place is not None
        _warn(f"The module {spec.name}", place)
        module = import_module(place)
        spec.loader_state = module.__spec__  # importing by the old name would overwrite it
        return module

    def exec_module(self, module: ModuleType) -> None:
        old = module.__spec__
        assert old is not None
        module.__spec__ = old.loader_state


def find_moved_modules() -> None:
    """Have imports of old places find the new ones."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MovedModules())


def moved_names(place: str, names: Sequence[str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: these names stood in the module that had the package's name."""

    def moved(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {place.rpartition('.')[0]!r} has no attribute {name!r}")
        _warn(f"{place.rpartition('.')[0]}.{name}", f"{place}.{name}")
        return getattr(import_module(place), name)

    return moved


def _warn(what: str, place: str) -> None:
    from mubench_gen.plugins.deprecation import Deprecation, warn

    warn(what, Deprecation(f"it is {place} now", since="0.2", removed="0.3"), stacklevel=3)
