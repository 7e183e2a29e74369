"""The bank application beside the social security one (card §6): enough of EMV to be found and read.

GET PROCESSING OPTIONS, GET DATA; directory, records and FCI are the profile's. No cryptogram is ever made.
"""

from card.files.specs import BankSpec
from firmware_sim.card import certificate
from firmware_sim.card.cos import Card
from firmware_sim.card.dispatch import Command
from firmware_sim.card.rules import Form, Rule, always, exactly, plain, sizes, within
from firmware_sim.card.select import tlv
from firmware_sim.card.status import BAD_DATA, CONDITIONS, KEY_NOT_FOUND, SwError

NO_PDOL = bytes.fromhex("8300")
PRIMITIVE = 0x80  # template of an answer without inner tags
ATC_TOP = 0xFFFF
SIGN_LENGTH, CIPHER_LENGTH = 32, 112
ATC_TAG, LAST_ONLINE_TAG, PIN_TRIES_TAG = 0x9F36, 0x9F13, 0x9F17


def atc_name(directory: str) -> str:
    """Application transaction counter, 2 bytes."""
    return f"atc/{directory}"


def get_processing_options(card: Card, command: Command) -> bytes:
    """80 A8 00 00 02 83 00 -> 80 { AIP, AFL } or 77 { 82 AIP, 94 AFL }; counts the ATC."""
    spec = _place(card)
    if command.data != NO_PDOL:
        raise SwError(BAD_DATA)
    counter = _atc(card)
    if counter >= ATC_TOP:
        raise SwError(CONDITIONS)
    card.nv.commit({atc_name(spec.dir): (counter + 1).to_bytes(2, "big")})
    if spec.answer == PRIMITIVE:
        return tlv(b"\x80", spec.aip + spec.afl)
    return tlv(b"\x77", tlv(b"\x82", spec.aip) + tlv(b"\x94", spec.afl))


def get_data_or_sign(card: Card, command: Command) -> bytes:
    """80 CA: GET DATA of a bank application, SIGN of the certificate application."""
    if command.data and certificate.in_place(card):
        return certificate.sign(card, command)
    return _get_data(card, command)


def _get_data(card: Card, command: Command) -> bytes:
    _place(card)
    tag = command.p1 << 8 | command.p2
    values = {ATC_TAG: _atc(card).to_bytes(2, "big"), LAST_ONLINE_TAG: bytes(2), PIN_TRIES_TAG: b"\x03"}
    if command.data or tag not in values:
        raise SwError(KEY_NOT_FOUND)
    return tlv(tag.to_bytes(2, "big"), values[tag])


def _place(card: Card) -> BankSpec:
    spec = card.plan.profile(card.session.directory).bank
    if spec is None or spec.dir != card.session.directory:
        raise SwError(CONDITIONS)
    return spec


def _atc(card: Card) -> int:
    return int.from_bytes(card.nv.get(atc_name(card.session.directory)) or b"", "big")


def _data_tag(_card: Card, command: Command) -> bool:
    return command.p1 == 0x9F


RULES: dict[int, Rule] = {
    0x80A8: Rule(get_processing_options, "P", (Form(exactly(0x0000), within(range(2, 256))),)),
    0x80CA: Rule(
        get_data_or_sign, "P", (Form(_data_tag, within(range(1))), *plain(0x0000, SIGN_LENGTH)), always("sign")
    ),
    0x804E: Rule(certificate.generate, "IP", (Form(exactly(0x0000, 0x0001), sizes(0)),), always("sign")),
    0x80CC: Rule(certificate.open_session_key, "P", plain(0x0000, CIPHER_LENGTH), always("sign")),
}
