"""Writes conversations: mostly sensible ones, with accidents. Everything comes from one seeded source of chance."""

import random
from collections.abc import Callable, Iterator

from tests.model.applications import MEDICAL
from tests.model.book import Book, File, Record
from tests.model.card import EXTERNAL, INTERNAL, MASTER, PIN_TYPE
from tests.model.spec import SpecCard
from tests.model.state import CONTACTLESS, PERSONALISED, T0, T1
from tests.model.steps import Argument, Step

ACCIDENT = 0.12
LOOKED_AT = 0.25  # share of the files looked at when a conversation is over
PINS = ("right", "right", "right", "first", "000000", "12345678", "1234", "AB", "99999999999999")
NEW_PINS = ("246810", "135791", "first", "right", "2468", "2468AC")
DAMAGES = ("flip", "cut", "add", "header", "signature", "last", "extended")
FLAWS = ("", "", "", "", "start", "padding", "algorithm", "length", "place", "unknown")
LENGTHS = (0, 1, 3, 4, 5, 6, 7, 12, 40, 260)
BLOCKS = ("841E0000", "841E0000", "84180000", "84180000", "84180000", "841E0001", "84160000", "84FE0000")


class Author:
    """One conversation's writer."""

    def __init__(self, chance: random.Random, book: Book) -> None:
        self.chance = chance
        self.book = book
        self.plan: list[Step] = []
        self.whole: list[Step] = []  # a personalisation, made when first wanted
        self.protocols = [p for p in (T0, T1) if p in book.protocols] or [T0]
        if book.contactless.get("allowed"):
            self.protocols.append(CONTACTLESS)

    def next(self, card: SpecCard) -> Step:
        """The next step, having in mind what the card knows."""
        if card.now.waiting and self.chance.random() < 0.8:
            return Step("get_response", (-1,))
        while not self.plan:
            self.plan = self.idea(card)
        step = self.plan.pop(0)
        if self.chance.random() < ACCIDENT:
            step = Step(step.kind, step.arguments, self.damage())
        return step

    def damage(self) -> tuple[Argument, ...]:
        pick = self.chance
        value = pick.choice((0, 1, 2, 4, 8, 0x10, 0x80, 0xFF, pick.randrange(256)))
        return pick.choice(DAMAGES), pick.randrange(64), value

    def idea(self, card: SpecCard) -> list[Step]:
        """A few steps that belong together."""
        if self.chance.random() < 0.03:
            return [self.noise()]
        return self.used_card(card) if card.kept.life == PERSONALISED else self.young_card(card)

    def noise(self) -> Step:
        return Step("raw", (self.chance.randbytes(self.chance.choice(LENGTHS)),))

    # --- a card in use ----------------------------------------------------------------------------------------------
    def used_card(self, card: SpecCard) -> list[Step]:
        here = card.now.here
        in_purse, at_desk = here in self.book.purses, here in self.special()
        medical = (here, MEDICAL) in self.book.by_fid
        ideas: list[tuple[Callable[[SpecCard], list[Step]], float]] = [
            *((self.go_somewhere, 3), (self.read, 6), (self.prove_a_key, 4), (self.say_pin, 3), (self.update, 5)),
            *((self.new_pin, 1), (self.ask, 2), (self.puk, 1), (self.block, 0.3), (self.power, 0.4), (self.loose, 1)),
            *((self.end, 0.1), (self.stubborn, 0.15)),
            *((self.trade, 8 if in_purse else 0.5), (self.to_desk, 0 if at_desk else 2.5), (self.write_keys, 0.7)),
            *((self.bank, 5 if here in self.book.banks else 0.1), (self.medical, 4 if medical else 0.2)),
            (self.certificate, 6 if here in self.book.certificates else 0.05),
        ]
        idea = self.chance.choices([idea for idea, _ in ideas], [weight for _, weight in ideas])[0]
        return idea(card)

    def select(self, name: str) -> Step:
        folder = self.book.folders[name]
        if folder.aid and self.chance.random() < 0.6:
            return Step("raw", (bytes.fromhex("00A40400") + bytes((len(folder.aid),)) + folder.aid,))
        return Step("raw", (bytes.fromhex("00A4000002") + folder.fid,))

    def go_somewhere(self, card: SpecCard) -> list[Step]:
        if self.chance.random() < 0.05:
            return [
                Step(
                    "raw",
                    (bytes.fromhex(self.chance.choice(("00A40000", "00A4000000", "00A40400", "00A4020002EF05"))),),
                )
            ]
        return [self.select(self.chance.choice(list(self.book.folders)))]

    def special(self) -> list[str]:
        """Directories with commands of their own."""
        medical = [home for home, fid in self.book.by_fid if fid == MEDICAL]
        return [*self.book.purses, *self.book.purses, *self.book.banks, *self.book.certificates, *medical]

    def to_desk(self, card: SpecCard) -> list[Step]:
        special = self.special()
        return [self.select(self.chance.choice(special))] if special else self.go_somewhere(card)

    def power(self, card: SpecCard) -> list[Step]:
        if card.now.protocol == CONTACTLESS and self.chance.random() < 0.5:
            return [Step("deselect")]
        return [Step("reset", (self.chance.choice(self.protocols),))]

    def some_file(self, card: SpecCard) -> File | None:
        here = [file for file in self.book.files if file.home == card.now.here]
        return self.chance.choice(here) if here else None

    def read(self, card: SpecCard) -> list[Step]:
        file = self.some_file(card)
        if file is None:
            return self.go_somewhere(card)
        pick = self.chance
        sfi = file.sfi if pick.random() < 0.8 else 0
        opened = [] if sfi else [Step("raw", (bytes.fromhex("00A4020002") + file.fid,))]
        if file.kind == "transparent":
            offset = pick.choice((0, 0, 1, file.size - 1, file.size, pick.randrange(300)))
            p = bytes((0x80 | sfi, offset & 0xFF)) if sfi else (offset & 0x7FFF).to_bytes(2, "big")
            return [*opened, self.asking(b"\x00\xb0" + p, max(0, file.size - offset))]
        place, length = self.place_in(file, sfi)
        return [*opened, self.asking(b"\x00\xb2" + place, length)]

    def asking(self, head: bytes, length: int) -> Step:
        """With the right Le mostly, at times with none, zero, a wrong or a long one."""
        pick = self.chance.random()
        if pick < 0.08:
            return Step("raw", (head,))
        if pick < 0.14:
            return Step("raw", (head + b"\0" + self.chance.choice((length, 0, length + 1, 300)).to_bytes(2, "big"),))
        le = self.chance.choice((length, length, length, length, 0, length + 1, length - 1, 1))
        return Step("raw", (head + bytes((le & 0xFF,)),))

    def place_in(self, file: File, sfi: int) -> tuple[bytes, int]:
        """P1 P2 of one record and its length."""
        if file.kind == "cyclic":
            return bytes(
                (1 + self.chance.randrange(file.capacity + 1), sfi << 3 | 4 * self.chance.randrange(2))
            ), file.size
        record = self.chance.choice(file.records)
        by_number = self.chance.random() < 0.5
        return bytes((record.number, sfi << 3 | 4)) if by_number else bytes((record.tag, sfi << 3)), len(record.blank)

    def prove_a_key(self, card: SpecCard) -> list[Step]:
        line = self.book.line(card.now.here)
        kids = [key.kid for key in self.book.keys if key.home in line and key.kind == EXTERNAL]
        if not kids or self.chance.random() < 0.1:
            return [Step("challenge", (8,)), Step("master")]
        version = self.chance.choice((-1, -1, -1, 1, 1, 2, 3))
        return [
            Step("challenge", (8,)),
            Step("external", (self.chance.choice(kids), version, self.chance.randbytes(8))),
        ]

    def say_pin(self, card: SpecCard) -> list[Step]:
        if self.chance.random() < 0.15:
            return [
                Step("raw", (bytes.fromhex(self.chance.choice(("00200000", "0020000000", "00200181", "0020010010"))),))
            ]
        return [Step("verify", (self.chance.choice(PINS),))]

    def new_pin(self, card: SpecCard) -> list[Step]:
        return [
            Step("change", (self.chance.choice(("right", "right", "first", "000000")), self.chance.choice(NEW_PINS)))
        ]

    def puk(self, card: SpecCard) -> list[Step]:
        pick = self.chance
        last = (
            Step("unblock") if pick.random() < 0.5 else Step("reload", (pick.choice(("123123", "777777", "12AB56")),))
        )
        return [Step("challenge", (4,)), last]

    def ask(self, card: SpecCard) -> list[Step]:
        if self.chance.random() < 0.4:
            random_part = self.chance.choice((b"", self.chance.randbytes(8)))
            return [Step("challenge", (self.chance.choice((4, 8, 16)),)), Step("prove_version", (random_part,))]
        kids = [key.kid for key in self.book.keys if key.kind == INTERNAL] or [0]
        version = self.chance.choice((b"", b"", b"\x01", b"\x02"))
        return [Step("internal", (self.chance.choice(kids), self.chance.randbytes(16) + version))]

    def block(self, card: SpecCard) -> list[Step]:
        head = self.chance.choice(BLOCKS[:5] if self.chance.random() < 0.8 else BLOCKS)
        return [Step("challenge", (4,)), Step("maintain", (head,))]

    def stubborn(self, card: SpecCard) -> list[Step]:
        """The same wrong guess until nothing is left, and once more."""
        guess = self.chance.choice(
            (
                [Step("verify", ("000000",))],
                [Step("change", ("000000", "246810"))],
                [Step("challenge", (8,)), Step("raw", (bytes.fromhex("0082000008") + bytes(8),))],
                [Step("challenge", (4,)), Step("raw", (bytes.fromhex("842400000400000000"),))],
            )
        )
        return guess * 8

    def end(self, card: SpecCard) -> list[Step]:
        """The whole card blocked or terminated."""
        head = self.chance.choice(("84160000", "84FE0000"))
        return [self.select("MF"), Step("challenge", (4,)), Step("maintain", (head,))]

    def loose(self, card: SpecCard) -> list[Step]:
        """A step out of its place."""
        steps = (
            Step("credit", ("80520000", bytes(7))),
            Step("credit", ("80540300", bytes(7))),
            Step("debit", (bytes(4), bytes(7))),
            Step("finish"),
            self.noise(),
        )
        return [self.chance.choice(steps)]

    def update(self, card: SpecCard) -> list[Step]:
        file = self.some_file(card)
        if file is None:
            return self.go_somewhere(card)
        ins, p, data = self.new_content(file)
        if "mac:" in file.write or "enc:" in file.write or self.chance.random() < 0.3:
            return [Step("challenge", (4,)), Step("protected", (bytes((4, ins)).hex() + p.hex(), file.sfi, data))]
        if self.chance.random() < 0.05:
            return [Step("raw", (bytes((4, ins)) + p + b"\x04" + data[:4].ljust(4, b"\0"),))]
        plain = Step("raw", (bytes((0, ins)) + p + bytes((len(data) & 0xFF,)) + data,))
        needed = [key for key in self.book.keys if f"key:{key.name}" in file.write]
        if not needed or self.chance.random() < 0.3:
            return [plain]
        return [
            Step("challenge", (8,)),
            Step("external", (self.chance.choice(needed).kid, -1, self.chance.randbytes(8))),
            plain,
        ]

    def new_content(self, file: File) -> tuple[int, bytes, bytes]:
        """(INS, P1 P2, data) of an update of `file`, at times of the wrong kind."""
        pick = self.chance
        if file.kind == "transparent":
            offset = pick.choice((0, 0, pick.randrange(file.size)))
            data = pick.randbytes(pick.choice((1, 4, min(file.size, 200))))
            return 0xD6, bytes((0x80 | file.sfi, offset & 0xFF)), data
        if file.kind == "cyclic" or pick.random() < 0.05:
            size = file.size or 9
            append = pick.choice(((0xE2, bytes((0, file.sfi << 3))), (0xDC, bytes((0, file.sfi << 3 | 3)))))
            return *append, pick.randbytes(min(250, size + (pick.random() < 0.05)))
        record: Record = pick.choice(file.records)
        data = record.header + pick.randbytes(len(record.blank) - len(record.header))
        place = pick.choice((bytes((record.number, file.sfi << 3 | 4)), bytes((record.tag, file.sfi << 3))))
        return 0xDC, place, data[:250]

    def trade(self, card: SpecCard) -> list[Step]:
        pick = self.chance
        what = pick.choice(("load", "load", "buy", "ride", "ride", "unload", "look"))
        at, index, terminal = pick.randbytes(7), pick.choice((1, 1, 1, 1, 2)), pick.randbytes(6)
        if what == "look":
            proof = Step("prove", (pick.choice((0, 0, 0, 1, -1)), pick.choice((0, 0, 0, 2, 6, 9))))
            balance = bytes((0x80, 0x5C, pick.randrange(7), pick.choice((2, 2, 2, 1)), pick.choice((4, 4, 16, 0))))
            return [pick.choice((proof, Step("raw", (balance,))))]
        amount = self.amount(card)
        pay = Step("debit", (pick.randbytes(4), at))
        steps = {
            "load": [Step("begin", (0, index, amount, terminal)), Step("credit", ("80520000", at))],
            "unload": [Step("begin", (5, index, amount, terminal)), Step("credit", ("80540300", at))],
            "buy": [Step("begin", (1, index, amount, terminal)), pay],
            "ride": [Step("begin", (3, index, amount, terminal)), *self.trips(card), pay],
        }[what]
        if pick.random() < 0.15:
            steps.insert(
                1,
                pick.choice((Step("reset", (T0,)), self.noise(), Step("challenge", (8,)), self.select(card.now.here))),
            )
        return steps

    def amount(self, card: SpecCard) -> int:
        purse, facts = card.kept.purses.get(card.now.here), self.book.purses.get(card.now.here, {})
        low, top = purse.balance if purse else 0, facts.get("max_balance", 0)
        amounts = (0, 1, 100, 1000, low, low + 1, self.chance.randrange(60_000), top - low, top + 1 - low, 0xFFFFFFFF)
        return max(0, self.chance.choice(amounts))

    def trips(self, card: SpecCard) -> list[Step]:
        """Records for files whose rule names `capp`."""
        files = [f for f in self.book.files if f.home == card.now.here and "capp" in f.write]
        steps = []
        for _ in range(self.chance.choice((0, 1, 1, 2)) if files else 0):
            file = self.chance.choice(files)
            if file.kind == "cyclic":
                p, data = bytes((0, file.sfi << 3 | self.chance.choice((0, 0, 0, 4)))), self.chance.randbytes(file.size)
            else:
                _, p, data = self.new_content(file)
            steps.append(Step("raw", (b"\x80\xdc" + p + bytes((len(data),)) + data,)))
        return steps

    def bank(self, card: SpecCard) -> list[Step]:
        return [
            Step(
                "raw",
                (
                    bytes.fromhex(
                        self.chance.choice(
                            ("80A80000028300", "80CA9F3605", "80CA9F3600", "80CA9F1300", "80CA9F1704", "80CA9F7F00")
                        )
                    ),
                ),
            )
        ]

    def certificate(self, card: SpecCard) -> list[Step]:
        """PIN, key pairs, session key, signature, this only where the whole answer comes at once: none is foreseen."""
        pick = self.chance
        proof = [Step("challenge", (16,)), Step("certificate_verify", (pick.choice((0x81, 0x81, 0x81, 0)),))]
        change = [
            Step("challenge", (4,)),
            Step("certificate_change", (pick.choice((1, 1, 0)), pick.choice((b"123456", b"888888")))),
        ]
        make = [Step("raw", (bytes.fromhex(f"804E000{pick.choice('001')}40"),))]
        # A scalar of a nobody must be one: its first byte is below that of the order.
        seed = bytes(1) + pick.randbytes(30) + b"\x01"
        opened = [Step("certificate_open", (pick.randbytes(16), seed, pick.choice((-1, -1, pick.randrange(896)))))]
        pair = [Step("raw", (bytes.fromhex("804E000140"),))]
        sign = [Step("raw", (bytes.fromhex("80CA000020") + pick.randbytes(32),))] if card.now.protocol != T0 else []
        ways = (proof, change, [*proof, *make], [*proof, *make, *sign], sign, [*proof, *pair, *opened], opened)
        what = pick.choices(ways, (6, 3, 1, 1, 2, 4, 3))[0]
        return what or proof

    def medical(self, card: SpecCard) -> list[Step]:
        return [Step("raw", (bytes((0xB0, 0x26, 0, self.chance.randrange(5), self.chance.choice((4, 6, 0)))),))]

    def write_keys(self, card: SpecCard) -> list[Step]:
        """A key replaced, or a version added; on a finished card the master key must have been proven."""
        here = [key for key in self.book.keys if key.home == card.now.here] or self.book.keys
        key = self.chance.choice(here)
        version = self.chance.choice((1, 1, 2, 2, 3, 4, 5, 0))
        flaw, value = self.chance.choice(FLAWS), self.chance.randbytes(16)
        kind = 0x33 if flaw == "unknown" else key.kind
        write = Step("write_key", (kind, key.kid, version, self.chance.choice((1, 3, 3)), value, flaw))
        if self.chance.random() < 0.2:
            several = [Step("write_key", (key.kind, key.kid, number, 3, value)) for number in range(1, 6)]
            signed = [step for each in several for step in (Step("challenge", (4,)), each)]
            return [Step("challenge", (8,)), Step("master"), *signed]
        first = [Step("challenge", (8,)), Step("master")] if self.chance.random() < 0.8 else []
        return [*first, Step("challenge", (4,)), write]

    # --- a card being made ------------------------------------------------------------------------------------------
    def young_card(self, card: SpecCard) -> list[Step]:
        whole = self.whole = self.whole or list(personalisation(self.book, self.chance, self.select))
        start = self.chance.randrange(len(whole)) if self.chance.random() < 0.6 else 0
        part = whole[start : start + self.chance.choice((3, 8, len(whole)))]
        return part if self.chance.random() < 0.8 else self.used_card(card)

    # --- at the end -------------------------------------------------------------------------------------------------
    def audit(self) -> Iterator[Step]:
        """Look at a part of everything that can be looked at."""
        yield Step("reset", (T0,))
        for name in self.book.folders:
            yield self.select(name)
            yield Step("verify", ("right",))
            for key in self.book.keys:
                if key.home == name and key.kind == EXTERNAL:
                    yield from (Step("challenge", (8,)), Step("external", (key.kid, -1, bytes(8))))
            for file in self.book.files:
                if file.home == name and self.chance.random() < LOOKED_AT:
                    yield from looks(file)
            if name in self.book.purses:
                yield Step("raw", (bytes.fromhex("805C030204"),))
                yield Step("prove", (0, 0))


