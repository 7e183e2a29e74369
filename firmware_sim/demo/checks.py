"""Check us without us: commands of other people's programs over what this run left behind.

Every command runs in the run's folder as it is printed; its whole standard output is `Check.expect` and a line end.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from shlex import quote

import segno

from card.domain.money import Fen
from firmware_sim.card.chip import values_of
from firmware_sim.daemon import find_programs, reader_name
from firmware_sim.demo.record import Check
from firmware_sim.demo.signatures import write_signatures
from firmware_sim.demo.stage import CHIPS, DATA, STREET, Stage
from firmware_sim.errors import DaemonNotInstalledError
from firmware_sim.installed import CHECKOUT, LOCAL_ROOT, find_program
from keys.code.sign import root_entry

SELECT_SSSE = "00:A4:04:00:0F:73:78:31:2E:73:68:2E:C9:E7:BB:E1:B1:A3:D5:CF"
READ_CARD_NUMBER = "00:B2:07:2C:0B"  # record 07 of the file with short identifier 5: tag, length, nine characters
CARD_NUMBER_RECORD = "ef/SSSE/EF05/07"
BOOK, RECEIPT = "ledger.journal", "receipt.png"
HLEDGER_WIDTH = 20
VERIFIED = "Signature Verified Successfully"
# Program and the Debian package that brings it.
PACKAGES = {
    "opensc-tool": "opensc",
    "hledger": "hledger",
    "openssl": "openssl",
    "zbarimg": "zbar-tools",
    "sqlite3": "sqlite3",
}


def build(stage: Stage) -> list[Check]:
    """Write what the checks need into the run's folder and list them; says in `record.skipped` what cannot run here."""
    makers: tuple[tuple[str, Callable[[Stage], list[Check]]], ...] = (
        ("opensc-tool", _chip),
        ("hledger", _book),
        ("openssl", _code),
        ("zbarimg", _receipt),
        ("sqlite3", _events),
    )
    found: list[Check] = []
    for program, make in makers:
        place = find_program(program)
        found += [_reached(check, place, stage.folder) for check in make(stage)]
        if place is None:
            why = f"本机没有 not on this machine (apt install {PACKAGES[program]})"
            stage.record.skipped.append(f"{program}：{why}，它的旁证不能在此运行 its check cannot run here")
    if not _has_daemon():
        why = "本机没有 not on this machine (apt install pcscd vsmartcard-vpcd)"
        stage.record.skipped.append(f"pcscd, vpcd：{why}，没有读卡器可读 no reader for opensc-tool")
    return found


def _has_daemon() -> bool:
    try:
        find_programs()
    except DaemonNotInstalledError:
        return False
    return True


def home_from(folder: Path) -> str:
    """The checkout as seen from the run's folder: a relative path when the folder lies in it."""
    here = folder.resolve()
    if CHECKOUT in here.parents:
        return "/".join([".."] * len(here.relative_to(CHECKOUT).parts))
    return str(CHECKOUT)


def _reached(check: Check, place: Path | None, folder: Path) -> Check:
    """A program in set-up's private copy is found after one more line."""
    if place is not None and LOCAL_ROOT in place.parents:
        check.command = f". {quote(home_from(folder) + '/.local/env.sh')}\n{check.command}"
    return check


def _chip(stage: Stage) -> list[Check]:
    """The card number of the first card made, read by OpenSC from its twin in a PC/SC reader."""
    chip = stage.holders[0].chip
    record = values_of(chip)[CARD_NUMBER_RECORD]
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in record)
    onecard = quote(home_from(stage.folder) + "/.venv/bin/onecard")
    lines = (
        "rm -f readers.json",
        f"{onecard} sim up --chip {DATA}/{CHIPS}/{chip.name} --json > readers.json &",
        "while kill -0 $! && ! grep -q pid readers.json; do sleep 0.2; done",
        """export PCSCLITE_CSOCK_NAME="$(sed 's/.*"socket": "\\([^"]*\\)".*/\\1/' readers.json)\"""",
        f"opensc-tool -r '{reader_name(0)}' -s {SELECT_SSSE} -s {READ_CARD_NUMBER} | tail -n 1",
        "kill $!",
    )
    expect = f"{record.hex(' ').upper()} {letters}"
    return [Check("读孪生卡的卡号", "OpenSC reads a twin's card number", "\n".join(lines), expect, "opensc, pcscd")]


