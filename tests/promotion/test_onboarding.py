"""Apps that come: added, kept at the newest revision, renamed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from generator.git import remote_refs as refs
from generator.git.remote_refs import RemoteRefs, RemoteRepositories
from tests.git.remotes import git
from tests.promotion.world import World, repository
from tests.workspace import environment


@pytest.fixture
def cart(world: World) -> World:
    repository(world.folder / "git" / "cart.git")
    return world


def args(world: World, *more: str) -> tuple[str, ...]:
    return ("add", "cart", "--team", "shop", "--repository", f"{world.git_url}/cart.git", "--path", "chart", *more)


def test_an_app_is_added_to_its_teams_file(cart: World) -> None:
    out = cart.ok(*args(cart, "--revision", "v1.1.0"))
    assert out == "cart: new in dev, v1.1.0\nchanged teams/shop.toml and 6 files of the charts\n"
    assert cart.diff() == (
        '-apps = ["web"] # everything\n+apps = [\n+  "cart",\n+  "web",\n+] # everything\n+\n+[apps.cart]\n'
        f'+team = "shop"\n+repoURL = "{cart.git_url}/cart.git"\n+path = "chart"\n+targetRevision = "v1.1.0"\n'
    )
    assert cart.ok("check")


def test_it_follows_the_default_branch_and_comes_where_it_is_told(cart: World) -> None:
    cart.ok(*args(cart, "--env", "dev", "--env", "test"))
    text = (cart.checkout / "teams" / "shop.toml").read_text()
    assert 'targetRevision = "main"\n' in text
    assert text.count('  "cart",\n') == 2


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--revision", "v1.1"], 4, "cart.git has no branch, tag or commit v1.1 (did you mean v1.1.0"),
        (["--revision", "0" * 40], 4, "has no branch, tag or commit 000"),
        (["--env", "prod"], 3, '"cart" is not in test, which this environment promotes from'),
        (["--env", "pord"], 2, 'unknown environment "pord" (did you mean "prod"?)'),
        (["--namespace", "billing"], 4, 'namespace "billing" is not granted to team "shop"'),
    ],
)
def test_what_cannot_be_is_refused(cart: World, more: list[str], code: int, words: str) -> None:
    assert words in cart.refused(code, *args(cart, *more))


def test_what_is_missing_is_named_where_nobody_can_be_asked(world: World) -> None:
    assert world.refused(2, "add", "cart", "--team", "shop") == (
        "error: cart needs --repository, --path [WL1003]\nhint: add --repository URL --path chart\n"
    )
    assert "unknown team" in world.refused(
        2, "add", "cart", "--team", "shopp", "--repository", "x", "--path", "x", "--no-verify-remote"
    )
    assert 'app "web" already exists' in world.refused(
        2, "add", "web", "--team", "shop", "--repository", "x", "--path", "x", "--no-verify-remote"
    )


def test_without_the_network_the_revision_is_taken_as_it_is(world: World) -> None:
    assert "cannot be read" in world.refused(8, *args(world))
    world.ok(*args(world, "--no-verify-remote", "--revision", "v7"))
    assert 'targetRevision = "v7"' in (world.checkout / "teams" / "shop.toml").read_text()


def test_remotes_are_asked_once_and_at_most_eight_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def asked(url: str, config: object) -> RemoteRefs:
        seen.append(url)
        return RemoteRefs("main", {}, {})

    monkeypatch.setattr(refs, "read_remote_refs", asked)
    remotes = RemoteRepositories()
    remotes.prefetch_refs(f"https://example.com/{n % 20}" for n in range(40))
    remotes.read_refs("https://example.com/3")
    assert sorted(seen) == sorted(f"https://example.com/{n}" for n in range(20))


def tracked(world: World, track: str) -> World:
    path = world.checkout / "teams" / "shop.toml"
    path.write_text(path.read_text().replace('targetRevision = "main"', f'targetRevision = "main"\ntrack = {track}'))
    world.commit("track")
    return world


@pytest.mark.parametrize(
    ("track", "entry"),
    [
        ('{ tags = "v*" }', '"web@v1.2.0"'),
        ('{ tags = "v*", semver = ">=1,<1.2" }', '"web@v1.1.0"'),
        ('{ branch = "main" }', '"web@COMMIT", # v1.2.0'),
    ],
)
def test_a_tracked_app_moves_to_the_newest_revision(world: World, track: str, entry: str) -> None:
    tracked(world, track)
    before = (world.checkout / "teams" / "shop.toml").read_text()
    assert "would change teams/shop.toml" in world.ok("update", "--dry-run")
    assert (world.checkout / "teams" / "shop.toml").read_text() == before
    world.ok("update", "--without-helm")
    commit = world.commit_of("web", "v1.2.0")
    text = (world.checkout / "teams" / "shop.toml").read_text()
    assert entry.replace("COMMIT", commit) in text.replace('",\n', '"\n')
    assert "track:" not in (world.checkout / "multi-repo" / "argo-app-of-apps" / "dev" / "values.yaml").read_text()
    world.commit("update")
    assert world.ok("update") == "nothing to do\n"


def test_an_update_never_goes_back_and_says_what_it_did_not_find(world: World) -> None:
    tracked(world, '{ tags = "v*", semver = "<1.1" }')
    world.ok("promote", "web", "--to", "dev", "--revision", "v1.1.0", "--without-helm")
    world.commit("newer")
    assert world.ok("update") == "web: dev runs v1.1.0, newer than v1.0.0 of v* <1.1\nnothing to do\n"
    path = world.checkout / "teams" / "shop.toml"
    path.write_text(path.read_text().replace('"<1.1"', '">=9"'))
    assert "web.git has no tag for v* >=9\nnothing to do\n" in world.ok("update")
    assert "billing is not tracked" in world.refused(2, "update", "billing")


def test_a_held_app_and_an_unreachable_repository_wait(world: World) -> None:
    tracked(world, '{ tags = "v*" }')
    world.ok("hold", "web", "--in", "dev", "--reason", "demo", "--without-helm")
    assert 'waits: web: hold: held: "2026-11-10 demo"' in world.ok("update", "--without-helm")
    git(world.folder, "init", "--quiet", "--bare", "elsewhere.git")
    (world.folder / "git" / "web.git").rename(world.folder / "git" / "gone.git")
    assert "waits: web: network:" in world.ok("update", "--without-helm")


def test_a_rename_stands_beside_until_the_old_one_is_removed(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.push()
    out = world.ok("migrate", "billing", "invoices", "--namespace", "money")
    assert "3. workloads remove billing --in test\n4. workloads remove billing --in dev\n5. " in out
    assert '[apps.invoices]\nteam = "payments"\n' in world.text
    assert 'namespace = "money"\n' in world.text
    assert '  "invoices", # the money\n' in world.text
    assert '  "invoices@v1.0.0",\n' in world.text
    assert world.ok("check").startswith("3 charts, 6 Applications")
    world.commit("migrate")
    world.push()
    world.ok("remove", "billing", "--in", "test", "--synced", "--without-helm")
    world.commit("remove from test")
    world.ok("remove", "billing", "--in", "dev", "--forget", "--synced", "--without-helm")
    assert "[apps.billing]" not in world.text
    assert world.ok("check").startswith("3 charts, 4 Applications")


def test_a_removal_says_what_argo_cd_waits_for(world: World) -> None:
    (world.checkout / "apps.toml").write_text(
        world.text.replace("[environments.dev]", "[environments.dev]\npolicy.confirmDeletion = true")
    )
    shop = world.checkout / "teams" / "shop.toml"
    for number, app in enumerate(("billing", "ledger", "web")):
        world.ok("retire", app, "--in", "dev", "--reason", "it moves", "--without-helm")
        world.commit(f"retire {app}")
        world.push()
        out = world.ok("remove", app, "--in", "dev", "--synced", "--without-helm")
        assert "kubectl annotate application PARENT --namespace argocd argocd.argoproj.io/deletion-approved=" in out
        assert ("it was the last app of dev" in out) is (number == 2), (out, shop.read_text())
        world.commit(f"remove {app}")


def test_a_rename_needs_a_new_name(world: World) -> None:
    assert 'app "web" already exists' in world.refused(2, "migrate", "billing", "web")
    assert 'unknown app "biling"' in world.refused(2, "migrate", "biling", "x")
    assert "is not a name: use lower-case letters" in world.refused(2, "migrate", "billing", "Not_A_Name")


def test_what_is_missing_is_asked_for_in_a_terminal(cart: World) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "generator", "add", "cart", "--without-helm"]
    with subprocess.Popen(command, cwd=cart.checkout, env=environment(), stdin=slave, stderr=slave, stdout=-1) as run:
        os.write(master, f"shop\n{cart.git_url}/cart.git\n\nv1.1.0\nn\nn\n".encode())
        out, _ = run.communicate(timeout=60)
        asked = os.read(master, 65536).decode()
    os.close(slave)
    os.close(master)
    assert run.returncode == 0, asked
    assert out.startswith(b"cart: new in dev, v1.1.0\n")
    assert "The chart's path there [chart]: " in asked
    assert "Should Argo CD delete resources that are no longer in the source [y/N]: " in asked
    assert "Should Argo CD delete the workload when its Application is removed [y/N]: " in asked
    assert "teams: payments, shop; environments: dev, test, prod" in asked
    assert '+finalizer = "none"\n+syncPolicy.automated = { prune = false }' in cart.diff()
    assert "branches: main\r\ntags: v1.0.0, v1.1.0, v1.2.0\r\nThe revision [main]: " in asked


def test_apps_of_a_file_are_one_edit(cart: World) -> None:
    (cart.folder / "new.toml").write_text(
        f'[environments]\ndev.apps = ["cart"]\ntest.apps = ["cart@v1.0.0"]\n'
        f'[apps.cart]\nteam = "shop"\nrepoURL = "{cart.git_url}/cart.git"\n'
        f'path = "chart"\nhelm.parameters = {{ replicas = "2" }}\n[apps.till]\nteam = "shop"\n'
        f'repoURL = "{cart.git_url}/cart.git"\npath = "till"\nnamespace = "cart"\ntargetRevision = "main"\n'
    )
    out = cart.ok("add", "--from", str(cart.folder / "new.toml"))
    assert out.startswith("cart: new in dev, main\ncart: new in test, v1.0.0\ntill: new in dev, main\nchanged ")
    assert 'helm.parameters = { replicas = "2" }' in cart.diff()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("new.csv", "app,team,repoURL,path,environments\ncart,shop,GIT/cart.git,chart,dev test@v1.0.0\n"),
        (
            "new.yaml",
            "apps: {cart: {team: shop, repoURL: GIT/cart.git, path: chart}}\n"
            "environments: {dev: {apps: [cart]}, test: {apps: [cart@v1.0.0]}}\n",
        ),
    ],
)
def test_a_file_may_be_csv_or_yaml(cart: World, name: str, text: str) -> None:
    (cart.folder / name).write_text(text.replace("GIT", cart.git_url))
    out = cart.ok("add", "--from", str(cart.folder / name))
    assert out.startswith("cart: new in dev, main\ncart: new in test, v1.0.0\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no apps"),
        ("a = [", "new.toml:1:6"),
        ('[apps.x]\n[environments.dev]\napps = ["y"]\n', "lists y in dev, but has no table for it"),
    ],
)
def test_a_file_in_another_form_is_refused(cart: World, text: str, words: str) -> None:
    (cart.folder / "new.toml").write_text(text)
    done = cart.run("add", "--from", str(cart.folder / "new.toml"))
    assert (done.code, words in done.err) == (2, True), done.err


def test_a_new_team_is_granted_what_its_app_uses(cart: World) -> None:
    new = ("add", "till", "--team", "tills", "--repository", f"{cart.git_url}/billing.git", "--path", "chart")
    done = cart.run(*new, "--new-team")
    assert done.code == 4, "the repository belongs to another team"
    repository(cart.folder / "git" / "till.git")
    new = ("add", "till", "--team", "tills", "--repository", f"{cart.git_url}/till.git", "--path", "chart")
    out = cart.ok(*new, "--new-team")
    assert out.startswith(f"tills: new team\ntills: granted {cart.git_url}/till.git\ntills: granted till\n")
    assert cart.ok("check")


def test_a_grant_is_added_only_when_asked_for(cart: World) -> None:
    more = args(cart, "--namespace", "carts", "--revision", "v1.1.0")
    assert 'namespace "carts" is not granted' in cart.run(*more).err
    assert "shop: granted carts\n" in cart.ok(*more, "--grant")


def test_a_chart_of_a_helm_repository_needs_its_version(cart: World) -> None:
    new = (
        "add",
        "redis",
        "--team",
        "shop",
        "--repository",
        "https://charts.example.org",
        "--chart",
        "redis",
        "--grant",
    )
    done = cart.run(*new, "--no-verify-remote")
    assert (done.code, "add --revision VERSION" in done.err) == (2, True)
    cart.ok(*new, "--no-verify-remote", "--revision", "1.2.3", "--no-prune", "--sync-option", "PruneLast=true")
    assert '+chart = "redis"\n+targetRevision = "1.2.3"' in cart.diff()
    assert '+syncPolicy = { syncOptions = ["PruneLast=true"], automated = { prune = false } }' in cart.diff()


def test_what_is_not_granted_names_the_option_that_grants_it(cart: World) -> None:
    said = cart.refused(4, *args(cart, "--namespace", "carts"))
    assert 'cart.namespace: namespace "carts" is not granted to team "shop": add it to teams.shop' in said
    assert "hint: run the command with --grant to grant it\n" in said
    (cart.checkout / "apps.toml").write_text(cart.text + '\n[workloads]\nowners = ["@acme/platform"]\n')
    cart.commit("owners")
    said = cart.refused(4, *args(cart, "--namespace", "carts"))
    assert "with --grant to grant it, which @acme/platform must review\n" in said


@pytest.mark.parametrize("grant", ["shop-*", "shop-cart"])
def test_a_namespace_that_is_granted_is_not_granted_again(cart: World, grant: str) -> None:
    (cart.checkout / "apps.toml").write_text(cart.text.replace('["web", "cart"]', f'["web", "{grant}"]'))
    assert "granted" not in cart.ok(*args(cart, "--namespace", "shop-cart", "--grant", "--dry-run"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--path", "../chart"), 'cart.path: "../chart" is not inside the repository'),
        (
            ("--repository", "https://ada:secret@github.com/acme/cart.git"),
            'cart.repoURL: "https://***@github.com',
        ),
        (("--repository", "https://github.com/acme"), "cart: https://github.com/acme is not a repository"),
        (("--namespace", "kube-system"), 'cart.namespace: namespace "kube-system" is reserved'),
        (("--sync-option", "Prune"), "cart.syncPolicy.syncOptions"),
    ],
)
def test_a_problem_of_a_new_app_has_no_line_of_a_file_that_was_not_written(
    cart: World, more: tuple[str, str], words: str
) -> None:
    given = {"--team": "shop", "--repository": f"{cart.git_url}/cart.git", "--path": "chart"} | dict([more])
    done = cart.run("add", "cart", "--no-verify-remote", "--grant", *(part for pair in given.items() for part in pair))
    assert words in done.err
    assert "apps.toml:" not in done.err
    assert "secret" not in done.err
    assert done.code in (2, 4)


def test_an_environment_is_created_only_when_asked_for(cart: World) -> None:
    more = args(cart, "--env", "qa=qa-eu", "--revision", "v1.1.0")
    assert "hint: --new-env creates it\n" in cart.refused(2, *more)
    out = cart.ok(*more, "--new-env")
    assert out.startswith("qa: new environment\ncart: new in qa, v1.1.0\n")
    assert '[environments.qa]\ncluster = "qa-eu"\ncreateProjects = true\n' in cart.text
    assert cart.ok("check")


@pytest.mark.parametrize(
    "more", [("--team", "Shop Two", "--new-team"), ("--env", "A b=c", "--new-env"), ("--env", "", "--new-env")]
)
def test_a_new_team_or_environment_needs_a_valid_name(cart: World, more: tuple[str, ...]) -> None:
    given = {"--team": "shop", "--repository": f"{cart.git_url}/cart.git", "--path": "chart", more[0]: more[1]}
    options = [part for pair in given.items() for part in pair]
    said = cart.refused(2, "add", "cart", "--no-verify-remote", *options, more[2])
    assert "is not a name: use lower-case letters" in said


@pytest.mark.parametrize("option", ["--team", "--repository", "--path", "--revision", "--namespace", "--project"])
def test_bytes_that_are_not_utf_8_are_refused(cart: World, option: str) -> None:
    given = {"--team": "shop", "--repository": f"{cart.git_url}/cart.git", "--path": "chart", option: "a\udcff"}
    options = [part for pair in given.items() for part in pair]
    done = cart.run("add", "cart", "--no-verify-remote", "--grant", *options)
    assert (done.code, "Traceback" in done.err) == (2, False), done.err


def test_an_invalid_registry_is_reported_with_its_lines(cart: World) -> None:
    (cart.checkout / "apps.toml").write_text(cart.text.replace('"web", "cart"]', '"web", "Cart"]'))
    cart.commit("broken")
    done = cart.run(*args(cart, "--no-verify-remote"))
    assert (done.code, done.err.startswith("apps.toml:")) == (3, True), done.err


def test_every_form_of_source_comes_from_one_file(cart: World) -> None:
    (cart.folder / "new.toml").write_text(
        f"""\
