"""Read Argo CD's objects from files and folders: YAML, JSON, Helm charts and kustomizations."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from generator.errors import LocalError, UsageError
from generator.helm import engine as helm
from generator.importing import argocd_apps
from generator.registry.effective import merge_layers

_KUSTOMIZATION_FILES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_KUSTOMIZE_TIMEOUT_SECONDS = 120
_MANIFEST_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_ARGOCD_GROUP = "argoproj.io/"
_ARGOCD_KIND = re.compile(r"""\bkind["']?\s*:\s*["']?(?:Application|ApplicationSet|AppProject)\b""")
_DOCUMENT_START = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
#: A revision that YAML reads as a number, such as 1.10: Kubernetes refuses it, and what is meant is its text.
_NUMBER = re.compile(
    r"(?m)^([ \t]*(?:- )?[ \t]*targetRevision:[ \t]+)([0-9][0-9._]*(?:[eE][-+]?[0-9]+)?)(?=[ \t]*(?:#.*)?$)"
)
_CHART_FOLDERS = frozenset({"templates", "charts", "crds"})
_MAX_OTHER_FILE_BYTES = 65_536
_VALUES_FILE = re.compile(r"values-([a-z](?:[-a-z0-9]*[a-z0-9])?)\.ya?ml")


class Manifest(NamedTuple):
    """One Kubernetes object, and the file and line (from 1) that it starts at."""

    body: dict[str, Any]
    file: str
    line: int

    @property
    def kind(self) -> str:
        return str(self.body.get("kind", ""))

    @property
    def name(self) -> str:
        return str((self.body.get("metadata") or {}).get("name", ""))

    @property
    def is_argocd(self) -> bool:
        return str(self.body.get("apiVersion", "")).startswith(_ARGOCD_GROUP)


class NotTaken(NamedTuple):
    """Something in the source that is not in the new registry."""

    file: str
    line: int
    what: str
    reason: str


class Unit(NamedTuple):
    """What is deployed together: a chart with one set of values, a kustomization, or the plain files of a folder.

    `folder` is its folder below the source, "" for the source itself; `values_name` the NAME of its values-NAME.yaml.
    """

    folder: str
    values_name: str
    manifests: list[Manifest]
    not_taken: list[NotTaken]


@dataclass(frozen=True)
class ReadOptions:
    """How sources are read: the values files of charts by environment, and texts to replace in every file."""

    values_files: Mapping[str, list[Path]] = field(default_factory=dict)
    replacements: Mapping[str, str] = field(default_factory=dict)

    def read_text(self, path: Path) -> str:
        """Read a file. Raises LocalError if it cannot be read."""
        try:
            return self.replace(path.read_bytes()).decode("utf-8-sig", errors="replace")
        except OSError as error:
            raise LocalError("WL6001", f"{path}: {error.strerror or error}") from error

    def replace(self, data: bytes) -> bytes:
        """The content of a file with its replacements."""
        for old, new in self.replacements.items():
            data = data.replace(old.encode(), new.encode())
        return data


def read_units(source: Path, options: ReadOptions) -> list[Unit]:
    """Read the units of a file or folder that have an object of Argo CD; `-` is the standard input.

    Raises UsageError if the source does not exist, and LocalError if a file cannot be read.
    """
    if str(source) == "-":
        text = options.replace(sys.stdin.buffer.read()).decode(errors="replace")
        return [*_read_values_units(text, "<stdin>", options)] or [_make_unit("", "", parse_manifests(text, "<stdin>"))]
    if source.is_file():
        from_values = _read_values_units(options.read_text(source), str(source), options)
        return [*from_values] or [_read_plain_files("", [source], options)]
    if not source.is_dir():
        raise UsageError("WL8001", f"{source} does not exist", remedy="name a file or a folder with Applications")
    units = list(_read_folder_units(source, options))
    return [unit for unit in units if unit.not_taken or any(manifest.is_argocd for manifest in unit.manifests)]


def parse_manifests(text: str, file: str) -> Iterator[Manifest | NotTaken]:
    """Yield the objects of a text with one or more YAML or JSON documents; a List yields its items."""
    documents = [(1, text)] if text.lstrip().startswith("{") else _split_documents(text)
    for line, document in documents:
        if not _has_argocd_object(document):
            continue
        try:
            is_json = document.lstrip().startswith("{")
            body = json.loads(document) if is_json else helm.parse_values(_NUMBER.sub(r'\1"\2"', document))
        except (helm.HelmRefusal, json.JSONDecodeError) as error:
            template = "is a template ({{ … }}): import what it renders"
            reason = template if "{{" in document else f"is not YAML: {_first_line(str(error))}"
            yield NotTaken(file, line, "a document", reason)
            continue
        if isinstance(body, dict):
            yield from _list_objects(body, file, line)


def _has_argocd_object(text: str) -> bool:
    return _ARGOCD_GROUP in text and _ARGOCD_KIND.search(text) is not None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def _split_documents(text: str) -> Iterator[tuple[int, str]]:
    """Yield each document with the number of its first line."""
    start = 0
    for found in (*_DOCUMENT_START.finditer(text), None):
        end = found.start() if found else len(text)
        document = text[start:end]
        if document.strip():
            blank_lines = len(document) - len(document.lstrip("\n"))
            yield text.count("\n", 0, start + blank_lines) + 1, document
        start = found.end() if found else end


def _list_objects(body: dict[str, Any], file: str, line: int) -> Iterator[Manifest]:
    if str(body.get("kind", "")).endswith("List") and isinstance(body.get("items"), list):
        for item in body["items"]:
            if isinstance(item, dict):
                yield from _list_objects(item, file, line)
    elif isinstance(body.get("metadata") or {}, dict):
        yield Manifest(body, file, line)


def _read_folder_units(source: Path, options: ReadOptions) -> Iterator[Unit]:
    kustomizations: list[Path] = []
    plain: dict[Path, list[Path]] = {}
    for name, folders, files in os.walk(source):
        folder = Path(name)
        folders[:] = sorted(each for each in folders if each != ".git")
        if "Chart.yaml" in files:
            folders.clear()
            yield from _render_chart_units(source, folder, options)
        elif _KUSTOMIZATION_FILES & set(files):
            kustomizations.append(folder)
        else:
            plain[folder] = [folder / each for each in sorted(files) if Path(each).suffix in _MANIFEST_SUFFIXES]
    yield from _build_kustomizations(source, kustomizations, plain, options)
    for folder, paths in plain.items():
        yield _read_plain_files(_relative(source, folder), paths, options)


def _relative(source: Path, path: Path) -> str:
    found = path.relative_to(source).as_posix()
    return "" if found == "." else found


def _read_plain_files(folder: str, paths: Iterable[Path], options: ReadOptions) -> Unit:
    texts = ((path, options.read_text(path)) for path in paths)
    return _make_unit(folder, "", (each for path, text in texts for each in parse_manifests(text, str(path))))


def _make_unit(folder: str, values_name: str, found: Iterable[Manifest | NotTaken]) -> Unit:
    manifests: list[Manifest] = []
    not_taken: list[NotTaken] = []
    for each in found:
        if isinstance(each, Manifest):
            manifests.append(each)
        else:
            not_taken.append(each)
    return Unit(folder, values_name, manifests, not_taken)


# Helm charts


def _read_chart_files(chart: Path, options: ReadOptions) -> dict[str, bytes]:
    """The files of a chart: those that Helm needs, and other small ones, which a template may read."""
    found: dict[str, bytes] = {}
    for name, folders, files in os.walk(chart):
        folders[:] = sorted(each for each in folders if each != ".git")
        for path in (Path(name) / each for each in sorted(files)):
            own = path.parent == chart or path.relative_to(chart).parts[0] in _CHART_FOLDERS
            if path.is_file() and path.stat().st_size <= (helm.MAX_FILE_BYTES if own else _MAX_OTHER_FILE_BYTES):
                found[path.relative_to(chart).as_posix()] = options.replace(path.read_bytes())
    return found


def _find_values_files(chart: Path, files: Iterable[str]) -> dict[str, list[Path]]:
    """The chart's own values-ENV.yaml by environment."""
    return {found[1]: [chart / path] for path in files if (found := _VALUES_FILE.fullmatch(path))}


def _render_chart_units(source: Path, chart: Path, options: ReadOptions) -> Iterator[Unit]:
    """Render a chart with objects of Argo CD, once for each set of values."""
    files = _read_chart_files(chart, options)
    templates = (data.decode(errors="replace") for path, data in files.items() if path.startswith("templates/"))
    folder = _relative(source, chart)
    if not any(map(_has_argocd_object, templates)):
        yield from _read_wrapper_units(folder, chart, files, options)
        return
    own = _find_values_files(chart, files)
    for name, paths in (dict(options.values_files) or own or {"": []}).items():
        values: Mapping[str, Any] = {}
        try:
            for path in paths:
                values = merge_layers(values, helm.parse_values(options.read_text(path)))
            rendered = helm.render_chart_by_file(files, values)
        except helm.HelmRefusal as refusal:
            given = f" with {', '.join(map(str, paths))}" if paths else ""
            reason = f"Helm does not render it{given}: {_first_line(str(refusal))}"
            yield Unit(folder, name, [], [NotTaken(str(chart / "Chart.yaml"), 1, "the chart", reason)])
            continue
        if not any(rendered.values()):
            reason = "renders nothing with its default values: add --values ENV=FILE with the values of an environment"
            yield Unit(folder, name, [], [NotTaken(str(chart / "Chart.yaml"), 1, "the chart", reason)])
        manifests = (
            Manifest(item, str(chart / template), 1)
            for template, items in rendered.items()
            for item in items
            if isinstance(item.get("metadata"), dict)
        )
        yield _make_unit(folder, name, manifests)


def _read_values_units(text: str, file: str, options: ReadOptions) -> Iterator[Unit]:
    """Read a file with values of the chart argocd-apps, once for each set of values; no unit for any other file."""
    try:
        base = helm.parse_values(text) if argocd_apps.may_be_values(text) else {}
    except helm.HelmRefusal:
        return
    if argocd_apps.find_chart_values(base) is not None:
        yield from _render_values_units("", base, (text, file), dict(options.values_files) or {"": []}, options)


def _read_wrapper_units(folder: str, chart: Path, files: Mapping[str, bytes], options: ReadOptions) -> Iterator[Unit]:
    """Read the values that a chart passes to its dependency argocd-apps, once for each set of values."""
    key = argocd_apps.find_dependency_key(files["Chart.yaml"].decode(errors="replace"))
    if key is not None:
        text = files.get("values.yaml", b"").decode(errors="replace")
        base = helm.parse_values(text)
        sets = dict(options.values_files) or _find_values_files(chart, files) or {"": []}
        yield from _render_values_units(folder, base, (text, str(chart / "values.yaml")), sets, options, key)


def _render_values_units(
    folder: str,
    base: Mapping[str, Any],
    source: tuple[str, str],
    sets: Mapping[str, list[Path]],
    options: ReadOptions,
    key: str = argocd_apps.CHART_NAME,
) -> Iterator[Unit]:
    """The units of values of the chart argocd-apps, with the values files of each set over them."""
    text, file = source
    for name, paths in sets.items():
        values, texts = base, [(text, file)]
        try:
            for path in paths:
                texts.append((options.read_text(path), str(path)))
                values = merge_layers(values, helm.parse_values(texts[-1][0]))
            found = argocd_apps.find_chart_values(values, key)
            objects = [*argocd_apps.render_values(found)] if found is not None else []
        except helm.HelmRefusal as refusal:
            reason = f"Helm does not render the chart {key} with them: {_first_line(str(refusal))}"
            yield Unit(folder, name, [], [NotTaken(file, 1, "the values", reason)])
            continue
        yield _make_unit(folder, name, (_locate(item, texts) for item in objects))


def _locate(item: dict[str, Any], texts: list[tuple[str, str]]) -> Manifest:
    """An object of the chart argocd-apps, with the last values file and line that have its entry."""
    name = str(item["metadata"].get("name", ""))
    lines = [(file, argocd_apps.find_entry_line(text, name)) for text, file in texts]
    return Manifest(item, *next((each for each in reversed(lines) if each[1] > 1), lines[0]))


# Kustomize


def _build_kustomizations(
    source: Path, folders: list[Path], plain: dict[Path, list[Path]], options: ReadOptions
) -> Iterator[Unit]:
    """Build each kustomization that no other one uses, and remove the files that they use from `plain`."""
    used_folders: set[Path] = set()
    used_files: set[Path] = set()
    uses = {folder: list(_list_kustomize_references(folder, options)) for folder in folders}
    for references in uses.values():
        used_folders.update(path for path in references if path.is_dir())
        used_files.update(path for path in references if path.is_file())
    for folder in plain:
        plain[folder] = [path for path in plain[folder] if path.resolve() not in used_files]
    for folder in folders:
        if folder.resolve() not in used_folders and _mentions_argocd(folder.resolve(), uses, options):
            yield _build_kustomization(source, folder, options)


def _list_kustomize_references(folder: Path, options: ReadOptions) -> Iterator[Path]:
    name = next(name for name in sorted(_KUSTOMIZATION_FILES) if (folder / name).is_file())
    try:
        table = helm.parse_values(options.read_text(folder / name))
    except helm.HelmRefusal:
        return
    for key in ("resources", "bases", "components", "patchesStrategicMerge"):
        for entry in table.get(key) or ():
            path = folder / str(entry)
            if len(str(entry)) < 256 and "\n" not in str(entry) and path.exists():
                yield path.resolve()


def _mentions_argocd(folder: Path, uses: Mapping[Path, list[Path]], options: ReadOptions) -> bool:
    """Whether a kustomization, or one that it uses, has a file with an object of Argo CD."""
    by_folder = {own.resolve(): paths for own, paths in uses.items()}
    waiting, seen = [folder], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.is_dir():
            waiting += by_folder.get(path, [])
        elif _has_argocd_object(options.read_text(path)):
            return True
    return False


def _build_kustomization(source: Path, folder: Path, options: ReadOptions) -> Unit:
    file = str(folder / "kustomization.yaml")
    relative = _relative(source, folder)
    program = shutil.which("kustomize")
    if program is None:
        reason = f"kustomize is not installed: put it on PATH, or import the output of `kustomize build {folder}`"
        return Unit(relative, "", [], [NotTaken(file, 1, "the kustomization", reason)])
    try:
        done = subprocess.run(  # noqa: S603
            [program, "build", str(folder), "--load-restrictor", "LoadRestrictionsNone"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=_KUSTOMIZE_TIMEOUT_SECONDS,
        )
        failure = _last_line(done.stderr) if done.returncode else ""
    except subprocess.TimeoutExpired:
        failure = f"no answer within {_KUSTOMIZE_TIMEOUT_SECONDS} seconds"
    if failure:
        return Unit(relative, "", [], [NotTaken(file, 1, "the kustomization", f"kustomize build failed: {failure}")])
    text = options.replace(done.stdout.encode()).decode()
    return _make_unit(relative, "", parse_manifests(text, file))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"
