"""Plays the same conversation to the twin and to the specification, compares every byte, and shortens what differs."""

import copy
import random
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_sim.card.chip import blank_values, memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.memory import PurseState, purse_name
from tests.model.author import Author, personalisation
from tests.model.book import book
from tests.model.spec import SpecCard
from tests.model.state import BLOCKED, CONTACTLESS, TERMINATED
from tests.model.steps import Step, bytes_of

TRANSPORT_KEY = bytes.fromhex("505152535455565758595A5B5C5D5E5F")
BATCH = bytes.fromhex("00000007")
SHORTEN_TRIES = 4000
NO_COMMANDS = ("reset", "deselect")
LAST_WORDS = 12  # what a blocked or terminated card is still asked


class Chance:
    """The chip's entropy, with a record of what was drawn since `drawn` was last emptied."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)
        self.drawn: list[bytes] = []

    def token(self, length: int) -> bytes:
        part = self._source.randbytes(length)
        self.drawn.append(part)
        return part


@dataclass(frozen=True)
class Difference:
    """Where the two answers part."""

    step: Step
    command: bytes
    twin: str
    model: str

    def __str__(self) -> str:
        return (
            f"{self.step}\n    command {self.command.hex().upper()}\n    twin    {self.twin}\n    model   {self.model}"
        )


@dataclass(frozen=True)
class Start:
    """A card in the drawer: what the chip keeps and the model of it."""

    profiles: tuple[str, ...]
    values: dict[str, bytes] = field(repr=False)
    model: SpecCard = field(repr=False)


class Pair:
    """The twin and the model of one card, in step."""

    def __init__(self, start: Start, seed: int) -> None:
        self.chance = Chance(seed)
        self.twin = memory_chip(start.values, self.chance)
        self.model = copy.copy(start.model)
        self.model.kept = copy.deepcopy(start.model.kept)
        self.twin.power_on()
        self.model.reset()
        self.word = ""  # the last status word, its counting part as x

    def play(self, step: Step) -> Difference | None:
        """One step; None when both answer the same."""
        self.chance.drawn.clear()
        command = bytes_of(step, self.model)
        if step.kind == "deselect":
            twin, model = deselected(self.twin), self.model.deselect().hex()
        elif step.kind == "reset":
            protocol = str(step.arguments[0])
            power_on(self.twin, protocol)
            twin, model = self.twin.atr.hex(), self.model.reset(protocol).hex()
        else:
            twin = self._ask_twin(command)
            self.word = word(twin[-4:].upper())
            left = list(self.chance.drawn)
            self.model.observed = bytes.fromhex(twin)[:-2] if not twin.startswith("broke") else b""
            model = self.model.process(command, lambda length: drawn(left, length)).hex()
            if left:
                model += f" and has no use for {len(left)} random parts the twin drew"
        return None if twin == model else Difference(step, command, twin.upper(), model.upper())

    def _ask_twin(self, command: bytes) -> str:
        try:
            return self.twin.process(command).hex()
        except Exception:  # noqa: BLE001 - whatever the twin breaks with is what is looked for
            return "broke: " + traceback.format_exc(limit=-3)

    def values(self) -> dict[str, bytes]:
        """What the chip keeps now."""
        return {name: self.twin.nv.need(name) for name in self.twin.nv.names("")}


def word(sw: str) -> str:
    """61xx, 6Cxx and 63Cx are one word each."""
    if sw[:2] in ("61", "6C"):
        return f"{sw[:2]}xx"
    return "63Cx" if sw[:3] == "63C" else sw


def power_on(twin: Card, protocol: str) -> None:
    """Give the twin its power the way a reader of that kind does."""
    if protocol == CONTACTLESS:
        twin.power_on("contactless")
    else:
        twin.power_on("contact", protocol)


def deselected(twin: Card) -> str:
    """The ATR after DESELECT and a new activation; over contacts there is no such thing."""
    if twin.protocol == CONTACTLESS:
        twin.deselect()
    return twin.atr.hex()


def drawn(left: list[bytes], length: int) -> bytes:
    """What the twin drew; the model's own zeros where the twin drew nothing of that length, which shows at once."""
    if left and len(left[0]) == length:
        return left.pop(0)
    return bytes(length)


