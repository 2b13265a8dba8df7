"""What publishing does with files on the branch that are not what the generator wrote there."""

from __future__ import annotations

import json

import pytest

from tests.publishing.arrangement import RECORD, Arrangement
from tests.workspace import onboarded, without

VALUES = "multi-repo/argo-app-of-apps/dev/values.yaml"
TEMPLATE = "multi-repo/argo-app-of-apps/test/templates/ledger.yaml"


@pytest.fixture
def published(apart: Arrangement) -> Arrangement:
    assert apart.publish().code == 0
    return apart


def test_a_generated_file_edited_by_hand_is_named_and_kept(published: Arrangement) -> None:
    published.others({VALUES: "mine\n"})
    done = published.refused(4)
    assert f"generated files were edited by hand [WL7004]:\n  {VALUES}\n" in done.err
    assert published.read(VALUES) == "mine\n"


def test_edits_by_hand_are_given_up_on_request(published: Arrangement) -> None:
    whole = published.read(VALUES)
    published.others({VALUES: "mine\n"})
    assert published.publish("--overwrite").code == 0
    assert published.read(VALUES) == whole


def test_a_hand_edited_file_whose_app_leaves_is_not_deleted(published: Arrangement) -> None:
    published.others({TEMPLATE: "mine\n"})
    published.edit(without(published.text, "ledger", "test"))
    removal = "--allow-removal=test/ledger"
    assert TEMPLATE in published.refused(4, removal).err
    assert published.publish(removal, "--overwrite").code == 0
    assert TEMPLATE not in published.charts()


def test_a_generated_file_deleted_by_hand_is_put_back(published: Arrangement) -> None:
    published.others({}, gone=(TEMPLATE,))
    assert published.publish().code == 0
    assert TEMPLATE in published.charts()


def test_a_foreign_file_in_the_way_is_named_and_kept(published: Arrangement) -> None:
    foreign = "multi-repo/argo-app-of-apps/dev/templates/audit.yaml"
    published.others({foreign: "theirs\n"})
    published.edit(onboarded(published.text))
    done = published.refused(4)
    assert f"files that workloads did not write are in the way [WL7003]:\n  {foreign}\n" in done.err
    assert "--adopt" in done.err
    assert published.publish("--adopt").code == 0
    assert published.read(foreign) != "theirs\n"


def test_a_foreign_file_in_an_owned_folder_is_kept(published: Arrangement) -> None:
    foreign = "multi-repo/argo-app-of-apps/prod/templates/extra.yaml"
    published.others({foreign: "# theirs\n", "README.md": "# theirs\n"})
    published.edit(onboarded(published.text))
    assert published.publish().code == 0
    assert published.read(foreign) == published.read("README.md") == "# theirs\n"


def test_a_foreign_file_is_kept_when_its_environment_leaves(published: Arrangement) -> None:
    foreign = "multi-repo/argo-app-of-apps/prod/NOTES.md"
    published.others({foreign: "theirs\n"})
    head, _, rest = published.text.partition("[environments.prod]")
    published.edit(head + rest[rest.index("# Who owns what.") :])
    assert published.publish("--allow-removal", "prod/billing", "--confirm-removals", "prod=1").code == 0
    assert [path for path in published.charts() if "/prod/" in path] == [foreign]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"version": 1}', "is damaged"),
        (
            '{"version": 1, "files": {"../x": "0"}, "applications": {}}',
            "lists '../x', which workloads does not generate",
        ),
        ('{"version": 99}', "was written by a newer version of workloads"),
        ("<<<<<<< ours\n", "is damaged"),
    ],
)
def test_a_record_that_cannot_be_read_stops_everything(published: Arrangement, text: str, words: str) -> None:
    published.others({RECORD: text})
    published.edit(without(published.text, "ledger", "test"))
    done = published.refused(4, "--adopt", "--overwrite", "--allow-removal", "test/ledger")
    assert f"{RECORD} {words}" in done.err
    assert TEMPLATE in published.charts()


def test_a_record_that_is_missing_stops_everything(published: Arrangement) -> None:
    published.others({}, gone=(RECORD,))
    done = published.refused(4)
    assert f"{RECORD} is missing, and there are charts" in done.err


def test_without_an_inventory_adopting_refuses_to_orphan_a_template(published: Arrangement) -> None:
    published.others({}, gone=(RECORD,))
    published.edit(without(published.text, "ledger", "test"))
    assert f"{TEMPLATE}: Helm refuses chart test with it" in published.refused(4, "--adopt").err


def test_charts_written_by_hand_are_taken_over_on_request(apart: Arrangement) -> None:
    apart.others({"multi-repo/argo-app-of-apps/dev/Chart.yaml": "name: ours\n", "multi-repo/README.md": "ours\n"})
    assert "multi-repo/argo-app-of-apps/dev/Chart.yaml" in apart.refused(4).err
    assert apart.publish("--adopt").code == 0
    assert apart.read("multi-repo/README.md") == "ours\n"
    assert len(apart.record().files) == len(apart.charts()) - 2


