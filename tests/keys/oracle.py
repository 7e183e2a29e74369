"""The formulas once more, on other libraries (pycryptodome, gmalg): the independent side of our own vectors.

Nothing here imports `keys`. Amounts, sequences and lengths are written out again from the standard's text.
"""

from collections.abc import Mapping
from typing import Any

import gmalg
from Crypto.Cipher import AES, DES, DES3
from Crypto.Hash import CMAC

DEFAULT_ID = b"1234567812345678"
Input = Mapping[str, Any]


def _hex(text: str) -> bytes:
    return bytes.fromhex(text)


def _tdes(key: bytes, data: bytes) -> bytes:
    if key[:8] == key[8:]:
        return DES.new(key[:8], DES.MODE_ECB).encrypt(data)
    return DES3.new(key, DES3.MODE_ECB).encrypt(data)


def _pad(data: bytes, block: int) -> bytes:
    padded = data + b"\x80"
    while len(padded) % block:
        padded += b"\x00"
    return padded


def _des_mac(key: bytes, data: bytes) -> bytes:
    return DES.new(key, DES.MODE_CBC, bytes(8)).encrypt(_pad(data, 8))[-8:-4]


def load_session_key(v: Input) -> bytes:
    return _tdes(_hex(v["key"]), _hex(v["random"]) + v["seq"].to_bytes(2, "big") + b"\x80\x00")


def purchase_session_key(v: Input) -> bytes:
    low = v["terminal_seq"] & 0xFFFF
    return _tdes(_hex(v["key"]), _hex(v["random"]) + v["seq"].to_bytes(2, "big") + low.to_bytes(2, "big"))


def load_mac1(v: Input) -> bytes:
    numbers = v["balance"].to_bytes(4, "big") + v["amount"].to_bytes(4, "big")
    return _des_mac(_hex(v["session"]), numbers + bytes([v["kind"]]) + _hex(v["terminal"]))


def load_mac2(v: Input) -> bytes:
    data = v["amount"].to_bytes(4, "big") + bytes([v["kind"]]) + _hex(v["terminal"] + v["date"] + v["time"])
    return _des_mac(_hex(v["session"]), data)


def purchase_mac2(v: Input) -> bytes:
    return _des_mac(_hex(v["session"]), v["amount"].to_bytes(4, "big"))


def tac_key(v: Input) -> bytes:
    key = _hex(v["key"])
    return (int.from_bytes(key[:8], "big") ^ int.from_bytes(key[8:], "big")).to_bytes(8, "big")


def load_tac(v: Input) -> bytes:
    head = v["balance"].to_bytes(4, "big") + v["seq"].to_bytes(2, "big") + v["amount"].to_bytes(4, "big")
    return _des_mac(tac_key(v), head + bytes([v["kind"]]) + _hex(v["terminal"] + v["date"] + v["time"]))


def purchase_tac(v: Input) -> bytes:
    head = v["amount"].to_bytes(4, "big") + bytes([v["kind"]]) + _hex(v["terminal"])
    return _des_mac(tac_key(v), head + v["terminal_seq"].to_bytes(4, "big") + _hex(v["date"] + v["time"]))


