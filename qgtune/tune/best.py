"""The best trial and the best config of a study, in YAML files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from omegaconf import OmegaConf
from optuna.trial import FixedTrial, FrozenTrial

from qgtune.errors import QGTuneError
from qgtune.files import check_writable, write_whole
from qgtune.results.best import best_trials, params_of
from qgtune.results.recorded import resolve_plain
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.editing import assign
from qgtune.space.paths import MISSING, parse_path, select, suggestions
from qgtune.space.reading.build import apply_dependencies
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml_file, write_yaml
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.tune.files import (
    File,
    as_path,
    build_search_space,
    build_search_space_with_dependencies,
    existing,
    load_yaml,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

log = logging.getLogger("qgtune")


@dataclass(frozen=True)
class BestFiles(Lifecycle):
    """Writes the best trial and its config at the end of `optimize`.

    Attributes:
        settings: the tuning config, checked.
    """

    settings: Mapping[str, Any]

    def check(self) -> None:
        """Check that the files can be written.

        Raises:
            QGTuneError: for each that cannot.
        """
        keys = ("built_search_space_path", "best_trial_path", "best_param_path")
        check_writable({key: Path(self.settings[key]) for key in keys if self.settings[key] is not None})

    def sweep_ended(self, session: OpenStudy) -> None:
        """Write them, if there is one best trial."""
        study, trial_path = session.study, self.settings["best_trial_path"]
        if trial_path is None or len(study.directions) > 1 or not best_trials(study):
            return
        save_best_trial(study, trial_path)
        built, output = self.settings["built_search_space_path"], self.settings["best_param_path"]
        if output is None:
            return
        if built is None or not Path(built).exists():
            log.warning("No best config is written: the objective built no search space at %s.", built)
            return
        try:
            write_yaml(Path(output), self._built(best_trials(study)[0]))
        except (QGTuneError, ValueError, TypeError, OSError):  # the objective has other files or values of its own
            save_best_config(built, trial_path, self.settings["dependency_mapping_path"], output)

    def _built(self, best: FrozenTrial) -> dict[str, Any]:
        """Return the settings of a trial: what the first one had does not say what other branches have."""
        return build_search_space_with_dependencies(
            self.settings["search_space_path"],
            self.settings["dependency_mapping_path"],
            FixedTrial(dict(best.params)),
            self.settings["tune_model"],
            self.settings["tune_training"],
            self.settings["base_settings_path"],
        )


def save_best_trial(study: optuna.Study, out_file: File) -> None:
    """Write the best trial's hyperparameters to a YAML file, `path: value`; floats read back the same.

    Raises:
        QGTuneError: when no trial completed, or the study has several objectives.
        TypeError: when an argument has the wrong type.
    """
    if not hasattr(study, "best_trials"):
        raise TypeError(f"study must be an optuna Study, not {type(study).__name__}")
    path = as_path(out_file, "best trial")
    if len(study.directions) > 1:
        raise QGTuneError(f"Cannot save the best trial of {study.study_name!r}: it has several objectives.")
    best = best_trials(study)
    if not best:
        raise QGTuneError(f"Cannot save the best trial of {study.study_name!r}: no trial completed. Run more trials.")
    write_yaml(path, params_of(best[0]))


@overload
def save_best_config(config_file: File, best_trial: FrozenTrial, output_file: File) -> None: ...


@overload
def save_best_config(
    built_search_space_file: File, best_trial_file: File, depmap_file: File | None, output_file: File
) -> None: ...


def save_best_config(*files: Any, **named: Any) -> None:
    """Write the best trial's whole settings: with its hyperparameters and all dependencies applied.

    Args:
        *files: `config_file`, `best_trial` and `output_file`: the file with QuantumGrav's tags that
            `build_search_space` read, a trial such as `study.best_trial`, and where to write; objects are written as
            tags again. Or `built_search_space_file`, `best_trial_file`, `depmap_file` and `output_file`: what
            `build_search_space_with_dependencies` and `save_best_trial` wrote, the dependency mapping (None for none),
            and where to write.
        **named: the same by name.

    Raises:
        FileNotFoundError: when a file is missing.
        QGTuneError: with each path of the best trial that the built settings lack, or each problem of the files.
        TypeError: when an argument is no path, or there is one too many or too few.
    """
    is_tagged = (
        "config_file" in named or "best_trial" in named or (len(files) > 1 and isinstance(files[1], FrozenTrial))
    )
    (_save_tagged if is_tagged else _save_built)(*files, **named)


def _save_tagged(config_file: File, best_trial: FrozenTrial, output_file: File) -> None:
    output = as_path(output_file, "best config")
    write_whole(output, dump_yaml(build_search_space(config_file, FixedTrial(dict(best_trial.params))), tags=True))


def _save_built(
    built_search_space_file: File, best_trial_file: File, depmap_file: File | None, output_file: File
) -> None:
    register_resolvers()
    output = as_path(output_file, "best config")
    built = load_yaml(built_search_space_file, "built search space")
    best = load_yaml(best_trial_file, "best trial")
    mapping = None
    if depmap_file is not None:
        mapping = load_yaml_file(existing(depmap_file, "dependency mapping"), "dependency mapping")
    config = OmegaConf.create(built)
    _set_all(config, built, best, str(best_trial_file))
    apply_dependencies(config, mapping, source=str(depmap_file))
    write_yaml(output, resolve_plain(config))


def _set_all(config: Any, built: Any, best: Any, source: str) -> None:
    if not isinstance(best, dict) or not isinstance(built, dict):
        raise QGTuneError(f"Cannot read the best trial {source!r}: it is no mapping of paths to values.")
    problems = [
        f"Cannot use {path} of {source!r}: the built search space has no such path."
        f"{suggestions(built, parse_path(path))}"
        for path in best
        if select(built, parse_path(str(path))) is MISSING
    ]
    if problems:
        raise QGTuneError(*problems)
    for path, value in best.items():
        assign(config, parse_path(path), value)
