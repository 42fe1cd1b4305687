"""What the command line asks for: fixed values, hyperparameters, and config groups to choose from."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, Quote, QuotedString, RangeSweep
from hydra.errors import HydraException
from omegaconf import OmegaConf

from qgtune.errors import QGTuneError
from qgtune.space.model import Hyperparameter, categorical
from qgtune.space.nodes import range_of
from qgtune.space.paths import format_path, parse_path, select

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig
    from optuna.distributions import BaseDistribution

_ODD = re.compile(r"[\\()\[\]{}:=, \t]")
_PLAIN_OPTION = re.compile(r"[A-Za-z_][\w./-]*")
COMMAND_LINE = "the command line"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a sweep, sorted by what they ask for.

    Attributes:
        fixed: overrides that hold for every trial, as written.
        fixed_paths: the config paths among them (no config groups), deleted ones too.
        fixed_texts: what was set, as text by key (no deletions).
        hyperparameters: ranges and choices for config paths.
        groups: choices between config groups; each one's path is the group as Hydra spells it.
    """

    fixed: tuple[str, ...] = ()
    fixed_paths: frozenset[str] = frozenset()
    hyperparameters: tuple[Hyperparameter, ...] = ()
    groups: tuple[Hyperparameter, ...] = ()
    fixed_texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Fixed:
    name: str
    source: str
    text: str
    makes_way: bool


@dataclass(slots=True)
class _Sorter:
    config_loader: ConfigLoader
    searchpath: list[str]
    problems: list[str] = field(default_factory=list)
    fixed: list[_Fixed] = field(default_factory=list)
    fixed_paths: dict[str, str] = field(default_factory=dict)
    hyperparameters: dict[str, Hyperparameter] = field(default_factory=dict)
    groups: dict[str, Hyperparameter] = field(default_factory=dict)
    fixed_texts: dict[str, str] = field(default_factory=dict)

    def sort(self, override: Override, source: str) -> None:
        name = override.get_key_element().lstrip("+~")
        self._forget(name, source)
        if not override.is_sweep_override():
            self.fixed.append(_Fixed(name, source, override.input_line or "", makes_way=_makes_way(override)))
            if not override.is_delete():
                self.fixed_texts[name] = str(override.get_value_element_as_str())
            if not self._is_group(override):
                self.fixed_paths[name] = _dots(name)
        elif self._is_group(override):
            self.groups[name] = categorical(name, _options(override, name, source), source, add=override.is_add())
        else:
            self.hyperparameters[name] = hyperparameter(override, source)

    def _forget(self, name: str, source: str) -> None:
        """Let a later argument for the same key win, as on Hydra's command line.

        What it may build upon stays: a deletion, an addition, and a mapping, with which others are merged.
        """
        self.fixed = [one for one in self.fixed if one.name != name or (one.source == source and not one.makes_way)]
        for kept in (self.fixed_paths, self.fixed_texts, self.hyperparameters, self.groups):
            kept.pop(name, None)

    def _is_group(self, override: Override) -> bool:
        return bool(self.config_loader.get_group_options(override.key_or_group, overrides=self.searchpath))


def _makes_way(override: Override) -> bool:
    """Say whether nothing is left of an override once the same key is set again."""
    is_plain = not (override.is_delete() or override.is_add() or override.is_force_add())
    return is_plain and not isinstance(override.value(), Mapping)


def parse_arguments(
    arguments: Sequence[str], params: Mapping[str, Any], config_loader: ConfigLoader, base: Any = None
) -> Arguments:
    """Sort the overrides of the command line and of `hydra.sweeper.params`; the command line wins.

    Args:
        arguments: overrides in Hydra's grammar, as in `training.lr=tag(log,interval(1e-4,1e-2))`.
        params: the same as a mapping of key to value; a list is choices where the base settings hold no list.
        config_loader: tells which keys are config groups.
        base: the base settings as plain data; their `hydra.searchpath` may bring further groups.

    Raises:
        QGTuneError: with every override that does not parse or asks for an impossible range.
    """
    added = select(base, parse_path("hydra.searchpath"))
    sorter = _Sorter(config_loader, [override_text("hydra.searchpath", added)] if isinstance(added, list) else [])
    texts = [(text, "hydra.sweeper.params") for text in _flat_params(params, base)]
    texts += [(text, COMMAND_LINE) for text in arguments]
    parser = OverridesParser.create(config_loader=config_loader)
    for text, source in texts:
        try:
            sorter.sort(parser.parse_overrides([text])[0], source)
        except QGTuneError as error:
            sorter.problems.extend(error.problems)
        except (HydraException, ValueError) as error:
            sorter.problems.append(f"Cannot read {text!r} of {source}: {' '.join(str(error).split())}.")
    if sorter.problems:
        raise QGTuneError(*sorter.problems)
    return Arguments(
        tuple(one.text for one in sorter.fixed),
        frozenset(sorter.fixed_paths.values()),
        tuple(sorter.hyperparameters.values()),
        tuple(sorter.groups.values()),
        sorter.fixed_texts,
    )


def task_overrides(config: DictConfig) -> list[str]:
    """Return the overrides that a config was composed with, as they were written: `x=${y}` is not resolved."""
    texts: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return list(texts)


def fixed_paths(arguments: Sequence[str], groups: Container[str]) -> frozenset[str]:
    """Return the paths whose values overrides of a plain run set; the choice of a config group's option sets none."""
    overrides = OverridesParser.create().parse_overrides(list(arguments))
    keys = (override.key_or_group for override in overrides)
    return frozenset(_dots(key) for key in keys if key not in groups)


