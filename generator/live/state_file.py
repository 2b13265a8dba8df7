"""Read Applications from a file that kubectl wrote: a List as JSON or YAML, or single documents."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generator.errors import LocalError, UsageError
from generator.importing.manifests import Manifest, parse_manifests
from generator.live.applications import LiveState

_LIST_KIND = re.compile(r"^kind: *(?:Application)?List *$", re.MULTILINE)
_CONTINUE = re.compile(r"^ {2}continue: *\S", re.MULTILINE)
_HOW = "write the file with: kubectl get applications -A -o json"


def read_state_file(name: str, namespace: str) -> LiveState:
    """Read the Applications in a file; `-` is the standard input. `namespace` is where Argo CD has its own.

    Raises LocalError if the file cannot be read, and UsageError if it has something else in it.
    """
    place = "the standard input" if name == "-" else name
    try:
        text = sys.stdin.buffer.read().decode() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LocalError("WL6001", f"{place}: {error.strerror or error}", remedy=_HOW) from error
    except UnicodeDecodeError as error:
        raise UsageError("WL1007", f"{place} is not text in UTF-8", remedy=_HOW) from error
    items, unseen = _read_json(text, place) if text.lstrip().startswith("{") else _read_yaml(text, place)
    state = LiveState.from_objects(place, (item for item in items if item.get("kind") == "Application"), unseen)
    if not unseen and not any(key.namespace == namespace for key in state.applications):
        return LiveState(place, state.applications, f"{place} has no Application of the namespace {namespace}")
    return state


def _read_json(text: str, place: str) -> tuple[list[Mapping[str, Any]], str]:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            "WL1007", f"{place}:{error.lineno}:{error.colno}: is not JSON: {error.msg}", remedy=_HOW
        ) from error
    if "items" not in body:
        return [body], _explain_single(place)
    items = body["items"] or []
    if body.get("kind") == "ApplicationList":  # The API's own list does not repeat the kind in each item.
        items = [{"apiVersion": body.get("apiVersion"), "kind": "Application", **item} for item in items]
    rest = (body.get("metadata") or {}).get("continue")
    return items, _explain_partial(place) if rest else ""


def _read_yaml(text: str, place: str) -> tuple[list[Mapping[str, Any]], str]:
    found: list[Mapping[str, Any]] = []
    for each in parse_manifests(text, place):
        if not isinstance(each, Manifest):
            raise UsageError("WL1007", f"{each.file}:{each.line}: {each.what} {each.reason}", remedy=_HOW)
        found.append(each.body)
    if not _LIST_KIND.search(text):
        return found, _explain_single(place)
    return found, _explain_partial(place) if _CONTINUE.search(text) else ""


def _explain_single(place: str) -> str:
    return f"{place} has single Applications, and not the List of all"


def _explain_partial(place: str) -> str:
    return f"{place} has a part of the List only, which goes on after a continue token"
