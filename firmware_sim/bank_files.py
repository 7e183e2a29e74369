"""How the simulated banks write: their own hand-made readers and writers, sharing nothing with the server's grammar."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from keys.algorithms.sm3 import sm3


@dataclass(frozen=True, slots=True)
class Order:
    """One line of a payment file."""

    line: int
    e2e_id: str
    account: str
    name: str = field(repr=False)
    fen: int


@dataclass(frozen=True, slots=True)
class PaymentFile:
    batch_no: str
    file_no: int
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a return file. `outcome` is paid, failed, pending or returned; `reason` the internal cause."""

    order: Order
    outcome: str
    reason: str
    paid_at: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """One bank's habits."""

    family: str
    encoding: str
    newline: str
    reasons: dict[str, str]
    outcomes: dict[str, str]
    fen: bool
    name_width: int = 0


AGG30 = {"paid": "0000", "account": "3009", "name": "3031", "closed": "3018", "frozen": "3017", "timeout": "3044"}
PSBC = {"paid": "0", "account": "38", "name": "37", "closed": "9", "frozen": "10", "timeout": "90"}
ISO = {"paid": "ACSC", "account": "AC01", "name": "BE01", "closed": "AC04", "frozen": "AC06", "timeout": "PDNG"}
ONE = {"paid": "0", "failed": "1", "pending": "2", "returned": "3"}
LETTER = {"paid": "S", "failed": "F", "pending": "P", "returned": "R"}
WORD = {"paid": "成功", "failed": "失败", "pending": "处理中", "returned": "退票"}
FOUR = {"paid": "ACSC", "failed": "RJCT", "pending": "PDNG", "returned": "RTND"}
AGG30["returned"], PSBC["returned"], ISO["returned"] = "3056", "91", "RTND"
OURS = {
    "paid": "P000",
    "account": "P101",
    "name": "P102",
    "closed": "P104",
    "frozen": "P105",
    "timeout": "P116",
    "returned": "P118",
}
SAID = {
    "paid": "",
    "account": "账号不存在",
    "name": "户名不符",
    "closed": "已销户",
    "frozen": "账户止付",
    "timeout": "处理超时",
    "returned": "退汇",
}
HEADINGS = ["序号", "明细标识", "收款账号", "收款户名", "金额", "结果", "原因码", "原因", "入账时间", "银行流水"]

HOUSES = {
    "102": House("bar", "utf-8", "\n", AGG30, ONE, fen=False),
    "402": House("bar", "gb18030", "\n", ISO, FOUR, fen=False),
    "103": House("columns", "gb18030", "\r\n", PSBC, LETTER, fen=True, name_width=150),
    "403": House("columns", "utf-8", "\n", PSBC, LETTER, fen=True, name_width=200),
    "105": House(",", "gb18030", "\r\n", AGG30, WORD, fen=False),
    "313": House(";", "utf-8", "\n", AGG30, WORD, fen=True),
}


class PaymentFileError(ValueError):
    """A payment file this bank cannot read."""

    code = "E-SIM-BANK-FILE"


def read_payment(bank: str, raw: bytes) -> PaymentFile:
    """Parse a payment file as this bank would. Raises PaymentFileError."""
    house = HOUSES[bank]
    try:
        rows = raw.decode(house.encoding).split(house.newline)[:-1]
        if house.family == "bar":
            return _read_bar(rows)
        if house.family == "columns":
            return _read_columns(house, rows)
        return _read_table(house, rows)
    except (ValueError, IndexError) as bad:
        raise PaymentFileError(f"bank {bank}: {bad}") from bad


def _cents(text: str) -> int:
    whole, point, rest = text.partition(".")
    return int(whole) * 100 + int(rest) if point and len(rest) == 2 else int(text)


def _read_bar(rows: list[str]) -> PaymentFile:
    head = rows[0].split("|")
    cells = [row.split("|") for row in rows[1:-1]]
    orders = tuple(Order(int(c[1]), c[2], c[10], c[6], _cents(c[11])) for c in cells)
    return _checked(PaymentFile(head[2], int(head[12]), orders), int(head[7]), _cents(head[8]))


def _read_columns(house: House, rows: list[str]) -> PaymentFile:
    def cut(row: str, widths: Sequence[int]) -> list[str]:
        data, found = row.encode(house.encoding), []
        for width in widths:
            found.append(data[:width].decode(house.encoding).strip(" "))
            data = data[width:]
        return found

    head = cut(rows[0], (2, 8, 14, 4, 4))
    cells = [cut(row, (2, 8, 32, house.name_width, 15, 2, 30, 80, 24)) for row in rows[1:-1]]
    orders = tuple(Order(int(c[1]), c[8], c[2], c[3], int(c[4])) for c in cells)
    tail = cut(rows[-1], (2, 8, 18))
    return _checked(PaymentFile(head[2], int(head[3]), orders), int(tail[1]), int(tail[2]))


