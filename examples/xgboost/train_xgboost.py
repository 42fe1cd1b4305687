"""Boost trees on the breast cancer data of scikit-learn; with `--multirun`, tune them.

python examples/xgboost/train_xgboost.py
python examples/xgboost/train_xgboost.py --multirun
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hydra
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig


class Report(xgboost.callback.TrainingCallback):
    """Reports the validation loss of each round; the training ends here if the pruner says so."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Return whether to stop: never, since a pruned trial raises."""
        del model
        qgtune.report(evals_log["validation"]["logloss"][-1], epoch)
        return False


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train with one config and return the loss on what was held out; lower is better."""
    features, labels = load_breast_cancer(return_X_y=True)
    parts = train_test_split(features, labels, test_size=0.3, random_state=config.seed, stratify=labels)
    train, validation = (xgboost.DMatrix(parts[i], parts[i + 2]) for i in (0, 1))
    booster = xgboost.train(
        {"objective": "binary:logistic", "seed": config.seed, "nthread": 1, **config.booster},
        train,
        config.rounds,
        evals=[(validation, "validation")],
        callbacks=[Report(), xgboost.callback.EarlyStopping(rounds=10, save_best=True)],
        verbose_eval=False,
    )
    booster.save_model(qgtune.checkpoint_dir() / "model.json")
    return float(booster.best_score)


if __name__ == "__main__":
    main()
