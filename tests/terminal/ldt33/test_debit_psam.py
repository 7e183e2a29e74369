"""The declared debit with a PSAM that holds the medical purchase key, on the twin whose DF04 is a purse by an overlay.

What is shown: the money leaves once, whatever is cut off; MAC2 is checked; a refusal takes nothing.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from card.channel import CardChannel
from card.domain.entropy import SeededEntropy
from firmware_sim.card.chip import load_chip
from firmware_sim.card.factory import Twin
from firmware_sim.card.faults import Fault, FaultKind
from firmware_sim.card.slot import Slot
from firmware_sim.card.store import create_file
from firmware_sim.psam import memory_psam
from firmware_sim.rack import DirectReader
from keys import tac
from keys.centre import KeyCentre
from keys.tac import Moment
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code
from terminal.ldt33.dialect import Confirmed
from terminal.ldt33.library import Ldt33Library
from tests.keys import oracle
from tests.terminal.ldt33.bench import PIN, Bench
from tests.terminal.ldt33.test_debit import BALANCE, KEY, PAY, balance, dialect_of, wallet, wallet_values

ROOT, CITY = "ssc/01/42", "ssc/01/22"


def purchase_key(centre: KeyCentre, twin: Twin) -> bytes:
    return centre.card_keys(twin.f_city, twin.f_card)["DPK_DF04"].reveal()


def expected(terminal_seq: int) -> str:
    covered = tac.purchase_tac_input(
        175, 6, bytes.fromhex("460100000001"), terminal_seq, Moment.from_digits("20260115", "083000")
    )
    return f"{tac.tac(KEY, covered).hex().upper()}|{terminal_seq:08X}|"


@pytest.fixture
def twin(bench: Bench, tmp_path: Path) -> Twin:
    """Card and module in files, so that both outlive a cut of their power."""
    values, made = wallet_values(bench.factory, tmp_path, lambda card: purchase_key(bench.centre, card))
    create_file(tmp_path / "card.chip", values)
    bench.factory.psam(tmp_path / "psam.chip", 1)
    for slot in ("card", "psam"):
        bench.rack.swap(slot, tmp_path / f"{slot}.chip")
    return made


@pytest.fixture
def library(bench: Bench, tmp_path: Path) -> Ldt33Library:
    return bench.other(dialect=dialect_of(tmp_path))


def pay(bench: Bench, library: Ldt33Library, twin: Twin, text: str = PAY, pin: str = PIN) -> tuple[int, str]:
    bench.pad.entries = [pin]
    answer = library.call("iDoDebit", (1, f"{twin.card_id.hex()}|{twin.card_no}|", text))
    return answer.code, answer.text


def change_module(bench: Bench, *drop: str, **add: bytes) -> None:
    state = {name: value for name, value in bench.factory.psam_state(1).items() if name not in drop}
    bench.rack.eject("psam")
    bench.rack.insert_chip("psam", memory_psam({**state, **add}, SeededEntropy(1)))


def test_both_amounts_leave_the_card_and_the_sequence_counts(bench: Bench, library: Ldt33Library, twin: Twin) -> None:
    assert pay(bench, library, twin) == (Code.OK, expected(1))
    assert balance(bench) == BALANCE - 175
    again = pay(bench, library, twin)  # settled: asked once more, paid once more
    assert again == (Code.OK, expected(2))
    assert balance(bench) == BALANCE - 350


def test_a_module_of_one_city_does_it_too(bench: Bench, library: Ldt33Library, twin: Twin) -> None:
    root = bench.factory.psam_state(1)[ROOT]
    city = oracle.diversify_3des({"key": root.hex(), "factors": [twin.f_city.hex()]})
    change_module(bench, ROOT, **{CITY: city})
    assert pay(bench, library, twin) == (Code.OK, expected(1))


@pytest.mark.parametrize("kind", ["tear_before_write", "tear_after_write", "drop_answer", "tear_after_answer"])
def test_a_torn_debit_takes_the_money_once(
    bench: Bench, library: Ldt33Library, twin: Twin, tmp_path: Path, kind: FaultKind
) -> None:
    # The last one too: over T=0 the answer is still to be fetched when 61xx has left the card.
    bench.rack.fault("card", Fault(kind, 0x54))
    first = pay(bench, library, twin)
    taken = kind != "tear_before_write"
    bench.rack.swap("card", tmp_path / "card.chip")
    assert first == (Code.NO_ANSWER, "")
    assert balance(bench) == BALANCE - 175 * taken
    assert pay(bench, library, twin) == (Code.OK, expected(1 if taken else 2))
    assert balance(bench) == BALANCE - 175


@pytest.mark.parametrize("ins", [0x70, 0x72])
def test_a_module_lost_on_the_way(bench: Bench, library: Ldt33Library, twin: Twin, tmp_path: Path, ins: int) -> None:
    bench.rack.fault("psam", Fault("drop_answer", ins))
    assert pay(bench, library, twin)[0] == Code.NO_PSAM
    assert balance(bench) == BALANCE - 175 * (ins == 0x72)
    bench.rack.swap("psam", tmp_path / "psam.chip")
    # The sequence of a lost 8070 is used up for ever.
    assert pay(bench, library, twin) == (Code.OK, expected(1 if ins == 0x72 else 2))
    assert balance(bench) == BALANCE - 175


class Bent:
    """A line between card and terminal on which the last byte of the answer to a debit, the end of MAC2, is changed."""

    def __init__(self, inner: CardChannel) -> None:
        self._inner = inner
        self._debited = False

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        answer = self._inner.transmit(apdu)
        if self._debited and apdu[1] == 0xC0:
            answer = answer[:7] + bytes((answer[7] ^ 1,)) + answer[8:]
        self._debited = apdu[:2] == b"\x80\x54"
        return answer

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


class BentReader(DirectReader):
    """The card's reader with such a line."""

    def connect(self) -> CardChannel:
        return Bent(super().connect())


