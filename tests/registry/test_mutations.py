"""Registries with mistakes that nobody thought of: a refusal with places, never a traceback, and never slow.

`WORKLOADS_EXAMPLES=20000` tries that many instead of a few.
"""

from __future__ import annotations

import copy
import datetime
import os
import random
import re
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import LocalError, Problem, RegistryError, UsageError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from tests.registry.test_registries import DATA
from tests.registry.writer import toml

EXAMPLES = int(os.environ.get("WORKLOADS_EXAMPLES", "600"))
ROOTS = sorted([*(DATA / "valid").glob("*.toml"), *(DATA / "invalid").glob("*.toml")])
INCLUDED = {
    path.relative_to(DATA / kind).as_posix(): path.read_bytes()
    for kind in ("valid", "invalid")
    for path in (DATA / kind).glob("*/**/*.toml")
    if path.is_file() and not path.is_symlink()
}
TOKEN = re.compile(rb'"[^"\n]*"|[A-Za-z0-9_.-]+|[\[\]{}=,\n]')
HOSTILE: list[Any] = [
    "", " ", "\x00", "\x1b[31m", "\u202e", "\ud7ff", "\U0010ffff", "..", "../..", "-x", "*", "!*", "{{ .Values }}", "@",
    "a@b@c", "x" * 300, "a" * 5000, "%s{0}", "<table>", "[key]", "__class__", "default", "argocd", "https://[::1]/x",
    "https://a:b@c/d", "git@a:b", "$x/y", "a\nb", "9" * 400, "yes", "1e400", "~", 0, -1, 2**62, 1.5, float("nan"),
    float("inf"), True, False, [], {}, [[]], [{}], [1, "a"], {"a": {"b": {}}}, {"": ""}, {"<list>": 1},
    datetime.datetime.fromisoformat("2026-01-01T00:00:00"), datetime.date(2026, 1, 1), datetime.time(1, 2),
]  # fmt: skip


def judge(raw: bytes, most: float = 1.0) -> str:
    """How reading `raw`, and rendering what is accepted, ends; anything but a refusal of ours is raised."""
    start = time.process_time()
    problems: tuple[Problem, ...] = ()
    try:
        registry = read_registry_from(MemoryFiles({**INCLUDED, "apps.toml": raw}), "apps.toml")
    except RegistryError as error:
        problems, verdict = error.problems, "refused"
    except (LocalError, UsageError):
        verdict = "unreadable"
    else:
        assert all(
            not path.startswith(("/", ".git/")) and ".." not in path
            for path in render_plan(plan_charts(registry)).files
        )
        verdict = "accepted"
    # A tracer, as of coverage, makes Python several times slower, and is not what is measured.
    assert time.process_time() - start < most * (5 if sys.gettrace() else 1)
    assert all(min(problem.line, problem.column) > 0 and problem.text for problem in problems)
    return verdict


def in_bytes(dice: random.Random, raw: bytes) -> bytes:
    data = bytearray(raw)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        kind = dice.randrange(3)
        if kind == 0:
            data[at:at] = dice.randbytes(dice.randint(1, 3))
        elif kind == 1:
            del data[at : at + dice.randint(1, 20)]
        else:
            data[at : at + 1] = bytes([dice.choice(b"\"'[]{}=,.#\n\\ \x00\x7f\xff09azAZ")])
    return bytes(data)


def in_tokens(dice: random.Random, raw: bytes) -> bytes:
    spans = [found.span() for found in TOKEN.finditer(raw)]
    for _ in range(dice.randint(1, 3)):
        (start, end), (other, last) = dice.choice(spans), dice.choice(spans)
        raw = raw[:start] + raw[other:last] + raw[end:]
    return raw


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a tree of tables and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in inner for found in ((value, key), *places(child))]


def in_values(dice: random.Random, raw: bytes) -> bytes:
    try:
        data = tomllib.loads(raw.decode())
    except (ValueError, RecursionError):
        return raw
    for _ in range(dice.randint(1, 3)):
        found = places(data)
        if not found:
            break
        (holder, key), (other, source) = dice.choice(found), dice.choice(found)
        kind = dice.randrange(4)
        if kind == 0:
            holder[key] = copy.deepcopy(dice.choice(HOSTILE))
        elif kind == 1:
            holder[key] = copy.deepcopy(other[source])
        elif kind == 2 and isinstance(holder, dict):
            holder[dice.choice([text for text in HOSTILE if isinstance(text, str)])] = holder.pop(key)
        else:
            del holder[key]
    return toml(data).encode("utf-8", "replace")


@pytest.mark.parametrize("mutate", [in_bytes, in_tokens, in_values])
def test_mutations(mutate: Any) -> None:
    whole = [path.read_bytes() for path in ROOTS if path.stat().st_size < 20_000]
    valid = [path.read_bytes() for path in ROOTS if path.parent.name == "valid"]
    verdicts = set()
    for seed in range(EXAMPLES):
        dice = random.Random(f"{mutate.__name__}-{seed}")  # noqa: S311
        raw = mutate(dice, dice.choice(dice.choice((whole, valid))))
        try:
            verdicts.add(judge(raw))
        except BaseException as error:
            error.add_note(f"seed {seed}: {raw[:3000]!r}")
            raise
    assert verdicts >= {"refused", "accepted"}


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_every_place_takes_every_hostile_value(value: Any) -> None:
    """Each key of the fullest registry in turn, the root's included."""
    text = Path(DATA / "valid" / "everything.toml").read_text()
    count = len(places(tomllib.loads(text)))
    for index in range(count) if EXAMPLES > 600 else range(len(repr(value)) % 23, count, 23):
        data = tomllib.loads(text)
        holder, key = places(data)[index]
        holder[key] = copy.deepcopy(value)
        judge(toml(data).encode("utf-8", "replace"))


LARGE = {
    "apps without a team": "version = 1\n" + "".join(f"[apps.a{n}]\nx = 1\n" for n in range(3000)),
    "a list of numbers": f"version = 1\ninclude = [{'1,' * 200_000}]\n",
    "labels": "version = 1\n[environments.d.labels]\n" + "".join(f"k{n} = 1\n" for n in range(20_000)),
    "unknown apps": "version = 1\n[environments.d]\napps = ["
    + ",".join(f'"apx{n}"' for n in range(2000))
    + "]\n"
    + "".join(f"[apps.ap{n}]\nteam = 'a'\n" for n in range(1000)),
    "circles": "version = 1\n" + "".join(f"[environments.e{n}]\npromotesFrom = ['e{n ^ 1}']\n" for n in range(1000)),
    "an owner": f"version = 1\n[teams.a]\nowners = ['@{'a' * 100_000}!', '@{'a/' * 50_000}!']\n",
    "a label key": f"version = 1\n[environments.a.labels]\n'{'a-' * 50_000}!' = 'x'\n'{'a.' * 50_000}/x' = 'x'\n",
    "a duration": f"version = 1\n[environments.a.policy]\nsoak = '{'1h' * 50_000}x'\n",
    "a key": f"version = 1\n'{'x' * 500_000}' = 1\n",
    "URLs": f"version = 1\n[teams.a]\nrepositories = ['https://{'a.' * 99_999}/', 'a@{'b' * 99_999}:{'/' * 99_999}']\n",
}


@pytest.mark.parametrize("name", LARGE)
def test_much_of_one_mistake(name: str) -> None:
    assert judge(LARGE[name].encode(), most=3.0) == "refused"
