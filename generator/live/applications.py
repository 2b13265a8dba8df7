"""The Applications that an Argo CD has, and what it says of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from generator.errors import UsageError

#: The one version of Argo CD's API that there has been so far.
API_VERSION = "argoproj.io/v1alpha1"
#: Fields of an Application that nothing here reads; they are most of its size.
_UNREAD_METADATA = frozenset({"managedFields", "ownerReferences"})
_UNREAD_STATUS = frozenset({"resources", "summary", "sourceTypes", "sourceType"})


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
        """Keep of an object what is read here. Raises UsageError if it is not a known version of an Application."""
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
        return str(self._health.get("message") or "")

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
        return str(self._operation.get("message") or "")

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
        return [f"{each['type']}: {each.get('message', '')}" for each in conditions if each["type"].endswith("Error")]

    @property
    def is_being_deleted(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))


@dataclass(frozen=True)
class LiveState:
    """The Applications that were read from one place, `place` as people know it.

    `unseen` says why an Application that is not among them may exist all the same; empty if it does not.
    """

    place: str
    applications: Mapping[ApplicationKey, LiveApplication]
    unseen: str = ""

    @classmethod
    def from_objects(cls, place: str, items: Iterable[Mapping[str, Any]], unseen: str = "") -> LiveState:
        """Index the Applications among some objects."""
        read = (LiveApplication.from_object(item) for item in items)
        return cls(place, {each.key: each for each in read}, unseen)


def _name(item: Mapping[str, Any]) -> str:
    return str((item.get("metadata") or {}).get("name", ""))


def _read_revisions(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The revisions of several sources, or of one."""
    several = table.get("revisions") or ([table["revision"]] if table.get("revision") else ())
    return tuple(map(str, several))


def parse_time(value: object) -> datetime | None:
    """Parse a time of Kubernetes; None if there is none."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
