"""A forge on this machine that takes and answers only what its API describes.

tests/data/forges/<forge>.json holds what the forge publishes of that; extract.py says where from.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema

from tests.workspace import ROOT

TOKEN = "cAn4ry-f0rge-t0ken"
_HEADERS = {
    "github": ("Authorization", "token "),
    "gitlab": ("PRIVATE-TOKEN", ""),
    "gitea": ("Authorization", "token "),
}


def _json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: there, `nullable` says what a list of types says here."""
    if isinstance(node, list):
        return [_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _json_schema(value) for key, value in node.items()}
    if found.pop("nullable", False) is True:
        found = {"anyOf": [{"type": "null"}, found]}
    return found


@dataclass
class Server:
    """`requests` are the open ones; `status` is answered instead of doing anything. `wrong` is what broke the API."""

    forge: str
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    status: int = 0
    answer: Any = None

    def __post_init__(self) -> None:
        text = (ROOT / "tests" / "data" / "forges" / f"{self.forge}.json").read_text()
        self.api = json.loads(text)

    def serve(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """The answer to a call; everything about it that the API does not know is noted."""
        self.calls.append(method)
        header, prefix = _HEADERS[self.forge]
        if headers.get(header) not in (prefix + TOKEN, f"Bearer {TOKEN}"):
            return 401, {"message": "Bad credentials"}
        if self.status:
            return self.status, self.answer
        parts = urlsplit(target)
        found = self._operation(method, parts.path)
        if found is None:
            self.wrong.append(f"{method} {parts.path} is no operation")
            return 404, {"message": "Not Found"}
        operation, values = found
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._check_parameters(operation, values, query)
        data = self._checked_body(operation, headers, body)
        status, answer = self._do(method, values, query, data)
        self._check_answer(operation, status, answer)
        return status, answer

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        for described, operations in self.api["paths"].items():
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(described))
            found = re.fullmatch(pattern, path)
            if found and method.lower() in operations:
                return operations[method.lower()], {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def _check_parameters(self, operation: dict[str, Any], values: dict[str, str], query: dict[str, str]) -> None:
        described = {(each["in"], each["name"]): each for each in map(self._resolved, operation["parameters"])}
        given = {**{("path", k): v for k, v in values.items()}, **{("query", k): v for k, v in query.items()}}
        missing = [key for key, each in described.items() if each.get("required") and key not in given]
        self.wrong += [f"{operation['operationId']}: {key} is missing" for key in missing]
        for key, value in given.items():
            if key not in described:
                self.wrong.append(f"{operation['operationId']}: {key} is not described")
                continue
            schema = described[key]["schema"]
            number = schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value)
            self._judge(int(value) if number else value, schema, str(key))

    def _checked_body(self, operation: dict[str, Any], headers: Any, body: bytes) -> Any:
        """What the call carries, which must be of the described kind and form."""
        where = operation["operationId"]
        if "requestBody" not in operation:
            self.wrong += [f"{where} takes no body"] if body else []
            return None
        content = self._resolved(operation["requestBody"])["content"]
        kind = str(headers.get("Content-Type", "")).partition(";")[0]
        if kind not in content:
            self.wrong.append(f"{where} takes no {kind!r}")
        data = json.loads(body)
        # What the document leaves open, workloads has no use for.
        schema = self._resolved(content["application/json"]["schema"])
        self._judge(data, {**schema, "additionalProperties": False}, where)
        return data

    def _check_answer(self, operation: dict[str, Any], status: int, answer: Any) -> None:
        """A server that answers what the real one cannot would prove nothing."""
        if str(status) not in operation["responses"]:
            self.wrong.append(f"the server itself answers {status}")
            return
        schema = self._resolved(operation["responses"][str(status)])["content"]["application/json"]["schema"]
        self._judge(answer, schema, f"the answer to {operation['operationId']}")

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        """What a description refers to, if it only refers."""
        if "$ref" not in node:
            return node
        _, _, kind, name = node["$ref"].split("/")
        found: dict[str, Any] = self.api["components"][kind][name]
        return found

    def _judge(self, value: Any, schema: dict[str, Any], where: str) -> None:
        whole = {**_json_schema(schema), "components": _json_schema(self.api["components"])}
        validator = jsonschema.Draft202012Validator(whole)
        self.wrong += [f"{where}: {error.json_path} {error.message[:200]}" for error in validator.iter_errors(value)]

    def _do(self, method: str, values: dict[str, str], query: dict[str, str], data: Any) -> tuple[int, Any]:
        if method == "GET":
            wanted = {key: query[key] for key in ("source_branch", "target_branch") if key in query}
            found = [each for each in self.requests if all(each.get(key) == value for key, value in wanted.items())]
            return 200, [] if query.get("page", "1") != "1" else found
        if method == "POST":
            made = self._made(data)
            self.requests.append(made)
            return 201, made
        mine = next(each for each in self.requests if str(each[self._number]) == [*values.values()][-1])
        mine.update(data)
        return (201 if self.forge == "gitea" else 200), mine

    @property
    def _number(self) -> str:
        return "iid" if self.forge == "gitlab" else "number"

    def _made(self, data: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(json.dumps(self.api["answer"]))
        made.update({key: value for key, value in data.items() if key in made.keys() - {"head", "base"}})
        made[self._number] += len(self.requests)
        if self.forge == "github":
            made["url"] = f"{self.url}/repos/acme/workloads/pulls/{made['number']}"
        if self.forge != "gitlab":
            made["head"]["ref"], made["base"]["ref"] = data["head"], data["base"]
        return made


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = server.serve(self.command, self.path, self.headers, body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(forge: str) -> Iterator[Server]:
    state = Server(forge)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
