"""A PostgreSQL cluster of a bench: its own folder, a Unix socket only, and every commit on disk as in operation."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_sim.bench.errors import BenchSkippedError
from firmware_sim.installed import find_postgres_bin

SUPERUSER = "onecard"
SERVICE_ACCOUNT = "postgres"  # PostgreSQL refuses to run as root
# fsync, full_page_writes and synchronous_commit stay on: that is what is measured.
SETTINGS = "-c listen_addresses= -c max_connections=50 -c shared_buffers=128MB"
# Should this process be killed, somebody must still end the cluster.
WATCHER = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; shift; "$@" >/dev/null 2>&1; rm -rf "$0"'


@contextmanager
def cluster() -> Iterator[str]:
    """SQLAlchemy URL of an empty database; the cluster is gone afterwards. BenchSkippedError when not installed."""
    programs = find_postgres_bin()
    if programs is None:
        raise BenchSkippedError("PostgreSQL 15 or newer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="oc-bench-pg-", dir="/tmp"))
    data = folder / "data"
    stop = _as_owner(programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "-s", "stop")
    try:
        folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(folder, SERVICE_ACCOUNT)
        settings = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        _run(_as_owner(programs / "initdb", "-D", data, *settings))
        options = f"-k {folder} {SETTINGS}"
        log = folder / "log"
        _run(_as_owner(programs / "pg_ctl", "-D", data, "-w", "-s", "-l", log, "-o", options, "start"))
        watch = ["sh", "-c", WATCHER, str(folder), str(os.getpid()), *stop]
        watcher = subprocess.Popen(watch, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            yield f"postgresql+psycopg://{SUPERUSER}@/postgres?host={folder}"
        finally:
            watcher.terminate()
            watcher.wait()
            subprocess.run(stop, capture_output=True, check=False, cwd="/")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_owner(*command: str | Path) -> list[str]:
    words = [str(word) for word in command]
    return ["runuser", "-u", SERVICE_ACCOUNT, "--", *words] if os.geteuid() == 0 else words


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise BenchSkippedError(f"PostgreSQL did not start: {done.stderr.strip()[-300:]}")
