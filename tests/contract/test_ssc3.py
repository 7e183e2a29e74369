"""The social security card 2.00 (DES) and 3.00 (SM4) with everything beside it, in process and through pcscd."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from card import bank, errors, purses
from card.certificate import CertificateSession
from card.channel import CardChannel, Wrapper, protocol_of, standard
from card.domain.entropy import SeededEntropy
from card.domain.money import Fen
from card.files import codecs
from card.files.kinds import CyclicEf, TransparentEf
from card.files.profile import Profile, load_profile
from card.files.tree import fields_of
from card.holder import PinSession
from card.maintenance import Maintenance
from card.medical import MedicalSession
from card.pin import Pin
from card.purse import PurseSession
from card.session import SscSession
from card.writer import Means, read_place, write_place
from card.writing import MemoryRecord
from firmware_sim.card.factory import TWIN_PIN, Order, Twin, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.rack import Rack
from keys.algorithms.sm2 import Sm2PublicKey
from keys.card_crypto import CentreCardCrypto, authorise_with
from keys.centre import KeyCentre, LoadRequest, LoadTacInput, PurchaseTacInput
from keys.certificate import CertificatePins, digest_of, verify
from keys.hsm import KeyRef
from keys.hsm_software import SoftwareHsm
from keys.tac import TYPE_PURCHASE, Moment, purchase_mac1_input, purchase_session_input
from keys.unload import UnloadDesk
from tests.contract.conftest import CARD_SLOTS

KINDS = {"2.00": ("ssc-2.00", "tunion"), "3.00": ("ssc-3.00", "tunion-sm4")}
BESIDE = ("cityunion", "pboc-debit")
TERMINAL = bytes.fromhex("460100000077")
DATE, TIME = "20260115", "083000"
MOMENT = Moment.from_digits(DATE, TIME)
CERTIFICATE_PIN = Pin("123456")
VECTORS = Path(__file__).parents[1] / "vectors" / "card_family.json"
CERTIFICATE = next(
    bytes.fromhex(case["input"]["der"])
    for case in json.loads(VECTORS.read_text("utf-8"))["cases"]
    if case["op"] == "sm2_certificate"
)


@dataclass
class Desk:
    """A card in a reader, the profiles it was made from, and the centre that made it."""

    rack: Rack
    slot: str
    file: Path
    twin: Twin
    ssc: Profile
    purse: Profile
    centre: KeyCentre
    channel: CardChannel

    def session(self) -> SscSession:
        session = SscSession(self.channel, self.ssc)
        session.select()
        return session

    def purse_session(self) -> PurseSession:
        session = PurseSession(self.channel, self.purse)
        session.select()
        return session

    @property
    def crypto(self) -> CentreCardCrypto:
        return CentreCardCrypto(self.centre, self.ssc.crypto, self.twin.f_city, self.twin.f_card)

    @property
    def authorise(self):  # type: ignore[no-untyped-def]
        return authorise_with(self.crypto, SeededEntropy(21, "originals"))

    def again(self) -> None:
        """Pull the card, put it back, power it."""
        self.channel.close()
        self.rack.eject(self.slot)
        self.rack.insert(self.slot, self.file)
        self.channel = standard(self.rack.reader(self.slot).connect())

    def request(self, answer: object, fen: int) -> LoadRequest:
        assert not isinstance(answer, int)
        opened = answer
        return LoadRequest(
            self.twin.issuer,
            self.twin.asn,
            opened.random,  # type: ignore[attr-defined]
            opened.online_seq,  # type: ignore[attr-defined]
            int(opened.balance),  # type: ignore[attr-defined]
            fen,
            TERMINAL,
            opened.mac1,  # type: ignore[attr-defined]
            opened.key_version,  # type: ignore[attr-defined]
            opened.algorithm,  # type: ignore[attr-defined]
        )


@pytest.fixture(scope="module")
def house() -> KeyCentre:
    store = SoftwareHsm.from_seed(b"contract suite seed 3", "test")
    return KeyCentre(store, also=(load_profile("tunion-sm4"),))


@pytest.fixture(params=sorted(KINDS))
def desk(request: pytest.FixtureRequest, rack: Rack, house: KeyCentre, tmp_path: Path) -> Iterator[Desk]:
    ssc, purse = KINDS[request.param]
    slot, file = next(CARD_SLOTS), tmp_path / "card.chip"
    order = Order(7, profiles=(ssc, purse, *BESIDE))
    twin = TwinFactory(house, SeededEntropy(31, "desk")).card(file, order)
    rack.insert(slot, file)
    channel = standard(rack.reader(slot).connect())
    made = Desk(rack, slot, file, twin, load_profile(ssc), load_profile(purse), house, channel)
    yield made
    made.channel.close()


def test_reading_and_writing_with_the_proofs_the_file_asks_for(desk: Desk) -> None:
    session = desk.session()
    need = session.need("DF01/EF05")
    assert set(need.possible) == {("pin",), ("key:RK_DF01",)} and not need.satisfied
    with pytest.raises(errors.AccessNeedError):
        session.read_ref("DF01/EF05")
    assert session.read_ref("DF01/EF05/20", pin=TWIN_PIN) == "10"
    assert session.need("DF01/EF05").satisfied
    written = session.write("SSSE/EF06", {"name": "李小红", "0A": "2"}, desk.authorise)
    assert written.steps == ("SSSE/EF06/09", "SSSE/EF06/0A")
    assert session.read_ref("SSSE/EF06/name", desk.authorise) == "李小红"
    assert session.read_ref("SSSE/EF06/0A", desk.authorise) == "2"


def test_a_repeated_tag_and_a_long_file_come_back_as_written(desk: Desk) -> None:
    session = desk.session()
    skill = {"skill_occupation": "2020101", "skill_level": "3", "skill_date": "20250601"}
    first = session.read_ref("DF02/EF05/43:01", desk.authorise, TWIN_PIN)
    names = list(first) if isinstance(first, dict) else []
    session.write("DF02/EF05/43:02", {name: skill[name] for name in names if name in skill}, desk.authorise)
    second = session.read_ref("DF02/EF05/43:02", desk.authorise, TWIN_PIN)
    assert isinstance(second, dict) and second["skill_occupation"] == "2020101"
    assert session.read_ref("DF02/EF05/43:01", desk.authorise, TWIN_PIN) == first
    photo = session.profile.file("SSSE", "EF08")
    picture = bytes(range(256)) * (photo.size // 256)  # type: ignore[union-attr]
    field = photo.fields[0].name  # type: ignore[union-attr]
    session.write("SSSE/EF08", {field: picture}, desk.authorise)
    back = session.read_ref("SSSE/EF08", desk.authorise)
    assert isinstance(back, dict) and back[field] == picture


def test_internal_authentication_is_the_centres(desk: Desk) -> None:
    factor, original = bytes(range(8)), bytes(range(8, 16))
    found = desk.session().internal_authenticate(factor, original)
    twin, algorithm = desk.twin, desk.ssc.crypto.algorithm
    assert found == desk.centre.authenticate("IRK", twin.f_city, twin.f_card, factor, original, algorithm)


def test_a_wrong_proof_costs_a_try_and_says_how_many_are_left(desk: Desk) -> None:
    session = desk.session()
    with pytest.raises(errors.AccessDeniedError) as wrong:
        session.prove_key("UK_SSSE", lambda key, challenge: bytes(16))
    assert wrong.value.tries_left == desk.ssc.key("UK_SSSE").tries - 1
    session.prove_key("UK_SSSE", desk.authorise)


def test_pin_tries_are_known_before_typing_and_come_back_by_the_issuer(desk: Desk) -> None:
    session = desk.session()
    state = session.pin_state()
    assert (state.tries_left, state.blocked) == (state.max_tries, False)
    for left in range(state.max_tries - 1, 0, -1):
        with pytest.raises(errors.PinError) as wrong:
            session.verify_pin(Pin("000001"))
        assert wrong.value.tries_left == left == session.pin_state().tries_left
    with pytest.raises(errors.PinBlockedError):
        session.verify_pin(Pin("000001"))
    assert session.pin_state().blocked
    desk.again()
    session = desk.session()
    issuer = Maintenance(session, desk.crypto)
    issuer.unblock_pin()
    session.verify_pin(TWIN_PIN)
    issuer.reload_pin(Pin("135790"))
    with pytest.raises(errors.PinError):
        session.verify_pin(TWIN_PIN)
    session.change_pin(Pin("135790"), Pin("246801"))
    with pytest.raises(errors.PinInitialAgainError):
        session.change_pin(Pin("246801"), Pin("123456"))
    session.verify_pin(Pin("246801"))


def test_block_unblock_and_the_end(desk: Desk) -> None:
    session = desk.session()
    issuer = Maintenance(session, desk.crypto)
    issuer.block_application()
    with pytest.raises(errors.CardBlockedError):
        session.select()
    issuer.unblock_application("SSSE")
    session.select()
    session.select_dir("MF")
    issuer.terminate()
    with pytest.raises(errors.CardTerminatedError):
        session.select()


def test_a_blocked_card_says_so_whatever_is_asked(desk: Desk) -> None:
    session = desk.session()
    session.select_dir("MF")
    Maintenance(session, desk.crypto).block_card()
    for deed in (session.select, desk.purse_session):
        with pytest.raises(errors.CardBlockedError):
            deed()
    desk.again()
    with pytest.raises(errors.CardBlockedError):
        desk.session()


def test_a_key_is_proven_before_it_is_replaced_and_its_old_version_stays(desk: Desk) -> None:
    session = desk.session()
    issuer = Maintenance(session, desk.crypto)
    assert issuer.prove_version(bytes(range(8))).version == 1
    stranger = CentreCardCrypto(desk.centre, desk.ssc.crypto, bytes(8), desk.twin.f_card)
    with pytest.raises(errors.NotGenuineError):
        Maintenance(session, stranger).prove_version(bytes(range(8)))
    new = desk.centre.hsm.derive(KeyRef("lists/hotlist")).reveal()[:16]
    issuer.show_master()
    issuer.write_key(desk.ssc.key("UK_SSSE"), new, version=2)
    session.select()
    session.prove_key("UK_SSSE", desk.authorise, version=1)
    with pytest.raises(errors.AccessDeniedError):
        session.prove_key("UK_SSSE", desk.authorise, version=2)
    with pytest.raises(errors.KeyMissingError):
        session.prove_key("UK_SSSE", desk.authorise, version=3)


def _load(desk: Desk, purse: PurseSession, fen: int) -> None:
    opened = purse.init_load(Fen(fen), TERMINAL)
    request = desk.request(opened, fen)
    desk.centre.check_load_mac1(request)
    tac = purse.credit_load(DATE, TIME, desk.centre.make_load_mac2(request, MOMENT))
    after = request.balance + fen
    sequence, algorithm = opened.online_seq, opened.algorithm
    desk.centre.check_load_tac(
        LoadTacInput(desk.twin.issuer, desk.twin.asn, after, sequence, fen, TERMINAL, MOMENT, tac, algorithm=algorithm)
    )


def _buy(desk: Desk, purse: PurseSession, fen: int, terminal_seq: int) -> None:
    """A simple purchase with the purchase key itself in the PSAM's place, so SM4 needs no module."""
    opened = purse.init_purchase(Fen(fen), TERMINAL)
    label = "purse/DPK" if desk.purse.crypto.algorithm == "3des" else "purse-sm4/DPK"
    ref = KeyRef(label, (desk.twin.issuer, desk.twin.asn), opened.key_version)
    session_input = purchase_session_input(opened.random, opened.offline_seq, terminal_seq)
    mac1 = desk.centre.hsm.purse_mac(ref, session_input, purchase_mac1_input(fen, TYPE_PURCHASE, TERMINAL, MOMENT))
    done = purse.debit(terminal_seq, DATE, TIME, mac1)
    assert done.mac2 == desk.centre.hsm.purse_mac(ref, session_input, fen.to_bytes(4, "big"))
    desk.centre.check_purchase_tac(
        PurchaseTacInput(
            desk.twin.issuer,
            desk.twin.asn,
            fen,
            TERMINAL,
            terminal_seq,
            MOMENT,
            done.tac,
            algorithm=opened.algorithm,
            kind=TYPE_PURCHASE,
        )
    )
    proof = purse.prove("purchase", opened.offline_seq)
    assert (proof.mac, proof.tac) == (done.mac2, done.tac)


