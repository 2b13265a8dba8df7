"""Read the git configuration that applies in a folder: signing, identity and how to connect to remotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.errors import LocalError
from generator.git.messages import git_message
from generator.git.runner import GitRunner
from generator.git.signing import PROGRAM_KEYS, SigningConfig

_TRUE_VALUES = {"true", "yes", "on", "1"}
# Settings for connections to remotes. CI systems put credentials in the checkout's own configuration.
_TRANSPORT_PREFIXES = ("http.", "credential.", "url.", "core.sshcommand", "ssh.variant")


@dataclass(frozen=True)
class GitConfig:
    """Git configuration values by key, with section and variable in lower case; the last value wins."""

    values: Mapping[str, str]
    transport_config: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read_git_config(cls, folder: Path) -> GitConfig:
        """Read the system's, the user's and `folder`'s configuration. Raises `LocalError` if git cannot read it."""
        output = GitRunner(folder).run_git("config", "--list", "--includes", "--show-scope", "-z")
        if not output.succeeded:
            raise LocalError(f"git cannot read its configuration: {git_message(output.stderr)}", remedy="mend it")
        listed = list(_parse_config_listing(output.stdout))
        own = [(key, value) for scope, key, value in listed if scope == "local"]
        every = {key: value for _, key, value in listed}
        return cls(every, tuple((key, value) for key, value in own if key.startswith(_TRANSPORT_PREFIXES)))

    def get_value(self, key: str) -> str:
        """Return the value of `key`; empty if it is not set."""
        return self.values.get(key.lower(), "")

    def is_enabled(self, key: str) -> bool:
        """Whether the boolean setting `key` is true."""
        return self.get_value(key).lower() in _TRUE_VALUES

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

    def _expand_path(self, key: str) -> str:
        """Return a path setting with `~` expanded, as git does for values in a file."""
        value = self.get_value(key)
        return str(Path(value).expanduser()) if value.startswith("~") else value


def _parse_config_listing(listing: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield the scope, key and value of each setting."""
    items = listing.decode("utf-8", "surrogateescape").split("\0")
    for scope, item in zip(items[::2], items[1::2], strict=False):
        key, newline, value = item.partition("\n")
        # `[commit] gpgSign` without a value means true, and is listed without the line break.
        yield scope, key, value if newline else "true"
