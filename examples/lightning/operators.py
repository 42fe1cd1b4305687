"""Lets torchvision be imported where it was built for another torch than the one that is installed.

Lightning's metrics import torchvision. With the CPU build of torch its compiled operators do not load, and the import
stops at two of them that nothing here calls. Seen with torch 2.13.0+cpu and torchvision 0.28.0; elsewhere this does
nothing.
"""

from __future__ import annotations

import importlib

import torch

_declared: list[torch.library.Library] = []  # torch takes back what a library declared once it is collected

try:
    importlib.import_module("torchvision")
except ImportError:
    pass  # then nobody imports it
except RuntimeError as error:
    if "operator torchvision::" not in str(error):
        raise
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
