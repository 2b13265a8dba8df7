"""Prepared changes of one registry, and what `workloads diff` says of each: docs/diff-cases.md.

`python -m tests.diff.prepared_changes` writes the page.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from generator.charts.inventory import INVENTORY_FILE
from generator.diff.context import DANGERS
from tests.diff.sample import committed
from tests.workspace import ROOT, Done, environment, spawn

PAGE = ROOT / "docs" / "diff-cases.md"
_SERVICES = [f"service-{number:02}" for number in range(1, 61)]
_LISTED = "".join(f'  "{name}@v1.0.0",\n' for name in _SERVICES)
BEFORE = f"""\
version = 1

[workloads]
repository = "https://github.com/acme/workloads.git"

[argocd]
version = "3.4"

[defaults]
syncPolicy = {{ automated = {{ prune = true }}, syncOptions = ["CreateNamespace=false"] }}

[environments.dev]
labels = {{ tier = "dev" }}
createProjects = true
apps = [
  "billing",
  "cart",
  "certs@v1.15.0",
  "gone",
  "healed",
  "kept",
  "ledger@v1.4.2",
  "legacy",
  "manual",
  "podinfo@6.7.0",
  "portal",
  "web",
]
retired.legacy = "2026-11-01 replaced by portal"

[environments.test]
cluster = "test-eu"
promotesFrom = ["dev"]
createProjects = true
apps = ["billing@v1.1.0", "cart@v1.0.0", "ledger@v1.4.1", "web@v2.0.0"]

[environments.prod]
server = "https://prod.example.com"
promotesFrom = ["test"]
createProjects = true
apps = [
  "billing@v1.0.0",
  "cart@v1.0.0",
  "ledger@v1.4.0",
  "web@v1.9.0",
]
policy.pin = "tag"

[environments.fleet]
server = "https://fleet.example.com"
createProjects = true
apps = [
{_LISTED}]
policy.pin = "tag"

[environments.single]
createProjects = true
apps = ["billing@v1.1.0"]

[teams.payments]
repositories = ["https://github.com/acme-payments/"]
namespaces = ["billing", "ledger", "money"]
projects = ["money"]

[teams.shop]
repositories = ["https://github.com/acme-shop/"]
namespaces = ["cart", "web", "web-new", "gone", "healed", "kept", "legacy", "manual", "portal", "portal-new", "search"]
projects = ["storefront"]
allow = ["spec"]

[teams.platform]
repositories = ["https://charts.jetstack.io", "oci://ghcr.io/acme/charts/podinfo"]
namespaces = ["certs", "podinfo"]

[teams.fleet]
repositories = ["https://github.com/acme-fleet/"]
namespaces = ["service-*"]

[projects.billing]
description = "Billing"

[projects.storefront]
namespaceResourceBlacklist = [{{ group = "", kind = "ResourceQuota" }}]

[apps.billing]
team = "payments"
repoURL = "https://github.com/acme-payments/billing.git"
path = "charts/billing"
targetRevision = "main"

[apps.billing.helm]
valueFiles = ["values.yaml", "values-common.yaml"]
values = \"\"\"
replicas: 2
image:
  repository: ghcr.io/acme/billing
  tag: "1.0"
resources:
  limits:
    memory: 256Mi
\"\"\"

[apps.ledger]
team = "payments"
repoURL = "https://github.com/acme-payments/ledger.git"
path = "deploy"
helm.valuesObject = {{ replicas = 2, hosts = ["a.example.com", "b.example.com"] }}
ignoreDifferences = [{{ group = "apps", kind = "Deployment", jsonPointers = ["/spec/replicas"] }}]

[apps.cart]
team = "shop"
project = "storefront"
repoURL = "https://github.com/acme-shop/cart.git"
path = "deploy"
helm.parameters = {{ replicaCount = "3" }}

[apps.web]
team = "shop"
repoURL = "https://github.com/acme-shop/web.git"
path = "deploy"

[apps.portal]
team = "shop"
project = "storefront"
repoURL = "https://github.com/acme-shop/portal.git"
path = "deploy"
syncPolicy.automated = {{ prune = true, selfHeal = true }}

[apps.healed]
team = "shop"
repoURL = "https://github.com/acme-shop/healed.git"
path = "deploy"
syncPolicy.automated = {{ prune = true, selfHeal = true }}

[apps.kept]
team = "shop"
repoURL = "https://github.com/acme-shop/kept.git"
path = "deploy"
finalizer = "none"

