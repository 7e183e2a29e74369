"""Every refusal and every error has one sentence and one next step in both languages, and no text is left over."""

import ast
import re
from collections.abc import Iterable

from card.domain.decision import DenyReason
from card.texts import LANGUAGES, catalogue
from tests.tidy.tree import SourceFile, dotted, package_files, parse

CODE = re.compile(r"[A-Z]-[A-Z0-9]+(-[A-Z0-9]+)*")
CODE_KINDS = ("E-", "D-", "R-", "W-", "S-")
GOOD_NEWS = "S-"  # what a screen says when all went well: nothing is left to do
# Faults of ours are not told to people: they stop the process (ValueError and its like) and need no code.
OUR_FAULTS = {"ValueError", "KeyError", "TypeError", "AssertionError", "LookupError", "NotImplementedError"}
MESSAGE_LENGTH_MAX = 160


def codes_in(sources: Iterable[SourceFile]) -> dict[str, str]:
    """Every text code written in the code, with the first place that writes it."""
    found: dict[str, str] = {}
    for source in sources:
        for node in source.nodes():
            if isinstance(node, ast.Constant) and _is_code(node.value):
                found.setdefault(str(node.value), f"{source.path}:{node.lineno}")
    return found


def _is_code(value: object) -> bool:
    return isinstance(value, str) and value.startswith(CODE_KINDS) and CODE.fullmatch(value) is not None


def errors_without_code(sources: Iterable[SourceFile]) -> list[str]:
    """Error classes that neither carry nor inherit `code`, unless they are faults of ours."""
    classes = {
        node.name: (node, f"{source.path}:{node.lineno}")
        for source in sources
        for node in source.nodes()
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }

    def settled(name: str) -> bool:
        if name in OUR_FAULTS:
            return True
        if name not in classes:
            return False
        node = classes[name][0]
        return _carries_code(node) or any(settled(dotted(base).rpartition(".")[2]) for base in node.bases)

    return [f"{place}: {name} has no code" for name, (_, place) in sorted(classes.items()) if not settled(name)]


def _carries_code(node: ast.ClassDef) -> bool:
    targets = [target for item in node.body if isinstance(item, ast.Assign) for target in item.targets]
    targets += [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
    in_class = any(isinstance(target, ast.Name) and target.id == "code" for target in targets)
    return in_class or any(isinstance(item, ast.Attribute) and dotted(item) == "self.code" for item in ast.walk(node))


def test_every_code_has_a_text_in_both_languages() -> None:
    codes = codes_in(package_files()) | {reason.value: "card/domain/decision.py" for reason in DenyReason}
    lacking = [
        f"{place}: {code} has no text in card/texts/{language}/"
        for code, place in sorted(codes.items())
        for language in LANGUAGES
        if code not in catalogue(language)
    ]
    assert not lacking, "\n" + "\n".join(lacking)


def test_no_text_is_left_over() -> None:
    codes = set(codes_in(package_files())) | {reason.value for reason in DenyReason}
    orphans = [f"card/texts/{name}: {code}" for name in LANGUAGES for code in sorted(set(catalogue(name)) - codes)]
    assert not orphans, "texts nobody can see:\n" + "\n".join(orphans)


def test_every_text_is_short_and_has_a_next_step() -> None:
    wrong = [
        f"card/texts/{language}: {text.code}"
        for language in LANGUAGES
        for text in catalogue(language).values()
        if not text.message.strip()
        or not (text.next_step.strip() or text.code.startswith(GOOD_NEWS))
        or len(text.message) > MESSAGE_LENGTH_MAX
    ]
    assert not wrong, f"empty, or longer than {MESSAGE_LENGTH_MAX}:\n" + "\n".join(wrong)


def test_chinese_texts_are_chinese() -> None:
    wrong = [text.code for text in catalogue("zh").values() if not re.search(r"[\u4e00-\u9fff]", text.message)]
    assert not wrong, f"no Chinese in {wrong}"


def test_every_error_carries_a_code() -> None:
    # Inside the twin errors are signals that leave the chip as status words; no person ever meets them.
    lacking = errors_without_code(source for source in package_files() if not source.under("firmware_sim/card/"))
    assert not lacking, "\n" + "\n".join(lacking)


def test_the_checks_can_fail() -> None:
    bare = parse("card/a.py", "class LostError(Exception): ...\nclass FarError(LostError): ...\nX = 'E-NO-TEXT'")
    assert [line.split()[1] for line in errors_without_code([bare])] == ["FarError", "LostError"]
    assert codes_in([bare]) == {"E-NO-TEXT": "card/a.py:3"}
    good = parse("card/a.py", "class LostError(Exception):\n    code = 'E-LOST'\nclass NearError(LostError): ...")
    assert not errors_without_code([good])
