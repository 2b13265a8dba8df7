"""Every edit of a registry, in random TOML layouts."""

from __future__ import annotations

import pytest

from tests.registry.layouts import EDITS, try_edit


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_what_it_means_in_any_layout(edit: str) -> None:
    for seed in range(12):
        try_edit(seed, edit)
