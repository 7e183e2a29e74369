"""The certificate application of 3.00 cards: public key, certificates, signing (card §6.1, B and C).

The private key never leaves the chip and the PIN never crosses the wire: VERIFY carries the chip's challenge enciphered
under the PIN's digest. Digests, ciphers and the check of a signature are `keys.certificate`.
"""

from typing import Protocol

from card import commands
from card.apdu import SW, CommandApdu, tries_left
from card.application import Session, select_ef
from card.errors import (
    AccessNeedError,
    CardDataError,
    ContactlessRefusedError,
    FieldError,
    ProfileError,
    UnexpectedSwError,
)
from card.files.kinds import TransparentEf
from card.files.profile import Profile
from card.holder import PinState
from card.interface import Interface
from card.pin import Pin
from card.secure_messaging import CardCrypto, LineKey, line_rule, seal
from card.status import ask, check_key, check_pin, send
from card.wire import CardChannel

CHALLENGE = 16
POINT = 64
SIGNATURE = 64
SESSION_KEY = 16
_SEQUENCE = 0x30


class PinCipher(Protocol):
    """What this application computes from a PIN; upstairs, because the card floor has no cryptography."""

    def proof(self, pin: Pin, challenge: bytes) -> bytes:
        """The challenge of 16 bytes enciphered under the PIN's digest."""
        ...

    def value(self, pin: Pin) -> bytes:
        """The 16 bytes the chip keeps for a PIN."""
        ...

    def line(self, pin: Pin) -> LineKey:
        """These bytes as a line key, for changing the PIN."""
        ...


