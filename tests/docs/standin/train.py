"""Stands for a reader's app on pages that only show its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Return a loss that falls with each epoch, and differs a little from seed to seed."""
    loss = 1.0
    for epoch in range(config.training.epochs):
        loss = (config.training.lr - 0.1) ** 2 + 1 / (config.model.width * (epoch + 1)) + config.seed % 3 / 1000
        qgtune.report(loss, epoch)
    return loss


if __name__ == "__main__":
    main()