def test_a_wrong_mac2_is_told_by_the_module(bench: Bench, twin: Twin, tmp_path: Path) -> None:
    slot = Slot("bent")
    bench.rack.eject("card")
    slot.insert(load_chip(tmp_path / "card.chip", SeededEntropy(3)))
    slots = replace(bench.slots, contact=BentReader(slot))
    library = Ldt33Library(replace(bench.desk, dialect=dialect_of(tmp_path), slots=slots))
    assert pay(bench, library, twin) == (Code.BAD_INFORMATION, "")
    slot.eject()


def test_a_torn_debit_is_not_proven_by_another_one(
    bench: Bench, library: Ldt33Library, twin: Twin, tmp_path: Path
) -> None:
    bench.rack.fault("card", Fault("tear_before_write", 0x54))
    assert pay(bench, library, twin)[0] == Code.NO_ANSWER
    bench.rack.swap("card", tmp_path / "card.chip")
    elsewhere = Ldt33Library(replace(bench.desk, dialect=dialect_of(tmp_path), unsettled={}))
    assert pay(bench, elsewhere, twin, "1|0|20260115093000|")[0] == Code.OK
    assert pay(bench, library, twin) == (Code.BAD_INFORMATION, "")
    assert balance(bench) == BALANCE - 100


def test_a_card_of_another_key_is_refused_by_itself_and_keeps_its_money(
    bench: Bench, library: Ldt33Library, tmp_path: Path
) -> None:
    other = wallet(bench, tmp_path)
    for _ in range(2):
        assert pay(bench, library, other) == (-0x9302, "")
    assert balance(bench) == BALANCE


def test_what_the_module_lacks(bench: Bench, library: Ldt33Library, twin: Twin) -> None:
    change_module(bench, ROOT)
    assert pay(bench, library, twin)[0] == -0x6A88
    bench.rack.eject("psam")
    assert pay(bench, library, twin)[0] == Code.NO_PSAM
    assert balance(bench) == BALANCE


def test_a_wrong_pin_and_too_little_money_in_both_styles(bench: Bench, twin: Twin, tmp_path: Path) -> None:
    for style, code in (("library", Code.PIN_WRONG), ("status-word", -0x63C4)):
        library = bench.other(config=Ldt33Config(errors=style), dialect=dialect_of(tmp_path))
        assert pay(bench, library, twin, pin="999999")[0] == code
        assert pay(bench, library, twin, "51|0|20260115083000|")[0] == -0x9401
        if style == "library":
            assert pay(bench, library, twin)[0] == Code.OK
            assert pay(bench, library, twin, pin="999999")[0] == Code.PIN_WRONG
    assert balance(bench) == BALANCE - 175


def test_production_waits_for_a_confirmed_form(bench: Bench, twin: Twin, tmp_path: Path) -> None:
    dialect, config = dialect_of(tmp_path), Ldt33Config(profile="production")
    assert pay(bench, bench.other(config=config, dialect=dialect), twin)[0] == Code.NOT_SUPPORTED
    assert balance(bench) == BALANCE
    confirmed = replace(dialect, confirmed=Confirmed(("iDoDebit",)))
    assert pay(bench, bench.other(config=config, dialect=confirmed), twin)[0] == Code.OK
