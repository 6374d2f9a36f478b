"""Opens the judge that the settings name, and digests what its readings depend on."""

from __future__ import annotations

from mubench_gen.console.secrets import secret_fields
from mubench_gen.errors import PluginError, SettingError
from mubench_gen.parser.judge import JudgeCaller
from mubench_gen.plan.fingerprint import Weights, options_of
from mubench_gen.plan.opening import members_opened
from mubench_gen.plan.settings import JUDGE, Settings
from mubench_gen.plugins.isolation import Isolated
from mubench_gen.plugins.option_types import weights_fields
from mubench_gen.plugins.registry import Plugins, check_options
from mubench_gen.storage.digests import watched
from mubench_gen.storage.named_files import named_files


def open_judge(settings: Settings, plugins: Plugins) -> tuple[JudgeCaller, Weights] | None:
    """The judge, not loaded yet, and the digests of its code, of the files that its options name,
    and of the models that it opens. None where the settings name none."""
    name, given = settings.judge, dict(settings.judge_options)
    if name is None:
        if given:
            raise SettingError("-o judge.K=V is an option of a judge: name one with --judge.")
        return None
    plugin = plugins.load(name)
    if plugin.judge is None:
        raise PluginError(
            f"The plugin {name!r} has no judge: it has no hook mubench_gen_judge (docs/parser.md)."
        )
    options = check_options(name, plugin.judge, given, kind="judge")
    secret = frozenset(f"{JUDGE}{field}" for field in secret_fields(plugin.judge.Options))
    with (
        Isolated(f"The judge of the plugin {name!r}"),
        members_opened(settings, 1, plugins.entry_points) as members,
    ):
        judge = plugin.judge(options) if given else plugin.judge()
    with watched() as read:
        weights = Weights(
            plugin.digest,
            None,
            named_files(given | options_of(judge), weights_fields(plugin.judge.Options)),
            [member.identity() for member in members],
            read,
        )
    return JudgeCaller(plugin.name, judge, secret), weights
