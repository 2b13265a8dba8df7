"""The user's signing configuration → commits signed and verified, or none at all."""

from __future__ import annotations

from dataclasses import dataclass

from generator.errors import LocalError
from generator.git.command import Output, Runner
from generator.git.words import git_words

PROGRAMS = {"openpgp": "gpg.program", "ssh": "gpg.ssh.program", "x509": "gpg.x509.program"}


@dataclass(frozen=True)
class Signing:
    """How to sign, as git's own configuration says it: `commit-tree` obeys none of it unasked.

    `key` empty means git's own choice (the committer's key, or `gpg.ssh.defaultKeyCommand`).
    """

    format: str = "openpgp"
    key: str = ""
    program: str = ""
    allowed_signers: str = ""
    default_key_command: str = ""

    def config(self) -> tuple[tuple[str, str], ...]:
        """The settings for the command that signs. `LocalError` for a format git does not know."""
        if self.format not in PROGRAMS:
            raise LocalError(f"gpg.format {self.format!r} is unknown to git", undone="nothing was pushed")
        pairs = (
            ("gpg.format", self.format),
            ("user.signingKey", self.key),
            (PROGRAMS[self.format], self.program),
            ("gpg.ssh.allowedSignersFile", self.allowed_signers),
            ("gpg.ssh.defaultKeyCommand", self.default_key_command),
        )
        return tuple((key, value) for key, value in pairs if value)


def verify(git: Runner, signing: Signing, commit: str) -> None:
    """Make sure that `commit` carries a signature, and a good one where that can be known; `LocalError` if not."""
    raw = git.check("cat-file", "commit", commit)
    if not any(line.startswith(b"gpgsig") for line in raw.partition(b"\n\n")[0].splitlines()):
        raise refusal("git did not sign the commit")
    # Without a list of who may sign, git can tell nothing about an SSH signature.
    if signing.format == "ssh" and not signing.allowed_signers:
        return
    output: Output = git.run("verify-commit", commit, config=signing.config())
    if not output.ok:
        raise refusal(f"the signature just made is not a good one: {git_words(output.err)}")


def refusal(reason: str) -> LocalError:
    """The error for a commit that was to be signed and could not be."""
    remedy = "unlock or configure the key (user.signingKey, gpg.format), or turn commit.gpgSign off"
    return LocalError(f"commits are to be signed: {reason}", remedy=remedy, undone="nothing was pushed")
