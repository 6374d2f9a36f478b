"""Lets a torchvision that was built for CUDA be imported beside a torch for CPUs.

Python imports this at its start where this folder is on PYTHONPATH. torchvision's compiled
part cannot load without CUDA's libraries, which torchvision bears, but for one thing: it
registers a fake kernel for an operator that only this part declares. Declaring the
operators first is enough for all of torchvision that is plain Python.
"""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Any

_kept: list[Any] = []  # the declarations last as long as their library object


class _BeforeTorchvision:
    """Declares the operators the moment that torchvision is looked for."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name != "torchvision":
            return
        sys.meta_path.remove(_BeforeTorchvision)  # type: ignore[arg-type]
        import torch

        try:
            version = importlib.metadata.version("torchvision")
        except importlib.metadata.PackageNotFoundError:
            return
        if torch.version.cuda is None and "+cpu" not in version:
            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                library.define(
                    f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                )
            _kept.append(library)


sys.meta_path.insert(0, _BeforeTorchvision)  # type: ignore[arg-type]
