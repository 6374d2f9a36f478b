"""A plugin's model, opened in a process of its own from plain settings, and asked by messages."""
