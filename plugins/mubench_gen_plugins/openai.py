"""Any OpenAI-compatible endpoint: a server of one's own, or a hosted one.

    mubench-gen eval --plugin openai --base-url http://127.0.0.1:8000/v1
    mubench-gen eval --plugin openai --model gpt-4.1-mini        # with OPENAI_API_KEY set

Without --model it is the one model that the server serves. Without --base-url it is
OpenAI's own, and that only where the environment has its key. How much will be asked is
said before the first request; --max-requests sets a limit. docs/servers.md has the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import Checkpoint, ModelSpec, hookimpl

HOSTED = "https://api.openai.com/v1"


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    endpoint = Checkpoint(
        path="",
        kind="generative",
        engines=("server",),
        engine_arguments={"server": {"hosted": HOSTED}},
    )
    return [
        ModelSpec(
            "served",
            endpoint,
            description="what the server at --base-url serves; --model takes any id of its own",
            any_id=True,
        )
    ]
