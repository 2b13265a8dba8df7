"""A revision, or the working copy → the chart files that Argo CD has, or would get, and whose Applications they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from generator.cache import user_cache
from generator.charts.layout import CHARTS, Location
from generator.charts.parts import charts
from generator.charts.record import RECORD, read_record
from generator.errors import GeneratorError, LocalError, Problem
from generator.git.checkout import Checkout
from generator.git.command import Runner
from generator.git.log import Past
from generator.git.proposal import blob_id
from generator.publishing.guard import Identities
from generator.registry.files import Files, matching
from generator.registry.read import read_judged
from generator.registry.registry import Registry

#: The origin of what was just made of a registry.
RENDERED = "registry"


@dataclass(frozen=True)
class Side:
    """Files by path below the output folder: their git ids, and `contents`, which reads many at once.

    `digests` has the sha256 of each as the generator wrote it, whatever it is now.
    `revision` is None for the working copy. `origin` says where the files are from: `charts` that are committed,
    a `registry` that was rendered, or `nothing`. `refused` is what policy and tenancy refuse of the registry.
    """

    revision: str | None
    origin: str
    ids: Mapping[str, str]
    contents: Callable[[Iterable[str]], Mapping[str, bytes]]
    applications: Identities
    registry: Registry | None
    digests: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[Problem, ...] = ()


class Committed:
    """The files below a folder at a revision, as `Files` has them: listed by one process, read by one for many."""

    def __init__(self, checkout: Checkout, folder: Path, revision: str) -> None:
        self.revision = revision
        self.folder = folder.absolute()
        self.ids = checkout.blob_ids(self.folder, revision)
        self._past = Past(Runner(checkout.top), revision)
        self._known: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        if name not in self._known:
            # The registry's own files are what is asked for one by one.
            wanted = [path for path in self.ids if path == name or path.endswith(".toml")]
            self._known.update(self.contents(wanted))
        return self._known.get(name)

    def match(self, pattern: str) -> list[str]:
        return matching(pattern, self.ids)

    def contents(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of those files that exist. Raises LocalError where this clone lacks them."""
        ids = {name: self.ids[name] for name in names if name in self.ids}
        try:
            found = self._past.blobs(ids.values())
            return {name: found[oid] for name, oid in ids.items()}
        except (KeyError, ValueError):
            raise LocalError(
                f"this clone lacks files of {self.revision[:12]}", remedy="clone without --filter, or fetch them"
            ) from None


#: Where Argo CD finds the charts of a registry.
Locate = Callable[[Registry], Location]


def rendered(
    files: Files, name: str, shown_below: str, revision: str | None, locate: Locate, id_length: int = 40
) -> Side:
    """What a registry renders. Raises what reading it raises, but for what policy and tenancy refuse."""
    registry, refused = read_judged(files, name, shown_below, user_cache())
    tree = charts(registry, user_cache(), locate(registry))
    ids = tree.files.marks(f"git-{id_length}", partial(blob_id, length=id_length))

    def contents(paths: Iterable[str]) -> dict[str, bytes]:
        return {path: tree.files[path] for path in paths}

    return Side(revision, RENDERED, ids, contents, tree.applications, registry, tree.digests, refused)


def base_side(files: Committed | None, name: str, output: str, locate: Locate) -> Side:
    """What the clusters have at a revision: the charts committed at `output`, else those of the registry there.

    Raises RefusedError where the record of generated files is damaged, RegistryError where there are no charts
    and the registry is invalid.
    """
    if files is None:
        return Side(None, "nothing", {}, lambda paths: {}, {}, None)
    registry = None
    if files.read(name) is not None:
        try:
            registry, _ = read_judged(files, name, files.revision[:12], user_cache())
        except GeneratorError:
            if not _charts(files, output):
                raise
    for place in dict.fromkeys((output, registry.workloads.path if registry else output)):
        if _charts(files, place):
            return _as_committed(files, place, registry)
    if registry is None:
        return Side(files.revision, "nothing", {}, lambda paths: {}, {}, None)
    return rendered(files, name, files.revision[:12], files.revision, locate, len(files.revision))


def _charts(files: Committed, output: str) -> bool:
    return any(path.startswith(f"{_prefix(output)}{CHARTS}/") for path in files.ids)


def _prefix(output: str) -> str:
    return "" if output in ("", ".") else f"{output.strip('/')}/"


def _as_committed(files: Committed, output: str, registry: Registry | None) -> Side:
    prefix = _prefix(output)
    ids = {path.removeprefix(prefix): oid for path, oid in files.ids.items() if path.startswith(prefix)}

    def contents(paths: Iterable[str]) -> dict[str, bytes]:
        found = files.contents(prefix + path for path in paths)
        return {path.removeprefix(prefix): data for path, data in found.items()}

    place = f"{files.revision[:12]}:{prefix}{RECORD}"
    record = read_record(contents([RECORD]).get(RECORD), place)
    return Side(files.revision, "charts", ids, contents, record.applications, registry, record.files)


def default_base(checkout: Checkout, registry: Registry, head: str) -> str:
    """Where the change starts from: where it left the branch it will be merged into; else the last commit."""
    for ref in ("refs/remotes/origin/HEAD", f"refs/remotes/origin/{registry.workloads.branch}"):
        found = checkout.merge_base(head, ref) if checkout.resolve(ref) else None
        if found is not None:
            return found
    return head
