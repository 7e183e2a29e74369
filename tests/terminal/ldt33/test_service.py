"""The local service: who may call, one caller at a time, and every frame that is none."""

import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from firmware_sim.rack import DirectRack
from terminal.config import Ldt33Config
from terminal.ldt33.codes import Code
from terminal.ldt33.dialect import built_in
from terminal.ldt33.frames import MAGIC, NONCE, PROOF, TOKEN, Request, build_request, parse_request, proof
from terminal.ldt33.library import Ldt33Library
from terminal.ldt33.pinpad import NoPinPad
from terminal.ldt33.service import CALLERS_MAX, Service, ServiceError
from terminal.ldt33.visit import Desk
from tests.terminal.ldt33.bench import Bench, BenchSlots

BASIC = Request("iReadCardBas", (1,))


class Caller:
    """A client written from the page, in Python."""

    def __init__(self, service: Service, token: bytes | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", service.address.port), 5)
        hello = self.take(len(MAGIC) + NONCE)
        assert hello.startswith(MAGIC)
        nonce, secret = bytes(range(NONCE)), token or service.address.token
        self.socket.sendall(nonce + proof(secret, b"C", hello[len(MAGIC) :], nonce))
        self.welcome = self.take(PROOF, cut_off_is_empty=True)
        self.expected = proof(secret, b"S", hello[len(MAGIC) :], nonce)

    def take(self, length: int, *, cut_off_is_empty: bool = False) -> bytes:
        found = b""
        while len(found) < length:
            part = self.socket.recv(length - len(found))
            if not part:
                assert cut_off_is_empty, "the service hung up"
                return b""
            found += part
        return found

    def call(self, request: Request) -> tuple[int, str]:
        self.socket.sendall(build_request(request))
        body = self.take(int.from_bytes(self.take(4), "big"))
        assert len(body) == 8 + int.from_bytes(body[4:8], "big")
        return int.from_bytes(body[:4], "big", signed=True), body[8:].decode("gb18030")

    def hung_up(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


@contextmanager
def running(library: Ldt33Library, folder: Path, busy_s: float = 0.3) -> Iterator[Service]:
    service = Service(library, SeededEntropy(3, "service"), folder / "token", busy_s)
    thread = threading.Thread(target=service.serve)
    thread.start()
    try:
        yield service
    finally:
        service.close()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service whose reader is empty."""
    slots = BenchSlots(DirectRack(SeededEntropy(1)).reader("card"), None, None)
    library = Ldt33Library(Desk(Ldt33Config(), built_in(), slots, NoPinPad(), SeededEntropy(2), lambda: 0.0))
    with running(library, tmp_path) as made:
        yield made


def test_both_sides_prove_the_token_and_calls_are_answered(service: Service) -> None:
    caller = Caller(service)
    assert caller.welcome == caller.expected
    assert caller.call(BASIC) == (Code.NO_CARD, "")
    assert caller.call(Request("iNoSuch", ())) == (Code.NOT_SUPPORTED, "")
    assert caller.call(Request("iReadCardBas", ("1",))) == (Code.BAD_PARAMETER, "")
    caller.close()


def test_who_has_not_read_the_token_is_not_answered(service: Service) -> None:
    stranger = Caller(service, bytes(TOKEN))
    assert stranger.welcome == b""
    assert stranger.hung_up()


def test_the_token_file_is_the_users_alone_and_ends_with_the_service(tmp_path: Path) -> None:
    slots = BenchSlots(None, None, None)
    library = Ldt33Library(Desk(Ldt33Config(), built_in(), slots, NoPinPad(), SeededEntropy(2), lambda: 0.0))
    with running(library, tmp_path / "deep") as made:
        file = tmp_path / "deep" / "token"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert file.read_text() == f"onecard-ldt33 1\nport {made.address.port}\ntoken {made.address.token.hex()}\n"
    assert not file.exists()


def test_a_service_that_cannot_listen_or_write_says_so(service: Service, tmp_path: Path) -> None:
    library = Ldt33Library(
        Desk(Ldt33Config(), built_in(), BenchSlots(None, None, None), NoPinPad(), SeededEntropy(2), lambda: 0.0)
    )
    with pytest.raises(ServiceError, match="port"):
        Service(library, SeededEntropy(4), tmp_path / "other", 1, service.address.port)
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="file"):
        Service(library, SeededEntropy(4), tmp_path / "file" / "token", 1)


def _shorter(raw: bytes) -> bytes:
    return (len(raw) - 4 - 3).to_bytes(4, "big") + raw[4:-3]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: b"\xff\xff\xff\xff" + raw[4:],
        lambda raw: b"\x00\x00\x00\x00",
        lambda raw: (len(raw) - 4 + 2).to_bytes(4, "big") + raw[4:] + b"zz",
        _shorter,
        lambda raw: raw[:4] + b"\xff" + raw[5:],
        lambda raw: raw.replace(b"i\0\0\0\1", b"x\0\0\0\1"),
        lambda raw: raw.replace(b"\x01i\0\0\0\1", b"\xffi\0\0\0\1"),
        lambda raw: raw.replace(b"iRead", b"\xffRead"),
    ],
)
def test_what_is_no_frame_ends_the_connection_only(service: Service, spoil: Callable[[bytes], bytes]) -> None:
    caller = Caller(service)
    caller.socket.sendall(spoil(build_request(BASIC)))
    with suppress(OSError):  # hung up before we could
        caller.socket.shutdown(socket.SHUT_WR)
    assert caller.hung_up()
    again = Caller(service)
    assert again.call(BASIC)[0] == Code.NO_CARD
    again.close()


def test_text_that_is_no_gbk_is_an_illegal_character(service: Service) -> None:
    caller = Caller(service)
    body = build_request(Request("iReadCardBas_HSM_Step2", ("xy",)))
    caller.socket.sendall(body.replace(b"xy", b"\xff\xff"))
    head = caller.take(4)
    assert int.from_bytes(caller.take(int.from_bytes(head, "big"))[:4], "big", signed=True) == Code.BAD_CHARACTER
    caller.close()


def test_callers_beyond_the_limit_are_turned_away(service: Service) -> None:
    seated = [Caller(service) for _ in range(CALLERS_MAX)]
    with pytest.raises((AssertionError, ConnectionError)):
        Caller(service)
    for caller in seated:
        caller.close()


def test_strangers_who_say_nothing_keep_nobody_out(service: Service) -> None:
    silent = [socket.create_connection(("127.0.0.1", service.address.port), 5) for _ in range(3 * CALLERS_MAX)]
    caller = Caller(service)
    assert caller.call(BASIC)[0] == Code.NO_CARD
    for stranger in (*silent, caller):
        stranger.close()


def test_requests_come_back_as_they_were_sent() -> None:
    request = Request("iWriteCard", (-7, "卡|号", "", "㙘", 2**31 - 1))
    assert parse_request(build_request(request)[4:]) == request


def test_between_two_steps_the_reader_is_one_callers(bench: Bench, tmp_path: Path) -> None:
    with running(bench.library, tmp_path) as made:
        first, second = Caller(made), Caller(made)
        code, text = first.call(Request("iReadCardBas_HSM_Step1", (1,)))
        assert code == Code.OK
        assert second.call(Request("iVerifyPIN", (1,)))[0] == Code.READER
        assert second.call(Request("iReadCardBas_HSM_Step2", ("x|",)))[0] == Code.READER
        assert first.call(Request("iReadCardBas_HSM_Step2", (bench.hsm.basic(text),)))[0] == Code.OK
        assert second.call(BASIC)[0] == Code.OK
        first.call(Request("iReadCardBas_HSM_Step1", (1,)))
        first.close()
        assert _eventually(lambda: second.call(BASIC)[0] == Code.OK), "who goes away gives the reader back"
        second.close()


def _eventually(question: Callable[[], bool]) -> bool:
    return any(question() for _ in range(10))
