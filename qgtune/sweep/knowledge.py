"""What a sweep's sampler is told before it starts: priors, and the trials of earlier sweeps."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from qgtune.errors import QGTuneError, listed
from qgtune.results.recorded import Record
from qgtune.results.source import open_source
from qgtune.space.paths import MISSING, parse_path, select
from qgtune.space.points import encoded
from qgtune.space.stored import from_stored
from qgtune.study.algorithms.grid import FINITE
from qgtune.study.algorithms.informed import Knowledge
from qgtune.study.fixed_settings import ATTRIBUTE, FixedSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optuna.trial import FrozenTrial

    from qgtune.results.source import Source
    from qgtune.space.model import Hyperparameter
    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.settings import Settings

log = logging.getLogger("qgtune")
N_NAMED = 5


def read_knowledge(settings: Settings, composition: Composition, fixed: FixedSettings) -> Knowledge:
    """Read `prior` and `warm_start`.

    Raises:
        QGTuneError: when a prior names what is not tuned, an earlier sweep cannot be read or aims elsewhere, or the
            sampler tries every point anyway.
    """
    prior = _prior(settings, composition)
    target = str((settings.sampler or {}).get("_target_"))
    if target in FINITE and (prior or settings.warm_start):
        name = target.rpartition(".")[2]
        raise QGTuneError(f"Cannot tell {name} what is known: it tries every point. Drop prior and warm_start.")
    earlier = [trial for text in settings.warm_start for trial in _trials_of(text, settings, composition, fixed)]
    for place, trial in enumerate(earlier):
        trial.number = place - len(earlier)
    return Knowledge(prior, tuple(earlier))


def _prior(settings: Settings, composition: Composition) -> dict[str, Any]:
    """Return the priors as the study stores them: what is named wins over the space's own, and that over `base`."""
    known = composition.hyperparameters
    prior = composition.base_point()[0] if settings.prior == "base" else {}
    items = [one for item in known.values() for one in item.all()]
    prior |= {item.path: item.encode(item.prior) for item in items if item.prior is not MISSING}
    if isinstance(settings.prior, dict):
        prior |= encoded(known, settings.prior, "hydra.sweeper.prior", "use the prior")[0]
    return prior


def _trials_of(text: str, settings: Settings, composition: Composition, fixed: FixedSettings) -> list[FrozenTrial]:
    try:
        source = open_source(text)
    except QGTuneError as error:
        raise QGTuneError(*(f"Cannot warm start: {problem}" for problem in error.problems)) from None
    directions = tuple(direction.name.lower() for direction in source.study.directions)
    if directions != settings.direction.directions:
        raise QGTuneError(
            f"Cannot warm start from {text!r}: its direction is {', '.join(directions)}, not "
            f"{', '.join(settings.direction.directions)}. Drop it."
        )
    reader = _Reader(source, composition.hyperparameters)
    finished = source.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    found = [trial for one in finished if (trial := reader.translated(one)) is not None]
    log.info("Warm start from %s: %d of %d finished trials inform the sampler.", text, len(found), len(finished))
    for line in (*reader.differences(), *_other_settings(source, fixed)):
        log.info("  %s", line)
    return found


@dataclass(slots=True)
class _Reader:
    """Puts trials of an earlier study in the terms of a space."""

    source: Source
    known: Mapping[str, Hyperparameter]
    outside: Counter[str] = field(default_factory=Counter)
    from_config: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)

    def translated(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Return a trial with its values for this space; None if it has none, or one of them lies outside."""
        params: dict[str, Any] = {}
        distributions: dict[str, Any] = {}
        for path, item in self.known.items():
            value = self._value(trial, item)
            if value is MISSING:
                continue
            fitting = next((one for one in item.all() if one.takes(value)), None)
            if fitting is None:
                self.outside[path] += 1
                return None
            params[path], distributions[path] = fitting.encode(value), fitting.distribution
        self.dropped |= trial.params.keys() - self.known.keys()
        if not params:
            return None
        return create_trial(
            state=trial.state,
            values=trial.values,
            params=params,
            distributions=distributions,
            intermediate_values=trial.intermediate_values,
            system_attrs={key: value for key, value in trial.system_attrs.items() if key == "constraints"},
        )

    def _value(self, trial: FrozenTrial, item: Hyperparameter) -> Any:
        path = item.path
        if path in trial.params:
            return from_stored(trial.params[path], trial.distributions[path])
        try:
            config = Record.read(self.source.folder, trial).config
        except QGTuneError:
            config = MISSING
        there = MISSING if config is MISSING else select(config, parse_path(item.length_of or path))
        if item.length_of:
            there = len(there) if isinstance(there, list) else MISSING
        if there is not MISSING:
            self.from_config.add(path)
        elif not all(one.when for one in item.all()):
            self.lacking.add(path)
        return there

    def differences(self) -> Iterator[str]:
        """Name how the spaces differ."""
        for path, count in self.outside.most_common(N_NAMED):
            yield f"{count} lie outside of {path} here."
        for paths, text in (
            (self.from_config, "Not tuned there, and taken from each trial's config: {}."),
            (self.lacking, "Unknown there, and learnt from this study's own trials: {}."),
            (self.dropped, "Tuned there, and not here: {}."),
        ):
            if paths:
                yield text.format(listed(sorted(paths), N_NAMED))


def _other_settings(source: Source, here: FixedSettings) -> Iterator[str]:
    """Name what was not sampled there and has another value here."""
    attributes = source.study.user_attrs
    there = attributes.get(f"{ATTRIBUTE}:{attributes.get(ATTRIBUTE, '')}", {}).get("values", {})
    differing = [path for path in sorted({*there} & {*here.values}) if there[path] != here.values[path]]
    if differing:
        yield f"Fixed otherwise there: {listed([f'{path}={there[path]}' for path in differing], N_NAMED)}."
