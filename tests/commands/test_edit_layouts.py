"""Commands that edit a registry, where it is laid out by hand: the edit is made, and no other line changes."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.workspace import REGISTRY, Run

COMMA_APART = REGISTRY.replace('  "ledger",\n', '  "ledger@v2"\n  ,\n', 1)
INLINE_LEDGER = (
    'ledger = { team = "payments", repoURL = "https://github.com/acme/ledger.git", path = "c", namespace = "money" }\n'
)
LEDGER_TABLE = REGISTRY[REGISTRY.index("[apps.ledger]") :]
INLINE_APP = REGISTRY.replace(LEDGER_TABLE, "[apps]\n" + INLINE_LEDGER.replace("ledger =", "spare ="))
INLINE_APPS = (
    f"apps = {{ {INLINE_LEDGER.strip()}, {INLINE_LEDGER.strip().replace('ledger', 'billing')} }}\n"
    + (REGISTRY[: REGISTRY.index("[apps.billing]")])
)
QUOTED_APPS = REGISTRY.replace("[apps.billing]", "[\"apps\" . 'billing']")
ADD = "add audit --team payments --repository https://github.com/acme/audit.git --path c --no-verify-remote"


@pytest.mark.parametrize(
    ("text", "command", "added", "removed"),
    [
        (COMMA_APART, "promote ledger --to test --without-helm", '  "ledger@v2",', '  "ledger",'),
        (INLINE_APP.replace('  "ledger",\n', ""), "remove spare --forget --without-helm", "", "spare = {"),
        (INLINE_APPS, f"{ADD} --namespace money --without-helm", '  "audit",', "apps = {"),
        (QUOTED_APPS, "migrate billing money --without-helm", "[\"apps\" . money]", ""),
        (REGISTRY.replace("\n", "\r\n"), "hold ledger --in test --reason audit", "[environments.test.holds]\r", ""),
    ],
    ids=["comma on its own line", "inline app", "inline apps", "quoted header", "CRLF"],
)  # fmt: skip
def test_an_edit_keeps_the_layout(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch, text: str, command: str, added: str, removed: str
) -> None:
    (tmp_path / "apps.toml").write_bytes(text.encode())
    done = workloads(*command.split(), cwd=tmp_path)
    assert (done.code, done.err) == (0, done.err)
    after = (tmp_path / "apps.toml").read_bytes().decode()
    changes = list(difflib.ndiff(text.splitlines(), after.splitlines()))
    new = [line[2:] for line in changes if line.startswith("+ ")]
    old = [line[2:] for line in changes if line.startswith("- ")]
    assert any(line == added.rstrip("\r") for line in new) or not added
    assert all(removed and line.startswith(removed) for line in old)
    assert after.count("\r") == (after.count("\n") if "\r" in text else 0)
    assert workloads("check", "--without-helm", cwd=tmp_path).code == 0


@pytest.mark.parametrize("command", ["migrate billing", ADD.removesuffix("audit").replace("add audit", "add")])
def test_a_new_app_needs_a_valid_name(tmp_path: Path, workloads: Run, command: str) -> None:
    (tmp_path / "apps.toml").write_text(REGISTRY)
    verb, *rest = command.split()
    arguments = [verb, *rest[:1], "Bad name"] if verb == "migrate" else [verb, "Bad name", *rest]
    done = workloads(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert '"Bad name" is not a name' in done.err
    assert (tmp_path / "apps.toml").read_text() == REGISTRY
