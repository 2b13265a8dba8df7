"""`ChartPlan` → `RenderedTree`: the same bytes everywhere, and text that says whose it is."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generator.charts.inventory import INVENTORY_FILE, build_inventory
from generator.charts.layout import NOTICE
from tests.charts.rendered import ROOT, SAMPLE, SHARED_HUB, tree_at, tree_of
from tests.charts.test_golden import EVERY_FIELD

_PRINT_DIGEST = """
import sys
from pathlib import Path
from tests.charts.test_render import digest_of
print(digest_of(Path(sys.argv[1])))
"""


def digest_of(registry: Path) -> str:
    """One digest of all paths and bytes of a tree."""
    whole = hashlib.sha256()
    for path, data in tree_at(registry).files.items():
        whole.update(path.encode() + b"\0" + data + b"\0")
    return whole.hexdigest()


def _elsewhere(python: str, registry: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", _PRINT_DIGEST, str(registry)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Asia/Kathmandu"},
        {"PYTHONHASHSEED": "3", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns", "PYTHONUTF8": "0"},
        {"PYTHONOPTIMIZE": "2", "LANG": "ja_JP.eucJP", "COLUMNS": "20"},
    ],
    ids=["seed", "C", "Turkish", "optimized"],
)
def test_the_bytes_are_the_same_everywhere(environment: dict[str, str]) -> None:
    done = _elsewhere(sys.executable, EVERY_FIELD / "apps.toml", **environment)
    assert done.stdout.strip() == digest_of(EVERY_FIELD / "apps.toml"), done.stderr


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_the_bytes_are_the_same_on_every_python(version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        pytest.skip(f"there is no other Python {version}")
    done = _elsewhere(python, SHARED_HUB)
    if done.returncode == 127 or "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"Python {version} lacks what this project needs")
    assert done.stdout.strip() == digest_of(SHARED_HUB), done.stderr


def test_the_order_of_the_registry_is_not_that_of_the_files() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    head, *tables = text.split("\n[")
    turned = "\n[".join([head, *sorted(tables, reverse=True)])
    tree, other = tree_of(text), tree_of(turned)
    assert list(tree.files) == sorted(tree.files)
    assert {path: data for path, data in tree.files.items() if "/templates/" in path} == {
        path: data for path, data in other.files.items() if "/templates/" in path
    }


@pytest.mark.parametrize("registry", [SAMPLE, SHARED_HUB, EVERY_FIELD / "apps.toml"], ids=lambda path: path.parent.name)
def test_every_file_opens_with_the_notice(registry: Path) -> None:
    for path, data in tree_at(registry).files.items():
        first = data.decode().split("\n", 1)[0]
        assert NOTICE in first, path
        assert data.endswith(b"\n"), path
        assert b"\r" not in data, path
        assert not [line for line in data.split(b"\n") if line.endswith(b" ")] or path.endswith("values.yaml"), path


def test_the_layout() -> None:
    apps = ["ecsdemo-crystal", "ecsdemo-frontend", "ecsdemo-nodejs"]
    wanted = {".gitattributes", *(f"argo-app-projects/{app}.yaml" for app in apps)}
    for env in ("dev", "test", "prod"):
        root = f"argo-app-of-apps/{env}"
        wanted |= {f"{root}/{name}" for name in ("Chart.yaml", ".helmignore", "values.yaml", "values.schema.json")}
        wanted |= {f"{root}/{name}" for name in ("README.md", "templates/_helpers.tpl", "tests/every_app_test.yaml")}
        wanted |= {f"{root}/templates/{app}.yaml" for app in apps} | {f"{root}/tests/{app}_test.yaml" for app in apps}
    tree = tree_at(SAMPLE)
    assert set(tree.files) == wanted
    assert set(tree.applications) == {f"{env}/{app}" for env in ("dev", "test", "prod") for app in apps}


def test_the_schema_of_the_values_is_json() -> None:
    schema = json.loads(tree_at(SAMPLE).files["argo-app-of-apps/dev/values.schema.json"])
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_registry_data_never_reaches_a_template() -> None:
    """What an app's template says depends on names that the reader has judged, and on nothing else."""
    text = SHARED_HUB.read_text(encoding="utf-8")
    other = text.replace("a.example.com", "{{ fail }}").replace('"yes"', '"{{ fail }}"').replace("charts.", "helm.")
    first, second = (
        {path: data for path, data in tree_of(one).files.items() if "/templates/" in path} for one in (text, other)
    )
    assert first == second


def test_a_usual_app_has_a_template_of_two_lines() -> None:
    text = tree_at(SAMPLE).files["argo-app-of-apps/dev/templates/ecsdemo-nodejs.yaml"].decode()
    assert text.splitlines()[1:] == [
        '{{ include "applications.app" (dict "chart" $ "key" "ecsdemoNodejs" "name" "ecsdemo-nodejs") }}'
    ]


def test_a_template_names_what_is_unusual_of_its_app() -> None:
    files = tree_at(SHARED_HUB).files
    assert (
        files["argo-app-of-apps/prod/templates/api.yaml"].decode().partition("\n")[2]
        == """\
{{ include "applications.app" (dict "chart" $ "key" "api" "name" "api-prod"
  "project" "shop"
  "namespace" "shop-api"
  "source" "sources"
  "syncOptions" "Delete=confirm,Prune=confirm"
  "ownSyncPolicy" true
  "members" (dict
    "api" (dict "namespace" "shop-api")
    "web" (dict "namespace" "shop-web"))) }}
"""
    )
    assert '"projectElsewhere" true' in files["argo-app-of-apps/prod/templates/web.yaml"].decode()


def test_the_charts_of_all_environments_share_their_logic() -> None:
    files = tree_at(SHARED_HUB).files
    assert len({files[f"argo-app-of-apps/{env}/templates/_helpers.tpl"] for env in ("dev", "prod")}) == 1


def test_a_new_app_in_one_environment_is_at_most_60_generated_lines() -> None:
    before = SAMPLE.read_text(encoding="utf-8")
    after = before.replace("apps = [\n", 'apps = [\n  "orders",\n', 1).replace(
        "namespaces = [", 'namespaces = ["orders", '
    )
    after += _ORDERS
    old, new = (tree_of(text) for text in (before, after))
    texts = [{**tree.files, INVENTORY_FILE: build_inventory(tree).to_json_bytes()} for tree in (old, new)]
    added = [
        line
        for path, data in texts[1].items()
        for line in difflib.ndiff(texts[0].get(path, b"").decode().splitlines(), data.decode().splitlines())
        if line.startswith("+ ")
    ]
    assert len(new.applications) == len(old.applications) + 1
    assert 30 < len(added) <= 60


_ORDERS = """
[apps.orders]
team = "ecsdemo"
repoURL = "https://github.com/aws-containers/orders.git"
path = "kubernetes/helm/orders"
targetRevision = "main"
helm.parameters = { replicaCount = "3" }
"""
