"""List Applications with the official Kubernetes client, from a kubeconfig or inside a cluster. Reads only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from generator.errors import LocalError, NetworkError
from generator.live.applications import API_VERSION, LiveState

_GROUP, _, _VERSION = API_VERSION.partition("/")
_PAGE = 500
#: Seconds to connect, and to wait for the next bytes of an answer.
_TIMEOUTS = (10, 60)
_EXPIRED = 410
_ROLE = "grant get and list on applications.argoproj.io: see the Role in docs/live.md"
_REMEDIES = {
    401: "log in again: the credentials of the kubeconfig are not valid, or no longer",
    403: _ROLE,
    404: f"name the cluster that Argo CD runs in: it has no Applications of the version {API_VERSION}",
}


class _ListExpiredError(Exception):
    """The API server no longer has the state that the first page was of."""


def read_cluster(context: str, namespace: str) -> LiveState:
    """List the Applications in a namespace; `context` is one of the kubeconfig, "" for its current one.

    Raises LocalError if the kubeconfig is not valid, and NetworkError if not all of them could be read.
    """
    place = f"the kubeconfig{f' ({context})' if context else ''}"
    try:
        api = _connect(context)
    except (ConfigException, OSError) as error:
        raise LocalError(
            "WL6001", f"{place} cannot be used: {error}", remedy="set KUBECONFIG, or name its context"
        ) from error
    for last in (False, True):
        try:
            return LiveState.from_objects(place, _list_pages(api, place, namespace))
        except _ListExpiredError:
            if last:
                raise NetworkError(
                    "WL5302",
                    f"{place}: the list of Applications expired before its last page, twice",
                    remedy="run it again: what was read is not all, so nothing is concluded from it",
                ) from None
    raise AssertionError("the last attempt returns or raises")


def _connect(context: str) -> Any:
    """Open the API of the kubeconfig, or of the cluster that this process runs in if there is no kubeconfig."""
    file = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if not context and not Path(file).exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
        settings = client.Configuration()
        load: Any = config.load_incluster_config
        load(client_configuration=settings)
        return client.CustomObjectsApi(client.ApiClient(settings))
    open_client: Any = config.new_client_from_config
    return client.CustomObjectsApi(open_client(file, context or None))


def _list_pages(api: Any, place: str, namespace: str) -> Iterator[Mapping[str, Any]]:
    """List the Applications page by page, all of the state that the first page is of."""
    token = ""
    while True:
        more = {"_continue": token} if token else {}
        try:
            answer = api.list_namespaced_custom_object(
                _GROUP,
                _VERSION,
                namespace,
                "applications",
                limit=_PAGE,
                _request_timeout=_TIMEOUTS,
                _preload_content=False,
                **more,
            )
            page = json.loads(answer.data)
            items, token = page["items"] or [], (page.get("metadata") or {}).get("continue") or ""
        except ApiException as error:
            if error.status == _EXPIRED:
                raise _ListExpiredError from None
            raise _explain_refusal(place, namespace, error) from None
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            raise NetworkError("WL5302", f"{place}: the API server does not answer with a list") from None
        except (HTTPError, OSError) as error:
            reason = str(getattr(error, "reason", error))
            raise NetworkError("WL5301", f"{place}: the API server does not answer: {reason}") from None
        yield from items
        if not token:
            return


def _explain_refusal(place: str, namespace: str, error: ApiException) -> NetworkError:
    try:
        message = str(json.loads(error.body or "")["message"])
    except (KeyError, TypeError, ValueError):
        message = str(error.reason)
    text = f"{place}: the Applications in the namespace {namespace} cannot be listed ({error.status}): {message}"
    return NetworkError("WL5302", text, remedy=_REMEDIES.get(error.status, ""))
