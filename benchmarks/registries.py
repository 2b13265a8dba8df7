"""So many apps of so many teams → the files of a registry, the same bytes every time and everywhere.

App number *i* depends on *i* and the number of teams alone: a smaller registry is the beginning of a larger one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ENVIRONMENTS = ("dev", "test", "prod")
TEAMS = 50
#: Where the charts are committed, if the registry says so: shards have to be read from somewhere.
REPOSITORY = "https://git.example.com/platform/workloads.git"
_FIRST = ("amber", "brisk", "calm", "dusky", "early", "fleet", "grand", "ivory", "jolly", "keen", "lunar", "noble")
_SECOND = ("audit", "basket", "billing", "catalog", "device", "export", "gateway", "index", "ledger", "order")
#: What a careless writer of YAML turns into another type, an anchor, a comment, a Helm action or an error.
_HOSTILE = (
    "yes", "no", "on", "null", "~", "true", "1e3", "0x1F", "010", "12:30:45", "2026-11-22", ".5", "- a", "a: b", "a #b",
    "*alias", "&anchor", "!tag", "%dir", "@at", "`tick`", "{x}", "[x]", '"double"', "it's", " lead", "trail ",
    "back\\slash", "{{ .Values.x }}", "h\u00e9llo", "\u65e5\u672c\u8a9e", "\U0001f600", "a\nb", "", "=", "<<", "---",
)  # fmt: skip
_VALUES = """\
ingress:
  enabled: true
  annotations:
    alb.ingress.kubernetes.io/listen-ports: '[{{"HTTP": 80}}]'
    alb.ingress.kubernetes.io/scheme: internet-facing
    alb.ingress.kubernetes.io/target-type: ip
  className: alb
  hosts:
    - host: {name}.example.com
      paths:
        - path: /
          pathType: Prefix
resources:
  requests:
    cpu: {cpu}m
"""


def files(apps: int, teams: int = TEAMS, *, single: bool = False, sharded: bool = False) -> dict[str, str]:
    """The registry's files by name: one a team, and the root; with `single` the root alone (at most 5,000 apps).

    With `sharded`, each environment is divided by team.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for number in range(apps):
        members[_draws(number)[0] % teams].append(number)
    if single:
        entries = {env: [listing(n, env) for n in range(apps)] for env in ENVIRONMENTS}
        tables = (table(number, teams) for number in range(apps))
        return {"apps.toml": _root(members, teams, "", entries, sharded) + "".join(tables)}
    named = {f"teams/{_team(team)}.toml": _team_file(numbers, teams) for team, numbers in sorted(members.items())}
    return {"apps.toml": _root(members, teams, 'include = ["teams/{team}.toml"]\n', {}, sharded), **named}


def write(folder: Path, apps: int, teams: int = TEAMS, *, sharded: bool = False) -> None:
    """Write the registry, split by team, below `folder`."""
    for name, text in files(apps, teams, sharded=sharded).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def name_of(number: int) -> str:
    """The app's name: two words and its number, so that no two names fold to one Helm key."""
    draws = _draws(number)
    return f"{_FIRST[draws[1] % len(_FIRST)]}-{_SECOND[draws[2] % len(_SECOND)]}-{number:05}"


def behind(number: int) -> bool:
    """Whether an older revision of the app runs in prod than in test: two apps in ten wait for a promotion."""
    return number % 10 in (3, 7)


def listing(number: int, environment: str) -> str:
    """The app's entry in an environment's list: what is first follows, later six in ten are pinned to a tag."""
    draws = _draws(number)
    if environment == "dev" or not (behind(number) or draws[3] < 153):
        return name_of(number)
    minor = draws[5] % 30 + (0 if environment == "prod" and behind(number) else 1)
    return f"{name_of(number)}@v{draws[4] % 5}.{minor}.{draws[6] % 9}"


def table(number: int, teams: int = TEAMS) -> str:
    """The app's own tables: one in seven shares its team's project, one in four its team's namespace."""
    draws, name = _draws(number), name_of(number)
    team = _team(draws[0] % teams)
    lines = [
        f"\n[apps.{name}]",
        f'team = "{team}"',
        f'repoURL = "https://git.example.com/{team}/{name}.git"',
        f'path = "{("charts", "deploy/chart", "helm")[draws[7] % 3]}"',
        f'targetRevision = "{("main", "main", "main", "release")[draws[8] % 4]}"',
    ]
    lines += [f'project = "{team}-shared"'] if number % 7 == 0 else []
    lines += [f'namespace = "{team}"'] if number % 4 == 0 else []
    return "\n".join([*lines, *_helm(name, draws), *_override(name, draws), ""])


