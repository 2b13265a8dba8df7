"""SIGTERM → an exception, so that whatever is open is closed on the way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(KeyboardInterrupt):
    """We were asked to end; a `KeyboardInterrupt` because everything that yields to ^C must yield to it."""

    exit_code = 143


def _raise(signum: int, frame: FrameType | None) -> None:
    raise TerminatedError


@contextmanager
def terminable() -> Iterator[None]:
    """Inside, SIGTERM raises `TerminatedError`; a handler somebody else installed is left in charge."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
