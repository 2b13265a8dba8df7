"""Documents, help texts and the code's own words are plain English: no phrase that readers stumble over."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from tests.workspace import ROOT

#: Phrases and what to write instead. Words that can be ordinary English are matched only where they name an idea.
PHRASES = {
    r"anew|afresh": "again; recreate",
    r"ma[dk]es? necessary": "requires",
    r"(that )?nobody named": "not confirmed; confirm each with --allow-removal",
    r"lets? (us|anybody|somebody|everybody)|(not )?let in": "refused access; anybody can",
    r"what there is|such as there is|for no such|of no such": "name it",
    r"keeps? (us|silent)": "does not answer",
    r"none of (its|their) own|do none of it": "no … of its own; do nothing",
    r"(is|are|was|were|was not) to be (?!considered)\w+": "is available; active voice",
    r"judge[sd]?|judging|judgement": "validate; verify",
    r"(say|says|said) (otherwise what|no)": "differs; refuses",
    r"(is|are|was|were) (said|had)": "show, report",
    r"(tells|to tell) (of|about|apart|it|them|us|you|users|whether|which|what|where|how)": "show, report",
    r"do(es)? not tell": "show, report",
    r"told(?! to\b)": "show, report",
    r"git knows (of )?no|knows? of no": "has no",
    r"(take|takes|took|taken) ([\w']+ ){0,3}(away|along)|(goes|going|gone|go) away": "delete",
    r"lets? [\w ]+ go": "remove; retire",
    r"ends? (a|the) hold|to end that|end of a hold": "unhold",
    r"failed us|trying again|was faster": "connection failed, retrying; another push came first",
    r"where promotions? begins?": "first environment",
    r"br(ing|ings|inging|ought)": "promote; move; update",
    r"runs in none of|in no git repository": "is not in",
    r"mend(s|ed|ing)?": "fix; repair",
    r"worked out": "computed; cached",
    r"what becomes of": "what happens",
    r"to go on:|goes on from": "to continue",
    r"by way of|for want of": "through; without",
    r"(is|are) (that|those) which": "name it",
    r"in place of": "instead of",
    r"side by side": "at the same time",
    r"one and the same": "the same",
    r"could not do its work": "failed",
    r"how full": "target load",
    r"(is|are) (not )?(of )?ours": "generated; ours is whose?",
    r"ha(s|ve) it already": "already up to date",
    r"(does|do|did) not let": "refuses; cannot",
    r"hitherto|thereof|wherein|whereof|thereby|therein|thereupon": "modern words",
    r"to do:": "hint:",
}
FIRST_PERSON = r"(?<![\w\"'@./-])(we|us|our|ours)(?![\w\"'./-])"

OTHER_FILES = ("action.yml", ".pre-commit-hooks.yaml", "Dockerfile", "Makefile", "examples/demo.sh")
#: Text files of the project that are written for readers.
DOCUMENTS = sorted(
    [
        *(ROOT / "docs").glob("*.md"),
        *ROOT.glob("*.md"),
        *(ROOT / "ci").rglob("*.yml"),
        *(ROOT / name for name in OTHER_FILES),
        *(ROOT / "chart-templates").rglob("*.j2"),
        *(ROOT / "chart-templates").rglob("*.tpl"),
    ]
)
MODULES = sorted((ROOT / "generator").rglob("*.py"))
#: Words that Git, its merge drivers, durations or the JSON output prescribe, by module.
PRESCRIBED = {
    "argocd/strings.py": {"us"},
    "commands.md": {"ours"},
    "commands/merge_driver.py": {"ours"},
    "git/merge_driver.py": {"ours"},
    "git/remote_refs.py": {"our"},
    "promotion/times.py": {"us"},
}
_PATTERN = re.compile("|".join(rf"(?:\b(?:{phrase})\b)" for phrase in PHRASES) + f"|{FIRST_PERSON}", re.I)


def document_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a document; of the changelog, only those under *Unreleased*."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.name == "CHANGELOG.md":
        ends = [number for number, line in enumerate(lines) if line.startswith("## ") and "[Unreleased]" not in line]
        lines = lines[: ends[0]] if ends else lines
    yield from enumerate(lines, 1)


def code_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings and comments of a module, with the number of their first line. Help texts are strings."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def find_phrases(lines: Iterator[tuple[int, str]], name: str, prescribed: Collection[str] = ()) -> list[str]:
    return [
        f"{name}:{number}: {found[0]!r} in: {line.strip()[:150]}"
        for number, line in lines
        for found in _PATTERN.finditer(line)
        if found[0].lower() not in prescribed
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_have_no_phrase_that_readers_stumble_over(path: Path) -> None:
    found = find_phrases(document_lines(path), path.name, PRESCRIBED.get(path.name, ()))
    assert not found, "\n".join(found)


def test_modules_have_no_phrase_that_readers_stumble_over() -> None:
    found = []
    for path in MODULES:
        name = path.relative_to(ROOT / "generator").as_posix()
        found += find_phrases(code_lines(path), name, PRESCRIBED.get(name, ()))
    assert not found, "\n".join(found)


def test_no_exception_is_left_over() -> None:
    for name, words in PRESCRIBED.items():
        is_module = name.endswith(".py")
        lines = code_lines(ROOT / "generator" / name) if is_module else document_lines(ROOT / "docs" / name)
        assert words <= {match[0].lower() for _, line in lines for match in _PATTERN.finditer(line)}, name


@pytest.mark.parametrize(
    "line",
    [
        "this would take Applications away that nobody named",
        "the remote failed us",
        "git knows of no move of billing",
        "Let an app go without deleting what it runs",
        "rendered anew",
        "the lines that the teams make necessary",
        "Judge the registry",
    ],
)
def test_riddles_are_found(line: str) -> None:
    assert find_phrases(iter([(1, line)]), "example")


@pytest.mark.parametrize(
    "line", ["prod-us promotes from test", "a token of the user's own", "region = 'us'", "in no order"]
)
def test_ordinary_words_are_not(line: str) -> None:
    assert not find_phrases(iter([(1, line)]), "example")
