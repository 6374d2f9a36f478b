"""Protocols: how a benchmark is asked, read and counted, by name and as data.

`files` finds and reads them, `rules` reads replies as they say, `tally` counts like items, and
`numbers` makes of the counts what a protocol reports. `asked` says what a run did otherwise.
"""
