"""Objects for credentials name secrets, and hold none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generator.bootstrap.forms import write_form
from generator.charts import yaml
from tests.bootstrap.roots import REPOSITORY, build
from tests.bootstrap.test_root_objects import CAPABILITY
from tests.registry.test_credentials import GITHUB
from tests.workspace import REGISTRY

FIELDS = {
    "https-token": ["username", "password"],
    "ssh": ["sshPrivateKey"],
    "github-app": ["githubAppID", "githubAppInstallationID", "githubAppPrivateKey"],
    "oci": ["username", "password"],
}
URLS = {
    "https-token": ("https://github.com/acme/", {"type": "git"}),
    "ssh": ("git@github.com:acme/", {"type": "git"}),
    "github-app": ("https://github.com/acme/", {"type": "git"}),
    "oci": ("ghcr.io/acme/", {"type": "helm", "enableOCI": "true"}),
}


def credential(kind: str, origin: str, url: str = "") -> str:
    return f'\n[credentials.acme]\nkind = "{kind}"\nurl = "{url or URLS[kind][0]}"\nfrom = "{origin}"\n'


def written(folder: Path, registry: str) -> list[Any]:
    return yaml.load_all(write_form("credentials", build(folder, registry)))


@pytest.mark.parametrize("kind", URLS)
def test_external_secrets(kind: str, tmp_path: Path) -> None:
    text = credential(kind, "external-secrets") + 'store = "vault"\nstoreKind = "SecretStore"\nremoteKey = "a/b"\n'
    (found,) = written(tmp_path, REGISTRY + text)
    assert (found["apiVersion"], found["kind"]) == ("external-secrets.io/v1", "ExternalSecret")
    assert found["metadata"] == {"name": "repo-acme", "namespace": "argocd"}
    assert found["spec"]["secretStoreRef"] == {"name": "vault", "kind": "SecretStore"}
    template = found["spec"]["target"]["template"]
    assert template["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repo-creds"}
    assert template["data"] == {"url": URLS[kind][0], **URLS[kind][1]}
    remote = [(each["secretKey"], each["remoteRef"]) for each in found["spec"]["data"]]
    assert remote == [(field, {"key": "a/b", "property": field}) for field in FIELDS[kind]]


@pytest.mark.parametrize("kind", URLS)
def test_secrets_store_csi(kind: str, tmp_path: Path) -> None:
    text = credential(kind, "secrets-store-csi", URLS[kind][0] + "one") + "remoteKey = 'a: \"b\"'\n"
    (found,) = written(tmp_path, REGISTRY + text)
    (secret,) = found["spec"]["secretObjects"]
    assert secret["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    keys = [each["key"] for each in secret["data"]]
    assert sorted(keys) == sorted([*URLS[kind][1], "url", *FIELDS[kind]])
    (remote,) = yaml.load(found["spec"]["parameters"]["objects"])
    assert remote["objectName"] == 'a: "b"'
    assert [each["objectAlias"] for each in remote["jmesPath"]] == keys


def test_a_registry_with_a_scheme_holds_artifacts_of_any_kind(tmp_path: Path) -> None:
    text = credential("oci", "external-secrets", "oci://ghcr.io/acme/") + 'store = "vault"\nremoteKey = "a"\n'
    (found,) = written(tmp_path, REGISTRY + text)
    assert found["spec"]["target"]["template"]["data"] == {"type": "oci", "url": "oci://ghcr.io/acme/"}


def test_a_secret_that_aws_reads_by_its_arn(tmp_path: Path) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:github-AbCdEf"
    registry = CAPABILITY.replace("[environments.test]\n", '[environments.test]\ncluster = "test"\n')
    registry = registry.replace("[environments.prod]\n", '[environments.prod]\ncluster = "prod"\n')
    text = credential("https-token", "secret-arn") + f'secretArn = "{arn}"\n'
    roots = build(tmp_path, registry + text)
    (found,) = yaml.load_all(write_form("credentials", roots))
    assert found["stringData"] == {"type": "git", "url": "https://github.com/acme/", "secretArn": arn}
    assert [item["kind"] for item in yaml.load_all(write_form("eks-capability", roots))] == [
        "Secret",
        "Secret",
        "AppProject",
        "Application",
    ]


def test_a_secret_that_exists_is_described(tmp_path: Path) -> None:
    text = credential("ssh", "existing") + 'secret = "acme-key"\n'
    roots = build(tmp_path, REGISTRY + text)
    assert write_form("credentials", roots).splitlines()[1:] == [
        "# Secret acme-key in namespace argocd must have the label argocd.argoproj.io/secret-type: repo-creds, "
        "url: git@github.com:acme/, and sshPrivateKey"
    ]


def test_manifests_begin_with_the_credentials_of_their_environment(tmp_path: Path) -> None:
    registry = REGISTRY + GITHUB + 'environments = ["dev"]\n'
    kinds = [item["kind"] for item in yaml.load_all(write_form("manifest", build(tmp_path, registry)))]
    assert kinds == ["ExternalSecret", "AppProject", "Application"]
    kinds = [item["kind"] for item in yaml.load_all(write_form("manifest", build(tmp_path, registry, "test")))]
    assert kinds == ["AppProject", "Application"]


@pytest.mark.parametrize(("kind", "told"), [("https-token", "TOKEN"), ("ssh", "SSH")])
def test_blueprints_get_the_secret_of_the_workloads_repository(kind: str, told: str, tmp_path: Path) -> None:
    url = REPOSITORY if kind == "https-token" else "git@github.com:acme/"
    text = credential(kind, "secrets-store-csi", url) + 'remoteKey = "argocd-github"\n'
    shown = write_form("cdk", build(tmp_path, REGISTRY + text))
    named = f'"credentialsSecretName": "argocd-github",\n      "credentialsType": "{told}"' in shown
    assert named == (kind == "https-token")
