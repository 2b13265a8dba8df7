"""The `run:` steps of a workflow, carried out as a runner would, with a folder for a server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_EXPRESSION = re.compile(r"\$\{\{ *([\w.]+) *\}\}")


def load(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


def github(path: Path, folder: Path, values: Mapping[str, str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the steps of a workflow's one job in `folder`, but for the installation; `values` are `${{ … }}`."""
    workflow = load(path)
    (job,) = workflow["jobs"].values()
    done = None
    for step in job["steps"]:
        if "run" in step and not step["name"].startswith("Install"):
            described = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
            environment = {key: _filled(str(value), values) for key, value in described.items()}
            assert "${{" not in step["run"], "a value goes by way of the environment"
            done = _shell(step["run"], folder, {**variables, **environment})
            if done.returncode:
                break
    assert done is not None
    return done


def gitlab(path: Path, job: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a job in `folder`, but for the installation."""
    script = load(path)[job]["script"]
    return _shell("\n".join(script), folder, variables)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: values[found[1]], text)


def _shell(script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
