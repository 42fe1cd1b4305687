"""Whether a search space goes on where a study's earlier trials left off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import BaseDistribution, check_distribution_compatibility

from qgtune.errors import QGTuneError
from qgtune.space.wording import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from qgtune.space.model import Hyperparameter


def check_space_unchanged(
    study: optuna.Study, hyperparameters: Mapping[str, Hyperparameter], *, is_open: bool = False
) -> list[str]:
    """Compare the space with the one that the study's last trial was drawn from.

    Args:
        study: the study.
        hyperparameters: of the space, by path.
        is_open: whether trials may have hyperparameters that the space does not know.

    Returns:
        A notice for each hyperparameter that is new, gone, or has another range: Optuna allows these.

    Raises:
        QGTuneError: with each hyperparameter that changed in kind, in choices, or between linear and logarithmic:
            Optuna does not allow these.
    """
    before, last = _distributions(study)
    if not before:
        return []
    problems: list[str] = []
    if hyperparameters and not is_open and not before.keys() & hyperparameters.keys():
        raise QGTuneError(
            f"Cannot go on with study {study.study_name!r}: it tunes {', '.join(sorted(before)[:3])}, and nothing of "
            "this space. It is another app's. Give another hydra.sweeper.study_name or storage."
        )
    notices = [
        f"Hyperparameter {path} is new in study {study.study_name!r}." for path in hyperparameters.keys() - before
    ]
    gone = set() if is_open else last.keys() - hyperparameters.keys()
    notices += [f"Hyperparameter {path} is not tuned any more." for path in gone]
    for path in before.keys() & hyperparameters.keys():
        old, news = before[path], [item.distribution for item in hyperparameters[path].all()]
        if old in news:
            continue
        new = news[0]
        if not _compatible(old, new):
            problems.append(
                f"Cannot go on with study {study.study_name!r}: {path} was {words(old)} and is now {words(new)}. "
                "Give another hydra.sweeper.study_name, or the old values."
            )
        else:
            notices.append(f"Hyperparameter {path} was {words(old)} and is now {words(new)}.")
    if problems:
        raise QGTuneError(*sorted(problems))
    return sorted(notices)


def _compatible(old: BaseDistribution, new: BaseDistribution) -> bool:
    try:
        check_distribution_compatibility(old, new)
    except ValueError:
        return False
    return True


def _distributions(study: optuna.Study) -> tuple[dict[str, BaseDistribution], dict[str, BaseDistribution]]:
    """Return the latest distribution of each hyperparameter that a trial had, and those of the last trial."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.distributions]
    before = {path: found for trial in trials for path, found in trial.distributions.items()}
    return before, dict(trials[-1].distributions) if trials else {}
