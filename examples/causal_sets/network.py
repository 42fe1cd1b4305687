"""A graph network in the shape of QuantumGrav's: layers, a pooling of each graph's nodes, a classifier."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch_geometric.nn import GATConv, GCNConv, GraphConv, SAGEConv, global_add_pool, global_max_pool, global_mean_pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig
    from torch_geometric.data import Batch

LAYERS: Mapping[str, Any] = {"sage": SAGEConv, "gcn": GCNConv, "gat": GATConv, "gco": GraphConv}
# What each type's layer takes; a mapping that was written for another type has more.
KWARGS = {
    "sage": {"aggr", "normalize", "root_weight", "project", "bias"},
    "gcn": {"improved", "cached", "add_self_loops", "normalize", "bias"},
    "gat": {"heads", "concat", "negative_slope", "dropout", "add_self_loops", "bias"},
    "gco": {"aggr", "bias"},
}
NORMALIZERS: Mapping[str, Any] = {"batch_norm": nn.BatchNorm1d, "layer_norm": nn.LayerNorm, "identity": nn.Identity}
ACTIVATIONS: Mapping[str, Any] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}
POOLINGS: Mapping[str, Any] = {"mean": global_mean_pool, "max": global_max_pool, "sum": global_add_pool}


class Block(nn.Module):
    """One layer: a convolution, a normalizer, an activation, dropout.

    Args:
        config: an element of `model.gcn_net`.
        strict: whether arguments that the layer's type does not know are errors; else they are left out.

    Raises:
        TypeError: for an argument that the layer does not know.
    """

    def __init__(self, config: DictConfig, *, strict: bool) -> None:
        super().__init__()
        kind = config.gnn_layer_type
        given = {str(key): value for key, value in config.gnn_layer_kwargs.items()}
        unknown = set(given) - KWARGS[kind]
        if unknown and strict:
            raise TypeError(f"a layer of type {kind} takes no {', '.join(sorted(unknown))}")
        kwargs = {key: value for key, value in given.items() if key not in unknown}
        self.convolution = LAYERS[kind](config.in_dim, config.out_dim, **kwargs)
        self.normalizer = NORMALIZERS[config.normalizer](*config.norm_args)
        self.activation = ACTIVATIONS[config.activation]()
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        """Return an array of shape (nodes, out_dim)."""
        return self.dropout(self.activation(self.normalizer(self.convolution(x, edge_index))))  # type: ignore[no-any-return]


class Network(nn.Module):
    """The whole network.

    Args:
        config: the node `model`.
    """

    def __init__(self, config: DictConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(layer, strict=config.strict_kwargs) for layer in config.gcn_net)
        self.pool = POOLINGS[config.pooling_layer]
        head = config.classifier
        dims = [head.input_dim, *head.hidden_dims]
        backbone: list[nn.Module] = []
        for before, after in itertools.pairwise(dims):
            backbone += [nn.Linear(before, after), ACTIVATIONS[head.activation]()]
        self.classifier = nn.Sequential(*backbone, nn.Linear(dims[-1], head.output_dims[0]))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return an array of shape (graphs, classes)."""
        x = batch.x
        for block in self.blocks:
            x = block(x, batch.edge_index)
        return self.classifier(self.pool(x, batch.batch))  # type: ignore[no-any-return]
