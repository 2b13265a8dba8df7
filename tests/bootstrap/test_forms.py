"""Every form says the same as the manifests, whatever the values hold; its own tool reads it where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.bootstrap.forms import FORM_NAMES, write_form
from generator.bootstrap.hcl import Expression, format_body, quote
from generator.bootstrap.root_objects import RootObjects
from generator.charts import yaml
from generator.errors import UsageError
from generator.helm.engine import render_chart
from tests.bootstrap.roots import HOSTILE, build
from tests.bootstrap.test_root_objects import CAPABILITY
from tests.workspace import REGISTRY

#: The variables with a folder in which npm has installed EKS Blueprints, one with the chart argocd-apps, and one with
#: the program terraform-provider-argocd.
BLUEPRINTS, ARGOCD_APPS = "WORKLOADS_TEST_BLUEPRINTS", "WORKLOADS_TEST_ARGOCD_APPS"
PROVIDER = "WORKLOADS_TEST_ARGOCD_PROVIDER"
VALUES = {"labels": {"owner": HOSTILE}, "anything": {HOSTILE: [HOSTILE, 1, 1.5, True, None, {}, []], "__proto__": "x"}}
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="there is no terraform on PATH")


@pytest.fixture(params=["prune", "keep", "cascade"])
def roots(request: pytest.FixtureRequest, tmp_path: Path) -> RootObjects:
    """Root objects that pass hostile values."""
    chosen = {"prune": request.param == "prune", "cascade": request.param == "cascade"}
    return build(tmp_path, REGISTRY, **chosen, values=VALUES)


def objects(roots: RootObjects) -> list[Any]:
    return [dict(roots.project), dict(roots.application)]


def run(*command: str, given: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, encoding="utf-8", check=False, cwd=cwd)
    assert done.returncode == 0, done
    return done.stdout


def test_no_form_allows_an_empty_chart(roots: RootObjects) -> None:
    forms = [write_form(form, roots) for form in FORM_NAMES if form != "eks-capability"]
    assert not [text for text in forms if "allowEmpty" in text or "allow_empty" in text]


def test_manifests(roots: RootObjects) -> None:
    assert yaml.load_all(write_form("manifest", roots)) == objects(roots)


def test_manifests_of_the_argocd_of_aws(tmp_path: Path, roots: RootObjects) -> None:
    registry = CAPABILITY.replace("[environments.test]\n", '[environments.test]\ncluster = "test"\n')
    registry = registry.replace("[environments.prod]\n", '[environments.prod]\ncluster = "prod"\n')
    capability = build(tmp_path, registry)
    cluster, *others = yaml.load_all(write_form("eks-capability", capability))
    assert others == objects(capability)
    arn = "arn:aws:eks:eu-west-1:111122223333:cluster/hub_1"
    assert (cluster["metadata"]["name"], cluster["stringData"]) == ("cluster-hub-1", {"name": "hub_1", "server": arn})
    assert cluster["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "cluster"}
    with pytest.raises(UsageError, match="the Argo CD of dev is self-managed"):
        write_form("eks-capability", roots)


def test_commands_of_the_argocd_cli(tmp_path: Path, roots: RootObjects) -> None:
    """A stand-in for `argocd` in a shell writes down what it gets."""
    stand_in = tmp_path / "argocd"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\ncat "$5" >> {tmp_path}/read-$1\n')
    stand_in.chmod(0o755)
    run("sh", "-e", "-c", f'PATH="{tmp_path}:$PATH"\n{write_form("argocd", roots)}')
    assert (tmp_path / "called").read_text() == (
        "proj create --upsert --file /dev/stdin\napp create --upsert --file /dev/stdin\n"
    )
    assert [yaml.load((tmp_path / f"read-{name}").read_text()) for name in ("proj", "app")] == objects(roots)


def test_values_of_the_chart_argocd_apps(roots: RootObjects) -> None:
    values = yaml.load(write_form("argocd-apps", roots))
    assert values["applications"]["dev-applications"]["source"] == roots.application["spec"]["source"]
    folder = os.environ.get(ARGOCD_APPS)
    if not folder:
        pytest.skip(f"{ARGOCD_APPS} names no folder with the chart argocd-apps")
    files = {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    assert sorted(render_chart(files, values), key=lambda item: item["kind"]) == sorted(
        objects(roots), key=lambda item: item["kind"]
    )


@pytest.mark.terraform
@needs_terraform
@pytest.mark.parametrize("form", ["terraform", "gitops-bridge"])
def test_terraform_finds_nothing_to_format(form: str, roots: RootObjects) -> None:
    run("terraform", "fmt", "-check", "-diff", "-", given=write_form(form, roots))


@pytest.mark.terraform
@needs_terraform
def test_the_provider_of_argocd_validates_its_resources(
    tmp_path: Path, roots: RootObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = os.environ.get(PROVIDER)
    if not programs:
        pytest.skip(f"{PROVIDER} names no folder with terraform-provider-argocd")
    source = "argoproj-labs/argocd"
    settings, folder = tmp_path / "terraform.rc", tmp_path / "module"
    settings.write_text(f'provider_installation {{\n  dev_overrides {{\n    "{source}" = "{programs}"\n  }}\n}}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(settings))
    folder.mkdir()
    needed = f'terraform {{\n  required_providers {{\n    argocd = {{ source = "{source}" }}\n  }}\n}}\n'
    (folder / "versions.tf").write_text(needed)
    (folder / "main.tf").write_text(write_form("terraform", roots))
    assert json.loads(run("terraform", "validate", "-json", cwd=folder))["valid"]


@pytest.mark.terraform
@needs_terraform
def test_the_gitops_bridge_gets_each_object_as_a_text_that_it_can_indent(tmp_path: Path, roots: RootObjects) -> None:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.tf").write_text(write_form("gitops-bridge", roots))
    # The module puts each text into the values of a Helm release this way.
    each = 'yamldecode("resources:\\n  - ${indent(4, v)}\\n").resources[0]'
    found = evaluate(f"[for k, v in local.dev_applications : {each}]", folder)
    assert sorted(found, key=lambda item: item["kind"]) == sorted(objects(roots), key=lambda item: item["kind"])


def evaluate(expression: str, folder: Path) -> Any:
    """The value of an expression of Terraform."""
    out = run("terraform", "console", given=f"jsonencode({expression})\n", cwd=folder)
    return json.loads(json.loads(out))


@pytest.mark.terraform
@needs_terraform
def test_terraform_evaluates_nothing_in_values(tmp_path: Path) -> None:
    body = format_body([("value", VALUES), ("text", quote), ("written", Expression("true"))][:1], "  ")
    (tmp_path / "main.tf").write_text(f"locals {{\n{body}}}\n")
    assert evaluate("local.value", tmp_path) == VALUES
    assert evaluate("yamldecode(yamlencode(local.value))", tmp_path) == VALUES


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_string_of_hcl_is_printable_and_has_no_interpolation(text: str) -> None:
    quoted = quote(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert "${" not in quoted
    assert "%{" not in quoted
    # But for \U, its escapes are those of JSON.
    if all(ord(character) <= 0xFFFF for character in text):
        assert json.loads(quoted) == text


def test_typescript_sets_no_prototype(roots: RootObjects) -> None:
    text = write_form("cdk", roots)
    assert '["__proto__"]: "x"' in text
    assert "values: JSON.stringify(deployment.values)" in text


@pytest.mark.blueprints
def test_the_cdk_synthesizes_the_root_objects(tmp_path: Path) -> None:
    installed = os.environ.get(BLUEPRINTS)
    if not installed or shutil.which("node") is None:
        pytest.skip(f"there is no node, or {BLUEPRINTS} names no folder with EKS Blueprints")
    owner = {"labels": {"owner": HOSTILE}}
    roots = build(tmp_path, REGISTRY, values=owner)
    (tmp_path / "node_modules").symlink_to(Path(installed) / "node_modules")
    (tmp_path / "bootstrap.ts").write_text(write_form("cdk", roots))
    (tmp_path / "app.ts").write_text(
        'import * as cdk from "aws-cdk-lib";\nimport * as blueprints from "@aws-quickstart/eks-blueprints";\n'
        'import { DevApplicationsAddOn } from "./bootstrap";\nconst app = new cdk.App({ outdir: "cdk.out" });\n'
        'blueprints.EksBlueprint.builder().account("111122223333").region("eu-west-1").version("auto")\n'
        '  .addOns(new DevApplicationsAddOn()).buildAsync(app, "stack").then(() => app.synth());\n'
    )
    flags = ["--strict", "--skipLibCheck", "--target", "es2022", "--module", "commonjs", "--outDir", "out"]
    run("node", "node_modules/typescript/bin/tsc", *flags, "app.ts", cwd=tmp_path)
    run("node", "out/app.js", cwd=tmp_path)
    template = json.loads((tmp_path / "cdk.out" / "stack.template.json").read_text())
    kind = "Custom::AWSCDK-EKS-KubernetesResource"
    found = [
        read_manifest(each["Properties"]["Manifest"]) for each in template["Resources"].values() if each["Type"] == kind
    ]
    project = next(item for item in found if item["kind"] == "AppProject")
    application = next(item for item in found if item["kind"] == "Application")
    assert (project["metadata"]["name"], project["spec"]) == ("dev-applications-root", roots.project["spec"])
    source = application["spec"].pop("source")
    assert source["helm"]["valuesObject"].items() > owner.items()
    assert application["spec"] == {key: value for key, value in roots.application["spec"].items() if key != "source"}


def read_manifest(text: Any) -> Any:
    """The only object of a manifest in a template, with references as they are."""
    if isinstance(text, dict):
        text = "".join(part if isinstance(part, str) else "reference" for part in text["Fn::Join"][1])
    return json.loads(text)[0]
