"""Names and sizes: no drawers, nothing that must be scrolled to be read."""

import ast
from collections.abc import Iterator

from tests.tidy.tree import Finding, SourceFile, dotted

VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "managers", "shared", "core"}
VAGUE_ENDINGS = ("_util", "_utils", "_helper", "_helpers", "_common", "_misc", "_manager")
VAGUE_CLASS_ENDINGS = ("Manager", "Helper", "Handler", "Impl", "Util", "Utils")
FUNCTION_LINES = 70
FILE_LINES = 600
CLASS_LINES = 150
PUBLIC_METHODS = 12
TABLE_SHARE = 0.8


def vague_file_names(source: SourceFile) -> Iterator[Finding]:
    for part in source.path.removesuffix(".py").split("/"):
        if part in VAGUE or part.endswith(VAGUE_ENDINGS):
            yield Finding(1, f"'{part}' says nothing; name the noun inside")


def vague_class_names(source: SourceFile) -> Iterator[Finding]:
    for node in source.nodes():
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE_CLASS_ENDINGS):
            yield Finding(node.lineno, f"class {node.name}: say what it is, not that it handles things")


def long_functions(source: SourceFile) -> Iterator[Finding]:
    if source.under("*/migrations/versions/"):  # the tables of a store, in order of making
        return
    for node in source.nodes():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > FUNCTION_LINES:
            yield Finding(node.lineno, f"function {node.name} has {_lines(node)} lines; {FUNCTION_LINES} at most")


def long_files(source: SourceFile) -> Iterator[Finding]:
    lines = source.text.count("\n")
    if lines > FILE_LINES and _table_lines(source) < TABLE_SHARE * lines:
        yield Finding(1, f"{lines} lines; {FILE_LINES} at most unless the file is a table")


def long_classes(source: SourceFile) -> Iterator[Finding]:
    for node in source.nodes():
        if not isinstance(node, ast.ClassDef):
            continue
        if _lines(node) > CLASS_LINES:
            yield Finding(node.lineno, f"class {node.name} has {_lines(node)} lines; {CLASS_LINES} at most")
        public = [item for item in node.body if _is_public_method(item)]
        if len(public) > PUBLIC_METHODS:
            yield Finding(node.lineno, f"class {node.name} has {len(public)} public methods; {PUBLIC_METHODS} at most")


def _is_public_method(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return False
    return not any(dotted(mark).rpartition(".")[2] in ("property", "setter") for mark in node.decorator_list)


def _lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _table_lines(source: SourceFile) -> int:
    tables = (node for node in source.tree.body if isinstance(node, ast.Assign | ast.AnnAssign))
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in tables)
