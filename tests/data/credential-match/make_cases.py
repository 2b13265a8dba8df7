"""Print the cases that `main.go` answers: repositories, and credentials that are nearly theirs."""

from __future__ import annotations

import json
import random

from generator.argocd.credential_match import credential_key

HOSTS = (
    "github.com",
    "GitHub.com",
    "git.acme.io",
    "git.acme.io:8443",
    "ghcr.io",
    "127.0.0.1:5000",
    "ssh.dev.azure.com",
)
OWNERS = ("acme", "Acme", "acme-x", "acme/platform", "acme%20x", "v3/acme/shop")
NAMES = (
    "billing",
    "billing.git",
    "Billing",
    "billing-x",
    "billing.git.git",
    "web(1)",
    "a~b",
    "x,y=z",
    "1",
    "a:b",
    "b@v1",
)
FORMS = (
    "https://{0}/{1}", "HTTPS://{0}/{1}", "http://{0}/{1}", "ssh://git@{0}/{1}", "ssh://{0}/{1}",
    "git@{2}:{1}", "git@{2}/{1}",
    "{2}:{1}", "oci://{0}/{1}", "{0}/{1}", "https://acme@{0}/{1}", "ssh://git@{2}:22/{1}", "ssh://git@{2}:7999/{1}",
    "file:///srv/{1}",
)  # fmt: skip
COUNT = 500


def make_credential(chosen: random.Random, host: str, owner: str, form: str) -> str:
    """A repository or a prefix, most often with the same host, owner and form."""
    host = host if chosen.random() < 0.85 else chosen.choice(HOSTS)
    owner = owner if chosen.random() < 0.7 else chosen.choice(OWNERS)
    form = form if chosen.random() < 0.75 else chosen.choice(FORMS)
    base = form.format(host, owner, host.partition(":")[0])
    below = form.format(host, owner.partition("/")[0], host.partition(":")[0])
    return chosen.choice([f"{base}/", f"{base}/", f"{below}/", f"{base}/{chosen.choice(NAMES)}"])


def make_case(chosen: random.Random) -> dict[str, object]:
    """One case; Argo CD can tell its credentials apart."""
    host, owner, form = chosen.choice(HOSTS), chosen.choice(OWNERS), chosen.choice(FORMS)
    base = form.format(host, owner, host.partition(":")[0])
    name = chosen.choice(NAMES)
    credentials = {}
    for _ in range(chosen.choice([1, 1, 2, 3])):
        url = f"{base}/{name}" if chosen.random() < 0.15 else make_credential(chosen, host, owner, form)
        credentials[credential_key(url)] = url
    return {"credentials": list(credentials.values()), "repository": f"{base}/{name}"}


if __name__ == "__main__":
    seeded = random.Random(22)  # noqa: S311
    print(json.dumps([make_case(seeded) for _ in range(COUNT)]))  # noqa: T201
