"""The card formulas once more, on another library: the second opinion for vectors this project made itself."""

from Crypto.Cipher import DES, DES3
from gmalg import SM4


def tdes(key: bytes, data: bytes) -> bytes:
    return DES3.new(key + key[:8], DES3.MODE_ECB).encrypt(data)


def des(key: bytes, data: bytes) -> bytes:
    return DES.new(key, DES.MODE_ECB).encrypt(data)


def diversify(key: bytes, factor: bytes) -> bytes:
    return tdes(key, factor) + tdes(key, bytes(255 - byte for byte in factor))


def mac(key: bytes, data: bytes, iv: bytes = bytes(8)) -> bytes:
    """ISO/IEC 9797-1 algorithm 1, padding 2, 4 bytes."""
    padded = data + b"\x80" + b"\0" * ((-len(data) - 1) % 8)
    return DES.new(key, DES.MODE_CBC, iv).encrypt(padded)[-8:-4]


def retail(key: bytes, data: bytes, iv: bytes = bytes(8)) -> bytes:
    """ISO/IEC 9797-1 algorithm 3, padding 2, 4 bytes."""
    padded = data + b"\x80" + b"\0" * ((-len(data) - 1) % 8)
    chained = DES.new(key[:8], DES.MODE_CBC, iv).encrypt(padded)[-8:]
    return des(key[:8], DES.new(key[8:], DES.MODE_ECB).decrypt(chained))[:4]


def tac(dtk: bytes, data: bytes) -> bytes:
    return mac(bytes(a ^ b for a, b in zip(dtk[:8], dtk[8:], strict=True)), data)


# The declared SM4 family (docs/card-commands.md, 7 and 8), on gmalg.


def sm4(key: bytes, data: bytes) -> bytes:
    cipher = SM4(key)
    return b"".join(bytes(cipher.encrypt(data[at : at + 16])) for at in range(0, len(data), 16))


def sm4_session(key: bytes, eight: bytes) -> bytes:
    return sm4(key, eight + bytes(255 - byte for byte in eight))


def sm4_folded(key: bytes, eight: bytes) -> bytes:
    whole = sm4(key, eight + b"\x80" + bytes(7))
    return bytes(a ^ b for a, b in zip(whole[:8], whole[8:], strict=True))


def sm4_mac(key: bytes, data: bytes, challenge: bytes = b"") -> bytes:
    state = challenge.ljust(16, b"\0")
    padded = data + b"\x80" + b"\0" * ((-len(data) - 1) % 16)
    for at in range(0, len(padded), 16):
        state = sm4(key, bytes(a ^ b for a, b in zip(state, padded[at : at + 16], strict=True)))
    return state[:4]
