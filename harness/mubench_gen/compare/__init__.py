"""runs → comparison: what differs, by how much, and whether it can be told at all."""
