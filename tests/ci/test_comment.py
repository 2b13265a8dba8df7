"""The workflow on pull requests: one comment, made once and then kept up to date, whoever else says what."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.ci.steps import Runner
from tests.diff.sample import BEFORE, changed, committed
from tests.git.remotes import git
from tests.workspace import ROOT, isolate

TOKEN = "cAn4ry-c0mment"
WORKFLOW = ROOT / "ci" / "github" / "diff.yml"

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")


class _Forge(BaseHTTPRequestHandler):
    """As much of GitHub as comments are: pages of 100, and only for who has the token."""

    comments: list[dict[str, Any]]
    asked: list[str]

    def _answer(self, value: Any, code: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _begin(self) -> Any:
        self.asked.append(f"{self.command} {self.path}")
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")

    def do_GET(self) -> None:
        self._begin()
        path, _, page = self.path.rpartition("&page=")
        assert path == "/repos/acme/workloads/issues/7/comments?per_page=100"
        first = (int(page) - 1) * 100
        self._answer(self.comments[first : first + 100])

    def do_POST(self) -> None:
        body = self._begin()["body"]
        assert self.path == "/repos/acme/workloads/issues/7/comments"
        self.comments.append({"id": 1000, "user": {"login": "github-actions[bot]"}, "body": body})
        self._answer(self.comments[-1], 201)

    def do_PATCH(self) -> None:
        body = self._begin()["body"]
        (found,) = (one for one in self.comments if self.path == f"/repos/acme/workloads/issues/comments/{one['id']}")
        found["body"] = body
        self._answer(found)

    def log_message(self, *args: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def forge() -> Iterator[ThreadingHTTPServer]:
    _Forge.comments = [
        {"id": number, "user": {"login": "mallory"}, "body": "<!-- workloads diff -->\nall is well"}
        for number in range(130)
    ]
    _Forge.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Forge)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_comment_is_made_once_and_then_kept_up_to_date(
    forge: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(tmp_path / "home", monkeypatch)
    committed(tmp_path / "shop", BEFORE)
    git(tmp_path / "shop", "commit", "--quiet", "--allow-empty", "--message", "the merge that a runner checks out")
    values = {
        "github.event.pull_request.number": "7",
        "github.token": TOKEN,
    }
    variables = {
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_API_URL": f"http://127.0.0.1:{forge.server_address[1]}",
        "GITHUB_REPOSITORY": "acme/workloads",
    }
    (tmp_path / "temp").mkdir()
    runner = Runner(tmp_path / "shop", tmp_path / "temp", values, variables)
    others = json.dumps(_Forge.comments)
    after = ((changed(), "5 to delete"), ("no registry", "There is no diff"), (BEFORE, "nothing changes"))
    for registry, said in after:
        (tmp_path / "shop" / "apps.toml").write_text(registry)
        done = runner.run_workflow(WORKFLOW)
        assert done.returncode == 0, done
        assert TOKEN not in done.stdout + done.stderr
        *before, ours = _Forge.comments
        assert json.dumps(before) == others
        assert said in ours["body"]
        assert said in (tmp_path / "summary.md").read_text()
    later = ["GET", "GET", "PATCH"]
    assert [asked.split("/")[0].strip() for asked in _Forge.asked] == ["GET", "GET", "POST", *later, *later]
