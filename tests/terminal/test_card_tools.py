"""The card commands as people type them, over the real daemon: what is shown, masked, written, compared, checked."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from card.certificate import CertificateSession
from card.domain.clock import SteppedClock, from_ms
from card.domain.entropy import SeededEntropy
from card.domain.identity import RegionCode
from card.files.profile import load_profile
from card.pin import Pin
from card.session import SscSession
from firmware_sim.card.factory import TWIN_PIN, Order, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.card_times import TwinTimes
from firmware_sim.rack import PcscRack
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.card_crypto import CentreCardCrypto
from keys.centre import KeyCentre
from keys.certificate import CertificatePins
from keys.settings import KeysConfig, open_test_store
from terminal.card_check import main_check
from terminal.card_compare import main_compare
from terminal.card_desk import powered
from terminal.card_dump import main_dump
from terminal.card_log import main_log
from terminal.card_pin import main_change_pin, main_verify_pin
from terminal.card_purse import main_purse
from terminal.card_read import main_read
from terminal.card_write import main_write
from tests.keys.sm2_certificates import certificate

CARD, PSAM = "hotel-card", "hotel-psam"
UPDATE_RECORD = 0xDC
NEW_PHONE = "13800000001"
WHOLE = ("ssc-2.00", "tunion")
THIRD = ("ssc-3.00", "tunion")
NEEDS_MORE = {"cos.tear", "data.acse_safety", "data.check_cert"}  # a power cut; a key of the certificate application


class Desk:
    """One card and one PSAM of the test key store in two readers, and the commands."""

    def __init__(self, rack: PcscRack, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.rack, self.folder, self.capsys = rack, folder, capsys
        self.entropy = SeededEntropy(1, "card tools")
        self.clock = SteppedClock(from_ms(1_790_000_000_000))
        self.centre = KeyCentre(open_test_store(KeysConfig(data_dir=folder)))
        self.factory = TwinFactory(self.centre, SeededEntropy(2, "desk"))
        self.reader = ["--reader", rack.name(CARD)]
        self.psam = ["--psam", rack.name(PSAM)]

    def put(self, *profiles: str, number: int = 1) -> None:
        order = Order(number, profiles=profiles) if profiles else Order(number)
        self.factory.card(self.folder / "card.chip", order)
        self.rack.insert(CARD, self.folder / "card.chip")

    def put_psam(self) -> None:
        self.factory.psam(self.folder / "psam.chip", 1)
        self.rack.insert(PSAM, self.folder / "psam.chip")

    def said(self, status: int, expected: int = 0) -> str:
        out, err = self.capsys.readouterr()
        assert status == expected, err
        assert "Traceback" not in err
        self.err = err
        return out

    def json(self, status: int, expected: int = 0) -> Any:
        return json.loads(self.said(status, expected))


@pytest.fixture
def desk(
    pcsc_rack: PcscRack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    yield Desk(pcsc_rack, tmp_path, capsys)


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What stands on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.pcsc
def test_a_dump_is_masked_saved_and_compared(desk: Desk) -> None:
    desk.put()
    rows = desk.json(main_dump([*desk.reader, "--json", "--out", "a.json"], desk.entropy))
    citizen = next(row for row in rows if row["name"] == "citizen_no")
    assert (citizen["masked"], citizen["hex"]) == (True, "‹20 bytes›")
    assert citizen["value"].startswith("460***")
    ext = next(row for row in rows if row["name"] == "name_ext")
    assert not ext["value"] and not ext["blank"]  # the name is there, so its second half is empty, not unwritten
    assert json.loads((desk.folder / "a.json").read_text("utf-8")) == rows
    assert (desk.folder / "a.json").stat().st_mode & 0o077 == 0
    again = desk.json(main_compare(["a.json", desk.reader[1], "--json"], desk.entropy))
    assert again["same"]
    assert "SSSE/EF06 citizen_no" in again["not_compared"]
    shown = desk.said(main_dump(desk.reader, desk.entropy))
    every = {ef.path for name in ("ssc-2.00-basic", "tunion") for ef in load_profile(name).files}
    assert every <= set(shown.splitlines())  # also a cyclic file without entries
    assert shown.splitlines()[shown.splitlines().index("EP/0018") + 1].endswith("没有记录 no entries")
    assert "卡片要求先验证密码或密钥。 The card asks for a PIN or a key first. 6982" in shown
    desk.rack.eject(CARD)
    (desk.folder / "card.chip").unlink()
    desk.put(number=2)
    other = desk.json(main_compare(["a.json", desk.reader[1], "--json"], desk.entropy), 1)
    assert {"citizen_no", "card_no", "serial"} <= {row["name"] for row in other["differences"]}
    assert desk.said(main_dump([*desk.reader, "--out", "a.json"], desk.entropy), 2) == ""
    assert desk.err.startswith("E-OUT-FILE")
    (desk.folder / "b.json").write_text("[1]", "utf-8")
    desk.said(main_compare(["a.json", "b.json"], desk.entropy), 2)
    assert desk.err.startswith("E-DUMP-FILE")


@pytest.mark.pcsc
def test_a_photo_leaves_the_card_as_a_file_only_with_the_read_key(desk: Desk) -> None:
    desk.put(*WHOLE)
    desk.put_psam()
    desk.said(main_dump([*desk.reader, "--photo", "p.jpg"], desk.entropy), 2)
    assert "E-EXPORT" in desk.err
    desk.said(main_dump([*desk.reader, *desk.psam, "--photo", "p.jpg"], desk.entropy), 2)
    assert "not on this card yet" in desk.err
    picture = b"\xff\xd8" + bytes(range(256)) * 5 + b"\xff\xd9"
    field = f"SSSE/EF08/photo={picture.hex()}"
    done = desk.json(main_write([field, *desk.reader, *desk.psam, "--yes", "--json"], desk.entropy))
    assert done["changes"][0]["state"] == "read_back"
    desk.said(main_dump([*desk.reader, *desk.psam, "--photo", "p.jpg", "--json"], desk.entropy))
    assert (desk.folder / "p.jpg").read_bytes() == picture


@pytest.mark.pcsc
def test_a_write_shows_both_values_and_reads_back(desk: Desk, types: Any) -> None:
    desk.put()
    desk.put_psam()
    fields = [f"DF01/EF06/28={NEW_PHONE}", "DF01/EF06/contact_name=王五"]
    shown = desk.said(main_write([*fields, *desk.reader, *desk.psam, "--full", "--dry-run"], desk.entropy))
    assert NEW_PHONE in shown
    assert "13900000000" in shown
    assert "UK_DF01EF06: 卡内号 on the card 25" in shown
    types("no\n")
    desk.said(main_write([*fields, *desk.reader, *desk.psam], desk.entropy), 1)
    done = desk.json(main_write([*fields, *desk.reader, *desk.psam, "--yes", "--json"], desk.entropy))
    assert done["written"] == ["DF01/EF06/contact_name", "DF01/EF06/phone"]
    assert {row["state"] for row in done["changes"]} == {"read_back"}
    assert NEW_PHONE not in json.dumps(done)
    again = desk.json(main_write([*fields, *desk.reader, *desk.psam, "--yes", "--json"], desk.entropy))
    assert again["written"] == []


@pytest.mark.pcsc
def test_a_write_torn_between_two_records_is_finished_by_the_same_command(desk: Desk) -> None:
    desk.put()
    desk.put_psam()
    fields = [f"DF01/EF06/28={NEW_PHONE}", "DF01/EF06/contact_name=王五"]
    desk.rack.fault(CARD, Fault("tear_before_write", UPDATE_RECORD, 2))
    desk.said(main_write([*fields, *desk.reader, *desk.psam, "--yes"], desk.entropy), 2)
    assert "E-CARD-HALF-WRITTEN" in desk.err
    records = list(desk.folder.glob("var/card-write-*.jsonl"))
    assert len(records) == 1
    assert NEW_PHONE not in records[0].read_text("utf-8")
    desk.rack.eject(CARD)
    desk.rack.insert(CARD, desk.folder / "card.chip")
    desk.said(main_write([fields[0], *desk.reader, *desk.psam, "--yes"], desk.entropy), 2)
    assert desk.err.startswith("E-WRITE-HALF")
    desk.said(main_write([*fields, *desk.reader, *desk.psam, "--yes"], desk.entropy))
    assert "S-RECORD-REDONE" in desk.err
    assert not records[0].exists()


@pytest.mark.pcsc
def test_production_takes_no_test_keys(desk: Desk) -> None:
    desk.put()
    (desk.folder / "live.toml").write_text('[keys]\nprofile = "production"\n', "utf-8")
    words = [*desk.reader, "--test-keys", "--config", "live.toml", "--yes"]
    desk.said(main_write([f"DF01/EF06/28={NEW_PHONE}", *words], desk.entropy), 2)
    assert "PRODUCTION" in desk.err.split()[0]


@pytest.mark.pcsc
def test_tries_are_shown_before_a_pin_is_typed_and_the_last_one_is_kept(desk: Desk, types: Any) -> None:
    desk.put()
    types("000000\n")
    assert "6 PIN tries are left" in desk.said(main_verify_pin([*desk.reader, "--pin-stdin"]), 1)
    for left in (4, 3, 2, 1):
        types("000000\n")
        wrong = desk.json(main_verify_pin([*desk.reader, "--pin-stdin", "--json"]), 1)
        assert (wrong["tries_before"], wrong["tries_left"]) == (left + 1, left)
    types("000000\n")
    desk.said(main_verify_pin([*desk.reader, "--pin-stdin"]), 2)
    assert desk.err.startswith("E-PIN-LAST")
    types(f"{TWIN_PIN.digits}\n112233\n")
    assert desk.json(main_change_pin([*desk.reader, "--pin-stdin", "--last-try", "--json"]))["done"]
    types("112233\n")
    assert desk.json(main_verify_pin([*desk.reader, "--pin-stdin", "--json"]))["tries_left"] == 6


@pytest.mark.pcsc
def test_every_purse_is_shown_and_a_3_00_card_keeps_its_holder(desk: Desk) -> None:
    desk.put("ssc-3.00", "tunion", "cityunion")
    purses = desk.json(main_purse([*desk.reader, "--json"]))["purses"]
    assert [(row["profile"], row["chosen"]) for row in purses] == [("tunion", True), ("cityunion", False)]
    assert all(row["why_zh"] and row["why_en"] for row in purses)
    closed = desk.json(main_read([*desk.reader, "--json"], desk.entropy))
    assert [closed[name] for name in ("citizen_no", "card_no", "name")] == ["", "", ""]
    assert closed["card_id"] and closed["version"] == "3.00"
    opened = desk.json(main_read([*desk.reader, "--test-keys", "--json"], desk.entropy))
    assert opened["name"]
    desk.put_psam()
    desk.said(main_read([*desk.reader, *desk.psam], desk.entropy), 2)
    assert "E-PSAM-FAMILY" in desk.err
    desk.rack.eject(CARD)
    desk.said(main_read([], desk.entropy), 2)
    assert desk.err.startswith("E-CARD-FOREIGN")
    assert desk.psam[1] in desk.err, "nobody named a reader: which one holds the only card is said"


@pytest.mark.pcsc
def test_a_long_name_goes_on_in_its_second_record_and_leaves_no_rest_behind(desk: Desk) -> None:
    desk.put()
    write = [*desk.reader, "--test-keys", "--yes", "--json"]
    for name, rest in (("𠮷" + "长" * 18, "长" * 5), ("李四", "")):  # 4 and 13 times 2 bytes are 30
        done = desk.json(main_write([f"SSSE/EF06/09={name}", *write], desk.entropy))
        assert [row["ref"] for row in done["changes"]] == ["SSSE/EF06/name", "SSSE/EF06/name_ext"]
        rows = desk.json(main_dump([*desk.reader, "--full", "--json"], desk.entropy))
        halves = {row["name"]: row["value"] for row in rows if row["name"] in ("name", "name_ext")}
        assert halves == {"name": name.removesuffix(rest), "name_ext": rest}
        assert desk.json(main_read([*desk.reader, "--json"], desk.entropy))["name"] == name
    desk.said(main_write([f"SSSE/EF06/09={'长' * 30}", *write], desk.entropy), 2)
    assert desk.err.rpartition("E-FIELD")[1]
    own = desk.json(main_write(["SSSE/EF06/09=王五", "SSSE/EF06/4E=六", *write], desk.entropy))
    assert own["written"] == ["SSSE/EF06/name", "SSSE/EF06/name_ext"]  # both were named: nothing is added


@pytest.mark.pcsc
def test_medical_accounts_are_shown_to_the_holder_and_nothing_is_asked_without_them(desk: Desk, types: Any) -> None:
    desk.factory.card(desk.folder / "card.chip", Order(1, profiles=WHOLE, whole=True))
    desk.rack.insert(CARD, desk.folder / "card.chip")
    assert "medical" not in desk.json(main_purse([*desk.reader, "--json"]))
    types(f"{TWIN_PIN.digits}\n")
    medical = desk.json(main_purse([*desk.reader, "--pin-stdin", "--json"]))["medical"]
    assert [(row["account"], row["amount_fen"] is not None) for row in medical["accounts"]] == [
        (1, True), (2, True), (3, True),
    ]  # fmt: skip
    assert medical["transactions"] == []
    types(f"{TWIN_PIN.digits}\n")
    shown = desk.said(main_purse([*desk.reader, "--pin-stdin"]))
    assert shown.index("6 PIN tries are left") < shown.index("医疗账户，只读 medical accounts, read only")
    types("112233\n")
    desk.said(main_purse([*desk.reader, "--pin-stdin"]), 2)
    assert desk.err.startswith("E-PIN-WRONG")
    desk.rack.eject(CARD)
    (desk.folder / "card.chip").unlink()
    desk.put()
    types("")
    assert "This card has no medical application." in desk.said(main_purse([*desk.reader, "--pin-stdin"]))


@pytest.mark.pcsc
@pytest.mark.parametrize("line", ["t0", "iso14443-106"])
def test_the_log_names_commands_masks_data_and_prices_them(desk: Desk, line: str) -> None:
    desk.put()
    times = TwinTimes(str(desk.rack.socket))
    log = desk.json(main_log([*desk.reader, "--line", line, "--json"], desk.entropy, times))
    assert log["source"] == "twin"
    assert log["exchanges"][0]["name"] == "SELECT"
    assert all(row["total_us"] or row["name"] == "GET RESPONSE" for row in log["exchanges"])
    assert log["modelled_us"] == sum(row["total_us"] or 0 for row in log["exchanges"])
    assert b"460100199001010019".hex().upper() not in json.dumps(log)
    foreign = TwinTimes(str(desk.folder / "nobody"))
    assert desk.json(main_log([*desk.reader, "--line", line, "--json"], desk.entropy, foreign))["source"] == "bytes"


@pytest.mark.pcsc
@pytest.mark.parametrize("profiles", [(), WHOLE, THIRD], ids=["basic", "whole", "3.00"])
def test_the_acceptance_list_passes_on_a_sound_card_and_writes_nothing(
    desk: Desk, types: Any, profiles: tuple[str, ...]
) -> None:
    desk.put(*profiles)
    before = (desk.folder / "card.chip").read_bytes()
    found = desk.json(main_check([*desk.reader, "--page", "c.html", "--json"], desk.entropy, desk.clock))
    ssse = next(item for item in found["items"] if item["id"] == "data.ssse_record")
    assert "0 of them not personalised" in ssse["why_en"]  # the second half of a short name is empty, not forgotten
    assert (desk.folder / "card.chip").read_bytes() == before
    assert found["summary"]["fail"] == 0
    assert found["profile"] == (profiles[0] if profiles else "ssc-2.00-basic")
    page = (desk.folder / "c.html").read_text("utf-8")
    assert "http" not in page.replace("</html>", "")
    assert all(row["zh"] in page and row["en"].replace("'", "&#39;") in page for row in found["items"])
    clauses = {row["clause"] for row in found["items"]}
    assert {f"7 {name}_RECORD" for name in ("SSSE", "DF01", "DF02", "DF03", "DF04", "DF05", "DF07")} <= clauses
    assert not any("DF06" in clause for clause in clauses)
    types(f"{TWIN_PIN.digits}\n")
    words = ["--test-keys", "--pin-stdin", "--write-back", "--json"]
    whole = desk.json(main_check([*desk.reader, *words], desk.entropy, desk.clock))
    assert whole["summary"]["fail"] == 0
    left = {row["id"] for row in whole["items"] if row["result"] == "not_tried"}
    assert "cos.tear" in left
    assert left <= NEEDS_MORE


@pytest.mark.pcsc
def test_the_acceptance_list_finds_a_chip_of_other_keys_and_copied_files(desk: Desk) -> None:
    order = Order(2, fields={"card_id": "460100D156000005000000017FFFFFFF", "version": "9.99"})
    desk.factory.card(desk.folder / "card.chip", order)
    desk.rack.insert(CARD, desk.folder / "card.chip")
    found = desk.json(main_check([*desk.reader, "--json"], desk.entropy, desk.clock), 1)
    failed = {row["id"] for row in found["items"] if row["result"] == "fail"}
    assert {"list.city", "list.version"} <= failed


@pytest.mark.pcsc
@pytest.mark.parametrize("own", [True, False], ids=["of its own key", "of another key"])
def test_the_certificate_of_a_3_00_card_is_looked_into(desk: Desk, own: bool) -> None:
    desk.put("ssc-3.00")
    blank = items(desk.json(main_check([*desk.reader, "--json"], desk.entropy, desk.clock)))
    assert blank["data.check_cert"] == "not_tried"
    issuer = Sm2PrivateKey.from_scalar((7).to_bytes(32))
    profile = load_profile("ssc-3.00")
    with powered(desk.reader[1]) as channel:
        facts = SscSession(channel, profile).atr
        session = CertificateSession(channel, profile)
        session.select()
        session.verify_pin(Pin("123456"), CertificatePins())
        public = session.generate_key()
        der = certificate("holder", public if own else issuer.public.raw(), issuer)
        city = RegionCode(facts.region).city_factor
        crypto = CentreCardCrypto(desk.centre, profile.crypto, city, facts.card_factor)
        session.write_certificate("signing", der, crypto)
    found = items(desk.json(main_check([*desk.reader, "--json"], desk.entropy, desk.clock), 0 if own else 1))
    assert found["data.check_cert"] == ("pass" if own else "fail")
    assert found["data.acse_safety"] == "pass"


def items(document: Any) -> dict[str, str]:
    return {row["id"]: row["result"] for row in document["items"]}
