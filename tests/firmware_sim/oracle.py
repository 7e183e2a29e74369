"""The card formulas once more, on another library: the second opinion for vectors this project made itself."""

from Crypto.Cipher import DES, DES3


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
