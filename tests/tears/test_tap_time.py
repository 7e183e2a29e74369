"""The card's share of a bus tap, modelled: within 200 ms at 106 kbit/s, also with the figures of a slow chip."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from firmware_sim.card.timing import CONTACT, RADIO_106, ApduCost, TimeModel, joined
from firmware_sim.tears.rides import Ride

GOAL_US = 200_000


def tap(*, air: bool = True) -> tuple[ApduCost, ...]:
    """What the card counted while it paid one ride, in the field or over contacts."""
    ride = Ride("card", compound=True, contactless=air)
    meter = ride._card.chip.nv.meter
    meter.clear()
    ride.run()
    return meter.costs


def model(**slow: Mapping[str, object]) -> TimeModel:
    table = tomllib.loads(files("firmware_sim.card").joinpath("timing.toml").read_text("utf-8"))
    for name, figures in slow.items():
        table[name].update(figures)
    return TimeModel(table)


def test_a_tap_is_within_the_goal_at_the_slowest_rate() -> None:
    costs = tap()
    for line in model().lines:
        times = model().price(costs if line != CONTACT else tap(air=False), line)
        total, wire = sum(item.total_us for item in times), sum(item.transmission_us for item in times)
        print(f"bus tap, {line}: {len(times)} commands, card {total / 1000:.1f} ms, of it line {wire / 1000:.1f} ms")
    print(f"bus tap: {model().radio_bytes(costs)} bytes in the air")
    total = sum(item.total_us for item in model().price(costs, RADIO_106))
    assert total + model().activation_us(RADIO_106) <= GOAL_US


def test_a_slow_chip_is_within_the_goal_too() -> None:
    """Pages of 5 ms written twice, 5 ms for every command, ciphers ten times slower."""
    crypto = {"des_us": 900, "3des_us": 1200}
    slow = model(eeprom={"page_us": 5000, "scheme": "backup"}, system={"command_us": 5000}, crypto=crypto)
    total = sum(item.total_us for item in slow.price(tap(), RADIO_106))
    print(f"bus tap, slow chip: {total / 1000:.1f} ms")
    assert sum(item.total_us for item in model().price(tap(), RADIO_106)) * 2 < total <= GOAL_US


def test_contacts_joined_are_what_the_field_carries() -> None:
    """The commands of a T=0 tap without their GET RESPONSE are those of a tap in the field, but for a Le or two."""
    field, contacts = tap(), joined(tap(air=False))
    assert [(cost.name, cost.received, cost.commits) for cost in field] == [
        (cost.name, cost.received, cost.commits) for cost in contacts
    ]
    assert all(0 <= b.sent - a.sent <= 1 for a, b in zip(field, contacts, strict=True))


def test_the_debit_is_the_only_command_that_writes() -> None:
    """One commit: purse, proof, log with its head, trip record with its head."""
    writing = [cost for cost in tap() if cost.commits]
    assert [cost.ins for cost in writing] == [0x54]
    assert writing[0].commits == ((8, 11, 2, 23, 2, 48),)
