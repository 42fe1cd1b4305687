"""`qgtune.compose`: an app's config in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra
import pytest

import qgtune

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
defaults: [_self_, {override hydra/sweeper: qgtune}]
model: {width: 8, out: 1}
hydra:
  sweeper: {dependencies: {model: {out: model.width}}}
"""


def test_dependencies_hold_in_a_composed_config(tmp_path: Path) -> None:
    """As in a plain run: what follows follows, what is set stays, and Hydra's own node is not there."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    with hydra.initialize_config_dir(version_base=None, config_dir=str(tmp_path)):
        assert hydra.compose("config").model.out == 1
        assert qgtune.compose("config", ["model.width=32"]) == {"model": {"width": 32, "out": 32}}
        assert qgtune.compose("config", ["model.out=5"]).model.out == 5
        with pytest.raises(qgtune.QGTuneError, match=r"the config has no 'model\.widht'"):
            qgtune.compose("config", ["hydra.sweeper.dependencies.model.out=model.widht"])