FOREIGN = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: { name: extra, namespace: argocd }
spec:
  project: default
  source: { repoURL: https://github.com/acme/extra.git, path: x, targetRevision: main }
  destination: { namespace: extra, server: https://kubernetes.default.svc }
"""


@pytest.mark.parametrize("chart_file", ["name: qa\nversion: 0.1.0\napiVersion: v2\n", ""])
def test_a_chart_of_an_environment_that_the_registry_does_not_have_is_no_removal(
    apart: Arrangement, chart_file: str
) -> None:
    files = {"templates/extra.yaml": FOREIGN, **({"Chart.yaml": chart_file} if chart_file else {})}
    folder = "multi-repo/argo-app-of-apps"
    apart.others({f"{folder}/qa/{name}": text for name, text in files.items()})
    assert apart.publish("--adopt").code == 0
    apart.others({f"{folder}/more/{name}": text for name, text in files.items()})
    assert apart.publish().out == "already up to date\n"
    assert apart.read(f"{folder}/qa/templates/extra.yaml") == FOREIGN


@pytest.mark.parametrize("path", [RECORD, VALUES, "multi-repo/argo-app-of-apps", "multi-repo"])
def test_a_link_in_the_way_is_refused(apart: Arrangement, path: str) -> None:
    apart.remote.write({path: "/etc"}, mode="120000")
    assert path in apart.refused(4, "--adopt", "--overwrite").err


def test_a_folder_that_differs_in_case_only_is_refused(apart: Arrangement) -> None:
    apart.others({"Multi-Repo/x": "theirs\n"})
    assert "Multi-Repo" in apart.refused(4).err


def test_a_removal_that_nobody_named_is_refused_and_told(published: Arrangement) -> None:
    published.edit(without(published.text, "ledger", "test"))
    done = published.refused(5)
    assert "test/ledger: Application ledger: deletes everything that it deployed in namespace ledger" in done.err
    assert "--allow-removal test/ledger" in done.err


def test_a_refusal_as_json(published: Arrangement) -> None:
    published.edit(without(published.text, "ledger", "test"))
    done = published.publish("--json")
    assert done.code == 5
    error = json.loads(done.out)["error"]
    assert (error["exitCode"], error["undone"]) == (5, "nothing was pushed")
    assert "test/ledger" in error["message"]


def test_a_named_removal_is_committed_and_told(published: Arrangement) -> None:
    published.edit(without(published.text, "ledger", "test"))
    done = published.publish("--allow-removal", "test/ledger")
    assert "test/ledger: Application ledger: deletes" in done.out
    assert published.message()[-1] == "Apps-Removed: test/ledger"
    assert TEMPLATE not in published.charts()


@pytest.mark.parametrize(
    ("move", "effect"),
    [
        ('namespace = "money"', "and deletes it in namespace billing"),
        ('cluster = "other"', "and leaves the first one unmanaged in namespace billing"),
    ],
    ids=["namespace", "cluster"],
)
def test_a_move_of_the_workload_is_refused(published: Arrangement, move: str, effect: str) -> None:
    text = published.text.replace('namespaces = ["billing"', 'allow = ["destination"]\nnamespaces = ["billing"')
    published.edit(text.replace("[apps.billing]\n", f"[apps.billing]\n{move}\n"))
    done = published.refused(5)
    assert f"prod/billing: Application billing: {move.split()[0]} " in done.err
    assert effect in done.err


def test_a_project_change_is_published(published: Arrangement) -> None:
    granted = published.text.replace("[teams.payments]\n", '[teams.payments]\nprojects = ["money"]\n')
    published.edit(granted.replace("[apps.billing]\n", '[apps.billing]\nproject = "money"\n'))
    assert published.publish().code == 0


def test_a_new_name_is_a_removal(published: Arrangement) -> None:
    published.edit(published.text.replace("ledger", "journal"))
    assert "test/ledger: Application ledger: deletes" in published.refused(5).err


def test_removals_are_judged_against_what_is_published_when_the_push_comes(published: Arrangement) -> None:
    """Somebody published another app meanwhile: our registry, which never had it, would take it away."""
    other = published.checkout.parent / "other"
    other.mkdir()
    everywhere = onboarded(published.text).replace('  "billing@v1.1.0"', '  "audit",\n  "billing@v1.1.0"')
    (other / "apps.toml").write_text(everywhere)
    assert published.run("publish", cwd=other).code == 0
    published.edit(published.text.replace("[apps.ledger]\n", "[apps.ledger]\nrevisionHistoryLimit = 3\n"))
    assert "test/audit" in published.refused(5).err
