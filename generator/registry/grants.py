"""Which team may use which repository, folder and namespace, by what the root file grants and shares. Pure."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.paths import resolve_path
from generator.argocd.strings import quoted_excerpt
from generator.argocd.urls import grant_covers_url, is_in_folder, repository_key, split_grant
from generator.registry.findings import Finding
from generator.registry.source_tables import Layer, list_file_references

if TYPE_CHECKING:
    from generator.registry.model import ArgoCDSettings, SharedNamespace, SharedRepository, Team
    from generator.toml.document import KeyPath


class Grant(NamedTuple):
    """A repository, or prefix of repositories, that `teams` may use; None is every team.

    `place` is its path in the root file. Only `folder` of the repository, or only `charts`, if they are not None.
    """

    place: KeyPath
    url: str
    folder: str | None
    teams: tuple[str, ...] | None
    charts: tuple[str, ...] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether the grant is shared, so that no team owns it."""
        return self.place[0] == "repositories"

    @property
    def owner(self) -> str:
        """The owner, for messages."""
        return "is shared" if self.is_shared else f'belongs to team "{self.place[1]}"'

    def is_for(self, team: str) -> bool:
        """Whether a team may use this grant."""
        return self.teams is None or team in self.teams

    def agrees_with(self, other: Grant) -> bool:
        """Whether both are one team's, or share another spelling of a repository with the same teams."""
        if self.is_shared and other.is_shared:
            return self.teams == other.teams and self.url != other.url
        return self.place[:2] == other.place[:2]

    def overlaps(self, other: Grant) -> bool:
        """Whether two grants of one repository contain each other, also on a disk that ignores case."""
        if self.folder is None or other.folder is None:
            return True
        one, two = self.folder.lower(), other.folder.lower()
        return is_in_folder(one, two) or is_in_folder(two, one)


class RepositoryGrants:
    """Finds the grants of a source: those of its repository, or of the longest prefix that somebody is granted.

    `data` is the root file as written. What an invalid grant there may mean is not reported again where it is used.
    """

    def __init__(
        self, teams: Mapping[str, Team], shared: Mapping[str, SharedRepository], data: Mapping[str, Any] | None = None
    ) -> None:
        self._by_key: dict[str, list[Grant]] = defaultdict(list)
        self._by_team: dict[str, list[Grant]] = {name: [] for name in teams}
        for name, team in teams.items():
            for index, text in enumerate(team.repositories):
                self._add(Grant(("teams", name, "repositories", index), *split_grant(text), (name,)))
        for name, repository in shared.items():
            url, folder = split_grant(repository.url)
            users = None if repository.teams is None else tuple(repository.teams)
            charts = None if repository.charts is None else tuple(repository.charts)
            self._add(Grant(("repositories", name, "url"), url, folder, users, charts))
        self._invalid = {name: tuple(_find_invalid_prefixes(data or {}, name, team)) for name, team in teams.items()}

    def _add(self, grant: Grant) -> None:
        self._by_key[repository_key(grant.url)].append(grant)
        for team in self._by_team if grant.teams is None else grant.teams:
            self._by_team.setdefault(team, []).append(grant)

    def find_overlaps(self) -> Iterator[Finding]:
        """Yield the grants that contain an earlier one of another team, or contradict a shared repository."""
        for grants in self._by_key.values():
            for index, grant in enumerate(grants):
                others = (other for other in grants[:index] if not grant.agrees_with(other))
                other = next((other for other in others if grant.overlaps(other)), None)
                if other is not None:
                    yield Finding(grant.place, "WL3206", _overlap_message(grant, other))

    def find_violations(self, team: str, path: KeyPath, source: Layer, url: str) -> Iterator[Finding]:
        """Yield what a source uses that its team may not use; `path` is that of the source in the app."""
        place, shown = (*path, "repoURL"), quoted_excerpt(url)
        if not any(grant_covers_url(grant.url, url) for grant in self._by_team[team]):
            if not self._has_invalid_grant(team, url):
                remedy = f"add it to teams.{team}.repositories in the root file"
                yield Finding(place, "WL3201", f'{shown} is not granted to team "{team}": {remedy}')
            return
        nearest = self._find_nearest(repository_key(url.rstrip("/")))
        usable = [grant for grant in nearest if grant.is_for(team)]
        chart = source.get("chart")
        if not usable:
            text = f"{shown} {nearest[0].owner}, whose grant is more specific: use another repository"
            yield Finding(place, "WL3201", text)
        elif all(grant.charts is not None and chart not in grant.charts for grant in usable):
            charts = ", ".join(chart for grant in usable for chart in grant.charts or ())
            text = f"only these charts of {shown} are shared: {charts}"
            yield Finding((*path, "chart") if chart else place, "WL3201", f"{text}: use one of them")
        elif all(grant.folder is not None for grant in usable) and not self._has_invalid_grant(team, url):
            yield from _folder_violations(team, path, source, [str(grant.folder) for grant in usable])

    def find_folders(self, team: str, url: str) -> list[str] | None:
        """The folders of a repository that a team may read; None if it may read the whole, or its grant is invalid."""
        if self._has_invalid_grant(team, url):
            return None
        usable = [grant for grant in self._find_nearest(repository_key(url.rstrip("/"))) if grant.is_for(team)]
        folders = [grant.folder for grant in usable if grant.folder is not None]
        return folders if len(folders) == len(usable) else None

    def _has_invalid_grant(self, team: str, url: str) -> bool:
        return repository_key(url).startswith(self._invalid[team])

    def _find_nearest(self, key: str) -> Sequence[Grant]:
        found, prefix = self._by_key.get(key), key
        while not found and prefix:
            found, prefix = self._by_key.get(f"{prefix}/"), prefix.rpartition("/")[0]
        return found or ()


