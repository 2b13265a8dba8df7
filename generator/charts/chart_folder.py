"""The output folder as it lies in a working tree, a commit or a branch, and as it will lie there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from generator.charts.inventory import INVENTORY_FILE, Inventory, parse_inventory, update_digests
from generator.charts.layout import CHARTS_FOLDER, SHARDS_FOLDER, Chart, parse_chart_path
from generator.errors import RefusedError

if TYPE_CHECKING:
    from generator.charts.render import RenderedTree

#: Reads many files at once; paths without a file are left out.
ReadFiles = Callable[[Collection[str]], Mapping[str, bytes]]


@dataclass(frozen=True)
class ChartFolder:
    """The files below the output folder, by path.

    `chart_paths` are all files in the folders of charts, generated and foreign. `display_path` names the folder in
    messages. `blob_ids` are Git's ids of the files, if they are committed.
    """

    display_path: str
    chart_paths: Collection[str]
    read_files: ReadFiles
    blob_ids: Mapping[str, str] | None = None

    @classmethod
    def of_commit(cls, display_path: str, blob_ids: Mapping[str, str], read_files: ReadFiles) -> ChartFolder:
        """The output folder in a commit, from Git's id of each file below it."""
        return cls(display_path, frozenset(filter(is_in_chart, blob_ids)), read_files, blob_ids)

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory; an empty one if there is none. Raises RefusedError if it is damaged."""
        data = self.read_files([INVENTORY_FILE]).get(INVENTORY_FILE)
        return update_digests(parse_inventory(data, self.display(INVENTORY_FILE)), self.read_files)

    @cached_property
    def has_inventory(self) -> bool:
        """Whether the charts were generated, and not written by hand."""
        return INVENTORY_FILE in self.read_files([INVENTORY_FILE])

    def display(self, path: str) -> str:
        """Return a path below the folder as messages name it."""
        return path if self.display_path in ("", ".") else f"{self.display_path}/{path}"

    @cached_property
    def paths_by_chart(self) -> Mapping[Chart, Mapping[str, str]]:
        """The files of each chart: the path below the output folder, by the path below the chart."""
        found: dict[Chart, dict[str, str]] = {}
        for path in self.chart_paths:
            chart_path = parse_chart_path(path)
            if chart_path:
                found.setdefault(chart_path.chart, {})[chart_path.path] = path
        return found

    def read_chart(self, chart: Chart) -> dict[str, bytes]:
        """Read the files of a chart, by path below it. Raises KeyError if the folder has no such chart."""
        paths = self.paths_by_chart.get(chart, {})
        contents = self.read_files(paths.values())
        return {name: contents[path] for name, path in paths.items() if path in contents}


EMPTY_FOLDER = ChartFolder("", (), lambda paths: {})


@dataclass(frozen=True)
class OverlaidFolder(ChartFolder):
    """The output folder as it will lie: the files of `tree`, and the foreign files that stay.

    `environments` have generated charts, or had them before.
    """

    tree: RenderedTree = field(kw_only=True)
    environments: frozenset[str] = field(kw_only=True)
    foreign_paths: frozenset[str] = field(kw_only=True)

    @cached_property
    def generated_charts(self) -> tuple[Chart, ...]:
        """The charts of the registry, in order; others, such as those of a former shard, are read by no Argo CD."""
        return tuple(sorted(_list_charts(self.tree.digests)))

    def is_kept_foreign_file(self, chart: Chart, name: str) -> bool:
        """Whether a foreign file stays at the path `name` below a chart, and Argo CD goes on to read it.

        False for a chart that was generated and no longer is, and for a former shard: Argo CD loses all of it.
        """
        is_read = chart in self.generated_charts or chart.environment not in self.environments
        return is_read and self.paths_by_chart.get(chart, {}).get(name) in self.foreign_paths


def overlay_tree(tree: RenderedTree, folder: ChartFolder) -> OverlaidFolder:
    """Lay the generated files over a folder. Files that the inventory lists and `tree` no longer has are left out.

    Raises RefusedError if a foreign file has the path of a generated one except for case.
    """
    foreign = frozenset(folder.chart_paths) - tree.digests.keys() - folder.inventory.files.keys()
    _refuse_case_clashes(folder, foreign, tree)

    def read_files(paths: Collection[str]) -> Mapping[str, bytes]:
        stay = folder.read_files([path for path in paths if path in foreign])
        return {**{path: tree.files[path] for path in paths if path in tree.files}, **stay}

    paths = frozenset(filter(is_in_chart, tree.digests)) | foreign
    environments = frozenset(list_chart_environments((*folder.inventory.files, *tree.digests)))
    return OverlaidFolder(
        folder.display_path, paths, read_files, tree=tree, environments=environments, foreign_paths=foreign
    )


def _list_charts(paths: Iterable[str]) -> set[Chart]:
    # Thousands of files are in a few folders.
    folders = {path.rpartition("/")[0] for path in paths}
    return {chart_path.chart for folder in folders if (chart_path := parse_chart_path(f"{folder}/file"))}


def _refuse_case_clashes(folder: ChartFolder, foreign_paths: Iterable[str], tree: RenderedTree) -> None:
    # On macOS and Windows both paths are one file, so a checkout there would have only one of the two.
    generated = {path.casefold(): path for path in tree.digests}
    for path in sorted(foreign_paths):
        if path.casefold() in generated:
            raise RefusedError(
                "WL7008",
                f"{folder.display(path)} differs only in case from the generated file {generated[path.casefold()]}",
                remedy="rename or delete it",
            )


def is_in_chart(path: str) -> bool:
    """Whether a path is in the folder of a chart."""
    return path.startswith((f"{CHARTS_FOLDER}/", f"{SHARDS_FOLDER}/"))


def list_chart_environments(paths: Iterable[str]) -> list[str]:
    """The environments that have a chart among these files, in order of name."""
    return sorted({chart.environment for chart in _list_charts(paths)})
