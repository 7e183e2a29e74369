"""Typed builders of every command on this road. Each returns a CommandApdu; nothing here talks to a card.

Clauses: card §2.1 for the social security card, keys-and-purse §1.3 for the purse, card §3.4 and
keys-and-purse §1.7 for PSAMs.
Heads of the declared COS and of PSAM dialects come from profiles. Amounts are fen, dates and times BCD bytes.
"""

from dataclasses import dataclass
from enum import IntEnum

from card.apdu import CommandApdu, Ins
from card.domain.money import Fen
from card.errors import FieldError
from card.files.specs import CertificateSpec, CosSpec, PsamSpec
from card.pin import Pin
from card.secure_messaging import DES_LINE, LineKey, LineRule, seal, seal_encrypted

ISO = 0x00
PURSE = 0x80
SECURE = 0x84
_BY_NUMBER = 0x04
_BY_TAG = 0x00
_SFI = 0x80


def select_aid(aid: bytes) -> CommandApdu:
    """SELECT by application identifier."""
    return CommandApdu(ISO, Ins.SELECT, 0x04, 0x00, _sized("aid", aid, 5, 16))


def select_fid(fid: bytes) -> CommandApdu:
    """SELECT by file identifier, 2 bytes."""
    return CommandApdu(ISO, Ins.SELECT, 0x00, 0x00, _sized("fid", fid, 2))


def select_ef(fid: bytes) -> CommandApdu:
    """SELECT of an EF under the current directory (P1 02, also seen in the field; card §1.1)."""
    return CommandApdu(ISO, Ins.SELECT, 0x02, 0x00, _sized("fid", fid, 2))


def get_challenge(length: int = 8) -> CommandApdu:
    """GET CHALLENGE: 4, 8 or 16 bytes; single use."""
    return CommandApdu(ISO, Ins.GET_CHALLENGE, le=length)


def get_response(length: int) -> CommandApdu:
    """GET RESPONSE: the waiting bytes of the last command (T=0)."""
    return CommandApdu(ISO, Ins.GET_RESPONSE, le=length)


def read_binary(sfi: int, offset: int = 0, length: int = 256) -> CommandApdu:
    """READ BINARY of a transparent file by SFI; offset up to 255."""
    return CommandApdu(ISO, Ins.READ_BINARY, _SFI | _sfi(sfi), offset, le=length)


def read_binary_current(offset: int, length: int = 256) -> CommandApdu:
    """READ BINARY of the selected file; offset up to 7FFF."""
    return CommandApdu(ISO, Ins.READ_BINARY, *_offset(offset), le=length)


def update_binary(sfi: int, offset: int, data: bytes) -> CommandApdu:
    """UPDATE BINARY of a transparent file by SFI."""
    return CommandApdu(ISO, Ins.UPDATE_BINARY, _SFI | _sfi(sfi), offset, data)


def update_binary_current(offset: int, data: bytes) -> CommandApdu:
    """UPDATE BINARY of the selected file; offset up to 7FFF."""
    return CommandApdu(ISO, Ins.UPDATE_BINARY, *_offset(offset), data)


def read_record(number: int, sfi: int = 0, length: int = 256) -> CommandApdu:
    """READ RECORD by number, from 1; SFI 0 is the selected file."""
    return CommandApdu(ISO, Ins.READ_RECORD, number, _sfi(sfi) << 3 | _BY_NUMBER, le=length)


def read_record_by_tag(tag: int, sfi: int = 0, length: int = 256) -> CommandApdu:
    """READ RECORD by identifier (the tag); SFI 0 is the selected file."""
    return CommandApdu(ISO, Ins.READ_RECORD, tag, _sfi(sfi) << 3 | _BY_TAG, le=length)


def update_record(number: int, sfi: int, record: bytes) -> CommandApdu:
    """UPDATE RECORD by number; `record` is tag ‖ length ‖ value."""
    return CommandApdu(ISO, Ins.UPDATE_RECORD, number, _sfi(sfi) << 3 | _BY_NUMBER, record)


