"""The record of a trial: what its function got, written before it ran. Whatever tells of a trial's config copies it."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.files import short_path, write_whole
from qgtune.space.editing import assign, plain
from qgtune.space.paths import children, texts_of
from qgtune.space.reading.yaml_files import as_plain, dump_yaml, is_plain, load_yaml_file
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from qgtune.space.paths import Parts

FOLDER = Path(".qgtune", "trials")
UNREADABLE = (Exception, SystemExit, GeneratorExit)
"""What reading a value may raise, where a resolver is anybody's code; only a signal is none of its doing."""
# A resolver that is none of these may give another value at each reading.
_OWN_RESOLVER = re.compile(r"\$\{\s*(?!oc\.|qgtune\.|hydra:|now:|python_version:)[^\s{}:]+:")
_N_READINGS = 32
_READINGS_S = 0.02
"""How often, and for how long at most, a value is read that might be another one the next time: a coin may fall twice
on the same side."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a trial had.

    Attributes:
        config: its function's config as plain data, all resolved but for what leads into the run's own folder.
        overrides: what makes that config of the app's own on the command line.
        differs: why the overrides make another one; empty if they do not.
        shared: the config that all repeats of its configuration have; None where there are no repeats.
        own: those of the overrides that only this repeat has.
    """

    config: Any
    overrides: tuple[str, ...] = ()
    differs: str = ""
    shared: Any = None
    own: tuple[str, ...] = ()

    @property
    def of_configuration(self) -> Record:
        """The record of all repeats: what differs between them has the value of the base settings."""
        if self.shared is None:
            return self
        overrides = list(self.overrides)
        for text in self.own:  # the last one is: the command line may have set the same before
            del overrides[len(overrides) - 1 - overrides[::-1].index(text)]
        return Record(self.shared, tuple(overrides), self.differs)

    def write(self, sweep: Path, number: int) -> None:
        """Keep it as that of trial `number` of the sweep in this folder."""
        data = {"config": self.config, "overrides": list(self.overrides)}
        more = {"differs": self.differs, "shared": self.shared, "own": list(self.own)}
        text = dump_yaml(data | {key: value for key, value in more.items() if value})
        write_whole(_file(sweep, number), text, sync=False)  # a trial that a power cut ends is run again

    @classmethod
    def read(cls, sweep: Path | None, trial: FrozenTrial) -> Record:
        """Read the record of a trial.

        Args:
            sweep: the folder to look in first, since it may have been moved; None for none.
            trial: it knows the folder of the sweep that ran it.

        Raises:
            QGTuneError: when there is none.
        """
        number, own = trial.number, Attempt.of(trial).folder
        places = [_file(folder, number) for folder in (sweep, Path(own) if own else None) if folder is not None]
        path = next((path for path in places if path.is_file()), None)
        if path is None:
            where = f"{short_path(places[-1])} is not there" if places else "no sweep has run it"
            raise QGTuneError(
                f"Cannot find the config of trial {number}: {where}. It is written on the host where the trial runs."
            )
        return cls._load(path, number)

    @classmethod
    def of_number(cls, sweep: Path, number: int) -> Record:
        """Read the record that trial `number` left in its sweep's folder.

        Raises:
            QGTuneError: when there is none.
        """
        return cls._load(_file(sweep, number), number)

    @classmethod
    def _load(cls, path: Path, number: int) -> Record:
        data: Any = load_yaml_file(path, "record of the trial")
        try:
            own = tuple(map(str, data.get("own", ())))
            shared, differs = data.get("shared"), str(data.get("differs", ""))
            return cls(data["config"], tuple(map(str, data["overrides"])), differs, shared, own)
        except (KeyError, TypeError):
            raise QGTuneError(f"Cannot read the config of trial {number}: {path} is no record of a trial.") from None


def _file(sweep: Path, number: int) -> Path:
    return sweep / FOLDER / f"{number}.yaml"


def pin_random_values(config: DictConfig) -> Any:
    """Set what a resolver without a memory gave as the value, so that whoever reads it next gets the same.

    What gave the same at many readings is left to itself: the function may change what it is made of.

    Returns:
        The config then as plain data, interpolations as text.
    """
    raw, n_pinned = plain(config), 0
    for parts, text in texts_of(raw):
        if _OWN_RESOLVER.search(text) and _varies(config, parts, text):
            with suppress(*UNREADABLE):
                assign(config, parts, as_plain(_read(config, parts)))  # refuses what is no plain data
                n_pinned += 1
    return plain(config) if n_pinned else raw


def _varies(config: DictConfig, parts: Parts, text: str) -> bool:
    """Say whether an interpolation may give another value at each reading, as far as this process has seen."""
    if text in _varying:
        return True
    try:
        first, end_s = _read(config, parts), time.monotonic() + _READINGS_S
        for _ in range(1 if text in _steady else _N_READINGS):
            if _read(config, parts) != first:
                _varying.add(text)
                return True
            if time.monotonic() > end_s:
                return False
    except UNREADABLE:
        return False
    _steady.add(text)
    return False


