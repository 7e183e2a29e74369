"""Every house rule holds in the whole tree, and every rule can fail."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from tests.tidy import doors, handed_in, sizes
from tests.tidy.tree import Finding, SourceFile, broken_files, package_files, parse, python_files


@dataclass(frozen=True)
class Rule:
    """A check of one file, with code that breaks it and code that does not."""

    check: Callable[[SourceFile], Iterable[Finding]]
    bad: str
    good: str
    path: str = "terminal/example.py"
    good_path: str = ""
    tests_too: bool = False

    @property
    def name(self) -> str:
        return self.check.__name__


def _function(lines: int) -> str:
    return "def long():\n" + "    x = 1\n" * (lines - 1)


def _class(methods: int) -> str:
    return "class Wide:\n" + "".join(f"    def m{number}(self): ...\n" for number in range(methods))


RULES = (
    Rule(sizes.vague_file_names, "", "", "terminal/card_utils.py", "terminal/database.py", True),
    Rule(sizes.vague_class_names, "class TapManager: ...", "class Tap: ...", tests_too=True),
    Rule(sizes.long_functions, _function(71), _function(70), tests_too=True),
    Rule(sizes.long_files, "f()\n" * 601, "X = [\n" + "    1,\n" * 700 + "]\n", tests_too=True),
    Rule(sizes.long_classes, _class(13), _class(12)),
    Rule(sizes.long_classes, "class Long:\n" + "    x = 1\n" * 150, "class Long:\n" + "    x = 1\n" * 149),
    Rule(handed_in.ambient_reads, "import time\nx = lambda: time.time()", "import time\nx = lambda: time.monotonic()"),
    Rule(handed_in.ambient_reads, "import random", "import random", good_path="card/domain/entropy.py"),
    Rule(handed_in.ambient_reads, "import os\ny = os.environ['A']", "y = {}['A']"),
    Rule(handed_in.ambient_reads, "from datetime import datetime\nx = datetime.now", "x = clock.now"),
    Rule(handed_in.real_sources, "c = SystemClock()", "c = SystemClock()", good_path="terminal/bus/main.py"),
    Rule(handed_in.effects_on_import, "configure()", "if __name__ == '__main__':\n    configure()"),
    Rule(handed_in.effects_on_import, "ENGINE = create_engine('sqlite://')", "PATTERN = re.compile('a')"),
    Rule(handed_in.effects_on_import, "A = Path('x').read_text()", "A = lambda: Path('x').read_text()"),
    Rule(handed_in.late_imports, "def f(): importlib.import_module('a')", "f()"),
    Rule(handed_in.late_imports, "def f():\n    import json", "import json", tests_too=True),
    Rule(handed_in.broad_excepts, "try: f()\nexcept Exception: pass", "try: f()\nexcept ValueError: pass"),
    Rule(handed_in.broad_excepts, "try: f()\nexcept BaseException: pass", "try: f()\nexcept BaseException: raise"),
    Rule(handed_in.broad_excepts, "try: f()\nexcept: pass", "try: f()\nexcept OSError: pass"),
    Rule(handed_in.float_money, "fare = 1.5", "ratio = 1.5"),
    Rule(handed_in.float_money, "x = amount_fen / 2", "x = amount_fen // 2"),
    Rule(handed_in.float_money, "def f(balance: float): ...", "def f(balance: int): ..."),
    Rule(handed_in.float_money, "x = float(row['amount'])", "x = int(row['amount'])"),
    Rule(handed_in.float_money, "pay(amount=0.5)", "pay(seconds=0.5)"),
    Rule(doors.foreign_packages, "import serial", "import serial", good_path="terminal/scanner/serial_scanner.py"),
    Rule(doors.foreign_packages, "from smartcard.System import readers", "from card.readers import pcsc"),
    Rule(doors.foreign_packages, "import sqlalchemy", "import sqlalchemy", "server/x/service.py", "server/x/rows.py"),
    Rule(doors.front_door, "from onecard import main", "from onecards import main", tests_too=True),
    Rule(doors.forbidden_packages, "from gmssl import sm2", "from gmalg import SM2", tests_too=True),
    Rule(doors.forbidden_packages, "from unittest import mock", "import unittest", tests_too=True),
    Rule(
        doors.credential_makers,
        "v = VerifiedCredential()",
        "v = VerifiedCredential()",
        good_path="terminal/verifiers/a.py",
    ),
)


def _breaches(rule: Rule, sources: Iterable[SourceFile]) -> Iterator[str]:
    for source in sources:
        for finding in rule.check(source):
            yield f"{source.path}:{finding.line}: {rule.name}: {finding.message}"


def test_every_file_can_be_parsed() -> None:
    assert not broken_files(), "\n" + "\n".join(broken_files())


@pytest.mark.parametrize("rule", {rule.name: rule for rule in RULES}.values(), ids=lambda rule: rule.name)
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    breaches = list(_breaches(rule, python_files() if rule.tests_too else package_files()))
    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize("number", range(len(RULES)), ids=lambda number: f"{RULES[number].name}-{number}")
def test_the_rule_can_fail(number: int) -> None:
    rule = RULES[number]
    assert list(_breaches(rule, [parse(rule.path, rule.bad)])), "the bad example passes"
    assert not list(_breaches(rule, [parse(rule.good_path or rule.path, rule.good)])), "the good example fails"
