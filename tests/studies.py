"""Studies and sweep folders made by hand, for tests of what reads them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from qgtune.space.reading.yaml_files import write_yaml
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.storages.opening import open_storage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SPACE = {
    "model.layers.0.width": IntDistribution(1, 512),
    "model.layers.1.width": IntDistribution(1, 512),
    "model.sizes": CategoricalDistribution(["[1,2]", "[3,4]"]),
    "training.optimizer": CategoricalDistribution(["adam", "sgd"]),
    "training.lr": FloatDistribution(1e-5, 1.0, log=True),
}
PARAMS = dict(zip(SPACE, (128, 64, "[3,4]", "adam", 0.012345678901234567), strict=True))
START = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as Optuna has it


def trial(state: TrialState = TrialState.COMPLETE, values: Sequence[float] = (), **given: Any) -> FrozenTrial:
    """Return a trial that took 90.5 seconds; `given` are user attributes, `params` and `reason`."""
    params = given.pop("params", PARAMS)
    made = create_trial(
        state=state,
        values=list(values) or None,
        params=params,
        distributions={path: SPACE[path] for path in params},
        user_attrs={ATTRIBUTE: Attempt(reason=given.pop("reason")).to_attribute()} if "reason" in given else given,
    )
    made.datetime_start = None if state == TrialState.WAITING else START
    made.datetime_complete = START + timedelta(seconds=90.5) if state.is_finished() else None
    return made


def mixed_trials() -> list[FrozenTrial]:
    """Return trials of every state."""
    failed = trial(TrialState.FAIL, reason="ValueError: it, of all things, went wrong")
    return [
        trial(values=[0.5]),
        trial(values=[0.25], params={**PARAMS, "training.lr": 1e-3}),
        trial(TrialState.PRUNED, [0.75]),
        failed,
        trial(TrialState.RUNNING, params={"training.lr": 0.5}),
        trial(TrialState.WAITING, params={}),
    ]


def make_study(journal: Path | str, trials: Sequence[FrozenTrial], name: str = "train", **given: Any) -> optuna.Study:
    """Write a study of trials; `given` is for `create_study`."""
    study = optuna.create_study(study_name=name, storage=open_storage(str(journal)), **given)
    for one in trials:
        study.add_trial(one)
    return study


def make_studies(journal: Path, *names: str) -> None:
    """Write a journal that holds studies of one trial each."""
    open_storage(str(journal))
    for name in names:
        make_study(journal, [trial(values=[0.5])], name)


def make_sweep(folder: Path, trials: Sequence[FrozenTrial] | None = None, **sweeper: Any) -> Path:
    """Write what a sweep leaves: a config as Hydra saves it, and a journal with one study."""
    config = {
        "hydra": {
            "sweep": {"dir": "multirun/${now:%H-%M-%S}", "subdir": "${hydra.job.num}"},
            "sweeper": {"storage": "${hydra.sweep.dir}/study.log", "study_name": "${hydra.job.name}", **sweeper},
            "job": {"name": "train", "num": "???", "id": "???"},
            "runtime": {"cwd": str(folder.parent)},
        },
        "lr": 0.1,
    }
    write_yaml(folder / "multirun.yaml", config)
    make_study(folder / "study.log", [trial(values=[0.5])] if trials is None else trials)
    return folder