def update_record_by_tag(tag: int, sfi: int, record: bytes) -> CommandApdu:
    """UPDATE RECORD by identifier."""
    return CommandApdu(ISO, Ins.UPDATE_RECORD, tag, _sfi(sfi) << 3 | _BY_TAG, record)


def append_record(sfi: int, record: bytes) -> CommandApdu:
    """APPEND RECORD (card §2.1, C)."""
    return CommandApdu(ISO, Ins.APPEND_RECORD, 0x00, _sfi(sfi) << 3, record)


def internal_authenticate(kid: int, factor: bytes, original: bytes, version: int | None = None) -> CommandApdu:
    """INTERNAL AUTHENTICATION: the chip answers DES(3DES(IRK, factor), original), 8 bytes (card §2.2 no. 1)."""
    data = _sized("factor", factor, 8) + _sized("original", original, 8) + _version(version)
    return CommandApdu(ISO, Ins.INTERNAL_AUTHENTICATE, 0x00, kid, data)


def external_authenticate(kid: int, cryptogram: bytes, original: bytes, version: int | None = None) -> CommandApdu:
    """EXTERNAL AUTHENTICATION of the social security application (card §2.2 no. 2)."""
    data = _sized("cryptogram", cryptogram, 8) + _sized("original", original, 8) + _version(version)
    return CommandApdu(ISO, Ins.EXTERNAL_AUTHENTICATE, 0x00, kid, data)


def external_authenticate_short(kid: int, cryptogram: bytes) -> CommandApdu:
    """EXTERNAL AUTHENTICATION with 3DES(K, R) alone, for transport and master keys (card §2.2 no. 5)."""
    return CommandApdu(ISO, Ins.EXTERNAL_AUTHENTICATE, 0x00, kid, _sized("cryptogram", cryptogram, 8))


def verify(pin: Pin, p2: int = 0x00) -> CommandApdu:
    """VERIFY with the PIN as BCD."""
    return CommandApdu(ISO, Ins.VERIFY, 0x00, p2, pin.bcd)


def verify_status(p2: int = 0x00) -> CommandApdu:
    """VERIFY without data: 63Cx with the tries left, or 9000 when verified."""
    return CommandApdu(ISO, Ins.VERIFY, 0x00, p2)


def change_pin(old: Pin, new: Pin) -> CommandApdu:
    """CHANGE PIN: old BCD ‖ FF ‖ new BCD."""
    return CommandApdu(PURSE, Ins.CHANGE_PIN, 0x01, 0x00, old.bcd + b"\xff" + new.bcd)


def pin_unblock(key: LineKey, challenge: bytes, rule: LineRule = DES_LINE, p2: int = 0x00) -> CommandApdu:
    """PIN UNBLOCK: MAC only, under the PUK (card §2.1, B)."""
    return seal(CommandApdu(SECURE, Ins.PIN_UNBLOCK, 0x00, p2), key, challenge, rule)


