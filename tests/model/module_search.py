"""The PSAM twin against its specification: random conversations of terminals, with accidents."""

import random
from dataclasses import dataclass

from firmware_sim.psam import PsamChip, memory_psam, psam_values
from tests.model.author import DAMAGES
from tests.model.book import table
from tests.model.module import FIDS, FOLDERS, SUITE, Module, SpecModule
from tests.model.play import Chance, drawn
from tests.model.steps import damaged

LENGTH = 400
BARE_CREDIT = b"\x80\x72"  # its MAC2 is filled in when it is known
TERMINAL = bytes.fromhex("460100000001")
# kid -> usage: every type and number of levels (card §3.4).
USAGES = {
    0x11: 0x48,
    0x12: 0x28,
    0x14: 0x47,
    0x2E: 0x27,
    0x10: 0x44,
    0x25: 0x23,
    0x42: 0x46,
    0x13: 0x08,
    0x15: 0x42,
    0x01: 0x42,  # medical purchase keys: the id is the version
    0x02: 0x22,
}


@dataclass(frozen=True)
class Exchange:
    """One command and both answers."""

    command: bytes
    twin: bytes
    model: bytes


def files_of_modules() -> list[tuple[str, str]]:
    """(directory, FID), by the profiles."""
    return [(file["dir"], file["fid"]) for name in ("psam-ssc", "psam-transit") for file in table(name)["file"]]


FILES = sorted(set(files_of_modules()))


def born(chance: Chance, seed: int) -> tuple[SpecModule, PsamChip]:
    """The specification and the twin of one new module."""
    source = random.Random(seed)
    ssc = {kid: (usage, source.randbytes(16)) for kid, usage in USAGES.items()}
    purse = {1: source.randbytes(16), 2: source.randbytes(16)}
    twin = memory_psam(psam_values(TERMINAL, ssc, purse), chance)
    twin.power_on()
    files = {}
    for folder, fid in FILES:
        twin.process(bytes.fromhex("00A4000002" + next(f for f, name in FIDS.items() if name == folder)))
        head = bytes((0, 0xB0, 0x80 | int(fid, 16) & 0x1F, 0))
        length = twin.process(head + b"\0")[-1]
        files[folder, fid] = twin.process(head + bytes((length,)))[:-2]
    keys = {(kid, usage): key for kid, (usage, key) in ssc.items()}
    twin.power_on()
    return SpecModule(Module(TERMINAL, keys, purse, files)), twin


