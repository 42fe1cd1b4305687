"""The example's model: a multilayer perceptron, built from the `model` section of the config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from qgtune import QGTuneError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def build_mlp(model: DictConfig, num_features: int) -> nn.Sequential:
    """Build the model.

    Args:
        model: `nn`, a list of hidden layers with `in_dim`, `out_dim` and `dropout`; and `head`, the layer that gives
            one score a class, with `in_dim` and `out_dim`.
        num_features: how many numbers describe an image.

    Returns:
        A module from (n, num_features) to (n, classes).

    Raises:
        QGTuneError: when a layer's input is not as wide as what comes before it.
    """
    _check_widths(model, num_features)
    modules: list[nn.Module] = []
    for layer in model.nn:
        modules += [nn.Linear(layer.in_dim, layer.out_dim), nn.ReLU(), nn.Dropout(layer.dropout)]
    return nn.Sequential(*modules, nn.Linear(model.head.in_dim, model.head.out_dim))


def _check_widths(model: DictConfig, num_features: int) -> None:
    named = {f"model.nn[{i}]": layer for i, layer in enumerate(model.nn)} | {"model.head": model.head}
    problems, width, before = [], num_features, "the data"
    for name, layer in named.items():
        if layer.in_dim != width:
            problems.append(
                f"Cannot build the model: {name}.in_dim is {layer.in_dim}, but {before} gives {width}."
                " Select dependencies=mlp, or set both to the same number."
            )
        width, before = layer.out_dim, name
    if problems:
        raise QGTuneError(*problems)
