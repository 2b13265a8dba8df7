"""A registry whose bytes were valid before is not validated again; any other is."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.cache import ResultCache
from generator.errors import RegistryError
from generator.registry.builder import RegistryBuilder
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from, read_registry_with_violations
from generator.registry.registry import Registry
from generator.registry.validate import validate_registry
from tests.workspace import REGISTRY

_INCLUDED = 'include = ["teams/{team}.toml"]\n'
_FOREIGN = REGISTRY.replace('namespaces = ["billing", "ledger", "money"]', 'namespaces = ["billing"]')


@pytest.fixture
def cache(tmp_path: Path) -> ResultCache:
    return ResultCache(tmp_path, "1")


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[RegistryBuilder]:
    """Gets every registry that is validated."""
    found: list[RegistryBuilder] = []

    def record(builder: RegistryBuilder) -> None:
        found.append(builder)
        validate_registry(builder)

    monkeypatch.setattr("generator.registry.reader.validate_registry", record)
    return found


def _read(cache: ResultCache, text: str = REGISTRY, **included: str) -> Registry:
    files = {"apps.toml": text, **{f"teams/{name}.toml": content for name, content in included.items()}}
    contents = MemoryFiles({name: data.encode() for name, data in files.items()})
    return read_registry_from(contents, "apps.toml", cache=cache)


def _problems(cache: ResultCache, text: str) -> str:
    with pytest.raises(RegistryError) as refused:
        _read(cache, text)
    return "\n".join(problem.text for problem in refused.value.problems)


def test_a_valid_registry_is_validated_once(cache: ResultCache, validated: list[RegistryBuilder]) -> None:
    first, second = _read(cache), _read(cache)
    assert len(validated) == 1
    assert first == second
    assert [first.list_effective_apps(name) for name in first.environments] == [
        second.list_effective_apps(name) for name in second.environments
    ]


def test_another_byte_name_or_file_is_another_registry(cache: ResultCache, validated: list[RegistryBuilder]) -> None:
    root = REGISTRY.replace("version = 1\n", f"version = 1\n{_INCLUDED}")
    for text, included in (
        (REGISTRY, {}),
        (REGISTRY + "# note\n", {}),
        (root, {}),
        (root, {"payments": ""}),
        (root, {"payments": "# note\n"}),
    ):
        _read(cache, text, **included)
    assert len(validated) == 5


def test_problems_and_violations_are_reported_every_time(cache: ResultCache) -> None:
    for _ in range(2):
        assert "path is missing" in _problems(cache, REGISTRY.replace('path = "chart"\n', "", 1))
        assert 'namespace "ledger" is not granted' in _problems(cache, _FOREIGN)
        files = MemoryFiles({"apps.toml": _FOREIGN.encode()})
        assert read_registry_with_violations(files, "apps.toml")[1]


def test_a_file_that_cannot_be_read_is_reported_of_a_registry_that_was_valid(cache: ResultCache) -> None:
    root = REGISTRY.replace("version = 1\n", 'version = 1\ninclude = ["teams/payments.toml"]\n')
    root = root.replace("[teams.payments]\n", '[teams.payments]\nfiles = ["teams/payments.toml"]\n')
    _read(cache, root, payments="")
    assert "does not exist" in _problems(cache, root)
