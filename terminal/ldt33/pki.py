"""The certificate functions over a 3.00 card's certificate application (card §4.1, §6.1; the strings are declared, C).

Data is the GBK text itself; signatures, certificates and keys are hex. The PIN is an argument here, because the
standard's prototypes have it so; it is never sent to the card in the clear.
"""

from card import text_codec
from card.certificate import CertificateSession
from card.errors import PinFormatError
from card.pin import Pin
from keys import envelope
from keys.certificate import CardCertificate, CertificatePins, digest_of
from keys.certificate import verify as verify_signature
from keys.errors import CertificateError, PublicKeyError, SignatureError
from terminal.ldt33.addresses import line
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error

POINT, SIGNATURE = 64, 64
CIPHER = 112  # C1 64, C3 32, a session key of 16


def sign(call: Call, pin: str, data: str, kind: int) -> str:
    """`签名值|`: r ‖ s, 128 hex digits, SM2 with SM3 and the profile's signer id."""
    application = _application(call, kind)
    application.verify_pin(_pin(pin), CertificatePins())
    digest = digest_of(_bytes(data), application.public_key(), application.spec.signer_id.encode("ascii"))
    return line(application.sign(digest).hex().upper())


def verify(call: Call, pin: str, cert: str, clear: str, signature: str, kind: int) -> str:
    """-15 unless the signature is right. pCert is a certificate (DER) or a public key, in hex; "" asks the card for its
    own, without a PIN, since nothing of it is secret. No card is needed otherwise.
    """
    raw = _hex(signature.rstrip("|"))
    public = _public(cert.rstrip("|")) if cert.strip("|") else _application(call, kind).public_key()
    if len(raw) != SIGNATURE:
        raise Ldt33Error(Code.TOO_LONG, "a signature is 64 bytes")
    try:
        verify_signature(_bytes(clear), raw, public)
    except (SignatureError, PublicKeyError) as wrong:
        raise Ldt33Error(Code.BAD_INFORMATION, "the signature does not verify") from wrong
    return ""


def seal(call: Call, pin: str, cert: str, data: str, kind: int) -> str:
    """EnvelopedData of GM/T 0010 in hex for the holder of pCert; "" is the card's own encryption certificate."""
    der = _hex(cert.rstrip("|")) if cert.strip("|") else _application(call, kind).certificate("encryption")
    try:
        return line(envelope.seal(der, _bytes(data), call.desk.entropy).hex().upper())
    except CertificateError as bad:
        raise Ldt33Error(Code.BAD_INPUT, "not a certificate with an SM2 key") from bad


def unseal(call: Call, pin: str, data: str, kind: int) -> str:
    """The data of an envelope to the card's encryption certificate; -22 when it is to another, before the PIN is tried.

    The card opens the session key by a command of this project's declaration (`open_key` of the profile); -13 where the
    profile has none.
    """
    sealed = envelope.Sealed.parse(_hex(data.rstrip("|")))
    application = _application(call, kind)
    if not application.spec.open_key:
        raise Ldt33Error(Code.NOT_SUPPORTED, "the profile does not say how the card uses its encryption key")
    certificate = application.certificate("encryption")
    if not certificate or not sealed.is_for(certificate):
        raise Ldt33Error(Code.OTHER_CARD, "the envelope is not to this card's encryption certificate")
    if len(sealed.cipher) != CIPHER:
        raise Ldt33Error(Code.BAD_INFORMATION, "the envelope hides no key of 16 bytes")
    application.verify_pin(_pin(pin), CertificatePins())
    clear = sealed.open(application.open_session_key(sealed.cipher))
    return line(text_codec.decode(clear, text_codec.partner_edition("ldt33"), "data"))


def _application(call: Call, kind: int) -> CertificateSession:
    visit = call.open(kind)
    if visit.profile.certificate is None:
        raise Ldt33Error(Code.NOT_SUPPORTED, "no certificate application in this version")
    application = CertificateSession(visit.channel, visit.profile)
    application.select()
    return application


def _pin(text: str) -> Pin:
    try:
        return Pin(text)
    except PinFormatError:
        raise Ldt33Error(Code.PIN_LENGTH) from None


def _bytes(text: str) -> bytes:
    return text_codec.encode(text, text_codec.partner_edition("ldt33"), "data")


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Ldt33Error(Code.BAD_CHARACTER, "not hex") from None


def _public(cert: str) -> bytes:
    raw = _hex(cert)
    if len(raw) == POINT:
        return raw
    try:
        return CardCertificate.parse(raw).public
    except CertificateError as bad:
        raise Ldt33Error(Code.BAD_INPUT, "not a certificate with an SM2 key") from bad
