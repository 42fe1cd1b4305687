"""The app that every rival tunes: it sleeps as long as the recorded training took, and returns its recorded loss."""

import random
import time
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from tables import Table


def train(folder: str, seed: int, number: int, values: dict[Any, Any]) -> float:
    """Be a training of these values, and note when it ran and what it found."""
    start_s = time.time()
    table = Table.load(Path(folder) / "table")
    index = table.index(values)
    chance = random.Random(f"{seed} {index} {number}")  # noqa: S311 - which recording it is
    recording = chance.randrange(table.losses.shape[1])
    time.sleep(float(table.times_s[index, recording]))
    loss = float(table.losses[index, recording])
    with Path(folder, "trials.txt").open("a") as file:
        file.write(f"{start_s!r} {time.time()!r} {index} {loss!r} {float(table.times_s[index, recording])!r}\n")
    return loss


@hydra.main(version_base=None, config_path=None, config_name=None)
def main(config: DictConfig) -> float:
    """Train."""
    return train(config.folder, config.seed, HydraConfig.get().job.num, dict(config.point))


if __name__ == "__main__":
    main()
