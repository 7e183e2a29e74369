"""Scanner and barrier over real ttys, camera over real pictures."""

import io
import threading
import time
from pathlib import Path

import pytest
import segno
from PIL import Image, ImageFilter

from firmware_sim.gate import SimGate
from firmware_sim.phone import Look, save_screen, screen_picture
from firmware_sim.scanner import SimScanner
from keys.algorithms.sm3 import sm3
from terminal.camera.camera import Camera
from terminal.camera.second_opinion import second_opinion
from terminal.camera.zxing import ZxingReader
from terminal.errors import BarrierError, PictureUnreadableError, ScannerLostError
from terminal.gate.modbus_relay import ModbusLine, ModbusRelay
from terminal.scanner.serial_scanner import SerialScanner


def binary_code(area: int = 12) -> bytes:
    """Bytes of a code's frame, full of what breaks text lines."""
    body = b"".join(sm3(bytes([n])) for n in range(12))[: 329 + area - 4] + b"\r\n\x00\x03"
    return b"\x81" + len(body).to_bytes(2, "big") + body


# ---- scanner --------------------------------------------------------------------------------------------------------


@pytest.fixture
def scanner() -> SimScanner:
    return SimScanner()


@pytest.mark.parametrize(("chunk", "pause_s"), [(1024, 0.0), (64, 0.005), (7, 0.0), (1, 0.0)])
def test_raw_binary_arrives_whole(scanner: SimScanner, chunk: int, pause_s: float) -> None:
    line = SerialScanner(scanner.port)
    code = binary_code()
    player = threading.Thread(target=scanner.play, args=(code,), kwargs={"chunk": chunk, "pause_s": pause_s})
    player.start()
    assert line.scan(2_000) == code
    player.join()
    assert line.scan(0) is None


def test_two_codes_back_to_back_stay_two(scanner: SimScanner) -> None:
    line = SerialScanner(scanner.port)
    first, second = binary_code(12), binary_code(0)
    scanner.play(first + second)
    assert line.scan(1_000) == first
    assert line.scan(1_000) == second


def test_a_text_code_ends_by_the_gap(scanner: SimScanner) -> None:
    line = SerialScanner(scanner.port)
    scanner.play(b"0123456789")
    assert line.scan(1_000) == b"0123456789"


def test_a_torn_frame_does_not_poison_the_next(scanner: SimScanner) -> None:
    line = SerialScanner(scanner.port)
    code = binary_code()
    scanner.play(code[:100])
    assert line.scan(1_000) == code[:100]
    scanner.play(code)
    assert line.scan(1_000) == code


def test_line_time_at_9600_baud_is_why_115200_is_required() -> None:
    slow = SimScanner(baud=9_600, paced=True)
    line = SerialScanner(slow.port, gap_s=1.0)  # a busy machine may keep the sender waiting
    player = threading.Thread(target=slow.play, args=(binary_code(),), kwargs={"chunk": 16})
    begun = time.monotonic()
    player.start()
    assert line.scan(2_000) == binary_code()
    player.join()
    assert time.monotonic() - begun > len(binary_code()) * 10 / 9_600


def test_an_unplugged_scanner_is_named(scanner: SimScanner) -> None:
    line = SerialScanner(scanner.port)
    scanner.unplug()
    with pytest.raises(ScannerLostError):
        line.scan(500)
    with pytest.raises(ScannerLostError):
        SerialScanner("/dev/does-not-exist")


# ---- barrier --------------------------------------------------------------------------------------------------------


@pytest.fixture
def gate():
    gate = SimGate()
    yield gate
    gate.close()


def test_the_relay_obeys_and_tells(gate: SimGate) -> None:
    line = ModbusLine(gate.port)
    barrier = ModbusRelay(line)
    barrier.shut()
    assert barrier.is_open() is False
    barrier.open()
    assert barrier.is_open() is True and gate.is_on()
    barrier.shut()
    assert gate.moves == [(0, False), (0, True), (0, False)]
    line.close()


