"""The example configuration says every key with the value it has when left out."""

from dataclasses import fields

import pytest

from card.config import ConfigError, read_toml, section
from firmware_sim.doctor import Replaced
from issuance.settings import IssuanceSettings
from keys.settings import KeysConfig
from server.config import ServerConfig
from terminal.config import BusConfig, HotelConfig, KioskConfig, Ldt33Config, TerminalConfig, VenueConfig
from tests.tidy.tree import ROOT

TABLES: dict[str, type] = {
    "keys": KeysConfig,
    "issuance": IssuanceSettings,
    "server": ServerConfig,
    "terminal": TerminalConfig,
    "bus": BusConfig,
    "hotel": HotelConfig,
    "venue": VenueConfig,
    "kiosk": KioskConfig,
    "ldt33": Ldt33Config,
    "replaced": Replaced,
}
EXAMPLE = read_toml(ROOT / "examples/onecard.toml")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_names_every_key_with_its_default(table: str) -> None:
    kind = TABLES[table]
    assert section(EXAMPLE, table, kind) == kind()
    assert set(EXAMPLE[table]) == {item.name for item in fields(kind)}


def test_no_table_is_unknown() -> None:
    assert set(EXAMPLE) == set(TABLES)


def test_the_terminals_call_the_server_where_it_listens() -> None:
    assert TerminalConfig().server.endswith(f":{ServerConfig().port}")


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no key 'prot'"):
        section({"server": {"prot": 1}}, "server", ServerConfig)
