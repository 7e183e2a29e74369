"""Racks: slots by name, direct and behind the daemon; nothing is left behind, even after a murder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from card.domain.entropy import SeededEntropy
from card.errors import CardLostError, NoCardError
from firmware_sim import daemon
from firmware_sim.card.chip import load_card, make_blank
from firmware_sim.card.factory import Order, TwinFactory
from firmware_sim.card.faults import Fault
from firmware_sim.control import ControlServer, ask
from firmware_sim.daemon import find_programs, listening_sockets, reader_name
from firmware_sim.errors import DaemonNotInstalledError, DaemonStartError, NotIsolatedError, SlotError
from firmware_sim.rack import SOCKET_VARIABLE, DirectRack, PcscRack
from keys.centre import KeyCentre
from keys.hsm_software import SoftwareHsm
from tests.firmware_sim.chips import BATCH, TRANSPORT
from tests.required import missing

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "0100007F"
BLANK = ("ssc-2.00", "tunion")


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    return make_blank(tmp_path / "blank.chip", BLANK, TRANSPORT, BATCH)


@pytest.fixture
def direct() -> Iterator[DirectRack]:
    rack = DirectRack(SeededEntropy(1))
    yield rack
    rack.close()


def test_direct_slot_life(direct: DirectRack, chip: Path) -> None:
    reader = direct.reader("bus-card")
    assert not reader.card_present()
    assert not reader.wait(present=True, timeout_ms=0)
    with pytest.raises(NoCardError):
        reader.connect()
    direct.insert("bus-card", chip)
    assert reader.wait(present=True, timeout_ms=0)
    assert reader.connect().transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
    with pytest.raises(SlotError):
        direct.insert("bus-card", make_blank(chip.with_name("two.chip"), BLANK, TRANSPORT, BATCH))
    direct.eject("bus-card")
    direct.eject("bus-card")
    load_card(chip, SeededEntropy(1)).close()


def test_a_closed_channel_leaves_no_right_behind(direct: DirectRack, tmp_path: Path) -> None:
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"rack tests seed 1", "test")), SeededEntropy(1))
    factory.card(tmp_path / "twin.chip", Order(1))
    direct.insert("kiosk-card", tmp_path / "twin.chip")
    first = direct.reader("kiosk-card").connect()
    first.transmit(bytes.fromhex("00A4000002DDF1"))
    assert first.transmit(bytes.fromhex("0020000003654321")) == b"\x90\x00"
    first.close()
    second = direct.reader("kiosk-card").connect()
    second.transmit(bytes.fromhex("00A4000002DF01"))
    assert second.transmit(bytes.fromhex("00B2012C04")) == bytes.fromhex("6982")


def test_private_copy_of_the_daemon_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "SYSTEM_ROOT", tmp_path / "nothing")
    with pytest.raises(DaemonNotInstalledError):
        find_programs(tmp_path / "local")
    (tmp_path / "local/usr/sbin").mkdir(parents=True)
    (tmp_path / "local/usr/sbin/pcscd").touch()
    (tmp_path / "local/usr/lib/pcsc/drivers/serial").mkdir(parents=True)
    (tmp_path / "local/usr/lib/pcsc/drivers/serial/libifdvpcd.so.0.8").touch()
    (tmp_path / "local/usr/lib/x86_64-linux-gnu").mkdir()
    found = find_programs(tmp_path / "local")
    assert found.driver.name == "libifdvpcd.so.0.8"
    assert str(tmp_path / "local/usr/lib/x86_64-linux-gnu") in found.library_path


def test_no_isolation_is_a_refusal_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotIsolatedError):
        daemon.choose_isolation(tmp_path)
    assert daemon.choose_isolation(tmp_path, allow_open=True) == "open"


def test_the_daemons_own_folder_need_not_be_makeable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user on a machine where no system daemon ever ran: nobody can make a folder in /proc either."""
    fixed = Path("/proc/onecard")
    monkeypatch.setattr(daemon, "FIXED_FOLDER", fixed)
    assert daemon.choose_isolation(tmp_path, allow_open=True) in ("shim", "namespace", "open")
    make = [sys.executable, "-c", f"import os; os.mkdir('{fixed}')"]
    if daemon.shim_path(tmp_path).exists():
        environment = {"LD_PRELOAD": str(daemon.shim_path(tmp_path))}
        done = subprocess.run(make, env=environment, capture_output=True, text=True, check=False)
        assert "FileExistsError" in done.stderr
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "mount -t tmpfs tmpfs /proc" in " ".join(daemon.namespace_command())
    monkeypatch.setattr(daemon, "FIXED_FOLDER", tmp_path)
    assert daemon.namespace_command()[1:] == ["-rn"]


