"""What differs between cards: 3.00 with SM4, contactless, certificates; 1.00; other offices' files; the debit."""

from dataclasses import replace

import pytest

from card.certificate import CertificateSession
from card.channel import standard
from card.domain.entropy import SeededEntropy
from card.files.profile import load_profile
from card.pin import Pin
from firmware_sim.card.chip import memory_chip
from firmware_sim.card.factory import TWIN_PIN, Order
from firmware_sim.card.slot import Slot
from firmware_sim.ldt33_centre import CardFacts
from firmware_sim.psam import memory_psam
from firmware_sim.rack import DirectReader
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm2_backend import EXAMPLE_SCALAR
from keys.certificate import CertificatePins
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code
from terminal.ldt33.dialect import Confirmed, Ssf33Cards
from tests.keys.sm2_certificates import certificate
from tests.terminal.ldt33.bench import PIN, Bench

THIRD = Order(5, profiles=("ssc-3.00",))
WHOLE = Order(6, profiles=("ssc-2.00",), whole=True)
STEP1, STEP2 = "iReadCardBas_HSM_Step1", "iReadCardBas_HSM_Step2"


def info(twin: object) -> str:
    return f"{twin.card_id.hex().upper()}|{twin.card_no}|"  # type: ignore[attr-defined]


def test_a_third_generation_card_in_steps(bench: Bench) -> None:
    twin = bench.insert(THIRD)
    first = bench.call(STEP1, 1)
    fields = first.text.split("|")
    assert fields[2] == "03" and [len(field) for field in fields[4:8]] == [16, 16, 16, 16], "both pairs are filled"
    answer = bench.call(STEP2, bench.hsm.basic(first.text))
    assert answer.code == Code.OK
    read = answer.text.split("|")
    assert (read[1], read[2], read[4], read[6]) == (twin.citizen_no, twin.card_no, "王小明", "3.00")


def test_without_read_authentication_three_fields_are_empty(bench: Bench) -> None:
    bench.insert(THIRD)
    inner = bench.hsm.basic(bench.call(STEP1, 1).text).split("|")[0]
    read = bench.call(STEP2, f"{inner}||").text.split("|")
    assert (read[1], read[2], read[4]) == ("", "", "")
    assert read[6] == "3.00" and read[7] and read[8]


def test_a_des_psam_cannot_judge_an_sm4_card(bench: Bench) -> None:
    bench.insert(THIRD)
    assert bench.call("iReadCardBas", 1).code == Code.PSAM_ALGORITHM


def test_a_card_whose_algorithm_is_not_public(bench: Bench) -> None:
    dialect = replace(bench.desk.dialect, ssf33=Ssf33Cards(("46",), "C"))
    library = bench.other(dialect=dialect)
    assert library.call("iReadCardBas", (1,)).code == Code.PSAM_ALGORITHM
    assert library.call(STEP1, (1,)).text.split("|")[2] == "02"


def test_pin_in_steps_under_sm4(bench: Bench) -> None:
    bench.insert(THIRD)
    twin_info = bench.call(STEP1, 1).text.split("|")[3]
    card = f"{twin_info}|anything|"
    first = bench.call("iReloadPIN_HSM_Step1", 1, card)
    assert first.code == Code.OK, "the card number is behind a key: only the identification code can be compared"
    bench.pad.entries = ["246810", "246810"]
    second = bench.call("iReloadPIN_HSM_Step2", bench.hsm.basic(first.text).split("|")[0] + "|")
    assert second.text.split("|")[0] == "03" and second.text.split("|")[3] == "84D4000014"
    command = bench.hsm.protected(CardFacts.of(first.text), second.text)
    assert len(command.rstrip("|")) == 50
    assert bench.call("iReloadPIN_HSM_Step3", command).code == Code.OK
    bench.pad.entries = ["246810"]
    assert bench.call("iVerifyPIN", 1).code == Code.OK


def test_an_unverified_profile_is_refused_in_production(bench: Bench) -> None:
    bench.insert(THIRD)
    library = bench.other(config=Ldt33Config(profile="production"))
    assert library.call(STEP1, (1,)).code == Code.NOT_SUPPORTED


def test_signing_and_verifying(bench: Bench) -> None:
    bench.insert(THIRD)
    pin = "123456"
    assert bench.call("PKI_SignData", pin, "x", 1).code == Code.BAD_INFORMATION, "the chip holds no key pair yet"
    make_key(bench)
    made = bench.call("PKI_SignData", pin, "办理 一卡通", 1)
    assert made.code == Code.OK and len(made.text) == 129
    assert bench.call("PKI_VerifySign", "", "", "办理 一卡通", made.text, 1).code == Code.OK
    assert bench.call("PKI_VerifySign", "", "", "办理 一卡桶", made.text, 1).code == Code.BAD_INFORMATION
    assert bench.call("PKI_VerifySign", "", "", "办理 一卡通", made.text[2:], 1).code == Code.TOO_LONG
    assert bench.call("PKI_VerifySign", "", "zz", "办理 一卡通", made.text, 1).code == Code.BAD_CHARACTER
    assert bench.call("PKI_VerifySign", "", "3000", "办理 一卡通", made.text, 1).code == Code.BAD_INPUT
    assert bench.call("PKI_SignData", "111111", "x", 1).code == Code.PIN_WRONG
    assert bench.call("PKI_SignData", "1", "x", 1).code == Code.PIN_LENGTH


