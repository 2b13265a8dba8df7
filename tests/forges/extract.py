"""What a forge publishes about its API → the part that the tests check calls against, tests/data/forges/<forge>.json.

    python -m tests.forges.extract github PACKAGE   npm @octokit/openapi
    python -m tests.forges.extract gitea MODULE     Go module code.gitea.io/gitea
    python -m tests.forges.extract gitlab MODULE    Go module gitlab.com/gitlab-org/api/client-go

PACKAGE and MODULE are the folders those were unpacked to. GitHub and Gitea publish OpenAPI documents, of which the
three operations and all that they refer to are kept, word for word but for descriptions. GitLab's is in no package
registry: its document is made from the Go structs of GitLab's own client. `required` and the statuses of answers, which
no struct says, are those of GitLab's REST documentation.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.workspace import ROOT

_WORDS = {"description", "summary", "example", "examples", "externalDocs", "tags", "deprecated", "title"}
_GO: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int64": {"type": "integer"},
    "time.Time": {"type": "string"},
    "[]int64": {"type": "array", "items": {"type": "integer"}},
    "LabelOptions": {"type": "string"},  # joined by commas
}
_STRUCT = r"type {} struct \{{\n(.*?)\n\}}"
_FIELD = re.compile(r'^\t\w+\s+(\S+)\s+`(?:url:"([^",]+)[^"]*" )?json:"([^",]+)', re.MULTILINE)
_CALL = re.compile(r"withMethod\(http\.Method(\w+)\),\s+withPath\(\"([^\"]+)\"")


def _without_words(node: Any) -> Any:
    """A schema without prose; a property may well be called `title`."""
    if isinstance(node, list):
        return [_without_words(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in _WORDS and not key.startswith("x-")}
    names = kept.pop("properties", None)
    found = {key: _without_words(value) for key, value in kept.items()}
    if names is not None:
        found["properties"] = {key: _without_words(value) for key, value in names.items()}
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _part(whole: dict[str, Any], wanted: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """The wanted methods by path, and every component that they refer to, however far."""
    paths = {
        path: _without_words({key: whole["paths"][path][key] for key in methods}) for path, methods in wanted.items()
    }
    components: dict[str, dict[str, Any]] = {}
    left = list(_references(paths))
    while left:
        _, _, kind, name = left.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = _without_words(whole["components"][kind][name])
            left += _references(components[kind][name])
    return {"openapi": whole["openapi"], "paths": paths, "components": components}


def _github(folder: Path) -> dict[str, Any]:
    version = json.loads((folder / "package.json").read_text())["version"]
    whole = json.loads((folder / "generated" / "api.github.com.json").read_text())
    pulls = "/repos/{owner}/{repo}/pulls"
    answer = whole["components"]["examples"]["pull-request"]["value"]
    answer["requested_teams"] = []  # the example of a team lacks what the document requires of one
    return {
        "source": f"npm @octokit/openapi {version}, generated/api.github.com.json (MIT)",
        **_part(whole, {pulls: ("get", "post"), f"{pulls}/{{pull_number}}": ("patch",)}),
        "answer": answer,
    }


def _gitea(folder: Path) -> dict[str, Any]:
    name = "templates/swagger/v1_openapi3_json.tmpl"
    # A Go template: it is filled in with the version, and with where the server's pages are.
    whole = json.loads(re.sub(r"\{\{.*?\}\}", "", (folder / name).read_text()))
    pulls = "/repos/{owner}/{repo}/pulls"
    part = _part(whole, {pulls: ("get", "post"), f"{pulls}/{{index}}": ("patch",)})
    part["paths"] = {f"/api/v1{path}": operations for path, operations in part["paths"].items()}
    source = f"Go module code.gitea.io/gitea {folder.name.partition('@')[2]}, {name} (MIT)"
    branch = {"label": "main", "ref": "main", "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e", "repo_id": 1}
    url = "https://gitea.example.com/acme/workloads/pulls/7"
    # The document has no example; this one is judged by it like every answer.
    answer = {"id": 1, "number": 7, "html_url": url, "state": "open", "title": "", "body": ""}
    return {"source": source, **part, "answer": {**answer, "base": branch, "head": branch}}


def _gitlab(folder: Path) -> dict[str, Any]:
    go = (folder / "merge_requests.go").read_text() + (folder / "gitlab.go").read_text()
    one = {"type": "object", "properties": _fields(go, "MergeRequest") | _fields(go, "BasicMergeRequest")}
    paths: dict[str, Any] = {}
    for name in ("ListProjectMergeRequests", "CreateMergeRequest", "UpdateMergeRequest"):
        method, path, operation = _operation(go, name, one)
        paths.setdefault(path, {})[method] = operation
        if method == "post":
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            body["required"] = ["source_branch", "target_branch", "title"]
    version = folder.name.partition("@")[2]
    return {
        "source": f"Go module gitlab.com/gitlab-org/api/client-go {version}, the structs of merge_requests.go"
        " (Apache-2.0): no OpenAPI document",
        "openapi": "3.0.0",
        "paths": paths,
        "components": {},
        "answer": json.loads((folder / "testdata" / "get_merge_request.json").read_text()),
    }


def _operation(go: str, name: str, answer: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The method, the path and what goes there and comes back."""
    call = _CALL.search(go, go.index(f"MergeRequestsService) {name}(pid any"))
    assert call, name
    method, path = call[1].lower(), "/api/v4/" + call[2].replace("%s", "{id}").replace("%d", "{merge_request_iid}")
    options = _fields(go, f"{name}Options")
    parameters: list[dict[str, Any]] = [
        {"name": key, "in": "path", "required": True, "schema": {"type": kind}}
        for key, kind in (("id", "string"), ("merge_request_iid", "integer"))
        if f"{{{key}}}" in path
    ]
    operation: dict[str, Any] = {"operationId": name, "parameters": parameters}
    if method == "get":
        options |= _fields(go, "ListOptions")
        parameters += [{"name": key, "in": "query", "schema": schema} for key, schema in options.items()]
        answer = {"type": "array", "items": answer}
    else:
        operation["requestBody"] = {"content": _json({"type": "object", "properties": options})}
    return method, path, operation | {"responses": {"201" if method == "post" else "200": {"content": _json(answer)}}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _fields(go: str, name: str) -> dict[str, Any]:
    """The fields of a struct: what its Go type says of a value, nothing where that is a struct of its own."""
    struct = re.search(_STRUCT.format(name), go, re.DOTALL)
    assert struct, name
    found: dict[str, Any] = {}
    for kind, url, key in _FIELD.findall(struct[1]):
        schema = _GO.get(kind.lstrip("*"), {})
        # What has no name in a URL is an answer's: Go reads null into any type.
        found[url or key] = schema if url else {**schema, "nullable": True}
    return dict(sorted(found.items()))


_FORGES: dict[str, Callable[[Path], dict[str, Any]]] = {"github": _github, "gitea": _gitea, "gitlab": _gitlab}

if __name__ == "__main__":
    forge, place = sys.argv[1:]
    target = ROOT / "tests" / "data" / "forges" / f"{forge}.json"
    target.write_text(json.dumps(_FORGES[forge](Path(place)), indent=1, sort_keys=True) + "\n")
