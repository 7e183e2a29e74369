"""The flags of `onecard demo`, checked before anything starts."""

import argparse
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

DEFAULT_DATE = date(2026, 11, 23)
# The catalogue's items are in force from the first; the test code certificate ends a month after the last.
FIRST_DATE, LAST_DATE = date(2026, 1, 1), date(2030, 11, 30)
USAGE = 64
CLOCK_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MOST_SKEW_S = 366 * 86_400


class BankFileError(ValueError):
    """The bank return file cannot be read."""

    code = "E-DEMO-BANK-FILE"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`tear_at`: cut the card's power at that APDU of the torn tap, from 1. `kill_at`: kill the server before that tap.

    `clock_skew_s`: how wrong the bus validator's clock is, in seconds.
    """

    seed: int
    day: date
    applicants: Path
    out: Path
    json: bool
    transport: str
    tear_at: int | None
    kill_at: int | None
    clock_skew_s: int
    bank_file: Path | None


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="onecard demo", description="从申请到清分，一次走完 One card, from application to clearing, on real PC/SC."
    )
    p.add_argument("--seed", type=int, default=20261123, help="chance of this run (default %(default)s)")
    p.add_argument(
        "--date", type=_day, default=DEFAULT_DATE, help="business day, YYYY-MM-DD, 2026 to 2030 (default %(default)s)"
    )
    p.add_argument("--applicants", type=Path, default=None, help="CSV of applicants (default examples/applicants.csv)")
    p.add_argument("--out", type=Path, default=Path("build/demo"), help="where the report goes (default %(default)s)")
    p.add_argument("--json", action="store_true", help="print report.json on standard output")
    p.add_argument("--transport", choices=("pcsc", "direct"), default="pcsc", help="direct: same twin, no PC/SC daemon")
    p.add_argument("--tear-at", type=_place, default=None, metavar="N", help="cut the torn tap at its N-th APDU")
    p.add_argument("--kill", type=_kill, default=None, metavar="server@tap:N", help="kill the server before bus tap N")
    p.add_argument(
        "--clock", type=_skew, default=0, metavar="+1d", help="set the bus validator's clock wrong by that much"
    )
    p.add_argument(
        "--bank-file", type=Path, default=None, metavar="FILE", help="import this bank return file in the benefit run"
    )
    return p


def parse(argv: list[str]) -> DemoOptions:
    """Options of one run; SystemExit(64) on a wrong flag."""
    p = parser()
    try:
        args = p.parse_args(_joined(argv))
    except SystemExit as stop:
        raise SystemExit(0 if stop.code == 0 else USAGE) from stop
    root = Path(__file__).resolve().parents[2]
    return DemoOptions(
        seed=args.seed,
        day=args.date,
        applicants=args.applicants or root / "examples" / "applicants.csv",
        out=args.out,
        json=args.json,
        transport=args.transport,
        tear_at=args.tear_at,
        kill_at=args.kill,
        clock_skew_s=args.clock,
        bank_file=args.bank_file,
    )


def _joined(argv: list[str]) -> list[str]:
    """`--clock -1d` as one word: argparse would take -1d for a flag."""
    words = list(argv)
    while "--clock" in words[:-1]:
        place = words.index("--clock")
        words[place : place + 2] = [f"--clock={words[place + 1]}"]
    return words


def _day(value: str) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError as bad:
        raise argparse.ArgumentTypeError("write YYYY-MM-DD, a day that exists") from bad
    if not FIRST_DATE <= day <= LAST_DATE:
        raise argparse.ArgumentTypeError(f"{FIRST_DATE} to {LAST_DATE}: services and test certificates stand then")
    return day


def _place(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError("counts from 1")
    return int(value)


def _kill(value: str) -> int:
    found = re.fullmatch(r"server@tap:(\d+)", value)
    if not found or int(found[1]) < 1:
        raise argparse.ArgumentTypeError("write server@tap:N with N from 1")
    return int(found[1])


def _skew(value: str) -> int:
    found = re.fullmatch(r"([+-])(\d+)([smhd])", value)
    if not found:
        raise argparse.ArgumentTypeError("write +1d, -2h, +30m or +10s")
    seconds = int(found[2]) * CLOCK_UNITS[found[3]]
    if seconds > MOST_SKEW_S:
        raise argparse.ArgumentTypeError("at most 366 days")
    return seconds if found[1] == "+" else -seconds


def look_at_bank_file(path: Path | None) -> None:
    """BankFileError when there is one and it cannot be read."""
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as bad:
        raise BankFileError(f"{path}: {bad.strerror}") from bad
