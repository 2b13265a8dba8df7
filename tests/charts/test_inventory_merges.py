"""Git itself merges what two pull requests generate for different apps, as a forge does: with no driver of its own."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from generator.charts.inventory import INVENTORY_FILE, build_inventory
from tests.charts.rendered import tree_of

_APPS = ("audit", "billing", "cart", "ledger", "search")
_HEAD = """version = 1

[environments.test]
apps = [{test}]

[environments.prod]
server = "https://prod.example.com"
apps = [
{prod}
]

[teams.shop]
repositories = ["https://github.com/acme/"]
namespaces = [{names}]
"""


def _registry(prod: Mapping[str, str]) -> str:
    """A registry with these revisions in prod."""
    names = ", ".join(f'"{app}"' for app in _APPS)
    test = ", ".join(f'"{app}@v2"' for app in _APPS)
    listed = "\n".join(f'  "{app}@{revision}",' for app, revision in prod.items())
    apps = "".join(
        f'\n[apps.{app}]\nteam = "shop"\nrepoURL = "https://github.com/acme/{app}.git"\npath = "."\n' for app in _APPS
    )
    return _HEAD.format(test=test, prod=listed, names=names) + apps


def _generated(prod: Mapping[str, str]) -> dict[str, bytes]:
    tree = tree_of(_registry(prod))
    return {**tree.files, INVENTORY_FILE: build_inventory(tree).to_json_bytes()}


class _Repository:
    """A repository in which no setting of the user counts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self._root)}
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self._root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, files: Mapping[str, bytes], branch: str, *, start: str | None = None) -> None:
        """Commit exactly these files to a branch; a new one begins at `start`."""
        self.git("checkout", "-q", *(["-b", branch, start] if start else [branch]))
        for path in filter(None, self.git("ls-files").splitlines()):
            (self._root / path).unlink()
        for path, data in files.items():
            (self._root / path).parent.mkdir(parents=True, exist_ok=True)
            (self._root / path).write_bytes(data)
        self.git("add", "-A", "--force")
        self.git("commit", "-q", "-m", branch)

    def read(self) -> dict[str, bytes]:
        return {path: (self._root / path).read_bytes() for path in self.git("ls-files").splitlines()}


@pytest.fixture
def repository(tmp_path: Path) -> _Repository:
    repository = _Repository(tmp_path)
    repository.git("commit", "-q", "--allow-empty", "-m", "start")
    return repository


def test_promotions_of_two_apps_merge_also_where_they_are_neighbours(repository: _Repository) -> None:
    base = dict.fromkeys(_APPS, "v1")
    repository.commit(_generated(base), "main")
    for app in _APPS:
        repository.commit(_generated({**base, app: "v2"}), app, start="main")
    for one, other in itertools.combinations(_APPS, 2):
        repository.git("checkout", "-q", "-B", "merged", one)
        repository.git("merge", "-q", "--no-edit", other)
        assert repository.read() == _generated({**base, one: "v2", other: "v2"})


def test_all_promotions_at_once_merge_one_after_the_other(repository: _Repository) -> None:
    base = dict.fromkeys(_APPS, "v1")
    repository.commit({**_generated(base), "apps.toml": _spread(base)}, "main")
    for app in _APPS:
        repository.commit(
            {**_generated({**base, app: "v2"}), "apps.toml": _spread({**base, app: "v2"})}, app, start="main"
        )
    repository.git("checkout", "-q", "main")
    for app in _APPS:
        repository.git("merge", "-q", "--no-edit", app)
    promoted = dict.fromkeys(_APPS, "v2")
    assert repository.read() == {**_generated(promoted), "apps.toml": _spread(promoted)}


def _spread(prod: Mapping[str, str]) -> bytes:
    """The registry, with a comment at each entry of prod: without it Git sees neighbours as one edit."""
    text = _registry(prod)
    return text.replace('",\n  "', '",\n  # its team\n  "').encode()


def test_a_first_promotion_and_another_one_merge(repository: _Repository) -> None:
    base = {"audit": "v1", "ledger": "v1", "search": "v1"}
    repository.commit(_generated(base), "main")
    onboarded = {"audit": "v1", "cart": "v2", "ledger": "v1", "search": "v1"}
    repository.commit(_generated(onboarded), "onboard", start="main")
    repository.commit(_generated({**base, "search": "v2"}), "promote", start="main")
    repository.git("merge", "-q", "--no-edit", "onboard")
    assert repository.read() == _generated({**onboarded, "search": "v2"})


def test_promotions_of_two_apps_merge_with_their_registry(repository: _Repository) -> None:
    base = dict.fromkeys(_APPS, "v1")
    repository.commit({**_generated(base), "apps.toml": _registry(base).encode()}, "main")
    for app in ("audit", "search"):
        promoted = {**base, app: "v2"}
        repository.commit({**_generated(promoted), "apps.toml": _registry(promoted).encode()}, app, start="main")
    repository.git("merge", "-q", "--no-edit", "audit")
    both = {**base, "audit": "v2", "search": "v2"}
    assert repository.read() == {**_generated(both), "apps.toml": _registry(both).encode()}
