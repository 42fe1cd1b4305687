"""The example's training loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from data import Dataset, Split, load_dataset
from hydra.utils import to_absolute_path
from model import build_mlp
from torch import nn

from qgtune import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from omegaconf import DictConfig
    from torch import Tensor

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


def fit(config: DictConfig, report: Callable[[float, int], None], checkpoint: Path | None = None) -> float:
    """Train a model and measure it; on a CPU the same config gives the same accuracy, to the last bit.

    Args:
        config: with the sections `data`, `model` and `training`.
        report: called after each epoch with the validation accuracy and the number of the epoch from 0. What it raises
            ends the training.
        checkpoint: a file to go on from, if it is there, and to write after each epoch; None for none.

    Returns:
        The validation accuracy after the last epoch, in [0, 1]; higher is better.

    Raises:
        QGTuneError: when the config names something unknown or its widths do not fit together.
    """
    training = config.training
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    dataset = _load(config.data, training.device)
    model = build_mlp(config.model, dataset.train.images.shape[1]).to(training.device)
    optimizer = _optimizer(training.optimizer)(model.parameters(), lr=training.lr)
    shuffler = torch.Generator().manual_seed(training.seed)
    start, accuracy = 0, 0.0
    parts = {"model": model, "optimizer": optimizer}
    if checkpoint is not None and checkpoint.exists():
        start, accuracy = _load_state(checkpoint, parts, shuffler)
    for epoch in range(start, training.epochs):
        _train_epoch(model, optimizer, _batches(dataset.train, training.batch_size, shuffler))
        accuracy = measure_accuracy(model, dataset.validation)
        report(accuracy, epoch)
        if checkpoint is not None:
            _save_state(checkpoint, parts, shuffler, epoch + 1, accuracy)
    return accuracy


def _save_state(file: Path, parts: Mapping[str, Any], shuffler: torch.Generator, start: int, accuracy: float) -> None:
    """Write all that the next epoch depends on, whole or not at all."""
    state = {name: part.state_dict() for name, part in parts.items()}
    random = {"shuffler": shuffler.get_state(), "torch": torch.get_rng_state()}
    temporary = file.with_suffix(".tmp")
    torch.save({**state, **random, "start": start, "accuracy": accuracy}, temporary)
    temporary.replace(file)


def _load_state(file: Path, parts: Mapping[str, Any], shuffler: torch.Generator) -> tuple[int, float]:
    state = torch.load(file)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    shuffler.set_state(state["shuffler"])
    torch.set_rng_state(state["torch"])
    return state["start"], state["accuracy"]


def measure_accuracy(model: nn.Module, split: Split) -> float:
    """Return the share of the images whose class the model gives the highest score, in [0, 1]."""
    model.eval()
    with torch.no_grad():
        correct = (model(split.images).argmax(dim=1) == split.labels).sum().item()
    return float(correct) / len(split)


def _load(data: DictConfig, device: str) -> Dataset:
    dataset = load_dataset(
        data.name,
        root=to_absolute_path(data.root),
        validation_fraction=data.validation_fraction,
        split_seed=data.split_seed,
    )
    train, validation = (Split(s.images.to(device), s.labels.to(device)) for s in (dataset.train, dataset.validation))
    return Dataset(train, validation)


def _optimizer(name: str) -> Callable[..., torch.optim.Optimizer]:
    if name not in OPTIMIZERS:
        raise QGTuneError(f"Cannot train: training.optimizer={name} is unknown. Give one of: {', '.join(OPTIMIZERS)}.")
    return OPTIMIZERS[name]


def _batches(split: Split, batch_size: int, shuffler: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    order = torch.randperm(len(split), generator=shuffler).to(split.labels.device)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield split.images[rows], split.labels[rows]


def _train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
    model.train()
    loss_function = nn.CrossEntropyLoss()
    for images, labels in batches:
        optimizer.zero_grad()
        loss_function(model(images), labels).backward()
        optimizer.step()
