"""Build the objects by which Argo CD gets its credentials. They name secrets, and hold none. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from generator.argocd.credential_match import is_prefix
from generator.charts import yaml

if TYPE_CHECKING:
    from generator.registry.model import Credential

#: The fields of a secret by the kind of a credential, as Argo CD names them.
_FIELDS = {
    "https-token": ("username", "password"),
    "ssh": ("sshPrivateKey",),
    "github-app": ("githubAppID", "githubAppInstallationID", "githubAppPrivateKey"),
    "oci": ("username", "password"),
}


def build_credential_objects(credentials: Mapping[str, Credential], namespace: str) -> Iterator[dict[str, Any]]:
    """Build the object of each credential whose secret Argo CD's cluster does not have yet."""
    for name, credential in credentials.items():
        if credential.from_ == "external-secrets":
            yield _build_external_secret(name, credential, namespace)
        elif credential.from_ == "secrets-store-csi":
            yield _build_secret_provider_class(name, credential, namespace)
        elif credential.from_ == "secret-arn":
            data = {**_public_fields(credential), "secretArn": credential.secret_arn}
            metadata = {"name": f"repo-{name}", "namespace": namespace, "labels": secret_labels(credential)}
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def describe_existing_secrets(credentials: Mapping[str, Credential], namespace: str) -> Iterator[str]:
    """Yield what the secrets that something else creates must be."""
    for credential in credentials.values():
        if credential.from_ == "existing":
            (label, kind), fields = next(iter(secret_labels(credential).items())), _FIELDS[credential.kind]
            yield (
                f"Secret {credential.secret} in namespace {namespace} must have the label {label}: {kind}, "
                f"url: {credential.url}, and {', '.join(fields)}"
            )


def secret_labels(credential: Credential) -> dict[str, str]:
    """The label by which Argo CD finds a credential."""
    kind = "repo-creds" if is_prefix(credential.url) else "repository"
    return {"argocd.argoproj.io/secret-type": kind}


def _public_fields(credential: Credential) -> dict[str, str]:
    """The fields of a credential that are no secret."""
    if credential.kind != "oci":
        return {"type": "git", "url": credential.url}
    # Helm charts in a registry have no scheme in their URL.
    helm = {"type": "helm", "enableOCI": "true"}
    return {**({"type": "oci"} if credential.url.startswith("oci://") else helm), "url": credential.url}


def _build_external_secret(name: str, credential: Credential, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": f"repo-{name}", "namespace": namespace},
        "spec": {
            "secretStoreRef": {"name": credential.store, "kind": credential.store_kind or "ClusterSecretStore"},
            "target": {
                "template": {
                    "mergePolicy": "Merge",
                    "metadata": {"labels": secret_labels(credential)},
                    "data": _public_fields(credential),
                }
            },
            "data": [
                {"secretKey": field, "remoteRef": {"key": credential.remote_key, "property": field}}
                for field in _FIELDS[credential.kind]
            ],
        },
    }


def _build_secret_provider_class(name: str, credential: Credential, namespace: str) -> dict[str, Any]:
    """A class of the Secrets Store CSI driver for AWS Secrets Manager. All fields come from the secret, as the driver
    adds none, once a pod mounts the class."""
    fields = [*_public_fields(credential), *_FIELDS[credential.kind]]
    paths = [{"path": field, "objectAlias": field} for field in fields]
    objects = {"objectName": credential.remote_key, "objectType": "secretsmanager", "jmesPath": paths}
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClass",
        "metadata": {"name": f"repo-{name}", "namespace": namespace},
        "spec": {
            "provider": "aws",
            "parameters": {"objects": f"- {yaml.dump_inline(objects)}\n"},
            "secretObjects": [
                {
                    "secretName": f"repo-{name}",
                    "type": "Opaque",
                    "labels": secret_labels(credential),
                    "data": [{"objectName": field, "key": field} for field in fields],
                }
            ],
        },
    }
