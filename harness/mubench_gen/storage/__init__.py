"""Files on the disk: run folders, records and their index, digests, scratch files, paths."""
