"""The user's git configuration, as it is where they stand → the values publishing needs. Read-only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.errors import LocalError
from generator.git.command import Runner
from generator.git.signing import PROGRAMS, Signing
from generator.git.words import git_words

_TRUE = {"true", "yes", "on", "1"}
# What decides how a remote is reached. CI systems put credentials here, in the checkout's own configuration.
_TRANSPORT = ("http.", "credential.", "url.", "core.sshcommand", "ssh.variant")


@dataclass(frozen=True)
class Settings:
    """Configuration values by key; section and variable in lower case, as git lists them; the last one wins."""

    values: Mapping[str, str]
    transport: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Read the system's, the user's and `folder`'s configuration. `LocalError` if git cannot."""
        output = Runner(folder).run("config", "--list", "--includes", "--show-scope", "-z")
        if not output.ok:
            raise LocalError(f"git cannot read its configuration: {git_words(output.err)}", remedy="mend it")
        listed = list(_scoped(output.out))
        own = [(key, value) for scope, key, value in listed if scope == "local"]
        every = {key: value for _, key, value in listed}
        return cls(every, tuple((key, value) for key, value in own if key.startswith(_TRANSPORT)))

    def get(self, key: str) -> str:
        """The value of `key`, empty when it is not set."""
        return self.values.get(key.lower(), "")

    def flag(self, key: str) -> bool:
        """Whether `key` is switched on."""
        return self.get(key).lower() in _TRUE

    def signing(self) -> Signing | None:
        """How commits are to be signed; None when they are not."""
        if not self.flag("commit.gpgsign"):
            return None
        kind = self.get("gpg.format") or "openpgp"
        program = self.get(PROGRAMS.get(kind, ""))
        return Signing(
            format=kind,
            key=self._path("user.signingkey") if kind == "ssh" else self.get("user.signingkey"),
            program=program or (self.get("gpg.openpgp.program") if kind == "openpgp" else ""),
            allowed_signers=self._path("gpg.ssh.allowedsignersfile"),
            default_key_command=self.get("gpg.ssh.defaultkeycommand"),
        )

    def _path(self, key: str) -> str:
        """A path git would expand itself, were it read from a file."""
        value = self.get(key)
        return str(Path(value).expanduser()) if value.startswith("~") else value


def _scoped(listing: bytes) -> Iterator[tuple[str, str, str]]:
    """Scope, key and value of each setting."""
    items = listing.decode("utf-8", "surrogateescape").split("\0")
    for scope, item in zip(items[::2], items[1::2], strict=False):
        key, newline, value = item.partition("\n")
        # `[commit] gpgSign` without a value means true, and is listed without the line break.
        yield scope, key, value if newline else "true"
