"""A made-up registry of any size, with a history in which releases go from environment to environment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from generator.artifacts.artifact_versions import AppRemotes
from generator.promotion.history import History, HoldChange, RevisionChange
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from generator.site.links import SiteLinks
from generator.site.views import Site, build_site

MOMENT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TEAMS = ("payments", "shop", "search", "identity", "logistics", "platform")
_NOUNS = (
    "billing", "ledger", "invoice", "cart", "checkout", "catalog", "ranking", "indexer", "login", "sessions", "parcels",
    "routing", "gateway", "mailer", "reports", "pricing", "refunds", "tax", "stock", "reviews", "coupons", "fraud",
    "audit", "wallet",
)  # fmt: skip
_PEOPLE = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "release-bot")
_SOAK = {"prod-eu": "120h", "prod-us": "48h"}
_BELOW = {"dev": (), "test": ("dev",), "stage": ("test",), "prod-eu": ("stage",), "prod-us": ("prod-eu",)}
ENVIRONMENTS = {3: ("dev", "test", "stage"), 4: ("dev", "test", "stage", "prod-eu"), 5: tuple(_BELOW)}

LINKS = SiteLinks("https://github.com/acme/registry.git", "https://argocd.example.com/{environment}", "argocd")
_HOLDS = (
    HoldChange(
        "prod-eu",
        "checkout",
        None,
        "2026-11-16 pen test",
        MOMENT - timedelta(days=4),
        "Ada Lovelace",
        "d" * 40,
        "hold checkout: prod-eu",
    ),
)


def sample(apps: int = 24, environments: int = 5, seed: int = 6) -> Site:
    """The site of such a registry."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    names = [f"{_NOUNS[n % len(_NOUNS)]}{f'-{n // len(_NOUNS)}' if n >= len(_NOUNS) else ''}" for n in range(apps)]
    moves = [move for name in names for move in _moves(name, ENVIRONMENTS[environments], chance)]
    moves.sort(key=lambda move: move.changed_at)
    book = book_of(_registry(names, ENVIRONMENTS[environments], moves))
    return build_site(book, History(tuple(moves), hold_changes=_HOLDS), MOMENT, AppRemotes(), LINKS)


def book_of(text: str) -> EditableRegistry:
    return read_editable_registry(MemoryFiles({"apps.toml": text.encode()}), "apps.toml", ".")


def _moves(app: str, environments: tuple[str, ...], chance: random.Random) -> Iterator[RevisionChange]:
    """Four releases, each as far as it came; one in eight is rolled back from where it came last."""
    runs: dict[str, str] = {}
    release = MOMENT - timedelta(days=chance.uniform(70, 90))
    reach = len(environments) if chance.random() > 0.15 else 3
    for minor in range(4):
        far = reach if minor == 0 else min(reach, chance.choice((2, 3, 4, 5, 5, 5, 5)))
        when = release
        for env in environments[:far]:
            if when >= MOMENT:
                break
            yield _move(env, app, runs, f"v1.{minor}.0", when, chance)
            when += timedelta(hours=chance.uniform(20, 90))
        if minor and far >= len(environments) and chance.random() < 0.125 and when < MOMENT:
            yield _move(environments[-1], app, runs, f"v1.{minor - 1}.0", when, chance, "latency, incident 4711")
        release += timedelta(days=chance.uniform(18, 25))


def _move(
    env: str, app: str, runs: dict[str, str], to: str, when: datetime, chance: random.Random, reason: str = ""
) -> RevisionChange:
    before, runs[env] = runs.get(env), to
    said = f"roll back {app} to {to}: {env}" if reason else f"promote {app} {to}: {env}"
    when = when.replace(second=0, microsecond=0)
    return RevisionChange(
        env, app, before, to, when, chance.choice(_PEOPLE), f"{chance.getrandbits(160):040x}", said, reason
    )


def _registry(names: list[str], environments: tuple[str, ...], moves: list[RevisionChange]) -> str:
    runs = {(move.environment, move.app): str(move.new_revision) for move in moves}
    if "prod-us" in environments:
        # Two edits by hand: one app is ahead of dev, one has another revision.
        runs |= {("test", "wallet"): "v1.9.0", ("test", "audit"): "canary"}
    text = "version = 1\ninterpolate = true\n[workloads]\nowners = ['@acme/platform']\n"
    for env in environments:
        listed = "".join(f'  "{name}@{runs[env, name]}",\n' for name in names if (env, name) in runs)
        text += f"[environments.{env}]\npromotesFrom = {list(_BELOW[env])}\napps = [\n{listed}]\n"
        text += f"facts = {{ region = 'eu-1', domain = '{env}.example.com' }}\n"
        text += f"[environments.{env}.policy]\npin = 'tag'\n" if env != "dev" else ""
        text += f"soak = '{_SOAK[env]}'\n" if env in _SOAK else ""
    if "prod-us" in environments:
        text += (
            "freeze = [{from = 2026-11-19T00:00:00Z, until = 2026-12-01T08:00:00Z, reason = 'Thanksgiving sales'}]\n"
        )
        text += "[environments.prod-eu.holds]\ncheckout = '2026-11-16 pen test'\n"
        text += "[environments.stage.retired]\ncoupons = '2026-11-12 replaced by pricing'\n"
    for team in TEAMS:
        text += f"[teams.{team}]\nowners = ['@acme/{team}']\nrepositories = ['https://github.com/{team}/']\n"
        text += "namespaces = [" + ", ".join(f"'{n}'" for n in _of(team, names)) + "]\n"
    for number, name in enumerate(names):
        text += f"[apps.{name}]\nteam = '{TEAMS[number % len(TEAMS)]}'\ndescription = 'The {name} service.'\n"
        text += f"repoURL = 'https://github.com/{TEAMS[number % len(TEAMS)]}/{name}.git'\n"
        text += "path = 'deploy/chart'\ntargetRevision = 'v1.0.0'\n"
        text += "helm.valueFiles = ['values.yaml', 'values-${environment.name}.yaml']\n"
        text += "helm.parameters.'ingress.host' = '" + name + ".${facts.domain}'\n"
    return text


def _of(team: str, names: list[str]) -> list[str]:
    return [name for number, name in enumerate(names) if TEAMS[number % len(TEAMS)] == team]
