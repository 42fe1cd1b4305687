"""Choose and tune a classifier of scikit-learn by cross-validation.

python examples/sklearn/train_sklearn.py
python examples/sklearn/train_sklearn.py --multirun
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

import hydra
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Return the mean accuracy over the folds; a configuration that is behind is pruned before its last fold."""
    images, labels = load_digits(return_X_y=True)
    folds = StratifiedKFold(config.folds, shuffle=True, random_state=config.seed)
    scores: list[float] = []
    for fold, (train, validation) in enumerate(folds.split(images, labels)):
        model = hydra.utils.instantiate(config.model).fit(images[train], labels[train])
        scores.append(model.score(images[validation], labels[validation]))
        qgtune.report(fmean(scores), fold)
    return fmean(scores)


if __name__ == "__main__":
    main()
