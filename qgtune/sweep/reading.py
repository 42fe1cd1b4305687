"""Reading `hydra.sweeper`: what its keys say together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.dependencies.resolvers import resolved
from qgtune.space.reading.yaml_files import load_yaml_file
from qgtune.study.algorithms.names import DEFAULT_PRUNER, PROMOTING_PRUNER, SAMPLERS
from qgtune.study.costs.budget import UNBOUNDED, Budget
from qgtune.study.objectives import NOP, pruner_for
from qgtune.study.storages.addresses import redact
from qgtune.sweep.compose.given import raw_node
from qgtune.sweep.settings import ALIASES, KEYS, KNOWN, N_TRIALS, UNSETTLED, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig


def read_settings(config: DictConfig) -> Settings:
    """Read and check `hydra.sweeper` of a composed config.

    Raises:
        QGTuneError: with every unknown key and every wrong value.
    """
    sweeper = config.hydra.sweeper
    node = {str(key): resolved(sweeper[key]) for key in sweeper if key not in UNSETTLED}
    _rename(node)
    if node.get("study_name") is None:
        node["study_name"] = config.hydra.job.name
    problems = [_unknown(key) for key in node if key not in KNOWN and not str(key).startswith("_")]
    node["where"] = raw_node(config, "where")
    values: dict[str, Any] = {}
    for name, one in KEYS.items():
        try:
            values[name] = None if one.check is None else one.check(node.get(name))
        except ValueError as error:
            shown = redact({name: node.get(name)})[name]
            problems.append(f"Cannot use hydra.sweeper.{name}={shown!r}: {error}.")
    if problems:
        raise QGTuneError(*problems)
    if len(values["direction"]) > 1 and (values["stop_at"], values["stop_after_no_improvement"]) != (None, None):
        raise QGTuneError("Cannot stop a study of several objectives early: none of its values is the best one.")
    try:
        values["pruner"] = pruner_for(
            values["direction"], values["pruner"], chosen=_chose_pruner(config, values["pruner"])
        )
    except ValueError as error:
        raise QGTuneError(f"Cannot use hydra.sweeper.pruner: {error}.") from None
    _check_promotion(values)
    _check_repeats(values)
    values["n_trials"] = _total(values["n_trials"], values["budget"])
    values["seed"], values["sampler"] = _seed(values["seed"], values["sampler"])
    if values["points"] is not None:
        values |= _of_points(Path(config.hydra.runtime.cwd, values["points"]))
    return Settings(**values)


def _of_points(file: Path) -> dict[str, Any]:
    """Return the settings of a sweep over the points in a file, whatever a search has in their place."""
    points = load_yaml_file(file, "points")
    if not isinstance(points, list) or not points:
        raise QGTuneError(f"Cannot use {str(file)!r} as hydra.sweeper.points: it is no list of points.")
    return {
        "enqueue": tuple(points),
        "enqueue_base": False,
        "sampler": {"_target_": f"optuna.samplers.{SAMPLERS['random']}"},
        "pruner": {"_target_": NOP},
        "fidelity": None,
        "repeats": None,
        "prior": None,
        "warm_start": (),
        "stop_at": None,
        "stop_after_no_improvement": None,
    }


def _total(n_trials: int | None, budget: Budget | None) -> int:
    """Return the study's total: what was given, but no more than the budget has."""
    if budget is None:
        return n_trials or N_TRIALS
    return min(n_trials or UNBOUNDED, budget.trials or UNBOUNDED)


def _check_promotion(values: Mapping[str, Any]) -> None:
    promotes = (values["pruner"] or {}).get("_target_") == PROMOTING_PRUNER
    if promotes and values["fidelity"] is None:
        raise QGTuneError("Cannot use hydra/sweeper/pruner=asha_promote: give hydra.sweeper.fidelity, too.")
    if values["fidelity"] is not None and not promotes:
        raise QGTuneError(
            "Cannot use hydra.sweeper.fidelity: it is for hydra/sweeper/pruner=asha_promote. Give that, too."
        )
    if promotes and len(values["direction"]) > 1:
        raise QGTuneError(
            "Cannot use hydra/sweeper/pruner=asha_promote with several objectives: none ranks the trials."
        )


def _check_repeats(values: Mapping[str, Any]) -> None:
    if values["repeats"] is None:
        return
    if values["fidelity"] is not None:
        raise QGTuneError(
            "Cannot use hydra.sweeper.repeats with hydra/sweeper/pruner=asha_promote: both run a configuration "
            "several times. Take another pruner, or no repeats."
        )
    if len(values["direction"]) > 1:
        raise QGTuneError(
            "Cannot use hydra.sweeper.repeats with several objectives: what a configuration is worth is one value. "
            "Tune one objective, or give no repeats."
        )


def _chose_pruner(config: DictConfig, pruner: Any) -> bool:
    """Say whether the user chose the pruner, rather than leave the group and its arguments alone."""
    choice = config.hydra.runtime.get("choices", {}).get("hydra/sweeper/pruner")
    return bool(choice != "default" or pruner not in (None, {"_target_": DEFAULT_PRUNER}))


def _rename(node: dict[str, Any]) -> None:
    for alias, name in ALIASES.items():
        if (value := node.pop(alias, None)) is not None:
            node[name] = value


def _unknown(key: Any) -> str:
    return f"Cannot use hydra.sweeper.{key}: there is no such key.{did_you_mean(str(key), KNOWN)}"


def _seed(seed: int | None, sampler: dict[str, Any] | None) -> tuple[int | None, dict[str, Any] | None]:
    """Take `sampler.seed`, as the official sweeper spells it, for the seed of the study."""
    if sampler is None or "seed" not in sampler:
        return seed, sampler
    rest = {key: value for key, value in sampler.items() if key != "seed"}
    return (sampler["seed"] if seed is None else seed), rest
