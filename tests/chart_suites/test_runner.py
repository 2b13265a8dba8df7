"""The runner of suites: each assert both ways, each refusal, and the verdicts of the real helm-unittest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.chart_suites.grammar import suites
from tests.chart_suites.paths import SuiteError, find, put
from tests.chart_suites.run import verdict

_ROOT = Path(__file__).parents[2]
_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: sample\nversion: 1.0.0\n",
    "values.yaml": "name: first\ncount: 3\nextra: {}\ntable:\n  a.b: old\n",
    "values.schema.json": '{"properties": {"name": {"type": "string"}}}',
    "templates/_part.tpl": '{{- define "part" }}part{{ end }}',
    "templates/thing.yaml": textwrap.dedent("""\
        # a comment
        apiVersion: v1
        kind: Thing
        metadata:
          name: {{ .Values.name | quote }}
          namespace: {{ .Release.Namespace }}
          labels:
            app.example.com/part: {{ include "part" . }}
        spec:
          count: {{ .Values.count }}
          zero: 0
          empty: {}
          none: null
          blank: ""
          text: "first line\\n  second"
          dotted: {{ index .Values.table "a.b" | quote }}
          ports:
            - {name: http, port: 80}
            - {name: https, port: 443, tls: true}
          words: [one, two]
          {{- with .Values.list }}
          list:
            {{- toYaml . | nindent 4 }}
          {{- end }}
        ---
        apiVersion: v1
        kind: Other
        metadata:
          name: other
        spec:
          words: [three]
        """),
    "templates/strict.yaml": textwrap.dedent("""\
        {{- if .Values.forbidden }}{{ fail "spec.x: [it] is forbidden" }}{{ end }}
        {{- if .Values.kept }}
        apiVersion: v2
        kind: Strict
        {{- end }}
        """),
    "tests/more.yaml": "name: from a file\n",
}
_THING = "documentSelector: {path: kind, value: Thing}"
#: Each assert that holds for the chart; what does not hold is made of it by `not: true`.
_HOLDS = [
    'equal: {path: metadata.name, value: first}',
    'equal: {path: spec.count, value: 3}',
    'equal: {path: "spec.ports[1]", value: {name: https, port: 443, tls: true}}',
    'equal: {path: "spec.ports[?(@.name == \'http\')].port", value: 80}',
    "equal: {path: spec.none, value: null}",
    'equal: {path: "metadata.labels[\\"app.example.com/part\\"]", value: part}',
    "equal: {path: \"metadata.labels['app.example.com/part']\", value: part}",
    'equal: {path: $.metadata.name, value: first}',
    'equal: {path: metadata.namespace, value: NAMESPACE}',
    'notEqual: {path: spec.count, value: "3"}',
    "notEqual: {path: spec.count, value: 3.0}",
    "notEqual: {path: spec.nowhere, value: 3}",
    "isKind: {of: Thing}",
    "isAPIVersion: {of: v1}",
    "exists: {path: spec.none}",
    "exists: {path: spec.ports}",
    "notExists: {path: spec.list}",
    'notExists: {path: "spec.words[7]"}',
    "contains: {path: spec.words, content: two}",
    "contains: {path: spec.ports, content: {name: https}, any: true}",
    "contains: {path: spec.ports, content: {name: http, port: 80}}",
    "notContains: {path: spec.ports, content: {name: http}}",
    "notContains: {path: spec.ports, content: {name: ftp}, any: true}",
    "hasDocuments: {count: 2}",
    "hasDocuments: {count: 1, filterAware: true}",
    "lengthEqual: {path: spec.words, count: 2}",
    "notLengthEqual: {path: spec.words, count: 3}",
    "matchRegex: {path: spec.text, pattern: ^first}",
    'matchRegex: {path: spec.text, pattern: "second$"}',
    "notMatchRegex: {path: spec.text, pattern: ^second}",
    "isSubset: {path: metadata, content: {name: first}}",
    "isNotSubset: {path: metadata, content: {name: second}}",
    "isNullOrEmpty: {path: spec.empty}",
    "isNullOrEmpty: {path: spec.none}",
    "isNullOrEmpty: {path: spec.blank}",
    "isNullOrEmpty: {path: spec.zero}",
    "isNotNullOrEmpty: {path: spec.words}",
    "notFailedTemplate: {}",
]  # fmt: skip
#: What holds neither as it is nor negated: an assert that has nothing to judge.
_NEITHER = [
    "contains: {path: spec.count, content: 3}",
    "matchRegex: {path: spec.count, pattern: '3'}",
    "isSubset: {path: spec.words, content: {a: 1}}",
    "failedTemplate: {}",
]
_FAILING = "set: {forbidden: true}\n  template: strict.yaml\n  asserts: "
_MANY = "documentSelector: {path: apiVersion, value: v1, matchMany: true}\n  asserts: "
_HERE = "release: {namespace: here}\n  documentIndex: 0\n  asserts: "
#: Whole tests: what is wanted of them, and their text.
_TESTS = [
    (True, "set: {name: second}\n  asserts: [{equal: {path: metadata.name, value: second}}]\n  documentIndex: 0"),
    (True, 'set: {"table.[a.b]": new}\n  documentIndex: 0\n  asserts: [{equal: {path: spec.dotted, value: new}}]'),
    (True, 'set: {"list[1].x": 7}\n  documentIndex: 0\n  asserts: [{equal: {path: "spec.list[1].x", value: 7}}]'),
    (True, "values: [more.yaml]\n  documentIndex: 0\n  asserts: [{equal: {path: metadata.name, value: from a file}}]"),
    (True, _HERE + "[{equal: {path: metadata.namespace, value: here}}]"),
    (True, "documentIndex: 1\n  asserts: [{isKind: {of: Other}}]"),
    (True, "asserts: [{isKind: {of: Other}, documentIndex: 1}, {isKind: {of: Thing}, documentIndex: 0}]"),
    (True, "asserts: [{isKind: {of: Other}, documentSelector: {path: metadata.name, value: other}}]"),
    (True, _MANY + "[{exists: {path: spec.words}}]"),
    (False, "documentSelector: {path: apiVersion, value: v1}\n  asserts: [{exists: {path: spec.words}}]"),
    (False, "documentSelector: {path: kind, value: Nothing}\n  asserts: [{notExists: {path: spec.words}}]"),
    (False, "documentIndex: 2\n  asserts: [{notExists: {path: spec.words}}]"),
    (False, "asserts: [{isKind: {of: Thing}}]"),
    (False, "asserts: [{exists: {path: spec.text}}]"),
    (False, "asserts: [{notExists: {path: spec.text}}]"),
    (False, "asserts: [{isAPIVersion: {of: v1}}, {isAPIVersion: {of: v2}}]"),
    (True, "template: strict.yaml\n  asserts: [{hasDocuments: {count: 0}}]"),
    (True, "template: strict.yaml\n  asserts: [{notExists: {path: kind}}]"),
    (False, "template: strict.yaml\n  asserts: [{exists: {path: kind}}]"),
    (True, "template: strict.yaml\n  set: {kept: true}\n  asserts: [{isAPIVersion: {of: v2}}]"),
    (True, "set: {kept: true}\n  asserts: [{isKind: {of: Strict}, template: templates/strict.yaml}]"),
    (True, _FAILING + "[{failedTemplate: {}}]"),
    (True, _FAILING + '[{failedTemplate: {errorMessage: "spec.x: [it] is forbidden"}}]'),
    (True, _FAILING + '[{failedTemplate: {errorPattern: "is forb"}}]'),
    (True, _FAILING + '[{failedTemplate: {errorPattern: "[it] is"}}]'),
    (False, _FAILING + '[{failedTemplate: {errorMessage: "is forbidden"}}]'),
    (False, _FAILING + '[{failedTemplate: {errorPattern: "^is"}}]'),
    (False, _FAILING + '[{failedTemplate: {}}, {isKind: {of: Strict}}]'),
    (False, _FAILING + "[{notExists: {path: kind}}]"),
    (True, 'set: {name: 3}\n  asserts: [{failedTemplate: {errorPattern: "/name.*got number, want string"}}]'),
    (False, "set: {name: 3}\n  asserts: [{notExists: {path: kind}}]"),
]  # fmt: skip


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    for name, text in _CHART.items():
        (tmp_path / "sample" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sample" / name).write_text(text, encoding="utf-8")
    return tmp_path / "sample"


def _asserts() -> list[tuple[bool, str]]:
    """Every test of one assert, with the verdict that it must have."""
    one = "templates: [thing.yaml]\n  " + _THING + "\n  asserts: [{%s%s}]"
    holding = [(True, one % (text, "")) for text in _HOLDS]
    broken = [(False, one % (text, ", not: true")) for text in _HOLDS if "notFailed" not in text]
    neither = [(False, one % (text, more)) for text in _NEITHER for more in ("", ", not: true")]
    return holding + broken + neither + [(wanted, _about_thing(text)) for wanted, text in _TESTS]


def _about_thing(text: str) -> str:
    return text if "strict" in text else f"template: thing.yaml\n  {text}"


def _suite(tests: list[str]) -> str:
    head = "suite: all\ntemplates: [templates/thing.yaml, strict.yaml]\ntests:\n"
    return head + "".join(f"- it: test {count}\n  {text}\n" for count, text in enumerate(tests))


def _run(chart: Path, text: str) -> list[list[str]]:
    return [verdict(chart, chart / "tests", suite, test) for suite in suites(text) for test in suite.tests]


def _only(chart: Path, text: str) -> list[str]:
    template = "strict.yaml" if "strict" in text else "thing.yaml"
    (found,) = _run(chart, f"suite: it\ntemplates: [{template}]\ntests: [{{it: one, {text}}}]")
    return found


def test_each_assert_holds_and_fails_as_it_should(chart: Path) -> None:
    cases = _asserts()
    found = [not wrong for wrong in _run(chart, _suite([text for _, text in cases]))]
    wrong = [text for (wanted, text), got in zip(cases, found, strict=True) if got is not wanted]
    assert not wrong


@pytest.mark.go
def test_the_verdicts_are_those_of_helm_unittest(chart: Path, tmp_path: Path) -> None:
    binary = shutil.which("helm-unittest") or shutil.which("helm-unittest", path=Path.home() / "go" / "bin")
    if binary is None:
        pytest.skip("there is no helm-unittest on PATH or in ~/go/bin")
    cases = _asserts()
    (chart / "tests" / "all_test.yaml").write_text(_suite([text for _, text in cases]), encoding="utf-8")
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [binary, "--output-type", "JUnit", "--output-file", report, chart], capture_output=True, text=True, check=False
    )
    assert report.is_file(), done.stdout + done.stderr
    found = {
        str(case.get("name")): case.find("failure") is None and case.find("error") is None
        for case in ET.parse(report).iter("testcase")  # noqa: S314
    }
    wrong = [text for count, (wanted, text) in enumerate(cases) if found[f"test {count}"] is not wanted]
    assert not wrong


def test_a_failure_tells_path_expected_and_actual(chart: Path) -> None:
    (told,) = _only(chart, "documentIndex: 0, asserts: [{equal: {path: spec.count, value: '3'}}]")
    assert told == 'assert 1: equal\npath:     spec.count\nexpected: "3"\nactual:   3'


def test_a_negated_failure_says_so(chart: Path) -> None:
    (told,) = _only(chart, "documentIndex: 0, asserts: [{exists: {path: kind}}, {isKind: {of: Thing}, not: true}]")
    assert told.startswith('assert 2: not isKind\nexpected: not "Thing"\nactual:   {"apiVersion": "v1"')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "not a table"),
        ("", "there is no suite"),
        ("a: [", "is not YAML"),
        ("suite: x", "has no tests"),
        ("suite: x\ntests: []", "has no tests"),
        ("suite: x\ntests: [{it: a}]", "has no asserts"),
        ("suite: x\ntests: [{it: a, asserts: []}]", "has no asserts"),
        ("suite: x\ntests: [{asserts: [{exists: {path: a}}]}]", "no name"),
        ("suite: x\nsnapshotId: a\ntests: [{it: a, asserts: [{exists: {path: a}}]}]", "snapshotId"),
        ("suite: x\ntests: [{it: a, capabilities: {}, asserts: [{exists: {path: a}}]}]", "capabilities"),
        ("suite: x\ntests: [{it: a, asserts: [{matchSnapshot: {}}]}]", "unknown assert 'matchSnapshot'"),
        ("suite: x\ntests: [{it: a, asserts: [{equals: {path: a, value: 1}}]}]", "unknown assert 'equals'"),
        ("suite: x\ntests: [{it: a, asserts: [{not: true}]}]", "one kind"),
        ("suite: x\ntests: [{it: a, asserts: [{exists: {path: a}, notExists: {path: a}}]}]", "one kind"),
        ("suite: x\ntests: [{it: a, asserts: [{equal: {path: a}}]}]", "equal lacks value"),
        ("suite: x\ntests: [{it: a, asserts: [{equal: {path: a, value: 1, decodeBase64: true}}]}]", "decodeBase64"),
        ("suite: x\ntests: [{it: a, asserts: [{exists: {path: a}, not: 'yes'}]}]", "must be of type bool"),
        ("suite: x\ntests: [{it: a, documentIndex: -1, asserts: [{exists: {path: a}}]}]", "negative"),
        ("suite: x\ntests: [{it: a, documentIndex: one, asserts: [{exists: {path: a}}]}]", "must be of type int"),
        ("suite: x\ntests: [{it: a, documentSelector: {value: a}, asserts: [{exists: {path: a}}]}]", "no path"),
        ("suite: x\ntests: [{it: a, documentSelector: {way: a}, asserts: [{exists: {path: a}}]}]", "way"),
        ("suite: x\ntests: [{it: a, release: {nme: a}, asserts: [{exists: {path: a}}]}]", "nme"),
        ("suite: x\ntests: [{it: a, set: [a], asserts: [{exists: {path: a}}]}]", "set is not a table"),
    ],
)
def test_what_it_cannot_read_is_refused(text: str, told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        suites(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("template: nowhere.yaml, asserts: [{exists: {path: a}}]", "does not exist"),
        ("asserts: [{exists: {path: a}, template: nowhere.yaml}]", "does not exist"),
        ("values: [nowhere.yaml], asserts: [{exists: {path: a}}]", "values file nowhere.yaml"),
        ("set: {a: 1, a.b: 2}, asserts: [{exists: {path: a}}]", "meets another one"),
        ("documentIndex: 0, asserts: [{exists: {path: 'a[?(@.x > 1)]'}}]", "not one that this runner reads"),
        ("documentIndex: 0, asserts: [{matchRegex: {path: kind, pattern: '(?=T)'}}]", "not a pattern"),
        ("documentIndex: 0, asserts: [{matchRegex: {path: kind, pattern: '('}}]", "pattern"),
        (
            "template: strict.yaml, set: {forbidden: true},"
            " asserts: [{failedTemplate: {errorMessage: a, errorPattern: b}}]",
            "not both",
        ),
    ],
)
def test_what_it_cannot_run_is_refused(chart: Path, text: str, told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        _only(chart, text)


def test_paths() -> None:
    document = {"a": {"b.c": [{"n": "x", "v": 1}, {"n": "y", "v": 2}]}, "d/e": 3}
    assert find(document, 'a["b.c"][*].v') == [1, 2]
    assert find(document, "a['b.c'][-1].v") == [2]
    assert find(document, "$.a.*[?(@.n=='y')].v") == [2]
    assert find(document, "d/e") == [3]
    assert find(document, "a.b.c") == []


@pytest.mark.parametrize("path", [".a", "a..b", "a[", "a[x]", "a.b c", "$..a", "a[0:1]"])
def test_paths_that_are_not_read(path: str) -> None:
    with pytest.raises(SuiteError, match="not one that this runner reads"):
        find({}, path)


def test_set_paths() -> None:
    values: dict[str, object] = {}
    put(values, "a.b", 1)
    put(values, "a.[c.d/e].f", 2)
    put(values, "l[1]", 3)
    assert values == {"a": {"b": 1, "c.d/e": {"f": 2}}, "l": [None, 3]}


@pytest.mark.parametrize("path", ["", ".a", "a..b", "[0]", "a[b.c]", "a\\.b", "a=b", "a,b", "a.b."])
def test_set_paths_that_are_not_read(path: str) -> None:
    with pytest.raises(SuiteError, match="not one that this runner reads"):
        put({}, path, 1)


def test_pytest_collects_and_reports_suites(chart: Path) -> None:
    text = (
        "suite: mine\ntests:\n- it: holds\n  documentIndex: 0\n  templates: [thing.yaml]\n"
        "  asserts: [{isKind: {of: Thing}}]\n"
        "- it: lies\n  documentIndex: 0\n  templates: [thing.yaml]\n"
        "  asserts: [{equal: {path: spec.count, value: 4}}]\n"
        "- it: waits\n  skip: {reason: not yet}\n  asserts: [{isKind: {of: Thing}}]\n"
    )
    (chart / "tests" / "good_test.yaml").write_text(text, encoding="utf-8")
    (chart / "tests" / "bad_test.yaml").write_text("suite: none\n", encoding="utf-8")
    done = _pytest(chart, "--continue-on-collection-errors")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed, 1 skipped, 1 error" in done.stdout
    assert "bad_test.yaml: suite 'none' has no tests" in done.stdout
    assert "suite 'mine', test 'lies'\nassert 1: equal\npath:     spec.count\nexpected: 4\nactual:   3\n" in done.stdout


def test_tests_of_one_name_are_told_apart(chart: Path) -> None:
    one = "{it: same, documentIndex: 0, asserts: [{exists: {path: kind}}]}"
    (found,) = suites(f"suite: x\ntests: [{one}, {one}]")
    assert [test.name for test in found.tests] == ["same", "same (2)"]


def _pytest(chart: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(chart), "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*command, "-p", "tests.chart_suites.plugin", *options, "tests"],
        cwd=chart, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
