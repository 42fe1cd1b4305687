"""Train a classifier of digits in several processes, each on its share of the data; with `--multirun`, tune it.

python examples/ddp/train_ddp.py
python examples/ddp/train_ddp.py --multirun
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import hydra

import qgtune
from qgtune import ddp

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import Tensor, nn

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    """Train with one config and return the validation accuracy."""
    accuracy: float = ddp.run(train, config, world_size=config.world_size)
    log.info("validation accuracy: %r", accuracy)
    return accuracy


def train(config: DictConfig) -> float:
    """Train as one rank of several.

    Returns:
        The share of the validation digits that the model names, in [0, 1]; higher is better.
    """
    import torch
    from torch import distributed, nn

    distributed.init_process_group("gloo")
    torch.manual_seed(config.seed)  # the same in every rank, so that all start from one model
    (images, labels), validation = digits(distributed.get_rank(), distributed.get_world_size())
    net = nn.Sequential(nn.Linear(64, config.width), nn.ReLU(), nn.Linear(config.width, 10))
    model = nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=config.lr, momentum=0.9)
    accuracy = 0.0
    for epoch in range(config.epochs):
        for batch in torch.split(torch.randperm(len(labels)), config.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            torch.autograd.backward(loss)
            optimizer.step()
        accuracy = accuracy_of_all(model, *validation)
        qgtune.report(accuracy, epoch)  # in every rank: a pruned trial ends in all of them
    distributed.destroy_process_group()
    return accuracy


def digits(rank: int, world_size: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return this rank's training and validation digits: images of shape (n, 64) in [0, 1], classes of shape (n,)."""
    import torch
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
    n_each = 1400 // world_size  # ranks have to take the same number of steps
    mine = slice(rank * n_each, (rank + 1) * n_each)
    return (x[:1400][mine], y[:1400][mine]), (x[1400:][rank::world_size], y[1400:][rank::world_size])


def accuracy_of_all(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the accuracy over the validation digits of all ranks, the same in each."""
    import torch
    from torch import distributed

    with torch.no_grad():
        right = (model(images).argmax(dim=1) == labels).sum()
    counts = torch.stack([right, torch.tensor(len(labels))])
    distributed.all_reduce(counts)
    return float(counts[0] / counts[1])


if __name__ == "__main__":
    main()
