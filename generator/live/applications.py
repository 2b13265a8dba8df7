"""The Applications that an Argo CD has, and what it says of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from generator.errors import UsageError
from generator.git.messages import redact

#: The one version of Argo CD's API that there has been so far.
API_VERSION = "argoproj.io/v1alpha1"
_TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"
#: Fields of an Application that nothing here reads; they are most of its size.
_UNREAD_METADATA = frozenset({"managedFields", "ownerReferences"})
_UNREAD_STATUS = frozenset({"resources", "summary", "sourceTypes", "sourceType"})
#: The types of the fields that are read here: a table with fields, a list of something, or text.
_SOURCE_SHAPE = {
    **dict.fromkeys(("repoURL", "path", "chart", "targetRevision"), str),
    **{tool: {} for tool in ("kustomize", "directory", "plugin")},
    "helm": {"parameters": [{}]},
}
_REVISIONS_SHAPE = {"revision": str, "revisions": [str]}
_SHAPE = {
    "metadata": {"name": str, "namespace": str, "labels": {}, "annotations": {}, "finalizers": [str]},
    "spec": {
        "source": _SOURCE_SHAPE,
        "sources": [_SOURCE_SHAPE],
        "sourceHydrator": {"drySource": _SOURCE_SHAPE},
        "destination": {},
        "syncPolicy": {"automated": {}, "syncOptions": [str]},
    },
    "operation": {},
    "status": {
        "sync": {"comparedTo": {"source": {}, "sources": [{}]}, **_REVISIONS_SHAPE},
        "health": {},
        "operationState": {"syncResult": _REVISIONS_SHAPE},
        "history": [_REVISIONS_SHAPE],
        "conditions": [{"type": str}],
        "sourceHydrator": {"lastSuccessfulOperation": {}},
    },
}


class ApplicationKey(NamedTuple):
    """The identity of an Application in a cluster."""

    namespace: str
    name: str


@dataclass(frozen=True)
class LiveApplication:
    """An Application as Argo CD had it when it was read."""

    body: Mapping[str, Any]

    @classmethod
    def from_object(cls, item: Mapping[str, Any]) -> LiveApplication:
        """Keep of an object what is read here. Raises UsageError if it is not an Application of a known version."""
        misfit = _find_misfit(item, _SHAPE) or _find_nameless(item)
        if misfit:
            raise UsageError(
                "WL1007",
                f"the Application {_name(item)!r} is not valid: {misfit}",
                remedy="read it from Argo CD again: kubectl get applications -A -o json",
            )
        version = item.get("apiVersion", API_VERSION)
        if version != API_VERSION:
            raise UsageError(
                "WL1007",
                f"the Application {_name(item)} has the version {version}, and only {API_VERSION} is known here",
                remedy=f"read it in the version {API_VERSION}",
            )
        metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in _UNREAD_METADATA}
        status = {key: value for key, value in (item.get("status") or {}).items() if key not in _UNREAD_STATUS}
        operation = {key: value for key, value in (status.get("operationState") or {}).items() if key != "operation"}
        result = {key: value for key, value in (operation.get("syncResult") or {}).items() if key != "resources"}
        status |= {"operationState": {**operation, "syncResult": result}, "history": (status.get("history") or [])[-1:]}
        return cls({**item, "metadata": metadata, "status": status})

    @property
    def key(self) -> ApplicationKey:
        metadata = self.body["metadata"]
        return ApplicationKey(str(metadata.get("namespace", "")), str(metadata.get("name", "")))

    @property
    def metadata(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body["metadata"]
        return found

    @property
    def spec(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body.get("spec") or {}
        return found

    @cached_property
    def _status(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body["status"]
        return found

    @property
    def _sync(self) -> Mapping[str, Any]:
        return self._status.get("sync") or {}

    @property
    def _health(self) -> Mapping[str, Any]:
        return self._status.get("health") or {}

    @property
    def _operation(self) -> Mapping[str, Any]:
        return self._status.get("operationState") or {}

    @property
    def sync_status(self) -> str:
        """`Synced`, `OutOfSync` or `Unknown`."""
        return str(self._sync.get("status") or "Unknown")

    @property
    def health_status(self) -> str:
        """`Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or `Unknown`."""
        return str(self._health.get("status") or "Unknown")

    @property
    def health_message(self) -> str:
        return redact(str(self._health.get("message") or ""))

    @property
    def health_since(self) -> datetime | None:
        """Since when its health is what it is; None if Argo CD does not say."""
        return parse_time(self._health.get("lastTransitionTime"))

    @property
    def compared_revisions(self) -> tuple[str, ...]:
        """What Argo CD rendered for the last comparison: the commit, digest or version of each source."""
        return _read_revisions(self._sync)

    @property
    def revisions(self) -> tuple[str, ...]:
        """The same; of a source hydrator, the commit of the dry source, once what it gave is compared."""
        if "sourceHydrator" not in self.spec:
            return self.compared_revisions
        done = (self._status.get("sourceHydrator") or {}).get("lastSuccessfulOperation") or {}
        return (str(done.get("drySHA")),) if (done.get("hydratedSHA"),) == self.compared_revisions else ()

    @property
    def compared_to(self) -> Mapping[str, Any]:
        """The sources and the destination that the last comparison was about."""
        return self._sync.get("comparedTo") or {}

    @property
    def operation_phase(self) -> str:
        """`Running`, `Terminating`, `Failed`, `Error` or `Succeeded`; empty if there was no sync."""
        return str(self._operation.get("phase") or "")

    @property
    def operation_message(self) -> str:
        return redact(str(self._operation.get("message") or ""))

    @property
    def operation_revisions(self) -> tuple[str, ...]:
        """What the last sync deployed."""
        return _read_revisions(self._operation.get("syncResult") or {})

    @property
    def operation_finished_at(self) -> datetime | None:
        return parse_time(self._operation.get("finishedAt"))

    @property
    def deployed_revisions(self) -> tuple[str, ...]:
        """What the last successful sync deployed; empty if there was none."""
        history = self._status["history"]
        return _read_revisions(history[-1]) if history else ()

    @property
    def waits_for_operation(self) -> bool:
        """Whether a sync was asked for that has not begun."""
        return bool(self.body.get("operation"))

    @property
    def reconciled_at(self) -> datetime | None:
        """When Argo CD last compared it with its sources."""
        return parse_time(self._status.get("reconciledAt"))

    @property
    def errors(self) -> list[str]:
        """The errors that Argo CD reports, without its warnings."""
        conditions = self._status.get("conditions") or ()
        found = [(each.get("type") or "Error", each.get("message") or "") for each in conditions]
        return [redact(f"{kind}: {message}") for kind, message in found if kind.endswith("Error")]

    @property
    def owner(self) -> str:
        """The name of the Application that deploys this one; empty if it does not say."""
        return str((self.metadata.get("annotations") or {}).get(_TRACKING_ANNOTATION) or "").partition(":")[0]

    @property
    def is_being_deleted(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))


@dataclass(frozen=True)
class LiveState:
    """The Applications that were read from one place, `place` as people know it.

    `unseen` says why an Application that is not among them may exist all the same; empty if it does not. `is_recorded`
    is whether they were written down before, in a file, and not read from Argo CD just now.
    """

    place: str
    applications: Mapping[ApplicationKey, LiveApplication]
    unseen: str = ""
    is_recorded: bool = False

    @classmethod
    def from_objects(
        cls, place: str, items: Iterable[Mapping[str, Any]], unseen: str = "", *, is_recorded: bool = False
    ) -> LiveState:
        """Index some Applications. Raises UsageError if one is not valid, or if one is there twice."""
        found: dict[ApplicationKey, LiveApplication] = {}
        for item in items:
            try:
                read = LiveApplication.from_object(item)
            except UsageError as error:
                raise UsageError(error.code, f"{place}: {error.message}", remedy=error.remedy) from None
            if found.setdefault(read.key, read) is not read:
                raise UsageError(
                    "WL1007",
                    f"{place} has the Application {read.key.namespace}/{read.key.name} twice",
                    remedy="give a source for each Argo CD: --live eu=eu.json --live asia=asia.json",
                )
        return cls(place, found, unseen, is_recorded)

    def find_owner(self, live: LiveApplication) -> LiveApplication | None:
        """The Application that deploys another one, if it is among them."""
        return self.applications.get(ApplicationKey(live.key.namespace, live.owner))

    def explain_unseen(self, now: datetime, max_age: timedelta) -> str:
        """Why an Application that is not among them may exist at `now`; empty if it does not.

        A file is as old as the last comparison in it.
        """
        if self.unseen or not self.is_recorded:
            return self.unseen
        latest = max(filter(None, (each.reconciled_at for each in self.applications.values())), default=None)
        if latest is None:
            return f"{self.place} does not show when it was written"
        return f"{self.place} is older than --live-max-age" if now - latest > max_age else ""


def _name(item: Mapping[str, Any]) -> str:
    metadata = item.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, Mapping) else ""


def _find_nameless(item: Mapping[str, Any]) -> str:
    metadata = item.get("metadata") or {}
    return next((f"it has no metadata.{key}" for key in ("name", "namespace") if not metadata.get(key)), "")


def _find_misfit(value: object, shape: Any, path: str = "") -> str:
    """Describe the first field that has another type than `shape` says; empty if there is none. Null fits."""
    if value is None:
        return ""
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return f"{path} is not an object"
        fields = ((value[key], shape[key], f"{path}.{key}" if path else key) for key in shape if key in value)
        return next(filter(None, (_find_misfit(*field) for field in fields)), "")
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is not a list"
        items = ((each, shape[0], f"{path}[{index}]") for index, each in enumerate(value))
        return next((found for item in items if (found := _find_misfit(*item) or _find_null(*item))), "")
    return "" if isinstance(value, shape) else f"{path} is not text"


def _find_null(value: object, _: object, path: str) -> str:
    return f"{path} is null" if value is None else ""


def _read_revisions(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The revisions of several sources, or of one."""
    several = table.get("revisions") or ([table["revision"]] if table.get("revision") else ())
    return tuple(map(str, several))


def parse_time(value: object) -> datetime | None:
    """Parse a time of Kubernetes, which has a zone; None if it is not one."""
    try:
        # YAML has times of its own, which its parser gives in UTC without a zone.
        moment = value.replace(tzinfo=value.tzinfo or UTC) if isinstance(value, datetime) else _parse_text(value)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _parse_text(value: object) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError
    return moment
