"""Shared fixtures: what a test may ask for by name."""

pytest_plugins = ["tests.pg_cluster", "tests.browser_page", "tests.pcsc_rack", "tests.replacements"]
