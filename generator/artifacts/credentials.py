"""Find the user's credentials for a registry or Helm repository, where `docker login` and `helm` keep them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from generator.charts import yaml

#: The host of Docker Hub in the configuration of Docker.
_DOCKER_HUB = {"registry-1.docker.io": "index.docker.io"}
_HELPER_TIMEOUT_SECONDS = 20


class Credentials(NamedTuple):
    """A user name and password, or an identity token, for one host."""

    user: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        return "Credentials(***)"

    @property
    def basic_authorization(self) -> str:
        """The value of the Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def find_registry_credentials(host: str) -> Credentials | None:
    """Find the credentials for an OCI registry that `docker login` or `helm registry login` stored."""
    host = _DOCKER_HUB.get(host, host)
    for config in _read_registry_configs():
        helper = _table(config.get("credHelpers")).get(host) or config.get("credsStore")
        found = _ask_helper(str(helper), host) if helper else _read_stored(_table(config.get("auths")), host)
        if found is not None:
            return found
    return None


def find_repository_credentials(url: str) -> Credentials | None:
    """Find the credentials for a Helm repository that `helm repo add` stored for its URL."""
    place = os.environ.get("HELM_REPOSITORY_CONFIG") or _helm_config_folder() / "repositories.yaml"
    try:
        listed = _table(yaml.load(Path(place).read_text("utf-8"))).get("repositories")
    except (OSError, UnicodeDecodeError, yaml.YamlError):
        return None
    for each in listed if isinstance(listed, list) else ():
        entry = _table(each)
        if str(entry.get("url", "")).rstrip("/") == url.rstrip("/") and entry.get("username"):
            return Credentials(str(entry["username"]), str(entry.get("password", "")))
    return None


def _helm_config_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    home = os.environ.get("HELM_CONFIG_HOME")
    return Path(home) if home else (Path(base) if base else Path.home() / ".config") / "helm"


def _read_registry_configs() -> Iterator[Mapping[str, Any]]:
    docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    helm = os.environ.get("HELM_REGISTRY_CONFIG") or _helm_config_folder() / "registry" / "config.json"
    for place in (Path(helm), docker):
        try:
            yield _table(json.loads(place.read_text("utf-8")))
        except (OSError, ValueError):
            continue


def _read_stored(stored: Mapping[str, Any], host: str) -> Credentials | None:
    for key, value in stored.items():
        place = urlsplit(key if "://" in key else f"https://{key}")
        entry = _table(value)
        if place.netloc != host:
            continue
        try:
            user, _, password = base64.b64decode(str(entry.get("auth", ""))).decode().partition(":")
        except ValueError:
            continue
        token = str(entry.get("identitytoken", ""))
        if user or token:
            return Credentials(user, password, token)
    return None


def _ask_helper(name: str, host: str) -> Credentials | None:
    """Ask a credential helper of Docker for one host; None if it has nothing or cannot be run."""
    asked = f"https://{host}/v1/" if host in _DOCKER_HUB.values() else host
    try:
        done = subprocess.run(  # noqa: S603
            [f"docker-credential-{name}", "get"],
            input=asked.encode(),
            capture_output=True,
            timeout=_HELPER_TIMEOUT_SECONDS,
            check=True,
        )
        found = _table(json.loads(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    user, secret = str(found.get("Username", "")), str(found.get("Secret", ""))
    return Credentials("", "", secret) if user == "<token>" else Credentials(user, secret)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
