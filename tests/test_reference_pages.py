"""The generated pages of the reference are up to date, and each key has an example that is valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import IMAGES, render_pictures
from tests.reference_pages import PAGES, list_keys_without_example, page_path
from tests.workspace import ROOT, Run


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert page_path(name).read_text(encoding="utf-8") == PAGES[name](), "run python -m tests.reference_pages"


def test_pictures_are_up_to_date_and_load_nothing() -> None:
    for name, picture in render_pictures().items():
        assert (IMAGES / name).read_text(encoding="utf-8") == picture, "run python -m tests.pictures"
        assert "http" not in picture.replace("http://www.w3.org", "").replace("https://www.textualize.io", "")


def test_every_key_but_spec_has_an_example() -> None:
    assert {key for _, key in list_keys_without_example()} == {"spec"}


def test_the_registry_with_every_setting_is_valid(workloads: Run, tmp_path: Path) -> None:
    registry = tmp_path / "apps.toml"
    registry.write_bytes((ROOT / "examples" / "every-setting.toml").read_bytes())
    done = workloads("render", cwd=tmp_path)
    assert done.code == 0, done.err
