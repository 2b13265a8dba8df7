"""A registry and the tree rendered from it → the least that each step of the work can cost, a process a step.

`python -m benchmarks.floors STEP REGISTRY-FOLDER TREE` does one step and prints its `Sample` as JSON. What the step
needs is made ready before the clock starts; the memory is that of the process.
"""

from __future__ import annotations

import atexit
import io
import json
import resource
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Tables = dict[str, Any]
#: A floor: what to do, everything that it needs at hand.
Work = Callable[[], object]


def parsing(root: Path, tree: Path) -> Work:
    """Every file of the registry by `tomllib`."""
    texts = [path.read_text(encoding="utf-8") for path in _registry(root)]
    return lambda: [tomllib.loads(text) for text in texts]


def validation(root: Path, tree: Path) -> Work:
    """The tables by pydantic models of their shape."""
    from benchmarks.shape import File

    tables = _tables(root)
    return lambda: [File.model_validate(table) for table in tables]


def templates(root: Path, tree: Path) -> Work:
    """One Jinja2 template, compiled once, of the text that most apps' templates have, for every app everywhere."""
    import jinja2

    names = [app for entries in _listed(root).values() for app in entries]
    name = next((name for name, app in _apps(root).items() if not app.keys() & {"project", "namespace"}), names[0])
    text = next(tree.rglob(f"templates/{name}.yaml")).read_text(encoding="utf-8")
    text = text.replace(name, "[[ name ]]").replace(_key(name), "[[ key ]]")
    # The text is full of Helm's own braces. Nothing is HTML.
    environment = jinja2.Environment(  # noqa: S701
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    template = environment.from_string(text)
    keys = [(name, _key(name)) for name in names]
    return lambda: [template.render(name=name, key=key).encode() for name, key in keys]


def emission(root: Path, tree: Path) -> Work:
    """The `values.yaml` of every environment by direct emission, each string quoted as JSON quotes it."""
    apps, base = _apps(root), {"createProject": True}
    charts = {
        env: {_key(app): {**base, **apps[app], "targetRevision": pin or "main"} for app, pin in entries.items()}
        for env, entries in _listed(root).items()
    }
    return lambda: ["\n".join(_emitted(chart)).encode() for chart in charts.values()]


def _emitted(chart: Mapping[str, Tables], quoted: Callable[[str], str] = json.dumps) -> Iterator[str]:
    for key, app in chart.items():
        yield f"    {key}:"
        for field, value in app.items():
            if isinstance(value, str):
                yield f"      {field}: {quoted(value)}"
            elif field == "helm" and "parameters" in value:
                yield "      helm:\n        parameters:"
                for name, text in value["parameters"].items():
                    yield f"          - name: {quoted(name)}\n            value: {quoted(text)}"
            elif field == "helm":
                yield f"      helm:\n        values: {quoted(value['values'])}"


def writing(root: Path, tree: Path) -> Work:
    """The very bytes of the tree into a folder that is new."""
    found = _contents(tree)
    folders = sorted({Path(name).parent for name in found})
    place = tempfile.TemporaryDirectory(prefix="floor-", dir=tree.parent)
    atexit.register(place.cleanup)

    def work() -> object:
        for folder in folders:
            (Path(place.name) / folder).mkdir(parents=True, exist_ok=True)
        for name, data in found.items():
            with open(f"{place.name}/{name}", "wb", buffering=0) as file:  # noqa: PTH123 - pathlib has its own cost
                file.write(data)
        return place

    return work


def comparison(root: Path, tree: Path) -> Work:
    """The files of the tree read, and compared with what they should hold."""
    found = {f"{tree}/{name}": data for name, data in _contents(tree).items()}

    def work() -> object:
        for name, data in found.items():
            with open(name, "rb", buffering=0) as file:  # noqa: PTH123
                if file.read() != data:
                    raise ValueError(name)
        return found

    return work


def engine(root: Path, tree: Path) -> Work:
    """The charts by Helm's engine in process: loaded, rendered, and the documents parsed."""
    import helm_python

    charts = sorted(tree.glob("argo-app-shards/*/*")) or sorted(tree.glob("argo-app-of-apps/*"))
    archives, values = [_archive(chart) for chart in charts], {"destinationServer": "https://example.com"}

    def work() -> object:
        found = []
        for archive in archives:
            with helm_python.Chart.load_archive(archive) as chart:
                rendered = chart.render(values, name="apps", namespace="argocd")
            parts = (part for text in rendered.values() for part in text.split("\n---\n") if part.strip())
            found.append([helm_python.values_from_yaml(part) for part in parts])
        return found

    return work


def _archive(chart: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, data in _contents(chart).items():
            entry = tarfile.TarInfo(f"chart/{name}")
            entry.size = len(data)
            if not name.startswith("tests/"):
                archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


FLOORS: dict[str, Callable[[Path, Path], Work]] = {
    "tomllib": parsing,
    "pydantic": validation,
    "jinja2": templates,
    "emission": emission,
    "write": writing,
    "compare": comparison,
    "helm engine": engine,
}


def _registry(root: Path) -> list[Path]:
    return [root / "apps.toml", *sorted((root / "teams").glob("*.toml"))]


def _tables(root: Path) -> list[Tables]:
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in _registry(root)]


def _apps(root: Path) -> dict[str, Tables]:
    return {name: app for table in _tables(root) for name, app in table.get("apps", {}).items()}


def _listed(root: Path) -> dict[str, dict[str, str]]:
    """What runs where: by environment, each app with its pin, empty where it has none."""
    found: dict[str, dict[str, str]] = {}
    for table in _tables(root):
        for env, own in table.get("environments", {}).items():
            found.setdefault(env, {}).update(
                {entry.partition("@")[0]: entry.partition("@")[2] for entry in own.get("apps", ())}
            )
    return found


def _key(name: str) -> str:
    head, *rest = name.split("-")
    return head + "".join(part.capitalize() for part in rest)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def main(step: str, root: str, tree: str) -> None:
    """Do one step and print what it took."""
    work = FLOORS[step](Path(root), Path(tree))
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    kept = work()  # To throw it away is not part of the step.
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(json.dumps([used, ended - started, after.ru_maxrss / 1024]) + "\n")
    del kept


if __name__ == "__main__":
    main(*sys.argv[1:])
