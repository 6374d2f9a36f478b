"""Models behind an OpenAI-compatible server, ours or another."""
