"""Turn SIGTERM into an exception, so that open resources are cleaned up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(KeyboardInterrupt):
    """SIGTERM was received; a `KeyboardInterrupt`, so that code that handles Ctrl+C handles it too."""

    exit_code = 143


def _raise_terminated(signum: int, frame: FrameType | None) -> None:
    raise TerminatedError


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Make SIGTERM raise `TerminatedError` inside the block, unless another handler is installed."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
