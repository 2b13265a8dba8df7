"""The runner of suites: each assert both ways, each refusal, and the verdicts of the real helm-unittest."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.chart_suites.run import SuiteError, find_failures, read_suite

_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: sample\nversion: 1.0.0\n",
    "values.yaml": "name: first\n",
    "values.schema.json": '{"properties": {"name": {"type": "string"}}}',
    "templates/_part.tpl": '{{- define "part" }}part{{ end }}',
    "templates/thing.yaml": """\
# a comment
apiVersion: v1
kind: Thing
metadata:
  name: {{ .Values.name | quote }}
  labels: {app.example.com/part: {{ include "part" . }}}
spec:
  count: 3
  text: "first line  \\n second"
  ports: [{name: http, port: 80}, {name: https, port: 443}]
  words: [one, two]
---
apiVersion: v1
kind: Other
metadata: {name: other}
""",
    "templates/more.yaml": "apiVersion: v1\nkind: Other\nmetadata: {name: more}\n",
}
_THING, _OTHER = '{path: "kind", value: "Thing"}', '{path: "kind", value: "Other"}'
_EVERY = '{path: "kind", value: "Other", matchMany: true, skipEmptyTemplates: true}'
#: Whether a test holds, its selector, its assert and what it sets.
_CASES = [
    (True, _THING, 'equal: {path: "metadata.name", value: "first"}', ""),
    (False, _THING, 'equal: {path: "metadata.name", value: "other"}', ""),
    (True, _THING, 'equal: {path: "metadata.name", value: "set"}', '{name: "set"}'),
    (True, _THING, 'equal: {path: "spec.count", value: 3}', ""),
    (False, _THING, 'equal: {path: "spec.count", value: "3"}', ""),
    (False, _THING, 'equal: {path: "spec.none", value: 3}', ""),
    (True, _THING, 'equal: {path: "spec.ports[1].port", value: 443}', ""),
    (False, _THING, 'equal: {path: "spec.ports[2].port", value: 443}', ""),
    (True, _THING, 'equal: {path: "spec.text", value: "first line\\n second"}', ""),
    (True, _THING, 'equal: {path: "metadata.labels[\\"app.example.com/part\\"]", value: "part"}', ""),
    (True, _THING, 'equal: {path: "spec.words", value: ["one", "two"]}', ""),
    (False, _THING, 'equal: {path: "spec.words", value: ["two", "one"]}', ""),
    (True, _THING, 'notExists: {path: "spec.none"}', ""),
    (False, _THING, 'notExists: {path: "spec.count"}', ""),
    (True, _THING, 'contains: {path: "spec.words", content: "two"}', ""),
    (False, _THING, 'contains: {path: "spec.words", content: "three"}', ""),
    (True, _THING, 'isSubset: {path: "spec", content: {count: 3}}', ""),
    (False, _THING, 'isSubset: {path: "spec", content: {count: 4}}', ""),
    (True, _THING, 'matchRegex: {path: "spec.text", pattern: "second"}', ""),
    (False, _THING, 'matchRegex: {path: "spec.text", pattern: "third"}', ""),
    (False, '{path: "kind", value: "None"}', 'notExists: {path: "spec.none"}', ""),
    (False, _OTHER, 'equal: {path: "apiVersion", value: "v1"}', ""),
    (True, _EVERY, 'equal: {path: "apiVersion", value: "v1"}', ""),
    (False, _EVERY, 'equal: {path: "metadata.name", value: "more"}', ""),
    (False, _THING, 'notExists: {path: "spec.none"}', "{name: 3}"),
]


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    for name, text in _CHART.items():
        (tmp_path / "sample" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sample" / name).write_text(text, encoding="utf-8")
    return tmp_path / "sample"


def _suite() -> str:
    tests = [
        f'  - it: "test {number}"\n    documentSelector: {selector}\n'
        + (f"    set: {values}\n" if values else "")
        + f"    asserts:\n      - {assertion}\n"
        for number, (_, selector, assertion, values) in enumerate(_CASES)
    ]
    return "".join(['suite: "all"\ntests:\n', *tests])


def test_each_assert_holds_and_fails_as_it_should(chart: Path) -> None:
    suite = read_suite(_suite())
    found = [not find_failures(chart, suite, test) for test in suite["tests"]]
    assert found == [holds for holds, *_ in _CASES]


def test_only_the_templates_of_a_suite_are_rendered(chart: Path) -> None:
    text = _suite().replace("tests:", 'templates: ["templates/more.yaml"]\ntests:', 1)
    suite = read_suite(text)
    one = next(number for number, case in enumerate(_CASES) if case[1] == _OTHER)
    assert not find_failures(chart, suite, suite["tests"][one])


@pytest.mark.go
def test_the_verdicts_are_those_of_helm_unittest(chart: Path, tmp_path: Path) -> None:
    binary = shutil.which("helm-unittest") or shutil.which("helm-unittest", path=Path.home() / "go" / "bin")
    if binary is None:
        pytest.skip("there is no helm-unittest on PATH or in ~/go/bin")
    (chart / "tests").mkdir()
    (chart / "tests" / "all_test.yaml").write_text(_suite(), encoding="utf-8")
    report = tmp_path / "report.xml"
    command = [binary, "--output-type", "JUnit", "--output-file", str(report), str(chart)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.is_file(), done.stdout + done.stderr
    found = {
        str(case.get("name")): case.find("failure") is None and case.find("error") is None
        for case in ET.parse(report).iter("testcase")  # noqa: S314
    }
    assert found == {f"test {number}": holds for number, (holds, *_) in enumerate(_CASES)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('suite: "all"', 'name: "all"'),
        ('suite: "all"', 'suite: "all"\nsnapshotId: 1'),
        ("asserts:", "assert:"),
        ("equal:", "equals:"),
        ("equal: {path:", "equal: {at:"),
        ("documentSelector: {path:", "documentSelector: {way:"),
        ("documentSelector:", "documentIndex:"),
        ('      - equal: {path: "metadata.name", value: "first"}\n', "      []\n"),
    ],
)
def test_what_the_runner_does_not_know_is_refused(old: str, new: str) -> None:
    assert old in _suite()
    with pytest.raises(SuiteError):
        read_suite(_suite().replace(old, new, 1))


def test_a_failure_says_what_was_asserted_and_found(chart: Path) -> None:
    suite = read_suite(_suite())
    assert find_failures(chart, suite, suite["tests"][1]) == [
        'equal {"path": "metadata.name", "value": "other"}\nfound: "first"'
    ]
