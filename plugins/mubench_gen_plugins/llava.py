"""LLaVA: 1.5, NeXT (1.6) and OneVision, in the layout of the llava-hf checkpoints.

The original checkpoints (liuhaotian/…, lmms-lab/…) have an older layout, which no engine here
reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from mubench_gen.model import ModelSpec, hookimpl
from mubench_gen_plugins.generative import generative

# Vicuna's turns, as in the template of llava-hf/llava-1.5-7b-hf (chat_template.json): images, then
# text, a space after each text. Older revisions of these checkpoints, and their fine-tunes, have no
# template. Theirs relies on the tokenizer to add bos_token, which not every engine does; this one
# adds it.
VICUNA = """\
{{- bos_token -}}
{%- for message in messages -%}
  {%- if message['role'] != 'system' -%}
    {{ message['role'] | upper + ': ' }}
  {%- endif -%}
  {%- for part in message['content'] if part['type'] == 'image' -%}
    {{ '<image>\\n' }}
  {%- endfor -%}
  {%- for part in message['content'] if part['type'] == 'text' -%}
    {{ part['text'] + ' ' }}
  {%- endfor -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ 'ASSISTANT:' }}
{%- endif -%}
"""

# ChatML as LLaVA-OneVision writes it: a space after the role, the images, a line a text.
ONEVISION = """\
{%- for message in messages -%}
  {{ '<|im_start|>' + message['role'] + ' ' }}
  {%- for part in message['content'] if part['type'] == 'image' -%}
    {{ '<image>' }}
  {%- endfor -%}
  {%- for part in message['content'] if part['type'] == 'text' -%}
    {{ '\\n' + part['text'] }}
  {%- endfor -%}
  {{ '<|im_end|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""

# NeXT has a format for each language model, so its checkpoints get no template.
_FALLBACK = {"llava": VICUNA, "llava_onevision": ONEVISION}

_LLAMA = "Llama 2 Community"


@hookimpl
def mubench_gen_models() -> Sequence[ModelSpec]:
    return [
        generative(
            "llava-hf/llava-1.5-7b-hf",
            "LLaVA 1.5 7B, the LLaVA of the paper; --model takes any LLaVA, NeXT or OneVision",
            any_id=True,
            model_types=("llava", "llava_next", "llava_onevision"),
            max_images=1,
            family="LLaVA",
            base="Vicuna 7B v1.5, CLIP ViT-L/14-336",
            licence=_LLAMA,
            parameters="7.06B",
            fallback_templates=_FALLBACK,
        ),
        generative(
            "llava-hf/llava-1.5-13b-hf",
            "LLaVA 1.5 13B",
            max_images=1,
            family="LLaVA",
            base="Vicuna 13B v1.5, CLIP ViT-L/14-336",
            licence=_LLAMA,
            parameters="13.35B",
            fallback_templates=_FALLBACK,
        ),
        generative(
            "llava-hf/llava-v1.6-mistral-7b-hf",
            "LLaVA-NeXT (1.6) 7B: the image in up to five tiles",
            max_images=1,
            family="LLaVA-NeXT",
            base="Mistral 7B Instruct v0.2, CLIP ViT-L/14-336",
            licence="Apache-2.0",
            parameters="7.57B",
        ),
        generative(
            "llava-hf/llava-v1.6-vicuna-13b-hf",
            "LLaVA-NeXT (1.6) 13B: the image in up to five tiles",
            max_images=1,
            family="LLaVA-NeXT",
            base="Vicuna 13B v1.5, CLIP ViT-L/14-336",
            licence=_LLAMA,
            parameters="13.35B",
        ),
        generative(
            "llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
            "LLaVA-OneVision 0.5B: small enough for a CPU",
            family="LLaVA-OneVision",
            base="Qwen2 0.5B, SigLIP SO400M/14-384",
            licence="Apache-2.0",
            parameters="0.89B",
            fallback_templates=_FALLBACK,
        ),
        generative(
            "llava-hf/llava-onevision-qwen2-7b-ov-hf",
            "LLaVA-OneVision 7B: the image in up to ten tiles",
            family="LLaVA-OneVision",
            base="Qwen2 7B, SigLIP SO400M/14-384",
            licence="Apache-2.0",
            parameters="8.03B",
            fallback_templates=_FALLBACK,
        ),
    ]
