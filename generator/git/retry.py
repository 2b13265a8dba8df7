"""Retry limits and backoff for pushing. The caller passes the clock, sleep and random functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from generator.errors import ConflictError

_BACKOFF_BASE, _BACKOFF_CAP = 0.25, 16.0


@dataclass(frozen=True)
class RetryBudget:
    """Retry limits: attempts and seconds for lost races, and attempts for connection failures."""

    race_attempts: int = 12
    seconds: float = 90.0
    transport_attempts: int = 4


class RetrySchedule:
    """Counts attempts and pauses between them, with exponential backoff and full jitter."""

    def __init__(
        self,
        budget: RetryBudget,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
    ) -> None:
        self._budget, self._clock, self._sleep, self._random = budget, clock, sleep, random
        self._deadline = clock() + budget.seconds
        self._started = clock()
        self._lost_races = self._faults = 0

    def start_attempt(self) -> None:
        """Record the start of an attempt."""
        self._started = self._clock()

    def record_lost_race(self, branch: str) -> None:
        """Record that another push won the race, and pause. Raises `ConflictError` when the limit is reached.

        The pause scales with the time that an attempt takes, because many concurrent pushes slow each other down.
        """
        self._lost_races += 1
        took = self._clock() - self._started
        if self._lost_races >= self._budget.race_attempts or self._clock() >= self._deadline:
            raise ConflictError(
                "WL5006",
                f"others pushed to {branch} {self._lost_races} times while this commit was prepared",
                remedy="run it again; your change is kept",
            )
        self._sleep_with_jitter(self._lost_races, max(_BACKOFF_BASE, took))

    def retry_after_fault(self) -> bool:
        """Record a connection failure. Pause and return True; return False when the limit is reached."""
        self._faults += 1
        if self._faults >= self._budget.transport_attempts:
            return False
        self._sleep_with_jitter(self._faults, _BACKOFF_BASE)
        return True

    def _sleep_with_jitter(self, attempt_number: int, unit: float) -> None:
        self._sleep(self._random() * min(_BACKOFF_CAP, unit * 2 ** (attempt_number - 1)))