[apps.legacy]
team = "shop"
repoURL = "https://github.com/acme-shop/legacy.git"
path = "deploy"

[apps.gone]
team = "shop"
repoURL = "https://github.com/acme-shop/gone.git"
path = "deploy"

[apps.manual]
team = "shop"
repoURL = "https://github.com/acme-shop/manual.git"
path = "deploy"
syncPolicy.automated = false

[apps.certs]
team = "platform"
repoURL = "https://charts.jetstack.io"
chart = "cert-manager"
targetRevision = "v1.15.0"
helm.valuesObject = {{ crds = {{ enabled = true }} }}

[apps.podinfo]
team = "platform"
repoURL = "oci://ghcr.io/acme/charts/podinfo"
path = "."
targetRevision = "6.7.0"
""" + "".join(
    f"""
[apps.{name}]
team = "fleet"
repoURL = "https://github.com/acme-fleet/{name}.git"
path = "deploy"
"""
    for name in _SERVICES
)


@dataclass(frozen=True)
class Case:
    """A change of the registry, and what a reviewer has to learn of it.

    `edit` makes the registry after the change; `plan` is the first line of the report, and `dangers` the gravest danger
    of each object that has one, as they are true of Argo CD. `start` makes another registry before the change, and
    `prepare` changes the files that are committed with it.
    """

    title: str
    truth: str
    edit: Callable[[str], str]
    plan: str
    dangers: tuple[str, ...] = ()
    start: Callable[[str], str] = lambda text: text
    prepare: Callable[[Path], None] = lambda folder: None

    @property
    def base(self) -> object:
        """What cases share that start from the same repository."""
        return self.start, self.prepare

    @property
    def start_text(self) -> str:
        """The registry before the change."""
        return self.start(BEFORE)


def change(*pairs: tuple[str, str]) -> Callable[[str], str]:
    """An edit that puts texts in the place of others, each at its first place."""

    def edit(text: str) -> str:
        for before, after in pairs:
            assert before in text, before
            text = text.replace(before, after, 1)
        return text

    return edit


def append(text: str) -> Callable[[str], str]:
    """An edit that adds tables at the end."""
    return lambda before: f"{before}\n{text}"


def _pin(names: list[str], revision: str) -> Callable[[str], str]:
    return change(*((f'"{name}@v1.0.0"', f'"{name}@{revision}"') for name in names))


def _unlist(names: list[str]) -> Callable[[str], str]:
    return change(*((f'  "{name}@v1.0.0",\n', "") for name in names))


def _both(*edits: Callable[[str], str]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        for each in edits:
            text = each(text)
        return text

    return edit


def _widen_one_of_many(text: str) -> str:
    """Give 25 projects a description, and all repositories to one of them."""
    tables = [f'\n[projects.{name}]\ndescription = "Owned by fleet"\n' for name in _SERVICES[:25]]
    tables[16] += 'sourceRepos = ["*"]\n'
    return text + "".join(tables)


def _generate_with_another_version(folder: Path) -> None:
    """Commit charts of dev whose templates another version wrote."""
    inventory, name = folder / "multi-repo" / INVENTORY_FILE, "argo-app-of-apps/dev/templates/_helpers.tpl"
    template = folder / "multi-repo" / name
    before = sha256(template.read_bytes()).hexdigest()
    text = template.read_text()
    template.write_text(text.replace('.wave | default "2"', '.wave | default "3"', 1))
    assert template.read_text() != text
    after = sha256(template.read_bytes()).hexdigest()
    inventory.write_text(inventory.read_text().replace(f'"{name}": "{before}"', f'"{name}": "{after}"'))


def _write_by_hand(folder: Path) -> None:
    """Commit a template in the chart of dev that nobody generated."""
    (folder / "multi-repo/argo-app-of-apps/dev/templates/by-hand.yaml").write_text(_BY_HAND)


_BY_HAND = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: by-hand
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  source: { repoURL: https://github.com/acme/by-hand.git, path: deploy, targetRevision: v1.0.0 }
  destination: { namespace: by-hand, server: https://kubernetes.default.svc }
"""
_SEARCH = '[apps.search]\nteam = "shop"\nrepoURL = "https://github.com/acme-shop/search.git"\n'
_WEB = '[apps.web]\nteam = "shop"\n'
_HEALED = '[apps.healed]\nteam = "shop"\n'
_PORTAL = '[apps.portal]\nteam = "shop"\n'
_CLUSTER_ROLE = '{ group = "rbac.authorization.k8s.io", kind = "ClusterRole" }'
_MEMORY = "    memory: 256Mi\n"
_HOSTILE = (
    'description = "</details><script>alert(1)</script> @acme/everybody [x](https://evil.example.com) `code` | table |"'
)
_PRUNES = "syncPolicy = { automated = { prune = true }"
_hand_over = change(("[environments.dev]\n", "[environments.dev]\nhandOver = true\n"))

