"""From blank chip to proven card: the script, the burning, the read-back, and everything that can go wrong between."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from card.channel import standard
from card.errors import AccessDeniedError, PinInitialError
from card.files.kinds import CyclicEf, RecordEf
from card.files.tree import fields_of
from card.pin import Pin
from card.readers.reader import Reader
from card.session import PurseSession, SscSession
from card.wire import CardChannel
from firmware_sim.card.chip import values_of
from firmware_sim.card.faults import Fault
from firmware_sim.card.variants import external_only
from firmware_sim.rack import PcscRack
from issuance.application.states import MakeStatus, OrderStatus
from issuance.database import transaction
from issuance.errors import ReadBackError
from issuance.lifecycle import view
from issuance.personalization.batch import LEFT_BEHIND, Progress
from issuance.personalization.content import CardModel, Content
from issuance.personalization.machine_pcsc import PcscMachine
from issuance.personalization.makings import BURNING, GOOD, SPOILED
from issuance.personalization.script import Finish, Initialise, LoadKey, ReplaceMaster, Script
from issuance.repository import Makings, Numbers, Orders
from keys.hierarchy import authentication_cryptogram
from tests.issuance.office import BATCH, OTHER_BATCH, PROFILES, Office, row

ONE = ("encoder-0",)


def machine(office: Office, slot: str = "encoder-0") -> PcscMachine:
    return PcscMachine(
        slot,
        office.rack.reader(slot),
        office.rack,
        model=CardModel(*PROFILES),
        centre=office.centre,
        entropy=office.branch._entropy,
    )


def bound(office: Office, chip: Path, **changes: str) -> Script:
    order = office.order([row(**changes)])[0]
    return office.branch._book.bind(order, chip, "encoder-0", BATCH)


def session_with(office: Office, chip: Path) -> SscSession:
    office.rack.insert("look", chip)
    session = SscSession(standard(office.rack.reader("look").connect()), CardModel(*PROFILES).card_profile)
    session.select()
    return session


def test_script_order(office: Office) -> None:
    """Initialise, every master key before any other secret, the end last (keys-and-purse §3.3, §3.4)."""
    script = bound(office, office.blanks(1)[0])
    assert isinstance(script.steps[0], Initialise) and isinstance(script.steps[-1], Finish)
    masters = [index for index, step in enumerate(script.steps) if isinstance(step, ReplaceMaster)]
    others = [index for index, step in enumerate(script.steps) if isinstance(step, LoadKey)]
    assert masters == [1, 2, 3, 4] and min(others) > max(masters)
    assert len(masters) + len(others) == 17


def test_script_holds_no_secret_and_its_digest_is_stored_first(office: Office) -> None:
    script = bound(office, office.blanks(1)[0])
    shown = repr(script)
    assert row()["id_no"] not in shown
    assert not any(key.reveal().hex() in shown or str(key.reveal()) in shown for key in script.keys.values())
    with transaction(office.engine) as session:
        making = Makings(session).in_state(BURNING)[0]
        assert making.script_digest == script.digest.hex()
    again = office.branch._book.script_of(script.identity.card_id.hex)
    assert again.digest == script.digest
    steps = (*script.steps[:-2], script.steps[-1])
    assert replace(script, steps=steps).digest != script.digest


def test_card_id_is_made_as_the_example(office: Office) -> None:
    """card §1.10 and §3.2: region ‖ RID ‖ third region byte and serial ‖ MAC under the card's IRK."""
    identity = bound(office, office.blanks(1)[0]).identity
    assert identity.card_id.hex.startswith("460100d15600000500000001")
    assert identity.atr.hex() == "3b6d000000814e43238697460100000001"
    assert identity.f_card.hex() == "8697460100000001" and identity.f_city == b"460100sx"
    mac = office.centre.card_id_mac(identity.f_city, identity.f_card, identity.card_id.raw[:12])
    assert identity.card_id.raw[12:] == mac[:4]


def test_made_cards_are_what_was_ordered(office: Office) -> None:
    names = ["王小明", "MARIA ALEJANDRA FERNANDEZ DE CASTRO", "古丽娜尔·阿卜杜热合曼·依明江·吐尔逊", "王𠮷祥"]
    rows = [row(name=name, birth_date=f"199001{n:02d}") for n, name in enumerate(names, start=1)]
    cards = office.make(rows)
    found = {}
    for card in cards:
        session = session_with(office, card.chip)
        basic = session.read_basic()
        found[str(basic["name"]) + str(basic["name_ext"])] = basic
        assert basic["card_no"] == card.card_no
        office.rack.eject("look")
    assert set(found) == set(names)
    long = found["MARIA ALEJANDRA FERNANDEZ DE CASTRO"]
    assert (long["name"], long["name_ext"]) == ("MARIA ALEJANDRA FERNANDEZ DE C", "ASTRO")
    assert long["valid_to"] == "20361122" and long["issued"] == "20261123"


