"""Read the git configuration that applies in a folder: signing, identity and how to connect to remotes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from generator.errors import LocalError
from generator.git.commit_plan import GitIdentity
from generator.git.messages import git_message
from generator.git.remote_url import absolute_url, has_credentials, names_a_host, transport_scheme, url_host
from generator.git.runner import GitRunner
from generator.git.signing import PROGRAM_KEYS, SigningConfig

#: The name of the one remote of a private clone.
REMOTE_NAME = "workloads-target"
_TRUE_VALUES = {"true", "yes", "on", "1"}
# Settings that decide how git connects to a remote. `url.*` is applied by `rewrite_url`.
_TRANSPORT_PREFIXES = ("http.", "credential.", "core.sshcommand", "core.askpass", "core.gitproxy", "ssh.")
# Settings of the remote `origin` that apply to the connection, whatever the remote is called.
_REMOTE_PREFIX = "remote.origin."
_REMOTE_KEYS = ("proxy", "proxyauthmethod", "uploadpack", "receivepack")
# Settings for all hosts that hold no secret of any host.
_HARMLESS_SETTINGS = frozenset(
    {
        *("http.sslverify", "http.sslcainfo", "http.sslcapath", "http.sslbackend", "http.sslversion"),
        *("http.sslcipherlist", "http.schannelcheckrevoke", "http.schannelusesslcainfo", "http.pinnedpubkey"),
        *("http.proxy", "http.proxyauthmethod", "http.proxysslcainfo", "http.version", "http.postbuffer"),
        *("http.useragent", "http.noepsv", "http.curloptresolve", "credential.usehttppath", "core.gitproxy"),
        *("ssh.variant",),
    }
)
#: Variables that would give a secret to whatever host asks; `HOME` holds `.netrc`.
_UNSCOPED_SECRETS = ("HOME", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_SSL_CERT", "GIT_SSL_KEY")


class ConfigSetting(NamedTuple):
    """A setting with its scope (`system`, `global`, `local`, `worktree` or `command`)."""

    scope: str
    key: str
    value: str


@dataclass(frozen=True)
class Transport:
    """How git connects to a URL: the settings, and the folder that relative paths in them are relative to.

    `removed_variables` are variables of the user that git must not see.
    """

    config: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    folder: Path | None = None
    removed_variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class GitConfig:
    """The settings that apply in `folder`, in git's order; keys have section and variable in lower case."""

    settings: tuple[ConfigSetting, ...] = ()
    folder: Path | None = None

    @classmethod
    def read_git_config(cls, folder: Path) -> GitConfig:
        """Read the settings of every scope that git applies in `folder`. Raises `LocalError` if git cannot read it."""
        output = GitRunner(folder).list_config()
        if not output.succeeded:
            raise LocalError(
                "WL6003",
                f"git cannot read its configuration: {git_message(output.stderr)}",
                remedy="correct the configuration",
            )
        return cls(tuple(_parse_config_listing(output.stdout)), folder)

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The value of each key; the last one wins."""
        return {key: value for _, key, value in self.settings}

    def get_value(self, key: str) -> str:
        """Return the value of `key`; empty if it is not set."""
        return self.values.get(key.lower(), "")

    def is_enabled(self, key: str) -> bool:
        """Whether the boolean setting `key` is true; False if it is not set."""
        return self.get_value(key).lower() in _TRUE_VALUES

    def rewrite_url(self, url: str, *, for_push: bool = False) -> str:
        """Apply `url.<base>.insteadOf` to `url`, and `pushInsteadOf` for a push, as git does.

        Unlike git, a `<base>` with credentials is not applied where they would go to another host than its own.
        """
        for kind in ("pushinsteadof", "insteadof") if for_push else ("insteadof",):
            rules = [
                (value, key[len("url.") : -len(kind) - 1])
                for _, key, value in self.settings
                if key.startswith("url.") and key.endswith(f".{kind}") and value and url.startswith(value)
            ]
            for prefix, base in sorted(rules, key=lambda rule: len(rule[0]), reverse=True):
                rewritten = base + url[len(prefix) :]
                if not has_credentials(rewritten) or url_host(rewritten) == url_host(base):
                    return rewritten
        return url

    def fetch_url(self, url: str) -> str:
        """Return the URL from which git fetches if the remote's configured URL is `url`."""
        return absolute_url(self.rewrite_url(url), self.folder)

    def push_url(self, url: str) -> str:
        """Return the URL to which git pushes if the remote's configured URL is `url`."""
        configured = self.get_value(f"{_REMOTE_PREFIX}pushurl")
        if configured and url == self.get_value(f"{_REMOTE_PREFIX}url"):
            return self.fetch_url(configured)
        return absolute_url(self.rewrite_url(url, for_push=True), self.folder)

    def transport_for_workloads(self) -> Transport:
        """Return how git connects to the workloads remote: with everything that applies to `origin`."""
        return Transport(tuple(self._select_transport_settings(lambda setting: True)), self.folder)

    def is_origin_host(self, url: str) -> bool:
        """Whether `url` has the scheme, host and port of the remote `origin`."""
        origin = self.get_value(f"{_REMOTE_PREFIX}url")
        return bool(origin) and url_host(url) == url_host(self.fetch_url(origin))

    def transport_for_app(self, url: str) -> Transport:
        """Return how to connect to an app's repository: only with credentials that were given for its host.

        On the host of `origin`, these are the credentials of `origin`. On any other host, they are the settings
        `credential.<url>.*` and `http.<url>.*` whose `<url>` has a host, and SSH as the user has set it up, without
        the `core.sshCommand` of the checkout.
        """
        if self.is_origin_host(url):
            return self.transport_for_workloads()
        config = tuple(self._select_transport_settings(_is_given_for_a_host))
        if transport_scheme(url) not in ("http", "https"):
            return Transport(config, self.folder)
        home = os.environ.get("HOME", "")
        return Transport(tuple(_keep_home(key, value, home) for key, value in config), self.folder, _UNSCOPED_SECRETS)

    def _select_transport_settings(self, wanted: Callable[[ConfigSetting], bool]) -> Iterator[tuple[str, str]]:
        for setting in self.settings:
            _, key, value = setting
            if key.startswith(_REMOTE_PREFIX) and key[len(_REMOTE_PREFIX) :] in _REMOTE_KEYS and wanted(setting):
                yield f"remote.{REMOTE_NAME}.{key[len(_REMOTE_PREFIX) :]}", value
            # Not even where the user allows it: a redirect would take credentials to another host.
            elif key.startswith(_TRANSPORT_PREFIXES) and not key.endswith(".followredirects") and wanted(setting):
                yield key, value

    def signing_config(self) -> SigningConfig | None:
        """Return how to sign commits; None if `commit.gpgSign` is off."""
        if not self.is_enabled("commit.gpgsign"):
            return None
        kind = self.get_value("gpg.format") or "openpgp"
        program = self.get_value(PROGRAM_KEYS.get(kind, ""))
        return SigningConfig(
            format=kind,
            key=self._expand_path("user.signingkey") if kind == "ssh" else self.get_value("user.signingkey"),
            program=program or (self.get_value("gpg.openpgp.program") if kind == "openpgp" else ""),
            allowed_signers=self._expand_path("gpg.ssh.allowedsignersfile"),
            default_key_command=self.get_value("gpg.ssh.defaultkeycommand"),
        )

    def find_author_and_committer(self, environment: Mapping[str, str]) -> tuple[GitIdentity, GitIdentity]:
        """Find the author (the human or CI actor) and the committer (the same, unless Git's variables differ).

        Raises UsageError if there is no name or email that git would store as it is.
        """
        name = environment.get("GIT_AUTHOR_NAME") or self.get_value("user.name") or environment.get("GITHUB_ACTOR", "")
        actor = environment.get("GITHUB_ACTOR")
        email = environment.get("GIT_AUTHOR_EMAIL") or self.get_value("user.email")
        email = email or (f"{actor}@users.noreply.github.com" if actor else environment.get("GITLAB_USER_EMAIL", ""))
        author = GitIdentity(name or environment.get("GITLAB_USER_NAME", ""), email)
        committer = GitIdentity(
            environment.get("GIT_COMMITTER_NAME") or author.name, environment.get("GIT_COMMITTER_EMAIL") or author.email
        )
        return author, committer

    def _expand_path(self, key: str) -> str:
        """Return a path setting with `~` expanded, as git does for values in a file."""
        value = self.get_value(key)
        return str(Path(value).expanduser()) if value.startswith("~") else value


