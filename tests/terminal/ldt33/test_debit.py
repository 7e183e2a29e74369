"""The declared debit in two steps, on a twin whose DF04 is given a purse by an overlay of this test.

The rules of the standard are not public; what is shown is that the steps carry through: the card's own TAC comes back,
and its balance is less by both amounts.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from firmware_sim.card import memory
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.cos import PURCHASE, TAC
from firmware_sim.card.factory import Order, Twin, TwinFactory
from firmware_sim.card.memory import PurseState
from keys import tac
from keys.tac import Moment
from terminal.ldt33.codes import Code
from terminal.ldt33.dialect import DebitForm, Dialect, built_in
from terminal.ldt33.library import Ldt33Library
from tests.terminal.ldt33.bench import PIN, Bench

OVERLAY = """
[profile]
extends = "ssc-2.00"
name = "wallet"
zh = "试验"
en = "trial"

[purse]
dir = "DF04"
balance_p2 = 0x02
balance_mask = 0x7FFFFFFF
max_balance = 100000
key_index = 1
load_needs_pin = false
prove_sequence = "init_plus_1"
prove_order = "mac_tac"
init_answer_length = 15
log_sequence = "init"
types = { load = 0x02, unload = 0x03, purchase = 0x06, capp = 0x09 }
confidence = "C"
"""
KEY = bytes.fromhex("3132333435363738393A3B3C3D3E3F40")
BALANCE = 5_000
PAY = "1.5|0.25|20260115083000|"


def wallet_values(factory: TwinFactory, folder: Path, keys: Callable[[Twin], bytes]) -> tuple[dict[str, bytes], Twin]:
    """The memory of a card whose DF04 holds 50 yuan; `keys` gives its purchase key."""
    purse = files("card.profiles").joinpath("tunion.toml").read_text("utf-8")
    log = next(part for part in purse.split("[[file]]\n") if 'fid = "0018"' in part).replace('"EP"', '"DF04"')
    (folder / "wallet.toml").write_text(f"{OVERLAY}\n[[file]]\n{log}", "utf-8")
    values, twin = factory.card_values(Order(7, profiles=("ssc-2.00",), whole=True))
    values |= memory.profile_values((f"ssc-2.00+{folder}/wallet.toml",))
    for kind, key in ((PURCHASE, keys(twin)), (TAC, KEY)):
        values[memory.key_name("DF04", kind, 1, 1)] = bytes((kind, 1, 1, 0, 3, 0, 0, 16)) + key
    values["cy/DF04/0018"] = bytes(2)  # an empty log
    values[memory.purse_name("DF04")] = PurseState(BALANCE, 0, 0).pack()
    return values, twin


def dialect_of(folder: Path) -> Dialect:
    """What reads that card."""
    form = DebitForm(amounts="sum", key_address="018530", records="0018")
    return replace(built_in(), debit=form, versions={"2.00": f"ssc-2.00+{folder}/wallet.toml"})


def wallet(bench: Bench, folder: Path, keys: Callable[[Twin], bytes] = lambda twin: KEY) -> Twin:
    """A card whose DF04 holds 50 yuan, in the slot."""
    values, twin = wallet_values(bench.factory, folder, keys)
    bench.rack.eject("card")
    bench.rack.insert_chip("card", memory_chip(values, SeededEntropy(6, "wallet")))
    return twin


@pytest.fixture
def library(bench: Bench, tmp_path: Path) -> Ldt33Library:
    return bench.other(dialect=dialect_of(tmp_path))


def centre_answer(step1: str, *, terminal_seq: int = 77) -> str:
    """What the centre's module makes of step 1: MAC1 under the card's purchase key."""
    _, address, random, sequence, personal, pooled, kind, terminal, moment, _ = step1.split("|")
    assert address == "018530"
    at = Moment.from_digits(moment[:8], moment[8:])
    amount = int(personal, 16) + int(pooled, 16)
    session = tac.purchase_session_key(KEY, bytes.fromhex(random), int(sequence, 16), terminal_seq)
    covered = tac.purchase_mac1_input(amount, int(kind, 16), bytes.fromhex(terminal), at)
    return f"{terminal_seq:08X}|{moment}|{tac.purse_mac(session, covered).hex()}|"


def test_both_amounts_leave_the_card_and_its_tac_says_so(bench: Bench, library: Ldt33Library, tmp_path: Path) -> None:
    twin = wallet(bench, tmp_path)
    card = f"{twin.card_id.hex()}|{twin.card_no}|"
    bench.pad.entries = [PIN]
    step1 = library.call("iDoDebit_HSM_Step1", (1, card, PAY))
    assert step1.code == Code.OK, step1.detail
    step2 = library.call("iDoDebit_HSM_Step2", (centre_answer(step1.text),))
    assert step2.code == Code.OK, step2.detail
    at = Moment.from_digits("20260115", "083000")
    covered = tac.purchase_tac_input(175, 6, bytes.fromhex("460100000001"), 77, at)
    assert step2.text.split("|")[0] == tac.tac(KEY, covered).hex().upper()
    assert balance(bench) == BALANCE - 175
    records = library.call("iReadDebitRecord", (1,))
    assert (records.code, records.text) == (Code.OK, "0|0|175|06|460100000001|20260115|083000|$")


def balance(bench: Bench) -> int:
    channel = bench.rack.reader("card").connect()
    for apdu in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "00A4040006D15600000503"):
        channel.transmit(bytes.fromhex(apdu))
    answer = channel.transmit(bytes.fromhex("805C000204"))
    channel.close()
    assert answer[-2:] == b"\x90\x00"
    return int.from_bytes(answer[:4], "big")


def test_a_wrong_mac_another_time_and_a_step_alone_take_nothing(
    bench: Bench, library: Ldt33Library, tmp_path: Path
) -> None:
    twin = wallet(bench, tmp_path)
    card = f"{twin.card_id.hex()}|{twin.card_no}|"
    for spoil, code in ((lambda key: key[:-9] + "00000000|", -0x9302), (_tomorrow, Code.BAD_INPUT)):
        bench.pad.entries = [PIN]
        step1 = library.call("iDoDebit_HSM_Step1", (1, card, PAY))
        assert library.call("iDoDebit_HSM_Step2", (spoil(centre_answer(step1.text)),)).code == code
    assert library.call("iDoDebit_HSM_Step2", ("00000001|20260115083000|00000000|",)).code == Code.NOT_CONNECTED
    bench.pad.entries = [PIN]
    assert library.call("iDoDebit_HSM_Step1", (1, card, "51|0|20260115083000|")).code == -0x9401
    assert balance(bench) == BALANCE


def _tomorrow(key: str) -> str:
    return key.replace("20260115", "20260116")
