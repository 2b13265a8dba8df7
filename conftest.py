"""Here and not in tests/, so that the suites of the generated charts are collected too."""

pytest_plugins = ["tests.chart_suites.plugin"]
