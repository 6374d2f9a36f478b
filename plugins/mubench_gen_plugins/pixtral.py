"""Pixtral, and Mistral Small 3.1 and 3.2, in the layout of transformers.

Of the two layouts in which Mistral AI publishes, this is the one with a config.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import generative

# Mistral Small's own template begins with a long system prompt that contains today's date, so that
# prompts would change daily. This one has only the given system prompt, in the same position and
# tokens.
MISTRAL_SMALL = """\
{{- bos_token -}}
{%- for message in messages -%}
  {%- set close = {'system': '[/SYSTEM_PROMPT]', 'user': '[/INST]', 'assistant': eos_token} -%}
  {{ {'system': '[SYSTEM_PROMPT]', 'user': '[INST]', 'assistant': ''}[message['role']] }}
  {%- for part in message['content'] -%}
    {%- if part['type'] == 'image' -%}
      {{ '[IMG]' }}
    {%- else -%}
      {{ part['text'] }}
    {%- endif -%}
  {%- endfor -%}
  {{ close[message['role']] }}
{%- endfor -%}
"""

_pixtral = partial(
    generative,
    licence="Apache-2.0",
    # If a folder has both layouts (as Mistral Small's), vLLM by default takes Mistral's own, which
    # ignores chat templates and reads other files of weights.
    vllm={"config_format": "hf", "tokenizer_mode": "hf", "load_format": "hf"},
    hint="Take a checkpoint with a config.json; one with a params.json alone is Mistral's own "
    "layout, which is not read here.",
)


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        _pixtral(
            "mistral-community/pixtral-12b",
            "Pixtral 12B; --model takes any LLaVA with Pixtral's tower, and Mistral Small 3",
            any_id=True,
            model_types=("llava/pixtral", "mistral3"),
            family="Pixtral",
            base="Mistral Nemo 12B, a ViT of its own",
            parameters="12.7B",
            # Its template has a place for a system prompt that is one string, not parts.
            system="user",
        ),
        _pixtral(
            "mistralai/Mistral-Small-3.1-24B-Instruct-2503",
            "Mistral Small 3.1 24B",
            family="Mistral Small",
            base="Mistral Small 3.1 24B, Pixtral's ViT",
            parameters="24.0B",
            chat_template=MISTRAL_SMALL,
        ),
    ]