def _flat_params(params: Mapping[str, Any], base: Any, prefix: str = "") -> list[str]:
    texts: list[str] = []
    for key, value in params.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            texts += _flat_params(value, base, f"{name}.")
        elif isinstance(value, list) and value and not isinstance(select(base, parse_path(name.lstrip("+"))), list):
            texts.append(f"{name}=choice({','.join(map(value_text, value))})")
        else:
            texts.append(f"{name}={value if isinstance(value, str) else value_text(value)}")
    return texts


def hyperparameter(override: Override, source: str) -> Hyperparameter:
    """Turn a sweep of Hydra's grammar into a hyperparameter.

    `choice(...)` and `a,b` are categorical; `range(a, b, step)` excludes `b`; `interval(a, b)` is a float range, and
    `int(interval(a, b))` an integer range that includes `b`; `tag(log, ...)` makes a range logarithmic.

    Raises:
        QGTuneError: for an empty or reversed range, or a logarithmic one from zero or below.
    """
    path = _dots(override.key_or_group)
    sweep = override.value()
    if isinstance(sweep, (RangeSweep, IntervalSweep)) and (unknown := sweep.tags - {"log"}):
        names = ", ".join(map(repr, sorted(unknown)))
        raise QGTuneError(f"Cannot use {override.input_line!r} of {source}: the only tag is log, not {names}.")
    add = override.is_add() or override.is_force_add()
    if isinstance(sweep, (RangeSweep, IntervalSweep)):
        try:
            return Hyperparameter(path, _range(sweep), source, add=add)
        except ValueError as error:
            raise QGTuneError(f"Cannot use {override.input_line!r} of {source}: {error}.") from None
    return categorical(path, _choices(override), source, add=add)


def _dots(key: str) -> str:
    return format_path(parse_path(key))


def _choices(override: Override) -> list[Any]:
    sweep = override.value()
    # In the order in which they are written, also in `shuffle(…)`: a study keeps the order of its choices.
    choices = sweep.list if isinstance(sweep, ChoiceSweep) and sweep.shuffle else override.sweep_iterator()
    return [without_quotes(choice) for choice in choices]


def _options(override: Override, name: str, source: str) -> list[Any]:
    options = _choices(override)
    if None in options:
        raise QGTuneError(
            f"Cannot choose null for the config group {name} ({source}): a group has no empty option. Add one, such as "
            f"an empty file {name}/none.yaml, and choose that."
        )
    return options


def option_text(group: Hyperparameter, option: Any) -> str:
    """Return the override that chooses an option of a config group, or a list of options."""
    return f"{'+' if group.add else ''}{group.path}={_option(option)}"


def _option(option: Any) -> str:
    if isinstance(option, list):
        return f"[{','.join(map(_option, option))}]"
    return str(option) if _PLAIN_OPTION.fullmatch(str(option)) else value_text(str(option))


def without_quotes(value: Any) -> Any:
    """Drop the quotes that Hydra's parser keeps around texts."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [without_quotes(item) for item in value]
    if isinstance(value, dict):
        return {without_quotes(key): without_quotes(item) for key, item in value.items()}
    return value


def _range(sweep: RangeSweep | IntervalSweep) -> BaseDistribution:
    """Return the distribution of a range.

    Raises:
        ValueError: when it is none: for what a range of a file is refused for, too.
    """
    log = "log" in sweep.tags
    if isinstance(sweep, IntervalSweep):
        return range_of([sweep.start, sweep.end, log])[0]
    low, high, step = _ends(sweep)
    return range_of([low, high, log or step])[0]


def _ends(sweep: RangeSweep) -> tuple[Any, Any, Any]:
    """Return the lowest and the highest value of a range, and its step; its stop is not one of them.

    Counted in the decimals that the user wrote: Hydra counts binary values, so that its `range(0.1,0.4,0.1)` reaches
    0.4. None of them is listed: there may be very many.
    """
    ends: tuple[Any, ...] = (sweep.start, sweep.stop, sweep.step)
    for cast in getattr(sweep, "transformers", ()):  # Hydra 1.4 casts values; before it cast the ends
        ends = tuple(map(cast, ends))
    kind = int if all(isinstance(end, int) for end in ends) else float
    if unfit := [end for end in ends if not math.isfinite(end)]:
        raise ValueError(f"{unfit[0]!r} is not finite. Give finite ends")
    start, stop, step = (Decimal(str(end)) for end in ends)
    if step == 0:
        raise ValueError("its step is zero")
    try:
        n_values = math.ceil((stop - start) / step)
        last = start + step * (n_values - 1)
    except ArithmeticError:
        raise ValueError(f"its step {step} is too small to tell its values apart") from None
    if n_values <= 0:
        raise ValueError("the range holds no value")
    low, high = sorted((kind(start), kind(last)))
    return low, high, kind(abs(step))


def override_text(path: str, value: Any, *, add: bool = False) -> str:
    """Return `path=value` in Hydra's grammar, which reads it back as the same value and type."""
    return f"{'+' if add else ''}{path}={value_text(value)}"


def value_text(value: Any) -> str:
    """Return a plain value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key_text(key)}:{value_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(value_text, value)) + "]"
    return QuotedString(value, Quote.single).with_quotes() if _needs_quotes(value) else str(value)


def _key_text(key: Any) -> str:
    """Return a key of a mapping: Hydra's grammar has no quotes for it, but escapes."""
    return _ODD.sub(r"\\\g<0>", key) if isinstance(key, str) else value_text(key)


def _needs_quotes(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return not is_word(value) or value.lower() in ("true", "false", "null", "nan", "inf")


def is_word(text: str) -> bool:
    """Say whether Hydra's grammar reads a text without quotes, whatever language its letters are of."""
    return text.isascii() and text.isidentifier()
