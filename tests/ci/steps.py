"""Run the shell steps of a workflow as a runner would, with a local Git server and without a package index."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.workspace import ROOT

_EXPRESSION = re.compile(r"\$\{\{ *([\w.| ]+?) *\}\}")
_INSTALL = "Install workloads"


def load(path: Path) -> Any:
    """Parse a YAML file."""
    return YAML(typ="safe", pure=True).load(path.read_text())


@dataclass(frozen=True)
class Runner:
    """A machine that runs jobs: `checkout` is the workspace, and `temp` the folder for temporary files.

    `expressions` are the values of `${{ … }}`. `variables` are the environment of every step.
    """

    checkout: Path
    temp: Path
    expressions: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def install_workloads(self, folder: Path | None = None) -> None:
        """Do the installation step's work without a package index: `workloads` runs the code of this repository."""
        program = (folder or self.temp) / "workloads" / "bin" / "workloads"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m generator "$@"\n')
        program.chmod(0o755)

    def run_workflow(self, path: Path, *, install: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the steps of the one job of a GitHub workflow; `install` runs its installation step too."""
        workflow = load(path)
        (job,) = workflow["jobs"].values()
        return self._run_steps(job["steps"], {**workflow.get("env", {}), **job.get("env", {})}, install=install)

    def run_action(self, path: Path, *, install: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the steps of a composite GitHub action."""
        return self._run_steps(load(path)["runs"]["steps"], {}, install=install)

    def run_gitlab_job(self, path: Path, job: str, *, install: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `before_script` and `script` of a GitLab job in one shell, as GitLab does."""
        pipeline = load(path)
        variables: dict[str, str] = {}
        before: list[str] = []
        name: str | None = job
        while name:
            variables = {**pipeline[name].get("variables", {}), **variables}
            before = before or pipeline[name].get("before_script", [])
            name = pipeline[name].get("extends")
        if not install:
            self.install_workloads()
            before = [line for line in before if not re.search("mktemp|apt-get|-m venv|-m pip", line)]
            before = [f"TOOLS={self.temp}", *before]
        variables = {**pipeline.get("variables", {}), **variables}
        script = "\n".join([*before, *pipeline[job]["script"]])
        return self._run_shell(script, self.checkout, {**variables, "CI_PROJECT_DIR": str(self.checkout)})

    def _run_steps(
        self, steps: list[dict[str, Any]], environment: Mapping[str, str], *, install: bool
    ) -> subprocess.CompletedProcess[str]:
        if not install:
            self.install_workloads()
        done = None
        for step in steps:
            if "run" in step and (install or step["name"] != _INSTALL):
                assert "${{" not in step["run"], "a value reaches a script only through the environment"
                described = {**environment, **step.get("env", {})}
                variables = {key: self._evaluate(str(value)) for key, value in described.items()}
                folder = Path(self._evaluate(step.get("working-directory", str(self.checkout))))
                done = self._run_shell(step["run"], folder, variables)
                if done.returncode:
                    break
        assert done is not None
        return done

    def _evaluate(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: self._evaluate_names(match[1].split(" || ")), text)

    def _evaluate_names(self, names: list[str]) -> str:
        """Return the first value that is not empty. A secret that is not set is empty."""
        known = {"runner.temp": str(self.temp), "github.actor": "octocat", **self.expressions}
        values = [known.get(name, "") if name.startswith(("secrets.", "vars.")) else known[name] for name in names]
        return next(filter(None, values), "")

    def _run_shell(self, script: str, folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        own = {"RUNNER_TEMP": str(self.temp), "GITHUB_WORKSPACE": str(self.checkout)}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=folder,
            env={**os.environ, **own, **self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
