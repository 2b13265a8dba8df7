"""`workloads`, installed or as `python -m generator`: a process of its own, from start to end."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from generator import cli


def run() -> NoReturn:
    """Run the command, and end the process at once, with the exit status of `cli.main`.

    Nobody needs what it made any more, and to take that apart object by object is a twentieth of what a command costs.
    """
    try:
        cli.main()
    except SystemExit as stop:
        # `main` has seen to standard output.
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(stop.code if isinstance(stop.code, int) else 1)


if __name__ == "__main__":
    run()
