"""Which file may name what: metal and frameworks in their adapters, one maker of credentials, one front door."""

import ast
import sys
from collections.abc import Iterator

from tests.tidy.tree import Finding, SourceFile, dotted, imported_modules

MIGRATIONS = ("keys/migrations/", "issuance/migrations/", "server/migrations/")
# Beyond its named files each package may be imported by the bare baselines of the benches and by tests.
ADAPTERS: dict[str, tuple[str, ...]] = {
    "smartcard": ("card/readers/pcsc.py",),
    "serial": ("terminal/scanner/serial_scanner.py",),
    "pymodbus": ("terminal/gate/modbus_relay.py", "firmware_sim/gate.py"),
    "zxingcpp": ("terminal/camera/zxing.py",),
    "pyzbar": ("terminal/camera/zbar.py",),
    # The simulated line is a transport under the terminals' own client.
    "httpx": ("terminal/uplink_http.py", "firmware_sim/world/line.py"),
    "nats": (),
    "asyncpg": ("server/events/store_postgres.py",),
    "sqlalchemy": ("*/rows.py", "*/repository.py", "*/database.py", "keys/registry.py", *MIGRATIONS),
    "alembic": ("*/database.py", *MIGRATIONS),
    "fastapi": ("*/routes.py", "server/http/", "*/main.py"),
    "starlette": ("*/routes.py", "server/http/", "*/main.py"),
    "uvicorn": ("server/cli.py", "*/main.py", "firmware_sim/serving.py", "firmware_sim/own_house.py"),
    "jinja2": ("issuance/console/views.py", "firmware_sim/demo/", "*/pages.py"),
    "gmalglib": ("keys/algorithms/sm2_gmalglib.py",),
    "cryptography": ("keys/algorithms/", "firmware_sim/card/crypto.py"),
    "shamir_mnemonic": ("keys/ceremony/shares.py",),
    "PIL": ("issuance/photo.py", "issuance/personalization/artwork.py", "terminal/camera/", "firmware_sim/"),
}
BASELINES = ("firmware_sim/bench/", "tests/")
CREDENTIAL_MAKERS = ("terminal/verifiers/", "server/events/replay.py", "tests/")


def foreign_packages(source: SourceFile) -> Iterator[Finding]:
    """External packages only in the files named for them."""
    if source.under(*BASELINES):
        return
    for node in source.nodes():
        for package in {name.partition(".")[0] for name in imported_modules(node)} & set(ADAPTERS):
            if not source.under(*ADAPTERS[package]):
                allowed = ", ".join(ADAPTERS[package]) or "no file yet"
                yield Finding(node.lineno, f"{package} is imported only in {allowed}")  # type: ignore[attr-defined]


def front_door(source: SourceFile) -> Iterator[Finding]:
    for node in source.nodes():
        if any(name.partition(".")[0] == "onecard" for name in imported_modules(node)):
            yield Finding(node.lineno, "nothing imports the front door")  # type: ignore[attr-defined]


def forbidden_packages(source: SourceFile) -> Iterator[Finding]:
    """The pure-Python gmssl draws SM2 nonces from a predictable generator; mocks of our own things prove nothing."""
    for node in source.nodes():
        for name in imported_modules(node):
            if name.partition(".")[0] == "gmssl":
                yield Finding(node.lineno, "gmssl is never used: its nonces are predictable")  # type: ignore[attr-defined]
            if name in ("unittest.mock", "mock", "pytest_mock", "freezegun"):
                yield Finding(node.lineno, f"{name}: hand in the real thing or the simulated one")  # type: ignore[attr-defined]


def credential_makers(source: SourceFile) -> Iterator[Finding]:
    """A scene that can only be called with a VerifiedCredential cannot be fooled, if nobody else makes one."""
    if source.under(*CREDENTIAL_MAKERS):
        return
    for node in source.nodes():
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "VerifiedCredential":
            yield Finding(node.lineno, "VerifiedCredential is made by verifiers and by the replay of an event only")


def pure_nouns(source: SourceFile) -> Iterator[Finding]:
    """The nouns stand on the standard library alone, the rules on the nouns: gate and server run the same ones."""
    grounds = {"card/domain/": ("card.domain",), "card/rules/": ("card.domain", "card.rules")}
    for folder, allowed in grounds.items():
        for node in source.nodes() if source.under(folder) else ():
            for name in imported_modules(node)[:1]:
                if name.partition(".")[0] not in sys.stdlib_module_names and not name.startswith(allowed):
                    yield Finding(node.lineno, f"{folder} imports {name}")  # type: ignore[attr-defined]
