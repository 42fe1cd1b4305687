"""Tune the same classifier as `train.py` without Hydra: a few YAML files and `qgtune.tune`.

python examples/tune_example.py
python examples/tune_example.py --data fashion-mnist --folder fashion
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from qgtune import QGTuneError, tune

if TYPE_CHECKING:
    import optuna

BASE_SETTINGS = """\
data: {{name: {name}, root: data, num_features: {features}, num_classes: 10, validation_fraction: 0.2, split_seed: 0}}
model:
  nn:
    - {{in_dim: {features}, out_dim: 64, dropout: 0.1}}
    - {{in_dim: 64, out_dim: 64, dropout: 0.1}}
    - {{in_dim: 64, out_dim: 32, dropout: 0.0}}
  head: {{in_dim: 32, out_dim: 10}}
training: {{seed: 0, device: cpu, threads: 1, epochs: 10, batch_size: 32, optimizer: adam, lr: 1e-3}}
"""

SEARCH_SPACE = """\
model:
  nn:
    - {out_dim: [32, 64, 128], dropout: {type: tuple, value: [0.0, 0.4, 0.1]}}
    - {out_dim: [32, 64, 128], dropout: {type: tuple, value: [0.0, 0.4, 0.1]}}
    - {out_dim: [32, 64], dropout: {type: tuple, value: [0.0, 0.4, 0.1]}}
training:
  batch_size: [16, 32, 64]
  lr: {type: tuple, value: [1e-4, 1e-1, true]}
"""

DEPENDENCY_MAPPING = """\
model:
  nn:
    - {}
    - {in_dim: "model.nn[0].out_dim"}
    - {in_dim: "model.nn[1].out_dim"}
  head:
    in_dim: "model.nn[-1].out_dim"
"""

TUNING_CONFIG = """\
tune_model: true
tune_training: true
base_settings_path: base_settings.yaml
search_space_path: search_space.yaml
dependency_mapping_path: dependency_mapping.yaml
built_search_space_path: built_search_space.yaml
study_name: tune_example
storage: study.log
direction: maximize
n_trials: 5
n_iterations: 2
n_processes: 2
best_trial_path: best_trial.yaml
best_param_path: best_config.yaml
seed: 42
"""

FEATURES = {"digits": 64, "fashion_mnist": 784}


def objective(trial: optuna.Trial, tuning_config: dict[str, Any]) -> float:
    """Train with one trial's settings and return the validation accuracy."""
    from fit import fit

    settings = tune.build_search_space_with_dependencies(
        tuning_config["search_space_path"],
        tuning_config["dependency_mapping_path"],
        trial,
        tune_model=tuning_config["tune_model"],
        tune_training=tuning_config["tune_training"],
        base_settings_file=tuning_config["base_settings_path"],
        built_search_space_file=tuning_config["built_search_space_path"],
    )

    def report(accuracy: float, epoch: int) -> None:
        import optuna

        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    return fit(OmegaConf.create(settings), report)


def write_files(folder: Path, data: str) -> Path:
    """Write the four YAML files; return the path of the tuning config."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "base_settings": BASE_SETTINGS.format(name=data, features=FEATURES[data]),
        "search_space": SEARCH_SPACE,
        "dependency_mapping": DEPENDENCY_MAPPING,
        "tuning_config": TUNING_CONFIG,
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "tuning_config.yaml"


def main() -> None:
    """Write the files, run the study, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=[name.replace("_", "-") for name in FEATURES], default="digits")
    parser.add_argument("--folder", type=Path, default=Path("tune_example"), help="where the YAML files and results go")
    arguments = parser.parse_args()
    tuning_config = tune.get_tuning_settings(write_files(arguments.folder, arguments.data.replace("-", "_")))
    try:
        study = tune.optimize(objective, tuning_config)
    except QGTuneError as error:
        sys.exit(str(error))
    print(f"{len(study.trials)} trials, {sum(trial.state.name == 'PRUNED' for trial in study.trials)} of them pruned")
    print(f"Best accuracy: {study.best_value:.4f} (trial {study.best_trial.number})")
    print(f"Best config:   {tuning_config['best_param_path']}")


if __name__ == "__main__":
    main()
