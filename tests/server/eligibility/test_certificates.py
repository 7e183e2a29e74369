"""Certification: twelve months, never by a tap, and an overdue one suspends the payment until it is renewed."""

import pytest

from card.domain.clock import to_ms
from server.database import Store
from server.eligibility import service
from server.eligibility.service import WeakEvidenceError
from tests.server.benefit.payment_world import PayWorld


def test_an_overdue_certificate_suspends_and_back_pay_follows(store: Store) -> None:
    world = PayWorld(store)
    world.add_programme("PENSION", needs_certificate=True)
    certified, overdue = world.add_holders(2)
    with store.transaction() as session:
        valid_to = service.certify(
            session, person_id=certified.person_id, item="PENSION", source="police", evidence="r1", at_ms=world.now
        )
        assert valid_to == "20270302"
    batch_no = world.pay([certified, overdue], item="PENSION")
    assert [(story.state, story.rule) for story in world.stories(batch_no)] == [("PAID", ""), ("BLOCKED", "PV08")]
    with store.transaction() as session:
        service.certify(
            session, person_id=overdue.person_id, item="PENSION", source="counter", evidence="r2", at_ms=world.now
        )
    assert world.states(world.pay([overdue], item="PENSION")) == {"PAID": 1}


def test_a_certificate_ends_after_its_last_day(store: Store) -> None:
    world = PayWorld(store)
    with store.transaction() as session:
        service.certify(session, person_id="P1", item="X1", source="rail", evidence="e", at_ms=to_ms(world.clock.now()))
        assert service.certified(session, "P1", "X1", "20270302")
        assert not service.certified(session, "P1", "X1", "20270303")
        assert not service.certified(session, "P1", "X2", "20260302")


def test_a_tap_certifies_nobody(store: Store) -> None:
    with store.transaction() as session, pytest.raises(WeakEvidenceError):
        service.certify(session, person_id="P1", item="X1", source="bus", evidence="tap", at_ms=0)