def _helm(name: str, draws: bytes) -> Iterator[str]:
    kind = draws[9] % 20
    if kind < 4:
        yield f"[apps.{name}.helm]"
        yield f'values = """\n{_VALUES.format(name=name, cpu=50 * (1 + draws[10] % 20))}"""'
    elif kind < 17:
        parameters = {"replicaCount": str(1 + draws[10] % 9)}
        if draws[11] < 150:
            parameters["image.tag"] = f"v{draws[12] % 5}.{draws[13] % 30}.{draws[14] % 90}"
        if draws[15] < 64:
            parameters["service.port"] = str(1024 + 97 * draws[16])
        if draws[17] < 13:
            parameters["env.NOTE"] = _HOSTILE[draws[18] % len(_HOSTILE)]
        yield f"helm.parameters = {_inline(parameters)}"


def _override(name: str, draws: bytes) -> Iterator[str]:
    """Three apps in ten say something of their own for test, and three for prod."""
    for at, env in ((19, "test"), (22, "prod")):
        if draws[at] < 77:
            yield f"[apps.{name}.environments.{env}]"
            if draws[at + 1] < 128:
                yield f'helm.parameters = {{ replicaCount = "{10 + draws[at + 2] % 9}" }}'
            else:
                yield 'labels = { tier = "front" }'


def _inline(values: Mapping[str, str]) -> str:
    # Every string of JSON is one of TOML, unless a character beyond 16 bits is written as two.
    told = ", ".join(f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    return f"{{ {told} }}"


def _draws(number: int) -> bytes:
    """The dice of one app, 32 of them, each 0 to 255."""
    return hashlib.sha256(f"app {number}".encode()).digest()


def _team(number: int) -> str:
    return f"team-{number:03}"


def _team_file(numbers: list[int], teams: int) -> str:
    lists = [
        f"[environments.{env}]\napps = [\n" + "".join(f'  "{listing(n, env)}",\n' for n in numbers) + "]\n"
        for env in ENVIRONMENTS
    ]
    return "\n".join(lists) + "".join(table(number, teams) for number in numbers)


def _root(
    members: Mapping[int, list[int]], teams: int, include: str, entries: Mapping[str, list[str]], sharded: bool
) -> str:
    repository = f'repository = "{REPOSITORY}"\n' if sharded else ""
    parts = [
        f'version = 1\n{include}\n[workloads]\n{repository}branch = "main"\npath = "multi-repo"\n\n'
        '[argocd]\nversion = "3.4"\n'
    ]
    for before, env in zip(("", *ENVIRONMENTS), ENVIRONMENTS, strict=False):
        lines = [f"\n[environments.{env}]", f'labels = {{ env = "{env}" }}']
        lines += [f'promotesFrom = ["{before}"]'] if before else ["createProjects = true"]
        lines += ['shards = "team"'] if sharded else []
        lines += ["apps = [", *(f'  "{entry}",' for entry in entries.get(env, ())), "]"] if entries else []
        parts.append("\n".join([*lines, ""]))
    parts += [_team_table(team, members.get(team, [])) for team in range(teams)]
    return "".join(parts)


def _team_table(number: int, apps: list[int]) -> str:
    team = _team(number)
    namespaces = [team, *(name_of(app) for app in apps if app % 4)]
    lines = [f"\n[teams.{team}]", f'owners = ["@acme/{team}"]', f'repositories = ["https://git.example.com/{team}/"]']
    projects = f'projects = ["{team}-shared"]'
    return "\n".join([*lines, projects, "namespaces = [", *(f'  "{name}",' for name in namespaces), "]", ""])


def promoted(text: str, app: str, environment: str, revision: str) -> str:
    """A team's file with another revision of one app in an environment's list."""
    head, mark, rest = text.partition(f"[environments.{environment}]\n")
    lines = rest.splitlines(keepends=True)
    ours = (f'  "{app}",\n', f'  "{app}@')
    at = next(place for place, line in enumerate(lines) if line.startswith(ours))
    lines[at] = f'  "{app}@{revision}",\n'
    return head + mark + "".join(lines)


def onboarded(text: str, app: str, team: str) -> str:
    """A team's file with one more app, in dev: a table at its end and an entry in its list."""
    added = text.replace("[environments.dev]\napps = [\n", f'[environments.dev]\napps = [\n  "{app}",\n', 1)
    return (
        f'{added}\n[apps.{app}]\nteam = "{team}"\nrepoURL = "https://git.example.com/{team}/{app}.git"\n'
        f'path = "charts"\ntargetRevision = "main"\nnamespace = "{team}"\n'
    )


def main() -> None:
    """`python -m benchmarks.registries FOLDER --apps N [--sharded]`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--teams", type=int, default=TEAMS)
    parser.add_argument("--sharded", action="store_true")
    chosen = parser.parse_args()
    write(chosen.folder, chosen.apps, chosen.teams, sharded=chosen.sharded)


if __name__ == "__main__":
    main()
