"""`make e2e`: the life of three environments on a real Argo CD; its transcript is docs/e2e.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.cluster.live_registry import Clusters
from tests.e2e.life import Life, live
from tests.e2e.machine import find_missing, running
from tests.git.remotes import Web, web_serving
from tests.workspace import ROOT, isolate

_HEAD = """\
# The whole life on a real Argo CD

`make e2e` writes this page: it starts an API server and Argo CD from programs in the folder that `WORKLOADS_E2E_BIN`
names, runs every command below, and waits after each one until Argo CD has synced. It fails if a workload is deleted or
recreated where it should not be, if Argo CD reports an error, or if something is left in the end.
[live-argocd.md](live-argocd.md) has what else was tried.

"""


def main() -> int:
    """Run it; 0 also where a program is missing, with the reason."""
    parser = argparse.ArgumentParser(prog="make e2e", description=__doc__)
    parser.add_argument("--write", type=Path, help="the file to write the transcript to")
    parser.add_argument("--keep", type=Path, help="a folder for logs and repositories, which stays")
    chosen = parser.parse_args()
    if missing := find_missing():
        sys.stdout.write(f"skipped: {missing}\n")
        return 0
    # Also after SIGTERM, the processes end and the folder is deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="e2e-") as temporary, pytest.MonkeyPatch.context() as patch:
        place = (chosen.keep or Path(temporary)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        isolate(place / "home", patch)
        text = _run(place)
    if chosen.write:
        (ROOT / chosen.write).write_text(text, encoding="utf-8")
    return 0


def _run(place: Path) -> str:
    repositories, started = place / "repositories", time.monotonic()
    repositories.mkdir()
    with running(place / "machine") as machine, web_serving(Web(), repositories) as url:
        variables = {"KUBECONFIG": str(machine.kubeconfig), "PATH": f"{machine.programs}:{os.environ['PATH']}"}
        os.environ["PATH"] = variables["PATH"]
        life = Life(Clusters({"": str(machine.kubeconfig)}), repositories, url, variables)
        try:
            life.start()
            live(life)
        finally:
            sys.stdout.write("\n".join(life.lines))
    sys.stdout.write(f"\npassed in {time.monotonic() - started:.0f} seconds\n")
    return _HEAD + "\n".join(life.lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.exit(main())
