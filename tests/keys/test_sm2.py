"""SM2 at our boundary: one contract for every library, others on both sides, the openssl program as witness."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import gmalg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.algorithms import sm2_gmalglib
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey, choose_backend, generate_sm2
from keys.algorithms.sm2_backend import (
    DEFAULT_ID,
    EXAMPLE_MESSAGE,
    EXAMPLE_POINT,
    EXAMPLE_SCALAR,
    EXAMPLE_SIGNATURE,
    ORDER,
    Sm2Backend,
    Sm2Handle,
    self_test,
)
from keys.algorithms.sm2_gmalglib import GmalglibSm2
from keys.algorithms.sm2_openssl import OpenSslSm2, der_from_raw, raw_from_der
from keys.errors import KeysError, PublicKeyError, SignatureError, Sm2MissingError, Sm2SelfTestError
from tests.keys.oracle import gmalg_signs, gmalg_verifies
from tests.required import missing

SPKI_HEAD = bytes.fromhex("3059301306072A8648CE3D020106082A811CCF5501822D03420004")


@pytest.fixture(params=["openssl", "gmalglib"])
def backend(request: pytest.FixtureRequest) -> Iterator[Sm2Backend]:
    if request.param == "openssl":
        yield OpenSslSm2.open()
        return
    if not sm2_gmalglib.available():
        missing("tools", "gmalglib is not installed")
    yield GmalglibSm2()


def test_a_library_passes_the_standards_example(backend: Sm2Backend) -> None:
    assert self_test(backend) == ""


def test_every_form_of_a_public_key_is_the_same_key(backend: Sm2Backend) -> None:
    key = generate_sm2(backend).public
    forms = (key.raw(), key.compressed(), b"\x04" + key.raw())
    assert {Sm2PublicKey.from_bytes(form, backend) for form in forms} == {key}


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        bytes(64),
        b"\x04" + bytes(64),
        b"\x02" + b"\xff" * 32,
        b"\x04" + b"\x01" * 64,
        b"\x06" + EXAMPLE_POINT,
        b"\x05" + EXAMPLE_POINT[:32],
        EXAMPLE_POINT + b"\x00",
        EXAMPLE_POINT[:-1] + bytes([EXAMPLE_POINT[-1] ^ 1]),
    ],
    ids=["empty", "zero", "zero 04", "x over p", "off curve", "hybrid", "05", "trailing", "y changed"],
)
def test_a_bad_public_key_is_refused(backend: Sm2Backend, encoded: bytes) -> None:
    with pytest.raises(PublicKeyError):
        Sm2PublicKey.from_bytes(encoded, backend)


@pytest.mark.parametrize(
    "scalar", [bytes(32), ORDER.to_bytes(32), (ORDER - 1).to_bytes(32), b"\x01" * 31, b"\xff" * 32]
)
def test_a_bad_scalar_is_refused(backend: Sm2Backend, scalar: bytes) -> None:
    with pytest.raises(PublicKeyError):
        Sm2PrivateKey.from_scalar(scalar, backend)


@pytest.mark.parametrize("scalar", [(1).to_bytes(32), (ORDER - 2).to_bytes(32)])
def test_the_ends_of_the_range_are_keys(backend: Sm2Backend, scalar: bytes) -> None:
    key = Sm2PrivateKey.from_scalar(scalar, backend)
    key.public.verify(b"m", key.sign(b"m"))


def test_a_changed_signature_or_message_is_refused(backend: Sm2Backend) -> None:
    key = generate_sm2(backend)
    signature = key.sign(b"message")
    key.public.verify(b"message", signature)
    s = int.from_bytes(signature[32:])
    bad = {
        "n - s": signature[:32] + (ORDER - s).to_bytes(32),
        "trailing": signature + b"\x00",
        "short": signature[:-1],
        "r zero": bytes(32) + signature[32:],
        "s zero": signature[:32] + bytes(32),
        "r is n": ORDER.to_bytes(32) + signature[32:],
        "t zero": signature[:32] + (ORDER - int.from_bytes(signature[:32])).to_bytes(32),
        "der": der_from_raw(signature),
    }
    for name, changed in bad.items():
        with pytest.raises(SignatureError):
            key.public.verify(b"message", changed)
        assert not key.public.accepts(b"message", changed), name
    assert not key.public.accepts(b"messagE", signature)
    assert not key.public.accepts(b"message", signature, b"another id")


def test_what_one_library_signs_every_other_verifies(backend: Sm2Backend) -> None:
    key = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR, backend)
    signature = key.sign(b"across")
    assert gmalg_verifies(key.public.raw(), b"across", signature)
    assert Sm2PublicKey.from_bytes(key.public.raw()).accepts(b"across", signature)
    assert key.public.accepts(b"across", gmalg_signs(EXAMPLE_SCALAR, b"across"))
    assert key.public.accepts(b"across", Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR).sign(b"across"))


def test_a_digest_made_elsewhere_is_signed_as_the_message_would_be(backend: Sm2Backend) -> None:
    """GB/T 32918.5 annex A: e of the example, known from its text, for the example's message."""
    key = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR, backend)
    e = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
    signature = key.sign_digest(e)
    assert gmalg_verifies(key.public.raw(), EXAMPLE_MESSAGE, signature)
    assert not gmalg_verifies(key.public.raw(), b"another", signature)
    with pytest.raises(ValueError, match="32 bytes"):
        key.sign_digest(e[:31])