CASES = (
    Case("a comment", "Nothing that Argo CD reads changes.", append("# a remark"), "nothing changes"),
    Case(
        "a promotion",
        "Argo CD deploys a newer tag.",
        change(('"web@v1.9.0"', '"web@v2.0.0"')),
        "1 to update",
    ),
    Case(
        "a rollback",
        "Argo CD deploys an older tag.",
        change(('"billing@v1.0.0"', '"billing@v0.9.2"')),
        "1 to update",
    ),
    Case(
        "30 promotions, one of them to another revision",
        "29 apps get the same revision and are folded, with all names; the thirtieth is not among them.",
        _both(_pin(_SERVICES[:29], "v1.1.0"), _pin(_SERVICES[29:30], "v1.9.0-rc.1")),
        "30 to update",
    ),
    Case(
        "a branch where the policy wants a tag",
        "Whatever is pushed to main would run in prod.",
        change(('"web@v1.9.0"', '"web@main"')),
        "1 to update · 1 dangerous",
        ("follows-branch",),
    ),
    Case(
        "a version range where a version was",
        "Every new version within the range is deployed without a review.",
        change(("certs@v1.15.0", "certs@v1.*"), ('targetRevision = "v1.15.0"', 'targetRevision = "v1.*"')),
        "1 to update · 1 dangerous",
        ("follows-branch",),
    ),
    Case(
        "another version of a Helm chart and of an OCI artifact",
        "One goes forward, the other back.",
        change(("certs@v1.15.0", "certs@v1.16.1"), ("podinfo@6.7.0", "podinfo@6.6.3")),
        "2 to update",
    ),
    Case(
        "a new app",
        "Its AppProject is created with it; nothing that runs changes.",
        _both(
            change(('  "web",\n', '  "search",\n  "web",\n')),
            append(f'{_SEARCH}path = "deploy"\n'),
        ),
        "2 to create",
    ),
    Case(
        "a new app in a project that others use",
        "The project permits what the new app needs, which the other apps of the project gain.",
        _both(
            change(('  "web",\n', '  "search",\n  "web",\n')),
            append(f'{_SEARCH}project = "storefront"\npath = "deploy"\n'),
        ),
        "1 to create, 1 to update · 1 dangerous",
        ("widens-project",),
    ),
    Case(
        "a removed app",
        "The finalizer of the Application deletes what it runs.",
        change(('  "gone",\n', "")),
        "2 to delete · 1 dangerous",
        ("deletes-workload",),
    ),
    Case(
        "a removed app without a finalizer",
        "The workload keeps running, and nothing manages it.",
        change(('  "kept",\n', "")),
        "2 to delete, 1 orphaned · 1 dangerous",
        ("orphans-workload",),
    ),
    Case(
        "a retirement",
        "Nothing is deleted: the Application loses prune and its finalizer.",
        change(("\n[environments.test]", '\nretired.web = "2026-11-27 sold"\n\n[environments.test]')),
        "1 to retire",
    ),
    Case(
        "the removal of a retired app",
        "Its workload stays, as intended.",
        change(('  "legacy",\n', ""), ('retired.legacy = "2026-11-01 replaced by portal"\n', "")),
        "2 to delete",
    ),
    Case(
        "a retirement that is undone",
        "The Application prunes again, and deleting it deletes its workload.",
        change(('retired.legacy = "2026-11-01 replaced by portal"\n', "")),
        "1 to update · 1 dangerous",
        ("turns-on-automation",),
    ),
    Case(
        "52 removed apps",
        "52 workloads are deleted, all of them named.",
        _unlist(_SERVICES[4:56]),
        "104 to delete · 52 dangerous",
        ("deletes-workload",) * 52,
    ),
    Case(
        "a new environment",
        "Nothing that runs changes.",
        append(
            '[environments.recovery]\ncluster = "recovery"\npromotesFrom = ["prod"]\ncreateProjects = true\n'
            'apps = ["billing@v1.0.0", "web@v1.9.0"]\n'
        ),
        "4 to create",
    ),
    Case(
        "a removed environment",
        "Argo CD reports that the chart is gone, and deletes nothing by itself.",
        lambda text: text[: text.index("[environments.single]")] + text[text.index("[teams.payments]") :],
        "2 to delete · 1 dangerous",
        ("deletes-workload",),
    ),
    Case(
        "an environment's last app",
        "Argo CD refuses to delete everything, until somebody syncs the parent with prune.",
        change(
            (
                '[environments.single]\ncreateProjects = true\napps = ["billing@v1.1.0"]',
                "[environments.single]\ncreateProjects = true\napps = []",
            )
        ),
        "2 to delete · 1 dangerous",
        ("deletes-workload",),
    ),
    Case(
        "a moved namespace",
        "Without selfHeal it takes effect at the next sync; the project permits the old namespace for seven days, so "
        "prune deletes what runs there.",
        change((_WEB, f'{_WEB}namespace = "web-new"\n')),
        "3 to update, 3 to recreate · 3 dangerous · prod first",
        ("recreates-workload",) * 3,
    ),
    Case(
        "a moved namespace, with selfHeal",
        "It takes effect at once.",
        change((_PORTAL, f'{_PORTAL}namespace = "portal-new"\n')),
        "1 to update, 1 to recreate · 1 dangerous",
        ("recreates-workload",),
    ),
    Case(
        "an app on another cluster",
        "Argo CD never touches the old cluster again.",
        change((_HEALED, f'{_HEALED}cluster = "elsewhere"\n'), ('allow = ["spec"]', 'allow = ["spec", "destination"]')),
        "2 to update, 1 orphaned · 1 dangerous",
        ("orphans-workload",),
    ),
    Case(
        "an environment on another cluster",
        "All four workloads stay where they were, and are created a second time.",
        change(('cluster = "test-eu"', 'cluster = "test-us"')),
        "8 to update, 4 orphaned · 4 dangerous",
        ("orphans-workload",) * 4,
    ),
    Case(
        "another project",
        "Applied in place: the workload keeps running.",
        change(('[apps.ledger]\nteam = "payments"\n', '[apps.ledger]\nteam = "payments"\nproject = "money"\n')),
        "3 to create, 3 to update, 3 to delete · prod first",
    ),
    Case(
        "createProjects off",
        "The AppProjects would be deleted under running apps: syncs fail, and the deletion waits for ever.",
        change(("createProjects = true", "createProjects = false")),
        "11 to delete · 11 dangerous",
        ("deletes-project-in-use",) * 11,
    ),
    Case(
        "another nameSuffix",
        "Every Application of the environment is deleted with its workload, and created again.",
        change(('cluster = "test-eu"\n', 'cluster = "test-eu"\nnameSuffix = "-eu"\n')),
        "4 to recreate · 4 dangerous",
        ("recreates-workload",) * 4,
    ),
    Case(
        "another name of an Application",
        "The workload is deleted and created again.",
        change((_HEALED, f'{_HEALED}name = "restored"\n')),
        "1 to recreate · 1 dangerous",
        ("recreates-workload",),
    ),
    Case(
        "another repository",
        "Prune deletes what the new repository does not name.",
        change(("acme-shop/web.git", "acme-shop/website.git")),
        "6 to update · 3 dangerous · prod first",
        ("may-delete-resources",) * 3,
    ),
    Case(
        "the same repository, spelled differently",
        "Argo CD takes both URLs for the same repository.",
        change(("acme-shop/web.git", "acme-shop/web")),
        "6 to update · prod first",
    ),
    Case(
        "another path in a source, without prune",
        "Nothing is deleted while prune is off.",
        change(
            (
                'repoURL = "https://github.com/acme-shop/manual.git"\npath = "deploy"',
                'repoURL = "https://github.com/acme-shop/manual.git"\npath = "manifests"',
            )
        ),
        "1 to update",
    ),
    Case(
        "Kustomize with a name prefix",
        "Every object gets another name; prune deletes those with the old names.",
        change((_WEB, f'{_WEB}kustomize.namePrefix = "blue-"\n')),
        "3 to update · 3 dangerous · prod first",
        ("may-delete-resources",) * 3,
    ),
    Case(
        "a second source beside the first",
        "What the first source names is still named, so nothing is deleted.",
        change(
            (
                'repoURL = "https://github.com/acme-shop/healed.git"\npath = "deploy"\n',
                'sources = [\n  { repoURL = "https://github.com/acme-shop/healed.git", path = "deploy" },\n'
                '  { repoURL = "https://github.com/acme-shop/settings.git", path = "healed" },\n]\n',
            )
        ),
        "2 to update",
    ),
    Case(
        "two other sources instead of one",
        "Prune deletes what the new sources do not name.",
        change(
            (
                'repoURL = "https://github.com/acme-shop/healed.git"\npath = "deploy"\n',
                'sources = [\n  { repoURL = "https://github.com/acme-shop/healed.git", path = "base" },\n'
                '  { repoURL = "https://github.com/acme-shop/settings.git", path = "healed" },\n]\n',
            )
        ),
        "2 to update · 1 dangerous",
        ("may-delete-resources",),
    ),
    Case(
        "one line of a long text of values",
        "Only the changed line is shown, with its surroundings.",
        change((_MEMORY, "    memory: 512Mi\n")),
        "4 to update · prod first",
    ),
    Case(
        "the order of value files and hosts",
        "Order matters to Helm: the last value file wins.",
        change(
            ('["values.yaml", "values-common.yaml"]', '["values-common.yaml", "values.yaml"]'),
            ('["a.example.com", "b.example.com"]', '["b.example.com", "a.example.com"]'),
        ),
        "7 to update · prod first",
    ),
    Case(
        "a parameter and a field that Argo CD ignores",
        "Each is shown by its name and value.",
        change(
            ('replicaCount = "3"', 'replicaCount = "5", tier = "gold"'),
            ('jsonPointers = ["/spec/replicas"]', 'jsonPointers = ["/spec/replicas", "/spec/paused"]'),
        ),
        "6 to update · prod first",
    ),
    Case(
        "prune off by default",
        "What a source no longer has stays from now on. All apps that use the default are folded.",
        change((_PRUNES, _PRUNES.replace("true", "false"))),
        "77 to update · prod first",
    ),
    Case(
        "prune on by default",
        "Argo CD deletes by itself what a source no longer has: a danger, with the name of each app.",
        change((_PRUNES.replace("true", "false"), _PRUNES)),
        "77 to update · 77 dangerous · prod first",
        ("turns-on-automation",) * 77,
        start=change((_PRUNES, _PRUNES.replace("true", "false"))),
    ),
    Case(
        "automated sync for an app that was synced by hand",
        "Argo CD deploys every change without anybody.",
        change(("syncPolicy.automated = false", "syncPolicy.automated = { prune = false }")),
        "1 to update · 1 dangerous",
        ("turns-on-automation",),
    ),
    Case(
        "Replace=true and allowEmpty",
        "Objects are replaced instead of patched; a source that yields nothing deletes everything.",
        change(
            (
                "syncPolicy.automated = { prune = true, selfHeal = true }",
                'syncPolicy = { syncOptions = ["Replace=true"], '
                "automated = { prune = true, selfHeal = true, allowEmpty = true } }",
            )
        ),
        "1 to update · 1 dangerous",
        ("turns-on-automation",),
    ),
    Case(
        "a finalizer that is added, and one that is removed",
        "It changes what deleting the Application would delete later.",
        change(('finalizer = "none"\n', ""), (_WEB, f'{_WEB}finalizer = "none"\n')),
        "4 to update · 4 dangerous · prod first",
        ("changes-finalizer",) * 4,
    ),
    Case(
        "all repositories for one project among 25 harmless changes",
        "The one is shown first, and not among the 24 that are folded.",
        _widen_one_of_many,
        "25 to update · 1 dangerous",
        ("widens-project",),
    ),
    Case(
        "a narrowed project",
        "Its apps may stop syncing.",
        change(
            ('kind = "ResourceQuota" }', 'kind = "ResourceQuota" }, { group = "", kind = "ConfigMap" }'),
        ),
        "3 to update · 3 dangerous · prod first",
        ("narrows-project",) * 3,
    ),
    Case(
        "cluster-scoped kinds for a project",
        "The project permits objects outside of its namespaces.",
        append(f"[projects.web]\nclusterResourceWhitelist = [{_CLUSTER_ROLE}]\n"),
        "3 to update · 3 dangerous · prod first",
        ("widens-project",) * 3,
    ),
    Case(
        "labels of an environment",
        "All Applications change alike.",
        change(('tier = "dev"', 'tier = "development"')),
        "12 to update",
    ),
    Case(
        "an environment that is divided into shards: the first step",
        "The Applications are kept by their chart, and nothing is deleted.",
        _hand_over,
        "23 to update",
    ),
    Case(
        "an environment that is divided into shards: the second step",
        "Each shard takes over its Applications; none is deleted.",
        change(("[environments.dev]\n", '[environments.dev]\nshards = "team"\n')),
        "4 to create, 23 to update",
        start=_hand_over,
    ),
    Case(
        "an environment that is divided into shards: the third step",
        "The finalizers return.",
        change(("handOver = true\n", "")),
        "26 to update",
        start=_both(_hand_over, change(("[environments.dev]\n", '[environments.dev]\nshards = "team"\n'))),
    ),
    Case(
        "an environment that is divided into shards in one step",
        "Every Application would be deleted with its workload, and created again by another parent.",
        change(("[environments.dev]\n", '[environments.dev]\nshards = "team"\n')),
        "4 to create, 13 to update, 10 to recreate · 10 dangerous",
        ("recreates-workload",) * 10,
    ),
    Case(
        "templates of another version of workloads",
        "All Applications of dev change alike, and a note names the version as the cause.",
        append("# a remark"),
        "12 to update",
        prepare=_generate_with_another_version,
    ),
    Case(
        "a template that somebody wrote by hand, beside a promotion",
        "The unchanged foreign template is no change.",
        change(('"web@v1.9.0"', '"web@v2.0.0"')),
        "1 to update",
        prepare=_write_by_hand,
    ),
    Case(
        "another folder for the charts",
        "Argo CD reads the old folder until it is bootstrapped again.",
        change(("[argocd]", 'path = "gitops"\n\n[argocd]')),
        "no object changes; see the notes",
    ),
    Case(
        "hostile text",
        "Nothing in it is interpreted, in any form.",
        change(('description = "Billing"', _HOSTILE)),
        "4 to update · prod first",
    ),
)