def test_the_purse_whole(desk: Desk) -> None:
    purse = desk.purse_session()
    _load(desk, purse, 10_000)
    _buy(desk, purse, 1_250, 5)
    opened = purse.init_unload(Fen(750), TERMINAL)
    request, host = desk.request(opened, 750), UnloadDesk(desk.centre)
    host.check_mac1(request)
    mac3 = purse.debit_unload(DATE, TIME, host.make_mac2(request, MOMENT))
    host.check_mac3(request, MOMENT, mac3)
    assert purse.prove("unload", opened.online_seq).tac == mac3
    balances = purse.balances()
    assert (balances.available, balances.real) == (Fen(8_000), Fen(8_000))
    assert (balances.overdraft_limit, balances.overdrawn) == (Fen(0), Fen(0))
    assert [entry.kind for entry in purse.log()] == [3, 6, 2]
    assert set(purse.composites()) >= {"rail"}
    with pytest.raises(errors.PurseFundsError):
        purse.init_unload(Fen(8_001), TERMINAL)


def test_every_purse_is_shown_and_the_terminals_order_decides(desk: Desk) -> None:
    _load(desk, desk.purse_session(), 300)
    first = purses.find(desk.channel, (desk.purse.name, "cityunion"))
    assert [(p.profile, p.balance, p.chosen) for p in first] == [
        (desk.purse.name, Fen(300), True),
        ("cityunion", Fen(0), False),
    ]
    assert "顺序" in first[0].why_zh and "order" in first[0].why_en
    other = purses.find(desk.channel, ("cityunion",))
    assert [(p.profile, p.chosen) for p in other] == [("cityunion", True), (desk.purse.name, False)]
    assert "accept" in other[1].why_en
    assert ("verified by nobody" in first[0].why_en) is (desk.purse.name == "tunion-sm4")


