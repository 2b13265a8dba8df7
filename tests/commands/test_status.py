"""`workloads status`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.workspace import REGISTRY, Run, in_terminal, onboarded


def test_a_matrix_of_apps_and_environments(place: Path, workloads: Run) -> None:
    done = workloads("status", cwd=place)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "APP      DEV   TEST     PROD\n"  #
        "billing  main  @v1.1.0  @v1.0.0\n"
        "ledger   main  main     -\n"
        "\n"
        "billing: prod v1.0.0 is behind test (v1.1.0), ready\n"
    )


def test_chosen_environments_in_the_order_given(place: Path, workloads: Run) -> None:
    done = workloads("status", "--env", "prod", "--env", "dev", cwd=place)
    assert done.out.splitlines()[:2] == ["APP      PROD     DEV", "billing  @v1.0.0  main"]


def test_chosen_teams(place: Path, workloads: Run) -> None:
    (place / "apps.toml").write_text(onboarded(REGISTRY))
    done = workloads("status", "--team", "audit", cwd=place)
    assert [line.split()[0] for line in done.out.splitlines()] == ["APP", "audit"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--env", 'unknown environment "tset" (did you mean "test"?)'),
        ("--team", 'unknown team "tset" (known: payments)'),
    ],
)
def test_an_unknown_name_is_a_usage_error(place: Path, workloads: Run, option: str, words: str) -> None:
    done = workloads("status", option, "tset", cwd=place)
    assert (done.code, done.err) == (2, f"error: {words} [WL1005]\n")


def test_the_json_document(place: Path, workloads: Run) -> None:
    data = json.loads(workloads("status", "--json", "--env", "test", "--env", "prod", cwd=place).out)
    assert data == {
        "environments": ["test", "prod"],
        "apps": [
            {
                "app": "billing",
                "team": "payments",
                "runs": {
                    "test": {"revision": "v1.1.0", "pinned": True},
                    "prod": {"revision": "v1.0.0", "pinned": True},
                },
            },
            {"app": "ledger", "team": "payments", "runs": {"test": {"revision": "main", "pinned": False}}},
        ],
        "waiting": [
            {
                "app": "billing",
                "environment": "prod",
                "team": "payments",
                "runs": "v1.0.0",
                "behind": "test",
                "by": None,
                "revision": "v1.1.0",
                "direction": "ahead",
                "blocked": False,
                "refusals": [],
            }
        ],
        "holds": [],
    }


def _many(count: int) -> str:
    name = "a-service-with-quite-a-long-name"
    apps = "".join(
        f'[apps.{name}-{n:03}]\nteam = "payments"\nrepoURL = "https://github.com/acme/a.git"\npath = "a"\n'
        f'namespace = "billing"\n\n'
        for n in range(count)
    )
    listed = "".join(f'  "{name}-{n:03}@{n:040x}",\n' for n in range(count))
    return REGISTRY.replace("apps = [\n", f"apps = [\n{listed}") + "\n" + apps


def test_500_apps_with_long_names_are_a_line_each_in_a_pipe(place: Path, workloads: Run) -> None:
    (place / "apps.toml").write_text(_many(500))
    lines = workloads("status", cwd=place).out.partition("\n\n")[0].splitlines()
    assert len(lines) == 503
    assert len({len(line) for line in lines[1:501]}) == 1


def test_500_apps_with_long_names_fit_a_terminal_of_80_columns(place: Path) -> None:
    (place / "apps.toml").write_text(_many(500).replace("quite-a-long-name", "a-name-of-53-characters-in-all"))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal("status", cwd=place, columns=80)).splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.count("  @000000000") == 3]) == 500


#: Thirty apps, some with names of 53 characters, in six environments, pinned to commits.
ENVIRONMENTS = ("dev", "int", "staging-eu", "staging-us", "production-eu-central-1", "production-us-east-1")
SOURCES = {"int": "dev", "staging-eu": "int", "staging-us": "int", "production-eu-central-1": "staging-eu"}
NAMES = [
    *(f"checkout-{n}-payment-gateway-reconciliation-worker-batc" for n in range(4)),
    *(f"orders-{n:02}-api-gateway" for n in range(26)),
]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Such a registry, committed."""
    text = 'version = 1\n\n[teams.shop]\nrepositories = ["https://git.example.org/shop/"]\nnamespaces = ["shop"]\n'
    for position, environment in enumerate(ENVIRONMENTS):
        source = SOURCES.get(environment, "staging-us")
        text += f"\n[environments.{environment}]\n" + (f'promotesFrom = ["{source}"]\n' if position else "")
        pins = (f"@{n + (position > 2) * 256:040x}" if position else "" for n in range(len(NAMES)))
        text += "apps = [\n" + "".join(f'  "{name}{pin}",\n' for name, pin in zip(NAMES, pins, strict=True)) + "]\n"
    text += f'\n[environments.production-us-east-1.holds]\n{NAMES[0]} = "2026-11-16 the load test of the new cluster"\n'
    for name in NAMES:
        text += f'\n[apps.{name}]\nteam = "shop"\nrepoURL = "https://git.example.org/shop/{name}.git"\npath = "chart"\n'
        text += 'namespace = "shop"\ntargetRevision = "main"\n'
    (tmp_path / "apps.toml").write_text(text)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "apps.toml")
    git(tmp_path, "commit", "--quiet", "-m", "start")
    return tmp_path


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_many_environments_and_long_names_fit_terminals(large: Path, columns: int, variables: dict[str, str]) -> None:
    shown = in_terminal("status", cwd=large, columns=columns, typed="", code=0, **variables)
    assert ("\x1b" in shown) is (not variables)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    # A name that is longer than the terminal stays whole, as revisions do.
    assert max(map(len, lines)) <= max(columns, len(NAMES[0]) + 4)
    cells = re.findall(r"@[0-9a-f]{12}(?= |$)", "\n".join(lines))
    assert len(cells) == len(NAMES) * 5
    assert all(name in shown for name in NAMES)
    assert "held in" in shown


def test_a_pipe_has_a_line_for_each_app_whatever_its_width(large: Path, workloads: Run) -> None:
    table = workloads("status", cwd=large).out.partition("\n\n")[0].splitlines()
    assert len(table) == len(NAMES) + 1
    assert table[0].split() == ["APP", *map(str.upper, ENVIRONMENTS)]
    assert all(len(re.findall(r"@[0-9a-f]{12} ", line)) == 5 for line in table[1:])
