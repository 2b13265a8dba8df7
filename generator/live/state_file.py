"""Read Applications from a file that kubectl wrote: a List as JSON or YAML, or single documents."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from generator.errors import LocalError, UsageError
from generator.importing.manifests import Manifest, parse_manifests
from generator.live.applications import LiveState

_LIST_KIND = re.compile(r"^kind: *(?:Application)?List *$", re.MULTILINE)
_CONTINUE = re.compile(r"^ {2}continue: *\S", re.MULTILINE)
_PIPE = "pipe into it: kubectl get applications -A -o json | workloads drift --live -"
#: The name of a file that stands for the standard input.
STANDARD_INPUT = "-"
_HOW = "write the file with: kubectl get applications -A -o json"


def read_state_file(name: str, namespace: str) -> LiveState:
    """Read the Applications in a file; `-` is the standard input. `namespace` is where Argo CD has its own.

    Raises LocalError if the file cannot be read, and UsageError if it has something else in it.
    """
    place = "the standard input" if name == STANDARD_INPUT else name
    try:
        text = (_read_standard_input() if name == STANDARD_INPUT else Path(name).read_bytes()).decode("utf-8-sig")
    except OSError as error:
        raise LocalError("WL6001", f"{place}: {error.strerror or error}", remedy=_HOW) from error
    except UnicodeDecodeError as error:
        raise UsageError("WL1007", f"{place} is not text in UTF-8", remedy=_HOW) from error
    items, unseen = _read_json(text, place) if text.lstrip().startswith("{") else _read_yaml(text, place)
    applications = [item for item in items if item.get("kind") == "Application"]
    state = LiveState.from_objects(place, applications, unseen, is_recorded=True)
    if not unseen and not any(key.namespace == namespace for key in state.applications):
        return replace(state, unseen=f"{place} has no Application of the namespace {namespace}")
    return state


def _read_standard_input() -> bytes:
    if sys.stdin.isatty():
        raise UsageError("WL1009", "--live - reads the standard input, which is a terminal", remedy=_PIPE)
    return sys.stdin.buffer.read()


def _read_json(text: str, place: str) -> tuple[list[Mapping[str, Any]], str]:
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            "WL1007", f"{place}:{error.lineno}:{error.colno}: is not JSON: {error.msg}", remedy=_HOW
        ) from error
    except (ValueError, RecursionError) as error:  # A number of thousands of digits, or as many brackets.
        raise UsageError("WL1007", f"{place} is not JSON that kubectl writes: {error}", remedy=_HOW) from error
    if "items" not in body:
        return [_require_application(body, place)], _explain_single(place)
    items = [] if body["items"] is None else body["items"]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError("WL1007", f"{place}: items is not a list of objects", remedy=_HOW)
    if body.get("kind") == "ApplicationList":  # The API's own list does not repeat the kind in each item.
        items = [{"apiVersion": body.get("apiVersion"), "kind": "Application", **item} for item in items]
    metadata = body.get("metadata")
    rest = isinstance(metadata, dict) and metadata.get("continue")
    return items, _explain_partial(place) if rest else ""


def _require_application(body: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    if body.get("kind") != "Application":
        raise UsageError("WL1007", f"{place} has no Applications", remedy=_HOW)
    return body


def _read_yaml(text: str, place: str) -> tuple[list[Mapping[str, Any]], str]:
    found: list[Mapping[str, Any]] = []
    for each in parse_manifests(text, place):
        if not isinstance(each, Manifest):
            raise UsageError("WL1007", f"{each.file}:{each.line}: {each.what} {each.reason}", remedy=_HOW)
        found.append(each.body)
    if not found:
        raise UsageError("WL1007", f"{place} {'has no Applications' if text.strip() else 'is empty'}", remedy=_HOW)
    if not _LIST_KIND.search(text):
        return found, _explain_single(place)
    return found, _explain_partial(place) if _CONTINUE.search(text) else ""


def _explain_single(place: str) -> str:
    return f"{place} has single Applications, and not the List of all"


def _explain_partial(place: str) -> str:
    return f"{place} has a part of the List only, which goes on after a continue token"
