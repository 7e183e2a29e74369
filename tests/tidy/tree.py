"""The tree as the tidy rules see it: every Python file parsed once, findings that say file, line and rule."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("card", "keys", "issuance", "terminal", "server", "firmware_sim")


@dataclass(frozen=True)
class Finding:
    """One breach of a house rule."""

    line: int
    message: str


@dataclass(frozen=True)
class SourceFile:
    """One Python file; `path` is relative to the checkout, with forward slashes."""

    path: str
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/")

    def under(self, *patterns: str) -> bool:
        """Is the path one of `patterns`: an exact path, a folder ending in '/', or '*/name' for a file of that name?"""
        return any(
            self.path == pattern
            or (pattern.endswith("/") and self.path.startswith(pattern))
            or (pattern.startswith("*/") and (self.path.endswith(pattern[1:]) or f"/{pattern[2:]}" in f"/{self.path}"))
            for pattern in patterns
        )

    @cached_property
    def _nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def nodes(self) -> Iterator[ast.AST]:
        return iter(self._nodes)


def parse(path: str, text: str) -> SourceFile:
    return SourceFile(path, text, ast.parse(text, path))


@cache
def _read_all() -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
    paths = [ROOT / "onecard.py"]
    for package in (*PACKAGES, "tests"):
        paths += sorted((ROOT / package).rglob("*.py"))
    found, broken = [], []
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        try:
            found.append(parse(name, path.read_text("utf-8")))
        except SyntaxError as error:
            broken.append(f"{name}:{error.lineno}: {error.msg}")
    return tuple(found), tuple(broken)


def python_files() -> tuple[SourceFile, ...]:
    """Every Python file of the packages, the tests and the front door that can be parsed."""
    return _read_all()[0]


def broken_files() -> tuple[str, ...]:
    """Those that cannot, each with its reason."""
    return _read_all()[1]


def package_files() -> tuple[SourceFile, ...]:
    """The same without the tests."""
    return tuple(source for source in python_files() if not source.is_test)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute chain, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def imported_modules(node: ast.AST) -> list[str]:
    """Full names of the modules (or of what may be a module) an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []
