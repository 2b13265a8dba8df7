"""pytest collects every generated suite, `<chart>/tests/*_test.yaml`, and runs it without Go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart_suites.run import SuiteError, Table, find_failures, read_suite


class FailedSuiteError(Exception):
    """What a test of a suite found wrong."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    chart = file_path.parent.parent
    suite = file_path.name.endswith("_test.yaml") and file_path.parent.name == "tests"
    return SuiteFile.from_parent(parent, path=file_path) if suite and (chart / "Chart.yaml").is_file() else None


class SuiteFile(pytest.File):
    """The file of a suite."""

    def collect(self) -> Iterator[SuiteItem]:
        try:
            suite = read_suite(self.path.read_text(encoding="utf-8"))
        except SuiteError as error:
            raise self.CollectError(f"{self.path.name}: {error}") from error
        for test in suite["tests"]:
            yield SuiteItem.from_parent(self, name=test["it"], suite=suite, test=test)


class SuiteItem(pytest.Item):
    """One test of a suite."""

    def __init__(self, *, suite: Table, test: Table, **rest: Any) -> None:
        super().__init__(**rest)
        self.suite, self.suite_test = suite, test

    def runtest(self) -> None:
        failures = find_failures(self.path.parent.parent, self.suite, self.suite_test)
        if failures:
            raise FailedSuiteError("\n".join(failures))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, (FailedSuiteError, SuiteError)):
            return f"{self.path}\nsuite {self.suite['suite']!r}, test {self.suite_test['it']!r}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.suite['suite']}: {self.suite_test['it']}"
