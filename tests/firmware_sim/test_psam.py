"""The PSAM twin: keys by level, sequence before MAC1, memory across power cuts."""

from pathlib import Path

import pytest

from firmware_sim.card.faults import Fault, PowerLostError
from firmware_sim.card.store import FileStorage, MemoryStorage
from firmware_sim.errors import StandInRefusedError
from firmware_sim.psam import PsamChip, make_psam, psam_values
from tests.firmware_sim import oracle
from tests.firmware_sim.chips import KEY, Scripted

TERMINAL = bytes.fromhex("460100000007")
ASN, ISSUER = bytes.fromhex("2016122100001003"), bytes.fromhex("01011000FFFFFFFF")
F_CARD, F_CITY, R = bytes.fromhex("8697460100000001"), b"460100sx", bytes.fromhex("1122334455667788")
ORDER = bytes.fromhex("A1B2C3D40005000000C809202601150830000100") + ASN + ISSUER


def values() -> dict[str, bytes]:
    return psam_values(TERMINAL, {0x11: (0x48, KEY), 0x12: (0x28, KEY), 0x13: (0x42, KEY)}, {1: KEY})


@pytest.fixture
def psam() -> PsamChip:
    chip = PsamChip(MemoryStorage(values()), Scripted())
    chip.power_on()
    return chip


def say(chip: PsamChip, command: str | bytes) -> str:
    answer = chip.process(bytes.fromhex(command) if isinstance(command, str) else command)
    if answer[0] == 0x61 and len(answer) == 2:
        answer = chip.process(bytes((0, 0xC0, 0, 0, answer[1])))
    return answer.hex().upper()


def into_ssc(chip: PsamChip) -> None:
    assert say(chip, "00A404000F7378312E73682EC9E7BBE1B1A3D5CF").endswith("9000")
    assert say(chip, "00A4040006D15600000590").endswith("9000")


def into_transit(chip: PsamChip) -> None:
    assert say(chip, "00A40000028011").endswith("9000")


def purchase(chip: PsamChip, order: bytes = ORDER) -> str:
    return say(chip, bytes.fromhex("80700000") + bytes([len(order)]) + order)


def test_public_files(psam: PsamChip) -> None:
    assert say(psam, "00B0960006") == TERMINAL.hex().upper() + "9000"
    assert say(psam, "00B0950000") == "6C0E"
    into_transit(psam)
    assert say(psam, "00B0970009") == "01" + ISSUER.hex().upper() + "9000"
    assert say(psam, "00B0970000") == "6C19"
    assert say(psam, "00B0960006") == "6A82"


@pytest.mark.parametrize(("kid", "usage", "levels"), [(0x11, 0x48, 2), (0x12, 0x28, 1)])
def test_cryptogram_by_levels(psam: PsamChip, kid: int, usage: int, levels: int) -> None:
    into_ssc(psam)
    factors = (F_CARD + F_CITY)[: 8 * levels]
    head = bytes((0xBF, 0xDE, usage, kid, len(factors) + 8))
    assert say(psam, head + factors + R) == "9000"
    key = oracle.diversify(KEY, F_CITY) if levels == 2 else KEY
    session = oracle.tdes(oracle.diversify(key, F_CARD), R)
    assert say(psam, b"\x80\xfa\x00\x00\x08original") == oracle.des(session, b"original").hex().upper() + "9000"
    # one session key, one use
    assert say(psam, b"\x80\xfa\x00\x00\x08original") == "6985"


def test_wrong_usage_level_type_and_place_are_refused(psam: PsamChip) -> None:
    data = (F_CARD + F_CITY + R).hex()
    assert say(psam, f"BFDE481118{data}") == "6985"
    into_ssc(psam)
    assert say(psam, f"BFDE281118{data}") == "6985"  # the key is there, for another number of levels
    assert say(psam, f"BFDE487718{data}") == "6A88"
    assert say(psam, f"BFDE481110{data[:32]}") == "6700"
    assert say(psam, f"BFDE421318{data}") == "6982"
    say(psam, "00A40000023F00")
    assert say(psam, "80700000" + "24" + ORDER.hex()) == "6985"


