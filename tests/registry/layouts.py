"""One registry in random TOML layouts, and every edit of it: `python -m tests.registry.layouts 2000` tries many."""

from __future__ import annotations

import copy
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from generator.registry.promotion_lists import ListEntry
from generator.toml.write import quote_toml_string

COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"
APPS = ("billing", "ledger", "spare", "web")
Data = dict[str, Any]


def registry_data() -> Data:
    apps = {
        name: {"team": "shop", "repoURL": f"https://git.example.com/acme/{name}.git", "path": f"charts/{name}"}
        for name in APPS
    }
    return {
        "version": 1,
        "workloads": {"branch": "main", "path": "charts"},
        "environments": {
            "dev": {"labels": {"env": "dev", "a.b/c": "x"}, "apps": ["billing@v1", "ledger", "web@v1"]},
            "test": {"promotesFrom": ["dev"], "holds": {"ledger": "[no] header", "web": "why"}, "apps": ["billing"]},
            "prod": {"promotesFrom": ["test"], "retired": {"billing": "old"}, "apps": ["billing"]},
        },
        "teams": {
            "shop": {"owners": ["@acme/shop"], "repositories": ["https://git.example.com/acme/"], "namespaces": [*APPS]}
        },
        "apps": {
            **apps,
            "web": {**apps["web"], "helm": {"parameters": {"a": "1"}, "values": "[apps.no]\nx = 'y'\n"}},
            "ledger": {**apps["ledger"], "environments": {"test": {"targetRevision": "v7"}}},
        },
    }