def test_bank_number_and_medical_accounts(desk: Desk) -> None:
    found = bank.read_pan(desk.channel)
    assert bank.luhn(found.pan.digits) and found.pan.digits not in repr(found)
    medical = MedicalSession(desk.channel, desk.ssc)
    medical.select_dir("SSSE")
    medical.verify_pin(TWIN_PIN)
    medical.select()
    assert [account.account for account in medical.accounts()] == [1, 2, 3]
    assert medical.details() == []


def test_the_certificate_application_signs(desk: Desk) -> None:
    if desk.ssc.certificate is None:
        with pytest.raises(errors.ProfileError):
            CertificateSession(desk.channel, desk.ssc)
        return
    session, pins = CertificateSession(desk.channel, desk.ssc), CertificatePins()
    session.select()
    assert session.pin_state().tries_left == desk.ssc.certificate.pin_tries
    with pytest.raises(errors.AccessDeniedError):
        session.generate_key()
    with pytest.raises(errors.PinError):
        session.verify_pin(Pin("999999"), pins)
    session.verify_pin(CERTIFICATE_PIN, pins)
    public = session.generate_key()
    assert session.public_key() == public
    signature = session.sign(digest_of(b"a message", public))
    verify(b"a message", signature, public)
    opening = Sm2PublicKey.from_bytes(session.generate_encryption_key())
    assert opening.raw() != public == session.public_key()
    assert session.open_session_key(opening.encrypt(bytes(range(16)))) == bytes(range(16))
    with pytest.raises(errors.UnexpectedSwError):
        session.open_session_key(Sm2PublicKey.from_bytes(public).encrypt(bytes(range(16))))
    session.change_pin(CERTIFICATE_PIN, Pin("8642"), pins)
    session.verify_pin(Pin("8642"), pins)
    assert session.certificate() == b""
    with pytest.raises(errors.AccessNeedError):
        session.write_certificate("signing", CERTIFICATE)
    session.write_certificate("signing", CERTIFICATE, desk.crypto)
    assert session.certificate() == CERTIFICATE
    assert session.certificate("encryption") == b""
    with pytest.raises(errors.FieldError):
        session.write_certificate("signing", CERTIFICATE[:-1], desk.crypto)


