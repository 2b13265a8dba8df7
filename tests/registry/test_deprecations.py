"""What an app has if nothing is set, by the version of the registry, and the warning of version 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.git.remotes import git
from tests.workspace import Run

APPS = """\
[environments.dev]
apps = ["billing", "ledger"]
[teams.payments]
repositories = ["https://github.com/acme/"]
namespaces = ["billing", "ledger"]
[apps.billing]
team = "payments"
repoURL = "https://github.com/acme/billing.git"
path = "chart"
[apps.ledger]
team = "payments"
repoURL = "https://github.com/acme/ledger.git"
path = "chart"
"""
BOTH = '[defaults]\nfinalizer = "foreground"\nsyncPolicy.automated.prune = true\n'


def read(text: str) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


@pytest.mark.parametrize(("version", "prune", "finalizer"), [(1, True, "foreground"), (2, False, "none")])
def test_an_app_that_sets_nothing(version: int, prune: bool, finalizer: str) -> None:
    app = read(f"version = {version}\n{APPS}").list_effective_apps("dev")[0]
    assert app.fields["syncPolicy"] == {"automated": {"prune": prune}, "syncOptions": ["CreateNamespace=false"]}
    assert app.fields["finalizer"] == finalizer


@pytest.mark.parametrize(
    ("defaults", "lines"),
    [
        ("", 'add finalizer = "foreground" to [defaults] and syncPolicy.automated.prune = true to [defaults];'),
        ('[defaults]\nfinalizer = "background"\n', "add syncPolicy.automated.prune = true to [defaults];"),
        (
            '[defaults]\nfinalizer = "none"\nsyncPolicy = { retry = { limit = 3 } }\n',
            "add automated.prune = true to [defaults.syncPolicy];",
        ),
        (
            "[defaults.syncPolicy.automated]\nselfHeal = true\n",
            'add finalizer = "foreground" to [defaults] and prune = true to [defaults.syncPolicy.automated];',
        ),
        ("[defaults]\nsyncPolicy.automated = false\n", 'add finalizer = "foreground" to [defaults];'),
    ],
)
def test_version_1_says_what_to_add_and_then_nothing(defaults: str, lines: str) -> None:
    text = f"# ours\nversion = 1\n{defaults}{APPS}"
    warning = read(text).deprecation
    assert warning.startswith("apps.toml:2:1: version: 1 turns on ")
    assert lines in warning
    assert read(text.replace("version = 1", "version = 2")).deprecation == ""


@pytest.mark.parametrize(
    "text", [f"{BOTH}{APPS}", APPS.replace("path =", 'finalizer = "none"\nsyncPolicy.automated = false\npath ='), ""]
)
def test_a_registry_that_sets_both_has_no_warning(text: str) -> None:
    assert read(f"version = 1\n{text}").deprecation == ""


def test_the_lines_keep_the_charts_and_version_2_alone_shows_what_it_turns_off(tmp_path: Path, workloads: Run) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    registry = tmp_path / "apps.toml"
    registry.write_text(f"version = 1\n{APPS}")
    done = workloads("render", cwd=tmp_path)
    assert [done.code, done.err.count("warning: apps.toml:1:1: version: 1 turns on")] == [0, 1]
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "start")
    done = workloads("check", "--json", cwd=tmp_path)
    assert [each.partition(", which")[0] for each in json.loads(done.out)["warnings"]] == [
        "apps.toml:1:1: version: 1 turns on the cascading finalizer and prune for apps that do not set them"
    ]
    registry.write_text(f"version = 2\n{BOTH}{APPS}")
    done = workloads("check", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    registry.write_text(f"version = 2\n{APPS}")
    done = workloads("diff", cwd=tmp_path)
    assert "removing the Application later leaves its workload unmanaged" in done.out
    assert "prune" in done.out
