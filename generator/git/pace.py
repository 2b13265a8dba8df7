"""Attempts and the time they took → the pause before the next one, or the end. Clock and chance are handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from generator.errors import ConflictError

_BACKOFF_BASE, _BACKOFF_CAP = 0.25, 16.0


@dataclass(frozen=True)
class Budget:
    """When to give up: attempts in all and seconds in all for lost races, tries in all for faults on the way."""

    races: int = 12
    seconds: float = 90.0
    transport: int = 4


class Pace:
    """How often and how long we tried, and the pauses in between (full jitter)."""

    def __init__(
        self, budget: Budget, clock: Callable[[], float], sleep: Callable[[float], None], random: Callable[[], float]
    ) -> None:
        self._budget, self._clock, self._sleep, self._random = budget, clock, sleep, random
        self._until = clock() + budget.seconds
        self._started = clock()
        self._races = self._faults = 0

    def start(self) -> None:
        """An attempt begins."""
        self._started = self._clock()

    def lost(self, branch: str) -> None:
        """A race was lost. Pause; `ConflictError` when it was one too many.

        The pause is counted in attempts, not in seconds: a crowd makes each attempt take long, and must spread out
        over many times that.
        """
        self._races += 1
        took = self._clock() - self._started
        if self._races >= self._budget.races or self._clock() >= self._until:
            raise ConflictError(
                f"others pushed to {branch} {self._races} times while we prepared our commit",
                remedy="run it again: nothing of yours is lost",
            )
        self._pause(self._races, max(_BACKOFF_BASE, took))

    def faulted(self) -> bool:
        """A fault on the way. Pause and say yes, or say no when it was one too many."""
        self._faults += 1
        if self._faults >= self._budget.transport:
            return False
        self._pause(self._faults, _BACKOFF_BASE)
        return True

    def _pause(self, nth: int, unit: float) -> None:
        self._sleep(self._random() * min(_BACKOFF_CAP, unit * 2 ** (nth - 1)))