def test_a_card_torn_in_the_middle_of_a_write_leaves_a_record_of_it(desk: Desk) -> None:
    session, record = desk.session(), MemoryRecord()
    session.prove_key("UK_SSSE", desk.authorise)
    if desk.ssc.name == "ssc-3.00":
        session.prove_key("RK_SSSE", desk.authorise)
    desk.rack.fault(desk.slot, Fault("tear_before_write", ins=0xDC, nth=2))
    values = {"name": "李小红", "sex": "2", "nation": "19"}
    with pytest.raises(errors.HalfWrittenError) as torn:
        session.write("SSSE/EF06", values, desk.authorise, record=record)
    assert torn.value.written == ("SSSE/EF06/09",)
    assert torn.value.open == ("SSSE/EF06/0A", "SSSE/EF06/0B")
    assert isinstance(torn.value.why, errors.CardLostError)
    left = record.open
    assert left is not None and (left.written, left.sent, left.untouched) == ((0,), 1, (2,))
    assert all(step.before and step.before != step.after for step in left.plan.steps)
    desk.again()
    session = desk.session()
    assert session.read_ref("SSSE/EF06/name", desk.authorise) == "李小红"
    assert session.read_ref("SSSE/EF06/nation", desk.authorise) == "01"


def test_every_file_an_office_may_write_is_written_and_read_back_by_name(desk: Desk) -> None:
    """Every record and field of every file, with the profile's own examples, by the proofs the profile asks for."""
    line = CentreCardCrypto.of_purse(desk.centre, desk.purse.crypto, desk.twin.issuer, desk.twin.asn)
    written, refused = 0, set()
    for profile, crypto in ((desk.ssc, desk.crypto), (desk.purse, line)):
        session = PinSession(desk.channel, profile)
        means = Means(desk.authorise, TWIN_PIN if profile.pin else None, crypto)
        for ef in profile.files:
            need = session.need(ef.path, "write")
            if not need.possible:
                refused.add(ef.path)
                continue
            if isinstance(ef, TransparentEf) and ef.size > 2_000:
                continue  # a photo has its own test
            values = {field.name: codecs.example(field)[0] for field in fields_of(ef)}
            there = write_place(session, ef.path, values, means)
            written += len(there.steps)
            if not session.need(ef.path).possible:
                continue  # EF81 is read by nobody; GET BALANCE shows it
            found = read_place(session, ef.path, means)
            newest = found[0] if isinstance(ef, CyclicEf) and isinstance(found, list) else found
            assert isinstance(newest, dict)
            for field in fields_of(ef):
                as_meant = codecs.encode_whole(field, values[field.name], profile.text_codec)
                assert codecs.encode_whole(field, newest[field.name], profile.text_codec) == as_meant, ef.path
            session.select_dir("MF")
    assert written > 150
    assert {"DF04/EF08", "EP/0018", "EP/001A", "EP/001E"} <= refused


