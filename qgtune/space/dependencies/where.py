"""`where`: constraints between values that a draw has to satisfy before it becomes a trial.

The sweeper's settings hold them, which Hydra imports in every app: keep it light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from qgtune.errors import QGTuneError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from omegaconf import DictConfig

    from qgtune.space.paths import Parts

_KEY = "qgtune_where"


@dataclass(frozen=True, slots=True)
class Where:
    """Constraints, all of which hold for every trial.

    Attributes:
        texts: OmegaConf expressions that give true or false. One that reads a path that the trial's config has not,
            such as a value of another branch, says nothing of that trial.
    """

    texts: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Any) -> Where:
        """Read the setting.

        Raises:
            ValueError: when it is no list of expressions.
        """
        texts = [] if given is None else [given] if isinstance(given, str) else given
        if not isinstance(texts, Sequence) or not all(isinstance(text, str) and "${" in text for text in texts):
            raise ValueError("give a list of expressions, as in '${qgtune.le:${model.width},64}'")
        return cls(tuple(texts))

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self.texts)

    def check(self, exists: Callable[[Parts], bool]) -> None:
        """Check that they can be read.

        Args:
            exists: says whether some trial's config has a path.

        Raises:
            QGTuneError: for each that OmegaConf cannot parse, or that reads a path which no trial has.
        """
        from qgtune.space.dependencies.mapping import paths_read

        problems: list[str] = []
        for text in self.texts:
            try:
                missing = [".".join(map(str, parts)) for parts in paths_read(text) if not exists(parts)]
            except QGTuneError as error:
                problems.append(f"Cannot use where={text!r}: {error}.")
                continue
            problems += [f"Cannot use where={text!r}: the config has no {path!r}." for path in missing]
        if problems:
            raise QGTuneError(*problems)

    def broken(self, config: DictConfig) -> str:
        """Return the first that does not hold in a trial's config; the empty text if all do.

        Raises:
            QGTuneError: when one gives neither true nor false.
        """
        for text in self.texts:
            if not self._holds(text, config):
                return text
        return ""

    def _holds(self, text: str, config: DictConfig) -> bool:
        from qgtune.space.editing import assign, remove

        assign(config, (_KEY,), text)
        try:
            value = OmegaConf.select(config, _KEY)
        except InterpolationKeyError:
            return True
        except OmegaConfBaseException as error:
            if "the config has no such path" in str(error):
                return True
            reason = first_line(error).replace("QGTuneError raised while resolving interpolation: ", "")
            raise QGTuneError(f"Cannot use where={text!r}: {reason}") from None
        finally:
            remove(config, (_KEY,))
        if not isinstance(value, bool):
            raise QGTuneError(f"Cannot use where={text!r}: it gives {value!r}, neither true nor false.")
        return value