[apps.overlay]
team = "shop"
repoURL = "{cart.git_url}/cart.git"
path = "overlays/dev"
kustomize.images = ["web=registry.example.org/web:1"]
[apps.redis]
team = "shop"
repoURL = "https://charts.example.org"
chart = "redis"
targetRevision = "19.0.0"
[apps.podinfo]
team = "shop"
repoURL = "oci://registry.example.org/charts/podinfo"
path = "."
targetRevision = "6.5.0"
[[apps.cache.sources]]
repoURL = "https://charts.example.org"
chart = "redis"
targetRevision = "19.0.0"
helm.valueFiles = ["$values/cache.yaml"]
[[apps.cache.sources]]
repoURL = "{cart.git_url}/cart.git"
targetRevision = "v1.0.0"
ref = "values"
[apps.cache]
team = "shop"
"""
    )
    out = cart.ok("add", "--from", str(cart.folder / "new.toml"), "--grant", "--no-verify-remote")
    assert out.count(": new in dev, ") == 4
    assert out.count("shop: granted https://charts.example.org\n") == 1
    assert cart.ok("check")
    text = (cart.checkout / "multi-repo" / "argo-app-of-apps" / "dev" / "values.yaml").read_text()
    assert "$values/cache.yaml" in text
    assert "registry.example.org/web:1" in text


def test_columns_of_csv_may_be_keys_of_tables(cart: World) -> None:
    header = "app,team,repoURL,path,kustomize.namePrefix,syncPolicy.automated.prune"
    text = f"\ufeff{header}\r\ncart,shop,GIT/cart.git,base,eu-,true\r\n"
    (cart.folder / "new.csv").write_bytes(text.replace("GIT", cart.git_url).encode())
    cart.ok("add", "--from", str(cart.folder / "new.csv"))
    assert '+kustomize.namePrefix = "eu-"' in cart.diff()
    assert "+syncPolicy.automated = { prune = true }" in cart.diff()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("new.csv", b"name,team\na,b\n", "has no column app"),
        ("new.csv", b"app;team\na;b\n", "has no column app"),
        ("new.csv", b"app,team\na,b,c\n", "new.csv:2: has more values than columns"),
        ("new.csv", b"app,team\na,b\na,b\n", "new.csv:3: is a second line for a"),
        ("new.csv", b"app,helm,helm.values\na,b,c\n", "helm.values is below a column that has a value"),
        ("new.csv", b"\xff\xfe", "is not CSV in UTF-8"),
        ("new.csv", b"app,teem\na,shop\n", 'unknown team ""'),
        ("new.yaml", b"- a\n", "new.yaml is not YAML"),
        ("new.yaml", b"apps: {a: {team: shop, path: null}}\n", "apps.a.path is null"),
        ("new.yaml", b"apps: 3\n", "has no apps"),
        ("new.toml", b"\xef\xbb\xbf[apps.a]\n", "byte order mark"),
        ("new.toml", b'[apps."a b"]\nteam = "shop"\n', '"a b" is not a name'),
    ],
)
def test_hostile_files_are_refused(cart: World, name: str, content: bytes, words: str) -> None:
    (cart.folder / name).write_bytes(content)
    said = cart.refused(2, "add", "--from", str(cart.folder / name), "--no-verify-remote")
    assert words in said


@pytest.mark.parametrize("name", ["", "a b", "Cart", "🛒", "1e5", "x" * 300, "a\nb"])
def test_a_name_that_is_none_is_refused(world: World, name: str) -> None:
    said = world.refused(2, "add", name, "--team", "shop", "--repository", "x", "--path", "x", "--no-verify-remote")
    assert "is not a name" in said or "is longer than 53 characters" in said


def test_a_registry_without_environments_names_the_option(world: World) -> None:
    place = world.folder / "bare"
    place.mkdir()
    (place / "apps.toml").write_text("version = 2\n")
    new = ("add", "web", "--team", "shop", "--new-team", "--path", "x", "--no-verify-remote", "--repository")
    done = world.run_here(*new, "https://github.com/acme/web.git", cwd=place)
    assert (done.code, "hint: create one: --env dev --new-env\n" in done.err) == (2, True), done.err
    done = world.run_here(*new, "https://github.com/acme/web.git", "--env", "dev", "--new-env", cwd=place)
    assert done.code == 0, done.err
