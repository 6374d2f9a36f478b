"""What lies on the disk: the run folder, its records, their index, and where things lie."""
