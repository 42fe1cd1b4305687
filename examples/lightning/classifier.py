"""The Lightning example's model and data, and the callback that reports to the study."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import operators  # noqa: F401 - before Lightning, which imports torchvision where there is one
import optuna
import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["Classifier", "Report", "digits", "pl"]

N_VALIDATION = 360
logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)  # its lines about devices


class Report(pl.Callback):
    """Reports each epoch's validation accuracy; ends the training in all ranks if the pruner says so."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report in rank 0, and let it decide for all; Lightning saves the epoch's checkpoint after that."""
        del pl_module
        if trainer.sanity_checking:
            return
        is_pruned = False
        try:
            if trainer.is_global_zero:
                qgtune.report(float(trainer.callback_metrics["accuracy"]), trainer.current_epoch)
        except optuna.TrialPruned:
            is_pruned = True
        if trainer.strategy.broadcast(is_pruned):
            raise optuna.TrialPruned


class Classifier(pl.LightningModule):
    """One hidden layer.

    Args:
        model: its `width`, `dropout` and `lr`.
    """

    def __init__(self, model: DictConfig) -> None:
        super().__init__()
        self.lr = float(model.lr)
        self.layers = nn.Sequential(
            nn.Linear(64, model.width), nn.ReLU(), nn.Dropout(model.dropout), nn.Linear(model.width, 10)
        )

    def training_step(self, batch: list[Tensor], _index: int) -> Tensor:
        """Return the loss of a batch of images, shape (n, 64), and their classes, shape (n,)."""
        images, labels = batch
        return nn.functional.cross_entropy(self.layers(images), labels)

    def validation_step(self, batch: list[Tensor], _index: int) -> None:
        """Log the share of the images that are named right, in [0, 1]."""
        images, labels = batch
        right = (self.layers(images).argmax(1) == labels).float().mean()
        self.log("accuracy", right, sync_dist=True, batch_size=len(labels))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def digits(batch_size: int) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return scikit-learn's digits to train and to validate on."""
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    split = torch.Generator().manual_seed(0)
    train, validation = torch.utils.data.random_split(data, [len(data) - N_VALIDATION, N_VALIDATION], split)
    return DataLoader(train, batch_size, shuffle=True), DataLoader(validation, N_VALIDATION)
