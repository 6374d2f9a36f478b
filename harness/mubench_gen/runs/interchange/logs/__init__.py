"""Logs of other programs → run folders: one module per format, each with `reads` and `read`.

`reads(path)` tells whether a file looks like one of its own, `read(paths, given)` returns a `Log`.
"""