def diversify_3des(v: Input) -> bytes:
    key = _hex(v["key"])
    for text in v["factors"]:
        turned = (int(text, 16) ^ 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
        key = _tdes(key, _hex(text)) + _tdes(key, turned)
    return key


def diversify_sm4(v: Input) -> bytes:
    key = _hex(v["key"])
    for text in v["factors"]:
        turned = (int(text, 16) ^ 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
        key = bytes(gmalg.SM4(key).encrypt(_hex(text) + turned))
    return key


def session_key(v: Input) -> bytes:
    return _tdes(_hex(v["key"]), _hex(v["process"]))


def authenticate(v: Input) -> bytes:
    return DES.new(session_key(v), DES.MODE_ECB).encrypt(_hex(v["original"]))


def retail_mac(v: Input) -> bytes:
    key, data = _hex(v["key"]), _pad(_hex(v["data"]), 8)
    value = _hex(v["iv"])
    left, right = DES.new(key[:8], DES.MODE_ECB), DES.new(key[8:], DES.MODE_ECB)
    for start in range(0, len(data), 8):
        value = left.encrypt(bytes(a ^ b for a, b in zip(value, data[start : start + 8], strict=True)))
    return left.encrypt(right.decrypt(value))


def retail_mac4(v: Input) -> bytes:
    return retail_mac(v)[:4]


def kcv_3des(v: Input) -> bytes:
    return _tdes(_hex(v["key"]), bytes(8))[:3]


def kcv_sm4(v: Input) -> bytes:
    return bytes(gmalg.SM4(_hex(v["key"])).encrypt(bytes(16))[:3])


def cmac_aes(v: Input) -> bytes:
    return CMAC.new(_hex(v["key"]), _hex(v["data"]), ciphermod=AES).digest()


def cmac_sm4(v: Input) -> bytes:
    """NIST SP 800-38B for a message of less than one block."""
    cipher, data = gmalg.SM4(_hex(v["key"])), _hex(v["data"])
    assert len(data) < 16
    subkey = int.from_bytes(cipher.encrypt(bytes(16)), "big")
    for _ in range(2):
        subkey = (subkey << 1 ^ (0x87 if subkey >> 127 else 0)) & (1 << 128) - 1
    return cipher.encrypt((int.from_bytes(_pad(data, 16), "big") ^ subkey).to_bytes(16, "big"))


def sm3(v: Input) -> bytes:
    return _sm3(_hex(v["data"]))


def hmac_sm3(v: Input) -> bytes:
    key = _hex(v["key"]).ljust(64, b"\x00")
    inner = _sm3(bytes(byte ^ 0x36 for byte in key) + _hex(v["data"]))
    return _sm3(bytes(byte ^ 0x5C for byte in key) + inner)


def sm4_ecb(v: Input) -> bytes:
    cipher, data = gmalg.SM4(_hex(v["key"])), _hex(v["data"])
    return b"".join(cipher.encrypt(data[start : start + 16]) for start in range(0, len(data), 16))


def sm4_cbc(v: Input) -> bytes:
    cipher, data, value, out = gmalg.SM4(_hex(v["key"])), _hex(v["data"]), _hex(v["iv"]), b""
    for start in range(0, len(data), 16):
        value = cipher.encrypt(bytes(a ^ b for a, b in zip(value, data[start : start + 16], strict=True)))
        out += value
    return out


def sm2_public(v: Input) -> bytes:
    return bytes(gmalg.SM2(pc_mode=gmalg.PC_MODE.RAW).generate_pk(_hex(v["scalar"])))[1:]


def _sm4(key: str, data: bytes) -> bytes:
    cipher = gmalg.SM4(_hex(key))
    return b"".join(bytes(cipher.encrypt(data[at : at + 16])) for at in range(0, len(data), 16))


def _turned(value: bytes) -> bytes:
    return value + bytes(255 - byte for byte in value)


def _halves(value: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(value[:8], value[8:], strict=True))


def session_key_sm4(v: Input) -> bytes:
    return _sm4(v["key"], _turned(_hex(v["process"])))


def authenticate_sm4(v: Input) -> bytes:
    return _halves(_sm4(session_key_sm4(v).hex(), _pad(_hex(v["original"]), 16)))


def transport_sm4(v: Input) -> bytes:
    return _halves(_sm4(v["key"], _pad(_hex(v["challenge"]), 16)))


def transport_3des(v: Input) -> bytes:
    return _tdes(_hex(v["key"]), _hex(v["challenge"]))


def sm4_mac(v: Input) -> bytes:
    padded = _pad(_hex(v["data"]), 16).hex()
    return sm4_cbc({"key": v["key"], "data": padded, "iv": v.get("iv", "00" * 16)})[-16:-12]


def purse_session_sm4(v: Input) -> bytes:
    return _sm4(v["key"], _turned(_hex(v["input"])))


def unload_mac3(v: Input) -> bytes:
    numbers = v["balance"].to_bytes(4, "big") + v["seq"].to_bytes(2, "big") + v["amount"].to_bytes(4, "big")
    return _des_mac(_hex(v["session"]), numbers + b"\x03" + _hex(v["terminal"] + v["date"] + v["time"]))


def certificate_pin(v: Input) -> bytes:
    digest = gmalg.SM3()
    digest.update(v["pin"].encode())
    return _sm4(bytes(digest.value())[:16].hex(), _hex(v["challenge"]))


def sm2_verify(v: Input) -> str:
    signature = _hex(v["signature"])
    if len(signature) != 64:
        return "refuse"
    good = gmalg_verifies(_hex(v["public"]), _hex(v["message"]), signature, _hex(v["id"]))
    return "accept" if good else "refuse"


def code_verify(v: Input) -> str:
    """The verdict by hand-written offsets: signatures by gmalg, then times; the account number when all is well."""
    code = _hex(v["code"])
    tail = 198 + code[197]
    generated, validity = int.from_bytes(code[tail + 65 : tail + 69], "big"), int.from_bytes(code[195:197], "big")
    if not gmalg_verifies(_hex(v["root"]), code[9:56], code[56:120]):
        return "E-CODE-CERTIFICATE-SIGNATURE"
    if int.from_bytes(code[191:195], "big") < v["now"]:
        return "E-CODE-AUTHORISATION-EXPIRED"
    if generated > v["now"] + 20:
        return "E-CODE-FROM-FUTURE"
    if generated + validity < v["now"]:
        return "E-CODE-EXPIRED"
    issuer, user = code[23:56], code[158:191]
    assert gmalg_verifies(issuer, code[3:tail], code[tail + 1 : tail + 65])
    assert gmalg_verifies(user, code[: tail + 69], code[tail + 70 :])
    return code[136:146].hex()[:19]


def gmalg_verifies(public: bytes, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID) -> bool:
    """SM2 by gmalg; `public` is 64 raw bytes or a 33-byte compressed point."""
    encoded = b"\x04" + public if len(public) == 64 else public
    return bool(gmalg.SM2(pk=encoded, uid=user_id).verify(message, signature[:32], signature[32:]))


def gmalg_signs(scalar: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    r, s = gmalg.SM2(sk=scalar, uid=user_id).sign(message)
    return bytes(r).rjust(32, b"\x00") + bytes(s).rjust(32, b"\x00")


def _sm3(data: bytes) -> bytes:
    digest = gmalg.SM3()
    digest.update(data)
    return bytes(digest.value())


FORMULAS = {
    function.__name__: function
    for function in (
        load_session_key,
        purchase_session_key,
        load_mac1,
        load_mac2,
        purchase_mac2,
        tac_key,
        load_tac,
        purchase_tac,
        diversify_3des,
        diversify_sm4,
        session_key,
        authenticate,
        retail_mac,
        retail_mac4,
        kcv_3des,
        kcv_sm4,
        cmac_aes,
        cmac_sm4,
        sm3,
        hmac_sm3,
        sm4_ecb,
        sm4_cbc,
        sm2_public,
        sm2_verify,
        code_verify,
        session_key_sm4,
        authenticate_sm4,
        transport_sm4,
        transport_3des,
        sm4_mac,
        purse_session_sm4,
        unload_mac3,
        certificate_pin,
    )
} | {"purchase_mac1": load_mac2}