def test_a_finished_card_keeps_its_own_rules(office: Office) -> None:
    card = office.make([row()])[0]
    session = session_with(office, card.chip)
    session.select_dir("DF01")
    with pytest.raises(AccessDeniedError):
        session.read_file("DF01", "EF05")
    session.verify_pin(Pin("123456"))
    with pytest.raises(PinInitialError):
        session.read_file("DF01", "EF06")
    session.select()
    with pytest.raises(AccessDeniedError):
        session.write_record("SSSE", "EF06", "name", "别人")
    purse = PurseSession(session.channel, CardModel(*PROFILES).purse_profile)  # type: ignore[arg-type]
    info = purse.select()
    found = view(office.engine, card.card_id)
    assert (info.asn.digits, info.issuer.raw.hex()) == (found.asn, found.issuer)
    assert purse.balance() == 0


def test_the_certificate_can_be_checked_again_from_the_key_alone(office: Office) -> None:
    card = office.make([row()])[0]
    certificate = card.certificate
    identity = bytes.fromhex(certificate.atr)[-8:]
    key = office.centre.card_keys(b"460100sx", identity)["IRK"]
    factor, original = bytes.fromhex(certificate.factor), bytes.fromhex(certificate.original)
    assert authentication_cryptogram(key.reveal(), factor, original).hex() == certificate.cryptogram
    assert set(certificate.keys_proven) >= {"IRK", "UK_SSSE", "RK_SSSE", "RK_DF01", "DLK", "PIN"}
    assert certificate.check_values["IRK"] == key.kcv.hex()


def all_fields() -> list[str]:
    model = CardModel(*PROFILES)
    return [
        f"{ef.path}/{item.name}"
        for directory in model.tree.dirs
        for ef in model.tree.files_of(directory.name)
        if ef.personalised and not isinstance(ef, CyclicEf)
        for item in fields_of(ef)
    ]


def with_other(content: Content, model: CardModel, field: str) -> Content:
    """The same content with the last byte of one field turned."""
    path, _, name = field.rpartition("/")
    ef = model.tree.find(field).file
    parts = list(content.files[path])
    if isinstance(ef, RecordEf):
        index = [item.name for item in ef.records].index(name)
        parts[index] = parts[index][:-1] + bytes([parts[index][-1] ^ 1])
    else:
        end = 0
        for item in fields_of(ef):
            end += item.length
            if item.name == name:
                break
        parts[0] = parts[0][: end - 1] + bytes([parts[0][end - 1] ^ 1]) + parts[0][end:]
    return Content({**content.files, path: tuple(parts)})


def test_every_field_is_compared(office: Office) -> None:
    model, chip = CardModel(*PROFILES), office.blanks(1)[0]
    script = bound(office, chip)
    encoder = machine(office)
    encoder.take(chip)
    encoder.burn(script)
    assert encoder.read_back(script).fields == len(all_fields())
    for field in all_fields():
        with pytest.raises(ReadBackError) as bad:
            encoder.read_back(replace(script, content=with_other(script.content, model, field)))
        assert bad.value.field == field
    encoder.release()


@pytest.mark.parametrize("key", ["IRK", "UK_SSSE", "RK_SSSE", "RK_DF01", "UK_DF01EF05", "UK_DF01EF06", "DLK"])
def test_every_proven_key_is_really_proven(office: Office, key: str) -> None:
    """A chip that was loaded with another key under that name is found out."""
    chip = office.blanks(1)[0]
    script = bound(office, chip)
    wrong = {**script.keys, key: script.keys["STK.SSSE"]}
    encoder = machine(office)
    encoder.take(chip)
    encoder.burn(replace(script, keys=wrong))
    with pytest.raises(ReadBackError) as bad:
        encoder.read_back(script)
    assert bad.value.field == key
    encoder.release()


def test_burning_again_changes_nothing(office: Office) -> None:
    chip = office.blanks(1)[0]
    script = bound(office, chip)
    encoder = machine(office)
    for _ in range(2):
        encoder.take(chip)
        encoder.burn(script)
        first = encoder.read_back(script)
    encoder.release()
    assert first.card_id == script.identity.card_id.hex


