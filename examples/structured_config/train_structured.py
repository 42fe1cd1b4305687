"""An app whose config has a schema of dataclasses: every range is held to the types before anything runs.

python examples/structured_config/train_structured.py
python examples/structured_config/train_structured.py --multirun
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore

import qgtune

SWEEPER = {
    "study_name": "structured",
    "direction": "minimize",
    "n_trials": 20,
    "seed": 1,
    "search_space": {
        "training": {
            "lr": {"type": "tuple", "value": [1e-3, 1.0, True]},
            "steps": {"type": "tuple", "value": [10, 40, 10]},
            "optimizer": ["plain", "momentum"],
        }
    },
}


class Optimizer(Enum):
    """How the loss is followed down."""

    plain = "plain"
    momentum = "momentum"


@dataclass
class Training:
    """How to train."""

    lr: float = 0.1
    steps: int = 30
    optimizer: Optimizer = Optimizer.plain


@dataclass
class Config:
    """The app's config.

    Attributes:
        defaults: Hydra's list; the sweeper is chosen here.
        start: where the descent begins.
        training: how to train.
        hydra: the sweep's own settings.
    """

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"override hydra/sweeper": "qgtune"}])
    start: list[float] = field(default_factory=lambda: [3.0, -2.0])
    training: Training = field(default_factory=Training)
    hydra: Any = field(default_factory=lambda: {"sweeper": SWEEPER})


ConfigStore.instance().store("config", Config)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config: Config) -> float:
    """Return the height that a descent in a long valley reaches; lower is better."""
    (x, y), (speed_x, speed_y) = config.start, (0.0, 0.0)
    kept = 0.8 if config.training.optimizer is Optimizer.momentum else 0.0
    for step in range(config.training.steps):
        speed_x, speed_y = kept * speed_x + 2 * x, kept * speed_y + 10 * y
        x, y = x - config.training.lr * speed_x, y - config.training.lr * speed_y
        qgtune.report(min(x * x + 5 * y * y, 1e9), step)
    return min(x * x + 5 * y * y, 1e9)


if __name__ == "__main__":
    main()
