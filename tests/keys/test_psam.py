"""The session with a module: against the twin for the answers, against recordings for refusals and exact commands."""

from collections.abc import Iterator

import pytest
from Crypto.Cipher import DES3

from card.channel import CardChannel, standard
from card.domain.entropy import SeededEntropy
from card.errors import CardLostError
from card.recording import Recording, Replayer, Step
from firmware_sim.card.slot import Slot
from firmware_sim.psam import memory_psam, psam_values
from firmware_sim.rack import DirectChannel
from keys.centre import KeyCentre
from keys.errors import KeyLengthError, Mac2Error, PsamRefusedError
from keys.hsm_software import SoftwareHsm
from keys.psam import PsamSession, PurchaseInit
from keys.tac import Moment
from tests.keys import oracle

CENTRE = KeyCentre(SoftwareHsm.from_seed(b"psam tests' own seed", "test"))
TERMINAL = bytes.fromhex("460100000001")
F_CITY, F_CARD = b"460100sx", bytes.fromhex("8697460100000001")
ISSUER, ASN = bytes.fromhex("01011000FFFFFFFF"), bytes.fromhex("2016122100001003")
MOMENT = Moment.from_digits("20260115", "083000")
PURCHASE = PurchaseInit(bytes.fromhex("A1B2C3D4"), 5, 200, 9, MOMENT, 1, 0, ASN, ISSUER)
SELECT_MF, SELECT_8011 = bytes.fromhex("00A40000023F00"), bytes.fromhex("00A40000028011")


@pytest.fixture
def channel() -> Iterator[CardChannel]:
    ssc, purse = CENTRE.psam_birth_keys()
    slot = Slot("psam")
    slot.insert(memory_psam(psam_values(TERMINAL, ssc, purse), SeededEntropy(1)))
    opened = DirectChannel(slot)
    yield standard(opened)
    opened.close()


@pytest.fixture
def session(channel: CardChannel) -> PsamSession:
    return PsamSession(channel)


def test_the_module_names_itself(session: PsamSession) -> None:
    assert session.terminal_number() == TERMINAL
    assert len(session.serial()) == 10


@pytest.mark.parametrize(("kid", "name"), [(0x11, "IRK"), (0x12, "UK_SSSE"), (0x14, "RK_SSSE")])
def test_the_module_computes_what_the_cards_key_computes(session: PsamSession, kid: int, name: str) -> None:
    process, original = bytes.fromhex("1122334455667788"), bytes.fromhex("A1A2A3A4A5A6A7A8")
    key = CENTRE.card_keys(F_CITY, F_CARD)[name].reveal()
    expected = oracle.authenticate({"key": key.hex(), "process": process.hex(), "original": original.hex()})
    assert session.authenticate_internal(kid, F_CARD, F_CITY, process, original) == expected
    assert session.authenticate_external(kid, F_CARD, F_CITY, process, original) == expected
    assert session.authenticate_internal(kid, F_CARD[::-1], F_CITY, process, original) != expected


def _session_key(terminal_seq: int) -> bytes:
    dpk = CENTRE.purse_keys(ISSUER, ASN)["DPK"].reveal().hex()
    return oracle.purchase_session_key({"key": dpk, "random": "a1b2c3d4", "seq": 5, "terminal_seq": terminal_seq})


def test_a_purchase_is_authorised_and_finished(session: PsamSession) -> None:
    first, mac1 = session.init_purchase(PURCHASE)
    key = _session_key(first).hex()
    given = {"session": key, "amount": 200, "kind": 9, "terminal": TERMINAL.hex(), "date": "20260115", "time": "083000"}
    assert mac1 == oracle.load_mac2(given)
    session.credit_purchase(oracle.purchase_mac2(given))
    assert session.init_purchase(PURCHASE).terminal_seq == first + 1


def test_a_wrong_or_replayed_proof_is_refused_by_name(session: PsamSession) -> None:
    first = session.init_purchase(PURCHASE)
    mac2 = oracle.purchase_mac2({"session": _session_key(first.terminal_seq).hex(), "amount": 200})
    session.credit_purchase(mac2)
    session.init_purchase(PURCHASE)
    with pytest.raises(Mac2Error):
        session.credit_purchase(mac2)
    with pytest.raises(PsamRefusedError):
        session.credit_purchase(mac2)


def test_the_session_switches_between_its_applications(session: PsamSession) -> None:
    before = session.init_purchase(PURCHASE).terminal_seq
    session.authenticate_internal(0x11, F_CARD, F_CITY, bytes(8), bytes(8))
    assert session.terminal_number() == TERMINAL
    assert session.init_purchase(PURCHASE).terminal_seq == before + 1


