"""The example's data sets, split once into training and validation images."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock
from torch import Tensor

from qgtune import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Callable

FASHION_MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True, slots=True)
class Split:
    """Some images with their classes.

    Attributes:
        images: shape (n, features), float32, values in [0, 1].
        labels: shape (n,), int64, the number of the class from 0.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set in its two parts.

    Attributes:
        train: what the model learns from.
        validation: what its accuracy is measured on.
    """

    train: Split
    validation: Split


@cache  # a worker trains many models on the same data
def load_dataset(name: str, *, root: str, validation_fraction: float, split_seed: int) -> Dataset:
    """Load a data set and split it; the same arguments always give the same split.

    Args:
        name: `digits` or `fashion_mnist`.
        root: the folder of downloaded files; `digits` needs none.
        validation_fraction: the share of the images to validate on, in (0, 1).
        split_seed: which of the possible splits.

    Raises:
        QGTuneError: when the name is unknown, or files are missing and cannot be downloaded.
    """
    if name not in _LOADERS:
        known = ", ".join(_LOADERS)
        raise QGTuneError(f"Cannot load the data set {name!r}: it is unknown. Set `data` to one of: {known}.")
    return _split(_LOADERS[name](Path(root)), validation_fraction, split_seed)


def _split(whole: Split, validation_fraction: float, seed: int) -> Dataset:
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    n_validation = round(validation_fraction * len(whole))
    if not 0 < n_validation < len(whole):
        raise QGTuneError(
            f"Cannot split {len(whole)} images: data.validation_fraction={validation_fraction} leaves one part empty."
            " Give a number between 0 and 1."
        )
    return Dataset(_take(whole, order[n_validation:]), _take(whole, order[:n_validation]))


def _take(whole: Split, rows: Tensor) -> Split:
    return Split(whole.images[rows], whole.labels[rows])


def _digits(_root: Path) -> Split:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return Split(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64))


def _fashion_mnist(root: Path) -> Split:
    folder = root / "FashionMNIST" / "raw"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Workers start at the same time: without the lock one reads what another has half written.
        with FileLock(folder / "download.lock"):
            whole = _fashion_mnist_class()(root, train=True, download=True)
    # torchvision checks the files it reads with `assert`, and with whatever struct and torch raise.
    except (AssertionError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()) or f"a file in {folder} is damaged"
        raise QGTuneError(
            f"Cannot load Fashion-MNIST: {reason.rstrip('.')}. Put the four files {', '.join(FASHION_MNIST_FILES)}"
            f" (packed or unpacked) into {folder.absolute()}, in place of what lies there, or take data=digits."
        ) from error
    return Split(whole.data.flatten(1).float() / 255, whole.targets.long())


_LOADERS: dict[str, Callable[[Path], Split]] = {"digits": _digits, "fashion_mnist": _fashion_mnist}

_declared: list[torch.library.Library] = []  # torch takes back what a library declared once it is collected


def _fashion_mnist_class() -> Any:
    """Import torchvision's class, also where torchvision's compiled operators do not load."""
    try:
        return importlib.import_module("torchvision.datasets").FashionMNIST
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    # A torchvision that was built for another torch than the CPU build: the import stops at two operators that nothing
    # here calls. Seen with torch 2.13.0+cpu and torchvision 0.28.0.
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        schema = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
    return importlib.import_module("torchvision.datasets").FashionMNIST
