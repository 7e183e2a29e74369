"""`onecard card check`: the acceptance lists of LD/T 6001.2 and 6001.3 and the implementer's list, on any card.

Nothing is written and no try is used up by default; what would need more is "not tried", with the reason. A card that
is none of ours is told so item by item and breaks nothing.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from card.channel import CardChannel, standard
from card.domain.clock import Clock, business_time
from card.domain.entropy import Entropy
from card.errors import CardError, CardLateError, CardLostError, ContactlessRefusedError, ReaderLostError
from card.pin import Pin
from card.readers.patience import PatientReader
from card.readers.pcsc import PcscReader
from card.session import SscSession
from keys.errors import KeysError
from terminal.card_chip import find_ssc
from terminal.card_desk import (
    DONE,
    LIST,
    NO,
    NOT_TRIED,
    Arguments,
    add_reader_options,
    choose,
    print_json,
    print_readers,
    print_table,
    reported,
)
from terminal.card_errors import PsamFamilyError
from terminal.card_export import check_free, write_new
from terminal.card_pin import PinSource, add_pin_options, show_tries
from terminal.card_rights import Rights, add_test_keys, rights_from
from terminal.check import cos, data, implementer
from terminal.check.bench import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    CheckBench,
    Item,
    Outcome,
    card_error_outcome,
    not_applicable,
    not_tried,
)
from terminal.check.bench import NOT_TRIED as UNTRIED
from terminal.check.pages import render

_GONE = (CardLostError, ReaderLostError, CardLateError)
CERTIFICATE = Item(
    "cos.certificate",
    cos.COS,
    "证书应用 certificate application",
    "证书应用在卡上",
    "the certificate application is there",
    data.certificate_group,
    "3",
)
ITEMS = (*implementer.ITEMS, *cos.ITEMS, CERTIFICATE, *data.ITEMS)
WORDS = {PASS: "通过 pass", FAIL: "不通过 FAIL", NOT_APPLICABLE: "不适用 n/a", UNTRIED: "未试 not tried"}


@dataclass(frozen=True, slots=True)
class Checked:
    """One item with its answer, the evidence and how long it took."""

    item: Item
    outcome: Outcome
    evidence: tuple[str, ...]
    ms: int

    def row(self) -> dict[str, object]:
        """The stable keys of `--json`."""
        item, outcome = self.item, self.outcome
        return {
            "id": item.id,
            "standard": item.standard,
            "clause": item.clause,
            "zh": item.zh,
            "en": item.en,
            "result": outcome.result,
            "why_zh": outcome.zh,
            "why_en": outcome.en,
            "evidence": list(self.evidence),
            "ms": self.ms,
        }


def main_check(argv: Sequence[str], entropy: Entropy, clock: Clock) -> int:
    """The command. Exit status: 0 nothing failed, 1 something did, 2 the card could not be checked, 64 usage."""
    options = _options(argv)
    if options.reader == LIST:
        return print_readers(options.json)

    def run() -> int:
        check_free([options.page] if options.page else [], options.force)
        with rights_from(options, entropy) as rights:
            return _run(options, rights, clock)

    return reported(run)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(
        prog="onecard card check", description="按检测规范逐项检查一张卡 · the acceptance list on one card, read-only"
    )
    add_reader_options(parser)
    add_test_keys(parser)
    parser.add_argument("--ask-pin", action="store_true", help="输入密码，检查受保护的文件 · ask for the PIN")
    add_pin_options(parser)
    help_ = "试写原内容，应被拒绝 · try to write back what stands there, which a sound card refuses"
    parser.add_argument("--profile", default="", metavar="NAME", help="按这份卡规格 · measure against this profile")
    parser.add_argument("--write-back", action="store_true", help=help_)
    parser.add_argument("--page", type=Path, metavar="FILE", help="报告页，单个 HTML 文件 · report page, one HTML file")
    parser.add_argument("--force", action="store_true", help="覆盖已有文件 · replace files that are there")
    return parser.parse_args(list(argv))


def _run(options: argparse.Namespace, rights: Rights | None, clock: Clock) -> int:
    name = choose(options.reader, options.psam, options.patience)
    channel = PatientReader(PcscReader(name), options.patience).connect()
    at = business_time(clock.now()).strftime("%Y-%m-%d %H:%M:%S")
    try:
        pin = _pin(channel, options)
        checked, card = check(channel, rights, pin, write_back=options.write_back, wanted=options.profile)
    finally:
        channel.close()
    summary = _summary(checked)
    document = {**card, "reader": name, "at": at, "summary": summary, "items": [item.row() for item in checked]}
    if options.page:
        write_new(options.page, render(document).encode())
    if options.json:
        print_json(document)
    else:
        _print(checked, summary, options.page)
    if all(item.outcome.result == UNTRIED for item in checked):
        return NOT_TRIED
    return NO if summary[FAIL] else DONE


def _pin(channel: CardChannel, options: argparse.Namespace) -> Pin | None:
    if not (options.ask_pin or options.pin_stdin):
        return None
    usual = standard(channel)
    session = SscSession(usual, find_ssc(usual).profile)
    session.select()
    show_tries(session, quiet=options.json, last_try=options.last_try)
    return PinSource(options.pin_stdin).ask("密码 PIN: ")


def check(
    channel: CardChannel, rights: Rights | None, pin: Pin | None, *, write_back: bool, wanted: str = ""
) -> tuple[list[Checked], dict[str, object]]:
    """Every item in order, and what the card says it is. A card that goes away leaves the rest "not tried"."""
    bench = CheckBench(channel, rights, pin, write_back=write_back, wanted=wanted)
    checked: list[Checked] = []
    gone: CardError | None = None
    for item in ITEMS:
        started, mark = time.monotonic(), len(bench.trace.exchanges)
        if gone is not None:
            outcome = not_tried(f"卡片已不在：{gone.code}", f"the card is gone: {gone.code}")
        else:
            try:
                outcome = run_item(bench, item)
            except _GONE as lost:
                gone, outcome = lost, not_tried(f"检查中断：{lost}", f"interrupted: {lost}")
        ms = int((time.monotonic() - started) * 1000)
        checked.append(Checked(item, outcome, tuple(bench.evidence(mark)), ms))
    return checked, _card(bench)


def run_item(bench: CheckBench, item: Item) -> Outcome:
    """One item; only a card that is gone goes up."""
    if bench.found is None and item.id not in ("list.atr", "data.atr"):
        return not_applicable(
            f"这张卡没有社会保障应用：{bench.why_foreign}", f"no social security application: {bench.why_foreign}"
        )
    if bench.found is not None and bench.version not in item.versions:
        return not_applicable(f"{bench.profile.version} 不适用", f"not for {bench.profile.version}")
    try:
        return item.run(bench)
    except _GONE:
        raise
    except ContactlessRefusedError as refused:
        return not_applicable(
            f"非接触界面不做这项（{refused.doing}）", f"not for the contactless interface ({refused.doing})"
        )
    except PsamFamilyError as other:
        return not_tried(
            f"这个 PSAM 不会这张卡的算法（{other}）", f"this PSAM does not know the card's algorithm ({other})"
        )
    except (CardError, KeysError) as trouble:
        return card_error_outcome(trouble)


def _card(bench: CheckBench) -> dict[str, object]:
    found = bench.found
    return {
        "atr": bench.channel.atr.hex().upper(),
        "profile": found.profile.name if found else "",
        "version": found.version if found else "",
        "proven": bench.proven,
        "rights": bench.rights.source if bench.rights else "",
        "pin": bench.pin is not None,
        "write_back": bench.write_back,
    }


def _summary(checked: Sequence[Checked]) -> dict[str, int]:
    results = [item.outcome.result for item in checked]
    return {name: results.count(name) for name in WORDS}


def _print(checked: Sequence[Checked], summary: dict[str, int], page: Path | None) -> None:
    standard = ""
    block: list[tuple[str, str, str, str]] = []
    for item in checked:
        if item.item.standard != standard:
            print_table(block)
            standard, block = item.item.standard, []
            print(f"\n{standard}")
        title = f"{item.item.zh} {item.item.en}"
        why = f"{item.outcome.zh} {item.outcome.en}"
        block.append((f"  {WORDS[item.outcome.result]}", item.item.clause, title, why))
    print_table(block)
    print("\n" + "  ".join(f"{words} {summary[name]}" for name, words in WORDS.items()))
    if page:
        print(f"报告页 page: {page}")
    else:
        print("要打印的报告页：加 --page 文件.html。 For a page to print: --page FILE.html.")