def test_an_unknown_key_of_the_module_is_refused(session: PsamSession) -> None:
    with pytest.raises(PsamRefusedError, match="session key"):
        session.authenticate_internal(0x77, F_CARD, F_CITY, bytes(8), bytes(8))


def test_a_pin_is_reloaded_and_unblocked_under_the_cards_own_puk(session: PsamSession) -> None:
    """Recomputed with another library: 3DES-ECB of length, digits, 80.., and the retail MAC behind the challenge."""
    key = CENTRE.card_keys(F_CITY, F_CARD)["PUK"].reveal()
    challenge, plain = bytes.fromhex("A1B2C3D4"), bytes.fromhex("03246810")
    head, iv = bytes.fromhex("84D400000C"), (challenge + bytes(4)).hex()
    hidden = DES3.new(key, DES3.MODE_ECB).encrypt(plain + bytes.fromhex("80000000"))
    mac = oracle.retail_mac({"key": key.hex(), "data": (head + hidden).hex(), "iv": iv})[:4]
    assert session.reload_pin_data(0x10, F_CARD, F_CITY, head, plain, challenge) == hidden + mac
    head = bytes.fromhex("8424000004")
    mac = oracle.retail_mac({"key": key.hex(), "data": head.hex(), "iv": iv})[:4]
    assert session.unblock_mac(0x10, F_CARD, F_CITY, head, challenge) == mac


def test_a_module_of_one_city_takes_the_card_only() -> None:
    ssc, purse = CENTRE.psam_birth_keys()
    process, original = bytes.fromhex("1122334455667788"), bytes.fromhex("A1A2A3A4A5A6A7A8")
    city = {
        kid: (0x28, oracle.diversify_3des({"key": key.hex(), "factors": [F_CITY.hex()]}))
        for kid, (_, key) in ssc.items()
    }
    slot = Slot("psam")
    slot.insert(memory_psam(psam_values(TERMINAL, city, purse), SeededEntropy(1)))
    session = PsamSession(standard(DirectChannel(slot)))
    key = CENTRE.card_keys(F_CITY, F_CARD)["IRK"].reveal()
    expected = oracle.authenticate({"key": key.hex(), "process": process.hex(), "original": original.hex()})
    assert session.authenticate_internal(0x11, F_CARD, F_CITY, process, original) == expected


def _replay(*steps: tuple[bytes, str]) -> Replayer:
    taken = tuple(Step(command, bytes.fromhex(answer)) for command, answer in steps)
    return Replayer(Recording("written from keys-and-purse §1.7", b"\x3b\x00", taken))


def test_the_commands_are_those_of_the_standard() -> None:
    init = bytes.fromhex("8070000024A1B2C3D40005000000C809202601150830000100201612210000100301011000FFFFFFFF08")
    replay = _replay(
        (SELECT_MF, "9000"),
        (SELECT_8011, "9000"),
        (init, "000000076AA87FBF9000"),
        (bytes.fromhex("807200000426E9E9E2"), "9000"),
    )
    session = PsamSession(replay)
    assert session.init_purchase(PURCHASE) == (7, bytes.fromhex("6AA87FBF"))
    session.credit_purchase(bytes.fromhex("26E9E9E2"))
    assert replay.finished


def test_a_refusal_carries_status_and_doing() -> None:
    with pytest.raises(PsamRefusedError) as caught:
        PsamSession(_replay((SELECT_MF, "6A82"))).terminal_number()
    assert caught.value.sw == 0x6A82 and "6A82" in str(caught.value)


def test_a_short_answer_to_a_purchase_is_refused() -> None:
    init = bytes([0x80, 0x70, 0, 0, 0x24]) + PURCHASE.data() + b"\x08"
    with pytest.raises(PsamRefusedError, match="short"):
        PsamSession(_replay((SELECT_MF, "9000"), (SELECT_8011, "9000"), (init, "0000009000"))).init_purchase(PURCHASE)


def test_a_module_pulled_out_is_the_channels_error() -> None:
    with pytest.raises(CardLostError):
        PsamSession(_replay((SELECT_MF, ""))).terminal_number()


def test_wrong_lengths_never_reach_the_module() -> None:
    with pytest.raises(KeyLengthError):
        PurchaseInit(b"abc", 5, 200, 9, MOMENT, 1, 0, ASN, ISSUER).data()