@pytest.mark.pcsc
def test_every_slot_holds_its_own_card(pcsc_rack: PcscRack, tmp_path: Path) -> None:
    """Two reader entries with one library would both answer from the last card."""
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"rack tests seed 1", "test")), SeededEntropy(1))
    slots = pcsc_rack.layout[:6]
    for number, slot in enumerate(slots, start=1):
        factory.card(tmp_path / f"{slot}.chip", Order(number))
        pcsc_rack.insert(slot, tmp_path / f"{slot}.chip")
    channels = [pcsc_rack.reader(slot).connect() for slot in slots]
    assert [channel.atr[-1] for channel in channels] == [1, 2, 3, 4, 5, 6]
    for channel in channels:
        channel.close()


@pytest.mark.pcsc
def test_driver_listens_on_loopback_only(pcsc_rack: PcscRack) -> None:
    children = Path(f"/proc/{pcsc_rack.pid}/task/{pcsc_rack.pid}/children").read_text("ascii").split()
    assert children
    found = [address for pid in children for address in listening_sockets(int(pid)).values()]
    assert len(found) == 16
    assert set(found) == {LOOPBACK}


@pytest.mark.pcsc
@pytest.mark.parametrize("disarmed", [False, True])
def test_a_fault_happens_unless_it_is_forgotten(pcsc_rack: PcscRack, chip: Path, disarmed: bool) -> None:
    pcsc_rack.fault("kiosk-card", Fault("drop_answer", 0x84))
    if disarmed:
        pcsc_rack.disarm("kiosk-card")
    pcsc_rack.insert("kiosk-card", chip)
    channel = pcsc_rack.reader("kiosk-card").connect()
    if disarmed:
        assert channel.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
    else:
        with pytest.raises(CardLostError):
            channel.transmit(bytes.fromhex("0084000008"))
    channel.close()


@pytest.mark.pcsc
def test_a_swap_over_the_control_socket_is_seen_as_one_card_gone_and_another_come(
    pcsc_rack: PcscRack, tmp_path: Path
) -> None:
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"rack tests seed 1", "test")), SeededEntropy(1))
    files = [tmp_path / f"{number}.chip" for number in (1, 2)]
    for number, path in enumerate(files, start=1):
        factory.card(path, Order(number))
    pcsc_rack.insert("counter-card", files[0])
    reader = pcsc_rack.reader("counter-card")
    held = reader.connect()
    ask(pcsc_rack.control, {"do": "swap", "slot": "counter-card", "chip": str(files[1])})
    with pytest.raises(CardLostError):  # a session never goes on with another chip
        held.transmit(bytes.fromhex("0084000008"))
    assert reader.wait(present=True, timeout_ms=5_000)
    fresh = reader.connect()
    assert fresh.atr[-1] == 2
    fresh.close()


@pytest.mark.pcsc
def test_refusals_come_back_over_the_control_socket(pcsc_rack: PcscRack, chip: Path, tmp_path: Path) -> None:
    with pytest.raises(SlotError, match="no slot"):
        pcsc_rack.fault("nowhere", Fault("drop_answer", 0x54))
    with pytest.raises(SlotError):
        pcsc_rack.reader("nowhere")
    with pytest.raises(SlotError, match="E-CHIP-FILE"):
        pcsc_rack.insert("bus-card", tmp_path / "none.chip")
    pcsc_rack.insert("bus-card", chip)
    with pytest.raises(SlotError, match="taken"):
        pcsc_rack.insert("bus-card", chip)
    with pytest.raises(SlotError, match="E-CHIP"):
        pcsc_rack.insert("hotel-card", chip)


@pytest.mark.pcsc
def test_one_rack_at_a_time_in_a_process(pcsc_rack: PcscRack, tmp_path: Path) -> None:
    with pytest.raises(DaemonStartError, match="already answers"):
        PcscRack(["bus-card"], tmp_path / "other")
    assert os.environ[SOCKET_VARIABLE] == str(pcsc_rack.socket)


def start_sim(tmp_path: Path, *options: str) -> tuple["subprocess.Popen[str]", dict[str, object]]:
    environment = {name: value for name, value in os.environ.items() if name != SOCKET_VARIABLE}
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "onecard.py"), "sim", "up", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate(timeout=10)
        if "E-SIM-NO-DAEMON" in errors or "E-PCSC" in errors:
            missing("pcsc", errors.splitlines()[-1])
        pytest.fail(errors)
    return process, json.loads(line)


