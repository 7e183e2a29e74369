"""The key store's rows on SQLite and on PostgreSQL: idempotent, by table of steps, told to the outbox."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Engine

from keys.database import metadata, migrate, open_engine
from keys.errors import DuplicateKeyError, KeyStateError, UnknownKeyError
from keys.hsm_software import SoftwareHsm
from keys.psam import IssuedPsam
from keys.registry import KEY_STEPS, PSAM_STEPS, EcardMaterial, Registry, read_outbox

STORE = SoftwareHsm.from_seed(b"registry tests' seed", "test")
PSAM = IssuedPsam(bytes.fromhex("460100000001"), bytes(9) + b"\x01")
ECARD = EcardMaterial("4601002026000000017", "ab" * 16, "X00000019", 1, b"body", 5)


@pytest.fixture(params=["sqlite file", "sqlite memory", pytest.param("postgresql", marks=pytest.mark.pg)])
def engine(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Engine]:
    urls = {"sqlite file": f"sqlite:///{tmp_path}/keys.db", "sqlite memory": "sqlite://"}
    url = urls.get(request.param) or request.getfixturevalue("pg_url")
    opened = open_engine(url)
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def registry(engine: Engine) -> Registry:
    return Registry(engine)


def test_the_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_keys_are_registered_once(registry: Registry, engine: Engine) -> None:
    facts = list(STORE.key_facts())
    assert registry.record_keys(facts, 1) == len(facts)
    assert registry.record_keys(facts, 2) == 0
    assert {row.facts for row in registry.key_list()} == set(facts)
    assert [row.position for row in read_outbox(engine, 0, 1000)] == list(range(1, len(facts) + 1))
    with pytest.raises(DuplicateKeyError, match="check value"):
        registry.record_keys([replace(facts[0], kcv=b"\0\0\0")], 3)


def test_a_key_moves_by_the_table_only(registry: Registry, engine: Engine) -> None:
    registry.record_keys(STORE.key_facts(), 1)
    before = len(read_outbox(engine, 0, 1000))
    registry.move_key("purse/DLK", 1, "suspended", 2)
    registry.move_key("purse/DLK", 1, "deactivated", 3)
    with pytest.raises(KeyStateError, match="deactivated to active"):
        registry.move_key("purse/DLK", 1, "active", 4)
    with pytest.raises(UnknownKeyError):
        registry.move_key("purse/DLK", 2, "active", 4)
    states = {row.facts.label: row.state for row in registry.key_list()}
    assert states["purse/DLK"] == "deactivated" and states["purse/DPK"] == "active"
    assert [row.payload["state"] for row in read_outbox(engine, before, 1000)] == ["suspended", "deactivated"]


def test_a_modules_life(registry: Registry, engine: Engine) -> None:
    registry.record_psam(PSAM, 1)
    registry.record_psam(PSAM, 1)
    with pytest.raises(KeyStateError):
        registry.move_psam(PSAM.terminal_no, "installed", 2)
    registry.move_psam(PSAM.terminal_no, "vault", 2)
    with pytest.raises(KeyStateError, match="named terminal"):
        registry.move_psam(PSAM.terminal_no, "assigned", 3)
    registry.move_psam(PSAM.terminal_no, "assigned", 3, "bus-0001")
    registry.move_psam(PSAM.terminal_no, "installed", 4)
    assert registry.psam(PSAM.terminal_no) == replace(PSAM, assigned_terminal="bus-0001", state="installed")
    assert registry.move_psam(PSAM.terminal_no, "returned", 5).assigned_terminal == ""
    assert len(read_outbox(engine, 0, 2)) == 2 and len(read_outbox(engine, 2, 100)) == 3


def test_a_module_is_one_number_and_one_serial(registry: Registry) -> None:
    registry.record_psam(PSAM, 1)
    with pytest.raises(DuplicateKeyError):
        registry.record_psam(replace(PSAM, serial=bytes(10)), 1)
    with pytest.raises(DuplicateKeyError):
        registry.record_psam(replace(PSAM, terminal_no=bytes(6)), 1)
    with pytest.raises(UnknownKeyError):
        registry.psam(bytes(6))
    with pytest.raises(UnknownKeyError):
        registry.move_psam(bytes(6), "vault", 1)


def test_the_newest_authorisation_of_an_ecard_is_found_by_each_of_its_names(registry: Registry) -> None:
    registry.save_ecard(ECARD)
    newest = replace(ECARD, body=b"newer", expires_ms=6)
    registry.save_ecard(newest)
    for name in (ECARD.card_id, ECARD.card_id.upper(), ECARD.card_no, ECARD.ecard_serial):
        assert registry.ecard(name) == newest
    with pytest.raises(UnknownKeyError):
        registry.ecard("X00000027")
    assert ECARD.ecard_serial not in repr(ECARD)


@pytest.mark.parametrize("steps", [KEY_STEPS, PSAM_STEPS], ids=["keys", "modules"])
def test_every_step_leads_to_a_known_state_and_destroyed_is_the_end(steps: dict[str, frozenset[str]]) -> None:
    assert set().union(*steps.values()) <= set(steps) and steps["destroyed"] == frozenset()