def _is_given_for_a_host(setting: ConfigSetting) -> bool:
    """Whether a setting names the host that it is for, or holds no secret."""
    scope, key, _ = setting
    section, _, rest = key.partition(".")
    if section in ("http", "credential") and "." in rest:
        return names_a_host(rest.rpartition(".")[0])
    if key == "core.sshcommand":
        return scope not in ("local", "worktree")
    return key in _HARMLESS_SETTINGS


def _keep_home(key: str, value: str, home: str) -> tuple[str, str]:
    """Change a setting so that it means the same for a git whose HOME is another folder, to keep it from a `.netrc`."""
    if key.startswith("http.") and value.startswith("~/"):
        return key, str(Path(value).expanduser())
    if not (key.startswith("credential.") and key.endswith(".helper") and value and home):
        return key, value
    command = value[1:] if value.startswith("!") else value if value.startswith("/") else f"git credential-{value}"
    return key, f"!HOME={shlex.quote(home)}; export HOME; {command}"


def _parse_config_listing(listing: bytes) -> Iterator[ConfigSetting]:
    items = listing.decode("utf-8", "surrogateescape").split("\0")
    for scope, item in zip(items[::2], items[1::2], strict=False):
        key, newline, value = item.partition("\n")
        # `[commit] gpgSign` without a value means true, and is listed without the line break.
        yield ConfigSetting(scope, key, value if newline else "true")
