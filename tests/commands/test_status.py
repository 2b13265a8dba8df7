"""`workloads status`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

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
    assert (done.code, done.err) == (2, f"error: {words}\n")


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
