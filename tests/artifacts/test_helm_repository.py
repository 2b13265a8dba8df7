"""Versions of charts in the index that Helm writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.artifacts.helm_repository import _read_entries, list_chart_versions
from generator.charts import yaml
from generator.errors import NetworkError
from tests.artifacts.servers import BASIC, PASSWORD, helm, package_chart, serve, serve_repository

pytestmark = pytest.mark.registry

VERSIONS = ("1.0.0", "1.10.0", "2.0.0-rc.1", "1.2.0+build.7")


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    folder = tmp_path / "charts"
    for name in ("api", "web", "web-extra"):
        package_chart(folder, name, *VERSIONS)
    return folder


def test_the_versions_of_one_chart_are_read(charts: Path) -> None:
    with serve_repository(charts) as url:
        assert sorted(list_chart_versions(url, "web")) == sorted(VERSIONS)
        assert sorted(list_chart_versions(f"{url}/", "web")) == sorted(VERSIONS)
        with pytest.raises(NetworkError, match=f"{url} has no chart wob"):
            list_chart_versions(url, "wob")


def test_one_chart_of_an_index_is_what_the_whole_index_has(charts: Path) -> None:
    with serve_repository(charts):
        text = (charts / "index.yaml").read_text()
    whole = yaml.load(text)["entries"]
    assert sorted(whole) == ["api", "web", "web-extra"]
    for name in whole:
        assert _read_entries(text, name) == {name: whole[name]}
    wide = text.replace("\n  ", "\n    ")
    assert _read_entries(wide, "web") == yaml.load(wide)["entries"]


def test_the_password_is_the_one_that_helm_stored_for_the_repository(charts: Path) -> None:
    with serve_repository(charts, BASIC) as url:
        with pytest.raises(NetworkError, match="denies access") as refused:
            list_chart_versions(url, "web")
        assert refused.value.remedy.startswith("store credentials for it: helm repo add NAME ")
        helm("repo", "add", "here", url, "--username", "ada", "--password-stdin", stdin=PASSWORD)
        assert sorted(list_chart_versions(url, "web")) == sorted(VERSIONS)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"", r"index.yaml cannot be read \(404\)"),
        (200, b"<html>: [", "is not the index of a Helm repository"),
        (200, b"entries: []", "is not the index of a Helm repository"),
        (200, b"\xff\xfe", "is not the index of a Helm repository"),
        (200, b"entries:\n  api: []\n", "has no chart web"),
    ],
)
def test_what_is_no_index_is_said_so(status: int, body: bytes, said: str) -> None:
    with serve(lambda target, headers: (status, {}, body)) as server, pytest.raises(NetworkError, match=said):
        list_chart_versions(server.url, "web")


def test_an_index_may_be_json_and_its_versions_numbers() -> None:
    body = b'{"entries": {"web": [{"version": "1.0.0"}, {"version": 2}, {}, "x", {"version": "1\\u001b[31m"}]}}'
    with serve(lambda target, headers: (200, {}, body)) as server:
        assert list_chart_versions(server.url, "web") == ["1.0.0", "2"]
