"""A forge on this machine that takes nothing its API does not describe: tests/data/forges/<forge>.json says what."""

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
        data = json.loads(body) if body else None
        self._check(operation, values, dict(parse_qsl(parts.query, keep_blank_values=True)), data)
        status, answer = self._do(method, values, dict(parse_qsl(parts.query)), data)
        if str(status) not in operation["statuses"]:
            self.wrong.append(f"the server itself answers {status}")
        return status, answer

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        for operation in self.api["operations"]:
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(operation["path"]))
            found = re.fullmatch(pattern, path)
            if found and operation["method"] == method:
                return operation, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def _check(self, operation: dict[str, Any], values: dict[str, str], query: dict[str, str], data: Any) -> None:
        described = {(each["in"], each["name"]): each["schema"] for each in operation["parameters"]}
        given = {**{("path", k): v for k, v in values.items()}, **{("query", k): v for k, v in query.items()}}
        for key, value in given.items():
            schema = described.get(key)
            if schema is None:
                self.wrong.append(f"{operation['operationId']}: {key} is not described")
                continue
            self._judge(int(value) if schema.get("type") == "integer" else value, schema, str(key))
        if operation["body"] is not None:
            # What the document leaves open, workloads has no use for.
            self._judge(data, {"additionalProperties": False, **operation["body"]}, operation["operationId"])
        elif data is not None:
            self.wrong.append(f"{operation['operationId']} takes no body")

    def _judge(self, value: Any, schema: dict[str, Any], where: str) -> None:
        validator = jsonschema.Draft202012Validator(schema)
        self.wrong += [f"{where}: {error.message}" for error in validator.iter_errors(value)]

    def _do(self, method: str, values: dict[str, str], query: dict[str, str], data: Any) -> tuple[int, Any]:
        if method == "GET":
            wanted = {key: query[key] for key in ("source_branch", "target_branch") if key in query}
            found = [each for each in self.requests if all(each.get(key) == value for key, value in wanted.items())]
            return 200, [] if query.get("page", "1") != "1" else found
        if method == "POST":
            made = self._made(data)
            self.requests.append(made)
            return 201, made
        self.requests[0].update(data)
        return (201 if self.forge == "gitea" else 200), self.requests[0]

    def _made(self, data: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(json.dumps(self.api["answer"]))
        made.update({key: value for key, value in data.items() if key not in ("head", "base")})
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