def committed_base(folder: Path, case: Case) -> None:
    """Commit the registry before a case, with its charts, in a new repository at `folder`."""
    committed(folder, case.start_text)
    case.prepare(folder)
    for command in (["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "prepared"]):
        subprocess.run(["git", *command], cwd=folder, env=environment(), check=True, capture_output=True)


def report(run: Callable[..., Done], folder: Path, case: Case) -> str:
    """What `workloads diff` prints for a case in the repository at `folder`."""
    (folder / "apps.toml").write_text(case.edit(case.start_text))
    done = run("diff", cwd=folder)
    assert done.code == 0, (case.title, done.err)
    return re.sub(r"(?<=at )[0-9a-f]{12}", "0c1d2e3f4a5b", done.out)


def sections() -> dict[str, str]:
    """The reports of the page, by the title of their case."""
    return dict(re.findall(r"(?ms)^## \d+ ([^\n]+)\n.*?^~~~~text\n(.*?)^~~~~$", PAGE.read_text()))


def page(texts: Mapping[str, str]) -> str:
    """The page, from the report of each case."""
    rows, sections = [], []
    for number, case in enumerate(CASES, 1):
        anchor = re.sub(r"[^a-z0-9 -]", "", f"{number} {case.title}".lower()).replace(" ", "-")
        counts = Counter(case.dangers)
        dangers = ", ".join(f"{DANGERS[name]}{f' ({counts[name]})' * (counts[name] > 1)}" for name in counts)
        rows.append(f"| {number} | [{case.title}](#{anchor}) | {case.plan} | {dangers} |")
        sections.append(f"## {number} {case.title}\n\n{case.truth}\n\n~~~~text\n{texts[case.title].rstrip()}\n~~~~\n")
    return "\n".join([_HEAD.format(count=len(CASES)), *rows, "", *sections])


_HEAD = """\
# What `workloads diff` says of {count} changes

`python -m tests.diff.prepared_changes` makes each change of one registry, and writes this page; a test compares it.
The expected plan and dangers were written by hand, from what a live Argo CD does ([live-argocd.md](live-argocd.md));
[diff.md](diff.md) explains them.

| | change | plan | dangers |
|---|---|---|---|"""


def main() -> None:
    texts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folders: dict[Any, Path] = {}
        for case in CASES:
            if case.base not in folders:
                folders[case.base] = Path(name) / f"acme-{len(folders)}"
                committed_base(folders[case.base], case)
            texts[case.title] = report(lambda *args, cwd: spawn(*args, cwd=cwd), folders[case.base], case)
    PAGE.write_text(page(texts))


if __name__ == "__main__":
    main()
