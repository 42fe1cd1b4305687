"""Tell sprinkled causal sets from layered ones: a graph network, tuned with the reference files of QuantumGrav.

    python examples/causal_sets/train_causal_sets.py
    python examples/causal_sets/train_causal_sets.py --multirun hydra.sweeper.n_jobs=2
    python examples/causal_sets/train_causal_sets.py --multirun space=tuned

The first uses the base settings, the second the reference space and mapping as they are, the third tunes the number of
layers, and for each type of layer the arguments that it has.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import hydra
import torch
from causets import Recipe, graphs
from network import Network
from sklearn.metrics import f1_score
from torch_geometric.loader import DataLoader

import qgtune

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch_geometric.data import Data

log = logging.getLogger(__name__)


def divided(config: DictConfig) -> tuple[list[Data], list[Data]]:
    """Return the causal sets to train on and those to validate on."""
    found = graphs(Recipe(config.data.n_graphs, tuple(config.data.n_elements), config.data.seed))
    n_training = int(len(found) * config.training.split)
    return found[:n_training], found[n_training:]


def scored(network: Network, data: list[Data]) -> float:
    """Return the weighted F1 score, in [0, 1]."""
    network.eval()
    (batch,) = DataLoader(data, batch_size=len(data))
    with torch.no_grad():
        predicted = network(batch).argmax(dim=1)
    return float(f1_score(batch.y, predicted, average="weighted"))


class EarlyStopping:
    """Stops when the mean of the last scores has not grown for a while.

    Args:
        config: the node `training`.
    """

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self.scores: list[float] = []
        self.best = 0.0
        self.n_worse = 0

    def stops(self, score: float) -> bool:
        """Take the score of an epoch; say whether it was the last one."""
        self.scores.append(score)
        window = self.scores[-self.config.early_stopping_window :]
        mean = sum(window) / len(window)
        self.n_worse = 0 if mean > self.best + self.config.early_stopping_tol else self.n_worse + 1
        self.best = max(self.best, mean)
        return self.n_worse >= int(self.config.early_stopping_patience)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train; return the best score on the validation set."""
    training = config.training
    torch.set_num_threads(1)  # sums in the same order everywhere: the best config gives the same score again
    torch.manual_seed(training.seed)
    device = training.device if torch.cuda.is_available() else "cpu"
    train, valid = divided(config)
    network = Network(config.model).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    loader = DataLoader(train, training.batch_size, shuffle=True, drop_last=training.drop_last)
    early, best = EarlyStopping(training), 0.0
    for epoch in range(training.num_epochs):
        network.train()
        for batch in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(batch), batch.y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        score = scored(network, valid)
        best = max(best, score)
        qgtune.report(score, epoch)
        if early.stops(score):
            break
    log.info("f1 %.4f after %d epochs", best, epoch + 1)
    return best


if __name__ == "__main__":
    main()
