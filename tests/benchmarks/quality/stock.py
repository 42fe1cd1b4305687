"""A shell of stock Optuna: one of several that share a journal."""

import sys
from pathlib import Path

import optuna
from app import train
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from tables import Table


def main(folder: str, seed: str, rank: str, n_trials: str) -> None:
    """Tune until the study has its trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = Table.load(Path(folder) / "table")

    def objective(trial: optuna.Trial) -> float:
        values = {
            name: trial.suggest_int(name, 0, choices - 1)
            if isinstance(choices, int)
            else trial.suggest_categorical(name, choices)
            for name, choices in table.space.items()
        }
        return train(folder, int(seed), trial.number, values)

    backend = JournalFileBackend(str(Path(folder) / "study.log"))
    study = optuna.create_study(
        study_name="stock",
        storage=optuna.storages.JournalStorage(backend),
        sampler=optuna.samplers.TPESampler(seed=1000 * int(seed) + int(rank)),
        load_if_exists=True,
    )
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.RUNNING)
    study.optimize(objective, callbacks=[MaxTrialsCallback(int(n_trials), states=states)])


if __name__ == "__main__":
    main(*sys.argv[1:])
