"""When the retirement of an app came onto the branch, read from the Git history of the root file."""

from __future__ import annotations

from datetime import datetime

from generator.git.commit_log import CommitLog
from generator.registry.files import RegistryLocation
from generator.toml.document import TomlError, parse_document


def find_retirement_time(
    commit_log: CommitLog, location: RegistryLocation, environment: str, app: str, now: datetime | None = None
) -> datetime | None:
    """Return when the retirement of an app came onto the branch; None if the app is not retired there."""
    arrived = commit_log.read_graph().compute_arrival_times(now, commit_log.fast_forwards)
    since = None
    for version in reversed(list(commit_log.iterate_commits(location.pathspec))):
        oid = version.blob_ids.get(location.root_path)
        content = commit_log.read_blobs([oid]).get(oid) if oid else None
        if content is None or not _is_retired(content, environment, app):
            break
        since = arrived.get(version.commit, version.committed_at)
    return since


def _is_retired(content: bytes, environment: str, app: str) -> bool:
    try:
        data: object = parse_document("", content).data
    except TomlError:
        return False
    for key in ("environments", environment, "retired", app):
        data = data.get(key) if isinstance(data, dict) else None
    return data is not None
