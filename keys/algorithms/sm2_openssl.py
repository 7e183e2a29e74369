"""SM2 through the system's libcrypto (OpenSSL 3, EVP) by ctypes: no compiler, and the GIL is released in every call.

Some distributions build OpenSSL without SM2 (Fedora, RHEL, Alpine); then `OpenSslSm2.open()` raises Sm2MissingError
and the caller takes the next library. Return values are compared with 1 exactly: errors are 0 or negative.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_int, c_long, c_size_t, c_void_p
from typing import Final

from keys.algorithms.sm2_backend import EXAMPLE_POINT, HALF, Sm2Handle
from keys.algorithms.sm2_cipher import der_from_cipher, raw_from_cipher
from keys.errors import EnvelopeError, PublicKeyError, SignatureError, Sm2MissingError

_LIBRARY: Final = "libcrypto.so.3"
_CURVE_OID: Final = bytes.fromhex("06082A811CCF5501822D")  # 1.2.156.10197.1.301 sm2p256v1
_EC_OID: Final = bytes.fromhex("06072A8648CE3D0201")  # 1.2.840.10045.2.1 id-ecPublicKey
_SPKI_65: Final = b"\x30\x59\x30\x13" + _EC_OID + _CURVE_OID + b"\x03\x42\x00"
_SEC1_HEAD: Final = b"\x30\x31\x02\x01\x01\x04\x20"  # ECPrivateKey without the optional public key
_SEC1_TAIL: Final = b"\xa0\x0a" + _CURVE_OID
_DER_SIGNATURE_MAX: Final = 80
_DER_CIPHER_EXTRA: Final = 128  # point, digest and the heads around them

_SIGNATURES: Final = {
    "d2i_PUBKEY": (c_void_p, [c_void_p, c_void_p, c_long]),
    "d2i_AutoPrivateKey": (c_void_p, [c_void_p, c_void_p, c_long]),
    "EVP_PKEY_dup": (c_void_p, [c_void_p]),
    "EVP_PKEY_set1_encoded_public_key": (c_int, [c_void_p, c_char_p, c_size_t]),
    "EVP_PKEY_free": (None, [c_void_p]),
    "EVP_PKEY_get_bn_param": (c_int, [c_void_p, c_char_p, c_void_p]),
    "EVP_PKEY_Q_keygen": (c_void_p, None),
    "BN_bn2binpad": (c_int, [c_void_p, c_char_p, c_int]),
    "BN_clear_free": (None, [c_void_p]),
    "EVP_MD_CTX_new": (c_void_p, []),
    "EVP_MD_CTX_free": (None, [c_void_p]),
    "EVP_MD_fetch": (c_void_p, [c_void_p, c_char_p, c_char_p]),
    "EVP_PKEY_CTX_set1_id": (c_int, [c_void_p, c_char_p, c_int]),
    "EVP_DigestSignInit": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "EVP_DigestSign": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p, c_size_t]),
    "EVP_PKEY_CTX_new": (c_void_p, [c_void_p, c_void_p]),
    "EVP_PKEY_CTX_free": (None, [c_void_p]),
    "EVP_PKEY_sign_init": (c_int, [c_void_p]),
    "EVP_PKEY_sign": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p, c_size_t]),
    "EVP_PKEY_encrypt_init": (c_int, [c_void_p]),
    "EVP_PKEY_encrypt": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p, c_size_t]),
    "EVP_PKEY_decrypt_init": (c_int, [c_void_p]),
    "EVP_PKEY_decrypt": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p, c_size_t]),
    "EVP_DigestVerifyInit": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "EVP_DigestVerify": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t]),
    "ERR_clear_error": (None, []),
}


class _PKey:
    """One EVP_PKEY, freed with the object. Several threads may use it at once (OpenSSL locks inside)."""

    __slots__ = ("_library", "_raw", "pointer")

    def __init__(self, library: ctypes.CDLL, pointer: int) -> None:
        self.pointer = pointer
        self._library = library
        self._raw = b""

    @property
    def raw(self) -> bytes:
        if not self._raw:
            self._raw = _number(self._library, self.pointer, b"qx") + _number(self._library, self.pointer, b"qy")
        return self._raw

    def __del__(self) -> None:
        self._library.EVP_PKEY_free(self.pointer)


class OpenSslSm2:
    """Back-end on libcrypto; see `Sm2Backend`."""

    name = "openssl"

    def __init__(self, library: ctypes.CDLL, digest: int) -> None:
        self._library = library
        self._digest = digest
        # Any SM2 key serves as the mould of the others: copying it costs a few microseconds, while decoding a
        # SubjectPublicKeyInfo searches the providers' decoders anew each time (200 microseconds).
        self._mould = self._load(library.d2i_PUBKEY, _SPKI_65 + b"\x04" + EXAMPLE_POINT)

    @classmethod
    def open(cls, path: str = _LIBRARY) -> OpenSslSm2:
        """Load the library and its SM3; Sm2MissingError when either is not there."""
        try:
            library = ctypes.CDLL(path)
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype = result
                if arguments is not None:
                    function.argtypes = arguments
        except (OSError, AttributeError) as error:
            raise Sm2MissingError(f"libcrypto 3 cannot be used: {error}") from error
        digest = library.EVP_MD_fetch(None, b"SM3", None)
        if not digest:
            library.ERR_clear_error()
            raise Sm2MissingError("this libcrypto has no SM3")
        return cls(library, digest)

    def load_public(self, encoded: bytes) -> Sm2Handle:
        library = self._library
        pointer = library.EVP_PKEY_dup(self._mould.pointer)
        key = _PKey(library, pointer)
        # Refuses points off the curve; takes 33 and 65 byte forms.
        if library.EVP_PKEY_set1_encoded_public_key(pointer, encoded, len(encoded)) != 1:
            library.ERR_clear_error()
            raise PublicKeyError("not an SM2 key")
        return key

    def load_private(self, scalar: bytes) -> Sm2Handle:
        return self._load(self._library.d2i_AutoPrivateKey, _SEC1_HEAD + scalar + _SEC1_TAIL)

    def sign(self, handle: Sm2Handle, message: bytes, user_id: bytes) -> bytes:
        assert isinstance(handle, _PKey)
        library = self._library
        context = library.EVP_MD_CTX_new()
        try:
            self._start(library.EVP_DigestSignInit, context, handle, user_id)
            length = c_size_t(_DER_SIGNATURE_MAX)
            out = ctypes.create_string_buffer(_DER_SIGNATURE_MAX)
            if library.EVP_DigestSign(context, out, byref(length), message, len(message)) != 1:
                library.ERR_clear_error()
                raise SignatureError("libcrypto could not sign")
            return raw_from_der(out.raw[: length.value])
        finally:
            library.EVP_MD_CTX_free(context)

    def sign_digest(self, handle: Sm2Handle, digest: bytes) -> bytes:
        library = self._library
        der = self._once(library.EVP_PKEY_sign_init, library.EVP_PKEY_sign, handle, digest, _DER_SIGNATURE_MAX)
        if der is None:
            raise SignatureError("libcrypto could not sign")
        return raw_from_der(der)

    def verify(self, handle: Sm2Handle, message: bytes, signature: bytes, user_id: bytes) -> bool:
        assert isinstance(handle, _PKey)
        library = self._library
        der = der_from_raw(signature)
        context = library.EVP_MD_CTX_new()
        try:
            self._start(library.EVP_DigestVerifyInit, context, handle, user_id)
            good: bool = library.EVP_DigestVerify(context, der, len(der), message, len(message)) == 1
            if not good:
                library.ERR_clear_error()
            return good
        finally:
            library.EVP_MD_CTX_free(context)

    def encrypt(self, handle: Sm2Handle, plain: bytes) -> bytes:
        library, room = self._library, len(plain) + _DER_CIPHER_EXTRA
        der = self._once(library.EVP_PKEY_encrypt_init, library.EVP_PKEY_encrypt, handle, plain, room)
        if der is None:
            raise Sm2MissingError("libcrypto could not encrypt")
        return raw_from_cipher(der)

    def decrypt(self, handle: Sm2Handle, cipher: bytes) -> bytes:
        library, der = self._library, der_from_cipher(cipher)
        # C1 on the curve and C3 = SM3(x2 || M || y2) are libcrypto's to check (GB/T 32918.4 clause 7).
        plain = self._once(library.EVP_PKEY_decrypt_init, library.EVP_PKEY_decrypt, handle, der, len(der))
        if plain is None:
            raise EnvelopeError("not encrypted for this key")
        return plain

    def new_scalar(self) -> bytes:
        # EVP_PKEY_Q_keygen(libctx, propq, "SM2"): the type is variadic, so argtypes stay open.
        pointer = self._library.EVP_PKEY_Q_keygen(c_void_p(None), c_char_p(None), c_char_p(b"SM2"))
        if not pointer:
            self._library.ERR_clear_error()
            raise Sm2MissingError("libcrypto could not make an SM2 key")
        try:
            return _number(self._library, pointer, b"priv")
        finally:
            self._library.EVP_PKEY_free(pointer)

    def _once(self, init: object, work: object, handle: Sm2Handle, data: bytes, room: int) -> bytes | None:
        """One EVP_PKEY operation with one key: its output of at most `room` bytes, None when libcrypto refuses."""
        assert isinstance(handle, _PKey) and callable(init) and callable(work)
        library = self._library
        context = library.EVP_PKEY_CTX_new(handle.pointer, None)
        try:
            length, out = c_size_t(room), ctypes.create_string_buffer(room)
            if init(context) != 1 or work(context, out, byref(length), data, len(data)) != 1:
                library.ERR_clear_error()
                return None
            return out.raw[: length.value]
        finally:
            library.EVP_PKEY_CTX_free(context)

    def _load(self, decode: object, der: bytes) -> _PKey:
        assert callable(decode)
        cursor = c_char_p(der)
        pointer = decode(None, byref(cursor), len(der))
        if not pointer:
            self._library.ERR_clear_error()
            raise PublicKeyError("not an SM2 key")
        return _PKey(self._library, pointer)

    def _start(self, init: object, context: int, handle: _PKey, user_id: bytes) -> None:
        assert callable(init)
        key_context = c_void_p()
        started = init(context, byref(key_context), self._digest, None, handle.pointer)
        # ZA = SM3(ENTL || ID || a || b || G || P), GB/T 32918.2 clause 5.5: the id must be set before the first byte.
        if started != 1 or self._library.EVP_PKEY_CTX_set1_id(key_context, user_id, len(user_id)) != 1:
            self._library.ERR_clear_error()
            raise Sm2MissingError("this libcrypto does not do SM2 with SM3")


def _number(library: ctypes.CDLL, pointer: int, name: bytes) -> bytes:
    """One number of a key ("qx", "qy", "priv") as 32 bytes."""
    number = c_void_p()
    out = ctypes.create_string_buffer(HALF)
    found = library.EVP_PKEY_get_bn_param(pointer, name, byref(number)) == 1
    written = library.BN_bn2binpad(number, out, HALF) if found else -1
    library.BN_clear_free(number)
    if written != HALF:
        library.ERR_clear_error()
        raise PublicKeyError("libcrypto does not show this key's numbers")
    return out.raw


def der_from_raw(signature: bytes) -> bytes:
    """DER SEQUENCE{r, s} of 64 raw bytes; numbers are minimal, so exactly one encoding exists."""
    body = _der_integer(signature[:HALF]) + _der_integer(signature[HALF:])
    return b"\x30" + bytes([len(body)]) + body


def raw_from_der(der: bytes) -> bytes:
    """64 raw bytes of a DER SEQUENCE{r, s}; SignatureError for anything but the one minimal encoding."""
    try:
        r_end = 4 + der[3]
        raw = _fit(der[4:r_end]) + _fit(der[r_end + 2 :])
    except (IndexError, OverflowError) as error:
        raise SignatureError("signature is not DER") from error
    if der_from_raw(raw) != der:
        raise SignatureError("signature is not minimal DER")
    return raw


def _fit(number: bytes) -> bytes:
    return int.from_bytes(number).to_bytes(HALF)


def _der_integer(number: bytes) -> bytes:
    minimal = number.lstrip(b"\x00") or b"\x00"
    if minimal[0] & 0x80:
        minimal = b"\x00" + minimal
    return b"\x02" + bytes([len(minimal)]) + minimal
