"""Trying `custom_search_space` before the first trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError, first_line
from qgtune.study.attempts.ledger import Limits
from qgtune.study.opening import open_session
from qgtune.study.spec import StudySpec

if TYPE_CHECKING:
    from qgtune.sweep.compose.composition import Composition


def rehearse(composition: Composition) -> None:
    """Sample one trial of a study in memory, which nobody keeps.

    Raises:
        QGTuneError: when the user's function cannot be found, raises, or suggests what the config does not have.
    """
    custom = composition.custom
    if custom is None:
        return
    custom.check()
    spec = StudySpec("rehearsal", None, sampler={"_target_": "optuna.samplers.RandomSampler"}, seed=0)
    try:
        composition.sample(open_session(spec, Limits(1)).next_trial())
    except QGTuneError:
        raise
    except Exception as error:
        raise QGTuneError(
            f"Cannot use hydra.sweeper.custom_search_space={custom.name}: it raised {type(error).__name__}: "
            f"{first_line(error)}."
        ) from error
