"""Signed when the user signs: verified before it leaves, or not made at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from generator.errors import LocalError
from generator.git.signing import SigningConfig
from tests.git.remotes import Remote, proposing, run

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")


def make_key(path: Path, passphrase: str = "") -> SigningConfig:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ada", "-f", str(path)]
    subprocess.run(command, check=True)
    return SigningConfig("ssh", str(path))


@pytest.fixture
def key(tmp_path: Path) -> SigningConfig:
    return make_key(tmp_path / "key")


def allowed(key: SigningConfig, tmp_path: Path) -> SigningConfig:
    signers = tmp_path / "allowed"
    signers.write_text(f"ada@example.org {Path(key.key + '.pub').read_text()}")
    return replace(key, allowed_signers=str(signers))


def test_a_commit_is_signed_with_the_users_key(remote: Remote, key: SigningConfig, tmp_path: Path) -> None:
    assert run(remote.url, proposing({"a": "a"}), signing=key).pushed
    signers = f"gpg.ssh.allowedSignersFile={allowed(key, tmp_path).allowed_signers}"
    assert remote.git("-c", signers, "log", "-1", "--format=%G?") == "G"


def test_a_signature_is_verified_where_the_signers_are_known(
    remote: Remote, key: SigningConfig, tmp_path: Path
) -> None:
    assert run(remote.url, proposing({"a": "a"}), signing=allowed(key, tmp_path)).pushed
    stranger = make_key(tmp_path / "stranger")
    before = remote.head()
    with pytest.raises(LocalError, match="not a good one"):
        run(remote.url, proposing({"b": "b"}), signing=replace(allowed(key, tmp_path), key=stranger.key))
    assert remote.head() == before


@pytest.mark.parametrize("trouble", ["missing", "locked", "garbage", "no program", "unknown format", "gpg without key"])
def test_a_key_that_cannot_sign_means_no_commit(
    remote: Remote, tmp_path: Path, key: SigningConfig, trouble: str
) -> None:
    (tmp_path / "garbage").write_text("not a key")
    signing = {
        "missing": SigningConfig("ssh", str(tmp_path / "absent")),
        "locked": make_key(tmp_path / "locked", "passphrase"),
        "garbage": SigningConfig("ssh", str(tmp_path / "garbage")),
        "no program": replace(key, program="/nowhere/ssh-keygen"),
        "unknown format": SigningConfig("pgp", "x"),
        "gpg without key": SigningConfig("openpgp", "nobody@example.org"),
    }[trouble]
    before = remote.head()
    with pytest.raises(LocalError) as failure:
        run(remote.url, proposing({"a": "a"}), signing=signing)
    assert failure.value.not_done == "nothing was pushed"
    assert remote.head() == before


def test_a_program_that_signs_nothing_is_found_out(remote: Remote, key: SigningConfig, tmp_path: Path) -> None:
    program = tmp_path / "pretender"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho > "$last.sig"\n')
    program.chmod(0o755)
    before = remote.head()
    with pytest.raises(LocalError, match="commits must be signed"):
        run(remote.url, proposing({"a": "a"}), signing=replace(allowed(key, tmp_path), program=str(program)))
    assert remote.head() == before


@pytest.fixture
def gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SigningConfig]:
    """A key of GnuPG's own, without a passphrase, in a home of its own."""
    if shutil.which("gpg") is None:
        pytest.skip("needs gpg")
    # A socket's path is short, and a test's folder is not.
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        monkeypatch.setenv("GNUPGHOME", folder)
        subprocess.run(
            [
                "gpg",
                "--batch",
                "--quiet",
                "--passphrase",
                "",
                "--quick-gen-key",
                "Ada Lovelace <ada@example.org>",
                "ed25519",
            ],
            check=True,
            capture_output=True,
        )
        yield SigningConfig("openpgp", "ada@example.org")
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


def test_a_commit_is_signed_and_verified_by_gpg(remote: Remote, gpg: SigningConfig) -> None:
    assert run(remote.url, proposing({"a": "a"}), signing=gpg).pushed
    assert remote.git("log", "-1", "--format=%G? %GS") == "G Ada Lovelace <ada@example.org>"


def test_gpg_finds_the_committers_key_by_itself(remote: Remote, gpg: SigningConfig) -> None:
    assert run(remote.url, proposing({"a": "a"}), signing=SigningConfig("openpgp")).pushed
    assert remote.git("log", "-1", "--format=%G?") == "G"


def test_a_lost_gpg_key_means_no_commit(remote: Remote, gpg: SigningConfig) -> None:
    before = remote.head()
    shutil.rmtree(Path(os.environ["GNUPGHOME"]) / "private-keys-v1.d")
    subprocess.run(["gpgconf", "--kill", "all"], check=True, capture_output=True)
    with pytest.raises(LocalError, match="commits must be signed"):
        run(remote.url, proposing({"a": "a"}), signing=gpg)
    assert remote.head() == before
