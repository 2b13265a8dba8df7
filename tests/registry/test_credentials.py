"""Credentials say what they need, and `check` names the repositories that Argo CD cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import RegistryError
from generator.registry.credentials import find_credential, find_credential_warnings
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.workspace import REGISTRY, Run

GITHUB = """
[credentials.github]
url = "https://github.com/acme/"
kind = "https-token"
from = "external-secrets"
store = "vault"
remoteKey = "argocd/github"
"""
OWN = """
[credentials.billing]
url = "https://github.com/acme/billing"
kind = "github-app"
from = "existing"
secret = "billing"
"""


def read(text: str) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")


def problems(text: str) -> list[str]:
    with pytest.raises(RegistryError) as refused:
        read(text)
    return [str(problem).partition(": ")[2] for problem in refused.value.problems]


def test_the_longest_match_is_used() -> None:
    registry = read(REGISTRY + GITHUB + OWN)
    own = find_credential(registry, "dev", "https://github.com/acme/billing.git")
    other = find_credential(registry, "dev", "https://github.com/acme/ledger.git")
    assert own == registry.credentials["billing"]
    assert other == registry.credentials["github"]
    assert find_credential(registry, "dev", "https://github.com/acme-evil/x.git") is None
    assert list(find_credential_warnings(registry)) == []


@pytest.mark.parametrize(
    ("line", "instead", "problem"),
    [
        ('from = "external-secrets"\n', "", "does not say where the secret comes from: add from, one of external-sec"),
        ('store = "vault"\n', "", 'has from = "external-secrets", which needs store: add it'),
        ('store = "vault"\nremoteKey = "argocd/github"\n', "", "which needs store and remoteKey: add them"),
        ('store = "vault"', 'store = "vault"\nsecret = "x"', "which does not use secret: remove it"),
        ('kind = "https-token"', 'kind = "public"', 'has kind = "public", which needs no secret: remove from'),
        ('kind = "https-token"', 'kind = "ssh"', 'has kind = "ssh", but "https://github.com/acme/" is no ssh URL'),
        ('kind = "https-token"', 'kind = "token"', '"token" is not one of https-token, ssh, github-app, oci, public'),
        ('from = "external-secrets"', 'from = "vault"', '"vault" is not one of external-secrets, secrets-store-csi'),
        ("https://github.com/acme/", "https://me:secret@github.com/acme/", "holds a user name or password"),
        ("https://github.com/acme/", "https://github.com/*/", "has a character that Argo CD reads as a glob"),
        (
            'store = "vault"',
            'store = "vault"\nenvironments = ["devv"]',
            'unknown environment "devv" (did you mean "dev"?)',
        ),
        ('store = "vault"', 'storr = "vault"', 'unknown key (did you mean "store"?)'),
        (
            'from = "external-secrets"\nstore = "vault"\nremoteKey = "argocd/github"',
            'from = "secret-arn"\nsecretArn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:github"',
            "only the EKS Capability reads a secret by its ARN, and the Argo CD of dev, test, prod is not one",
        ),
        (
            'from = "external-secrets"\nstore = "vault"\nremoteKey = "argocd/github"',
            'from = "secret-arn"\nsecretArn = "github"',
            '"github" is not the ARN of a secret',
        ),
    ],
)
def test_a_wrong_credential_is_refused(line: str, instead: str, problem: str) -> None:
    found = problems(REGISTRY + GITHUB.replace(line, instead))
    assert any(problem in each for each in found), found
    assert all("credentials.github" in each for each in found)
    assert not any("secret@" in each for each in found)


def test_two_credentials_that_match_the_same_are_refused() -> None:
    twice = GITHUB.replace("credentials.github", "credentials.again").replace("github.com/acme", "GitHub.com/acme")
    (problem,) = problems(REGISTRY + GITHUB + twice)
    assert "credentials.again.url: Argo CD cannot tell this credential from credentials.github" in problem
    read(REGISTRY + GITHUB + 'environments = ["dev"]\n' + twice + 'environments = ["test", "prod"]\n')


def test_a_host_may_be_a_prefix() -> None:
    registry = read(REGISTRY + GITHUB.replace("https://github.com/acme/", "https://github.com/"))
    assert find_credential(registry, "dev", "https://github.com/acme/ledger.git")


def test_repositories_without_a_credential_are_named() -> None:
    registry = read(REGISTRY + OWN)
    assert list(find_credential_warnings(registry)) == [
        "no credential matches https://github.com/acme/ledger.git, which dev/ledger, test/ledger needs: add "
        '[credentials.NAME] with this URL or a prefix of it, with kind = "public" if it needs none'
    ]
    public = '\n[credentials.public]\nurl = "https://github.com/"\nkind = "public"\n'
    assert list(find_credential_warnings(read(REGISTRY + OWN + public))) == []


def test_a_registry_without_credentials_is_not_judged() -> None:
    ssh = REGISTRY.replace("https://github.com/acme/", "git@git.acme.io:acme/")
    assert list(find_credential_warnings(read(ssh))) == []


def test_ssh_hosts_without_a_known_key_are_named() -> None:
    ssh = REGISTRY.replace("https://github.com/acme/", "ssh://git@git.acme.io:7999/acme/")
    credential = GITHUB.replace("https://github.com/acme/", "ssh://git@git.acme.io:7999/acme/").replace(
        "https-token", "ssh"
    )
    assert list(find_credential_warnings(read(ssh + credential))) == [
        "Argo CD ships no SSH host key of git.acme.io:7999, which ssh://git@git.acme.io:7999/acme/billing.git, "
        "ssh://git@git.acme.io:7999/acme/ledger.git needs: add it to argocd-ssh-known-hosts-cm, and the host to "
        "knownHosts in [argocd]"
    ]
    known = ssh.replace("[environments.dev]", '[argocd]\nknownHosts = ["git.acme.io:7999"]\n\n[environments.dev]')
    assert list(find_credential_warnings(read(known + credential))) == []
    shipped = REGISTRY.replace("https://github.com/", "git@github.com:")
    credential = credential.replace("ssh://git@git.acme.io:7999/", "git@github.com:")
    assert list(find_credential_warnings(read(shipped + credential))) == []


def test_check_prints_them(place: Path, workloads: Run) -> None:
    registry = place / "apps.toml"
    registry.write_text(registry.read_text() + OWN)
    assert workloads("render", cwd=place).code == 0
    done = workloads("check", cwd=place)
    assert done.code == 0
    assert "warning: no credential matches https://github.com/acme/ledger.git" in done.err
