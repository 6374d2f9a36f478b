"""Readers against damaged input: 500 inputs each, 100,000 in `make test-all`."""
