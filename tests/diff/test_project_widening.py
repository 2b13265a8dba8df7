"""What an AppProject permits that it did not."""

from __future__ import annotations

from typing import Any

import pytest

from generator.diff.project_widening import find_widened_permissions

_ROLE = {"name": "ci", "policies": ["p, proj:x:ci, applications, sync, x/*, allow"]}
_DENY = "p, proj:x:ci, applications, delete, x/*, deny"
_WINDOW = {"kind": "allow", "schedule": "0 8 * * *", "duration": "1h"}
_NIGHT = {**_WINDOW, "kind": "deny"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"sourceRepos": ["a"]}, {"sourceRepos": ["a", "b"]}, ["sourceRepos + b"]),
        ({"sourceRepos": ["*"]}, {"sourceRepos": ["*", "b"]}, []),
        ({"sourceRepos": ["https://g.io/A.git"]}, {"sourceRepos": ["https://g.io/a"]}, []),
        ({"sourceRepos": ["a", "!b"]}, {"sourceRepos": ["a"]}, ["sourceRepos - !b"]),
        ({"sourceRepos": ["a", "b"]}, {"sourceRepos": ["a"]}, []),
        ({}, {"sourceNamespaces": ["x"]}, ["sourceNamespaces + x"]),
        (
            {"destinations": [{"server": "*", "namespace": "a"}]},
            {"destinations": [{"server": "s", "namespace": "a"}, {"server": "s", "namespace": "b"}]},
            ["destinations + server s, namespace b"],
        ),
        (
            {},
            {"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]},
            ["clusterResourceWhitelist + group *, kind *"],
        ),
        (
            {"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]},
            {},
            ["namespaceResourceBlacklist - group , kind Secret"],
        ),
        (
            {"namespaceResourceWhitelist": [{"group": "", "kind": "Service"}]},
            {},
            ["namespaceResourceWhitelist is gone: every kind may be deployed"],
        ),
        ({}, {"namespaceResourceWhitelist": [{"group": "", "kind": "Service"}]}, []),
        (
            {"namespaceResourceWhitelist": []},
            {"namespaceResourceWhitelist": [{"group": "", "kind": "Service"}]},
            ["namespaceResourceWhitelist + group , kind Service"],
        ),
        ({}, {"roles": [_ROLE]}, [f"role ci: policies + {_ROLE['policies'][0]}"]),
        ({"roles": [{**_ROLE, "policies": [_DENY]}]}, {"roles": [{"name": "ci"}]}, [f"role ci: policies - {_DENY}"]),
        ({"roles": [_ROLE]}, {"roles": [{**_ROLE, "policies": [*_ROLE["policies"], _DENY]}]}, []),
        ({"roles": [_ROLE]}, {"roles": [{**_ROLE, "groups": ["g"]}]}, ["role ci: groups + g"]),
        ({"syncWindows": [_NIGHT]}, {}, ["syncWindows - kind deny, schedule 0 8 * * *, duration 1h"]),
        ({"syncWindows": [_WINDOW]}, {}, ["syncWindows: none allows any more, so every time is allowed"]),
        ({}, {"syncWindows": [_WINDOW]}, []),
        ({"permitOnlyProjectScopedClusters": True}, {}, ["permitOnlyProjectScopedClusters is off"]),
        ({"signatureKeys": [{"keyID": "1"}]}, {}, ["signatureKeys are gone: commits need not be signed"]),
        (
            {"signatureKeys": [{"keyID": "1"}]},
            {"signatureKeys": [{"keyID": "1"}, {"keyID": "2"}]},
            ["signatureKeys + keyID 2"],
        ),
        (
            {"sourceIntegrity": {"git": {"policies": [{"gpg": {"mode": "strict"}}]}}},
            {},
            ["sourceIntegrity - gpg mode strict"],
        ),
        ({"description": "a"}, {"description": "b"}, []),
        ({"sourceRepos": None, "roles": "no list"}, {"sourceRepos": "no list", "roles": None}, []),
    ],
)
def test_what_a_project_gains_is_told_entry_by_entry(
    before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    assert list(find_widened_permissions({"spec": before}, {"spec": after})) == said
    assert list(find_widened_permissions({"spec": after}, {"spec": after})) == []
