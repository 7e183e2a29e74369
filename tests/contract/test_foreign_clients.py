"""Programs that are not ours talk to the twin through the same daemon."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import reduce
from operator import xor
from pathlib import Path

import pytest

from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.rack import SOCKET_VARIABLE, PcscRack
from tests.required import missing

pytestmark = pytest.mark.pcsc
HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
FOREIGN = Path(sys.prefix) / "foreign"  # the bank terminal and what it wants, apart from our packages


def run(command: list[str], text: str = "", variables: dict[str, str] | None = None) -> str:
    if shutil.which(command[0]) is None:
        missing("tools", f"{command[0]} is not installed")
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False, env=environment)
    return done.stdout + done.stderr


@pytest.fixture
def twin_in_pcsc(pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path) -> str:
    """The name of a PC/SC reader with a twin in it."""
    factory.card(tmp_path / "twin.chip", Order(1))
    pcsc_rack.insert("counter-card", tmp_path / "twin.chip")
    return pcsc_rack.name("counter-card")


def test_opensc_tool_reads_atr_and_card_number(twin_in_pcsc: str) -> None:
    assert twin_in_pcsc in run(["opensc-tool", "-l"])
    assert "3b:6d:00:00:00:81:4e:43:23:86:97:46:01:00:00:00:01" in run(["opensc-tool", "-r", twin_in_pcsc, "-a"])
    select = "00:A4:04:00:0F:73:78:31:2E:73:68:2E:C9:E7:BB:E1:B1:A3:D5:CF"
    answer = run(["opensc-tool", "-r", twin_in_pcsc, "-s", select, "-s", "00:B2:07:2C:0B"])
    assert "07 09 54 30 30 30 30 30 30 31" in answer


def test_scriptor_runs_a_whole_conversation(twin_in_pcsc: str) -> None:
    """Selection, a wrong length, a wrong PIN, a file that is not there, an instruction that does not exist."""
    lines = ("00 A4 00 00 02 DD F1", "00 B2 05 2C 00", "00 20 00 00 03 99 99 99", "00 A4 00 00 02 EE EE", "00 FE 00 00")
    answer = run(["scriptor", "-r", twin_in_pcsc], "\n".join(lines) + "\n")
    assert re.findall(r"^< ((?:[0-9A-F]{2} )+)", answer, re.M) == ["61 13 ", "6C 06 ", "63 C5 ", "6A 82 ", "6D 00 "]


def test_pcsc_scan_sees_the_card_and_its_bytes(twin_in_pcsc: str) -> None:
    """The list, and the whole analysis: pcsc_scan takes the ATR apart and finds nothing wrong in it.

    It can watch fifteen readers at most, so the analysis has a daemon of its own: `onecard sim up`.
    """
    assert twin_in_pcsc in run(["timeout", "5", "pcsc_scan", "-r"])
    command = [sys.executable, str(CHECKOUT / "onecard.py"), "sim", "up", "--cards", "1", "--psams", "1", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != SOCKET_VARIABLE}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as rack:
        assert rack.stdout
        ready = json.loads(rack.stdout.readline())
        for patience in ("2", "5", "15"):  # it ends only when told to; a busy machine needs longer
            told = run(["timeout", patience, "pcsc_scan"], variables=ready["env"])
            if "Historical bytes: 00 81 4E" in told:
                break
        rack.terminate()
    told = re.sub(r"\x1b\[[0-9;]*m|\r", "", told)
    shown = re.findall(r"ATR: ((?:[0-9A-F]{2} ?)+)", told)
    assert [atr for atr in shown if atr.startswith("3B 6D 00 00 00 81 4E 43 23 86 97")], told
    assert "TS = 3B --> Direct Convention" in told
    assert "Historical bytes: 00 81 4E 43 23 86 97" in told


def test_a_raw_pyscard_terminal_reads_the_card(twin_in_pcsc: str) -> None:
    """Nothing of ours on the reading side: command bytes by hand, 61xx and 6Cxx by hand."""
    told = run([sys.executable, "-I", str(HERE / "raw_client.py"), twin_in_pcsc, "654321"])
    seen = json.loads(told)
    assert seen["answers"] == {
        "atr": "3B6D000000814E432386974601000000" + "01",
        "ssse": "9000",
        "tries": "63C6",
        "wrong": "63C5",
        "right": "9000",
        "df01": "9000",
        "address": seen["answers"]["address"],
        "challenge": "8",
        "unknown": "6D00",
        "purse": "9000",
        "balance": "9000",
        "init": "9000",
        "log": "6A83",
    }
    fields = seen["fields"]
    assert bytes.fromhex(fields["card_no"]).decode("ascii").startswith("T0000001")
    assert bytes.fromhex(fields["version"]) == b"2.00"
    assert fields["card_id"].startswith("460100D156000005")
    assert fields["birth_date"] == "19900101"
    assert bytes.fromhex(fields["citizen_no"]).decode("ascii")[6:14] == fields["birth_date"]
    assert seen["money"]["balance"] == "00000000"
    assert seen["money"]["begun"] == 15
    assert seen["money"]["fci"].startswith("6F318408A000000632010105A525")


def test_a_bank_terminal_of_others_reads_the_bank_application(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path
) -> None:
    """Found through the directory, read along the file locator, counted: by a package that knows nothing of us."""
    if not (FOREIGN / "emv").is_dir():
        missing("emv", "the foreign bank terminal is not installed")
    factory.card(tmp_path / "bank.chip", Order(1, profiles=("ssc-2.00-basic", "tunion", "pboc-debit")))
    pcsc_rack.insert("counter-card", tmp_path / "bank.chip")
    command = [sys.executable, "-W", "ignore", str(HERE / "bank_terminal.py"), pcsc_rack.name("counter-card")]
    told = run(command, variables={"PYTHONPATH": str(FOREIGN)})
    seen = json.loads(told.splitlines()[-1])
    assert seen["applications"] == 1
    assert (seen["label"], seen["aid"]) == ('"PBOC DEBIT"', "A000000333010101")
    assert seen["aip"] == "7C00"
    assert seen["data"]["5A"] == "6217000000000000012F"
    assert seen["data"]["57"].startswith("6217000000000000012D3601")
    assert seen["counters"] == {"pin_retries": 3, "atc": 1, "last_online_atc": 0}


def test_opensc_tool_reads_the_card_in_a_field(pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path) -> None:
    """Contactless: another answer to reset, whole answers at once, and no PIN over the air."""
    slot = "encoder-7"
    pcsc_rack.use_line(slot, "contactless")
    try:
        factory.card(tmp_path / "field.chip", Order(1))
        pcsc_rack.insert(slot, tmp_path / "field.chip")
        name = pcsc_rack.name(slot)
        atr = bytes.fromhex(run(["opensc-tool", "-r", name, "-a"]).split()[-1].replace(":", ""))
        assert (atr[0], atr[1] & 0xF0, atr[2:4]) == (0x3B, 0x80, b"\x80\x01")
        assert not reduce(xor, atr[1:]), "the check byte of T=1 (ISO/IEC 7816-3 §8.2.5)"
        select = "00:A4:04:00:0F:73:78:31:2E:73:68:2E:C9:E7:BB:E1:B1:A3:D5:CF:00"
        told = run(["opensc-tool", "-r", name, "-s", select, "-s", "00:B2:07:2C:00", "-s", "00:20:00:00:03:65:43:21"])
        assert re.findall(r"SW1=0x([0-9A-F]{2}), SW2=0x([0-9A-F]{2})", told) == [
            ("90", "00"),
            ("90", "00"),
            ("69", "85"),
        ]
        assert "6F 11 84 0F 73 78 31" in told
    finally:
        pcsc_rack.eject(slot)
        pcsc_rack.use_line(slot, "contact")
