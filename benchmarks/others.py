"""As many workloads for another generator → what it takes, where it is installed.

`plinth generate` (the package plinth-cli, Python 3.12) writes a repository of application code and one for Argo CD, an
ApplicationSet and a values file a workload in every environment, and commits both. It is what comes nearest:
`PLINTH=/path/to/plinth make bench`, or `plinth` on PATH. It does less for Argo CD (no template, project or suite an
application, nothing is checked) and more for each application.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks import registries
from benchmarks.place import Place
from benchmarks.timing import Sample, timed

NAME = "plinth generate"
_PROJECT = """\
project:
  name: bench
  architecture: microservices
  layout: monorepo
  gitProvider: github
  gitBaseUrl: https://git.example.com/acme
  registry: registry.example.com/acme
environments: [dev, test, production]
applications:
"""


def missing() -> str:
    """Why it is not measured; empty where it is."""
    return "" if _command() else "it is not installed; PLINTH says where it is"


def generate(place: Place) -> Sample:
    """Generate everything anew, the commit included."""
    config, output = place.folder / "plinth.yaml", place.folder / "plinth"
    shutil.rmtree(output, ignore_errors=True)
    apps = (f"  - {{name: {registries.name_of(n)}, kind: service, port: 8080}}\n" for n in range(place.apps))
    config.write_text(_PROJECT + "".join(apps))
    command: list[str | Path] = [str(_command()), "generate", "--config", config, "--output", output]
    try:
        return timed(command, place.folder, place.variables("warm"))
    finally:
        shutil.rmtree(output, ignore_errors=True)


def _command() -> str | None:
    return shutil.which(os.environ.get("PLINTH", "plinth"))
