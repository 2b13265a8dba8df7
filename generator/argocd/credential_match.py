"""Which credential Argo CD uses for a repository, and which SSH hosts it knows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from generator.argocd.strings import matching
from generator.argocd.urls import url_scheme

#: The hosts in the ConfigMap argocd-ssh-known-hosts-cm as Argo CD ships it.
KNOWN_HOSTS = frozenset({
    "bitbucket.org", "github.com", "gitlab.com", "ssh.dev.azure.com", "ssh.github.com:443", "vs-ssh.visualstudio.com",
})  # fmt: skip
SecretArn = Annotated[
    str,
    matching(
        r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}",
        'is not the ARN of a secret: write "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"',
    ),
]
KnownHost = Annotated[
    str, matching(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?(?::[0-9]{1,5})?", "is not a host: write HOST or HOST:PORT")
]
_SSH = re.compile(r"(ssh://)?[^/:@]*@[^@]+")
# Go's URL parser refuses a colon in the first segment of a path; what begins with a letter is a scheme.
_NO_URL = re.compile(r"(?![a-z][a-z0-9+.-]*:)[^/]*:")


def normalize_like_argocd(url: str) -> str:
    """A URL as Argo CD compares it with those of credentials, "" if it cannot (util/git NormalizeGitURL)."""
    text = url.strip().lower()
    if _SSH.fullmatch(text) and not text.startswith("ssh://"):
        text = "ssh://" + text.replace(":", "/", 1)
    text = text.removesuffix(".git")
    return "" if _NO_URL.match(text) else text.removeprefix("ssh://")


def is_prefix(credential_url: str) -> bool:
    """Whether a credential is for all repositories below a URL, which ends in `/`, and not for one repository."""
    return credential_url.endswith("/")


def credential_key(url: str) -> tuple[bool, str]:
    """A key that is equal for two credentials that Argo CD cannot tell apart."""
    return is_prefix(url), normalize_like_argocd(url) or url


def select_credential(repository: str, credentials: Iterable[str]) -> str | None:
    """Of the URLs of credentials, the one that Argo CD uses for a repository: its own, or the longest prefix."""
    _, own = credential_key(repository)
    found = [url for url in credentials if not is_prefix(url) and credential_key(url)[1] == own]
    if found:
        return found[0]
    normalized = normalize_like_argocd(repository)
    prefixes = [(len(prefix), url) for url in credentials if is_prefix(url) and (prefix := normalize_like_argocd(url))]
    return max((each for each in prefixes if normalized.startswith(normalize_like_argocd(each[1]))), default=(0, None))[
        1
    ]


def find_ssh_host(repository: str) -> str | None:
    """The host of a repository that is read over SSH, with its port if that is not 22, or None."""
    if url_scheme(repository) != "ssh":
        return None
    text = repository if "://" in repository else repository.replace(":", "/", 1)
    return text.rpartition("://")[2].partition("/")[0].rpartition("@")[2].lower().removesuffix(":22")
