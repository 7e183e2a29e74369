"""`card read` and `card dump` as people run them, over the real PC/SC daemon; every failure its own sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.files.profile import load_profile
from firmware_sim.card.chip import values_of
from firmware_sim.card.factory import TWIN_PIN, Order, Twin, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.card.memory import key_name
from firmware_sim.card.store import create_file
from firmware_sim.rack import PcscRack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from terminal.card_desk import display_width, print_table
from terminal.card_dump import main_dump
from terminal.card_read import main_read

ROOT = Path(__file__).resolve().parents[2]
CARD, PSAM = "kiosk-card", "kiosk-psam"
FIELDS = (
    *("region", "citizen_no", "card_no", "card_id", "name", "reset_info", "version", "issued", "valid_to"),
    *("terminal_no", "device_no", "line"),
)
READ_RECORD = 0xB2


@pytest.fixture(scope="module")
def factory() -> TwinFactory:
    return TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"card read test seed", "test")), SeededEntropy(5, "card read"))


def put(rack: PcscRack, factory: TwinFactory, folder: Path, order: Order | None = None) -> Twin:
    twin = factory.card(folder / "card.chip", order or Order(1))
    rack.insert(CARD, folder / "card.chip")
    return twin


def put_psam(rack: PcscRack, factory: TwinFactory, folder: Path) -> str:
    number = factory.psam(folder / "psam.chip", 1)
    rack.insert(PSAM, folder / "psam.chip")
    return number.hex().upper()


def dump(*argv: str) -> int:
    return main_dump(argv, SeededEntropy(1, "card dump"))


def read(*argv: str) -> int:
    return main_read(argv, SeededEntropy(1, "card read"))


@pytest.mark.pcsc
def test_json_is_exactly_what_the_contract_says(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = put(pcsc_rack, factory, tmp_path, Order(1, fields={"name": "阿依古丽·买买提"}))
    terminal = put_psam(pcsc_rack, factory, tmp_path)
    assert read("--reader", pcsc_rack.name(CARD), "--psam", pcsc_rack.name(PSAM), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert tuple(found) == FIELDS
    assert found["citizen_no"] == twin.citizen_no
    assert found["card_id"] == twin.card_id.hex().upper()
    assert (found["region"], found["name"], found["version"]) == ("460100", "阿依古丽·买买提", "2.00")
    assert (found["terminal_no"], found["device_no"]) == (terminal, "")
    assert found["reset_info"] == "00814E43238697460100000001"
    assert found["line"] == "".join(f"{found[name]}|" for name in FIELDS[:-1])


@pytest.mark.pcsc
def test_without_names_the_first_card_of_ours_is_read(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_psam(pcsc_rack, factory, tmp_path)
    twin = put(pcsc_rack, factory, tmp_path)
    assert read() == 0
    table = capsys.readouterr().out
    assert twin.citizen_no in table
    assert "社会保障号码 social security no." in table
    assert "not proven" in table
    assert read("--psam", pcsc_rack.name(PSAM)) == 0
    assert "proven genuine" in capsys.readouterr().out
    assert read("--reader", "list") == 0
    assert pcsc_rack.name(CARD) in capsys.readouterr().out.splitlines()


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The code the command complained with: stdout empty, sentence and next step in both languages, no traceback."""
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "下一步" in err
    assert "next" in err
    return err.split()[0]


@pytest.mark.pcsc
def test_an_empty_slot(pcsc_rack: PcscRack, capsys: pytest.CaptureFixture[str]) -> None:
    assert all(pcsc_rack.reader(slot).wait(False, 5000) for slot in pcsc_rack.layout)
    assert read("--reader", pcsc_rack.name(CARD)) == 2
    assert complaint(capsys) == "E-CARD-NONE"
    assert read() == 2
    assert complaint(capsys) == "E-CARD-NONE"


@pytest.mark.pcsc
def test_a_reader_that_is_not_there(pcsc_rack: PcscRack, capsys: pytest.CaptureFixture[str]) -> None:
    assert read("--reader", "no such reader", "--json") == 2
    assert complaint(capsys) == "E-READER-NONE"


@pytest.mark.pcsc
def test_a_foreign_card(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_psam(pcsc_rack, factory, tmp_path)
    assert read("--reader", pcsc_rack.name(PSAM)) == 2
    assert complaint(capsys) == "E-CARD-FOREIGN"
    assert read() == 2
    assert complaint(capsys) == "E-CARD-FOREIGN"


@pytest.mark.pcsc
@pytest.mark.parametrize("nth", [1, 4, 7])
def test_a_card_pulled_in_the_middle(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str], nth: int
) -> None:
    put(pcsc_rack, factory, tmp_path)
    pcsc_rack.fault(CARD, Fault("drop_answer", READ_RECORD, nth))
    assert read("--reader", pcsc_rack.name(CARD)) == 2
    assert complaint(capsys) == "E-CARD-LOST"