class SaysT1(Wrapper):
    """A reader that has agreed with its card upon T=1, which these chips' answer to reset does not offer."""

    @property
    def protocol(self) -> str:
        return "T=1"


@pytest.mark.parametrize("line", [("contact", "T=1"), ("contactless", "")], ids=["T=1", "contactless"])
def test_a_3_00_card_over_t1_and_without_contacts(
    rack: Rack, house: KeyCentre, tmp_path: Path, line: tuple[str, str]
) -> None:
    slot, file = next(CARD_SLOTS), tmp_path / "card.chip"
    twin = TwinFactory(house, SeededEntropy(41, "line")).card(file, Order(9, profiles=KINDS["3.00"]))
    profile = load_profile("ssc-3.00")
    rack.use_line(slot, *line)
    try:
        rack.insert(slot, file)
        wire = rack.reader(slot).connect()
        channel = standard(SaysT1(wire) if line[1] else wire, extended=True)
        try:
            assert protocol_of(channel) == ("T=1" if line[0] == "contact" else "T=CL")
            session = SscSession(channel, profile)
            session.select()
            assert session.atr.card_factor == twin.f_card
            crypto = CentreCardCrypto(house, profile.crypto, twin.f_city, twin.f_card)
            authorise = authorise_with(crypto, SeededEntropy(1, "line"))
            assert session.read_ref("SSSE/EF06/citizen_no", authorise) == twin.citizen_no
            picture = bytes(range(251)) * 17
            photo = profile.file("SSSE", "EF08")
            assert isinstance(photo, TransparentEf)
            name, size = photo.fields[0].name, photo.size
            if line[0] == "contact":
                session.write("SSSE/EF08", {name: picture[:size]}, authorise)
                back = session.read_ref("SSSE/EF08", authorise)
                assert isinstance(back, dict) and back[name] == picture[:size]
                session.verify_pin(TWIN_PIN)
            else:
                with pytest.raises(errors.ContactlessRefusedError):
                    session.verify_pin(TWIN_PIN)
        finally:
            channel.close()
            rack.eject(slot)
    finally:
        rack.use_line(slot, "contact")
