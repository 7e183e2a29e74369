"""Facts: signed, versioned, differences, freshness; the hotlist follows card states. Both engines."""

from typing import Any

import pytest

from card.domain.envelope import hotlist_message
from keys.algorithms.sm3 import hmac_sm3
from keys.facts import open_bundle
from tests.server.house import Device, House
from tests.server.roads import PRICES, Town


@pytest.fixture
def bus(house: House) -> Device:
    return house.enrol("bus-1", "bus")


def opened(house: House, device: Device, kind: str, have: int = 0) -> Any:
    raw = device.get(f"/facts/{kind}?have={have}")
    return open_bundle(raw, house.centre.facts_signer().public, kind=kind, have_version=have)


@pytest.mark.parametrize("kind", ["hotlist", "tariff", "trust", "catalogue", "policy"])
def test_every_kind_is_there_signed_from_the_start(house: House, bus: Device, kind: str) -> None:
    bundle = opened(house, bus, kind)
    assert (bundle.header.version, bundle.header.base) == (1, 0)
    assert bus.call("GET", f"/facts/{kind}?have=1").status == 204


def test_the_four_items_are_in_force(house: House, bus: Device) -> None:
    entries = opened(house, bus, "catalogue").entries
    assert {entry["item"]: entry["in_force"] for entry in entries} == dict.fromkeys(
        ("bus", "hotel", "scenic", "kiosk"), True
    )


def test_a_lost_card_is_listed_by_every_medium_and_a_found_one_leaves(house: House, bus: Device) -> None:
    town = Town(house)
    town.person(1)
    card_id = town.card(1)
    assert opened(house, bus, "hotlist").entries == []
    town.change(card_id, status="2", reason="formal_loss")
    card = town.cards[card_id]
    media = [(1, card_id), (2, card["asn"]), (3, card["ecard_serial"] + "f")]
    # Independent of the server's own code: kind, first 8 bytes of HMAC-SM3(list key, kind and id), reason.
    expected = sorted(
        f"{kind:02x}" + hmac_sm3(bus.list_key, hotlist_message(kind, bytes.fromhex(raw)))[:8].hex() + "02"
        for kind, raw in media
    )
    whole = opened(house, bus, "hotlist")
    assert whole.entries == expected
    delta = opened(house, bus, "hotlist", have=1)
    assert (delta.header.base, delta.entries) == (1, {"add": expected, "remove": []})
    town.change(card_id, status="1", reason="unloss")
    back = opened(house, bus, "hotlist", have=2)
    assert back.entries == {"add": [], "remove": expected}
    assert opened(house, bus, "hotlist", have=1).entries == {"add": [], "remove": []}


@pytest.mark.parametrize("reason, byte", [("cancelled", "09"), ("deceased", "0d")])
def test_the_reason_says_whether_the_holder_died(house: House, bus: Device, reason: str, byte: str) -> None:
    town = Town(house)
    town.person(1)
    town.change(town.card(1), status="9", reason=reason)
    assert {entry[-2:] for entry in opened(house, bus, "hotlist").entries} == {byte}


def test_a_changed_reason_replaces_the_entry(house: House, bus: Device) -> None:
    town = Town(house)
    town.person(1)
    card_id = town.card(1)
    town.change(card_id, status="4", reason="temporary_loss")
    town.change(card_id, status="2", reason="formal_loss")
    delta = opened(house, bus, "hotlist", have=2).entries
    assert ({e[-2:] for e in delta["add"]}, {e[-2:] for e in delta["remove"]}) == ({"02"}, {"04"})


def test_told_again_nothing_changes(house: House, bus: Device) -> None:
    town = Town(house)
    town.person(1)
    town.change(town.card(1), status="2")
    before = opened(house, bus, "hotlist").header.version
    town.position -= 1
    town.versions[next(iter(town.cards))] -= 1
    town.change(next(iter(town.cards)), status="1")
    assert opened(house, bus, "hotlist").header.version == before


def test_asking_keeps_a_list_fresh(house: House, bus: Device) -> None:
    house.clock.advance(days=1)
    bundle = opened(house, bus, "hotlist", have=1)
    assert (bundle.header.version, bundle.header.base, bundle.entries) == (2, 1, {"add": [], "remove": []})
    assert not bundle.expired(house.context.now_ms())


def test_a_published_policy_is_a_new_version_once(house: House, bus: Device) -> None:
    for _ in range(2):
        assert house.console.post("/operator/facts/policy", {"entries": [PRICES]})["version"] == 2
    assert opened(house, bus, "policy", have=1).entries == [PRICES]
    beat = {"facts": {"policy": 1, "hotlist": 1}, "pending": 0, "oldest_pending_at": 0, "clock_ms": 0}
    assert bus.post("/heartbeat", beat)["wants"] == ["catalogue", "policy", "tariff", "trust"]


def test_an_unknown_kind_is_refused(house: House, bus: Device) -> None:
    assert bus.call("GET", "/facts/weather?have=0").status == 422
    assert bus.call("GET", "/facts/hotlist?have=-1").status == 422


def test_an_item_goes_out_of_force_by_its_date(house: House, bus: Device) -> None:
    items = house.console.get("/operator/catalogue")["items"]
    for item in items:
        item["effective_to"] = "20261123" if item["item"] == "hotel" else ""
    assert house.console.post("/operator/catalogue", {"items": items})["version"] == 2
    assert all(entry["in_force"] for entry in opened(house, bus, "catalogue").entries)
    house.clock.advance(days=1)
    state = {entry["item"]: entry["in_force"] for entry in opened(house, bus, "catalogue").entries}
    assert (state["hotel"], state["bus"]) == (False, True)


@pytest.mark.parametrize("damage", [{"colour": "red"}, {"item": None}, {"twice": True}])
def test_a_faulty_catalogue_is_refused_whole(house: House, damage: dict[str, object]) -> None:
    items = house.console.get("/operator/catalogue")["items"]
    if "twice" in damage:
        items.append(items[0])
    elif damage.get("item", "") is None:
        del items[0]["name_zh"]
    else:
        items[0] |= damage
    reply = house.console.call("POST", "/operator/catalogue", {"items": items})
    assert (reply.status, reply.body["code"]) == (409, "E-CATALOGUE")
    assert house.console.get("/operator/catalogue")["version"] == 1