def test_a_chip_of_a_delivery_that_was_never_booked_in_is_set_aside(office: Office) -> None:
    """Its key is right, so the line goes on; a chip with a wrong key stops it (test_never_burn.py)."""
    office.order([row()])
    good = office.blanks(1)
    bad = office.blanks(1, received=False, batch=OTHER_BATCH)
    before = values_of(bad[0])
    result = office.branch.personalize(office.rack, bad + good, slots=ONE)
    assert result.set_aside == ((bad[0], "E-STOCK-SHORT"),) and result.stops == ()
    assert [card.chip for card in result.cards] == good
    assert values_of(bad[0]) == before
    assert office.branch.stock().spoiled == 0


def test_a_finished_card_in_the_tray_is_set_aside(office: Office) -> None:
    card = office.make([row()])[0]
    office.order([row(sex="2")])
    result = office.branch.personalize(office.rack, [card.chip], slots=ONE)
    assert result.set_aside == ((card.chip, "E-CHIP-REFUSED"),) and result.waiting == 1


def test_a_bad_chip_is_waste_and_its_order_is_made_again(office: Office) -> None:
    order = office.order([row()])[0]
    chips = office.blanks(2)
    external_only(chips[0])
    seen: list[Progress] = []
    result = office.branch.personalize(office.rack, chips, seen.append, ONE)
    assert [item.stage for item in seen] == ["spoiled", "good"]
    assert [card.order_id for card in result.cards] == [order]
    held = office.branch.stock()
    assert (held.received, held.blank, held.good, held.spoiled, held.sums) == (2, 0, 1, 1, True)
    with transaction(office.engine) as session:
        assert [making.state for making in Makings(session).of_order(order)] == [SPOILED, GOOD]
        numbers = [making.card_no for making in Makings(session).of_order(order)]
        serials = [making.chip_serial for making in Makings(session).of_order(order)]
        assert len(set(numbers)) == 2 and len(set(serials)) == 2
        assert Numbers(session).counts() == {"02": 1, "03": 1}


def test_an_order_is_not_tried_for_ever(office: Office) -> None:
    order = office.order([row()])[0]
    chips = office.blanks(4)
    for chip in chips:
        external_only(chip)
    result = office.branch.personalize(office.rack, chips, slots=ONE)
    assert (len(result.cards), len(result.spoiled), result.waiting) == (0, 3, 0)
    with transaction(office.engine) as session:
        row_ = Orders(session).get(order)
        assert row_ is not None
        assert (row_.status, row_.make_status) == (OrderStatus.EXCEPTION.value, MakeStatus.MAKING_FAILED.value)


@pytest.mark.parametrize("kind", ["tear_after_write", "tear_before_write", "drop_answer"])
@pytest.mark.parametrize(("ins", "nth"), [(0xF0, 1), (0xD4, 1), (0xD4, 9), (0xDC, 5), (0xF2, 1)])
def test_a_chip_that_slips_away_is_resumed(office: Office, kind: str, ins: int, nth: int) -> None:
    office.order([row()])
    chips = office.blanks(1)
    office.rack.fault("encoder-0", Fault(kind=kind, ins=ins, nth=nth))
    result = office.branch.personalize(office.rack, chips, slots=ONE)
    assert (len(result.cards), result.spoiled) == (1, ())
    assert result.cards[0].said == "S-CHIP-RESUMED"
    assert office.branch.stock().good == 1


class PowerCutError(BaseException):
    """The machine's power goes: nothing below can catch it."""


class CutChannel:
    """Passes `left` commands, then the power goes."""

    def __init__(self, inner: CardChannel, left: int) -> None:
        self._inner = inner
        self._left = left

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        if self._left == 0:
            raise PowerCutError
        self._left -= 1
        return self._inner.transmit(apdu)

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


class CutReader:
    """A reader whose connections live for so many commands."""

    def __init__(self, inner: Reader, left: int) -> None:
        self._inner = inner
        self._left = left

    @property
    def name(self) -> str:
        return self._inner.name

    def connect(self) -> CardChannel:
        return CutChannel(self._inner.connect(), self._left)

    def card_present(self) -> bool:
        return self._inner.card_present()

    def wait(self, present: bool, timeout_ms: int) -> bool:
        return self._inner.wait(present, timeout_ms)


