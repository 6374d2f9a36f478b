"""Plugins: found without importing them, loaded one at a time, checked, and kept apart."""

from mubench_gen.plugins.moved_modules import moved_names

__getattr__ = moved_names("mubench_gen.plugins.registry", ("Plugins", "Plugin", "check_options"))
