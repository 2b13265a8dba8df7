"""Run kubectl: the only module that starts it."""

from __future__ import annotations

import json
import logging
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.errors import LocalError, NetworkError
from generator.git.sigterm import raise_on_sigterm

_LOGGER = logging.getLogger(__name__)
_SECONDS = 120
#: What kubectl prints where it does not reach the API server, or is not logged in there.
_NO_ANSWER = (
    "unable to connect",
    "connection refused",
    "was refused",
    "i/o timeout",
    "no such host",
    "must be logged in",
)
#: Lines of kubectl's own log, such as `E1128 11:14:04.1 123 memcache.go:265] …`, which repeat its error.
_LOG_LINE = re.compile(r"^[EWI]\d{4} .*\n?", re.MULTILINE)

#: An object of the API server, as JSON.
KubernetesObject = Mapping[str, Any]


class KubectlError(LocalError):
    """kubectl reports an error."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl with a kubeconfig and a context, by default those that kubectl itself uses."""

    kubeconfig: str = ""
    context: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The start of every command."""
        options = (("--kubeconfig", self.kubeconfig), ("--context", self.context))
        return ("kubectl", *(f"{name}={value}" for name, value in options if value))

    def run(self, *args: str) -> str:
        """Run kubectl and return what it prints. Raises LocalError, and NetworkError if no API server answers."""
        if shutil.which("kubectl") is None:
            raise LocalError(
                "WL6011", "kubectl is not on PATH", remedy="install kubectl, or follow the printed steps by hand"
            )
        command = [*self.command, *args]
        _LOGGER.debug("%s", shlex.join(command))
        try:
            with raise_on_sigterm():
                done = subprocess.run(  # noqa: S603
                    command, capture_output=True, text=True, timeout=_SECONDS, check=False
                )
        except subprocess.TimeoutExpired:
            raise NetworkError("WL5301", f"kubectl {args[0]} got no answer in {_SECONDS} seconds") from None
        if done.returncode != 0:
            text = _LOG_LINE.sub("", done.stderr).strip() or done.stderr.strip() or f"ended with {done.returncode}"
            message = f"kubectl {args[0]}: {text.removeprefix('error: ')}"
            if any(words in text.lower() for words in _NO_ANSWER):
                raise NetworkError("WL5301", message, remedy="choose the cluster with --kubeconfig and --context")
            raise KubectlError("WL5301", message)
        return done.stdout

    def list_objects(self, kind: str, namespace: str = "") -> dict[str, KubernetesObject]:
        """The objects of a kind by name: those in a namespace, or cluster-scoped ones."""
        options = ("-n", namespace) if namespace else ()
        items = json.loads(self.run("get", kind, *options, "-o", "json"))["items"]
        return {item["metadata"]["name"]: item for item in items}
