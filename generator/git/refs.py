"""What remote repositories' branches and tags point at, by `ls-remote`. Nothing is fetched for good, nothing kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from generator.errors import NetworkError
from generator.git import address
from generator.git.command import Patience, Runner
from generator.git.words import git_words, redact, secrets_of

_AT_ONCE = 8
# What git says where a repository answers and does not have a commit.
_ABSENT = ("not our ref", "unadvertised object", "couldn't find remote ref", "no such remote ref")


@dataclass(frozen=True)
class Refs:
    """A repository's refs as they are now: commits by branch and by tag (an annotated tag's commit, not its object)."""

    default: str
    branches: Mapping[str, str]
    tags: Mapping[str, str]

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch or tag, short or fully qualified; a tag wins, as it does in git."""
        if revision == "HEAD":
            return self.branches.get(self.default)
        short = revision.removeprefix("refs/tags/").removeprefix("refs/heads/")
        if not revision.startswith("refs/heads/") and short in self.tags:
            return self.tags[short]
        return None if revision.startswith("refs/tags/") else self.branches.get(short)

    def tag_of(self, commit: str) -> str:
        """A tag that points at `commit`, the last by name; empty where there is none."""
        return max((tag for tag, at in self.tags.items() if at == commit), default="")

    @property
    def names(self) -> list[str]:
        """Every tag and branch."""
        return [*self.tags, *self.branches]


class Remotes:
    """Repositories, each asked once; `config` is how the user's checkout reaches them."""

    def __init__(self, config: tuple[tuple[str, str], ...] = ()) -> None:
        self._config = config
        self._known: dict[str, Refs | NetworkError] = {}

    def prepare(self, urls: Iterable[str]) -> None:
        """Ask several repositories at once, no more than eight at a time; who cannot be read fails when asked for."""
        wanted = sorted(set(urls) - self._known.keys())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._known.update(zip(wanted, pool.map(self._ask, wanted), strict=True))

    def _ask(self, url: str) -> Refs | NetworkError:
        try:
            return remote_refs(url, self._config)
        except NetworkError as error:
            return error

    def refs(self, url: str) -> Refs:
        """The refs of a repository. Raises NetworkError, with the server's words, where it cannot be read."""
        if url not in self._known:
            self._known[url] = self._ask(url)
        found = self._known[url]
        if isinstance(found, NetworkError):
            raise found
        return found

    def has(self, url: str, commit: str) -> bool:
        """Whether a repository has a commit, which need not be where a branch or tag points. Raises NetworkError."""
        refs = self.refs(url)
        if commit in refs.branches.values() or commit in refs.tags.values():
            return True
        return _has(url, commit, self._config)


def remote_refs(url: str, config: tuple[tuple[str, str], ...] = (), *, insecure: bool = False) -> Refs:
    """The refs of the repository at `url`. Raises NetworkError, with the server's words, where it cannot be read."""
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        git = _runner(url, Path(folder), config, "/dev/null", insecure=insecure)
        output = git.run("ls-remote", "--symref", "--end-of-options", address.absolute(url), patience=Patience())
    if not output.ok:
        said = git_words(output.err) or "no answer"
        raise NetworkError(f"{redact(url)} cannot be read: {said}", remedy="check the URL and access")
    return _parsed(output.out.decode("utf-8", "replace"))


def _runner(url: str, folder: Path, config: tuple[tuple[str, str], ...], git_dir: str, *, insecure: bool) -> Runner:
    return Runner(
        folder,
        config=config,
        protocols=address.protocols(address.absolute(url), insecure=insecure),
        secrets=secrets_of(url),
        variables={"GIT_DIR": git_dir},
    )


def _has(url: str, commit: str, config: tuple[tuple[str, str], ...]) -> bool:
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        git = _runner(url, Path(folder), config, folder, insecure=False)
        kind = "sha256" if len(commit) == 64 else "sha1"
        git.check("init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
        output = git.run(
            *("fetch", "--quiet", "--depth=1", "--filter=tree:0", "--no-tags", "--no-write-fetch-head"),
            *("--end-of-options", address.absolute(url), commit),
            patience=Patience(),
        )
    if output.ok or not any(words in output.err for words in _ABSENT):
        if not output.ok:
            raise NetworkError(f"{redact(url)} cannot be asked for {commit[:12]}: {git_words(output.err)}")
        return True
    return False


def _parsed(listing: str) -> Refs:
    default, branches, tags = "main", {}, {}
    for line in listing.splitlines():
        left, _, name = line.partition("\t")
        if left.startswith("ref: refs/heads/"):
            default = left.removeprefix("ref: refs/heads/")
        elif name.startswith("refs/heads/"):
            branches[name.removeprefix("refs/heads/")] = left
        elif name.startswith("refs/tags/"):
            # A peeled line, `name^{}`, follows the line of the annotated tag's own object and replaces it.
            tags[name.removeprefix("refs/tags/").removesuffix("^{}")] = left
    return Refs(default, branches, tags)
