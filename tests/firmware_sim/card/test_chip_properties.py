"""Money under random taps, loads and power cuts: never negative, never created, never lost unseen."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from card.domain.entropy import SeededEntropy
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import Card
from firmware_sim.card.faults import KINDS, Fault, PowerLostError
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import EP, KEY, finished_values, say, select

TERMINAL, AT = "460100000001", "20260115083000"
LOAD, DEBIT = 0x52, 0x54
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["load", "purchase", "capp"]),
        st.integers(0, 40_000),
        st.none() | st.sampled_from(KINDS),
        st.booleans(),
    ),
    max_size=25,
)


@dataclass
class Books:
    """What the outside world can prove with MACs and proofs alone."""

    loaded: int = 0
    spent: int = 0
    seen: set[tuple[bool, str]] = field(default_factory=set)


@settings(max_examples=60, deadline=None)
@given(moves=MOVES, seed=st.integers(0, 2**32))
def test_money_is_conserved_under_tears(moves: list[tuple[str, int, str | None, bool]], seed: int) -> None:
    card = memory_chip(finished_values(), SeededEntropy(seed))
    card.power_on()
    select(card, EP)
    books = Books()
    for terminal_sequence, (kind, fen, fault, honest) in enumerate(moves, start=1):
        if fault:
            card.nv.faults.arm(Fault(fault, LOAD if kind == "load" else DEBIT))  # type: ignore[arg-type]
        move(card, books, kind, fen, terminal_sequence, honest)
        card.nv.faults.clear()
        balance = int(say(card, "805C000204")[:8], 16)
        assert 0 <= balance <= 100_000
        assert balance == books.loaded - books.spent


def move(card: Card, books: Books, kind: str, fen: int, terminal_sequence: int, honest: bool) -> None:
    p1 = {"load": "00", "purchase": "01", "capp": "03"}[kind]
    init = say(card, f"8050{p1}020B01{fen:08X}{TERMINAL}")
    if len(init) == 4:
        assert init in ("9401", "6985")
        return
    sequence = init[8:12]
    random = init[16:24] if kind == "load" else init[22:30]
    if kind == "load":
        key = oracle.tdes(KEY, bytes.fromhex(random + sequence + "8000"))
        type_byte = "02"
    else:
        key = oracle.tdes(KEY, bytes.fromhex(f"{random}{sequence}{terminal_sequence & 0xFFFF:04X}"))
        type_byte = {"purchase": "06", "capp": "09"}[kind]
    mac = oracle.mac(key, bytes.fromhex(f"{fen:08X}{type_byte}{TERMINAL}{AT}")).hex() if honest else "00000000"
    command = f"805200000B{AT}{mac}" if kind == "load" else f"805401000F{terminal_sequence:08X}{AT}{mac}"
    try:
        answer = say(card, command)
        done = len(answer) > 4
        assert done or (answer == "9302" and not honest)
    except PowerLostError:
        card.power_on()
        select(card, EP)
        done = proven(card, type_byte, sequence)
    if done:
        assert (type_byte == "02", sequence) not in books.seen, "a sequence number was used twice"
        books.seen.add((type_byte == "02", sequence))
        books.loaded += fen if kind == "load" else 0
        books.spent += 0 if kind == "load" else fen


def proven(card: Card, type_byte: str, sequence: str) -> bool:
    """GET TRANSACTION PROVE in the twin's default dialect: the init answer's sequence plus one."""
    return len(say(card, f"805A00{type_byte}02{int(sequence, 16) + 1:04X}")) > 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=30))
def test_garbage_gets_a_status_word_and_moves_no_money(commands: list[bytes]) -> None:
    card = memory_chip(finished_values(), SeededEntropy(1))
    card.power_on()
    select(card, EP)
    for raw in commands:
        assert len(card.process(raw)) >= 2
    card.power_on()
    select(card, EP)
    assert say(card, "805C000204") == "000000009000"


@given(st.integers(0, 45))
def test_the_trip_log_keeps_the_newest_thirty(rides: int) -> None:
    card = memory_chip(finished_values(), SeededEntropy(1))
    card.power_on()
    select(card, EP)
    for number in range(1, rides + 1):
        init = say(card, f"805003020B0100000000{TERMINAL}")
        assert say(card, f"80DC00F030{number:02X}" + "00" * 47) == "9000"
        key = oracle.tdes(KEY, bytes.fromhex(f"{init[22:30]}{init[8:12]}{number:04X}"))
        mac = oracle.mac(key, bytes.fromhex(f"0000000009{TERMINAL}{AT}")).hex()
        assert say(card, f"805401000F{number:08X}{AT}{mac}").endswith("9000")
    kept = min(rides, 30)
    found = [int(say(card, f"00B2{place:02X}F430")[:2], 16) for place in range(1, kept + 1)]
    assert found == list(range(rides, rides - kept, -1))
    assert say(card, f"00B2{kept + 1:02X}F430") == "6A83"
