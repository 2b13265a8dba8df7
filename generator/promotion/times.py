"""Parse and format the times and durations that users write and read. Pure."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

from generator.errors import UsageError

_SECONDS_PER_UNIT = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DAYS_BY_NAME = {"yesterday": -1, "today": 0, "tomorrow": 1}
_SPAN = re.compile(r"(\d{1,6})(m|h|d|w)", re.ASCII)
_SPAN_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration_seconds(duration: str) -> float:
    """Convert a Go duration ("24h", "1h30m") or a bare number of seconds to seconds."""
    if duration.isdigit():
        return float(duration)
    return sum(
        float(number) * _SECONDS_PER_UNIT[unit] for number, unit in re.findall(r"([\d.]+)(ms|us|µs|ns|h|m|s)", duration)
    )


def parse_moment(option: str, text: str, now: datetime, *, future: bool = False) -> datetime:
    """Parse the time that a user gives for an option; a time without a zone is in UTC.

    A span such as `7d` counts back from now, or forward with `future`. Raises UsageError.
    """
    word = text.strip().lower()
    span = _SPAN.fullmatch(word)
    try:
        if span:
            length = timedelta(**{_SPAN_UNITS[span[2]]: int(span[1])})
            return now + length if future else now - length
        if word in _DAYS_BY_NAME:
            today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return today + timedelta(days=_DAYS_BY_NAME[word])
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        example = "7d, tomorrow, 2026-11-20 or 2026-11-20T09:00Z" if future else "7d, yesterday or 2026-11-20"
        raise UsageError("WL1004", f"{option} {text!r} is not a time", remedy=f"use a time such as {example}") from None


def format_time(moment: datetime) -> str:
    """Format a time in UTC to the minute: 2026-11-20 09:15 UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def format_day(moment: datetime) -> str:
    """Format the day of a time in UTC: 2026-11-20."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


@functools.lru_cache(maxsize=1024)  # Many apps change in one commit and so have the same age.
def format_age(elapsed: timedelta) -> str:
    """Format a duration in whole minutes below 2 hours, hours below 2 days, else days, rounded down: 12m, 5h, 30d.

    A negative duration is 0m.
    """
    minutes = max(0, int(elapsed.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // 1440}d"
