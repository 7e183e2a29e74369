"""日切 over HTTP: a past day gets its root once, today stays open, and tampering shows."""

from datetime import timedelta

from server.ledger import service as ledger
from tests.server.house import START, House

DAY = (START + timedelta(hours=8)).date()


def test_a_past_day_is_sealed_once(house: House) -> None:
    today = house.console.call("POST", f"/operator/ledger/days/{DAY}:close", {})
    assert (today.status, today.body["code"]) == (409, "E-DAY-NOT-OVER")
    with house.context.store.transaction() as session:
        ledger.post(session, key="k1", at_ms=house.context.now_ms(), debit="a", credit="b", fen=5, memo="m")
    house.clock.advance(days=1)
    first = house.console.post(f"/operator/ledger/days/{DAY}:close", {})
    again = house.console.post(f"/operator/ledger/days/{DAY}:close", {})
    assert first == again
    assert len(bytes.fromhex(first["root"])) == 32
    with house.context.store.reading() as session:
        assert ledger.verify(session) == 2
    bad = house.console.call("POST", "/operator/ledger/days/2026-13-01:close", {})
    assert bad.status == 422