def _find_invalid_prefixes(data: Mapping[str, Any], name: str, team: Team) -> Iterator[str]:
    """Yield the keys of the repositories that begin like a grant to a team that is written, but was left out."""
    written = data.get("teams", {}).get(name, {}).get("repositories", ())
    for text in [written] if isinstance(written, str) else written if isinstance(written, list) else ():
        if isinstance(text, str) and text not in team.repositories:
            start = re.split(r"[^!-~]|[*?\[\]{}!\\#]|(?<!:)//", text, maxsplit=1)[0]
            yield from filter(None, [repository_key(start).rstrip("/")])


def _overlap_message(grant: Grant, other: Grant) -> str:
    text = grant.url if grant.folder is None else f"{grant.url}//{grant.folder}"
    if grant.folder is None and other.folder is None:
        remedy = "" if grant.is_shared or other.is_shared else ", or share it: [repositories.NAME] url"
        shown = f"repository {quoted_excerpt(text)} {other.owner}"
        return f"{shown}: grant folders of it with //folder{remedy}" if remedy else f"{shown}: remove one of the two"
    whole = "the whole repository" if other.folder is None else f'folder "{other.folder}"'
    inside = "which contain each other: grant folders that do not"
    return f"{quoted_excerpt(text)} is granted here, and {whole} {other.owner}, {inside}"


def _folder_violations(team: str, path: KeyPath, source: Layer, folders: Sequence[str]) -> Iterator[Finding]:
    """Yield the paths of a source that are in no folder that its team may read."""
    remedy = f'use a path below {" or ".join(folders)}, which team "{team}" is granted'
    folder = source.get("path")
    if "chart" in source:
        yield Finding((*path, "chart"), "WL3204", f"a chart is in no folder: {remedy}")
    elif (folder is not None or "ref" not in source) and not is_in_granted_folder("", folder or ".", folders):
        yield Finding((*path, "path"), "WL3204", f"{quoted_excerpt(folder or '.')} is not granted: {remedy}")
    for file in list_file_references(source):
        if not file.ref and not is_in_granted_folder(file.folder, file.path, folders):
            yield Finding((*path, *file.key), "WL3204", f"{quoted_excerpt(file.text)} is not granted: {remedy}")


def is_in_granted_folder(base: str, path: str, folders: Sequence[str]) -> bool:
    """Whether a path, relative to the folder `base`, is in one of the granted folders."""
    resolved = resolve_path(base, path)
    return resolved is not None and any(is_in_folder(resolved, folder) for folder in folders)


def reserved_namespaces(argocd: ArgoCDSettings) -> frozenset[str]:
    """The namespaces of Argo CD, which are reserved for platform teams, as are those that start with `kube-`."""
    return frozenset(name for one in argocd.list_instances() for name in one.namespaces)


def is_reserved_namespace(namespace: str, reserved: frozenset[str]) -> bool:
    """Whether a namespace is for platform teams; `reserved` are those of Argo CD."""
    return namespace in reserved or namespace.startswith("kube-")


class NamespaceGrants:
    """Finds the teams that may deploy into a namespace."""

    def __init__(self, teams: Mapping[str, Team], shared: Mapping[str, SharedNamespace]) -> None:
        self._owned = [
            (("teams", name, "namespaces", index), entry)
            for name, team in teams.items()
            for index, entry in enumerate(team.namespaces)
        ]
        self._shared = shared
        self._patterns = [(str(place[1]), _compile(entry)) for place, entry in self._owned if "*" in entry]
        self._exact = {(entry, str(place[1])) for place, entry in self._owned}

    def is_granted(self, namespace: str, team: str) -> bool:
        """Whether a team may deploy into a namespace."""
        if namespace in self._shared:
            return team in self._shared[namespace].teams
        return (namespace, team) in self._exact or any(
            owner == team and pattern.fullmatch(namespace) for owner, pattern in self._patterns
        )

    def find_overlaps(self) -> Iterator[Finding]:
        """Yield the namespaces that two teams are granted, or that are granted and shared."""
        exact: dict[str, KeyPath] = {}
        globs: list[tuple[KeyPath, str]] = []
        for place, entry in self._owned:
            candidates = [*globs, *((at, other) for other, at in exact.items())] if "*" in entry else globs
            other = exact.get(entry) or next(
                (at for at, text in candidates if at[1] != place[1] and _intersect(text, entry)), None
            )
            if other is not None and other[1] != place[1]:
                text = f'namespace {quoted_excerpt(entry)} belongs to team "{other[1]}": remove it from one of the two teams'  # noqa: E501
                yield Finding(place, "WL3206", f"{text}, or share it: [namespaces.{entry}] teams")
            elif shared := next((name for name in self._shared if _compile(entry).fullmatch(name)), None):
                yield Finding(place, "WL3206", f'namespace "{shared}" is shared: remove it here or in namespaces')
            exact.setdefault(entry, place)
            if "*" in entry:
                globs.append((place, entry))


@functools.cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", "[-a-z0-9]*"))


@functools.cache
def _intersect(one: str, two: str) -> bool:
    """Whether some name matches both patterns."""
    if not one or not two:
        return not (one or two).strip("*")
    if one[0] == "*":
        return _intersect(one[1:], two) or _intersect(one, two[1:])
    if two[0] == "*":
        return _intersect(one, two[1:]) or _intersect(one[1:], two)
    return one[0] == two[0] and _intersect(one[1:], two[1:])
