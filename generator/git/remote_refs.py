"""Read the branches and tags of remote repositories with `ls-remote`, without a clone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from generator.errors import NetworkError, UsageError
from generator.git import remote_url as address
from generator.git.access import access_remedy
from generator.git.config import REMOTE_NAME, GitConfig
from generator.git.failure import Fault, classify_fetch_failure
from generator.git.messages import git_message, redact, secrets_in_url
from generator.git.repository import create_bare_repository, object_format_name
from generator.git.runner import GitResult, GitRunner, IdleBudget

_MAX_CONCURRENT = 8
# Git's messages when a repository can be reached but does not have a commit.
_MISSING_COMMIT_ERRORS = ("not our ref", "unadvertised object", "couldn't find remote ref", "no such remote ref")


@dataclass(frozen=True)
class RemoteRefs:
    """Commits of a remote repository by branch and by tag; an annotated tag maps to its commit."""

    default_branch: str
    branches: Mapping[str, str]
    tags: Mapping[str, str]

    def resolve_ref(self, revision: str) -> str | None:
        """Return the commit of a branch or tag, by short or full name; a tag wins, as in git."""
        if revision == "HEAD":
            return self.branches.get(self.default_branch)
        short = revision.removeprefix("refs/tags/").removeprefix("refs/heads/")
        if not revision.startswith("refs/heads/") and short in self.tags:
            return self.tags[short]
        return None if revision.startswith("refs/tags/") else self.branches.get(short)

    def has_tag(self, revision: str) -> bool:
        """Whether a revision is a tag here, and not the name of a branch as well."""
        name = revision.removeprefix("refs/tags/")
        return name in self.tags and (name != revision or name not in self.branches)

    def find_tag(self, commit: str) -> str:
        """Return the last tag by name that points at `commit`; empty if there is none."""
        return max((tag for tag, at in self.tags.items() if at == commit), default="")

    @property
    def ref_names(self) -> list[str]:
        """The names of all tags and branches."""
        return [*self.tags, *self.branches]


class RemoteRepositories:
    """Remote repositories of apps, each queried once; `load_config` reads the configuration of the user's checkout."""

    def __init__(self, load_config: Callable[[], GitConfig] = GitConfig) -> None:
        self._load_config = load_config
        self._refs_by_url: dict[str, RemoteRefs | NetworkError] = {}

    @cached_property
    def _config(self) -> GitConfig:
        return self._load_config()

    def prefetch_refs(self, urls: Iterable[str]) -> None:
        """Query several repositories concurrently. A repository that fails raises its error on first use."""
        wanted = sorted(set(urls) - self._refs_by_url.keys())
        with ThreadPoolExecutor(_MAX_CONCURRENT) as pool:
            self._refs_by_url.update(zip(wanted, pool.map(self._query_refs, wanted), strict=True))

    def _query_refs(self, url: str) -> RemoteRefs | NetworkError:
        try:
            return read_remote_refs(url, self._config)
        except NetworkError as error:
            return error
        except UsageError as error:  # A URL that cannot be read must not stop the other apps.
            return NetworkError("WL5001", error.message, remedy=error.remedy)

    def read_refs(self, url: str) -> RemoteRefs:
        """Return the refs of a repository. Raises NetworkError with the server's message if it cannot be read."""
        if url not in self._refs_by_url:
            self._refs_by_url[url] = self._query_refs(url)
        found = self._refs_by_url[url]
        if isinstance(found, NetworkError):
            raise found
        return found

    def has_commit(self, url: str, commit: str) -> bool:
        """Whether a repository has a commit, even if no branch or tag points at it. Raises NetworkError."""
        refs = self.read_refs(url)
        if commit in refs.branches.values() or commit in refs.tags.values():
            return True
        return _remote_has_commit(url, commit, self._config)


def read_remote_refs(url: str, config: GitConfig | None = None, *, insecure: bool = False) -> RemoteRefs:
    """Read the refs of the repository at `url`. Raises NetworkError with the server's message if that fails."""
    with _open_connection(url, config or GitConfig(), insecure=insecure) as git:
        output = git.run_git("ls-remote", "--symref", REMOTE_NAME, idle_budget=IdleBudget())
    if not output.succeeded:
        raise _access_error(url, "cannot be read", output, config or GitConfig())
    return _parse_ls_remote(output.stdout.decode("utf-8", "replace"))


@contextmanager
def _open_connection(url: str, config: GitConfig, kind: str = "sha1", *, insecure: bool = False) -> Iterator[GitRunner]:
    """Yield a runner in an empty repository whose remote is `url`, with the credentials that are for its host."""
    where = config.fetch_url(url)
    transport = config.transport_for_app(where)
    bare, credentials = address.split_credentials(where)
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        create_bare_repository(Path(folder), kind)
        yield GitRunner(
            transport.folder or Path(folder),
            config=(*transport.config, *credentials, (f"remote.{REMOTE_NAME}.url", bare)),
            protocols=address.allowed_protocols(where, insecure=insecure),
            secrets=secrets_in_url(where),
            removed_variables=transport.removed_variables,
            variables={"GIT_DIR": folder, **({"HOME": folder} if "HOME" in transport.removed_variables else {})},
            isolated=True,
        )


def _access_error(url: str, problem: str, output: GitResult, config: GitConfig) -> NetworkError:
    said = git_message(output.stderr) or "no answer"
    remedy = "check the URL and access"
    if classify_fetch_failure(output).fault is Fault.ACCESS:
        remedy = access_remedy(config.fetch_url(url), config, for_app=True)
    return NetworkError("WL5001", f"{redact(url)} {problem}: {said}", remedy=remedy)


def _remote_has_commit(url: str, commit: str, config: GitConfig) -> bool:
    with _open_connection(url, config, object_format_name(len(commit))) as git:
        output = git.run_git(
            *("fetch", "--quiet", "--depth=1", "--filter=tree:0", "--no-tags", "--no-write-fetch-head"),
            *(REMOTE_NAME, commit),
            idle_budget=IdleBudget(),
        )
    if output.succeeded or not any(words in output.stderr for words in _MISSING_COMMIT_ERRORS):
        if not output.succeeded:
            raise _access_error(url, f"cannot be asked for {commit[:12]}", output, config)
        return True
    return False


def _parse_ls_remote(listing: str) -> RemoteRefs:
    default, branches, tags = "main", {}, {}
    for line in listing.splitlines():
        left, _, name = line.partition("\t")
        if left.startswith("ref: refs/heads/"):
            default = left.removeprefix("ref: refs/heads/")
        elif name.startswith("refs/heads/"):
            branches[name.removeprefix("refs/heads/")] = left
        elif name.startswith("refs/tags/"):
            # A peeled line, `name^{}`, follows the annotated tag's own line; its commit replaces the tag object.
            tags[name.removeprefix("refs/tags/").removesuffix("^{}")] = left
    return RemoteRefs(default, branches, tags)
