"""Any OpenAI-compatible endpoint: your own server, or a hosted one.

    mubench-gen eval --plugin openai --base-url http://127.0.0.1:8000/v1
    mubench-gen eval --plugin openai --model gpt-4.1-mini        # with OPENAI_API_KEY set

Without --model it asks the only model that the server has. Without --base-url it asks
OpenAI's servers, if the environment has a key. The estimated number of requests is printed
before the first one; --max-requests sets a limit. See docs/servers.md.
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
            max_images=None,
        )
    ]