_varying: set[str] = set()
_steady: set[str] = set()


def recorded(config: DictConfig, hydra_node: DictConfig, raw: Any = None) -> Any:
    """Return a config as its function sees it: plain data that reads back, by itself, as the same config.

    Args:
        config: without its `hydra` node.
        hydra_node: that node, which knows the run's own folder. What leads there stays the interpolation that it was,
            so that another run of the same config writes into a folder of its own.
        raw: the config as plain data, interpolations as text, where that is known already.
    """
    raw = plain(config) if raw is None else raw
    if not any("${" in text or text == "???" for _parts, text in texts_of(raw)):
        return _escaped(raw, raw)
    return _as_seen(raw, resolve_plain(config), _leading_into(hydra_node))


def _leading_into(hydra_node: DictConfig) -> re.Pattern[str]:
    """Return what finds the run's own folder in a text, however the text names it."""
    folder = str(hydra_node.runtime.output_dir)
    relative = {os.path.relpath(folder, hydra_node.runtime.cwd)}
    for keys in (("run.dir",), ("sweep.dir", "sweep.subdir")):
        with suppress(*UNREADABLE):
            relative.add(os.path.normpath("/".join(str(OmegaConf.select(hydra_node, key)) for key in keys)))
    # A single name such as `1` may be anything.
    named = [rf"(?<![\w-]){re.escape(path)}(?!\d)" for path in relative if len(Path(path).parts) > 1]
    return re.compile("|".join([re.escape(folder), *named]))


def _as_seen(raw: Any, seen: Any, own_folder: re.Pattern[str]) -> Any:
    if isinstance(raw, dict) and isinstance(seen, dict):
        return {key: _as_seen(raw.get(key), value, own_folder) for key, value in seen.items()}
    if isinstance(raw, list) and isinstance(seen, list):
        return [_as_seen(*pair, own_folder) for pair in zip(raw, seen, strict=True)]
    if isinstance(raw, str) and "${" in raw and _holds(seen, own_folder):
        return raw
    return _escaped(raw, seen)


def _holds(seen: Any, text: re.Pattern[str]) -> bool:
    items = list(children(seen))
    return any(_holds(item, text) for _key, item in items) if items else text.search(str(seen)) is not None


def _escaped(raw: Any, seen: Any) -> Any:
    r"""Write `${…}` that is mere text, as `\\${…}` gives it, so that it is read as text again."""
    if isinstance(seen, dict):
        return {key: _escaped(None, value) for key, value in seen.items()}
    if isinstance(seen, list):
        return [_escaped(None, value) for value in seen]
    is_text = isinstance(seen, str) and raw != seen  # what did not resolve stays an interpolation
    return seen.replace("${", "\\${") if is_text else seen


def resolve_plain(config: Any) -> Any:
    """Return a config as plain Python data with every interpolation resolved.

    A value that does not resolve (a missing `???`, an unset environment variable) stays the text that it was, and so
    does one that resolves to what no file holds, such as a class.
    """
    try:
        found = OmegaConf.to_container(config, resolve=True, throw_on_missing=False, enum_to_str=True)
    except UNREADABLE:
        return _leaf_by_leaf(config)
    return found if is_plain(found) else _leaf_by_leaf(config)


def _leaf_by_leaf(config: Any) -> Any:
    if isinstance(config, DictConfig):
        return {key: _leaf(config, key) for key in config}
    return [_leaf(config, index) for index in range(len(config))]


def _leaf(config: DictConfig | ListConfig, key: Any) -> Any:
    with suppress(*UNREADABLE):
        value = config[key]
        if OmegaConf.is_config(value):
            return resolve_plain(value)
        if is_plain(value):
            return value
    raw: Any = plain(config)
    return raw[key]


def _read(config: DictConfig, parts: Parts) -> Any:
    node: Any = config
    for part in parts:
        node = node[part]
    return plain(node)


def differences(before: Any, now: Any, path: str = "") -> list[str]:
    """Name each place at which two plain configs differ, as `path: before, now …`; secrets are masked."""
    if isinstance(before, dict) and isinstance(now, dict):
        pairs: Sequence[tuple[Any, Any, Any]] = [
            (key, before.get(key, _NOTHING), now.get(key, _NOTHING)) for key in {**before, **now}
        ]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = [(index, *pair) for index, pair in enumerate(zip(before, now, strict=True))]
    else:
        same = before == now or (before != before and now != now)  # noqa: PLR0124 - NaN is itself
        if same and type(before) is type(now):
            return []
        shown, shown_now = (redact({path: value})[path] for value in (before, now))
        return [f"{path}: {shown!r}, now {shown_now!r}"]
    return [
        line for key, one, other in pairs for line in differences(one, other, f"{path}.{key}" if path else str(key))
    ]


class _Nothing:
    def __repr__(self) -> str:
        return "not there"


_NOTHING = _Nothing()