def changed(source: Path, target: Path, changes: Mapping[str, bytes]) -> Path:
    """A chip with some of its memory replaced."""
    create_file(target, {**values_of(source), **changes})
    return target


@pytest.mark.pcsc
def test_a_chip_with_another_key_is_not_genuine(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    psam = pcsc_rack.name(PSAM)
    put_psam(pcsc_rack, factory, tmp_path)
    factory.card(tmp_path / "true.chip", Order(1))
    irk = load_profile("ssc-2.00").key("IRK")
    name = key_name(irk.dir, irk.type or 0, irk.card_kid or 0, irk.version)
    wrong = values_of(tmp_path / "true.chip")[name][:8] + b"another key 16 b"
    pcsc_rack.insert(CARD, changed(tmp_path / "true.chip", tmp_path / "false.chip", {name: wrong}))
    assert read("--reader", pcsc_rack.name(CARD), "--psam", psam, "--json") == 1
    assert complaint(capsys) == "E-CARD-COUNTERFEIT"
    assert read("--reader", pcsc_rack.name(CARD), "--json") == 0


@pytest.mark.pcsc
def test_files_copied_to_another_chip_are_not_genuine(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_psam(pcsc_rack, factory, tmp_path)
    twin = factory.card(tmp_path / "true.chip", Order(1))
    put(pcsc_rack, factory, tmp_path, Order(2, fields={"card_id": twin.card_id.hex()}))
    assert read("--reader", pcsc_rack.name(CARD), "--psam", pcsc_rack.name(PSAM)) == 1
    assert complaint(capsys) == "E-CARD-COUNTERFEIT"


@pytest.mark.pcsc
def test_a_blank_card_reads_as_empty_and_cannot_be_proven(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_psam(pcsc_rack, factory, tmp_path)
    pcsc_rack.insert(CARD, factory.blank(tmp_path / "blank.chip"))
    assert read("--reader", pcsc_rack.name(CARD)) == 0
    assert "no personal data yet" in capsys.readouterr().out
    assert read("--reader", pcsc_rack.name(CARD), "--psam", pcsc_rack.name(PSAM)) == 2
    assert complaint(capsys) == "E-CARD-DATA"


def test_without_a_daemon_the_command_says_so(tmp_path: Path) -> None:
    for command in (["card", "read", "--json"], ["card", "dump"], ["card", "read", "--reader", "list"]):
        done = subprocess.run(
            [sys.executable, str(ROOT / "onecard.py"), *command],
            env={**os.environ, "PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody"), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("E-PCSC-DAEMON")
        assert "Traceback" not in done.stderr


def test_a_wrong_command_line_is_64(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (("--slot", "3"), ("--reader",)):
        with pytest.raises(SystemExit) as stopped:
            read(*argv)
        assert stopped.value.code == 64
    with pytest.raises(SystemExit) as stopped:
        dump("now")
    assert stopped.value.code == 64
    assert "usage" in capsys.readouterr().err


@pytest.mark.pcsc
def test_dump_shows_every_record_beside_its_bytes(
    pcsc_rack: PcscRack, factory: TwinFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = put(pcsc_rack, factory, tmp_path)
    assert dump("--reader", pcsc_rack.name(CARD), "--full", "--json") == 0
    rows = {(row["file"], row["name"]): row for row in json.loads(capsys.readouterr().out)}
    citizen = rows["SSSE/EF06", "citizen_no"]
    assert citizen["value"] == twin.citizen_no
    assert citizen["hex"] == "0812" + twin.citizen_no.encode().hex().upper()
    assert rows["EP/0015", "serial"]["value"].endswith(twin.asn.hex())
    assert rows["EP", "balance"]["value"] == "0.00"
    assert rows["DF01/EF05", ""]["code"] == "E-CARD-ACCESS"
    assert dump("--reader", pcsc_rack.name(CARD), "--full") == 0
    table = capsys.readouterr().out
    assert "卡片要求先验证密码或密钥" in table
    assert citizen["hex"] in table


@pytest.mark.pcsc
def test_dump_opens_what_the_pin_opens(
    pcsc_rack: PcscRack,
    factory: TwinFactory,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(pcsc_rack, factory, tmp_path, Order(1, fields={"phone": "13900000001"}))
    monkeypatch.setattr("getpass.getpass", lambda prompt: TWIN_PIN.digits)
    assert dump("--reader", pcsc_rack.name(CARD), "--ask-pin", "--full", "--json") == 0
    rows = {(row["file"], row["name"]): row for row in json.loads(capsys.readouterr().out)}
    assert rows["DF01/EF06", "phone"]["value"] == "13900000001"
    monkeypatch.setattr("getpass.getpass", lambda prompt: "000000")
    assert dump("--reader", pcsc_rack.name(CARD), "--ask-pin", "--json") == 2
    assert complaint(capsys) == "E-PIN-WRONG"


def test_tables_align_full_width_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("卡号 card", "1"), ("ab", "2")])
    first, second = capsys.readouterr().out.splitlines()
    assert display_width(first) == display_width(second)
    assert display_width("卡号") == 4