def test_purchase_authorisation_is_the_golden_one(psam: PsamChip) -> None:
    into_transit(psam)
    answer = bytes.fromhex(purchase(psam))
    sequence, mac1 = answer[:4], answer[4:8]
    assert sequence == bytes.fromhex("00000001")
    card_key = oracle.diversify(oracle.diversify(KEY, ISSUER), ASN)
    session = oracle.tdes(card_key, bytes.fromhex("A1B2C3D400050001"))
    assert mac1 == oracle.mac(session, bytes.fromhex("000000C809") + TERMINAL + bytes.fromhex("20260115083000"))
    mac2 = oracle.mac(session, bytes.fromhex("000000C8")).hex()
    assert say(psam, f"8072000004{mac2}") == "9000"
    assert say(psam, f"8072000004{mac2}") == "6985"


@pytest.mark.parametrize(("usage", "factors"), [(0x42, F_CARD + F_CITY), (0x22, F_CARD)])
def test_a_medical_purchase_under_the_key_of_its_version_and_level(usage: int, factors: bytes) -> None:
    chip = PsamChip(MemoryStorage(psam_values(TERMINAL, {0x01: (usage, KEY), 0x03: (0x48, KEY)}, {1: KEY})), Scripted())
    chip.power_on()
    into_transit(chip)
    assert purchase(chip).startswith("00000001")
    into_ssc(chip)
    assert say(chip, "807200000400000000") == "6985"  # another application's purchase is over
    order = bytes.fromhex("A1B2C3D40005000000AF06202601150830000100") + factors
    answer = bytes.fromhex(purchase(chip, order))
    assert answer[:4] == bytes.fromhex("00000002")  # one sequence for both
    city = oracle.diversify(KEY, F_CITY) if usage == 0x42 else KEY
    session = oracle.tdes(oracle.diversify(city, F_CARD), bytes.fromhex("A1B2C3D400050002"))
    assert answer[4:8] == oracle.mac(session, bytes.fromhex("000000AF06") + TERMINAL + bytes.fromhex("20260115083000"))
    assert say(chip, f"8072000004{oracle.mac(session, bytes.fromhex('000000AF')).hex()}") == "9000"
    assert purchase(chip, order[:18] + b"\x03" + order[19:]) == "9403"  # a key, not one for purchases
    assert purchase(chip, order[:19] + b"\x04" + order[20:]) == "6A80"
    other = order + F_CITY if usage == 0x22 else order[:-8]
    assert purchase(chip, other) == "9403"  # the other number of levels
    assert purchase(chip, order[:20]) == "6700"


def test_three_wrong_answers_in_a_row_lock_8070(psam: PsamChip) -> None:
    into_transit(psam)
    for _ in range(3):
        assert purchase(psam).endswith("9000")
        assert say(psam, "807200000400000000") == "9302"
    assert purchase(psam) == "6983"


def test_pending_purchase_is_forgotten_with_the_power_but_the_sequence_is_not(tmp_path: Path) -> None:
    make_psam(tmp_path / "p.chip", values())
    chip = PsamChip(FileStorage(tmp_path / "p.chip"), Scripted())
    chip.power_on()
    into_transit(chip)
    purchase(chip)
    chip.nv.faults.arm(Fault("drop_answer", 0x70))
    with pytest.raises(PowerLostError):
        purchase(chip)
    chip.close()
    chip = PsamChip(FileStorage(tmp_path / "p.chip"), Scripted())
    chip.power_on()
    into_transit(chip)
    assert say(chip, "807200000400000000") == "6985"
    assert purchase(chip).startswith("00000003")
    chip.close()


def test_unknown_key_version_and_algorithm(psam: PsamChip) -> None:
    into_transit(psam)
    assert purchase(psam, ORDER[:18] + b"\x05" + ORDER[19:]) == "9403"
    assert purchase(psam, ORDER[:19] + b"\x04" + ORDER[20:]) == "6A80"
    assert purchase(psam, ORDER[:-8]) == "6700"


def test_refuses_production(tmp_path: Path) -> None:
    with pytest.raises(StandInRefusedError):
        PsamChip(MemoryStorage(values()), Scripted(), profile="production")
    with pytest.raises(StandInRefusedError):
        make_psam(tmp_path / "p.chip", values(), profile="production")
    assert not (tmp_path / "p.chip").exists()