@settings(max_examples=15, deadline=None)
@given(message=st.binary(max_size=400), user_id=st.binary(min_size=1, max_size=40))
def test_any_message_under_any_id_crosses_to_gmalg_and_back(message: bytes, user_id: bytes) -> None:
    key = generate_sm2()
    assert gmalg_verifies(key.public.raw(), message, key.sign(message, user_id), user_id)
    other = gmalg.SM2(uid=user_id)
    scalar = bytes(other.generate_keypair()[0]).rjust(32, b"\x00")
    public = Sm2PrivateKey.from_scalar(scalar).public
    assert public.accepts(message, gmalg_signs(scalar, message, user_id), user_id)


def test_the_openssl_program_verifies_our_signature(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("tools", "no openssl program")
    assert openssl is not None
    key = generate_sm2()
    (tmp_path / "key.der").write_bytes(SPKI_HEAD + key.public.raw())
    (tmp_path / "message").write_bytes(b"for everybody")
    (tmp_path / "good").write_bytes(der_from_raw(key.sign(b"for everybody")))
    (tmp_path / "bad").write_bytes(der_from_raw(key.sign(b"for nobody")))
    assert _openssl_accepts(openssl, tmp_path, "good")
    assert not _openssl_accepts(openssl, tmp_path, "bad")


def _openssl_accepts(openssl: str, folder: Path, signature: str) -> bool:
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin"]
    command += ["-digest", "sm3", "-in", "message", "-sigfile", signature, "-pkeyopt", f"distid:{DEFAULT_ID.decode()}"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


@given(st.binary(min_size=64, max_size=64))
def test_der_and_raw_are_inverse(raw: bytes) -> None:
    assert raw_from_der(der_from_raw(raw)) == raw


@pytest.mark.parametrize(
    "der", [b"", b"\x30\x00", b"\x30\x06\x02\x01\x01\x02\x01", b"\x30\x07\x02\x02\x00\x01\x02\x01\x01"]
)
def test_other_der_is_refused(der: bytes) -> None:
    with pytest.raises(SignatureError):
        raw_from_der(der)


class _WrongLibrary(OpenSslSm2):
    """A library that says yes to everything."""

    name = "yes"

    def verify(self, handle: Sm2Handle, message: bytes, signature: bytes, user_id: bytes) -> bool:
        return True


def _absent() -> Sm2Backend:
    raise Sm2MissingError("not here")


def test_a_library_that_computes_wrongly_is_refused_not_replaced() -> None:
    wrong = _WrongLibrary.open()
    with pytest.raises(Sm2SelfTestError, match="other message refused"):
        choose_backend([lambda: wrong, OpenSslSm2.open])


def test_an_absent_library_is_replaced_and_said_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose_backend([_absent, OpenSslSm2.open]).name == "openssl"
    assert "falls back to openssl" in capsys.readouterr().err
    with pytest.raises(Sm2MissingError):
        choose_backend([_absent])


def test_a_machine_without_libcrypto_says_so() -> None:
    with pytest.raises(Sm2MissingError):
        OpenSslSm2.open("libcrypto.so.none")


def test_a_private_key_shows_only_its_public_half(backend: Sm2Backend) -> None:
    key = Sm2PrivateKey.from_scalar(EXAMPLE_SCALAR, backend)
    for text in (repr(key), str(key), f"{key}", repr(backend.load_private(EXAMPLE_SCALAR))):
        assert EXAMPLE_SCALAR.hex() not in text.lower() and repr(EXAMPLE_SCALAR) not in text
    with pytest.raises(KeysError):
        key.__reduce__()


def test_the_example_signature_is_the_standards(backend: Sm2Backend) -> None:
    Sm2PublicKey.from_bytes(EXAMPLE_POINT, backend).verify(EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE)
