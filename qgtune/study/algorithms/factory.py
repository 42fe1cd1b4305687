"""Samplers, pruners and storages from `_target_` mappings."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.counting import in_decimals
from qgtune.study.algorithms.names import NEEDS
from qgtune.study.algorithms.pruning import WorstQuarterPruner

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Conf = Mapping[str, Any] | None


def build_sampler(conf: Conf, seed: int | None) -> BaseSampler | None:
    """Build a sampler.

    Args:
        conf: `_target_` and the arguments that the user set; nested mappings with a `_target_` are built, too.
            None means Optuna's default.
        seed: the seed for every sampler in it that takes one and was given none.

    Raises:
        QGTuneError: when the target cannot be imported, refuses its arguments, or is no sampler.
    """
    sampler: BaseSampler | None = _build_checked(conf, seed, BaseSampler, "sampler")
    return None if sampler is None else _counting_in_decimals(sampler)


def _counting_in_decimals(sampler: BaseSampler) -> BaseSampler:
    """Let a sampler give stepped floats as decimals, so that the study holds 0.3 and not 0.30000000000000004."""
    one, several = sampler.sample_independent, sampler.sample_relative

    def sample_independent(study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        return in_decimals(one(study, trial, name, distribution), distribution)

    def sample_relative(study: Study, trial: FrozenTrial, space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return {name: in_decimals(value, space[name]) for name, value in several(study, trial, space).items()}

    sampler.sample_independent = sample_independent  # type: ignore[method-assign,assignment]
    sampler.sample_relative = sample_relative  # type: ignore[method-assign,assignment]
    return sampler


def build_pruner(conf: Conf) -> BasePruner:
    """Build a pruner, as `build_sampler` does a sampler; None means the default one."""
    pruner: BasePruner | None = _build_checked(conf, None, BasePruner, "pruner")
    return pruner or WorstQuarterPruner()


def build_storage(conf: Conf) -> BaseStorage:
    """Build a storage, as `build_sampler` does a sampler."""
    storage: BaseStorage = _build_checked(conf, None, BaseStorage, "storage")
    return storage


def _build_checked(conf: Conf, seed: int | None, kind: type[Any], what: str) -> Any:
    if conf is None:
        return None
    if not isinstance(conf, Mapping) or "_target_" not in conf:
        raise QGTuneError(
            f"Cannot build the {what}: {conf!r} has no `_target_`. "
            f"Choose one with hydra/sweeper/{what}=<name>, or set hydra.sweeper.{what}._target_."
        )
    built = _build(conf, seed, what)
    if not isinstance(built, kind):
        raise QGTuneError(
            f"Cannot build the {what}: {conf['_target_']} gives a {type(built).__name__}, which is no {kind.__name__}."
        )
    return built


def _build(conf: Mapping[str, Any], seed: int | None, what: str) -> Any:
    target = _import(str(conf["_target_"]), what)
    _check_needs(str(conf["_target_"]), what)
    arguments = {key: _argument(value, seed, what) for key, value in conf.items() if not _is_directive(key)}
    if seed is not None and inspect.isclass(target) and issubclass(target, BaseSampler):
        arguments = _with_seed(target, arguments, seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # whoever names one has decided
            return target(**arguments)
    except ImportError as error:
        raise QGTuneError(
            f"Cannot build the {what} {conf['_target_']}: {_one_line(error)} Install the package that it needs."
        ) from error
    except Exception as error:
        raise QGTuneError(f"Cannot build the {what} {conf['_target_']}: {_one_line(error).rstrip('.')}.") from error


def _check_needs(target: str, what: str) -> None:
    """Miss a package now rather than when the first trial is sampled."""
    module, _, name = target.rpartition(".")
    packages, extra = NEEDS.get(name, ((), "")) if module.startswith("optuna.") else ((), "")
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise QGTuneError(
            f"Cannot build the {what} {target}: {' and '.join(missing)} is not installed. "
            f"Install the extra: pip install 'qgtune[{extra}]'."
        )


def _argument(value: Any, seed: int | None, what: str) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return _build(value, seed, what)
        return {key: _argument(item, seed, what) for key, item in value.items()}
    if isinstance(value, list):
        return [_argument(item, seed, what) for item in value]
    return value


def _with_seed(target: type[BaseSampler], arguments: dict[str, Any], seed: int) -> dict[str, Any]:
    if "seed" in inspect.signature(target).parameters and arguments.get("seed") is None:
        return {**arguments, "seed": seed}
    return arguments


def _is_directive(key: str) -> bool:
    return key in ("_target_", "_convert_", "_recursive_", "_partial_")


def _import(target: str, what: str) -> Any:
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise QGTuneError(f"Cannot build the {what}: module {module_name!r} does not import: {error}.") from error
    try:
        return getattr(module, name)
    except AttributeError:
        known = [known for known in dir(module) if not known.startswith("_")]
        raise QGTuneError(
            f"Cannot build the {what}: {module_name!r} has no {name!r}.{did_you_mean(name, known)}"
        ) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
