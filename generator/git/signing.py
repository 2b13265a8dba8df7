"""Sign commits as the user's git configuration says, and verify the signatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.errors import LocalError
from generator.git.messages import git_message

if TYPE_CHECKING:
    from generator.git.runner import GitResult, GitRunner

PROGRAM_KEYS = {"openpgp": "gpg.program", "ssh": "gpg.ssh.program", "x509": "gpg.x509.program"}


@dataclass(frozen=True)
class SigningConfig:
    """How to sign commits, from git's configuration, which `commit-tree` does not apply by itself.

    `key` empty means git's own choice (the committer's key, or `gpg.ssh.defaultKeyCommand`).
    """

    format: str = "openpgp"
    key: str = ""
    program: str = ""
    allowed_signers: str = ""
    default_key_command: str = ""

    def git_config_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the git settings for a signing command. Raises `LocalError` for an unknown format."""
        if self.format not in PROGRAM_KEYS:
            raise LocalError("WL6004", f"gpg.format {self.format!r} is unknown to git", not_done="nothing was pushed")
        pairs = (
            ("gpg.format", self.format),
            ("user.signingKey", self.key),
            (PROGRAM_KEYS[self.format], self.program),
            ("gpg.ssh.allowedSignersFile", self.allowed_signers),
            ("gpg.ssh.defaultKeyCommand", self.default_key_command),
        )
        return tuple((key, value) for key, value in pairs if value)


def verify_signature(git: GitRunner, signing: SigningConfig, commit: str) -> None:
    """Verify that `commit` is signed, and that the signature is good if git can check it. Raises `LocalError`."""
    raw = git.check_output("cat-file", "commit", commit)
    if not any(line.startswith(b"gpgsig") for line in raw.partition(b"\n\n")[0].splitlines()):
        raise signing_error("git did not sign the commit")
    # Without an allowed signers file, git cannot verify an SSH signature.
    if signing.format == "ssh" and not signing.allowed_signers:
        return
    output: GitResult = git.run_git("verify-commit", commit, config=signing.git_config_pairs())
    if not output.succeeded:
        raise signing_error(f"the signature just made is not a good one: {git_message(output.stderr)}")


def signing_error(reason: str) -> LocalError:
    """Return the error for a commit that must be signed but cannot be."""
    remedy = "unlock or configure the key (user.signingKey, gpg.format), or turn commit.gpgSign off"
    return LocalError("WL6004", f"commits must be signed: {reason}", remedy=remedy, not_done="nothing was pushed")
