"""Live Applications from files, an API server and argocd-server: what is not read is said, and never missing."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from generator.errors import GeneratorError, LocalError, NetworkError, UsageError
from generator.live.argocd_server import read_argocd_server
from generator.live.kubernetes_api import read_cluster
from generator.live.sources import LiveSource, LiveSources
from generator.live.state_file import read_state_file
from tests.charts.rendered import registry_of
from tests.live.sample import write_state
from tests.workspace import REGISTRY

Answer = Callable[[str, dict[str, list[str]]], tuple[int, Any]]


def item(name: str, namespace: str = "argocd", version: str = "argoproj.io/v1alpha1") -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"project": name},
    }


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that answers in JSON; its address, and the paths and the authorization that it was asked with."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            status, body = answer(parts.path, parse_qs(parts.query))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


# Files


def test_a_list_of_kubectl_is_complete(tmp_path: Path) -> None:
    state = read_state_file(write_state(tmp_path / "live.json", [item("web"), {"kind": "Service"}]), "argocd")
    assert [key.name for key in state.applications] == ["web"]
    assert state.unseen == ""


def test_the_list_of_the_api_itself_is_read_too(tmp_path: Path) -> None:
    bare = item("web")
    del bare["kind"]
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationList", "items": [bare]}
    (tmp_path / "live.json").write_text(json.dumps(body))
    assert [key.name for key in read_state_file(str(tmp_path / "live.json"), "argocd").applications] == ["web"]


_YAML = """\
apiVersion: v1
kind: List
items:
- apiVersion: argoproj.io/v1alpha1
  kind: Application
  metadata:
    name: web
    namespace: argocd
