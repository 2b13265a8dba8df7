"""Values arrive as written: through TOML, the reader, the charts and Helm, or they are refused by the reader."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.charts.values_file import split_values
from generator.errors import RegistryError
from generator.helm.engine import parse_values
from tests.charts.rendered import ROOT, chart_of, objects, problems_of, tree_of

_LONG = "x" * 4096
_COMMIT = "1234567890" * 4
#: What a YAML reader takes for something else, what Helm would act on, and what a writer gets wrong.
STRINGS = [
    "", " ", "  ", "yes", "no", "on", "off", "y", "n", "Y", "N", "Yes", "NO", "True", "FALSE", "true", "false", "~",
    "null", "Null", "NULL", "1", "-1", "+1", "007", "1.10", "1.", ".5", "1e5", "1E5", "1e+06", _COMMIT, "12e34567",
    "0o17", "017", "0x1F", "0b11", "1_000", "1,000", "12:30:45", "190:20:30", "2026-11-22", "2026-11-22T10:00:00Z",
    ".inf", "-.Inf", ".nan", "NaN", "inf", "=", "<<", "{{ .Values.x }}", "{{", "}}", "{{- fail \"x\" }}",
    "{{/* x */}}", "$x", "${x}", "%(x)s", "#{ x }#", "#% if %#", "#| x |#", "---", "--- a", "...", "a\n---\nb",
    "\n---\n", "a\n...\nb", "#", "# a", "a # b", "a#b", "*a", "&a", "!tag", "!!str a", "%", "%YAML 1.2", "@a", "`a`",
    "|", "|-", ">", "> a", "|2", "?", "? a", "-", "- a", ":", ": a", "a: b", "a:", "[", "]", "{", "}", "[a]",
    "{a: b}", ",", "'", '"', "''", "\\", "\\n", "a'b\"c\\d", "\t", "\ta", "a\t", "a\tb", " a", "a ", "a\n", "a\n\n",
    "a\n\n\n", "\na", "\n\na", "\n", "\n\n", " \n", "\n ", "a\nb", "a\n b", " a\nb", "a \nb", "a\n\nb", "a\n\tb",
    "\ta\nb", "a\r\nb", "a\rb", "\r", "\r\n", "a\n#b", "#a\nb", "- a\n- b", "a: |\n  b\n", "a\n  \nb", "a\n  ",
    "\u00a0", "\u2028", "a\u2028b", "\u2029", "\ufeff", "\ufeffa", "a\ufeff", "\u200b", "\u202e", "\x01", "\x07",
    "\x08", "\x0b", "\x0c", "\x1b[31m", "\x1f", "\ud7ff", "\ue000", "\ufffd", "ü", "日本", "😀", "\U0010ffff",
    "\U0001f3f4\U000e0067", "e\u0301", _LONG, f"{_LONG} {_LONG}", f"{_LONG}\n{_LONG}", "a" * 130,
]  # fmt: skip
#: The same as keys. The longest that arrives has 1024 characters as Go writes it in JSON.
KEYS = [text for text in dict.fromkeys(STRINGS) if text != "<<" and len(text) < 500]
KEYS += ["x" * 512, " " * 1022, "\u00e9 " * 511, "<" * 170]
LONG_KEYS = [" " * 1023, "\u00e9 " * 512, "<" * 171, "\n" * 512, " " * 5000]
NUMBERS: list[float] = [
    0, 1, -1, 7, 10**6, 10**7, 123456789, 2**31, -(2**31) - 1, 2**53 - 1, 2**53, -(2**53), 1.0, 1.5, -0.25, 0.1, 1e5,
    1e6, 1e7, 1e16, 1e18, 1e19, -1e19, 1e20, 1e21, 1e22, 1.5e300, 1e-5, 1e-6, 1e-7, 5e-324, 2.2250738585072014e-308,
    1.7976931348623157e308, 3.14,
]  # fmt: skip
#: What Helm's own YAML writer does not bring back, and what JSON does not have.
_NOT_CARRIED = re.compile("[\x00\x7f-\x9f\ufffe\uffff]")
REFUSED: list[Any] = ["\x00", "a\x7f", "\x80", "\x85", "a\x85b", "\x9f", "\ufffe", "\uffff", "\n\u2028", "\u2029a\n"]
REFUSED += [2**53 + 1, -(2**53) - 1, 2**63 - 1, -0.0, math.inf, -math.inf, math.nan]


def _inline(value: Any) -> Any:
    """Tables within tables on one line: headers would have more parts than the reader takes."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(key, _inline(inner))
        return table
    return [_inline(inner) for inner in value] if isinstance(value, list) else value


