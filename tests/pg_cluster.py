"""PostgreSQL for tests: one cluster per run, one database per test, copied from a template. A pytest plugin.

The first test that asks starts the cluster, whichever worker it is in, under a file lock; it listens on a Unix socket
only. The process that began the run ends it; should that process be killed, a watcher ends it instead.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from firmware_sim.installed import find_postgres_bin
from tests.required import missing

SUPERUSER = "onecard"
SERVICE_ACCOUNT = "postgres"  # PostgreSQL refuses to run as root
# Durability is off: these are tests of behaviour, the journal's own durability is tested elsewhere.
SETTINGS = "-c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=100 -c shared_buffers=64MB"
RUN_DIR_KEY = pytest.StashKey[Path]()
WATCHER = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; shift; "$@" >/dev/null 2>&1; rm -rf "$0"'


@dataclass
class Cluster:
    """A running cluster of this test run."""

    folder: Path
    programs: Path
    started: bool = False
    templates: set[str] = field(default_factory=set)

    def as_owner(self, *command: str | Path) -> list[str]:
        """`command` run by the account that may run PostgreSQL."""
        words = [str(word) for word in command]
        return ["runuser", "-u", SERVICE_ACCOUNT, "--", *words] if os.geteuid() == 0 else words

    def stop_command(self) -> list[str]:
        return self.as_owner(self.programs / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one worker at a time."""
        with (self.folder / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def start(self, run_pid: int) -> None:
        """Start the cluster unless a worker of this run already has."""
        if self.started:
            return
        with self.lock():
            if not (self.folder / "ready").exists():
                self._start(run_pid)
                (self.folder / "ready").touch()
        self.started = True

    def _start(self, run_pid: int) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, SERVICE_ACCOUNT)
        data = self.folder / "data"
        create = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        _run(self.as_owner(self.programs / "initdb", "-D", data, *create))
        options = f"-k {self.folder} {SETTINGS}"
        log = self.folder / "log"
        _run(self.as_owner(self.programs / "pg_ctl", "-D", data, "-w", "-s", "-l", log, "-o", options, "start"))
        watch = ["sh", "-c", WATCHER, str(self.folder), str(run_pid), *self.stop_command()]
        subprocess.Popen(watch, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)

    def url(self, database: str) -> str:
        """Address of `database` for SQLAlchemy with psycopg; `dsn` is the same for psycopg and asyncpg."""
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.folder}"

    def dsn(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """One administrative statement outside any transaction."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def template(self, name: str, prepare: Callable[[str], None]) -> str:
        """Template database `name`, made once per run by `prepare(url)` (the store's migrations)."""
        if name not in self.templates:
            done = self.folder / f"template-{name}"
            with self.lock():
                if not done.exists():
                    self.execute(f'DROP DATABASE IF EXISTS "{name}"')
                    self.execute(f'CREATE DATABASE "{name}"')
                    prepare(self.url(name))
                    done.touch()
            self.templates.add(name)
        return name


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{command[0]} ... ended with {done.returncode}: {done.stdout}{done.stderr}")


@dataclass
class Databases:
    """Hands out databases that belong to one test alone."""

    cluster: Cluster
    prefix: str
    made: list[str] = field(default_factory=list)
    count: int = 0

    def fresh(self, template: str = "template1", prepare: Callable[[str], None] | None = None) -> str:
        """SQLAlchemy URL of a new database, a copy of `template`, which `prepare(url)` fills once per run."""
        if prepare is not None:
            self.cluster.template(template, prepare)
        self.count += 1
        name = f"{self.prefix}_{self.count}"
        self.cluster.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self.made.append(name)
        return self.cluster.url(name)

    def drop(self) -> None:
        """Remove what this test made, whoever is still connected."""
        while self.made:
            self.cluster.execute(f'DROP DATABASE IF EXISTS "{self.made.pop()}" WITH (FORCE)')


def pytest_configure(config: pytest.Config) -> None:
    """The process that begins the run names the folder; workers are told."""
    worker = getattr(config, "workerinput", None)
    folder = Path(worker["pg_folder"]) if worker else Path(tempfile.mkdtemp(prefix="onecard-pg-"))
    config.stash[RUN_DIR_KEY] = folder
    folder.chmod(0o755)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """xdist: hand the folder and the pid that owns the run to a worker."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    node.workerinput["pg_folder"] = str(config.stash[RUN_DIR_KEY])  # type: ignore[attr-defined]
    node.workerinput["pg_run_pid"] = os.getpid()  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the cluster, if one was started, with the run."""
    folder = config.stash.get(RUN_DIR_KEY, None)
    if folder is None or hasattr(config, "workerinput"):
        return
    programs = find_postgres_bin()
    if programs is not None and (folder / "ready").exists():
        subprocess.run(Cluster(folder, programs).stop_command(), capture_output=True, check=False, cwd="/")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster of this run, started on first use; the test is skipped (or fails) where PostgreSQL is missing."""
    programs = find_postgres_bin()
    if programs is None:
        missing("pg", "no PostgreSQL 15 or newer under /usr/lib/postgresql (Debian: postgresql)")
    worker = getattr(request.config, "workerinput", None)
    cluster = Cluster(request.config.stash[RUN_DIR_KEY], programs)
    cluster.start(int(worker["pg_run_pid"]) if worker else os.getpid())
    return cluster


@pytest.fixture(scope="session")
def pg_session_databases(pg_cluster: Cluster, worker_name: str) -> Databases:
    """The names this worker hands out."""
    return Databases(pg_cluster, worker_name)


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    """`gw0`, `gw1` ... under xdist, else `alone`."""
    worker = getattr(request.config, "workerinput", None)
    return str(worker["workerid"]) if worker else "alone"


@pytest.fixture
def pg_databases(pg_session_databases: Databases) -> Iterator[Databases]:
    """`pg_databases.fresh(template="server", prepare=migrate) -> url`: databases of this test, dropped after it."""
    yield pg_session_databases
    pg_session_databases.drop()


@pytest.fixture
def pg_url(pg_databases: Databases) -> str:
    """SQLAlchemy URL of one empty database for this test."""
    return pg_databases.fresh()