class CutEncoders:
    """The office's rack with power for so many commands a chip."""

    def __init__(self, office: Office, left: int) -> None:
        self._rack = office.rack
        self._left = left

    def reader(self, slot: str) -> Reader:
        return CutReader(self._rack.reader(slot), self._left)

    def insert(self, slot: str, chip: Path) -> None:
        self._rack.insert(slot, chip)

    def eject(self, slot: str) -> None:
        self._rack.eject(slot)


@pytest.mark.parametrize("commands", [2, 4, 6, 9, 13, 17, 30, 60, 80, 95, 120])
def test_power_cut_and_resume_on_the_same_chip(office: Office, commands: int) -> None:
    office.order([row(), row(sex="2")])
    chips = office.blanks(2)
    with pytest.raises(PowerCutError):
        office.branch.personalize(CutEncoders(office, commands), chips, slots=ONE)
    office.rack.eject("encoder-0")  # somebody takes the chip out of the dead machine and puts it back into the tray
    result = office.open_branch().personalize(office.rack, chips, slots=("encoder-1", "encoder-2"))
    assert (len(result.cards), result.spoiled, result.set_aside, result.waiting) == (2, (), (), 0)
    assert {card.chip for card in result.cards} == set(chips)
    assert office.branch.stock() == replace(office.branch.stock(), received=2, good=2, blank=0, spoiled=0)


def test_power_cut_and_the_chip_is_gone(office: Office) -> None:
    office.order([row()])
    chips = office.blanks(2)
    with pytest.raises(PowerCutError):
        office.branch.personalize(CutEncoders(office, 40), chips[:1], slots=ONE)
    result = office.open_branch().personalize(office.rack, chips[1:], slots=ONE)
    assert result.spoiled == ((chips[0], LEFT_BEHIND),)
    assert [card.chip for card in result.cards] == chips[1:]
    serials = [values_of(chip)["atr"] for chip in chips]
    assert len(set(serials)) == 2  # no second chip ever gets the identity of the first
    assert office.branch.stock().sums


KILLED = """
import os, sys
from pathlib import Path
from issuance.database import open_store
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from tests.issuance.office import Office
folder = Path(sys.argv[1])
office = Office(open_store(f"sqlite:///{folder}/issuance.db"),
                KeyCentre(SoftwareHsm.from_seed(b"issuance suite seed 1", "test")), folder)
def die(progress):
    if progress.good == 3:
        os._exit(9)
office.branch.personalize(office.rack, sorted(folder.glob("*.chip")), die, tuple(f"encoder-{n}" for n in range(4)))
"""


def test_a_killed_process_is_continued(office: Office) -> None:
    """The whole process dies in the middle of four cards at once; the next run finishes every one of them."""
    orders = office.order(8)
    chips = office.blanks(8)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", KILLED, str(office.folder)]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, check=False
    )
    assert done.returncode == 9, done.stderr.decode()
    before = office.branch.stock()
    assert before.sums and before.good >= 3
    result = office.branch.personalize(office.rack, chips)
    assert result.waiting == 0 and result.spoiled == ()
    held = office.branch.stock()
    assert (held.good, held.blank, held.sums) == (8, 0, True)
    with transaction(office.engine) as session:
        ended = [making for order in orders for making in Makings(session).of_order(order)]
    assert [making.state for making in ended] == [GOOD] * 8
    assert len({making.card_id for making in ended}) == len({making.chip for making in ended}) == 8


def test_many_slots_on_either_store(any_office: Office) -> None:
    cards = any_office.make(12, slots=tuple(f"encoder-{n}" for n in range(4)))
    assert len({card.card_id for card in cards}) == len({card.card_no for card in cards}) == 12
    assert {card.slot for card in cards} <= {f"encoder-{n}" for n in range(4)}
    assert any_office.branch.stock().good == 12


@pytest.mark.pcsc
def test_through_the_real_daemon(office: Office, pcsc_rack: PcscRack) -> None:
    orders = office.order(6)
    result = office.branch.personalize(pcsc_rack, office.blanks(6), slots=("encoder-0", "encoder-1", "encoder-2"))
    assert sorted(card.order_id for card in result.cards) == orders
    assert result.spoiled == result.set_aside == ()
    card = result.cards[0]
    pcsc_rack.insert("counter-card", card.chip)
    office.branch.hand_out(card.card_id, pcsc_rack.reader("counter-card"), "246813")
    pcsc_rack.eject("counter-card")
    assert office.branch.enable(card.card_id).code == "00"
