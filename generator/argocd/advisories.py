"""Known vulnerabilities of Argo CD, from a table of this project: nothing is looked up."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources

from generator.argocd.versions import major_minor


def describe_advisories(version: str) -> Iterator[str]:
    """Describe the advisories that a version of Argo CD is, or may be, affected by, each with the fixed version."""
    text = resources.files(__package__).joinpath("advisories.toml").read_text(encoding="utf-8")
    patch = int(version.split(".")[2]) if version.count(".") == 2 else None
    for name, advisory in tomllib.loads(text).items():
        for fixed in advisory["fixed"]:
            if major_minor(fixed) != major_minor(version):
                continue
            if patch is None:
                yield f"{name} is fixed in Argo CD {fixed}: check that yours is not older, or write its patch version"
            elif patch < int(fixed.split(".")[2]):
                yield f"Argo CD {version} is affected by {name}: update it to {fixed}"
