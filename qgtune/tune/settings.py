"""The keys of a tuning config, as the plain-Python functions read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qgtune.checks import Check, flag, number, optional, seed, storage, text, whole
from qgtune.errors import Located, QGTuneError, did_you_mean
from qgtune.study import objectives
from qgtune.study.algorithms import names
from qgtune.study.objectives import Objectives, pruner_for
from qgtune.study.storages.addresses import redact
from qgtune.study.storages.opening import located
from qgtune.tune.files import File, as_path, load_yaml

if TYPE_CHECKING:
    from pathlib import Path

PATHS = (
    "base_settings_path",
    "search_space_path",
    "dependency_mapping_path",
    "built_search_space_path",
    "best_trial_path",
    "best_param_path",
)


def _component(kind: str) -> Check[Any]:
    def check(value: Any) -> Any:
        component(kind, value)
        return value

    names = {"enum": list(_known(kind))}
    named = {"type": "object", "required": ["name"], "properties": {"name": names}}
    own = {"type": "object", "required": ["_target_"]}
    return Check(check, {"anyOf": [names, named, own]})


def _known(kind: str) -> Mapping[str, str]:
    return names.SAMPLERS if kind == "sampler" else names.PRUNERS


def _direction(value: Any) -> Any:
    Objectives.read(value)
    return value


CHECKS: dict[str, tuple[Check[Any], Any]] = {
    "tune_model": (flag, False),
    "tune_training": (flag, True),
    **{path: (optional(text), None) for path in PATHS},
    "study_name": (text, "qgtune"),
    "storage": (optional(storage), None),
    "direction": (Check(_direction, objectives.SCHEMA), "minimize"),
    "n_trials": (whole(1), 20),
    "timeout": (optional(number(0, float("inf"))), None),
    "n_jobs": (whole(1), 1),
    "n_processes": (whole(1), 1),
    "n_iterations": (whole(1), 1),
    "sampler": (optional(_component("sampler")), None),
    "pruner": (optional(_component("pruner")), None),
    "seed": (optional(seed), None),
    "max_retries": (whole(0), 1),
    "retry_exceptions": (flag, False),
    "max_failure_rate": (number(0, 1), 1.0),
}


def check_settings(given: Mapping[str, Any], source: str = "") -> dict[str, Any]:
    """Check a tuning config and fill in its defaults.

    Args:
        given: the keys that the user set.
        source: the file, for errors.

    Raises:
        QGTuneError: with every unknown key and every wrong value.
    """
    of = f" of {source!r}" if source else ""
    problems = [
        Located(f"Cannot use {key!r}{of}: there is no such key.{did_you_mean(str(key), CHECKS)}", str(key), source)
        for key in given
        if key not in CHECKS
    ]
    values: dict[str, Any] = {}
    for name, (check, default) in CHECKS.items():
        try:
            values[name] = check(given.get(name, default))
        except (ValueError, QGTuneError) as error:
            problem = f"Cannot use {name}={redact(given.get(name))!r}{of}: {str(error).removesuffix('.')}."
            problems.append(Located(problem, name, source))
    if problems:
        raise QGTuneError(*problems)
    try:
        pruner(values)
    except ValueError as error:
        raise QGTuneError(f"Cannot use pruner={values['pruner']!r}{of}: {error}.") from None
    return values


def pruner(settings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the `_target_` mapping of the pruner: Optuna's median pruner unless said otherwise."""
    given, wanted = settings["pruner"], Objectives.read(settings["direction"])
    return pruner_for(wanted, component("pruner", given or "median"), chosen=given is not None)


def _read(given: Any, file: Path) -> dict[str, Any]:
    """Check what a tuning config file holds, and make its paths absolute.

    Raises:
        QGTuneError: with every problem.
    """
    if not isinstance(given, Mapping):
        raise QGTuneError(f"Cannot read the tuning config {str(file)!r}: it is no mapping.")
    values = check_settings(given, str(file))
    folder = file.absolute().parent
    for name in PATHS:
        if values[name] is not None:
            values[name] = str(folder / values[name])
    values["storage"] = located(values["storage"], folder)
    return values


def component(kind: str, value: Any) -> Mapping[str, Any] | None:
    """Turn a sampler or pruner of a tuning config into a mapping with a `_target_`.

    Args:
        kind: `sampler` or `pruner`.
        value: a name; a mapping with `name` and arguments, or with a `_target_`; None for Optuna's default.

    Raises:
        QGTuneError: for an unknown name.
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and "_target_" in value:
        return value
    arguments = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = arguments.pop("name", None)
    known = _known(kind)
    if not isinstance(name, str) or name not in known:
        hint = did_you_mean(str(name), known)
        raise QGTuneError(f"there is no {kind} {name!r}. Give one of {', '.join(known)}.{hint}")
    return {"_target_": f"optuna.{kind}s.{known[name]}", **arguments}


def get_tuning_settings(path: File) -> dict[str, Any]:
    """Read and check a tuning config.

    Args:
        path: the YAML file. Paths in it are relative to its folder.

    Returns:
        Its keys, with absolute paths, and a default for each key that it leaves out.

    Raises:
        FileNotFoundError: when there is no such file.
        QGTuneError: with every unknown key and every wrong value.
    """
    file = as_path(path, "tuning config")
    return _read(load_yaml(file, "tuning config"), file)
