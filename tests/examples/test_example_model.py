"""The example's model: its shape follows the config, and widths that do not fit are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from model import build_mlp
from torch import nn

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from .conftest import Compose

pytestmark = pytest.mark.examples


@pytest.mark.parametrize("name", ["mlp", "wide"])
def test_each_model_of_conf_gives_one_score_a_class(composed: Compose, name: str) -> None:
    """The base settings run as they are, before any dependency is applied."""
    module = build_mlp(composed(f"model={name}").model, num_features=64)
    assert module(torch.zeros(5, 64)).shape == (5, 10)


def test_layers_have_the_widths_and_dropouts_of_the_config(composed: Compose) -> None:
    """Three hidden layers, then the head; each with the numbers that its entry says."""
    config = composed("model.nn.1.out_dim=48", "model.nn.2.in_dim=48", "model.nn.2.dropout=0.25")
    module = build_mlp(config.model, num_features=64)
    widths = [(m.in_features, m.out_features) for m in module if isinstance(m, nn.Linear)]
    assert widths == [(64, 64), (64, 48), (48, 32), (32, 10)]
    assert [m.p for m in module if isinstance(m, nn.Dropout)] == [0.1, 0.1, 0.25]


def test_all_widths_that_do_not_fit_are_reported_together(composed: Compose) -> None:
    """Each mistake is a line with the config's path and both numbers, instead of torch's matrix error."""
    config = composed("model.nn.0.out_dim=128", "model.head.in_dim=16")
    with pytest.raises(QGTuneError) as caught:
        build_mlp(config.model, num_features=784)
    assert [problem.split(". ")[0] for problem in caught.value.problems] == [
        "Cannot build the model: model.nn[0].in_dim is 64, but the data gives 784",
        "Cannot build the model: model.nn[1].in_dim is 64, but model.nn[0] gives 128",
        "Cannot build the model: model.head.in_dim is 16, but model.nn[2] gives 32",
    ]
