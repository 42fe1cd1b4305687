"""An app without a YAML file: hydra-zen makes its config from the functions and classes themselves.

python examples/hydra_zen/train_zen.py
python examples/hydra_zen/train_zen.py --multirun
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hydra_zen import builds, make_config, store, zen

import qgtune


@dataclass
class Polynomial:
    """A curve that is fitted to a sine.

    Attributes:
        degree: how many powers it has.
        ridge: how much large coefficients cost.
    """

    degree: int = 3
    ridge: float = 1.0

    def error(self, n_points: int) -> float:
        """Return the mean squared error at points between those that it was fitted to; lower is better."""
        import numpy as np

        x = np.linspace(-3, 3, n_points)
        noisy = np.sin(x) + 0.3 * np.random.default_rng(0).standard_normal(n_points)
        powers = np.vander(x / 3, self.degree + 1)
        weights = np.linalg.solve(powers.T @ powers + self.ridge * np.eye(self.degree + 1), powers.T @ noisy)
        between = np.linspace(-3, 3, 200)
        return float(np.mean((np.vander(between / 3, self.degree + 1) @ weights - np.sin(between)) ** 2))


def train(curve: Polynomial, n_points: int) -> float:
    """Return the error of a curve; reports how it goes with more and more points."""
    error = float("inf")
    for step in range(1, 6):
        error = curve.error(n_points * step)
        qgtune.report(error, step)
    return error


SWEEPER: Any = {
    "study_name": "zen",
    "direction": "minimize",
    "n_trials": 20,
    "seed": 1,
    "search_space": {
        "curve": {
            "degree": {"type": "tuple", "value": [1, 12]},
            "ridge": {"type": "tuple", "value": [1e-6, 10.0, True]},
        }
    },
}
Config = make_config(
    hydra_defaults=["_self_", {"override hydra/sweeper": "qgtune"}],
    hydra={"job": {"name": "train_zen"}, "sweeper": SWEEPER},
    curve=builds(Polynomial, populate_full_signature=True),
    n_points=10,
)

if __name__ == "__main__":
    store(Config, name="config")
    store.add_to_hydra_store()
    zen(train).hydra_main(config_name="config", config_path=None, version_base="1.3")
