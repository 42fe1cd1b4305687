"""Train a small classifier of images; with `--multirun`, tune it.

python examples/train.py
python examples/train.py --multirun hydra/sweeper=qgtune
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import hydra

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train with one config and return its validation accuracy."""
    from fit import fit  # imports torch, which the process that only hands out trials does not need

    accuracy = fit(config, qgtune.report, qgtune.checkpoint_dir() / "state.pt")
    log.info("validation accuracy: %r", accuracy)
    return accuracy


if __name__ == "__main__":
    main()