def reload_pin(cos: CosSpec, pin: Pin, key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """RELOAD PIN: length ‖ BCD encrypted, and MAC, under the PUK (card §2.1, B). Lc 0C (DES) or 14 (SM4)."""
    cla, ins = cos.write_key
    return seal_encrypted(CommandApdu(cla, ins, data=pin.bcd), key, challenge, rule)


def application_block(
    key: LineKey, challenge: bytes, rule: LineRule = DES_LINE, permanent: bool = False
) -> CommandApdu:
    """APPLICATION BLOCK under the maintenance key; P2 01 for good."""
    return seal(CommandApdu(SECURE, Ins.APPLICATION_BLOCK, 0x00, int(permanent)), key, challenge, rule)


def application_unblock(key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """APPLICATION UNBLOCK under the maintenance key."""
    return seal(CommandApdu(SECURE, Ins.APPLICATION_UNBLOCK), key, challenge, rule)


def card_block(key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """CARD BLOCK at the MF, under the key the profile names for it."""
    return seal(CommandApdu(SECURE, Ins.CARD_BLOCK), key, challenge, rule)


def terminate_card(cos: CosSpec, key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """TERMINATE at the MF under its master key (declared): the chip never serves anybody again."""
    if not cos.terminate:
        raise FieldError("terminate", "this card's management commands have none")
    return seal(_headed(cos.terminate), key, challenge, rule)


def get_balance_ssc(account: int) -> CommandApdu:
    """GET BALANCE of the medical accounts: 01 personal, 4 bytes; 02 and 03 pooled, 6 bytes (card §2.1, B)."""
    return CommandApdu(0xB0, Ins.GET_BALANCE_SSC, 0x00, account, le=4 if account == 1 else 6)


# The purse (keys-and-purse §1.3, A).


class BalanceForm(IntEnum):
    """P1 of GET BALANCE (00 A; the others B). ALL answers real ‖ limit ‖ overdrawn ‖ overdraft limit, 16 bytes."""

    AVAILABLE = 0x00
    OVERDRAFT_LIMIT = 0x01
    OVERDRAWN = 0x02
    REAL = 0x03
    UPPER_LIMIT = 0x04
    ALL = 0x05


def get_balance(p2: int, p1: int = 0x00) -> CommandApdu:
    """GET BALANCE, one of the forms of `BalanceForm`; P2 02 the purse, 01 the deposit."""
    return CommandApdu(PURSE, Ins.GET_BALANCE, p1, p2, le=16 if p1 == BalanceForm.ALL else 4)


def initialize_for_load(key_index: int, amount: Fen, terminal: bytes, p2: int = 0x02) -> CommandApdu:
    """INITIALIZE FOR LOAD: key index 1 ‖ amount 4 ‖ terminal 6."""
    return CommandApdu(PURSE, Ins.INITIALIZE, 0x00, p2, _init(key_index, amount, terminal), le=0x10)


def initialize_for_purchase(key_index: int, amount: Fen, terminal: bytes, p2: int = 0x02) -> CommandApdu:
    """INITIALIZE FOR PURCHASE."""
    return CommandApdu(PURSE, Ins.INITIALIZE, 0x01, p2, _init(key_index, amount, terminal), le=0x0F)


def initialize_for_capp(key_index: int, amount: Fen, terminal: bytes, p2: int = 0x02) -> CommandApdu:
    """INITIALIZE FOR CAPP PURCHASE (compound)."""
    return CommandApdu(PURSE, Ins.INITIALIZE, 0x03, p2, _init(key_index, amount, terminal), le=0x0F)


def initialize_for_unload(key_index: int, amount: Fen, terminal: bytes, p2: int = 0x02) -> CommandApdu:
    """INITIALIZE FOR UNLOAD: answers as for a load."""
    return CommandApdu(PURSE, Ins.INITIALIZE, 0x05, p2, _init(key_index, amount, terminal), le=0x10)


def initialize_for_withdraw(key_index: int, amount: Fen, terminal: bytes) -> CommandApdu:
    """INITIALIZE FOR CASH WITHDRAW: the deposit only; a purse refuses it."""
    return CommandApdu(PURSE, Ins.INITIALIZE, 0x02, 0x01, _init(key_index, amount, terminal), le=0x0F)


def debit_for_unload(date: bytes, time: bytes, mac2: bytes) -> CommandApdu:
    """DEBIT FOR UNLOAD: date 4 ‖ time 3 ‖ MAC2 4; answers MAC3."""
    data = _sized("date", date, 4) + _sized("time", time, 3) + _sized("mac2", mac2, 4)
    return CommandApdu(PURSE, Ins.DEBIT, 0x03, 0x00, data, le=4)


def credit_for_load(date: bytes, time: bytes, mac2: bytes) -> CommandApdu:
    """CREDIT FOR LOAD: date 4 ‖ time 3 ‖ MAC2 4; answers the TAC."""
    data = _sized("date", date, 4) + _sized("time", time, 3) + _sized("mac2", mac2, 4)
    return CommandApdu(PURSE, Ins.CREDIT_FOR_LOAD, data=data, le=4)


def update_capp_cache(sfi: int, record: bytes, record_no: int = 0x00) -> CommandApdu:
    """UPDATE CAPP DATA CACHE: P2 = SFI<<3, record 00 appends to a cyclic file; committed by DEBIT.

    A composite record (001A) is named by its number; its first two bytes are its identifier 27xx.
    """
    return CommandApdu(PURSE, Ins.UPDATE_RECORD, record_no, _sfi(sfi) << 3, record)


def debit(terminal_seq: int, date: bytes, time: bytes, mac1: bytes) -> CommandApdu:
    """DEBIT FOR PURCHASE or CAPP: terminal sequence 4 ‖ date 4 ‖ time 3 ‖ MAC1 4; answers TAC ‖ MAC2."""
    data = terminal_seq.to_bytes(4, "big") + _sized("date", date, 4) + _sized("time", time, 3)
    return CommandApdu(PURSE, Ins.DEBIT, 0x01, 0x00, data + _sized("mac1", mac1, 4), le=8)


def get_transaction_prove(kind: int, sequence: int) -> CommandApdu:
    """GET TRANSACTION PROVE of the transaction type `kind` and card sequence; answers MAC and TAC."""
    return CommandApdu(PURSE, Ins.GET_TRANSACTION_PROVE, 0x00, kind, sequence.to_bytes(2, "big"), le=8)


# The certificate application of 3.00 (card §6.1, B; the heads are profile data, C).


def certificate_verify(spec: CertificateSpec, proof: bytes) -> CommandApdu:
    """VERIFY of the certificate PIN: never the PIN, but the challenge enciphered under its digest, 16 bytes."""
    return _headed(spec.verify, _sized("proof", proof, 16))


def certificate_verify_status(spec: CertificateSpec) -> CommandApdu:
    """The same without data: 63Cx with the tries left."""
    return _headed(spec.verify)


def certificate_generate(spec: CertificateSpec) -> CommandApdu:
    """GENERATE KEY: a new pair in the chip; answers the public half X ‖ Y."""
    return _headed(spec.generate, le=64)


def certificate_generate_encryption(spec: CertificateSpec) -> CommandApdu:
    """GENERATE KEY of the encryption key; answers its public half X ‖ Y."""
    return _headed(spec.generate_encryption, le=64)


def certificate_open(spec: CertificateSpec, cipher: bytes) -> CommandApdu:
    """OPEN SESSION KEY: C1 ‖ C3 ‖ C2 of a 16-byte key, 112 bytes; answers the key (declared)."""
    return _headed(spec.open_key, _sized("cipher", cipher, 112), le=16)


def certificate_sign(spec: CertificateSpec, digest: bytes) -> CommandApdu:
    """SIGN a 32-byte digest; answers r ‖ s."""
    return _headed(spec.sign, _sized("digest", digest, 32), le=64)


# The bank application (card §6, A).


def get_processing_options(head: bytes, pdol_values: bytes = b"") -> CommandApdu:
    """GET PROCESSING OPTIONS: template 83 with the values the PDOL asks for."""
    return _headed(head, bytes([0x83, len(_sized("pdol", pdol_values, 0, 252))]) + pdol_values, le=256)


# PSAMs. Heads are profile data.


def psam_init_session(psam: PsamSpec, kid: int, factors: tuple[bytes, ...], random: bytes) -> CommandApdu:
    """INIT with session key: factors, card first, then the process factor or the card's random (card §3.4)."""
    cla, ins = psam.init_session
    usage = psam.usage if len(factors) == 2 else psam.city_usage
    data = b"".join(_sized("factor", factor, 8) for factor in factors) + _sized("random", random, 8)
    return CommandApdu(cla, ins, usage, kid, data)


def psam_crypt(psam: PsamSpec, original: bytes) -> CommandApdu:
    """CRYPT the 8 bytes under the session key."""
    return _headed(psam.crypt, _sized("original", original, 8), le=8)


@dataclass(frozen=True, slots=True)
class SamPurchase:
    """What INIT SAM FOR PURCHASE is told, from the card's answer and the terminal; factors with the ASN first."""

    random: bytes
    offline_seq: int
    amount: Fen
    kind: int
    date: bytes
    time: bytes
    key_version: int
    algorithm: int
    factors: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Lc = 14h + 8 a factor; ASN first (keys-and-purse §1.7)."""
        return (
            _sized("random", self.random, 4)
            + self.offline_seq.to_bytes(2, "big")
            + self.amount.to_bytes4()
            + bytes([self.kind])
            + _sized("date", self.date, 4)
            + _sized("time", self.time, 3)
            + bytes([self.key_version, self.algorithm])
            + b"".join(_sized("factor", factor, 8) for factor in self.factors)
        )


def init_sam_for_purchase(psam: PsamSpec, purchase: SamPurchase) -> CommandApdu:
    """INIT SAM FOR PURCHASE: answers terminal sequence 4 ‖ MAC1 4."""
    return _headed(psam.init_purchase, purchase.to_bytes(), le=8)


def credit_sam_for_purchase(psam: PsamSpec, mac2: bytes) -> CommandApdu:
    """CREDIT SAM FOR PURCHASE: the PSAM checks the card's MAC2."""
    return _headed(psam.credit_purchase, _sized("mac2", mac2, 4))


# Management commands of the declared COS. Heads are profile data.


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """Eight bytes in front of a key value (card §3.1, B)."""

    type: int
    id: int
    version: int
    right: int = 0
    tries: int = 3
    algorithm: int = 0
    level: int = 0
    length: int = 16

    def to_bytes(self) -> bytes:
        order = (self.type, self.id, self.version, self.right, self.tries, self.algorithm, self.level, self.length)
        return bytes(order)


def initialise_card(cos: CosSpec, region: bytes, serial: bytes) -> CommandApdu:
    """INITIALISE: region 3 ‖ serial 3 into the ATR, effective after reset."""
    return _headed(cos.initialise, _sized("region", region, 3) + _sized("serial", serial, 3))


def write_key(
    cos: CosSpec, header: KeyHeader, value: bytes, key: LineKey, challenge: bytes, rule: LineRule = DES_LINE
) -> CommandApdu:
    """WRITE KEY, encrypted and with MAC under the directory's current master key; P1 01 for the master key itself."""
    cla, ins = cos.write_key
    p1 = 0x01 if header.type == 0 else 0x00
    return seal_encrypted(CommandApdu(cla, ins, p1, 0x00, header.to_bytes() + value), key, challenge, rule)


def end_personalisation(cos: CosSpec, key: LineKey, challenge: bytes, rule: LineRule = DES_LINE) -> CommandApdu:
    """END PERSONALISATION at the MF, MAC under its master key."""
    return seal(_headed(cos.end_personalisation), key, challenge, rule)


def prove_key_version(cos: CosSpec, random: bytes) -> CommandApdu:
    """PROVE KEY VERSION: lifecycle 1 ‖ batch 4 ‖ master key version 1 ‖ MAC 4 over our `random` 8 and these."""
    return _headed(cos.prove_key_version, _sized("random", random, 8), le=10)


def _headed(head: bytes, data: bytes = b"", le: int | None = None) -> CommandApdu:
    cla, ins, p1, p2 = head
    return CommandApdu(cla, ins, p1, p2, data, le)


def _init(key_index: int, amount: Fen, terminal: bytes) -> bytes:
    return bytes([key_index]) + amount.to_bytes4() + _sized("terminal", terminal, 6)


def _sized(name: str, value: bytes, low: int, high: int | None = None) -> bytes:
    if not low <= len(value) <= (high or low):
        raise FieldError(name, f"{len(value)} bytes, {low} wanted")
    return value


def _sfi(sfi: int) -> int:
    if not 0 <= sfi <= 30:
        raise FieldError("sfi", "0 to 30")
    return sfi


def _offset(offset: int) -> tuple[int, int]:
    if not 0 <= offset <= 0x7FFF:
        raise FieldError("offset", "0 to 7FFF")
    return offset >> 8, offset & 0xFF


def _version(version: int | None) -> bytes:
    return b"" if version is None else bytes([version])
