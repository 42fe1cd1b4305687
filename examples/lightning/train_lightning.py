"""Lightning's `ddp` inside a trial: it starts this script again for each further rank, with the trial's config."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

import hydra
import torch
from torch.utils.data import DataLoader, TensorDataset

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig

_kept: list[Any] = []


def lightning() -> Any:
    """Import Lightning, also beside a torchvision whose compiled operators do not load: torchmetrics imports that."""
    try:
        return importlib.import_module("pytorch_lightning")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(library)
    return importlib.import_module("pytorch_lightning")


def model(config: DictConfig) -> Any:
    """Return a linear model that learns to add."""
    pl = lightning()

    class Adder(pl.LightningModule):  # type: ignore[misc, name-defined]
        """Two numbers in, their sum out."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch: list[torch.Tensor], _index: int) -> torch.Tensor:
            """Return the squared error of a batch of shape (n, 2)."""
            inputs, sums = batch
            loss = torch.nn.functional.mse_loss(self.layer(inputs), sums)
            self.log("loss", loss, sync_dist=True, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            """Return plain gradient descent."""
            return torch.optim.SGD(self.parameters(), lr=config.lr)

    return Adder()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train on `devices` CPU processes; return the loss."""
    trial = qgtune.current_trial().number
    print(f"trial {trial}, rank {os.environ.get('LOCAL_RANK', '0')}: lr {config.lr:.6f}", flush=True)
    torch.manual_seed(0)
    inputs = torch.rand(64, 2)
    data = DataLoader(TensorDataset(inputs, inputs.sum(1, keepdim=True)), batch_size=8)
    folder = qgtune.checkpoint_dir()  # the same for each attempt, and for each rank
    trainer = lightning().Trainer(
        accelerator="cpu",
        devices=config.devices,
        strategy="ddp",
        max_epochs=config.epochs,
        logger=False,
        callbacks=[lightning().callbacks.ModelCheckpoint(folder, filename="last", enable_version_counter=False)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = folder / "last.ckpt"
    trainer.fit(model(config), data, ckpt_path=last if last.exists() else None)
    return float(trainer.callback_metrics["loss"])


if __name__ == "__main__":
    main()
