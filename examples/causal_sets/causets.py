"""Small causal sets: sprinkled into two-dimensional Minkowski space, or layered at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch_geometric.data import Data

N_FEATURES = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the data set is made of.

    Attributes:
        n_graphs: how many causal sets, half of each class.
        n_elements: the smallest and the largest number of elements.
        seed: of the generator.
    """

    n_graphs: int = 600
    n_elements: tuple[int, int] = (8, 12)
    seed: int = 0


def sprinkled(n: int, generator: np.random.Generator) -> np.ndarray:
    """Sprinkle points into a causal diamond, and return their order.

    In light-cone coordinates one point precedes another when both of its coordinates are smaller.

    Returns:
        A boolean array of shape (n, n): whether the first element precedes the second.
    """
    u, v = generator.random((2, n))
    return np.asarray((u[:, None] < u[None, :]) & (v[:, None] < v[None, :]))


def layered(n: int, generator: np.random.Generator) -> np.ndarray:
    """Return a random order in layers: of two elements the one in the lower layer precedes the other by chance.

    Layers are about as many as a sprinkling's longest chain has elements, so that the height alone gives nothing away.
    """
    layer = np.sort(generator.integers(0, max(2, round(1.6 * np.sqrt(n))), n))
    below = layer[:, None] < layer[None, :]
    return closed(below & (generator.random((n, n)) < generator.uniform(0.15, 0.3)))


def closed(order: np.ndarray) -> np.ndarray:
    """Return the transitive closure of a relation."""
    for _ in range(len(order)):
        further = order | (order.astype(int) @ order.astype(int) > 0)
        if (further == order).all():
            return order
        order = further
    return order


def links(order: np.ndarray) -> np.ndarray:
    """Return the relations that have no element in between."""
    return np.asarray(order & ~(order.astype(int) @ order.astype(int) > 0))


def heights(order: np.ndarray) -> np.ndarray:
    """Return for each element how many precede it on the longest chain that ends there, as an array of shape (n,)."""
    height = np.zeros(len(order))
    for element in np.argsort(order.sum(axis=0), kind="stable"):  # whatever precedes it has fewer predecessors
        before = height[order[:, element]]
        height[element] = before.max() + 1 if len(before) else 0
    return height


def features(order: np.ndarray) -> np.ndarray:
    """Describe each element by its place in the order, as an array of shape (n, 12) with values about 0 to 1."""
    n = len(order)
    link = links(order)
    past, future = order.sum(axis=0), order.sum(axis=1)
    below, above = link.sum(axis=0), link.sum(axis=1)
    up, down = heights(order), heights(order.T)
    between = (order.astype(int) @ order.astype(int)) * order
    columns = [
        *(past / n, future / n, below / n, above / n, up / n, down / n),
        *((past + future) / n, (below + above) / n, up / np.maximum(up + down, 1)),
        *(between.sum(axis=0) / n**2, between.sum(axis=1) / n**2, np.full(n, 1.0)),
    ]
    return np.stack(columns, axis=1)


def graph(order: np.ndarray, label: int) -> Data:
    """Return a causal set as a graph of its links, in both directions."""
    edges = np.argwhere(links(order)).T
    both = np.concatenate([edges, edges[::-1]], axis=1)
    return Data(
        x=torch.tensor(features(order), dtype=torch.float32),
        edge_index=torch.tensor(both, dtype=torch.long),
        y=torch.tensor([label]),
    )


def graphs(recipe: Recipe) -> list[Data]:
    """Return causal sets of both classes in random order: sprinkled ones have label 1."""
    generator = np.random.default_rng(recipe.seed)
    made = []
    for number in range(recipe.n_graphs):
        n = int(generator.integers(*recipe.n_elements, endpoint=True))
        label = number % 2
        made.append(graph((sprinkled if label else layered)(n, generator), label))
    return [made[index] for index in generator.permutation(len(made))]