def test_a_certificate_verifies_and_seals(bench: Bench) -> None:
    bench.insert(THIRD)
    make_key(bench)
    holder = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR)
    own = certificate("holder", holder.public.raw(), holder).hex()
    signed = holder.sign("办理".encode("gbk")).hex()
    assert bench.call("PKI_VerifySign", "", own, "办理", signed, 1).code == Code.OK
    assert bench.call("PKI_VerifySign", "", holder.public.raw().hex(), "办理", signed, 1).code == Code.OK
    assert bench.call("PKI_VerifySign", "", "", "办理", signed, 1).code == Code.BAD_INFORMATION, "not the card's key"
    sealed = bench.call("PKI_EncryptEnvelope", "", own, "办理", 1)
    assert sealed.code == Code.OK and bytes.fromhex(sealed.text.rstrip("|"))[:1] == b"\x30"
    assert bench.call("PKI_EncryptEnvelope", "", own, "x" * 3000, 1).code == Code.TOO_LONG
    assert bench.call("PKI_EncryptEnvelope", "", "", "x", 1).code == Code.BAD_INPUT, "the card has no certificate yet"
    assert bench.call("PKI_DecryptEnvelope", "123456", sealed.text, 1).code == Code.OTHER_CARD


def make_key(bench: Bench) -> None:
    """A key pair in the chip, as issuance would order it."""
    channel = standard(bench.rack.reader("card").connect())
    session = CertificateSession(channel, load_profile("ssc-3.00"))
    session.select()
    session.verify_pin(Pin("123456"), CertificatePins())
    session.generate_key()
    channel.close()


def test_no_certificate_before_version_3(bench: Bench) -> None:
    assert bench.call("PKI_SignData", "123456", "x", 1).code == Code.NOT_SUPPORTED
    assert bench.call("PKI_EncryptEnvelope", "", "", "x", 1).code == Code.NOT_SUPPORTED
    holder = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR)
    sealed = bench.call("PKI_EncryptEnvelope", "", certificate("holder", holder.public.raw(), holder).hex(), "x", 1)
    assert bench.call("PKI_DecryptEnvelope", "123456", sealed.text, 1).code == Code.NOT_SUPPORTED


def test_repeated_tags_and_constructed_records(bench: Bench) -> None:
    twin = bench.insert(WHOLE)
    answer = bench.call("iReadCard", 1, 2, info(twin), "DF02EF05|42|43:01|43:02|$")
    assert answer.code == Code.OK
    parts = answer.text.removesuffix("$").split("|")
    assert parts[0] == "DF02EF05" and parts[2] == "6070101^3^示范职业技能鉴定中心^20180620^1846000000300001"
    data = f"DF02EF05|{parts[1]}|{parts[2]}|6070102^4^海口^20240620^18|$"
    assert bench.call("iWriteCard", 1, info(twin), "DF02EF05|42|43:01|43:02|$", data).code == Code.OK
    assert bench.call("iReadCard", 1, 2, info(twin), "DF02EF05|42|43:01|43:02|$").text == data
    short = f"DF02EF05|{parts[1]}|{parts[2]}|6070102^4|$"
    assert bench.call("iWriteCard", 1, info(twin), "DF02EF05|42|43:01|43:02|$", short).code == Code.BAD_INPUT


def test_a_first_generation_card_is_read_and_never_written(bench: Bench) -> None:
    twin = bench.insert(Order(8, profiles=("ssc-1.00",)))
    read = bench.call("iReadCardBas", 1).text.split("|")
    assert (read[1], read[4], read[6]) == (twin.citizen_no, "王小明", "1.00")
    assert bench.call("iWriteCard", 1, info(twin), "SSSEEF06|09|$", "SSSEEF06|x|$").code == Code.NOT_SUPPORTED


def test_a_cyclic_record_by_its_number(bench: Bench) -> None:
    twin = bench.insert(WHOLE)
    answer = bench.call("iReadCard", 1, 2, info(twin), "DF02EF07:01$")
    assert answer.code == -0x6A83, "no employment was ever recorded"
    for employer in ("海南示范科技有限公司", "海口示范旅行社"):
        entry = f"6070101|20200101|20211231|{employer}|"
        assert bench.call("iWriteCard", 1, info(twin), "DF02EF07$", f"DF02EF07|{entry}$").code == Code.OK
        assert bench.call("iReadCard", 1, 2, info(twin), "DF02EF07:01$").text == f"DF02EF07:01|{entry}$"
    assert "海南示范科技有限公司" in bench.call("iReadCard", 1, 2, info(twin), "DF02EF07:02$").text
    assert bench.call("iReadCard", 1, 2, info(twin), "DF02EF07:03$").code == -0x6A83


