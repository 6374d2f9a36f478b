"""How the weights of the tiny plugin were made. Not imported by the plugin.

`python -m mubench_gen_plugins.tiny.train llava --out DIR` and `… clip --out DIR`; needs
the extra `transformers`.
"""