def _read_table(house: House, rows: list[str]) -> PaymentFile:
    head = rows[0].split(house.family)
    cells = [row.split(house.family) for row in rows[2:-1]]
    orders = tuple(Order(int(c[0]), c[6], c[1], c[2], int(c[4]) if house.fen else _cents(c[4])) for c in cells)
    tail = rows[-1].split(house.family)
    return _checked(PaymentFile(head[1], int(head[3]), orders), int(tail[1]), _sum(house, tail[2]))


def _sum(house: House, text: str) -> int:
    return int(text) if house.fen else _cents(text)


def _checked(found: PaymentFile, count: int, total: int) -> PaymentFile:
    if len(found.orders) != count or sum(order.fen for order in found.orders) != total:
        raise PaymentFileError("totals do not balance")
    return found


def write_return(bank: str, batch_no: str, number: int, day: str, results: Sequence[Result]) -> bytes:
    """A return file as this bank writes it."""
    house = HOUSES[bank]
    if house.family == "bar":
        body, tail = _write_bar(house, batch_no, number, day, results)
    elif house.family == "columns":
        body, tail = _write_columns(house, batch_no, number, day, results)
    else:
        body, tail = _write_table(house, batch_no, number, day, results)
    coded = "".join(row + house.newline for row in body).encode(house.encoding)
    return coded + (tail + sm3(coded).hex() + house.newline).encode(house.encoding)


def _sums(results: Sequence[Result]) -> dict[str, tuple[int, int]]:
    groups = {"all": list(results)}
    groups |= {name: [r for r in results if r.outcome == name] for name in ("paid", "failed")}
    return {name: (len(group), sum(r.order.fen for r in group)) for name, group in groups.items()}


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _write_bar(house: House, batch_no: str, number: int, day: str, results: Sequence[Result]) -> tuple[list[str], str]:
    sums = _sums(results)
    (ok, sum_ok), (bad, sum_bad), (count, total) = sums["paid"], sums["failed"], sums["all"]
    rows = [f"H|1.0|{batch_no}|{number}|{ok}|{_yuan(sum_ok)}|{bad}|{_yuan(sum_bad)}|{day}"]
    for r in results:
        cells = [str(r.order.line), r.order.e2e_id, house.outcomes[r.outcome], OURS[r.reason], house.reasons[r.reason]]
        cells += [SAID[r.reason], r.paid_at, r.serial, _yuan(r.order.fen)]
        rows.append("R|" + "|".join(cells))
    return rows, f"T|{count}|{_yuan(total)}|"


def _write_columns(
    house: House, batch_no: str, number: int, day: str, results: Sequence[Result]
) -> tuple[list[str], str]:
    def left(text: str, width: int) -> str:
        return text + " " * (width - len(text.encode(house.encoding)))

    rows = [f"11{day}{left(batch_no, 14)}{number:04d}"]
    for r in results:
        row = f"21{r.order.line:08d}{left(r.order.account, 32)}{left(r.order.name, house.name_width)}{r.order.fen:015d}"
        row += f"{house.outcomes[r.outcome]}{left(house.reasons[r.reason], 2)}{left(r.paid_at, 14)}{left(r.serial, 24)}"
        rows.append(row + left(r.order.e2e_id, 24) + left(SAID[r.reason], 60))
    sums = _sums(results)
    return rows, "98" + "".join(
        f"{count:08d}{total:018d}" for count, total in (sums["all"], sums["paid"], sums["failed"])
    )


def _write_table(
    house: House, batch_no: str, number: int, day: str, results: Sequence[Result]
) -> tuple[list[str], str]:
    def money(fen: int) -> str:
        return str(fen) if house.fen else _yuan(fen)

    mark = house.family
    rows = [mark.join(("代发批次", batch_no, "回盘", str(number), "银行日期", day)), mark.join(HEADINGS)]
    for r in results:
        cells = [str(r.order.line), r.order.e2e_id, r.order.account, r.order.name, money(r.order.fen)]
        cells += [house.outcomes[r.outcome], house.reasons[r.reason], SAID[r.reason], r.paid_at, r.serial]
        rows.append(mark.join(cells))
    sums = {name: (str(count), money(total)) for name, (count, total) in _sums(results).items()}
    return rows, mark.join(("合计", *sums["all"], "成功", *sums["paid"], "失败", *sums["failed"], ""))