def blank(profiles: tuple[str, ...]) -> Start:
    """A card as the factory delivers it."""
    return Start(
        profiles, blank_values(profiles, TRANSPORT_KEY, BATCH), SpecCard(book(*profiles), TRANSPORT_KEY, BATCH)
    )


def finished(profiles: tuple[str, ...], seed: int = 0) -> Start:
    """A card that both sides have personalised by the same commands. AssertionError when they differ at it."""
    start, plan = blank(profiles), book(*profiles)
    pair, author = Pair(start, seed), Author(random.Random(seed), plan)
    for step in personalisation(plan, author.chance, author.select):
        difference = pair.play(step)
        assert difference is None, f"while personalising {profiles}: {difference}"
    assert pair.model.kept.life == "personalised", "the card did not get finished"
    return Start(profiles, pair.values(), pair.model)


def worn(start: Start) -> Start:
    """The same card after nearly all the transactions its counters can count."""
    values, model = dict(start.values), copy.copy(start.model)
    model.kept = copy.deepcopy(start.model.kept)
    for folder, purse in model.kept.purses.items():
        purse.balance, purse.online, purse.offline = 5000, 0xFFFD, 0xFFFC
        values[purse_name(folder)] = PurseState(purse.balance, purse.online, purse.offline).pack()
    return Start(start.profiles, values, model)


@dataclass
class Talk:
    """A conversation that was had."""

    seed: int
    steps: list[Step] = field(default_factory=list)
    commands: int = 0
    words: Counter[str] = field(default_factory=Counter)
    difference: Difference | None = None


def converse(start: Start, seed: int, length: int) -> Talk:
    """Write and play one conversation of about `length` steps, then look at everything; stops at a difference."""
    pair, author, talk = Pair(start, seed), Author(random.Random(seed), book(*start.profiles)), Talk(seed)
    after_the_end = 0
    for _ in range(length):
        if not _advance(pair, talk, author.next(pair.model)):
            return talk
        after_the_end += pair.model.kept.life in (BLOCKED, TERMINATED)
        if after_the_end > LAST_WORDS:
            return talk
    for step in author.audit():
        if not _advance(pair, talk, step):
            return talk
    return talk


def _advance(pair: Pair, talk: Talk, step: Step) -> bool:
    talk.steps.append(step)
    talk.commands += step.kind not in NO_COMMANDS
    talk.difference = pair.play(step)
    if step.kind not in NO_COMMANDS:
        talk.words[pair.word] += 1
    return talk.difference is None


def differs(start: Start, seed: int, steps: Sequence[Step]) -> Difference | None:
    """Play `steps` to a fresh pair."""
    pair = Pair(start, seed)
    for step in steps:
        difference = pair.play(step)
        if difference:
            return difference
    return None


def shortest(start: Start, seed: int, steps: Sequence[Step]) -> list[Step]:
    """Fewer steps that still differ somewhere: halves taken away, then quarters, down to single steps and damages."""
    best, tries, part = list(steps), 0, max(1, len(steps) // 2)
    while tries < SHORTEN_TRIES:
        smaller, at = False, 0
        while at < len(best) and tries < SHORTEN_TRIES:
            shorter = best[:at] + best[at + part :]
            tries += 1
            if differs(start, seed, shorter):
                best, smaller = shorter, True
            else:
                at += part
        if part == 1 and not smaller:
            break
        part = max(1, part // 2)
    for at, step in enumerate(best):
        calmer = [*best[:at], step.undamaged(), *best[at + 1 :]]
        if step.damage and differs(start, seed, calmer):
            best = calmer
    return best


def report(start: Start, talk: Talk) -> str:
    """The shortest conversation that differs, as a person can replay it."""
    steps = shortest(start, talk.seed, talk.steps)
    pair, lines = (
        Pair(start, talk.seed),
        [f"profiles {'+'.join(start.profiles)}, seed {talk.seed}, {len(steps)} steps:"],
    )
    for step in steps:
        command = bytes_of(step, pair.model)
        difference = pair.play(step)
        lines.append(f"  {command.hex().upper() or step.kind:<48} {step}")
        if difference:
            lines.append(f"  differs: {difference}")
            break
    return "\n".join(lines)
