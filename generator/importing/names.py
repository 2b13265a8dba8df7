"""Choose the app of each imported Application: its key, shared by the environments that it runs in. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from generator.argocd.strings import MAX_APP_NAME_LENGTH, name_problem
from generator.importing.teams import make_name

#: The key of each Application, by environment and name.
Keys = dict[str, dict[str, str]]


def choose_keys(names: Mapping[str, Iterable[str]]) -> Keys:
    """Choose a key for each Application, given the names by environment.

    An Application whose name ends with that of its environment (`cart-dev`) shares a key (`cart`) with those of other
    environments. A name that cannot be a key gives one that is alike.
    """
    stems = {env: {name: _strip_environment(name, env) for name in found} for env, found in names.items()}
    uses = Counter(stem for found in stems.values() for stem in set(found.values()))
    keys = {
        env: {name: stem if uses[stem] > 1 else name for name, stem in found.items()} for env, found in stems.items()
    }
    return {env: dict(_make_valid(_separate(found))) for env, found in keys.items()}


def _strip_environment(name: str, environment: str) -> str:
    """The name without a suffix that is its environment's name, or the last part of that: `-prod` of `eu-prod`."""
    for suffix in (environment, environment.rpartition("-")[2]):
        if name.endswith(f"-{suffix}") and len(name) > len(suffix) + 1:
            return name.removesuffix(f"-{suffix}")
    return name


def _separate(keys: Mapping[str, str]) -> dict[str, str]:
    """The keys of an environment, with the whole name where two names would share a key."""
    counts = Counter(keys.values())
    return {name: key if counts[key] == 1 else name for name, key in keys.items()}


def _make_valid(keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    taken = {key for key in keys.values() if not name_problem(key, MAX_APP_NAME_LENGTH)}
    for name, key in keys.items():
        if key in taken:
            yield name, key
            continue
        base = make_name(key)
        made, number = base, 2
        while made in taken:
            made, number = f"{base}-{number}", number + 1
        taken.add(made)
        yield name, made


def find_name_suffix(keys: Mapping[str, str]) -> str:
    """The suffix that every name of an environment has after its key; "" if there is none."""
    suffixes = {name.removeprefix(key) if name.startswith(key) else "" for name, key in keys.items()}
    return suffixes.pop() if len(suffixes) == 1 else ""
