"""Readers against damaged input: 200 inputs each, 100,000 in `make test-all`."""