def test_two_coils_are_two_barriers(gate: SimGate) -> None:
    line = ModbusLine(gate.port)
    first, second = ModbusRelay(line, coil=0), ModbusRelay(line, coil=1)
    second.open()
    assert (first.is_open(), second.is_open()) == (False, True)
    first.open()
    second.shut()
    assert (first.is_open(), second.is_open()) == (True, False)
    assert gate.moves == [(1, True), (0, True), (1, False)]
    line.close()


def test_a_jammed_board_and_a_missing_one_are_barrier_errors(gate: SimGate) -> None:
    line = ModbusLine(gate.port)
    barrier = ModbusRelay(line)
    gate.jammed = True
    with pytest.raises(BarrierError):
        barrier.open()
    assert not gate.is_on()
    line.close()
    with pytest.raises(BarrierError):
        ModbusRelay(ModbusLine(gate.port, timeout_s=0.1), unit=9).open()
    with pytest.raises(BarrierError):
        ModbusRelay(ModbusLine("/dev/does-not-exist")).open()


# ---- camera ---------------------------------------------------------------------------------------------------------

LOOKS = [Look(), Look(tilt_deg=12), Look(tilt_deg=-35), Look(brightness=0.5), Look(scale=0.5), Look(scale=0.35)]


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_binary_codes_come_back_exactly(tmp_path: Path, look: Look) -> None:
    code = binary_code()
    assert Camera(ZxingReader()).read_file(save_screen(tmp_path / "phone.png", code, look=look)) == code


def test_a_blurred_screen_still_reads() -> None:
    code = binary_code()
    picture = screen_picture(code, look=Look(scale=0.6)).filter(ImageFilter.GaussianBlur(1.5))
    assert Camera(ZxingReader()).read(picture.convert("L")) == code


def test_no_code_and_two_codes_and_no_picture(tmp_path: Path) -> None:
    camera = Camera(ZxingReader(), second_opinion())
    blank = tmp_path / "blank.png"
    Image.new("RGB", (400, 400), "white").save(blank)
    with pytest.raises(PictureUnreadableError):
        camera.read_file(blank)
    two = Image.new("RGB", (2160, 2160), "white")
    two.paste(screen_picture(b"\x81first"), (0, 0))
    two.paste(screen_picture(b"\x81second"), (1080, 0))
    with pytest.raises(PictureUnreadableError):
        camera.read(two.convert("L"))
    (tmp_path / "no.png").write_bytes(b"not a picture")
    with pytest.raises(PictureUnreadableError):
        camera.read_file(tmp_path / "no.png")


class _Blind:
    """A first decoder that sees nothing."""

    def read(self, picture: Image.Image) -> list[bytes]:
        return []


def _picture(code: bytes) -> Image.Image:
    buffer = io.BytesIO()
    segno.make_qr(code, mode="byte").save(buffer, kind="png", scale=6)
    return Image.open(buffer).convert("L")


def test_the_second_opinion_is_believed_for_ascii_only() -> None:
    second = second_opinion()
    if second is None:
        pytest.skip("libzbar0 is not installed")
    camera = Camera(_Blind(), second)
    assert camera.read(_picture(b"ONECARD-60S-TOKEN")) == b"ONECARD-60S-TOKEN"
    with pytest.raises(PictureUnreadableError):
        camera.read(_picture(binary_code()))


def test_both_decoders_agree_on_binary_once_re_encoded() -> None:
    """pyzbar gives UTF-8 of a Latin-1 guess; taking that back must give zxing-cpp's bytes (contract §6)."""
    second = second_opinion()
    if second is None:
        pytest.skip("libzbar0 is not installed")
    code = binary_code()
    [exact] = ZxingReader().read(_picture(code))
    [guess] = second.read(_picture(code))
    assert exact == code and guess.decode("utf-8").encode("latin-1") == code
