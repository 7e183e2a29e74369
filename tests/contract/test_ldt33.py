"""The standard terminal functions over the real daemon: production readers, the service, the command, the C library."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from firmware_sim.card.factory import TWIN_PIN, Order, TwinFactory
from firmware_sim.card.faults import Fault, FaultKind
from firmware_sim.card.store import create_file
from firmware_sim.ldt33_centre import CardFacts, CentreModule
from firmware_sim.rack import SOCKET_VARIABLE, PcscRack
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code
from terminal.ldt33.console import PcscSlots
from terminal.ldt33.dialect import built_in
from terminal.ldt33.library import Ldt33Library
from terminal.ldt33.visit import Desk
from tests.contract.conftest import Bench
from tests.terminal.ldt33.bench import BenchSlots, TypingPad
from tests.terminal.ldt33.test_capi import built, call
from tests.terminal.ldt33.test_debit import PAY, dialect_of, wallet_values
from tests.terminal.ldt33.test_debit_psam import purchase_key
from tests.tidy.tree import ROOT

HOUSE = "DF01EF05|20|21|0E|$"
COMMAND = (sys.executable, str(ROOT / "onecard.py"), "ldt33")


@pytest.fixture
def pad() -> TypingPad:
    return TypingPad()


@pytest.fixture
def library(bench: Bench, pad: TypingPad) -> Iterator[Ldt33Library]:
    slots = BenchSlots(bench.rack.reader(bench.card_slot), None, bench.rack.reader(bench.psam_slot))
    made = Ldt33Library(Desk(Ldt33Config(), built_in(), slots, pad, SeededEntropy(5, "terminal"), time.monotonic))
    yield made
    made.forget()


def info(bench: Bench) -> str:
    return f"{bench.twin.card_id.hex().upper()}|{bench.twin.card_no}|"


def test_basic_reading_in_both_modes_is_the_same(bench: Bench, library: Ldt33Library) -> None:
    first = library.call("iReadCardBas", (1,))
    assert first.code == Code.OK
    fields = first.text.split("|")
    assert (fields[1], fields[2], fields[9]) == (
        bench.twin.citizen_no,
        bench.twin.card_no,
        bench.terminal.hex().upper(),
    )
    step1 = library.call("iReadCardBas_HSM_Step1", (1,))
    step2 = library.call("iReadCardBas_HSM_Step2", (CentreModule(bench.centre).basic(step1.text),))
    assert step2.code == Code.OK
    assert step2.text.split("|")[:9] == fields[:9]


def test_files_by_pin_by_psam_and_in_steps(bench: Bench, library: Ldt33Library, pad: TypingPad) -> None:
    by_key = library.call("iReadCard", (1, 2, info(bench), HOUSE))
    pad.entries = [TWIN_PIN.digits]
    by_pin = library.call("iReadCard", (1, 1, info(bench), HOUSE))
    facts = CardFacts.of(library.call("iReadCardBas_HSM_Step1", (1,)).text)
    step1 = library.call("iReadCard_HSM_Step1", (1, info(bench), HOUSE))
    in_steps = library.call("iReadCard_HSM_Step2", (CentreModule(bench.centre).right(facts, step1.text),))
    assert by_key.code == by_pin.code == in_steps.code == Code.OK
    assert by_key.text == by_pin.text == in_steps.text


def test_written_files_are_there_after_the_card_was_pulled(bench: Bench, library: Ldt33Library) -> None:
    data = "DF01EF06|海口市海秀路3号|13600000000|$"
    assert library.call("iWriteCard", (1, info(bench), "DF01EF06|23|28|$", data)).code == Code.OK
    bench.again()
    bench.close(bench.card_slot)
    assert library.call("iReadCard", (1, 2, info(bench), "DF01EF06|23|28|$")).text == data


def test_a_card_pulled_between_two_steps(bench: Bench, library: Ldt33Library) -> None:
    step1 = library.call("iReadCardBas_HSM_Step1", (1,))
    bench.rack.eject(bench.card_slot)
    answer = library.call("iReadCardBas_HSM_Step2", (CentreModule(bench.centre).basic(step1.text),))
    assert answer.code == Code.NO_CARD
    assert library.call("iReadCardBas", (1,)).code == Code.NO_CARD


@pytest.mark.parametrize("kind", [None, "tear_before_write", "tear_after_write"])
def test_a_debit_with_the_psam_takes_the_money_once(
    bench: Bench, pad: TypingPad, tmp_path: Path, kind: FaultKind | None
) -> None:
    centre = bench.centre
    values, twin = wallet_values(bench.factory, tmp_path, lambda made: purchase_key(centre, made))
    bench.rack.eject(bench.card_slot)
    bench.card_file.unlink()
    create_file(bench.card_file, values)
    bench.rack.insert(bench.card_slot, bench.card_file)
    slots = BenchSlots(bench.rack.reader(bench.card_slot), None, bench.rack.reader(bench.psam_slot))
    dialect = dialect_of(tmp_path)
    library = Ldt33Library(Desk(Ldt33Config(), dialect, slots, pad, SeededEntropy(5, "terminal"), time.monotonic))
    asked = (1, f"{twin.card_id.hex()}|{twin.card_no}|", PAY)
    pad.entries = [TWIN_PIN.digits] * 3
    if kind is not None:
        bench.rack.fault(bench.card_slot, Fault(kind, 0x54))
        assert library.call("iDoDebit", asked).code == Code.NO_ANSWER
        bench.again()
        bench.close(bench.card_slot)
    paid = library.call("iDoDebit", asked)
    assert paid.code == Code.OK, paid.detail
    assert paid.text.split("|")[1] == ("00000002" if kind == "tear_before_write" else "00000001")
    entries = library.call("iReadDebitRecord", (1,)).text.split("$")
    assert len(entries) == 2 and f"|175|06|{bench.terminal.hex()}|20260115|083000|" in entries[0]


def test_a_pin_is_reloaded_with_the_psam(bench: Bench, library: Ldt33Library, pad: TypingPad) -> None:
    pad.entries = ["246810", "246810"]
    assert library.call("iReloadPIN", (1, info(bench))).code == Code.OK
    pad.entries = ["246810"]
    assert library.call("iVerifyPIN", (1,)).code == Code.OK


@contextmanager
def served(*options: str, env: dict[str, str]) -> Iterator[str]:
    """`onecard ldt33 serve` as a process; gives the line it prints."""
    with subprocess.Popen([*COMMAND, *options, "serve"], stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.mark.pcsc
def test_command_service_and_c_library_read_the_same_card(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path
) -> None:
    twin = factory.card(tmp_path / "card.chip", Order(31))
    factory.psam(tmp_path / "psam.chip", 31)
    pcsc_rack.insert("encoder-0", tmp_path / "card.chip")
    pcsc_rack.insert("bus-psam", tmp_path / "psam.chip")
    readers = ["--reader", pcsc_rack.name("encoder-0"), "--psam", pcsc_rack.name("bus-psam")]
    env = {**os.environ, SOCKET_VARIABLE: str(pcsc_rack.socket)}
    done = subprocess.run(
        [*COMMAND, *readers, "--json", "iReadCardBas", "1", "--", "iVerifyPIN", "1"],
        input=f"{TWIN_PIN.digits}\n",
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and [row["code"] for row in rows] == [0, 0], done.stderr
    folder = built(tmp_path, "linux")
    token = tmp_path / "secret" / "token"
    with served(*readers, "--token", str(token), env=env) as line:
        assert json.loads(line)["token"] == str(token)
        ((_, code, text),) = call(folder, token, "iReadCardBas", "1")
    assert (code, text.decode("gbk")) == (0, rows[0]["output"])
    assert twin.card_no in rows[0]["output"]
    assert not token.exists()


def test_a_reader_that_is_not_there() -> None:
    slots = PcscSlots(Ldt33Config(contact="no such reader"))
    library = Ldt33Library(Desk(Ldt33Config(), built_in(), slots, TypingPad(), SeededEntropy(1), time.monotonic))
    assert library.call("iReadCardBas", (1,)).code == Code.READER
    assert library.call("iReadCardBas", (2,)).code == Code.READER
