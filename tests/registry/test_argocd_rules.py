"""What Kubernetes and etcd refuse for its size is refused with the line of the app."""

from __future__ import annotations

import pytest

from generator.errors import RegistryError
from tests.charts.rendered import problems_of, registry_of

_HEAD = """version = 1

[environments.dev]
apps = ["web"]

[teams.shop]
repositories = ["https://github.com/acme/"]
namespaces = ["web"]

[apps.web]
team = "shop"
repoURL = "https://github.com/acme/web.git"
path = "."
"""


def _problem(text: str) -> str:
    with pytest.raises(RegistryError) as raised:
        registry_of(_HEAD + text)
    return problems_of(raised.value)


def test_annotations_that_kubernetes_would_refuse_together_are_refused() -> None:
    value = "x" * (128 * 1024)
    text = f'annotations = {{ one = "{value}", two = "{value}" }}\n'
    told = _problem(text)
    assert told.startswith("apps.toml:14:15: apps.web.annotations: has 262,150 bytes, and Kubernetes accepts 262,144")
    registry_of(_HEAD + text.replace("x" * 6, "", 1))


def test_annotations_are_weighed_in_bytes() -> None:
    assert "apps.web.annotations: has 262,147 bytes" in _problem(f'annotations.one = "{"é" * (128 * 1024)}"\n')


def test_an_application_that_etcd_would_refuse_is_refused_with_its_largest_field() -> None:
    told = _problem(f'helm.values = """\n{"x: y" * 400_000}\n"""\n')
    assert told.startswith("apps.toml:14:")
    assert "apps.web.helm: makes the Application 1,600," in told
    assert "etcd accepts objects of 1,500,000 bytes" in told