def test_a_whole_transparent_file_fits_or_is_refused(bench: Bench) -> None:
    twin = bench.insert(WHOLE)
    finger = bench.call("iReadCard", 1, 2, info(twin), "SSSEEF07$")
    assert finger.code == Code.OK and len(finger.text) == len("SSSEEF07|") + 2 * 1024 + len("|$")
    assert bench.call("iReadCard", 1, 2, info(twin), "SSSEEF08$").code == Code.TOO_LONG, "a photo needs more room"


def contactless(bench: Bench, order: Order) -> object:
    values, twin = bench.factory.card_values(order)
    slot = Slot("air")
    slot.use_line("contactless")
    slot.insert(memory_chip(values, SeededEntropy(4, "air")))
    bench.slots.contactless = DirectReader(slot)
    return twin


def test_contactless_reads_and_never_asks_for_a_pin(bench: Bench) -> None:
    twin = contactless(bench, THIRD)
    first = bench.call(STEP1, 2)
    assert first.code == Code.OK
    read = bench.call(STEP2, bench.hsm.basic(first.text))
    assert read.code == Code.OK and twin.citizen_no in read.text  # type: ignore[attr-defined]
    assert bench.call("iReadCard", 2, 1, f"{twin.card_id.hex()}|x|", "DF01EF05|20|$").code == Code.NOT_SUPPORTED  # type: ignore[attr-defined]
    assert bench.pad.asked == []


def test_the_order_of_slots(bench: Bench) -> None:
    contactless(bench, THIRD)
    assert bench.call(STEP1, 3).text.split("|")[2] == "01", "contact first"
    assert bench.call(STEP1, 4).text.split("|")[2] == "03", "contactless first"
    bench.library.forget()
    bench.rack.eject("card")
    assert bench.call(STEP1, 3).text.split("|")[2] == "03"
    assert bench.call("iVerifyPIN", 3).code == Code.NO_CARD


def replace_psam(bench: Bench, change: dict[str, str]) -> None:
    """The module's keys under other names; "" takes one away."""
    state = bench.factory.psam_state(2)
    for old, new in change.items():
        value = state.pop(old)
        if new:
            state[new] = value
    bench.rack.eject("psam")
    bench.rack.insert_chip("psam", memory_psam(state, SeededEntropy(1)))


def test_psam_keys_missing_or_of_the_wrong_level(bench: Bench) -> None:
    twin = bench.insert(WHOLE)
    finger = ("iReadCard", 1, 2, info(twin), "SSSEEF07$")
    replace_psam(bench, {"ssc/14/48": ""})
    assert bench.call(*finger).code == Code.PSAM_NO_RK
    replace_psam(bench, {"ssc/14/48": "ssc/14/68"})
    assert bench.call(*finger).code == Code.PSAM_LEVEL
    replace_psam(bench, {"ssc/2E/48": ""})
    assert bench.call("iReadCard", 1, 2, info(twin), "DF01EF05|20|$").code == -27272


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("iDoDebit", (1, "CARD", "0.1|0.2|20260115083000|")),
        ("iDoDebit_HSM_Step1", (1, "CARD", "0.1|0.2|20260115083000|")),
        ("iReadDebitRecord", (1,)),
        ("PKI_SignData", ("123456", "x", 1)),
        ("PKI_VerifySign", ("", "00" * 64, "x", "00" * 64, 1)),
        ("PKI_EncryptEnvelope", ("", "3000", "x", 1)),
        ("PKI_DecryptEnvelope", ("123456", "3000", 1)),
    ],
)
def test_declared_functions_are_refused_in_production_until_confirmed(
    bench: Bench, name: str, arguments: tuple[int | str, ...]
) -> None:
    given = tuple(bench.info if item == "CARD" else item for item in arguments)
    production = Ldt33Config(profile="production")
    refused = bench.other(config=production).call(name, given)
    assert refused.code == Code.NOT_SUPPORTED and "declared only" in refused.detail
    dialect = replace(bench.desk.dialect, confirmed=Confirmed((name,)))
    bench.pad.entries = [PIN]
    assert "declared only" not in bench.other(config=production, dialect=dialect).call(name, given).detail


def test_the_medical_record_list(bench: Bench) -> None:
    bench.insert(WHOLE)
    bench.pad.entries = [TWIN_PIN.digits]
    answer = bench.call("iReadDebitRecord", 1)
    assert (answer.code, answer.text) == (Code.OK, ""), "nothing was ever bought"


def test_a_debit_is_checked_before_anything_is_sent(bench: Bench) -> None:
    twin = bench.insert(WHOLE)
    assert bench.call("iDoDebit", 1, info(twin), "x|y|z|").code == Code.BAD_INPUT
    assert bench.call("iDoDebit_HSM_Step1", 2, info(twin), "1|1|20260115083000|").code == Code.NOT_SUPPORTED
    bench.pad.entries = [PIN]
    first = bench.call("iDoDebit_HSM_Step1", 1, info(twin), "1|1|20260115083000|")
    bench.pad.entries = [PIN]
    assert bench.call("iDoDebit", 1, info(twin), "1|1|20260115083000|").code == first.code
    assert first.code == -0x6700, "this twin's medical account is read only; the card's own word comes back"
