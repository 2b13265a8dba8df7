"""Which tag is the newest that an app tracks."""

from __future__ import annotations

import pytest

from generator.argocd.version_ranges import parse_version_range
from generator.promotion.tracking import find_newest_tag


@pytest.mark.parametrize(
    ("pattern", "wanted", "tag"),
    [
        ("v*", None, "v1.10.0"),
        ("v*", ">=1,<1.5", "v1.2.0"),
        ("v*", "^2.0.0-rc.1", "v2.0.0-rc.1"),
        ("v*", ">=3", None),
        ("billing-v*", None, "billing-v3.0.0"),
        ("charts/web/*", None, "charts/web/0.2.0"),
        ("nightly-*", None, None),
        ("v*", ">=2.0.0-0", "v2.0.0-rc.1"),
        ("*", "*-0", "v2.0.0-rc.1"),
    ],
)
def test_the_newest_tag(pattern: str, wanted: str | None, tag: str | None) -> None:
    tags = [
        "v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v0.9", "latest", "vnext", "billing-v3.0.0", "billing-v2.9.0",
        "charts/web/0.2.0", "charts/web/0.1.0", "nightly-x",
    ]  # fmt: skip
    allowed = parse_version_range(wanted) if wanted else None
    found = find_newest_tag(tags, pattern, "semver", allowed.allows if allowed else None)
    assert found.tag == tag


@pytest.mark.parametrize(
    ("order", "pattern", "tags", "newest", "skipped"),
    [
        ("calver", "*", ["2024.04.1", "2024.3.10", "24.12", "latest"], "2024.04.1", ["latest"]),
        ("calver", "v*", ["v24.04", "v24.10", "v24.9.1", "vnext", "24.12"], "v24.10", ["vnext"]),
        ("calver", "release-*", ["release-2025-01-31", "release-2025-02-01"], "release-2025-02-01", []),
        ("date", "*", ["20240131", "2024-02-01", "20240201T0930", "2024.02.01-1015-abc"], "2024.02.01-1015-abc", []),
        ("date", "build-*", ["build-20240131-3f2a9c1", "build-20240230", "build-1"], "build-20240131-3f2a9c1",
         ["build-1", "build-20240230"]),
        ("semver", "*", ["20240131", "2024.01.31", "v1.2.0", "2024-01-31"], "20240131", ["2024.01.31"]),
    ],
)  # fmt: skip
def test_tags_in_other_orders(order: str, pattern: str, tags: list[str], newest: str, skipped: list[str]) -> None:
    found = find_newest_tag(tags, pattern, order, None)
    assert found.tag == newest
    assert sorted(found.skipped) == skipped