def _book(stage: Stage) -> list[Check]:
    """The whole book as a plain-text journal; hledger sums it by kind of account."""
    (stage.folder / BOOK).write_bytes(stage.console.download("ledger/journal"))
    answer = stage.console.ask("GET", "ledger/balances")["balances"]
    assert isinstance(answer, dict)
    table = balance_table({str(name): int(fen) for name, fen in answer.items()})
    hledger = f"LC_ALL=C.UTF-8 hledger -f {BOOK}"
    return [
        Check("总账合计为零", "hledger balances the book to zero", f"{hledger} balance --depth 1", table, "hledger"),
        Check("每笔分录平衡", "every posting balances", f"{hledger} check && echo ok", "ok", "hledger"),
    ]


def balance_table(balances: Mapping[str, int]) -> str:
    """What `hledger balance --depth 1` prints for accounts `a:b:c` in fen: sums of first names, a line, the total."""
    sums: Counter[str] = Counter()
    for name, fen in balances.items():
        sums[name.partition(":")[0]] += fen
    rows = [f"{_amount(fen):>{HLEDGER_WIDTH}}  {name}" for name, fen in sorted(sums.items()) if fen]
    return "\n".join([*rows, "-" * HLEDGER_WIDTH, f"{_amount(sum(sums.values())):>{HLEDGER_WIDTH}}  "])


def _amount(fen: int) -> str:
    return f"CNY {Fen(fen).yuan()}" if fen else "0"


def _code(stage: Stage) -> list[Check]:
    """The three SM2 signatures of the code at the camera: the user's, the issuer's, the root's."""
    raw = (stage.folder / "codes" / "camera.bin").read_bytes()
    cut = write_signatures(stage.folder / "codes", "camera", raw, root_entry(stage.centre.hsm).key.compressed())
    same = f"head -c {cut} codes/camera.bin | cmp - codes/camera.body.bin"
    above = f"for part in issuer root; do {_verify('camera.$part')}; done"
    return [
        Check("码的用户签名", "the code's user signature", f"{same}\n{_verify('camera')}", VERIFIED, "openssl 3"),
        Check("其上两级签名", "the two signatures above it", above, f"{VERIFIED}\n{VERIFIED}", "openssl 3"),
    ]


def _verify(name: str) -> str:
    return (
        f"openssl pkeyutl -verify -pubin -inkey codes/{name}.pub.pem -rawin -digest sm3 "
        f"-pkeyopt distid:1234567812345678 -in codes/{name}.body.bin -sigfile codes/{name}.sig.der"
    )


def _receipt(stage: Stage) -> list[Check]:
    """The police receipt of the hotel stay as a text code."""
    number = str(stage.record.figures.get("receipt_no", ""))
    if not number:
        return []
    segno.make(number, micro=False).save(str(stage.folder / RECEIPT), scale=8, border=4)
    title = ("住宿回执的文本码", "ZBar reads the stay's receipt")
    return [Check(*title, f"zbarimg -q --raw {RECEIPT}", number, "zbar-tools")]


def _events(stage: Stage) -> list[Check]:
    """As many events at the server as in the terminals' journals, and the same bytes."""
    raws: list[str] = []
    for device in stage.street.devices.values():
        with closing(sqlite3.connect(device.journal_path)) as file:
            raws += [str(row[0]) for row in file.execute("SELECT hex(raw) FROM events")]
    each = f"for f in {DATA}/{STREET}/*.journal.db; do sqlite3 $f"
    server = f"sqlite3 {DATA}/server.db"
    count, content = "'SELECT count(*) FROM events'", "'SELECT hex(raw) FROM events'"
    counting = f"{each} {count}; done | awk '{{n += $1}} END {{print n}}'\n{server} {count}"
    comparing = f"{each} {content}; done | sort | sha256sum\n{server} {content} | sort | sha256sum"
    digest = sha256("".join(f"{raw}\n" for raw in sorted(raws)).encode()).hexdigest()
    return [
        Check(
            "事件数：日志与平台",
            "events in journals and at the server",
            counting,
            f"{len(raws)}\n{len(raws)}",
            "sqlite3",
        ),
        Check("逐字节相同", "and the same bytes", comparing, f"{digest}  -\n{digest}  -", "sqlite3"),
    ]
