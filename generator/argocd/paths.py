"""Paths inside a repository: of a source, and of the files that it names."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

from generator.argocd.strings import line_problem, matching, quoted_excerpt, string_validator

# What a URL begins with; one letter would be a drive of Windows.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# A URL, scp form, query or host, by which kustomize knows a remote base.
_REMOTE_BASE = re.compile(
    r"[:?@]|//|(?:\A|/)_git(?:/|\Z)|\.git(?:/|\Z)|\A[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}/"
)
_REF_NAME = "[A-Za-z0-9_-]+"


def _relative_path_problem(value: str) -> str | None:
    # Some servers and tools ignore what follows ";" in a segment.
    parts = [part.partition(";")[0] for part in value.split("/")]
    if value.startswith("/") or ".." in parts:
        return f"{quoted_excerpt(value)} is not inside the repository: write a relative path without '..'"
    return _file_reference_problem(value)


def _file_reference_problem(value: str) -> str | None:
    """Why `value` is not a path in the repository, or None. It may begin with `/` or have `..`: see `resolve_path`."""
    # A glob with alternatives could hide "..", which `resolve_path` then would not see; some tools end a name at ";".
    hidden = ".." in value and not {"{", "[", ";"}.isdisjoint(value)
    if hidden or value.startswith(("//", "~")) or "\\" in value or _SCHEME.match(value):
        text = "write a path of the repository, without '\\', or '..' beside '{', '[' or ';'"
        return f"{quoted_excerpt(value)} is not inside the repository: {text}"
    return line_problem(value) or ("is empty: name a path" if not value else None)


def resolve_path(folder: str, path: str) -> str | None:
    """The path from the root of a repository of a file that a source in `folder` names; None if it is outside."""
    resolved = posixpath.normpath(posixpath.join("/", folder, path)[1:] or ".")
    return None if resolved.split("/")[0] == ".." else resolved


def _component_problem(value: str) -> str | None:
    # Kustomize clones what is not a folder but looks like a repository.
    if _REMOTE_BASE.search(value):
        return f"{quoted_excerpt(value)} is a remote base: name a folder of the repository"
    return _file_reference_problem(value)


def _value_file_problem(value: str) -> str | None:
    if not value.startswith("$"):
        return _file_reference_problem(value)
    ref, _, rest = value[1:].partition("/")
    if not re.fullmatch(_REF_NAME, ref) or not rest or rest.startswith("/"):
        return f"{quoted_excerpt(value)} is not a reference to another source: write $ref/path"
    return _file_reference_problem(rest)


Component = Annotated[str, string_validator(_component_problem)]
RelativePath = Annotated[str, string_validator(_relative_path_problem)]
FileReference = Annotated[str, string_validator(_file_reference_problem)]
ValueFile = Annotated[str, string_validator(_value_file_problem)]
RefName = Annotated[str, matching(_REF_NAME, "is not a ref name: use letters, digits, '-' and '_'")]
