"""What is handed in, never looked up: time, chance, environment. Imports do nothing; no error is swallowed."""

import ast
import re
from collections.abc import Iterator

from tests.tidy.tree import Finding, SourceFile, dotted, imported_modules

CLOCK = {
    *(
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "datetime.datetime.now",
        "datetime.date.today",
    ),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
}
CHANCE = {"os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "uuid4", "uuid1"}
CHANCE_MODULES = {"random", "secrets"}
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv", "os.environb"}
# Assembly: the only places that choose a real clock, real chance, or read the environment.
ASSEMBLY = (
    *("onecard.py", "*/main.py", "*/cli.py", "firmware_sim/cli_server.py"),
    *("firmware_sim/world.py", "firmware_sim/twins.py", "firmware_sim/serving.py", "firmware_sim/demo/"),
)
MAY = {
    "clock": (*ASSEMBLY, "card/domain/clock.py"),
    "chance": (*ASSEMBLY, "card/domain/entropy.py"),
    # launch.py passes its own environment on to the daemon it becomes; the daemon's socket is named by a variable.
    "environment": (*ASSEMBLY, "firmware_sim/launch.py", "firmware_sim/rack.py", "card/readers/pcsc.py"),
}
REAL_SOURCES = {"SystemClock", "SystemEntropy"}
# The outermost loop of a process may catch everything, once, to say what happened.
# The stores' writers are threads or tasks of their own: whatever happens there is handed to the waiting callers.
OUTERMOST = (*ASSEMBLY, "server/http/problems.py", "server/events/store_postgres.py", "server/events/store_sqlite.py")
EFFECTS = re.compile(
    r"(^|\.)(open|connect|create_engine|create_async_engine|read_text|read_bytes|write_text|write_bytes|mkdir|run|Popen"
    r"|socket|urlopen|print|start|basicConfig|system|load|loads|import_module|FastAPI|sessionmaker)$"
)
MONEY = re.compile(r"(^|_)(fen|fare|fares|amount|balance|price|money|yuan|cent|cents)($|_)", re.IGNORECASE)


def ambient_reads(source: SourceFile) -> Iterator[Finding]:
    """Time, chance and environment outside the places that hand them in."""
    for node in source.nodes():
        name = dotted(node) if isinstance(node, ast.Attribute | ast.Name) else ""
        for kind, names in (("clock", CLOCK), ("chance", CHANCE), ("environment", ENVIRONMENT)):
            if name in names and not source.under(*MAY[kind]):
                yield Finding(node.lineno, f"{name}: the {kind} is handed in")  # type: ignore[attr-defined]
        if CHANCE_MODULES & set(imported_modules(node)) and not source.under(*MAY["chance"]):
            yield Finding(node.lineno, "chance is handed in as Entropy")  # type: ignore[attr-defined]


def real_sources(source: SourceFile) -> Iterator[Finding]:
    """SystemClock() and SystemEntropy() are chosen in assemblies."""
    if source.under(*ASSEMBLY):
        return
    for node in source.nodes():
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in REAL_SOURCES:
            yield Finding(node.lineno, f"{dotted(node.func)} is chosen in an assembly and handed in")


def effects_on_import(source: SourceFile) -> Iterator[Finding]:
    """Importing a module opens nothing."""
    if source.under("*/migrations/env.py"):  # alembic runs this file, nobody imports it
        return
    for statement in source.tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield Finding(statement.lineno, "a call for its effect at module level")
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            for node in _evaluated(statement):
                if isinstance(node, ast.Call) and EFFECTS.search(dotted(node.func) or _method(node)):
                    yield Finding(node.lineno, f"{dotted(node.func) or _method(node)}() at module level")


def _method(node: ast.Call) -> str:
    return f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else ""


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: not the bodies of lambdas."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda):
            yield from _evaluated(child)


def late_imports(source: SourceFile) -> Iterator[Finding]:
    """Imports inside functions hide the floor plan; only the front door loads commands lazily."""
    if source.under("onecard.py"):
        return
    for function in source.nodes():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield Finding(node.lineno, f"import inside {function.name}")
                elif isinstance(node, ast.Call) and _imports_by_name(node) and not source.is_test:
                    yield Finding(node.lineno, f"{dotted(node.func)} inside {function.name}")


def _imports_by_name(node: ast.Call) -> bool:
    return dotted(node.func).rpartition(".")[2] in ("import_module", "__import__")


def broad_excepts(source: SourceFile) -> Iterator[Finding]:
    """Only a process's outermost loop catches everything; cleaning up and raising again swallows nothing."""
    for node in source.nodes():
        if isinstance(node, ast.ExceptHandler) and not source.under(*OUTERMOST) and not _raises_again(node):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            for kind in kinds:
                if kind is None or dotted(kind) in ("Exception", "BaseException"):
                    yield Finding(node.lineno, "catches everything; name what can be handled here")


def _raises_again(node: ast.ExceptHandler) -> bool:
    return isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None


def float_money(source: SourceFile) -> Iterator[Finding]:
    """No float literal, float() or true division beside a name that says money."""
    for node in source.nodes():
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            if any(map(_says_money, sides)) and (isinstance(node.op, ast.Div) or any(map(_is_float, sides))):
                yield Finding(node.lineno, "money is whole fen: no float, no true division")
        elif isinstance(node, ast.Call) and dotted(node.func) == "float" and any(map(_says_money, node.args)):
            yield Finding(node.lineno, "money does not become a float")
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.keyword | ast.arg) and _float_for_money(node):
            yield Finding(node.lineno, "money is Fen, never float")


def _float_for_money(node: ast.Assign | ast.AnnAssign | ast.keyword | ast.arg) -> bool:
    """A float value or annotation for a name that says money."""
    if not any(map(_says_money, _targets(node))):
        return False
    value = None if isinstance(node, ast.arg) else node.value
    annotation = node.annotation if isinstance(node, ast.AnnAssign | ast.arg) else None
    return (value is not None and _is_float(value)) or (annotation is not None and dotted(annotation) == "float")


def _targets(node: ast.Assign | ast.AnnAssign | ast.keyword | ast.arg) -> list[ast.expr]:
    if isinstance(node, ast.keyword | ast.arg):
        return [ast.Name(node.arg or "")]
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _says_money(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return bool(MONEY.search(node.slice.value))
    return bool(MONEY.search(dotted(node).rpartition(".")[2]))


def _is_float(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_float(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, float)
