"""Commands that edit a registry, where it is laid out by hand: the edit is made, and no other line changes."""

from __future__ import annotations

import difflib
import re
import tomllib
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


def _escape(match: re.Match[str]) -> str:
    parts = (f'"\\u{ord(part[0]):04x}{part[1:]}"' for part in match[1].split("."))
    return f"[{' . '.join(parts)}]"


_SECTIONS = re.split(r"(?m)^(?=\[)", REGISTRY)
ODD_LAYOUTS = {
    "CRLF": REGISTRY.replace("\n", "\r\n"),
    "mixed ends": REGISTRY.replace('",\n', '",\r\n'),
    "children before parents": _SECTIONS[0] + "\n".join(reversed(_SECTIONS[1:])),
    "escaped keys": re.sub(r"(?m)^\[([^\]]+)\]", _escape, REGISTRY),
    "comments everywhere": re.sub(r"(?m)^(.*[^\n])$", r"# about it\n\1 # why", REGISTRY),
    "no line end": REGISTRY.rstrip("\n"),
    "lists on one line": re.sub(
        r",?\n\]", "]", re.sub(r"\[\n  |(?<=,)(?: # tested)?\n  ", "[", REGISTRY).replace(",[", ", ")
    ),
    "entries of many lines": REGISTRY.replace('  "ledger",', '  """\\\n    ledger""",'),
    "arrays of tables": REGISTRY.replace(
        "[teams.payments]",
        "[[environments.prod.policy.freeze]]\nfrom = 2020-01-01T00:00:00Z\nuntil = 2020-01-02T00:00:00Z\n"
        'reason = "[apps.ledger]"\n\n[teams.payments]',
    ),
    "decoys": "# [environments.test]\n# apps = [\n"
    + REGISTRY.replace("[environments.test]", "[environments.test] # [x]"),
    "blank lines": REGISTRY.replace("\n", "\n\n\n"),
}
ODD_COMMANDS = (
    "promote ledger --to prod",
    "migrate billing money",
    f"{ADD} --namespace money",
)


@pytest.mark.parametrize("command", ODD_COMMANDS)
@pytest.mark.parametrize("layout", ODD_LAYOUTS)
def test_an_edit_does_the_same_in_every_layout(tmp_path: Path, workloads: Run, layout: str, command: str) -> None:
    """With the same data before, the data are the same afterwards, and no comment is lost."""
    found = {}
    for name, text in (("plain", REGISTRY), ("odd", ODD_LAYOUTS[layout])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "apps.toml").write_bytes(text.encode())
        done = workloads(*command.split(), "--without-helm", cwd=tmp_path / name)
        assert done.code == 0, done.err
        found[name] = (tmp_path / name / "apps.toml").read_bytes().decode()
    after, expected = (tomllib.loads(found[name]) for name in ("odd", "plain"))
    if layout == "arrays of tables":
        assert len(after["environments"]["prod"].pop("policy")["freeze"]) == 1
    assert after == expected
    assert found["odd"].count("# ") >= ODD_LAYOUTS[layout].count("# ")
