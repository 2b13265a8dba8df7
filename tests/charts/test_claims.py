"""The inventory is a claim: whatever it says, no other file than a generated one is overwritten or deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from generator.charts.digests import digest_file
from generator.charts.inventory import INVENTORY_FILE, build_inventory
from generator.charts.layout import OutputLocation, is_generated_path
from generator.charts.output_folder import OutputFolder
from generator.errors import RefusedError
from generator.helm.verify import HelmScope
from generator.pipeline import open_working_folder, prepare_charts
from tests.charts.rendered import SAMPLE, registry_of, tree_at

_REGISTRY = SAMPLE.read_text(encoding="utf-8")
_TREE = tree_at(SAMPLE)
#: Files of people, some at paths that could be generated.
_FILES = {
    "apps.toml": b"version = 1\n",
    "bootstrap/root-app.yaml": b"kind: Application\n",
    ".github/workflows/ci.yml": b"on: push\n",
    "argo-app-of-apps/dev/NOTES.md": b"notes\n",
    "argo-app-of-apps/dev/templates/custom.yaml": b"# custom\n",
    "argo-app-of-apps/old/Chart.yaml": b"name: old\n",
    "argo-app-projects/shared.yaml": b"kind: AppProject\n",
}
_PATHS = st.sampled_from(
    [*_FILES, *list(_TREE.files)[:6], "../outside", "/etc/hostname", "argo-app-of-apps/dev/../x", ""]
)
_CLAIMS = st.dictionaries(_PATHS, st.sampled_from(["right", "wrong"]), max_size=5)


def _listed(claims: Mapping[str, str]) -> bytes:
    """The inventory of the rendered sample, with more entries."""
    body = json.loads(build_inventory(_TREE).to_json_bytes())
    for path, kind in claims.items():
        data = _FILES.get(path, _TREE.files.get(path, b""))
        body["files"][path] = digest_file(path, data) if kind == "right" else "0" * 64
    return json.dumps(body).encode()


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


@given(_CLAIMS)
@settings(max_examples=60, deadline=None)
def test_no_inventory_has_other_files_overwritten_or_deleted(claims: dict[str, str]) -> None:
    with TemporaryDirectory() as place:
        root = Path(place, "multi-repo")
        (Path(place) / "outside").write_bytes(b"outside\n")
        _write(root, {**_TREE.files, **_FILES, INVENTORY_FILE: _listed(claims)})
        folder = OutputFolder(root)
        try:
            charts = prepare_charts(
                registry_of(_REGISTRY), OutputLocation("", "."), open_working_folder(folder), helm_scope=HelmScope.NONE
            )
            folder.apply_changes(charts.change, charts.before.inventory)
        except RefusedError:
            assert {path: (root / path).read_bytes() for path in _FILES} == _FILES
            return
        gone = {path for path in _FILES if not (root / path).exists()}
        assert all(is_generated_path(path) and claims.get(path) == "right" for path in gone)
        assert all((root / path).read_bytes() == data for path, data in _FILES.items() if path not in gone)
        assert all((root / path).read_bytes() == data for path, data in _TREE.files.items())
