"""Certificates of SM2 keys for tests, put together by hand: no library here writes them."""

from keys.algorithms.sm2 import Sm2PrivateKey

SM2_WITH_SM3 = "06082A811CCF55018375"
EC_KEY, CURVE = "06072A8648CE3D0201", "06082A811CCF5501822D"


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def whole(raw: bytes) -> bytes:
    """INTEGER of an unsigned number."""
    bare = raw.lstrip(b"\0") or b"\0"
    return der(0x02, b"\0" + bare if bare[0] & 0x80 else bare)


def named(text: str) -> bytes:
    """A distinguished name of one common name."""
    return der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0C, text.encode()))))


def certificate(subject: str, public_raw: bytes, issuer: Sm2PrivateKey, serial: int = 77) -> bytes:
    """A certificate of `public_raw` (X || Y), valid 2020 to 2049, signed by `issuer` under the default id."""
    algorithm = der(0x30, bytes.fromhex(SM2_WITH_SM3))
    validity = der(0x30, der(0x17, b"200101000000Z"), der(0x17, b"491231235959Z"))
    key = der(0x30, der(0x30, bytes.fromhex(EC_KEY + CURVE)), der(0x03, b"\0\x04" + public_raw))
    version, number = der(0xA0, der(0x02, b"\x02")), whole(bytes([serial]))
    tbs = der(0x30, version, number, algorithm, named("CA"), validity, named(subject), key)
    signature = issuer.sign(tbs)
    pair = der(0x30, whole(signature[:32]), whole(signature[32:]))
    return der(0x30, tbs, algorithm, der(0x03, b"\0" + pair))