class LayoutWriter:
    """Writes data as TOML, each table and list in one of the ways that TOML has for it."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._comments = 0
        self._sections: list[str] = []

    def write(self, data: Data) -> str:
        root = self._statements((), data)
        self._random.shuffle(self._sections)
        text = "\n".join([root, *self._sections])
        text = text.rstrip("\n") if self._chance(0.2) else text
        lines = text.split("\n")
        ends = self._random.choice([["\n"], ["\n"], ["\r\n"], ["\n", "\r\n"]])
        return "".join(line + self._random.choice(ends) for line in lines[:-1]) + lines[-1]

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _comment(self) -> str:
        self._comments += 1
        return f"# note {self._comments}"

    def _line(self, text: str) -> str:
        above = f"{self._comment()}\n" if self._chance(0.15) else ""
        behind = f" {self._comment()}" if self._chance(0.2) else ""
        return above + text + behind + self._random.choice(["\n"] * 6 + ["\n\n"])

    def _key(self, path: tuple[str, ...]) -> str:
        parts = [
            part if re.fullmatch("[A-Za-z0-9_-]+", part) and self._chance(0.8) else self._quoted(part) for part in path
        ]
        return self._random.choice([".", ".", " . "]).join(parts)

    def _quoted(self, text: str) -> str:
        return f"'{text}'" if self._chance(0.5) and "'" not in text and "\n" not in text else quote_toml_string(text)

    def _statements(self, path: tuple[str, ...], table: Data) -> str:
        """The statements of one table; adds the sections that are written apart."""
        lines = []
        for key, value in table.items():
            style = self._random.choice(["header"] * 4 + ["dotted", "inline"])
            if isinstance(value, dict) and style == "header":
                body = self._statements((*path, key), value)
                if body or not any(isinstance(inner, dict) for inner in value.values()):
                    header = self._line(f"{self._random.choice(['', '  '])}[{self._key((*path, key))}]")
                    self._sections.append(header + body)
            elif isinstance(value, dict) and style == "dotted" and value:
                lines += [self._line(f"{self._key((key, *leaf))} = {self._value(v)}") for leaf, v in leaves(value)]
            else:
                lines.append(self._line(f"{self._key((key,))} = {self._value(value)}"))
        return "".join(lines)

    def _value(self, value: Any) -> str:
        if isinstance(value, dict):
            members = [f"{self._key((key,))} = {self._value(inner)}" for key, inner in value.items()]
            return f"{{ {', '.join(members)} }}" if members else self._random.choice(["{}", "{ }"])
        if isinstance(value, list):
            return self._list([self._value(inner) for inner in value])
        if not isinstance(value, str):
            return str(value).lower()
        if "\n" in value:
            return f"'''\n{value}'''" if self._chance(0.5) else quote_toml_string(value)
        return self._quoted(value)

    def _list(self, items: list[str]) -> str:
        style = self._random.choice(["line", "lines", "lines", "loose", "commas first"])
        if style == "line" or not items:
            return f"[{', '.join(items)}]"
        if style == "commas first":
            return "[\n    " + "\n  , ".join(items) + "\n]"
        text = "["
        for number, item in enumerate(items, 1):
            comma = "," if number < len(items) or self._chance(0.7) else ""
            text += f"\n  {self._comment()}" if self._chance(0.15) else ""
            text += f"\n  {item}"
            text += ("\n  " if style == "loose" and self._chance(0.5) else "") + comma
            text += f" {self._comment()}" if self._chance(0.3) else ""
        return text + "\n]"


def leaves(table: Data, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _pin(data: Data, environment: str, *entries: str) -> None:
    apps = {entry.partition("@")[0] for entry in entries}
    listed = data["environments"][environment]["apps"]
    listed[:] = [each for each in listed if each.partition("@")[0] not in apps] + [*entries]


def _pinned(registry: EditableRegistry, app: str, pin: str) -> ListEntry:
    entry = registry.find_entry("dev", app)
    assert entry
    return entry._replace(pin=pin)


def _add(data: Data) -> None:
    data["apps"]["cart"] = {"team": "shop", "path": "charts/cart"}


EDITS: dict[str, tuple[Callable[[EditableRegistry], EditableRegistry], Callable[[Data], Any]]] = {
    "promote": (
        lambda registry: registry.with_entries("test", [ListEntry("web", COMMIT, "v1.0.0")]),
        lambda data: _pin(data, "test", f"web@{COMMIT}"),
    ),
    "pin": (
        lambda registry: registry.with_entries(
            "dev", [_pinned(registry, "billing", "v2"), _pinned(registry, "ledger", "v3")]
        ),
        lambda data: _pin(data, "dev", "billing@v2", "ledger@v3"),
    ),
    "hold": (
        lambda registry: registry.with_note("dev", "holds", "web", 'a "reason" # no comment'),
        lambda data: data["environments"]["dev"].update(holds={"web": 'a "reason" # no comment'}),
    ),
    "hold again": (
        lambda registry: registry.with_note("test", "holds", "web", "another"),
        lambda data: data["environments"]["test"]["holds"].update(web="another"),
    ),
    "unhold": (
        lambda registry: registry.with_note("test", "holds", "web", None),
        lambda data: data["environments"]["test"]["holds"].pop("web"),
    ),
    "retire": (
        lambda registry: registry.with_note("prod", "retired", "web", "gone"),
        lambda data: data["environments"]["prod"]["retired"].update(web="gone"),
    ),
    "unretire": (
        lambda registry: registry.with_note("prod", "retired", "billing", None),
        lambda data: data["environments"]["prod"].pop("retired"),
    ),
    "remove": (
        lambda registry: registry.without_entry("dev", "ledger"),
        lambda data: data["environments"]["dev"]["apps"].remove("ledger"),
    ),
    "remove the only entry": (
        lambda registry: registry.with_note("prod", "retired", "billing", None).without_entry("prod", "billing"),
        lambda data: (data["environments"]["prod"].pop("retired"), data["environments"]["prod"].update(apps=[])),
    ),
    "forget": (lambda registry: registry.without_app("spare"), lambda data: data["apps"].pop("spare")),
    "add": (
        lambda registry: registry.with_app("cart", {"team": "shop", "path": "charts/cart"}, "apps.toml"),
        _add,
    ),
    "migrate": (
        lambda registry: registry.with_copied_app("web", "shop-front", "web"),
        lambda data: data["apps"].update({"shop-front": {**copy.deepcopy(data["apps"]["web"]), "namespace": "web"}}),
    ),
    "shard": (
        lambda registry: registry.with_setting("dev", "shards", 2).with_setting("dev", "handOver", True),
        lambda data: data["environments"]["dev"].update(shards=2, handOver=True),
    ),
    "unset": (
        lambda registry: registry.with_setting("test", "promotesFrom", None),
        lambda data: data["environments"]["test"].pop("promotesFrom"),
    ),
}


def normal(data: Data) -> Data:
    """The data with sorted promotion lists and without empty notes, which an edit may leave or remove."""
    for environment in data["environments"].values():
        environment["apps"] = sorted(environment.get("apps", []))
        for notes in ("holds", "retired"):
            if environment.get(notes) == {}:
                del environment[notes]
    return data


def try_edit(seed: int, name: str) -> None:
    """Apply one edit to one layout, and assert what every edit keeps."""
    text = LayoutWriter(Random(seed)).write(registry_data())  # noqa: S311 - a seed repeats the layout
    assert normal(tomllib.loads(text)) == normal(registry_data()), "the layout holds other data"
    change, intended = EDITS[name]
    before = read_editable_registry(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")
    after = change(before).file_contents()["apps.toml"].decode()
    expected = registry_data()
    intended(expected)
    assert normal(tomllib.loads(after)) == normal(expected)
    if name not in ("remove", "forget", "unhold", "unretire", "remove the only entry", "unset"):
        assert comments_of(text) <= comments_of(after), "a comment is lost"
        lost = [line for line in text.splitlines(keepends=True) if line not in after.splitlines(keepends=True)]
        assert len(lost) <= 12, "more lines changed than were meant"
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        assert after.count("\r\n") == after.count("\n")
    elif "\r\n" not in text:
        assert "\r" not in after


def comments_of(text: str) -> set[str]:
    return {*re.findall(r"# note \d+", text)}


def main(seeds: int) -> None:
    done = failed = 0
    for seed in range(seeds):
        for name in EDITS:
            done += 1
            try:
                try_edit(seed, name)
            except Exception as error:  # noqa: BLE001 - each failure is counted and shown
                failed += 1
                sys.stdout.write(f"{seed} {name}: {type(error).__name__}: {str(error)[:300]}\n")
    sys.stdout.write(f"{done} edits in {seeds} layouts, {failed} failed\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