"""


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        (_YAML, ""),
        (_YAML + "metadata:\n  continue: abc\n", "a part of the List only"),
        (_YAML.partition("items:\n- ")[2].replace("\n  ", "\n"), "single Applications"),
        (json.dumps(item("web")), "single Applications"),
        (
            json.dumps({"kind": "List", "items": [item("web")], "metadata": {"continue": "x"}}),
            "a part of the List only",
        ),
        (
            _YAML.partition("items:\n- ")[2].replace("\n  ", "\n") + "---\n" + json.dumps(item("b")),
            "single Applications",
        ),
        ("\ufeff" + json.dumps(item("web")), "single Applications"),
        (json.dumps({"kind": "List", "items": [item("web", "team-a")]}), "has no Application of the namespace argocd"),
        (json.dumps({"kind": "List", "items": None}), "has no Application of the namespace argocd"),
    ],
)
def test_a_file_that_may_lack_applications_says_so(tmp_path: Path, text: str, unseen: str) -> None:
    (tmp_path / "live").write_text(text)
    found = read_state_file(str(tmp_path / "live"), "argocd").unseen
    assert unseen in found
    assert bool(unseen) == bool(found)


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b'{"items": [', UsageError, ":1:12: is not JSON"),
        (b"\xff\xfe", UsageError, "is not text in UTF-8"),
        ("{}".encode("utf-16"), UsageError, "is not text in UTF-8"),
        (b"", UsageError, "is empty"),
        (b" \n", UsageError, "is empty"),
        (b"{}", UsageError, "has no Applications"),
        (b"[]", UsageError, "has no Applications"),
        (b"No resources found", UsageError, "has no Applications"),
        (b'{"kind": "List", "items": {}}', UsageError, "items is not a list of objects"),
        (b'{"kind": "List", "items": [null]}', UsageError, "items is not a list of objects"),
        (b'{"items": [' + b"9" * 5000 + b"]}", UsageError, "is not JSON that kubectl writes"),
        (b'{"items": ' + b"[" * 100_000, UsageError, "is not JSON that kubectl writes"),
        (json.dumps({"kind": "List", "items": [item("web"), item("web")]}).encode(), UsageError, "argocd/web twice"),
        (b"apiVersion: argoproj.io/v1alpha1\nkind: Application\n a: [", UsageError, ":1: a document is not YAML"),
        (
            json.dumps(item("web", version="argoproj.io/v1beta1")).encode(),
            UsageError,
            "only argoproj.io/v1alpha1 is known",
        ),
    ],
)
def test_a_file_that_is_something_else_is_refused(
    tmp_path: Path, data: bytes, kind: type[GeneratorError], message: str
) -> None:
    (tmp_path / "live").write_bytes(data)
    with pytest.raises(kind) as refused:
        read_state_file(str(tmp_path / "live"), "argocd")
    assert message in refused.value.message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="Is a directory"):
        read_state_file(str(tmp_path), "argocd")


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    with pytest.raises(UsageError, match="which is a terminal"):
        read_state_file("-", "argocd")


def test_an_application_that_is_not_in_an_old_file_is_unseen(tmp_path: Path) -> None:
    def explain(*reconciled: str | None) -> str:
        items = [item(f"app{index}") | {"status": {"reconciledAt": each}} for index, each in enumerate(reconciled)]
        state = read_state_file(write_state(tmp_path / "live.json", items), "argocd")
        return state.explain_unseen(datetime(2026, 11, 10, 9, tzinfo=UTC), timedelta(minutes=30))

    assert explain("2026-11-10T08:45:00Z", "2026-11-09T08:00:00Z") == ""
    assert explain("2026-11-10T08:00:00Z").endswith("live.json is older than --live-max-age")
    assert explain(None).endswith("live.json does not show when it was written")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="No such file"):
        read_state_file(str(tmp_path / "none.json"), "argocd")


def test_the_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"kind": "List", "items": [item("web")]})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    state = read_state_file("-", "argocd")
    assert (state.place, [key.name for key in state.applications]) == ("the standard input", ["web"])


# A kubeconfig


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def write(url: str) -> None:
        cluster = {"name": "c", "cluster": {"server": url}}
        context = {"name": "ops", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": "s3cret"}}
        body = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "ops"}
        (tmp_path / "kubeconfig").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **body}))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    return write


_LIST = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


def test_an_api_server_is_asked_page_by_page_for_one_namespace(kubeconfig: Callable[[str], None]) -> None:
    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        assert path == _LIST
        page = {"": (["a", "b"], "1"), "1": (["c"], "2"), "2": (["d"], "")}[query.get("continue", [""])[0]]
        return 200, {"items": [item(name) for name in page[0]], "metadata": {"continue": page[1]}}

    with serving(answer) as (url, asked):
        kubeconfig(url)
        state = read_cluster("ops", "argocd")
    assert [key.name for key in state.applications] == ["a", "b", "c", "d"]
    assert (state.place, state.unseen, len(asked)) == ("the kubeconfig (ops)", "", 3)
    assert all(line.endswith(" Bearer s3cret") and "limit=500" in line for line in asked)


def test_a_list_that_expires_is_begun_again(kubeconfig: Callable[[str], None]) -> None:
    expired = [True]

    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if "continue" in query and expired:
            expired.clear()
            return 410, {"message": "The provided continue parameter is too old", "metadata": {"continue": "other"}}
        last = "continue" in query
        return 200, {"items": [item("b" if last else "a")], "metadata": {} if last else {"continue": "1"}}

    with serving(answer) as (url, _):
        kubeconfig(url)
        assert [key.name for key in read_cluster("", "argocd").applications] == ["a", "b"]


def _refuse(status: int, message: str) -> Answer:
    return lambda path, query: (status, {"message": message, "reason": "x"})


def _expire(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
    return (410, {"message": "old"}) if "continue" in query else (200, {"items": [], "metadata": {"continue": "1"}})


@pytest.mark.parametrize(
    ("answer", "message", "remedy"),
    [
        (_refuse(403, "applications is forbidden"), "(403): applications is forbidden", "see the Role in docs/live.md"),
        (_refuse(401, "Unauthorized"), "(401): Unauthorized", "log in again"),
        (_refuse(404, "not found"), "(404): not found", "no Applications of the version argoproj.io/v1alpha1"),
        (_refuse(500, "etcd is down"), "(500): etcd is down", ""),
        (_expire, "expired before its last page, twice", "what was read is not all"),
        (lambda path, query: (200, b"<html>"), "does not answer with a list", ""),
    ],
)
def test_what_an_api_server_refuses_is_said(
    kubeconfig: Callable[[str], None], answer: Answer, message: str, remedy: str
) -> None:
    with serving(answer) as (url, _):
        kubeconfig(url)
        with pytest.raises(NetworkError) as refused:
            read_cluster("", "argocd")
    assert message in refused.value.message
    assert remedy in refused.value.remedy
    assert "s3cret" not in f"{refused.value.message}{refused.value.remedy}"


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", {"kind": "Status"}, {"items": [], "metadata": "x"}])
def test_an_answer_of_an_api_server_without_a_list_is_refused(kubeconfig: Callable[[str], None], body: object) -> None:
    with serving(lambda path, query: (200, body)) as (url, _):
        kubeconfig(url)
        with pytest.raises(NetworkError, match="does not answer with a list"):
            read_cluster("", "argocd")


def test_an_api_server_that_does_not_answer_is_said(
    kubeconfig: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.live.kubernetes_api._TIMEOUTS", (0.2, 0.2))
    kubeconfig("http://127.0.0.1:9")
    with pytest.raises(NetworkError, match="does not answer"):
        read_cluster("", "argocd")
    with pytest.raises(LocalError, match="cannot be used"):
        read_cluster("no-such-context", "argocd")


def test_without_a_kubeconfig_the_cluster_of_this_process_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(LocalError, match="cannot be used: Invalid kube-config file"):
        read_cluster("", "argocd")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(LocalError, match="cannot be used: Service token file does not exist"):
        read_cluster("", "argocd")


def test_without_the_extra_a_kubeconfig_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "generator.live.kubernetes_api", None)
    with pytest.raises(LocalError) as refused:
        LiveSources(["kubeconfig"], {}).read(registry_of(REGISTRY).environments["dev"])
    assert "pip install 'gitops-workloads[live]'" in refused.value.remedy


# argocd-server


def _argocd(sees_all: str = "yes") -> Answer:
    def answer(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/api/v1/applications":
            assert query["appNamespace"] == ["argocd"]
            bare = item("web")
            del bare["apiVersion"], bare["kind"]
            return 200, {"items": [bare]}
        assert path == "/api/v1/account/can-i/applications/get/*/*"
        return 200, {"value": sees_all}

    return answer


@pytest.mark.parametrize(("sees_all", "unseen"), [("yes", ""), ("no", "may not read all Applications")])
def test_argocd_server_is_asked_whether_the_account_sees_all(sees_all: str, unseen: str) -> None:
    with serving(_argocd(sees_all)) as (url, asked):
        state = read_argocd_server(url, "argocd", {"ARGOCD_AUTH_TOKEN": "s3cret"}, "hub")
    assert [key.name for key in state.applications] == ["web"]
    assert unseen in state.unseen
    assert all(line.endswith(" Bearer s3cret") for line in asked)


def test_an_argo_cd_may_have_a_token_of_its_own() -> None:
    variables = {"ARGOCD_AUTH_TOKEN": "all", "ARGOCD_AUTH_TOKEN_EU_WEST": "own"}
    with serving(_argocd()) as (url, asked):
        read_argocd_server(url, "argocd", variables, "eu-west")
    assert all(line.endswith(" Bearer own") for line in asked)


def test_a_token_is_needed_and_never_sent_without_tls() -> None:
    with pytest.raises(UsageError, match="there is no token"):
        read_argocd_server("https://argocd.example.org", "argocd", {}, "hub")
    with pytest.raises(UsageError, match="without TLS"):
        read_argocd_server("http://argocd.example.org", "argocd", {"ARGOCD_AUTH_TOKEN": "s3cret"}, "hub")


@pytest.mark.parametrize("token", ["s3cret\nx", "s3cretü", "s3cret\x00"])
def test_a_token_that_cannot_be_one_is_refused_and_not_printed(token: str) -> None:
    with pytest.raises(UsageError, match="characters that no token has") as refused:
        read_argocd_server("https://127.0.0.1:9", "argocd", {"ARGOCD_AUTH_TOKEN": token}, "hub")
    assert "s3cret" not in f"{refused.value.message}{refused.value.remedy}"


@pytest.mark.parametrize(
    "url",
    ["https://", "https://h:x", "https://h:99999", "https://[::1", "https://me:s3cret@h", "https://h/?token=s3cret"],
)
def test_an_address_that_is_none_is_refused_and_its_credentials_are_not_printed(url: str) -> None:
    with pytest.raises(UsageError, match="is not the address of an argocd-server") as refused:
        read_argocd_server(url, "argocd", {"ARGOCD_AUTH_TOKEN": "token"}, "hub")
    assert "s3cret" not in f"{refused.value.message}{refused.value.remedy}"


def test_the_newline_at_the_end_of_a_token_does_not_count() -> None:
    with serving(_argocd()) as (url, asked):
        read_argocd_server(url, "argocd", {"ARGOCD_AUTH_TOKEN": "s3cret\n"}, "hub")
    assert all(line.endswith(" Bearer s3cret") for line in asked)


def test_what_argocd_server_refuses_is_said() -> None:
    with serving(_refuse(403, "permission denied for s3cret")) as (url, _), pytest.raises(NetworkError) as refused:
        read_argocd_server(url, "argocd", {"ARGOCD_AUTH_TOKEN": "s3cret"}, "hub")
    assert "(403): permission denied for ***" in refused.value.message
    assert "s3cret" not in refused.value.message


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"\xff", b"[]", b"null", {}, {"items": 5}, {"items": [5]}, {"message": "log in"}, b"[" * 100_000],
)
def test_an_answer_without_a_list_is_not_an_empty_list(body: object) -> None:
    answer: Answer = lambda path, query: (200, body)  # noqa: E731
    with serving(answer) as (url, _), pytest.raises(NetworkError, match="does not list its Applications"):
        read_argocd_server(url, "argocd", {"ARGOCD_AUTH_TOKEN": "s3cret"}, "hub")


def test_an_argo_cd_without_applications_has_none() -> None:
    with serving(lambda path, query: (200, {"items": None, "metadata": {}, "value": "yes"})) as (url, _):
        state = read_argocd_server(url, "argocd", {"ARGOCD_AUTH_TOKEN": "s3cret"}, "hub")
    assert (state.applications, state.unseen) == ({}, "")


# Which source is for which Argo CD


def test_a_source_may_name_its_argo_cd() -> None:
    assert LiveSource.parse("hub=kubeconfig:ops") == ("hub", "kubeconfig:ops")
    assert LiveSource.parse("https://argocd.example.org/?a=b") == ("", "https://argocd.example.org/?a=b")
    with pytest.raises(UsageError, match='unknown Argo CD "hub"'):
        LiveSources(["hub=kubeconfig"], {}).require_known_names(registry_of(REGISTRY))


def test_one_source_is_not_that_of_two_argo_cds(tmp_path: Path) -> None:
    path, registry = write_state(tmp_path / "live.json", [item("billing")]), registry_of(REGISTRY)
    sources = LiveSources([path, f"prod={path}"], {})
    assert sources.read(registry.environments["dev"]) is sources.read(registry.environments["dev"])
    for name in ("test", "prod"):  # Also if it is named for each of them.
        with pytest.raises(UsageError, match=f"dev and {name} are two Argo CDs"):
            sources.read(registry.environments[name])
    with pytest.raises(UsageError, match="where to read the live state of dev"):
        LiveSources([f"test={path}"], {}).read(registry.environments["dev"])
    shared = registry_of(REGISTRY.replace("promotesFrom", 'argocd = "dev"\nnameSuffix = "-x"\npromotesFrom', 1))
    assert LiveSources([path], {}).read(shared.environments["test"]).place == path
