"""Permits to report steps: all workers of a study together report no more than its budget.

An attempt takes them in blocks, as the only process that counts. What it did not use when it ends is free again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.study.attempts.ledger import Ledger
from qgtune.study.costs.spent import GRANTED
from qgtune.study.optuna_private import storage_of
from qgtune.study.storages.exclusive import exclusively

if TYPE_CHECKING:
    import optuna

    from qgtune.study.attempts.limits import Limits


@dataclass(slots=True)
class Permits:
    """Those of one attempt.

    Attributes:
        study: its study.
        limits: when it ends.
        trial_id: its id in the storage.
    """

    study: optuna.Study
    limits: Limits
    trial_id: int
    _granted: int = 0
    _used: int = 0

    def take(self) -> bool:
        """Take one; false when all are spent."""
        if self._used == self._granted:
            self._granted += exclusively(storage_of(self.study), self._block)
        has_one = self._used < self._granted
        self._used += has_one
        return has_one

    def _block(self) -> int:
        """Reserve a share of what is free, smaller as that gets less: near the end each report asks."""
        ledger = Ledger()
        ledger.update(self.study.get_trials(deepcopy=False), self.limits)
        free = ledger.free_epochs(self.limits)
        if free <= 0:
            return 0
        size = max(1, free // (2 * max(1, ledger.running)))
        storage_of(self.study).set_trial_user_attr(self.trial_id, GRANTED, self._granted + size)
        return size
