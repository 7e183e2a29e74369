"""A private pcscd with the vpcd driver: own socket, own readers, loopback only, ended by pid.

Debian's pcscd has a fixed socket and no option for it, but takes a listening socket as a service manager would give
it. The driver keeps one global slot table per loaded library, so every reader entry (two slots) gets its own copy of
the file. It listens on every interface unless a preloaded shim or a network namespace of its own keeps it at home.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firmware_sim.errors import DaemonNotInstalledError, DaemonStartError, NotIsolatedError

SLOTS_PER_ENTRY = 2
MAX_SLOTS = 16
START_ATTEMPTS = 6
START_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0
# sun_path holds 108 bytes with its final zero; the socket name is appended to the folder.
MAX_FOLDER_LENGTH = 80
SOCKET_NAME = "pcscd.comm"
LOG_NAME = "pcscd.log"
READER_NAME = "Onecard Reader"
# The daemon makes this folder when it starts and ends when it cannot, though it never uses it for us.
FIXED_FOLDER = Path("/run/pcscd")
# How often the daemon looks for a card in our slots, in ms: its own way, and with the preloaded shim.
DAEMON_LOOKS_MS = 400
SHIM_LOOKS_MS = 50
_LISTENING = "0A"
_LOOPBACK = "0100007F"
_HERE = Path(__file__).resolve().parent
SYSTEM_ROOT = Path("/")
LOCAL_ROOT = _HERE.parent / ".local" / "root"
Isolation = Literal["shim", "namespace", "open"]


@dataclass(frozen=True)
class Programs:
    """Where the daemon and the driver are; `library_path` is empty for a system installation."""

    pcscd: Path
    driver: Path
    library_path: str = ""


def find_programs(local_root: Path = LOCAL_ROOT) -> Programs:
    """The system's pcscd and vpcd driver, else a private copy under `.local/root` of the checkout.

    Raises DaemonNotInstalledError.
    """
    for root in (SYSTEM_ROOT, local_root):
        pcscd = root / "usr/sbin/pcscd"
        drivers = sorted((root / "usr/lib/pcsc/drivers/serial").glob("libifdvpcd.so.*"))
        if pcscd.exists() and drivers:
            libraries = "" if root == SYSTEM_ROOT else ":".join(_library_folders(root))
            return Programs(pcscd, drivers[-1], libraries)
    raise DaemonNotInstalledError("needs the packages pcscd and vsmartcard-vpcd")


def _library_folders(root: Path) -> list[str]:
    folders = [root / "usr/lib", root / "lib", *sorted((root / "usr/lib").glob("*-linux-gnu"))]
    return [str(folder) for folder in (*folders, *sorted((root / "lib").glob("*-linux-gnu"))) if folder.is_dir()]


def choose_isolation(run_dir: Path, *, allow_open: bool = False) -> Isolation:
    """How this machine keeps the driver off the network; compiles the shim into `run_dir` when a compiler is there.

    Raises NotIsolatedError when there is neither compiler nor user namespace and `allow_open` is not given.
    """
    if _compile_shim(run_dir):
        return "shim"
    if _namespaces_work():
        return "namespace"
    if allow_open:
        return "open"
    raise NotIsolatedError("neither a C compiler nor a network namespace is to be had")


def _compile_shim(run_dir: Path) -> bool:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return False
    command = [compiler, "-O2", "-shared", "-fPIC", f'-DFIXED_FOLDER="{FIXED_FOLDER}"', f"-DLOOK_MS={SHIM_LOOKS_MS}"]
    command += ["-o", str(shim_path(run_dir)), str(_HERE / "lo_bind.c"), "-ldl"]
    # A compiler without libc headers is as good as none.
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def shim_path(run_dir: Path) -> Path:
    """The compiled preload library."""
    return run_dir / "lo_bind.so"


def namespace_command() -> list[str]:
    """Prefix that runs a program in a network namespace of its own, as any user.

    Where `FIXED_FOLDER` neither is nor can be made, also with a `/run` of its own.
    """
    unshare = shutil.which("unshare") or "unshare"
    if FIXED_FOLDER.is_dir() or os.access(FIXED_FOLDER.parent, os.W_OK):
        return [unshare, "-rn"]
    return [unshare, "-rnm", "sh", "-c", f'mount -t tmpfs tmpfs {FIXED_FOLDER.parent} && exec "$@"', "sh"]


def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*namespace_command(), "true"], capture_output=True, check=False).returncode == 0


def looks_every_ms(isolation: Isolation) -> int:
    """How long a card may be in or out of a slot before the daemon knows."""
    return SHIM_LOOKS_MS if isolation == "shim" else DAEMON_LOOKS_MS


def reader_name(slot: int) -> str:
    """The PC/SC name of slot number `slot`: entries are lettered, each has slots 00 and 01."""
    return f"{READER_NAME} {chr(ord('A') + slot // SLOTS_PER_ENTRY)} 00 {slot % SLOTS_PER_ENTRY:02d}"


class PcscDaemon:
    """One running pcscd. `ports[i]` is the driver's port of slot i."""

    def __init__(
        self,
        run_dir: Path,
        socket_path: Path,
        programs: Programs,
        slots: int,
        isolation: Isolation,
        *,
        apdu_log: bool = False,
    ) -> None:
        """`run_dir` belongs to this daemon alone; the path of `socket_path` must be short, as Unix sockets demand.

        `apdu_log` lets the daemon write every command and answer with its time into `LOG_NAME`: benches only.
        """
        if not 1 <= slots <= MAX_SLOTS:
            raise DaemonStartError(f"{slots} slots; 1 to {MAX_SLOTS} can be driven")
        if len(str(socket_path.parent)) > MAX_FOLDER_LENGTH:
            raise DaemonStartError(f"{socket_path} is too long for a Unix socket")
        self.socket = socket_path
        self.ports: tuple[int, ...] = ()
        self._run_dir = run_dir
        self._programs = programs
        self._entries = -(-slots // SLOTS_PER_ENTRY)
        self._isolation: Isolation = isolation
        self._level = ["--info", "--apdu"] if apdu_log else ["--error"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id, for those who watch it."""
        return self._process.pid if self._process else 0

    def start(self, parent: int) -> None:
        """Bring the daemon up, taking other ports when somebody was faster. Raises DaemonStartError.

        The daemon ends when process `parent` (the caller) ends, however it ends.
        """
        for _ in range(START_ATTEMPTS):
            bases = _free_port_pairs(self._entries)
            self._configure(bases)
            self._launch(parent)
            if self._listening(bases):
                self.ports = tuple(base + lane for base in bases for lane in range(SLOTS_PER_ENTRY))
                return
            self.stop()
        raise DaemonStartError(f"see {self._run_dir / LOG_NAME}")

    def stop(self) -> None:
        """End the daemon and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _configure(self, bases: Sequence[int]) -> None:
        folder = self._run_dir / "conf"
        folder.mkdir(exist_ok=True)
        entries = []
        for number, base in enumerate(bases):
            driver = self._run_dir / f"ifd{number}.so"
            if not driver.exists():
                shutil.copyfile(self._programs.driver, driver)
            name = reader_name(number * SLOTS_PER_ENTRY).rsplit(" ", 2)[0]
            entries.append(f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{base}\nLIBPATH {driver}\nCHANNELID {base}\n')
        (folder / "readers").write_text("\n".join(entries), "utf-8")

    def _launch(self, parent: int) -> None:
        preload = str(shim_path(self._run_dir)) if self._isolation == "shim" else ""
        launcher = [sys.executable, "-I", "-S", str(_HERE / "launch.py")]
        setup = [str(self.socket), preload, self._programs.library_path, str(parent), "--"]
        command = [str(self._programs.pcscd), "--foreground", *self._level, "--config", str(self._run_dir / "conf")]
        if self._has_polkit():
            command.append("--disable-polkit")
        with (self._run_dir / LOG_NAME).open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *setup, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True
            )

    def _has_polkit(self) -> bool:
        """pcsc-lite 2 asks polkit unless told not to; version 1 does not know the option."""
        environment = {"LD_LIBRARY_PATH": self._programs.library_path} if self._programs.library_path else None
        answer = subprocess.run(
            [str(self._programs.pcscd), "--help"], capture_output=True, check=False, env=environment
        )
        return b"disable-polkit" in answer.stdout + answer.stderr

    def _listening(self, bases: Sequence[int]) -> bool:
        """Every port is open, and by this very process, and on loopback only unless we run in the open."""
        wanted = {base + lane for base in bases for lane in range(SLOTS_PER_ENTRY)}
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            found = listening_sockets(self._process.pid)
            if wanted <= set(found):
                exposed = [port for port in wanted if found[port] != _LOOPBACK]
                if exposed and self._isolation == "shim":
                    self.stop()
                    raise NotIsolatedError(f"driver listens on {len(exposed)} ports beyond loopback")
                return True
            time.sleep(0.02)
        return False


def listening_sockets(pid: int) -> dict[int, str]:
    """TCP ports process `pid` listens on, with the address in the kernel's hex spelling."""
    try:
        own = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
        table = Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]
    except OSError:
        return {}
    found = {}
    for line in table:
        fields = line.split()
        address, port = fields[1].split(":")
        if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in own:
            found[int(port, 16)] = address
    return found


def _free_port_pairs(count: int) -> list[int]:
    """First ports of `count` pairs that are free now; another process may still be faster than the driver."""
    bases: list[int] = []
    for _ in range(1000):
        if len(bases) == count:
            return bases
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base = int(probe.getsockname()[1])
            taken = {port + lane for port in bases for lane in range(SLOTS_PER_ENTRY)}
            if base + 1 > 65_535 or {base, base + 1} & taken or not _is_free(base + 1):
                continue
        bases.append(base)
    raise DaemonStartError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
