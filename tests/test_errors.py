"""Errors carry what they know, also from process to process."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from qgtune import QGTuneError
from qgtune.errors import Located

if TYPE_CHECKING:
    from collections.abc import Callable


def _pickled(error: QGTuneError) -> QGTuneError:
    sent: QGTuneError = pickle.loads(pickle.dumps(error))  # noqa: S301 - the bytes made here
    return sent


@pytest.mark.parametrize("copied", [copy.deepcopy, _pickled], ids=["copy", "pickle"])
def test_a_place_survives(copied: Callable[[QGTuneError], QGTuneError]) -> None:
    """A worker that finds a mistake sends home where it stands."""
    error = copied(QGTuneError(Located("It is wrong.", "model.width", "space.yaml", (3, 5)), "So is this."))
    problem = error.problems[0]
    assert str(error) == "It is wrong.\nSo is this."
    assert isinstance(problem, Located)
    assert (problem.path, problem.source, problem.place) == ("model.width", "space.yaml", (3, 5))
