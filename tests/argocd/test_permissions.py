"""What an AppProject permits more or less after a change."""

from __future__ import annotations

from typing import Any

import pytest

from generator.argocd.permissions import find_narrowed_permissions, find_widened_permissions

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
            ['namespaceResourceBlacklist - group "", kind Secret'],
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
            ['namespaceResourceWhitelist + group "", kind Service'],
        ),
        ({}, {"roles": [_ROLE]}, [f"role ci: policies + {_ROLE['policies'][0]}"]),
        ({"roles": [{**_ROLE, "policies": [_DENY]}]}, {"roles": [{"name": "ci"}]}, [f"role ci: policies - {_DENY}"]),
        ({"roles": [_ROLE]}, {"roles": [{**_ROLE, "policies": [*_ROLE["policies"], _DENY]}]}, []),
        ({"roles": [_ROLE]}, {"roles": [{**_ROLE, "groups": ["g"]}]}, ["role ci: groups + g"]),
        ({"syncWindows": [_NIGHT]}, {}, ["syncWindows - kind deny, schedule 0 8 * * *, duration 1h"]),
        ({"syncWindows": [_WINDOW]}, {}, ["syncWindows no longer has an allow window: syncs run at any time"]),
        ({}, {"syncWindows": [_WINDOW]}, []),
        ({"permitOnlyProjectScopedClusters": True}, {}, ["permitOnlyProjectScopedClusters is off"]),
        ({"signatureKeys": [{"keyID": "1"}]}, {}, ["signatureKeys is gone: commits need no signature"]),
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
def test_every_widened_permission_is_listed(before: dict[str, Any], after: dict[str, Any], said: list[str]) -> None:
    assert [str(each) for each in find_widened_permissions({"spec": before}, {"spec": after})] == said
    assert list(find_widened_permissions({"spec": after}, {"spec": after})) == []
    narrowed = [str(each) for each in find_narrowed_permissions({"spec": after}, {"spec": before})]
    assert len(narrowed) == len([text for text in said if not text.startswith("role ")])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"sourceRepos": ["a", "b"]}, {"sourceRepos": ["a"]}, ["sourceRepos - b"]),
        ({"sourceRepos": ["*"]}, {"sourceRepos": ["*", "!b"]}, ["sourceRepos + !b"]),
        ({}, {"signatureKeys": [{"keyID": "1"}]}, ["signatureKeys is new: commits need a signature"]),
        (
            {"clusterResourceWhitelist": [{"group": "*", "kind": "Namespace"}]},
            {},
            ["clusterResourceWhitelist - group *, kind Namespace"],
        ),
        ({}, {"syncWindows": [_WINDOW]}, ["syncWindows has its first allow window: syncs run only then"]),
        ({}, {"syncWindows": [_NIGHT]}, ["syncWindows + kind deny, schedule 0 8 * * *, duration 1h"]),
        (
            {},
            {"namespaceResourceWhitelist": [{"group": "", "kind": "Service"}]},
            ["namespaceResourceWhitelist is new: only the listed kinds may be deployed"],
        ),
        ({"roles": [_ROLE]}, {}, []),
    ],
)
def test_every_narrowed_permission_that_can_stop_a_sync_is_listed(
    before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    assert [str(each) for each in find_narrowed_permissions({"spec": before}, {"spec": after})] == said
