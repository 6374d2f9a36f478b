"""What is added to vLLM's workers (`worker_extension_cls`). No vLLM here, which imports this."""

from __future__ import annotations

from typing import Any


class LooksAtAdapters:
    """Tells what of an adapter a worker of vLLM (0.32) applies."""

    model_runner: Any

    def mubench_unapplied(self, number: int) -> list[str]:
        """The modules of the adapter of that number that the model has no place for.

        vLLM itself only notes them in its log. Empty where this vLLM does not tell.
        """
        try:
            manager = self.model_runner.lora_manager._adapter_manager
            adapted, places = manager.get_adapter(number).loras, manager.modules
        except AttributeError:
            return []
        return sorted(set(adapted) - set(places))
