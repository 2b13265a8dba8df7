"""List the versions of a chart in the index of a Helm repository."""

from __future__ import annotations

import json
import re
from typing import Any

from generator.artifacts.credentials import find_repository_credentials
from generator.artifacts.http_client import fetch
from generator.charts import yaml
from generator.errors import NetworkError

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


def list_chart_versions(url: str, chart: str) -> list[str]:
    """List the versions of a chart in the repository at `url`. Raises NetworkError if its index cannot be read."""
    credentials = find_repository_credentials(url)
    index = f"{url.rstrip('/')}/index.yaml"
    response = fetch(index, authorization=credentials.basic_authorization if credentials else "")
    if response.status in (401, 403):
        remedy = f"store credentials for it: helm repo add NAME {url} --username USER --password-stdin"
        raise NetworkError("WL5201", f"{url} denies access ({response.status})", remedy=remedy)
    if response.status != 200:
        raise NetworkError(
            "WL5201", f"{index} cannot be read ({response.status})", remedy="check the URL of the repository"
        )
    entries = _read_entries(response.body.decode("utf-8", "replace"), chart)
    if entries is None:
        raise NetworkError(
            "WL5201", f"{index} is not the index of a Helm repository", remedy="check the URL of the repository"
        )
    if chart not in entries:
        raise NetworkError("WL5201", f"{url} has no chart {chart}", remedy="check the name of the chart")
    listed = entries[chart] if isinstance(entries[chart], list) else []
    versions = (str(each.get("version", "")) for each in listed if isinstance(each, dict))
    return [version for version in versions if _VERSION.fullmatch(version)]


def _read_entries(text: str, chart: str) -> dict[str, Any] | None:
    """Read the entries of an index: of `chart` alone where the layout shows it, as an index may have many megabytes."""
    own = re.search(rf"^entries:\n(?:(?:[ #-].*)?\n)*?(?P<own>  {re.escape(chart)}:\n)", text, re.M)
    if own is not None:
        following = re.compile(r"^(?: {0,2}[^\s#-]|---)", re.M).search(text, own.end())
        text = "entries:\n" + text[own.start("own") : following.start() if following else len(text)]
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text)
    except (ValueError, yaml.YamlError):
        return None
    entries = data.get("entries") if isinstance(data, dict) else None
    return entries if isinstance(entries, dict) else None
