"""What the root file alone may say: whose a file is, and which projects, names and privileges a team has."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.registry.test_tenancy import several
from tests.registry.writer import toml

ROOT = """\
version = 1
include = ["teams/*.toml"]

[argocd]
version = "3.4"

[environments.dev]
createProjects = true
apps = ["invoice"]

[environments.prod]
promotesFrom = ["dev"]
argocd = "live"
policy.pin = "commit"

[teams.store]
files = ["teams/store.toml", "teams/later.toml"]
repositories = ["https://git.example.com/store/"]
namespaces = ["store"]
projects = ["store-shared"]

[teams.money]
files = ["teams/money.toml"]
repositories = ["https://git.example.com/money/"]
namespaces = ["money"]

[apps.invoice]
team = "money"
repoURL = "https://git.example.com/money/invoice.git"
path = "chart"
namespace = "money"
"""
APP = """\
[apps.basket]
team = "store"
repoURL = "https://git.example.com/store/basket.git"
path = "chart"
namespace = "store"
"""
LISTED = APP + '[environments.dev]\napps = ["basket@v1.0.0"]\n'
COMMIT = "1" * 40


def read(root: str = ROOT, **files: str) -> Registry:
    """The registry of a root file, with `teams/NAME.toml` for every keyword."""
    texts = {"apps.toml": root, **{f"teams/{name}.toml": text for name, text in files.items()}}
    return read_registry_from(MemoryFiles({name: text.encode() for name, text in texts.items()}), "apps.toml")


def problems(root: str = ROOT, **files: str) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read(root, **files)
    assert caught.value.exit_code in (3, 4)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_of_a_team_holds_its_apps_and_lists_them() -> None:
    assert set(read(store=LISTED).apps) == {"invoice", "basket"}


def test_the_name_of_a_file_says_its_team() -> None:
    root = ROOT.replace("teams/*.toml", "teams/{team}.toml").replace('files = ["teams/money.toml"]\n', "")
    root = re.sub("files = .*later.*\n", "", root)
    assert set(read(root, store=LISTED).apps) == {"invoice", "basket"}
    assert problems(root, stor=LISTED)[0] == (
        'apps.toml:2:12: include: "teams/stor.toml" belongs to team "stor", which does not exist '
        '(did you mean "store"?): rename the file, or add [teams.stor]'
    )


@pytest.mark.parametrize(
    "pattern",
    ["teams/{team}*.toml", "teams/{team}-{team}.toml", "**/{team}/*.toml", "{team}/{team}.toml", "x?{team}/a.toml"],
)
def test_a_pattern_that_could_give_one_file_to_two_teams_is_refused(pattern: str) -> None:
    root = ROOT.replace('"teams/*.toml"', f'"teams/*.toml", "{pattern}"')
    assert "can match one file for two teams" in problems(root, store=LISTED)[0]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (LISTED, 'write files = ["teams/store.toml", "teams/later.toml", "teams/new.toml"] in [teams.store]'),
        ('[environments.dev]\napps = ["invoice"]\n', '[teams.NAME] files = ["teams/new.toml"], or move its content'),
        ("", "belongs to no team"),
        (APP + APP.replace("basket", "other").replace('"store"', '"money"'), "belongs to no team: add it to the files"),
    ],
)
def test_a_file_without_a_team_is_refused_with_what_to_write(text: str, advice: str) -> None:
    found = problems(new=text)
    assert found[0].startswith('apps.toml:2:12: include: "teams/new.toml" belongs to no team')
    assert advice in found[0]


def test_a_file_of_two_teams_is_refused() -> None:
    root = ROOT.replace('files = ["teams/money.toml"]', 'files = ["teams/*.toml"]')
    assert '"teams/store.toml" is a file of the teams money and store' in "\n".join(problems(root, store=LISTED))
    same = ROOT.replace('files = ["teams/money.toml"]', 'files = ["teams/later.toml"]')
    assert 'file "teams/later.toml" belongs to team "store"' in "\n".join(problems(same))


def test_files_that_differ_in_case_alone_are_refused() -> None:
    root = ROOT.replace("teams/money.toml", "teams/Store.toml")
    found = problems(root, store=LISTED, Store="")
    assert '"teams/Store.toml" and "teams/store.toml" are one file on some disks' in found[0]


@pytest.mark.parametrize("entry", ["elsewhere/store.toml", "../store.toml", "teams/store", "apps.toml"])
def test_files_of_a_team_are_included_and_below_the_registry(entry: str) -> None:
    found = problems(ROOT.replace('"teams/later.toml"', f'"{entry}"'))
    assert len(found) == 1
    assert f'teams.store.files: "{entry}"' in found[0]


def test_another_team_s_app_in_a_team_s_file_is_refused() -> None:
    foreign = APP.replace("basket", "invoice-canary").replace("store", "money")
    assert problems(store=foreign) == [
        'teams/store.toml:2:8: apps.invoice-canary.team: "money" in a file of team "store": '
        "move the app to a file of its team"
    ]


def test_another_team_s_app_in_a_team_s_list_is_refused() -> None:
    listing = f'[environments.prod]\napps = ["invoice@{COMMIT}"]\n'
    (found,) = problems(store=listing)
    assert found.startswith(
        f'teams/store.toml:2:9: environments.prod.apps: "invoice@{COMMIT}" is an app of team "money"'
    )


@pytest.mark.parametrize(
    "text",
    [
        "[teams.store]\nallow = ['spec']\n",
        "[projects.basket]\n",
        "[environments.dev]\ncreateProjects = false\n",
        "[environments.dev.policy]\npin = 'any'\n",
        "[environments.prod]\nholds.invoice = 'mine'\n",
        "[defaults]\nproject = 'default'\n",
        "include = ['more.toml']\n",
        "allowSchemes = ['http']\n",
        "[environments.new]\napps = []\n",
    ],
)
def test_what_belongs_to_the_root_file_is_refused_in_a_team_s(text: str) -> None:
    assert any(found.startswith("teams/store.toml:") for found in problems(store=f"{text}\n{APP}"))


@pytest.mark.parametrize("project", ["basket", "store-shared"])
def test_a_team_uses_projects_named_like_its_apps_and_those_granted_to_it(project: str) -> None:
    read(store=APP + f'project = "{project}"\n')


@pytest.mark.parametrize(
    ("project", "why"),
    [
        ("platform-admin", 'is not granted to team "store": add it to teams.store.projects'),
        ("invoice", 'belongs to team "money"'),
        ("default", "is reserved for teams with platform = true"),
        ("dev-applications", "is reserved for the charts of the environments"),
        ("prod-applications-store", "is reserved for the charts of the environments"),
    ],
)
@pytest.mark.parametrize("create", ["", "createProject = true\n", "createProject = false\n"])
@pytest.mark.parametrize("environment", ["", "[apps.basket.environments.dev]\n"])
def test_any_other_project_is_refused(project: str, why: str, create: str, environment: str) -> None:
    found = problems(store=f'{APP}{environment}project = "{project}"\n{create}[environments.dev]\napps = ["basket"]\n')
    assert [problem for problem in found if f'project "{project}" {why}' in problem]


def test_a_granted_project_is_of_no_app_of_another_team() -> None:
    root = ROOT.replace('projects = ["store-shared"]', 'projects = ["invoice"]')
    assert 'project "invoice" belongs to team "store"' in problems(root)[0]


def test_two_teams_are_not_granted_one_project() -> None:
    root = ROOT.replace('namespaces = ["money"]', 'namespaces = ["money"]\nprojects = ["store-shared"]')
    assert 'teams.money.projects: project "store-shared" belongs to team "store"' in problems(root)[0]


def test_an_app_that_forbids_its_project_runs_in_no_project_of_that_name() -> None:
    hidden = APP.replace("basket", "platform-admin") + "createProject = false\n"
    (found,) = problems(store=hidden + '[environments.dev]\napps = ["platform-admin"]\n')
    assert 'no chart creates project "platform-admin" in Argo CD "dev": remove createProject' in found
    granted = ROOT.replace('["store-shared"]', '["store-shared", "platform-admin"]')
    assert problems(granted, store=hidden + '[environments.dev]\napps = ["platform-admin"]\n') == [found]
    existing = granted.replace("[argocd]", '[argocd]\nexistingProjects = ["platform-admin"]')
    read(existing, store=hidden + '[environments.dev]\napps = ["platform-admin"]\n')


@pytest.mark.parametrize("name", ["dev-applications", "prod-applications", "dev-applications-store"])
def test_an_app_is_not_called_like_the_application_of_a_chart(name: str) -> None:
    app = APP.replace("basket", name) + 'project = "store-shared"\n'
    found = problems(store=f'{app}[environments.dev]\napps = ["{name}"]\n')
    assert f'Application "{name}" is reserved for the charts of the environments: rename the app' in found[0]


def test_a_suffix_makes_no_name_of_a_chart_s_application() -> None:
    root = ROOT.replace('argocd = "live"', 'argocd = "live"\nnameSuffix = "-applications"')
    app = APP.replace("basket", "prod") + 'project = "store-shared"\n'
    found = problems(
        root, store=f'{app}[environments.dev]\napps = ["prod"]\n[environments.prod]\napps = ["prod@{COMMIT}"]'
    )
    assert 'Application "prod-applications" is reserved' in "\n".join(found)


PLATFORM = ROOT.replace("[teams.store]", "[teams.store]\nplatform = true")


@pytest.mark.parametrize("namespace", ["kube-system", "argocd"])
def test_a_platform_team_may_have_reserved_namespaces(namespace: str) -> None:
    root, file = (text.replace('"store"]', f'"{namespace}"]') for text in (PLATFORM, ROOT)), LISTED
    allowed, refused = root
    file = file.replace('namespace = "store"', f'namespace = "{namespace}"')
    read(allowed, store=file)
    assert len([text for text in problems(refused, store=file) if "teams with platform = true" in text]) == 2
    assert "is not granted to team" in "\n".join(problems(PLATFORM, store=file))


def test_a_platform_team_may_use_the_project_default() -> None:
    read(PLATFORM, store=APP + 'project = "default"\n')


def test_only_the_root_file_makes_a_team_of_the_platform() -> None:
    assert "is allowed only in the root file" in problems(store="[teams.store]\nplatform = true\n" + APP)[0]


CREATES = 'syncPolicy.syncOptions = ["CreateNamespace=true"]\n'


def test_create_namespace_needs_a_grant_where_a_project_cannot_name_one_namespace() -> None:
    old = ROOT.replace('version = "3.4"', 'version = "3.2"')
    (found,) = problems(old, store=APP + CREATES)
    assert found.endswith(
        'apps.basket.syncPolicy.syncOptions: is not allowed for team "store": '
        'add "create-namespace" to teams.store.allow in the root file'
    )
    granted = 'projects = ["store-shared"]\nallow = ["create-namespace"]'
    read(old.replace('projects = ["store-shared"]', granted), store=APP + CREATES)
    read(store=APP + CREATES)


@pytest.mark.parametrize(
    ("metadata", "refused"),
    [
        ('labels = { "pod-security.kubernetes.io/enforce" = "privileged" }', True),
        ('labels = { "pod-security.kubernetes.io/enforce" = "restricted" }', False),
        ('labels = { "pod-security.kubernetes.io/warn" = "privileged" }', False),
        ('labels = { "pod-security.kubernetes.io/enforce-version" = "v1.20" }', True),
        ('labels = { "pod-security.kubernetes.io/enforce-version" = "latest" }', False),
        ('labels = { "security.openshift.io/scc.podSecurityLabelSync" = "false" }', True),
        ('annotations = { "openshift.io/sa.scc.uid-range" = "0/10000" }', True),
        ('labels = { tier = "front" }', False),
    ],
)
@pytest.mark.parametrize("environment", ["", "[apps.basket.environments.dev]\n"])
def test_what_weakens_the_security_of_pods_needs_a_grant(metadata: str, refused: bool, environment: str) -> None:
    text = f"{APP}{environment}{CREATES}syncPolicy.managedNamespaceMetadata = {{ {metadata} }}\n"
    text += '[environments.dev]\napps = ["basket"]\n'
    if not refused:
        read(store=text)
        return
    (found,) = problems(store=text)
    assert 'add "pod-security" to teams.store.allow' in found


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("helm.passCredentials", "helm.passCredentials = true\n"),
        ("plugin", 'plugin.name = "p"\n'),
        ("server", 'server = "https://other.example.com"\n'),
        ("spec", "spec.x = 1\n"),
    ],
)
def test_a_privileged_field_needs_a_grant(key: str, text: str) -> None:
    assert f'apps.basket.{key}: is not allowed for team "store"' in problems(store=APP + text)[0]


@pytest.mark.parametrize(
    "key", ["helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy", "helm.sh/resource-policy"]
)
@pytest.mark.parametrize("kind", ["annotations", "labels"])
def test_hooks_and_resource_policies_of_helm_are_refused_on_applications(key: str, kind: str) -> None:
    assert "make Helm keep, delete or recreate" in problems(store=f'{APP}{kind} = {{ "{key}" = "keep" }}\n')[0]


OTHER = "https://git.example.com/store/other.git"


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        (f'repoURL = "{OTHER}", path = "x", targetRevision = "main"', False),
        (f'repoURL = "{OTHER}", path = "x", targetRevision = ">=1.0"', False),
        (f'repoURL = "{OTHER}", path = "x", targetRevision = "HEAD"', False),
        (f'repoURL = "{OTHER}", ref = "values", targetRevision = "main"', False),
        (f'repoURL = "{OTHER}", path = "x", targetRevision = "v1.0.0"', False),
        (f'repoURL = "{OTHER}", path = "x", targetRevision = "{COMMIT}"', True),
        ('repoURL = "https://git.example.com/store/charts", chart = "c", targetRevision = "1.*"', False),
        ('repoURL = "https://git.example.com/store/charts", chart = "c", targetRevision = "1.2.0"', True),
        (f'repoURL = "{OTHER}", path = "x"', True),
    ],
)
def test_a_policy_of_pins_is_about_every_source(source: str, allowed: bool) -> None:
    app = APP.replace('repoURL = "https://git.example.com/store/basket.git"\npath = "chart"\n', "")
    first = 'repoURL = "https://git.example.com/store/basket.git", path = "chart"'
    text = f"{app}sources = [{{ {first} }}, {{ {source} }}]\n"
    text += f'[environments.dev]\napps = ["basket"]\n[environments.prod]\napps = ["basket@{COMMIT}"]\n'
    if allowed:
        read(store=text)
        return
    (found,) = problems(store=text)
    assert "environment prod runs commits only, and source" in found
    assert "write a commit as its targetRevision" in found


@pytest.mark.parametrize(
    "text",
    [
        'helm.valueFiles = ["https:/values.example.com/v.yaml"]',
        'helm.valueFiles = ["s3:bucket/values.yaml"]',
        'helm.valueFiles = ["$ref/git+ssh:x"]',
        'helm.fileParameters = [{ name = "a", path = "..;/secret" }]',
        'path = "a/..;x/b"',
        'kustomize.components = ["github.com/evil/base"]',
        'kustomize.components = ["base//deep?ref=main"]',
        'kustomize.components = ["git@git.example.com:evil/base"]',
        'kustomize.components = ["gitlab.example.com/evil/base.git"]',
        'helm.parameters = { "" = "x" }',
        'helm.parameters = [{ name = "", value = "x" }]',
    ],
)
def test_what_leads_out_of_a_repository_is_refused(text: str) -> None:
    app = APP.replace('path = "chart"\n', "") if text.startswith("path") else APP
    assert "apps.basket." in problems(store=f"{app}{text}\n")[0]


@pytest.mark.parametrize("component", ["components/replicas", "v1.2/base", "base.d"])
def test_a_component_of_the_repository_is_accepted(component: str) -> None:
    read(store=f'{APP}kustomize.components = ["{component}"]\n')


@pytest.mark.parametrize(
    ("chart", "allowed"),
    [
        *(
            (chart, False)
            for chart in ("--post-renderer=x", "../chart", "/chart", "./chart", "a//b", "oci://x", "a b", "")
        ),
        *((chart, True) for chart in ("redis", "kube-prometheus-stack", "team/redis", "a_b.c")),
    ],
)
def test_a_chart_has_a_plain_name(chart: str, allowed: bool) -> None:
    app = APP.replace('path = "chart"', f'chart = "{chart}"\ntargetRevision = "1.0.0"')
    if allowed:
        read(store=app)
    else:
        assert "apps.basket.chart" in problems(store=app)[0]


def test_a_semicolon_ends_no_segment_of_a_url() -> None:
    url = "https://git.example.com/store/..;/money/secret.git"
    assert "apps.basket.repoURL" in problems(store=APP.replace("https://git.example.com/store/basket.git", url))[0]


_NAMES = ("basket", "other", "invoice", "platform-admin", "default", "store-shared", "dev-applications", "dev")
_PLAIN = {
    "team": "store",
    "repoURL": "https://git.example.com/store/x.git",
    "path": "chart",
    "namespace": "store",
}
_TWISTS: st.SearchStrategy[tuple[str, object]] = st.one_of(
    st.tuples(st.just("team"), st.just("money")),
    st.tuples(st.just("repoURL"), st.sampled_from(("https://git.example.com/money/x.git", "file:///x"))),
    st.tuples(st.just("path"), st.sampled_from(("../x", "..;/x"))),
    st.tuples(st.just("namespace"), st.sampled_from(("money", "kube-system", "argocd"))),
    st.tuples(st.just("project"), st.sampled_from(_NAMES)),
    st.tuples(st.just("createProject"), st.booleans()),
    st.tuples(st.just("server"), st.just("https://other.example.com")),
    st.tuples(st.just("annotations"), st.sampled_from(({"helm.sh/hook": "pre-install"}, {"a": "b"}))),
    st.tuples(st.just("helm"), st.just({"passCredentials": True, "releaseName": "r"})),
)
_APPS = st.lists(_TWISTS, max_size=1).map(lambda twists: {**_PLAIN, **dict(twists)})
_ENTRIES = st.sampled_from(["basket", "other", f"basket@{COMMIT}", "basket@main", f"invoice@{COMMIT}", "default"])


@several
@given(
    apps=st.dictionaries(st.sampled_from(("basket", "basket", "other", *_NAMES)), _APPS, min_size=1, max_size=2),
    pin=st.sampled_from((COMMIT, COMMIT, "v1.0.0")),
    strays=st.dictionaries(st.sampled_from(("dev", "prod", "test")), st.lists(_ENTRIES, max_size=1), max_size=1),
)
def test_no_file_of_a_team_reaches_outside_its_grants(
    apps: dict[str, dict[str, object]], pin: str, strays: dict[str, list[str]]
) -> None:
    lists = {"dev": [*apps], "prod": [f"{name}@{pin}" for name in apps]}
    lists |= {name: [*lists.get(name, []), *stray] for name, stray in strays.items()}
    data = {"apps": apps, "environments": {name: {"apps": entries} for name, entries in lists.items()}}
    try:
        registry = read(store=toml(data))
    except RegistryError:
        return
    mine = {name for name, app in registry.apps.items() if app["team"] == "store"}
    assert set(registry.apps) - mine == {"invoice"}
    for name, env in registry.environments.items():
        listed = {app.app: app for app in registry.list_effective_apps(name)}
        assert listed.keys() - mine == ({"invoice"} if name == "dev" else set())
        for app in (listed[one] for one in listed.keys() & mine):
            assert app.project in {*mine, "store-shared"} - {"default"}
            assert app.namespace == "store"
            assert all(url.startswith("https://git.example.com/store/") for url in app.repositories)
            assert not {"server", "spec", "plugin"} & app.fields.keys()
            assert not app.fields.get("helm", {}).get("passCredentials")
            assert not any(key.startswith("helm.sh/hook") for key in app.fields.get("annotations", {}))
            assert not (app.app + env.name_suffix).startswith("dev-applications")
            assert name == "dev" or re.fullmatch("[0-9a-f]{40}", app.revision)
