"""Starts a program as a socket-activated service: listening Unix socket on descriptor 3, then exec.

Run by path with a bare interpreter, so it imports the standard library only:
    launch.py SOCKET PRELOAD LIBRARY_PATH PARENT -- PROGRAM ARGS...
PRELOAD and LIBRARY_PATH may be empty. The program is told to die with its parent.
"""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
FIRST_FD = 3  # sd_listen_fds(3)


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when process `parent` ends; survives exec."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the request was made
        sys.exit(1)


def listen(path: Path) -> None:
    """A listening socket at `path`, on descriptor 3, open to this user's processes."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(64)
    if listener.fileno() != FIRST_FD:
        os.dup2(listener.fileno(), FIRST_FD)
    os.set_inheritable(FIRST_FD, True)
    listener.detach()


def main(argv: list[str]) -> None:
    """Prepare and exec; returns only by raising."""
    path, preload, library_path, parent, separator, *command = argv
    if separator != "--" or not command:
        raise SystemExit("usage: launch.py SOCKET PRELOAD LIBRARY_PATH PARENT -- PROGRAM ARGS...")
    die_with_parent(int(parent))
    listen(Path(path))
    environment = {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    if preload:
        environment["LD_PRELOAD"] = preload
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
