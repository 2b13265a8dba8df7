"""pytest collects every helm-unittest suite of a chart, `<chart>/tests/*_test.yaml`, and runs it without Go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart_suites.grammar import Suite, Test, suites
from tests.chart_suites.paths import SuiteError
from tests.chart_suites.run import verdict


class FailedSuiteError(Exception):
    """What a test of a suite found wrong."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    chart = file_path.parent.parent
    suite = file_path.name.endswith("_test.yaml") and file_path.parent.name == "tests"
    return SuiteFile.from_parent(parent, path=file_path) if suite and (chart / "Chart.yaml").is_file() else None


class SuiteFile(pytest.File):
    """One file of suites."""

    def collect(self) -> Iterator[SuiteItem]:
        try:
            found = suites(self.path.read_text(encoding="utf-8"))
        except (SuiteError, UnicodeDecodeError) as error:
            raise self.CollectError(f"{self.path.name}: {error}") from error
        for number, suite in enumerate(found, 1):
            for test in suite.tests:
                name = test.name if number == 1 else f"{suite.name or number}: {test.name}"
                yield SuiteItem.from_parent(self, name=name, suite=suite, test=test)


class SuiteItem(pytest.Item):
    """One test of a suite."""

    def __init__(self, *, suite: Suite, test: Test, **rest: Any) -> None:
        super().__init__(**rest)
        self.suite, self.told = suite, test

    def runtest(self) -> None:
        if self.told.skip:
            pytest.skip(self.told.skip)
        wrong = verdict(self.path.parent.parent, self.path.parent, self.suite, self.told)
        if wrong:
            raise FailedSuiteError("\n".join(wrong))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, (FailedSuiteError, SuiteError)):
            return f"{self.path}\nsuite {self.suite.name!r}, test {self.told.name!r}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.suite.name}: {self.told.name}"
