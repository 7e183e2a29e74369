"""The C library: what it exports, what it writes, and what it makes of a service that answers anything at all.

Needs gcc and, for the Windows builds, mingw-w64; the 32-bit program runs under Wine where that is there. What is
missing is skipped with its reason, or fails where ONECARD_REQUIRE names `capi` or `wine`.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from terminal.ldt33.codes import Code
from terminal.ldt33.frames import MAGIC, NONCE, PROOF, Address, proof
from terminal.ldt33.service import Service
from terminal.ldt33.table import FUNCTIONS
from tests.required import missing
from tests.terminal.ldt33.bench import PIN, Bench
from tests.terminal.ldt33.test_service import running
from tests.tidy.tree import ROOT

CAPI = ROOT / "terminal/capi"
MINGW = {"win32": "i686-w64-mingw32", "win64": "x86_64-w64-mingw32"}
NAMES = sorted(item.name for item in FUNCTIONS)
MACHINES = {"win32": "pei-i386", "win64": "pei-x86-64"}


def tool(name: str, component: str = "capi") -> str:
    found = shutil.which(name)
    if found is None:
        missing(component, f"{name} is not installed")
    return found


def built(folder: Path, target: str) -> Path:
    """The library and the calling program for `target`."""
    tool(f"{MINGW[target]}-gcc" if target in MINGW else "gcc")
    done = subprocess.run([CAPI / "build.sh", folder, target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / target


@pytest.fixture(scope="module")
def linux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("capi"), "linux")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Library and caller watched by the address sanitizer."""
    gcc, folder = tool("gcc"), tmp_path_factory.mktemp("asan")
    flags = ["-std=c11", "-g", "-O1", "-D_DEFAULT_SOURCE", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    parts = [CAPI / name for name in ("ldt33.c", "wire.c", "platform_posix.c")]
    subprocess.run([gcc, *flags, "-fPIC", "-shared", *parts, "-pthread", "-o", folder / "libldt33.so"], check=True)
    subprocess.run([gcc, *flags, CAPI / "caller.c", "-ldl", "-o", folder / "caller"], check=True)
    return folder


def call(folder: Path, token: Path, *words: str) -> list[tuple[str, int, bytes]]:
    """What the calling program prints: (function, return code, pOutInfo) for each call."""
    library = folder / "libldt33.so"
    env = {**os.environ, "ONECARD_LDT33": str(token), "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([folder / "caller", library, *words], capture_output=True, env=env, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return lines_of(done.stdout)


def lines_of(printed: bytes) -> list[tuple[str, int, bytes]]:
    rows = [line.split(b" ", 2) for line in printed.replace(b"\r\n", b"\n").splitlines()]
    return [(name.decode(), int(code), text) for name, code, text in rows]


# ---- exports --------------------------------------------------------------------------------------------------------


def test_the_shared_object_exports_the_table_and_nothing_else(linux: Path) -> None:
    listing = subprocess.run(
        [tool("nm"), "-D", "--defined-only", linux / "libldt33.so"], capture_output=True, text=True, check=True
    )
    assert sorted(line.split()[-1] for line in listing.stdout.splitlines()) == NAMES


@pytest.mark.parametrize("target", MINGW)
def test_the_dll_exports_undecorated_names(target: str, tmp_path: Path) -> None:
    library = built(tmp_path, target) / "ldt33.dll"
    listing = subprocess.run(
        [f"{MINGW[target]}-objdump", "-p", library], capture_output=True, text=True, check=True
    ).stdout
    assert f"file format {MACHINES[target]}" in listing
    table = listing.split("[Ordinal/Name Pointer] Table")[1].split("\n\n")[0]
    assert sorted(line.split()[-1] for line in table.splitlines()[1:] if "[" in line) == NAMES
    needed = {line.split()[-1].upper() for line in listing.splitlines() if "DLL Name:" in line}
    assert needed <= {"ADVAPI32.DLL", "BCRYPT.DLL", "KERNEL32.DLL", "MSVCRT.DLL", "WS2_32.DLL"}, (
        "nothing but what Windows has"
    )


def test_the_32_bit_functions_take_their_arguments_off_the_stack(tmp_path: Path) -> None:
    """__stdcall: each ends in `ret` with the size of its arguments."""
    library = built(tmp_path, "win32") / "ldt33.dll"
    unstripped = tmp_path / "ldt33.o"
    gcc = f"{MINGW['win32']}-gcc"
    subprocess.run([gcc, "-std=c11", "-O2", "-c", CAPI / "ldt33.c", "-o", unstripped], check=True)
    symbols = subprocess.run(
        [f"{MINGW['win32']}-nm", "--defined-only", unstripped], capture_output=True, text=True, check=True
    ).stdout
    for item in FUNCTIONS:
        assert f"_{item.name}@{4 * (len(item.parameters) + 1)}\n" in symbols
    assert library.exists()


# ---- against the service ---------------------------------------------------------------------------------------------


@pytest.fixture
def service(bench: Bench, tmp_path: Path) -> Iterator[Service]:
    with running(bench.library, tmp_path) as made:
        yield made


@pytest.mark.usefixtures("service")
def test_a_program_reads_a_card(linux: Path, bench: Bench, tmp_path: Path) -> None:
    ((name, code, text),) = call(linux, tmp_path / "token", "iReadCardBas", "1")
    assert (name, code) == ("iReadCardBas", Code.OK)
    fields = text.decode("gbk").split("|")
    assert len(fields) == 12 and fields[1] == bench.twin.citizen_no and fields[4] == "王小明"


@pytest.mark.usefixtures("service")
def test_many_calls_keep_one_connection_and_its_steps(linux: Path, bench: Bench, tmp_path: Path) -> None:
    bench.pad.entries = [PIN]
    words = ("iReadCardBas_HSM_Step1", "1", "--", "iVerifyPIN", "1", "--", "iReadCardBas_HSM_Step2", "x|")
    found = call(linux, tmp_path / "token", *words)
    assert [code for _, code, _ in found] == [Code.OK, Code.OK, Code.NOT_CONNECTED]
    words = ("iReadCardBas_HSM_Step1", "1", "--", "iReadCardBas_HSM_Step2", "0" * 32 + "|")
    assert [code for _, code, _ in call(linux, tmp_path / "token", *words)] == [Code.OK, Code.NOT_GENUINE]


@pytest.mark.usefixtures("service")
def test_chinese_goes_in_and_comes_out(
    linux: Path, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = ctypes.CDLL(str(linux / "libldt33.so"))
    library.iWriteCard.restype = library.iReadCard.restype = ctypes.c_long
    out = ctypes.create_string_buffer(b"\xa5" * 4200, 4200)
    data = "DF01EF06|海口市国兴大道9号|13700000000|$".encode("gbk")
    monkeypatch.setenv("ONECARD_LDT33", str(tmp_path / "token"))
    info, files = bench.info.encode(), b"DF01EF06|23|28|$"
    assert library.iWriteCard(1, info, files, data, out) == Code.OK
    assert library.iReadCard(1, 2, info, files, out) == Code.OK
    assert out.value == data
    assert out.raw[4096:] == b"\xa5" * 104
    assert library.iWriteCard(1, info, files, data, None) == Code.BAD_PARAMETER
    assert library.iWriteCard(1, None, files, data, out) == Code.BAD_PARAMETER
    assert library.iReadCard(1, 2, info, b"x" * 20_000, out) == Code.TOO_LONG
    assert out.value == b""


def test_a_service_that_came_back_is_found_again(
    linux: Path, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = ctypes.CDLL(str(linux / "libldt33.so"))
    out = ctypes.create_string_buffer(1024)
    monkeypatch.setenv("ONECARD_LDT33", str(tmp_path / "token"))
    assert library.iReadCardBas(1, out) == Code.LIBRARY
    for _ in range(2):
        with running(bench.library, tmp_path):
            assert library.iReadCardBas(1, out) == Code.OK
        assert library.iReadCardBas(1, out) == Code.LIBRARY


# ---- against anything else -------------------------------------------------------------------------------------------

TOKEN = bytes(range(32))


@contextmanager
def impostor(folder: Path, answer: Callable[[socket.socket], None], *, knows: bool = True) -> Iterator[Path]:
    """Something that listens where a service should, greets as one, and then answers as `answer` does."""
    listener = socket.create_server(("127.0.0.1", 0))
    file = folder / "false-token"
    file.write_text(Address(listener.getsockname()[1], TOKEN).text())

    def serve() -> None:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        with caller:
            hello = bytes(NONCE)
            caller.sendall(MAGIC + hello)
            said = caller.recv(NONCE + PROOF, socket.MSG_WAITALL)
            caller.sendall(proof(TOKEN if knows else bytes(32), b"S", hello, said[:NONCE]))
            if knows:
                caller.recv(65536)
                answer(caller)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield file
    finally:
        listener.close()
        thread.join(5)


def framed(code: int, text: bytes, *, length: int | None = None, size: int | None = None) -> bytes:
    body = code.to_bytes(4, "big", signed=True) + (len(text) if size is None else size).to_bytes(4, "big") + text
    return (len(body) if length is None else length).to_bytes(4, "big") + body


BAD_ANSWERS = {
    "nothing": b"",
    "half a length": b"\0\0",
    "a length and no more": b"\0\0\0\x20",
    "cut off": framed(0, b"x" * 100)[:-1],
    "longer than its text": framed(0, b"abc", length=20) + b"z" * 20,
    "text longer than the answer": framed(0, b"abc", size=4000),
    "text of four gigabytes": framed(0, b"abc", size=0xFFFFFFFF),
    "answer of four gigabytes": framed(0, b"abc", length=0xFFFFFFFF),
    "no room for a code": framed(0, b"")[:3] + b"\x07" + b"1234567",
    "as long as the buffer": framed(0, b"x" * 1024),
    "far longer than the buffer": framed(0, b"x" * 60_000),
    "a zero byte inside": framed(0, b"460100\0evil"),
    "garbage": bytes(range(255, -1, -1)) * 4,
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_a_bad_answer_writes_nothing(guarded: Path, tmp_path: Path, kind: str) -> None:
    with impostor(tmp_path, lambda caller: caller.sendall(BAD_ANSWERS[kind])) as token:
        assert call(guarded, token, "iReadCardBas", "1") == [("iReadCardBas", Code.BAD_INFORMATION, b"")]


def test_the_longest_good_answer_fits_exactly(guarded: Path, tmp_path: Path) -> None:
    with impostor(tmp_path, lambda caller: caller.sendall(framed(-22, b"y" * 1023))) as token:
        assert call(guarded, token, "iReadCardBas", "1") == [("iReadCardBas", Code.OTHER_CARD, b"y" * 1023)]


def test_a_listener_that_does_not_know_the_token_hears_no_request(guarded: Path, tmp_path: Path) -> None:
    with impostor(tmp_path, lambda caller: None, knows=False) as token:
        assert call(guarded, token, "PKI_SignData", "123456", "x", "1") == [("PKI_SignData", Code.LIBRARY, b"")]


NO_TOKENS = ["", "onecard-ldt33 1\nport 0\ntoken " + "0" * 64, "onecard-ldt33 1\nport 99999\n", "x" * 3000]


@pytest.mark.parametrize("text", NO_TOKENS)
def test_a_token_file_that_is_none(linux: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    assert call(linux, tmp_path / "token", "iReadCardBas", "1") == [("iReadCardBas", Code.LIBRARY, b"")]


def test_parsers_under_the_sanitizer(tmp_path: Path) -> None:
    """`make soak` runs a million."""
    fuzz = built(tmp_path, "fuzz") / "fuzz"
    done = subprocess.run([fuzz, "20000", "20260115"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("20000 cases")


# ---- Windows programs ------------------------------------------------------------------------------------------------


def wine() -> str:
    ours = ROOT / ".local/wine/wine"
    return str(ours) if ours.exists() else tool("wine", "wine")


@pytest.mark.usefixtures("service")
def test_a_32_bit_windows_program_calls_the_dll(tmp_path: Path) -> None:
    starter = wine()
    folder = built(tmp_path, "win32")
    env = {**os.environ, "ONECARD_LDT33": f"Z:{tmp_path}/token".replace("/", "\\"), "WINEDEBUG": "-all"}
    words = ("iReadCardBas", "1", "--", "iReadCardBas_HSM_Step1", "1", "--", "iReadCardBas_HSM_Step2", "0" * 32 + "|")
    done = subprocess.run(
        [starter, folder / "caller.exe", "ldt33.dll", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]
    found = lines_of(done.stdout)
    assert [code for _, code, _ in found] == [Code.OK, Code.OK, Code.NOT_GENUINE]
    assert found[0][2].decode("gbk").split("|")[4] == "王小明"
