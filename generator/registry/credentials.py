"""Validate the credentials of a registry, and find repositories that Argo CD has no credential for. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from generator.argocd.credential_match import KNOWN_HOSTS, credential_key, find_ssh_host, select_credential
from generator.argocd.strings import quoted_excerpt
from generator.registry.findings import Finding
from generator.registry.problems import suggest_name

if TYPE_CHECKING:
    from generator.registry.model import Credential
    from generator.registry.registry import Environment, Registry


def select_credentials(registry: Registry, environment: str) -> dict[str, Credential]:
    """The credentials of an environment's Argo CD, by name."""
    return {
        name: credential
        for name, credential in registry.credentials.items()
        if credential.environments is None or environment in credential.environments
    }


def find_credential(registry: Registry, environment: str, repository: str) -> Credential | None:
    """The credential that the Argo CD of an environment uses for a repository, if there is one."""
    by_url = {credential.url: credential for credential in select_credentials(registry, environment).values()}
    url = select_credential(repository, by_url)
    return by_url[url] if url else None


def credential_problems(
    credentials: Mapping[str, Credential], environments: Mapping[str, Environment]
) -> Iterator[Finding]:
    """Yield the problems of credentials, with paths relative to their section."""
    first: dict[tuple[str, tuple[bool, str]], str] = {}
    for name, credential in credentials.items():
        for index, listed in enumerate(credential.environments or ()):
            if listed not in environments:
                hint = suggest_name(listed, environments)
                yield Finding(
                    (name, "environments", index), "WL2109", f"unknown environment {quoted_excerpt(listed)}{hint}"
                )
        own = [env for env in environments.values() if env.name in (credential.environments or environments)]
        others = {other for env in own if (other := first.setdefault((env.name, credential_key(credential.url)), name))}
        for other in sorted(others - {name}):
            text = f"Argo CD cannot tell this credential from credentials.{other}, which matches the same repositories"
            yield Finding((name, "url"), "WL2402", f"{text}: remove one, or give each its environments")
        managed = [env.name for env in own if not env.argocd_settings.is_eks_capability]
        if credential.from_ == "secret-arn" and managed:
            text = (
                f"only the EKS Capability reads a secret by its ARN, and the Argo CD of {', '.join(managed)} is not one"
            )
            yield Finding((name, "from"), "WL2312", f"{text}: list the environments for it in environments")


def find_credential_warnings(registry: Registry) -> Iterator[str]:
    """Yield what is missing for Argo CD to read repositories; nothing for a registry without credentials."""
    if not registry.credentials:
        return
    users: dict[str, dict[str, None]] = defaultdict(dict)
    unknown: dict[str, dict[str, None]] = defaultdict(dict)
    for environment in registry.environments.values():
        known = {*KNOWN_HOSTS, *environment.argocd_settings.known_hosts}
        urls = [credential.url for credential in select_credentials(registry, environment.name).values()]
        covered: dict[str, bool] = {}
        for user, repository in _list_repositories(registry, environment):
            if repository not in covered:
                covered[repository] = select_credential(repository, urls) is not None
            if not covered[repository]:
                users[repository][user] = None
            if (host := find_ssh_host(repository)) and host not in known:
                unknown[host][repository] = None
    for repository, names in users.items():
        yield (
            f"no credential matches {repository}, which {_list_names(names)} needs: add [credentials.NAME] with this "
            'URL or a prefix of it, with kind = "public" if it needs none'
        )
    for host, names in unknown.items():
        yield (
            f"Argo CD ships no SSH host key of {host}, which {_list_names(names)} needs: add it to "
            "argocd-ssh-known-hosts-cm, and the host to knownHosts in [argocd]"
        )


def _list_repositories(registry: Registry, environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield each user of a repository in an environment, and the repository."""
    if registry.workloads.repository:
        yield f"the chart of {environment.name}", registry.workloads.repository
    for app in registry.list_effective_apps(environment.name):
        yield from ((f"{environment.name}/{app.app}", repository) for repository in app.repositories)


def _list_names(names: Mapping[str, None], limit: int = 3) -> str:
    shown = ", ".join(list(names)[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