def looks(file: File) -> Iterator[Step]:
    if file.kind == "transparent":
        yield Step("raw", (bytes((0, 0xB0, 0x80 | file.sfi, 0, min(file.size, 256) & 0xFF)),))
    for number in range(1, min(file.capacity, 4) + 1):
        yield Step("raw", (bytes((0, 0xB2, number, file.sfi << 3 | 4, file.size)),))
    for record in file.records:
        yield Step("raw", (bytes((0, 0xB2, record.number, file.sfi << 3 | 4, len(record.blank) & 0xFF)),))


def personalisation(book: Book, chance: random.Random, select: Callable[[str], Step]) -> Iterator[Step]:
    """From blank to personalised: initialise, keys (every directory's master key first), PIN, data, end."""
    yield select("MF")
    yield from (Step("challenge", (8,)), Step("master"))
    yield Step("raw", (bytes.fromhex("80F0000006460100000001"),))
    yield Step("reset", (T0,))
    yield from (Step("challenge", (8,)), Step("master"))
    for name in book.folders:
        yield select(name)
        keys = sorted((key for key in book.keys if key.home == name), key=lambda key: key.kind != MASTER)
        for key in keys:
            for version in key.versions[-1:] if key.kind == MASTER else key.versions:
                yield Step("challenge", (4,))
                yield Step("write_key", (key.kind, key.kid, version, key.tries, chance.randbytes(16)))
        if book.pin and book.pin["dir"] == name:
            value = bytes.fromhex(book.pin["initial"]).ljust(16, b"\xff")
            yield Step("challenge", (4,))
            yield Step("write_key", (PIN_TYPE, 0, 1, book.pin["max_tries"], value))
        for file in book.files:
            if file.home == name:
                yield from filled(file, chance)
    yield select("MF")
    yield from (Step("challenge", (4,)), Step("finish"))


def filled(file: File, chance: random.Random) -> Iterator[Step]:
    for record in file.records:
        data = record.header + chance.randbytes(len(record.blank) - len(record.header))
        if len(data) < 256:
            yield Step("raw", (bytes((0, 0xDC, record.number, file.sfi << 3 | 4, len(data))) + data,))
    if file.kind == "transparent":
        data = chance.randbytes(min(file.size, 200))
        yield Step("raw", (bytes((0, 0xD6, 0x80 | file.sfi, 0, len(data))) + data,))
