"""What is declared is used, what is used is declared, and every declared package has a line in DECISIONS.md."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable

from tests.tidy.tree import PACKAGES, ROOT, SourceFile, imported_modules, package_files, python_files

MODULES = {
    "pillow": "PIL",
    "pyserial": "serial",
    "zxing-cpp": "zxingcpp",
    "pyscard": "smartcard",
    "pycryptodome": "Crypto",
    "pytest-timeout": "pytest_timeout",
    "pytest-xdist": "xdist",
}
# Asked for by name, not by import: the database driver in an address, plug-ins, programs the Makefile calls.
NOT_IMPORTED = {"psycopg", "pytest-timeout", "pytest-xdist", "import-linter", "mypy", "ruff", "types-pyserial"}
# Parts of a declared package's own interface.
PARTS = {"pydantic": "fastapi", "starlette": "fastapi", "markupsafe": "jinja2"}
OURS = {*PACKAGES, "tests", "conftest"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


# Run by a test in a folder of their own, with their own lock; only its script imports them.
APART = {"tests/contract/bank_terminal.py": "requirements-emv.lock"}


def bare(requirement: str) -> str:
    return re.split(r"[\[=<>~! ;]", requirement, maxsplit=1)[0].lower()


def declared() -> tuple[set[str], set[str]]:
    """What running needs (with the optional parts), and what only the tests need."""
    extras = [item for group in PROJECT["project"]["optional-dependencies"].values() for item in group]
    run = {bare(item) for item in (*PROJECT["project"]["dependencies"], *extras)}
    return run, {bare(item) for item in PROJECT["dependency-groups"]["dev"]}


def locked_apart(path: str) -> set[str]:
    """Packages of the lock that belongs to this file alone."""
    if path not in APART:
        return set()
    return {bare(line) for line in (ROOT / APART[path]).read_text("utf-8").splitlines() if not line.startswith(" ")}


def foreign_modules(sources: Iterable[SourceFile]) -> dict[str, str]:
    """First place of every import of a package that is neither ours nor Python's."""
    found: dict[str, str] = {}
    for source in sources:
        for node in source.nodes():
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for name in {module.partition(".")[0] for module in imported_modules(node)} - locked_apart(source.path):
                if name not in sys.stdlib_module_names and name not in OURS:
                    found.setdefault(PARTS.get(name, name), f"{source.path}:{node.lineno}")
    return found


def test_every_import_is_declared() -> None:
    run, dev = declared()
    for sources, names in ((package_files(), run), (python_files(), run | dev)):
        modules = {MODULES.get(name, name.replace("-", "_")) for name in names}
        undeclared = {name: place for name, place in foreign_modules(sources).items() if name not in modules}
        assert not undeclared, f"imported, not in pyproject.toml: {undeclared}"


def test_every_declared_package_is_used() -> None:
    run, dev = declared()
    in_packages, anywhere = foreign_modules(package_files()), foreign_modules(python_files())
    idle = {name for name in run - NOT_IMPORTED if MODULES.get(name, name.replace("-", "_")) not in in_packages}
    idle |= {name for name in dev - NOT_IMPORTED if MODULES.get(name, name.replace("-", "_")) not in anywhere}
    assert not idle, f"in pyproject.toml, imported nowhere: {sorted(idle)}"


def test_every_running_package_has_a_reason() -> None:
    decisions = (ROOT / "DECISIONS.md").read_text("utf-8")
    silent = {name for name in declared()[0] if not re.search(rf"\b{re.escape(name)}\b", decisions)}
    assert not silent, f"no reason in DECISIONS.md: {sorted(silent)}"
