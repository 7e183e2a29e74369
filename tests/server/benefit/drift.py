"""Ways in which a bank's return file drifts: layout, encoding, meaning; digests made anew, as a changed bank would."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from firmware_sim.bank_files import HOUSES, House, Result, write_return
from keys.algorithms.sm3 import sm3

Drift = tuple[str, bytes]
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def redigest(house: House, lines: list[str], encoding: str = "", newline: str = "") -> bytes:
    """The file of these lines with a true SM3 in the last one."""
    encoding, newline = encoding or house.encoding, newline or house.newline
    body = "".join(line + newline for line in lines[:-1]).encode(encoding)
    return body + (lines[-1][:-64] + sm3(body).hex() + newline).encode(encoding)


def lines_of(house: House, raw: bytes) -> list[str]:
    return raw.decode(house.encoding).split(house.newline)[:-1]


def layout_drifts(bank: str, raw: bytes, rng: Random) -> Iterator[Drift]:
    """The bank changed its format and its digest is right."""
    house = HOUSES[bank]
    lines = lines_of(house, raw)
    heads = 1 if house.family in ("bar", "columns") else 2
    if house.family == "columns":
        yield from _fixed_drifts(house, lines)
    else:
        yield from _column_drifts(house, lines, heads, "|" if house.family == "bar" else house.family)
    yield "header missing", redigest(house, lines[1:])
    yield "header twice", redigest(house, [lines[0], *lines])
    yield "trailer missing", redigest(house, [*lines[:-1], ""])
    yield "blank line", redigest(house, [*lines[:-1], "", lines[-1]])
    yield "line repeated", redigest(house, [*lines[:-1], lines[-2], lines[-1]])
    yield "line lost", redigest(house, [*lines[: heads + 1], *lines[heads + 2 :]])
    yield "two files in one", raw + raw
    yield "full-width digits", redigest(house, [line.translate(FULL_WIDTH) for line in lines[:-1]] + lines[-1:])
    yield "lower case", redigest(house, [line.lower() for line in lines])
    yield "spaces at the end", redigest(house, [line + " " for line in lines[:-1]] + lines[-1:])
    for other in ("\n", "\r\n", "\r"):
        if other != house.newline:
            yield f"line end {other!r}", redigest(house, lines, newline=other)
    for other in ("utf-8", "gb18030", "utf-16", "utf-8-sig"):
        if other != house.encoding:
            yield f"encoding {other}", "".join(line + house.newline for line in lines).encode(other)
            yield f"encoding {other}, digest anew", redigest(house, lines, encoding=other)
    yield "no last line end", raw[: -len(house.newline)]
    for _ in range(60):
        yield "cut", raw[: rng.randrange(len(raw))]
    for _ in range(60):
        at = rng.randrange(len(raw))
        yield "byte changed on the way", raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]


def _column_drifts(house: House, lines: list[str], heads: int, mark: str) -> Iterator[Drift]:
    details = [line.split(mark) for line in lines[heads:-1]]
    width = len(details[0])

    def rebuilt(rows: list[list[str]]) -> bytes:
        return redigest(house, lines[:heads] + [mark.join(row) for row in rows] + lines[-1:])

    for one in range(width):
        for two in range(one + 1, width):
            order = list(range(width))
            order[one], order[two] = two, one
            yield f"columns {one} and {two} exchanged", rebuilt([[row[at] for at in order] for row in details])
        yield f"column {one} gone", rebuilt([row[:one] + row[one + 1 :] for row in details])
        yield f"new column before {one}", rebuilt([[*row[:one], "0", *row[one:]] for row in details])
        yield f"column {one} emptied", rebuilt([[*row[:one], "", *row[one + 1 :]] for row in details])
        yield f"column {one} quoted", rebuilt([[*row[:one], f'"{row[one]}"', *row[one + 1 :]] for row in details])
        yield f"column {one} padded", rebuilt([[*row[:one], f" {row[one]}", *row[one + 1 :]] for row in details])
    for other in ("\t", ",", ";", "|"):
        if other != mark:
            yield f"delimiter {other!r}", redigest(house, [line.replace(mark, other) for line in lines])
    for at in range(heads):
        for place, cell in enumerate(lines[at].split(mark)):
            cells = lines[at].split(mark)
            cells[place] = cell + "X"
            yield f"header cell {place}", redigest(house, [*lines[:at], mark.join(cells), *lines[at + 1 :]])
    tail = lines[-1].split(mark)
    for place in range(len(tail) - 1):
        cells = [*tail[:place], "7" + tail[place], *tail[place + 1 :]]
        yield f"trailer cell {place}", redigest(house, [*lines[:-1], mark.join(cells)])


def _fixed_drifts(house: House, lines: list[str]) -> Iterator[Drift]:
    details = [line.encode(house.encoding) for line in lines[1:-1]]

    def rebuilt(rows: list[bytes]) -> bytes | None:
        try:
            return redigest(house, lines[:1] + [row.decode(house.encoding) for row in rows] + lines[-1:])
        except UnicodeDecodeError:
            return None

    free = len(details[0]) - 60
    for at in range(0, len(details[0]), 3):
        for what, rows in (
            (f"byte inserted at {at}", [row[:at] + b" " + row[at:] for row in details]),
            (f"byte lost at {at}", [row[:at] + row[at + 1 :] for row in details]),
            # The last 60 bytes are the bank's free text: a blank more in it is no drift.
            (f"shifted from {at}", [row[: min(at, free)] + b" " + row[min(at, free) : -1] for row in details]),
        ):
            found = rebuilt(rows)
            if found is not None:
                yield what, found
    for at in range(0, len(lines[0]), 2):
        digit = "8" if lines[0][at] != "8" else "3"
        yield f"header byte {at}", redigest(house, [lines[0][:at] + digit + lines[0][at + 1 :], *lines[1:]])
    for at in range(0, len(lines[-1]) - 64, 2):
        digit = "8" if lines[-1][at] != "8" else "3"
        tail = lines[-1][:at] + digit + lines[-1][at + 1 :]
        yield f"trailer byte {at}", redigest(house, [*lines[:-1], tail])


def meaning_drifts(bank: str, batch_no: str, day: str, results: list[Result]) -> Iterator[Drift]:
    """Well-formed files with true totals and digests that say something we never sent, or that cannot be."""

    def written(rows: list[Result], number: int = 1, on: str = day, batch: str = batch_no) -> bytes:
        return write_return(bank, batch, number, on, rows)

    def amounts(change: object, rows: list[Result]) -> list[Result]:
        assert callable(change)
        return [replace(row, order=replace(row.order, fen=change(row.order.fen))) for row in rows]

    yield "rounded to yuan", written(amounts(lambda fen: fen // 100 * 100, results))
    yield "rounded up", written(amounts(lambda fen: -(-fen // 10) * 10, results))
    yield "fen for yuan", written(amounts(lambda fen: fen * 100, results))
    yield "yuan for fen", written(amounts(lambda fen: fen // 100, results))
    yield "one fen less", written(amounts(lambda fen: fen - 1, results[:1]) + results[1:])
    yield "answered twice", written([*results, results[0]])
    yield "another batch", written(results, batch="PB202601010001")
    yield "file number 2", written(results, number=2)
    yield "file number 0", written(results, number=0)
    yield "day first", written(results, on=day[6:] + day[4:6] + day[:4])
    yield "two-digit year", written(results, on="00" + day[2:])
    yield "tomorrow", written(results, on=str(int(day) + 1))
    yield "before it was sent", written(results, on=str(int(day) - 1))
    for place, row in enumerate(results):
        others = results[:place], results[place + 1 :]
        for what, changed in _line_drifts(row):
            yield f"line {place}: {what}", written([*others[0], changed, *others[1]])


def _line_drifts(row: Result) -> Iterator[tuple[str, Result]]:
    order = row.order
    yield "unknown line", replace(row, order=replace(order, e2e_id=order.e2e_id[:-1] + "X"))
    yield "line of another number", replace(row, order=replace(order, line=order.line + 1))
    yield "cause without failure", replace(row, outcome="paid", reason="closed")
    yield "failure without cause", replace(row, outcome="failed", reason="paid")
    yield "pending with a cause", replace(row, outcome="pending", reason="name")
    if row.outcome == "paid":
        yield "paid without time", replace(row, paid_at="")
        yield "paid without serial", replace(row, serial="")
        yield "paid last year", replace(row, paid_at="2025" + row.paid_at[4:])
        yield "paid tomorrow", replace(row, paid_at=f"{int(row.paid_at) + 1_000_000}")
        yield "failed but booked", replace(row, outcome="failed", reason="closed")
    else:
        yield "booked but failed", replace(row, paid_at="20260302120000", serial="X1")


def said_back_drifts(bank: str, batch_no: str, day: str, results: list[Result]) -> Iterator[Drift]:
    """For banks that say account and name back: somebody else's."""
    for place, row in enumerate(results):
        for what, order in (
            ("account", replace(row.order, account=row.order.account[:-1] + "0")),
            ("name", replace(row.order, name=row.order.name + "甲")),
        ):
            changed = [*results[:place], replace(row, order=order), *results[place + 1 :]]
            if order != row.order:
                yield f"line {place}: another {what}", write_return(bank, batch_no, 1, day, changed)