class CertificateSession(Session):
    """`select` first."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        super().__init__(channel, profile)
        if profile.certificate is None:
            raise ProfileError(f"{profile.name} declares no certificate application")
        self.spec = profile.certificate

    def select(self) -> None:
        """The certificate environment, then the application in it. ForeignCardError when the card has none."""
        self.select_dir(self.spec.ddf)
        self.select_dir(self.spec.adf)

    def public_key(self) -> bytes:
        """X ‖ Y, 64 bytes, of the signing key. CardDataError when the chip holds none yet."""
        raw = self.read_raw(self._file(self.spec.public_key))[-POINT:]
        if len(raw) != POINT or raw in (b"\x00" * POINT, b"\xff" * POINT):
            raise CardDataError("public key", "the chip holds no key pair yet")
        return raw

    def certificate(self, kind: str = "signing") -> bytes:
        """The DER certificate `signing` or `encryption`, without the file's filling; b"" when none was written."""
        raw = self.read_raw(self._file(self._certificate_fid(kind)))
        if raw[:1] != bytes([_SEQUENCE]):
            return b""
        size = _der_size(raw)
        if size > len(raw):
            raise CardDataError(f"{kind} certificate", "is longer than its file")
        return raw[:size]

    def pin_state(self) -> PinState:
        """Tries left of the certificate PIN, before it is typed."""
        self._refuse_contactless("verify")
        sw = send(self.channel, commands.certificate_verify_status(self.spec)).sw
        left = 0 if sw == SW.METHOD_BLOCKED else tries_left(sw)
        if left is None and sw != SW.OK:
            raise UnexpectedSwError(sw, "ask for certificate PIN tries")
        limit = self.spec.pin_tries
        return PinState(limit if left is None else left, limit, verified=left is None)

    def verify_pin(self, pin: Pin, cipher: PinCipher) -> None:
        """PinError(tries_left), PinBlockedError, or nothing. The PIN itself is not sent."""
        self._refuse_contactless("verify")
        proof = cipher.proof(pin, self.challenge(CHALLENGE))
        check_pin(send(self.channel, commands.certificate_verify(self.spec, proof)).sw, "verify certificate PIN")
        self._grant("pin")

    def change_pin(self, old: Pin, new: Pin, cipher: PinCipher) -> None:
        """The new PIN's value enciphered and sealed under the old one's (declared). PinError, PinBlockedError."""
        self._refuse_contactless("change_pin")
        rule = line_rule(self.profile.crypto)
        line, head = cipher.line(old), self.spec.change_pin
        hidden = CommandApdu(head[0], head[1], head[2], head[3], line.encrypt(cipher.value(new)))
        sealed = seal(hidden, line, self.challenge(rule.challenge_length), rule)
        check_pin(send(self.channel, sealed).sw, "change certificate PIN")

    def generate_key(self) -> bytes:
        """A new key pair in the chip; its public half, 64 bytes. The old pair and its signatures' key are gone."""
        return ask(self.channel, commands.certificate_generate(self.spec), "generate key", POINT)

    def sign(self, digest: bytes) -> bytes:
        """r ‖ s over a 32-byte digest (`keys.certificate.digest_of`); AccessDeniedError without the PIN."""
        self._refuse_contactless("sign")
        return ask(self.channel, commands.certificate_sign(self.spec, digest), "sign", SIGNATURE)

    def generate_encryption_key(self) -> bytes:
        """A new encryption key pair in the chip; its public half, 64 bytes, which no file repeats: the encryption
        certificate holds it. What was sealed for the old pair can no longer be opened. ProfileError where undeclared.
        """
        self._need_encryption()
        command = commands.certificate_generate_encryption(self.spec)
        return ask(self.channel, command, "generate encryption key", POINT)

    def open_session_key(self, cipher: bytes) -> bytes:
        """The 16-byte key in C1 ‖ C3 ‖ C2, 112 bytes, by the encryption key in the chip; AccessDeniedError without
        the PIN, KeyMissingError without a key, UnexpectedSwError 6A80 when it is not for this chip.
        """
        self._need_encryption()
        self._refuse_contactless("sign")
        return ask(self.channel, commands.certificate_open(self.spec, cipher), "open session key", SESSION_KEY)

    def write_certificate(self, kind: str, der: bytes, crypto: CardCrypto | None = None) -> None:
        """In pieces of the profile's size (card §2.5: 70h), the first piece last, so a half file is no certificate.

        `crypto` holds the line key the file asks for; AccessNeedError without it, before anything is sent.
        """
        ef = self._file(self._certificate_fid(kind))
        if len(der) > ef.size or der[:1] != bytes([_SEQUENCE]) or _der_size(der) != len(der):
            raise FieldError(f"{kind} certificate", f"not a DER certificate of at most {ef.size} bytes")
        need = self.need(ef.path, "write")
        way = need.way(pin=False, keys=False, line=crypto is not None)
        if way is None:
            raise AccessNeedError(f"write {ef.path}", need.missing)
        keys = [self.profile.key(proof.partition(":")[2]) for proof in way]
        lines = tuple(crypto.line(key) for key in keys) if crypto is not None else ()
        select_ef(self.channel, ef)
        size = self.spec.update_chunk
        for at in reversed(range(0, len(der), size)):
            self._write_piece(ef, commands.update_binary_current(at, der[at : at + size]), lines)

    def _write_piece(self, ef: TransparentEf, command: CommandApdu, lines: tuple[LineKey, ...]) -> None:
        rule = line_rule(self.profile.crypto)
        for line in lines:
            command = seal(command, line, self.challenge(rule.challenge_length), rule)
        check_key(send(self.channel, command).sw, f"write {ef.path}")

    def _certificate_fid(self, kind: str) -> str:
        fids = {"signing": self.spec.signing_certificate, "encryption": self.spec.encryption_certificate}
        if kind not in fids:
            raise FieldError("kind", "signing or encryption")
        return fids[kind]

    def _file(self, fid: str) -> TransparentEf:
        ef = self.profile.file(self.spec.adf, fid)
        if not isinstance(ef, TransparentEf):
            raise ProfileError(f"{ef.path} must be transparent")
        return ef

    def _need_encryption(self) -> None:
        if not (self.spec.generate_encryption and self.spec.open_key):
            raise ProfileError(f"{self.profile.name} does not say how the card uses an encryption key")

    def _refuse_contactless(self, word: str) -> None:
        rules = self.profile.contactless
        if self.interface is Interface.CONTACTLESS and (rules is None or word in rules.refused):
            raise ContactlessRefusedError(word)


def _der_size(raw: bytes) -> int:
    """Length of the whole DER item at the start of `raw`; CardDataError for a form no certificate has."""
    if len(raw) < 4:
        raise CardDataError("certificate", "is cut off")
    if raw[1] < 0x80:
        return 2 + raw[1]
    size = raw[1] & 0x7F
    if size not in (1, 2):
        raise CardDataError("certificate", "length form is not one of a certificate")
    return 2 + size + int.from_bytes(raw[2 : 2 + size], "big")