def _registry(app: Mapping[str, Any], pin: str = "", labels: Mapping[str, str] | None = None) -> str:
    registry = {
        "version": 1,
        "environments": {"dev": {"apps": [f"web@{pin}" if pin else "web"], "labels": dict(labels or {})}},
        "teams": {"web": {"repositories": ["https://example.com/web.git"], "namespaces": ["web"]}},
        "apps": {"web": {"team": "web", "repoURL": "https://example.com/web.git", "path": "chart"}},
    }
    registry["apps"]["web"].update({key: _inline(value) for key, value in app.items()})  # type: ignore[index]
    return tomlkit.dumps(registry)


def _application(app: Mapping[str, Any], pin: str = "", labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    found = objects(chart_of(tree_of(_registry(app, pin, labels)), "dev"))
    assert set(found) == {("Application", "web")}
    return found["Application", "web"]


def same(left: Any, right: Any) -> bool:
    """Equal in value and JSON type: to Python, but not to JSON, true and 1 are equal."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        # Go writes a double with as few digits as tell it from others: a long one may look like another integer.
        wanted = float(right) if isinstance(left, float) else right
        return isinstance(left, bool) is isinstance(right, bool) and bool(left == wanted)
    return type(left) is type(right) and bool(left == right)


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    assert found.keys() == wanted.keys()
    return {key: (wanted[key], found[key]) for key in wanted if not same(wanted[key], found[key])}


def _carried(value: Any) -> bool:
    """Whether a value is one that must arrive, by a list of its own."""
    if isinstance(value, dict):
        return all(_carried_key(key) and _carried(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_carried, value))
    if isinstance(value, str):
        return not _NOT_CARRIED.search(value) and not ("\n" in value and re.search("[\u2028\u2029]", value))
    if isinstance(value, float):
        return math.isfinite(value) and str(value) != "-0.0"
    return isinstance(value, int) and abs(value) <= 2**53


def _carried_key(key: str) -> bool:
    return key != "<<" and len(key) < 500 and _carried(key)


def _line(text: str) -> str:
    """As much of a text as a name may have: what is seen as it is, on one line."""
    return "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp"))


def _every_place(values: Mapping[str, Any]) -> dict[str, Any]:
    """An app that holds the strings among `values` in every place that takes any string."""
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    return {
        "annotations": texts,
        "info": [{"name": f"{key} {_line(value)}", "value": value} for key, value in texts.items()],
        "helm": {"parameters": texts, "valuesObject": {"all": values, "list": list(values.values())}},
    }


def _check_every_place(values: Mapping[str, Any]) -> None:
    wanted = _every_place(values)
    one = _application(wanted)
    told = one["metadata"]["annotations"]
    told.pop("argocd.argoproj.io/sync-wave")
    assert not _differences(wanted["annotations"], told)
    assert one["spec"].get("info", []) == wanted["info"]
    helm = one["spec"]["source"]["helm"]
    parameters = {parameter["name"]: parameter["value"] for parameter in helm.get("parameters", [])}
    assert not _differences(wanted["helm"]["parameters"], parameters)
    assert not _differences(values, helm["valuesObject"]["all"])
    assert same(list(values.values()), helm["valuesObject"]["list"])


def _numbered(values: list[Any]) -> dict[str, Any]:
    return {f"v{number}": value for number, value in enumerate(values)}


def test_every_known_string_arrives_everywhere() -> None:
    _check_every_place(_numbered(STRINGS))


def test_every_known_string_arrives_as_a_key() -> None:
    keys = {key: number for number, key in enumerate(KEYS)}
    table = {"valuesObject": {"flat": keys, "deep": {key: {key: [key]} for key in keys}}}
    found = _application({"helm": table})["spec"]["source"]["helm"]["valuesObject"]
    assert not _differences(keys, found["flat"])
    assert found["deep"] == table["valuesObject"]["deep"]


def test_every_known_string_arrives_as_the_name_of_a_parameter() -> None:
    parameters = {_line(text): text for text in STRINGS if _line(text) and len(text) < 500}
    found = _application({"helm": {"parameters": parameters}})["spec"]["source"]["helm"]["parameters"]
    assert {one["name"]: one["value"] for one in found} == parameters


@pytest.mark.parametrize("text", STRINGS, ids=range(len(STRINGS)))
def test_a_string_arrives_as_the_values_of_helm(text: str) -> None:
    found = _application({"helm": {"values": text}, "info": [{"name": _line(text), "value": text}]})
    assert found["spec"]["source"]["helm"] == {"values": text}
    assert found["spec"]["info"] == [{"name": _line(text), "value": text}]


def test_numbers_and_booleans_arrive() -> None:
    _check_every_place(_numbered([*NUMBERS, True, False, [], {}, [[]], [{}], {"a": {}}]))


@pytest.mark.parametrize("value", REFUSED, ids=ascii)
@pytest.mark.parametrize("where", ["value", "list", "key"])
def test_what_cannot_be_carried_is_refused(value: Any, where: str) -> None:
    if where == "key" and not isinstance(value, str):
        pytest.skip("a key is a string")
    placed = {"value": {"a": {"b": value}}, "list": {"a": [[value]]}, "key": {"a": {str(value): 1}}}[where]
    with pytest.raises(RegistryError) as raised:
        tree_of(_registry({"helm": {"valuesObject": placed}}))
    assert raised.value.exit_code == 3
    assert "apps.web.helm.valuesObject.a" in problems_of(raised.value)


@pytest.mark.parametrize("key", ["<<", *LONG_KEYS], ids=range(1 + len(LONG_KEYS)))
def test_a_key_that_cannot_be_carried_is_refused(key: str) -> None:
    with pytest.raises(RegistryError) as raised:
        tree_of(_registry({"helm": {"valuesObject": {"a": {key: 1}}}}))
    assert raised.value.exit_code == 3
    assert "the key" in problems_of(raised.value)


@pytest.mark.parametrize("key", ["<<", LONG_KEYS[0]], ids=["merge", "long"])
@pytest.mark.parametrize(
    "app",
    [
        lambda table: {"kustomize": {"commonLabels": table}},
        lambda table: {"kustomize": {"commonAnnotations": table}},
        lambda table: {"plugin": {"parameters": [{"name": "a"}, {"name": "b", "map": table}]}},
        lambda table: {"environments": {"dev": {"kustomize": {"commonLabels": table}}}},
    ],
    ids=["labels", "annotations", "plugin", "environment"],
)
def test_a_key_that_cannot_be_carried_is_refused_in_every_place(app: Any, key: str) -> None:
    toml = _registry(app({key: "x"})).replace("[teams.web]", '[teams.web]\nallow = ["plugin"]')
    with pytest.raises(RegistryError) as raised:
        tree_of(toml)
    assert raised.value.exit_code == 3
    assert [problem for problem in raised.value.problems if "rename it" in problem.text or "Helm" in problem.text]


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00", "10:00:00"])
def test_dates_and_times_are_refused(text: str) -> None:
    toml = _registry({"helm": {"valuesObject": {"a": 1}}}).replace("a = 1", f"a = {text}")
    with pytest.raises(RegistryError) as raised:
        tree_of(toml)
    assert raised.value.exit_code == 3
    assert "quote it" in problems_of(raised.value)


@pytest.mark.parametrize("text", [value for value in REFUSED if isinstance(value, str)], ids=ascii)
@pytest.mark.parametrize(
    "app",
    [
        lambda text: {"helm": {"values": text}},
        lambda text: {"helm": {"parameters": {"a": text}}},
        lambda text: {"helm": {"parameters": {text: "a"}}},
        lambda text: {"helm": {"parameters": [{"name": "a", "value": text}]}},
        lambda text: {"annotations": {"a": text}},
        lambda text: {"labels": {"a": text}},
        lambda text: {"info": [{"name": "a", "value": text}]},
        lambda text: {"targetRevision": text},
    ],
    ids=["values", "parameter", "name", "parameters", "annotation", "label", "info", "revision"],
)
def test_what_cannot_be_carried_is_refused_in_every_place(app: Any, text: str) -> None:
    with pytest.raises(RegistryError) as raised:
        tree_of(_registry(app(text)))
    assert raised.value.exit_code == 3


_REVISIONS = [
    "1.10",
    "1e5",
    _COMMIT,
    "0x1F",
    "017",
    "2026-11-22",
    "12:30:45",
    "yes",
    "null",
    "~",
    "v1.0.0",
    "{{x}}",
    "*",
]


@pytest.mark.parametrize("revision", _REVISIONS)
def test_a_revision_arrives(revision: str) -> None:
    for one in (_application({}, pin=revision), _application({"targetRevision": revision})):
        assert one["spec"]["source"]["targetRevision"] == revision


def test_labels_arrive() -> None:
    labels = {
        f"l{number}": text for number, text in enumerate(["1.10", "yes", "null", "1e5", "0x1F", "", "007", "true"])
    }
    assert _application({}, labels=labels)["metadata"]["labels"] == labels
    assert _application({"labels": labels})["metadata"]["labels"] == labels


_TEXT = st.text(max_size=30) | st.sampled_from(STRINGS) | st.text(alphabet=" \t\n\r-#:'\"{}ab\u2028\ufeff", max_size=12)
_NUMBER = st.integers() | st.integers(-(2**54), 2**54) | st.floats() | st.sampled_from(NUMBERS) | st.booleans()
_VALUE = st.recursive(
    _TEXT | _NUMBER,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(lambda k: len(k) < 500), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.lists(_VALUE, min_size=1, max_size=25))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_value_arrives_or_is_refused(values: list[Any]) -> None:
    carried = _numbered([value for value in values if _carried(value)])
    _check_every_place(carried)
    for value in values:
        if not _carried(value):
            with pytest.raises(RegistryError) as raised:
                tree_of(_registry({"helm": {"valuesObject": {"a": value}}}))
            assert raised.value.exit_code == 3


@given(st.lists(_TEXT, min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_any_text_arrives_as_the_values_of_helm_or_is_refused(texts: list[str]) -> None:
    for text in texts[:3]:
        app = {"helm": {"values": text}}
        if _carried(text):
            assert _application(app)["spec"]["source"]["helm"] == app["helm"]
        else:
            with pytest.raises(RegistryError):
                tree_of(_registry(app))


@given(st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_pin_arrives_or_is_refused(revision: str) -> None:
    try:
        one = _application({}, pin=revision) if revision else _application({"targetRevision": revision})
    except RegistryError:
        return
    assert one["spec"]["source"]["targetRevision"] == revision


def test_a_text_of_values_is_the_sum_of_its_parts_whatever_they_say() -> None:
    registry = tomlkit.parse(_registry(_every_place(_numbered(STRINGS))))
    registry["apps"]["y"] = {**registry["apps"]["web"], "project": "web", "namespace": "web"}
    registry["environments"]["dev"].update({"apps": ["web", "y"], "createProjects": True})
    registry["projects"] = {"web": {"description": "\n  apps:\n    z:\n"}}
    data = chart_of(tree_of(tomlkit.dumps(registry)), "dev")["values.yaml"]
    whole, parts = parse_values(data.decode())["spec"], split_values(data)
    assert (set(parts.projects), set(parts.apps)) == ({"web"}, {"web", "y"})
    for key, block in parts.apps.items():
        assert parse_values(f"apps:\n{block}")["apps"] == {key: whole["apps"][key]}


@pytest.mark.parametrize("data", [b"", b"spec:\n", b"\xff", b"a: b\nspec: {}\n", b"# x\nspec:\n  apps: {}\n"])
def test_a_text_of_other_values_has_no_parts(data: bytes) -> None:
    assert (split_values(data).projects, split_values(data).apps) == ({}, {})


def _binaries() -> list[str]:
    """Every `helm` on PATH or in ~/go/bin."""
    found = [shutil.which("helm"), shutil.which("helm", path=Path.home() / "go" / "bin")]
    return list(dict.fromkeys(path for path in found if path))


@pytest.mark.go
def test_the_helm_binary_yields_the_same_objects(tmp_path: Path) -> None:
    binaries = _binaries()
    if not binaries:
        pytest.skip("there is no helm on PATH or in ~/go/bin")
    app = _every_place(_numbered([*STRINGS, *NUMBERS]))
    tree = tree_of(_registry({**app, "createProject": True}))
    for path, data in tree.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    wanted = objects(chart_of(tree, "dev"))
    for binary in binaries:
        command = [binary, "template", "apps", str(tmp_path / "argo-app-of-apps" / "dev"), "--namespace", "argocd"]
        done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
        texts = re.split(r"^---\s*$", done.stdout.decode(), flags=re.MULTILINE)
        found = [helm_python.values_from_yaml(text) for text in texts if text.strip()]
        assert {(one["kind"], one["metadata"]["name"]): one for one in found} == wanted