def family(pid: int) -> list[int]:
    """`pid` and every process below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text("ascii").split():
            found += family(int(child))
    return found


def eventually(holds: Callable[[], bool], seconds: float = 8.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def command(tmp_path: Path, environment: object, *words: str) -> "subprocess.CompletedProcess[str]":
    assert isinstance(environment, dict)
    return subprocess.run(
        [sys.executable, str(ROOT / "onecard.py"), *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **environment},
        timeout=30,
        check=False,
    )


@pytest.mark.pcsc
def test_sim_up_prints_its_line_serves_and_ends_cleanly(tmp_path: Path) -> None:
    process, line = start_sim(tmp_path, "--cards", "2", "--psams", "1")
    readers = line["readers"]
    assert isinstance(readers, list)
    assert [row["holds"] for row in readers] == ["card", "card", "psam", "empty"]
    assert [row["name"] for row in readers] == [reader_name(place) for place in range(4)]
    assert len({row["card_id"] for row in readers[:2]}) == 2
    assert line["pid"] == process.pid
    assert set(line) == {"socket", "env", "readers", "pid"}
    read = command(tmp_path, line["env"], "card", "read", "--json", "--reader", reader_name(1))
    assert json.loads(read.stdout)["card_id"].lower() == readers[1]["card_id"]
    assert command(tmp_path, line["env"], "sim", "eject", "card-0").returncode == 0
    slots = json.loads(command(tmp_path, line["env"], "sim", "list", "--json").stdout)
    assert [bool(row["chip"]) for row in slots] == [False, True, True, False]
    assert command(tmp_path, line["env"], "sim", "insert", reader_name(0)).returncode == 0
    assert command(tmp_path, line["env"], "sim", "insert", "card-0").returncode == 2
    everyone = family(process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert len(everyone) == 3
    assert eventually(lambda: all(gone(pid) for pid in everyone))
    assert not Path(str(line["socket"])).parent.exists()


@pytest.mark.pcsc
def test_sim_up_takes_chips_that_were_made_before(tmp_path: Path) -> None:
    factory = TwinFactory(KeyCentre(SoftwareHsm.from_seed(b"rack tests seed 1", "test")), SeededEntropy(1))
    twin = factory.card(tmp_path / "card.chip", Order(7))
    factory.psam(tmp_path / "psam.chip", 1)
    process, line = start_sim(tmp_path, "--chip", str(tmp_path / "card.chip"), "--chip", str(tmp_path / "psam.chip"))
    readers = line["readers"]
    assert isinstance(readers, list)
    assert [row["holds"] for row in readers] == ["card", "psam"]
    assert [row["card_id"] for row in readers] == [twin.card_id.hex(), ""]
    read = command(tmp_path, line["env"], "card", "read", "--json", "--reader", reader_name(0))
    assert json.loads(read.stdout)["card_id"].lower() == twin.card_id.hex()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_sim_up_refuses_a_file_that_is_no_chip(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear card", "utf-8")
    for name in ("letter.txt", "none.chip"):
        done = command(tmp_path, {}, "sim", "up", "--chip", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "E-CHIP-FILE" in done.stderr


@pytest.mark.pcsc
@pytest.mark.parametrize("victim", [0, 1])
def test_nothing_outlives_a_killed_owner_or_a_killed_twin(tmp_path: Path, victim: int) -> None:
    process, _ = start_sim(tmp_path)
    everyone = family(process.pid)
    assert len(everyone) == 3
    os.kill(everyone[victim], signal.SIGKILL)
    assert eventually(lambda: all(gone(pid) for pid in everyone[1:]))
    _, errors = process.communicate(timeout=10)
    assert process.returncode == (-signal.SIGKILL if victim == 0 else 2), errors


def test_wrong_usage_is_64(tmp_path: Path) -> None:
    for words in (("--cards", "0", "--psams", "0"), ("--cards", "17"), ("--profile", "tunion"), ("--profile", "x")):
        done = command(tmp_path, {}, "sim", "up", *words)
        assert (done.returncode, done.stdout) == (64, "")


def test_control_without_readers_names_the_next_step(tmp_path: Path) -> None:
    done = command(tmp_path, {SOCKET_VARIABLE: str(tmp_path / "pcscd.comm")}, "sim", "list")
    assert done.returncode == 2
    assert "E-SIM-CONTROL" in done.stderr
    assert "sim up" in done.stderr


def test_garbage_on_the_control_socket_is_answered(tmp_path: Path) -> None:
    server = ControlServer(Path("/tmp") / f"oc-control-{os.getpid()}.sock", lambda request: {"slots": [request["do"]]})
    try:
        with socket.socket(socket.AF_UNIX) as line, line.makefile("rb") as answers:
            line.connect(f"/tmp/oc-control-{os.getpid()}.sock")
            for request, ok in ((b"hello\n", False), (b"[]\n", False), (b"{}\n", False), (b'{"do":"list"}\n', True)):
                line.sendall(request)
                assert json.loads(answers.readline())["ok"] is ok
    finally:
        server.close()