class Terminal:
    """Writes commands: BFDE and 80FA, purchases, files, and accidents."""

    def __init__(self, source: random.Random) -> None:
        self.source = source

    def commands(self, model: SpecModule) -> list[bytes]:
        pick = self.source
        here = model.now.here
        ideas = (
            self.select,
            self.read,
            self.work,
            self.work,
            self.purchase,
            self.purchase,
            self.purchase,
            self.challenge,
        )
        return [self._hurt(raw) for raw in pick.choice(ideas)(model, here)]

    def _hurt(self, raw: bytes) -> bytes:
        if self.source.random() > 0.12:
            return raw
        how = (self.source.choice(DAMAGES), self.source.randrange(64), self.source.choice((0, 1, 4, 0x80, 0xFF)))
        return damaged(raw, how)

    def select(self, model: SpecModule, here: str) -> list[bytes]:
        pick = self.source
        name = pick.choice(list(FOLDERS))
        if FOLDERS[name] and pick.random() < 0.5:
            aid = bytes.fromhex(FOLDERS[name])
            return [bytes.fromhex("00A40400") + bytes((len(aid),)) + aid]
        fid = pick.choice([next(f for f, folder in FIDS.items() if folder == name), *(fid for _, fid in FILES)])
        return [bytes.fromhex(f"00A4000002{fid}")]

    def read(self, model: SpecModule, here: str) -> list[bytes]:
        pick = self.source
        sfi, length = pick.choice((0x15, 0x16, 0x17, 0x18, 0x19)), pick.choice((0, 4, 6, 14, 25, 1, 30))
        return [bytes((0, 0xB0, pick.choice((0x80 | sfi, 0)), pick.choice((0, 0, 3, 30)), length))]

    def challenge(self, model: SpecModule, here: str) -> list[bytes]:
        return [bytes((0, 0x84, 0, 0, self.source.choice((4, 8, 16))))]

    def work(self, model: SpecModule, here: str) -> list[bytes]:
        pick = self.source
        kid, usage = pick.choice(list(USAGES.items()))
        usage = usage if pick.random() < 0.9 else pick.choice(list(USAGES.values()))
        session = pick.random() < 0.6
        data = pick.randbytes(8 * ((usage >> 5) + session))
        load = (b"\xbf\xde" if session else b"\x80\x1a") + bytes((usage, kid))
        load += bytes((len(data),)) + data if data else b""
        uses = [self._use() for _ in range(pick.choice((1, 1, 2)))]
        enter = [] if here == "DF01" else [bytes.fromhex("00A4000002DF01")]
        return [*enter, load, *uses]

    def _use(self) -> bytes:
        data = self.source.randbytes(self.source.choice((8, 8, 16, 24, 7)))
        return b"\x80\xfa" + bytes((self.source.choice((0, 0, 5)), 0, len(data))) + data

    def purchase(self, model: SpecModule, here: str) -> list[bytes]:
        pick = self.source
        body = (
            pick.randbytes(18)
            + bytes((pick.choice((1, 1, 1, 2, 3)), pick.choice((0, 0, 0, 0, 3))))
            + pick.randbytes(pick.choice((16, 16, 8)))
        )
        place = pick.choice(("8011", "DF01"))
        enter = [] if here == place else [bytes.fromhex(f"00A4000002{place}")]
        wrong = bytes.fromhex("8072000004") + pick.randbytes(4)
        end = wrong if pick.random() < 0.3 else BARE_CREDIT
        return [*enter, bytes.fromhex("80700000") + bytes((len(body),)) + body, end]


def filled(raw: bytes, model: SpecModule) -> bytes:
    """MAC2 as a card would give it."""
    if raw != BARE_CREDIT:
        return raw
    mac2 = SUITE.purse_mac(*model.now.purchase) if model.now.purchase else bytes(4)
    return bytes.fromhex("8072000004") + mac2


def converse(seed: int, length: int) -> tuple[int, list[Exchange]]:
    """(commands, the conversation up to a difference; empty when there was none)."""
    chance, source = Chance(seed), random.Random(seed)
    model, twin = born(chance, seed)
    terminal, talk = Terminal(source), list[Exchange]()
    while len(talk) < length:
        for raw in ["reset"] if source.random() < 0.01 else terminal.commands(model):
            if raw == "reset":
                twin.power_on()
                model.reset()
                continue
            command = filled(raw, model)
            talk.append(asked(model, twin, chance, command))
            if talk[-1].twin != talk[-1].model:
                return len(talk), talk
            if model.now.waiting and source.random() < 0.8:
                fetch = bytes((0, 0xC0, 0, 0, source.choice((len(model.now.waiting), len(model.now.waiting), 1, 0))))
                talk.append(asked(model, twin, chance, fetch))
                if talk[-1].twin != talk[-1].model:
                    return len(talk), talk
    return len(talk), []


def search(commands: int, first_seed: int = 0) -> tuple[int, str]:
    """(commands compared, the conversation that differs or nothing)."""
    done, seed = 0, first_seed
    while done < commands:
        count, talk = converse(seed, LENGTH)
        done, seed = done + count, seed + 1
        if talk:
            lines = [f"{e.command.hex().upper():<60} {e.twin.hex().upper()}" for e in talk]
            return done, "\n".join([f"PSAM, seed {seed - 1}:", *lines, f"model  {talk[-1].model.hex().upper()}"])
    return done, ""


def asked(model: SpecModule, twin: PsamChip, chance: Chance, command: bytes) -> Exchange:
    chance.drawn.clear()
    answer = twin.process(command)
    left = list(chance.drawn)
    return Exchange(command, answer, model.process(command, lambda length: drawn(left, length)))
