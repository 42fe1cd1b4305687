"""The keys of a tuning config, as the plain-Python functions read it, and their JSON schema for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qgtune.checks import Check, flag, number, optional, progress, seconds, seed, storage, text, whole
from qgtune.errors import Located, QGTuneError, did_you_mean
from qgtune.keys import Key
from qgtune.space.reading.schema import DIALECT
from qgtune.study import objectives
from qgtune.study.algorithms import names
from qgtune.study.objectives import Objectives, pruner_for
from qgtune.study.storages.addresses import redact
from qgtune.study.storages.opening import located
from qgtune.tune.files import File, as_path, load_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.space.reading.schema import Schema

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


KEYS: dict[str, Key] = {
    "tune_model": Key(
        False, flag, "Whether the search space's model section is tuned; if not, the base settings hold."
    ),
    "tune_training": Key(
        True, flag, "Whether the search space's training section is tuned; if not, the base settings hold."
    ),
    "base_settings_path": Key(
        None, optional(text), "The base settings. Paths are relative to the folder of this file."
    ),
    "search_space_path": Key(None, optional(text), "The search space."),
    "dependency_mapping_path": Key(None, optional(text), "The dependency mapping."),
    "built_search_space_path": Key(None, optional(text), "Where the first trial's settings are written."),
    "best_trial_path": Key(None, optional(text), "Where the best trial's values are written."),
    "best_param_path": Key(None, optional(text), "Where the best trial's whole settings are written."),
    "checkpoint_path": Key(
        None,
        optional(text),
        "Where qgtune.checkpoint_dir() has a folder for each configuration; null is beside the storage's file.",
    ),
    "study_name": Key("qgtune", text, "The study's name in its storage."),
    "storage": Key(
        None, optional(storage), "A journal file; null or memory keeps the study in memory, for one process."
    ),
    "direction": Key(
        "minimize",
        Check(_direction, objectives.SCHEMA),
        "minimize or maximize; for several objectives a list, or a mapping of their names.",
    ),
    "n_trials": Key(20, whole(1), "The total of the study is this times n_iterations."),
    "timeout": Key(None, optional(seconds), "Seconds after which no trial starts; null means no limit."),
    "timeout_grace": Key(
        None,
        optional(seconds),
        "Seconds after the timeout when running trials are given back; null lets them finish.",
    ),
    "trial_timeout": Key(
        None, optional(seconds), "Seconds that a trial may run before its process is ended; it failed."
    ),
    "stall_timeout": Key(None, optional(seconds), "Seconds without a report after which a trial's process is ended."),
    "n_jobs": Key(1, whole(1), "Threads a process."),
    "n_processes": Key(1, whole(1), "Processes that run trials at the same time."),
    "n_iterations": Key(1, whole(1), "The total of the study is this times n_trials."),
    "sampler": Key(
        None,
        optional(_component("sampler")),
        "A name, or a mapping with its name and arguments; null is Optuna's default.",
    ),
    "pruner": Key(
        None,
        optional(_component("pruner")),
        "A name, or a mapping with its name and arguments; null ends the worst quarter at each step but the first.",
    ),
    "seed": Key(None, optional(seed), "Repeats the sampled values with one process; null draws from the system."),
    "max_retries": Key(1, whole(0), "How often a trial whose process died is run again with the same values."),
    "retry_exceptions": Key(False, flag, "Whether a trial whose objective raised is run again, too."),
    "progress": Key("auto", progress, "How progress is shown: auto, bar, log or off."),
    "max_failure_rate": Key(1.0, number(0, 1), "The share of failed trials, from 0 to 1, above which the study stops."),
}


ALIASES = {
    "base_settings_file": "base_settings_path",
    "base_config_file": "base_settings_path",
    "search_space_file": "search_space_path",
    "depmap_file": "dependency_mapping_path",
    "built_search_space_file": "built_search_space_path",
    "best_trial_file": "best_trial_path",
    "best_config_file": "best_param_path",
    "best_param_file": "best_param_path",
}
"""Names that scripts of QGTune's have for keys."""


def check_settings(given: Mapping[str, Any], source: str = "") -> dict[str, Any]:
    """Check a tuning config and fill in its defaults.

    Args:
        given: the keys that the user set.
        source: the file, for errors.

    Raises:
        QGTuneError: with every unknown key and every wrong value.
    """
    of = f" of {source!r}" if source else ""
    given = {ALIASES.get(key, key) if ALIASES.get(key) not in given else key: value for key, value in given.items()}
    problems = [
        Located(f"Cannot use {key!r}{of}: there is no such key.{did_you_mean(str(key), KEYS)}", str(key), source)
        for key in given
        if key not in KEYS
    ]
    values: dict[str, Any] = {}
    for name, key in KEYS.items():
        try:
            values[name] = key.check(given.get(name, key.default))
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
    """Return the `_target_` mapping of the pruner; None for the default one."""
    given, wanted = settings["pruner"], Objectives.read(settings["direction"])
    return pruner_for(wanted, component("pruner", given), chosen=given is not None)


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
        value: a name; a mapping with `name` and arguments, or with a `_target_`; None for the default.

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


def tuning_schema() -> Schema:
    """Return the JSON schema of a tuning config."""
    properties: dict[str, Any] = {
        name: {"description": key.meaning, "default": key.default, **key.check.schema} for name, key in KEYS.items()
    }
    return {
        "$schema": DIALECT,
        "title": "Tuning config of qgtune",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
