"""The single tables of a profile: crypto, answer to reset, PIN, management commands, certificates, bank."""

from dataclasses import dataclass

PROVE_SEQUENCES = ("init", "init_plus_1")
PROVE_ORDERS = ("mac_tac", "tac_mac")
ALGORITHMS = ("3des", "sm4")


@dataclass(frozen=True, slots=True)
class Crypto:
    """Algorithm family of the chip's keys; the formulas live upstairs in `keys`.

    `block` and `challenge` are bytes; `session` is the session key of an authentication; `fold` makes a cryptogram of
    8 bytes of one block; `mac` is the line MAC; `tac_key` says whether the TAC key is folded to one DES key.
    `verified` false: no public vector stands behind these formulas (keys-and-purse §1.9), refused in production.
    """

    algorithm: str
    algorithm_id: int
    mac_iv: str
    mac_length: int
    diversification: str
    block: int = 8
    challenge: int = 8
    session: str = "3des(k,r)"
    fold: str = "none"
    mac: str = "retail"
    tac_key: str = "folded"
    verified: bool = True


@dataclass(frozen=True, slots=True)
class AtrSpec:
    """Answer to reset: `template` has {region} (3 bytes) and {serial} (3 bytes); `accepted` are heads, XX any byte."""

    template: str
    historical_length: int
    accepted: tuple[str, ...]
    confidence: str

    def build(self, region: bytes, serial: bytes) -> bytes:
        """The ATR of a chip; both arguments three bytes."""
        if len(region) != 3 or len(serial) != 3:
            raise ValueError("region and serial are three bytes each")
        return bytes.fromhex(self.template.format(region=region.hex(), serial=serial.hex()))

    def historical(self, atr: bytes) -> bytes | None:
        """The historical bytes of an accepted ATR, or None for a foreign one."""
        for head in self.accepted:
            body = len(head) // 2
            same = all(head[2 * i : 2 * i + 2] in ("XX", f"{byte:02X}") for i, byte in enumerate(atr[:body]))
            if same and len(atr) == body + self.historical_length:
                return atr[body:]
        return None


@dataclass(frozen=True, slots=True)
class CardIdSpec:
    """Layout of the card identification code (card §1.10). `serial_in_atr`: bytes 9-12 repeat the ATR's tail."""

    rid: bytes
    serial_offset: int
    serial_length: int
    mac_length: int
    serial_in_atr: bool = True


@dataclass(frozen=True, slots=True)
class PinSpec:
    """Rules of the holder's PIN."""

    dir: str
    max_tries: int
    initial: str
    length: int
    must_change_initial: bool
    verify_p2: int
    confidence: str


@dataclass(frozen=True, slots=True)
class CosSpec:
    """Management commands of the declared COS, as command heads."""

    transport_key_dir: str
    initialise: bytes
    write_key: bytes
    end_personalisation: bytes
    prove_key_version: bytes
    lifecycle: dict[str, int]
    confidence: str
    terminate: bytes = b""


@dataclass(frozen=True, slots=True)
class PsamSpec:
    """Dialect of a PSAM application (card §3.4, keys-and-purse §1.7)."""

    dir: str
    confidence: str
    usage: int = 0
    city_usage: int = 0
    init_session: bytes = b""
    crypt: bytes = b""
    purchase_levels: int = 0
    factors: str = ""
    init_purchase: bytes = b""
    credit_purchase: bytes = b""
    mac2_tries: int = 0


@dataclass(frozen=True, slots=True)
class ContactlessSpec:
    """What changes without contacts. `ats` is the whole answer to select with {region} and {serial}.

    `reset_info`: where the 26 hex digits of 卡复位信息 come from over ISO 14443: `ats` (its historical bytes) or
    `configured`. `refused` names commands the chip refuses there: verify, change_pin, debit.
    """

    allowed: bool
    confidence: str
    ats: str = ""
    reset_info: str = "ats"
    refused: tuple[str, ...] = ()

    def build(self, region: bytes, serial: bytes) -> bytes:
        """The ATS of a chip; both arguments three bytes."""
        return bytes.fromhex(self.ats.format(region=region.hex(), serial=serial.hex()))


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """The certificate application (card §6.1): its directories, files by FID, and command heads."""

    ddf: str
    adf: str
    public_key: str
    signing_certificate: str
    encryption_certificate: str
    verify: bytes
    admin_verify: bytes
    change_pin: bytes
    update_key: bytes
    generate: bytes
    sign: bytes
    update_chunk: int
    pin_initial: str
    pin_tries: int
    signer_id: str
    confidence: str
    admin_initial: str = ""  # no administrator's PIN on the chip when empty
    generate_encryption: bytes = b""  # these two empty: nobody says how the card uses an encryption key
    open_key: bytes = b""


@dataclass(frozen=True, slots=True)
class BankSpec:
    """The bank application: where it is found, and what GET PROCESSING OPTIONS answers (card §6).

    `gpo` is the command head; `answer` the template of its answer, 0x77 or 0x80; `afl` four bytes per entry.
    """

    dir: str
    pse: str
    ppse: str
    gpo: bytes
    answer: int
    aip: bytes
    afl: bytes
    pan_tag: int
    confidence: str
