"""`python -m tests.charts.refresh_golden`: write the golden trees anew; read the diff before it is committed."""

from __future__ import annotations

from generator.charts.change_set import compute_changes
from generator.charts.output_folder import OutputFolder
from tests.charts.rendered import DATA, tree_at


def main() -> None:
    for registry in sorted((DATA / "golden").glob("*/apps.toml")):
        folder = OutputFolder(registry.parent / "multi-repo")
        owned = folder.read_inventory()
        folder.apply_changes(compute_changes(tree_at(registry), owned, folder.read_digest), owned)


if __name__ == "__main__":
    main()
