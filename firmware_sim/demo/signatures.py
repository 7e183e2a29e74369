"""The signatures of a code as files that OpenSSL takes, made by cutting bytes alone (qr-and-acceptance §2.2).

For each of user, issuer and root: the signed bytes, the signature r || s as ASN.1 (two INTEGERs), and the compressed
public key inside the fixed header of an SM2 key (RFC 5480 with the curve 1.2.156.10197.1.301).
"""

import base64
from pathlib import Path

from keys.code.token import OfflineCode

# SEQUENCE { SEQUENCE { id-ecPublicKey, SM2 curve }, BIT STRING of 33 bytes }
SM2_KEY_HEADER = bytes.fromhex("3039301306072a8648ce3d020106082a811ccf5501822d032200")
INTEGER, SEQUENCE = 0x02, 0x30
PEM_WIDTH = 64


def write_signatures(folder: Path, name: str, raw: bytes, root_key: bytes) -> int:
    """Write `name`, `name`.issuer and `name`.root as .body.bin, .sig.der, .pub.pem; how many bytes the user signed.

    `root_key` is the compressed public key of the root, 33 bytes. Raises keys.code.errors.CodeError.
    """
    code = OfflineCode.parse(raw)
    issuer = code.certificate
    parts = {
        name: (code.user_signed, code.user_signature, code.user_key),
        f"{name}.issuer": (code.issuer_signed, code.issuer_signature, issuer.public_key),
        f"{name}.root": (issuer.signed_part, issuer.signature, root_key),
    }
    for part, (body, signature, key) in parts.items():
        (folder / f"{part}.body.bin").write_bytes(body)
        (folder / f"{part}.sig.der").write_bytes(signature_der(signature))
        (folder / f"{part}.pub.pem").write_text(public_key_pem(key), "ascii")
    return len(code.user_signed)


def signature_der(signature: bytes) -> bytes:
    """r || s, 32 bytes each, as SEQUENCE of two INTEGERs: leading zeros off, one back where the top bit is set."""
    body = b"".join(_integer(half) for half in (signature[:32], signature[32:]))
    return bytes((SEQUENCE, len(body))) + body


def _integer(value: bytes) -> bytes:
    short = value.lstrip(b"\x00") or b"\x00"
    if short[0] >= 0x80:
        short = b"\x00" + short
    return bytes((INTEGER, len(short))) + short


def public_key_pem(key: bytes) -> str:
    """A compressed point as a PEM public key."""
    text = base64.b64encode(SM2_KEY_HEADER + key).decode("ascii")
    lines = [text[start : start + PEM_WIDTH] for start in range(0, len(text), PEM_WIDTH)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
