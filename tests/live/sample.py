"""Applications as a live Argo CD has them: healthy at a commit, until a test changes something."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from generator.live.expected import build_expected_application
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment

#: When everything ended well; Argo CD looked again ten minutes later.
SYNCED_AT = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)


def time(moment: datetime) -> str:
    """A time as Kubernetes writes it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def healthy(
    environment: Environment, app: EffectiveApp, *commits: str, synced_at: datetime = SYNCED_AT
) -> dict[str, Any]:
    """An Application that meets every term: synced to a commit for each source, and compared ten minutes later."""
    item = copy.deepcopy(build_expected_application(environment, app))
    revisions = {"revision": commits[0]} if len(commits) == 1 else {"revisions": list(commits)}
    spec = item["spec"]
    compared = {key: copy.deepcopy(spec[key]) for key in ("source", "sources", "destination") if key in spec}
    at = time(synced_at)
    item["metadata"] |= {"uid": "5d8c", "managedFields": [{"manager": "argocd"}]}
    item["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "parent:argoproj.io/Application:argocd/x"
    item["status"] = {
        "sync": {"status": "Synced", "comparedTo": compared, **revisions},
        "health": {"status": "Healthy", "lastTransitionTime": at},
        "operationState": {"phase": "Succeeded", "finishedAt": at, "syncResult": {"resources": [{}], **revisions}},
        "history": [{"id": 0, "deployedAt": at, **revisions}],
        "reconciledAt": time(synced_at + timedelta(minutes=10)),
        "resources": [{"kind": "ConfigMap", "name": "settings"}],
    }
    return item


def set_field(item: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of an object with one field set, or taken away where the value is None; `~1` in a path is a slash."""
    changed: Any = copy.deepcopy(dict(item))
    table = changed
    *parents, last = (part.replace("~1", "/") for part in path.split("/"))
    for name in parents:
        table = table.setdefault(name, {}) if isinstance(table, dict) else table[int(name)]
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value
    found: dict[str, Any] = changed
    return found


def write_state(path: Path, items: Iterable[Mapping[str, Any]], **metadata: str) -> str:
    """Write what `kubectl get applications -A -o json` prints; the path as text."""
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": list(items)}))
    return str(path)
