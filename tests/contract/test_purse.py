"""The purse through card and PSAM: load, compound purchase, a torn debit and its proof, in every declared dialect."""

import dataclasses

import pytest

from card.channel import CardChannel
from card.domain.money import Fen
from card.errors import CardLostError, ProofMissingError, PurseFundsError, PurseMacError
from card.files.codecs import Value
from card.files.profile import load_profile
from card.purse import PurchaseInit as CardInit
from card.purse import PurseSession
from firmware_sim.card.factory import Order
from firmware_sim.card.faults import Fault
from keys.centre import LoadRequest, LoadTacInput, PurchaseTacInput
from keys.errors import Mac2Error
from keys.psam import PsamSession, PurchaseAnswer, PurchaseInit
from keys.tac import Moment
from tests.contract.conftest import Bench

DATE, TIME = "20260115", "083000"
MOMENT = Moment.from_digits(DATE, TIME)
CAPP, DEBIT, LOAD = 0x09, 0x54, 0x52
TRIP: dict[str, Value] = {
    "kind": b"\x06",
    "terminal": bytes.fromhex("0000460100000001"),
    "industry": b"\x02",
    "line_station": bytes(7),
    "amount": 85,
    "balance": 9915,
    "at": DATE + TIME,
    "city": bytes.fromhex("4601"),
    "acquirer": bytes(8),
    "rfu": bytes(6),
}


def load(bench: Bench, purse: PurseSession, fen: int) -> bytes:
    """Load through the key centre, as the server does; the checked TAC."""
    answer = purse.init_load(Fen(fen), bench.terminal)
    twin, balance = bench.twin, int.from_bytes(answer.balance.to_bytes4(), "big")
    request = LoadRequest(
        twin.issuer,
        twin.asn,
        answer.random,
        answer.online_seq,
        balance,
        fen,
        bench.terminal,
        answer.mac1,
        answer.key_version,
        answer.algorithm,
    )
    bench.centre.check_load_mac1(request)
    tac = purse.credit_load(DATE, TIME, bench.centre.make_load_mac2(request, MOMENT))
    bench.centre.check_load_tac(
        LoadTacInput(twin.issuer, twin.asn, balance + fen, answer.online_seq, fen, bench.terminal, MOMENT, tac)
    )
    return tac


def authorise(bench: Bench, psam: PsamSession, init: CardInit, fen: int, kind: int = CAPP) -> PurchaseAnswer:
    twin = bench.twin
    order = PurchaseInit(
        init.random, init.offline_seq, fen, kind, MOMENT, init.key_version, init.algorithm, twin.asn, twin.issuer
    )
    return psam.init_purchase(order)


def check_tac(bench: Bench, fen: int, terminal_seq: int, tac: bytes, kind: int = CAPP) -> None:
    """TacError when the card's TAC is not right for these facts."""
    twin = bench.twin
    bench.centre.check_purchase_tac(
        PurchaseTacInput(twin.issuer, twin.asn, fen, bench.terminal, terminal_seq, MOMENT, tac, kind=kind)
    )


def funded(bench: Bench, fen: int = 10_000) -> CardChannel:
    channel = bench.card()
    load(bench, bench.purse(channel), fen)
    return channel


def test_load_raises_balance_and_leaves_a_log(bench: Bench) -> None:
    purse = bench.purse(funded(bench))
    assert purse.balance() == Fen(10_000)
    entry = purse.log()[0]
    assert (entry.amount, entry.kind, entry.terminal) == (Fen(10_000), 2, bench.terminal)


def test_load_with_a_wrong_mac_changes_nothing(bench: Bench) -> None:
    purse = bench.purse(bench.card())
    purse.init_load(Fen(100), bench.terminal)
    with pytest.raises(PurseMacError):
        purse.credit_load(DATE, TIME, bytes(4))
    assert purse.balance() == Fen(0)
    assert purse.init_load(Fen(100), bench.terminal).online_seq == 0


def test_compound_purchase_debits_logs_and_satisfies_both_sides(bench: Bench) -> None:
    purse, psam = bench.purse(funded(bench)), bench.psam()
    init = purse.init_capp(Fen(85), bench.terminal)
    answer = authorise(bench, psam, init, 85)
    purse.update_capp_cache("001E", TRIP)
    done = purse.debit(answer.terminal_seq, DATE, TIME, answer.mac1)
    psam.credit_purchase(done.mac2)
    check_tac(bench, 85, answer.terminal_seq, done.tac)
    assert purse.balance() == Fen(9_915)
    assert purse.log()[0].amount == Fen(85)
    assert purse.trips()[0]["balance"] == 9_915


def test_trip_record_without_debit_is_not_written(bench: Bench) -> None:
    channel = funded(bench)
    purse = bench.purse(channel)
    purse.init_capp(Fen(85), bench.terminal)
    purse.update_capp_cache("001E", TRIP)
    channel.reset()
    purse.select()
    assert purse.trips() == []
    assert purse.balance() == Fen(10_000)


def test_free_ride_counts(bench: Bench) -> None:
    purse, psam = bench.purse(bench.card()), bench.psam()
    init = purse.init_capp(Fen(0), bench.terminal)
    answer = authorise(bench, psam, init, 0)
    done = purse.debit(answer.terminal_seq, DATE, TIME, answer.mac1)
    check_tac(bench, 0, answer.terminal_seq, done.tac)
    assert purse.init_capp(Fen(0), bench.terminal).offline_seq == init.offline_seq + 1


def test_simple_purchase(bench: Bench) -> None:
    purse, psam = bench.purse(funded(bench)), bench.psam()
    init = purse.init_purchase(Fen(500), bench.terminal)
    answer = authorise(bench, psam, init, 500, kind=6)
    done = purse.debit(answer.terminal_seq, DATE, TIME, answer.mac1)
    psam.credit_purchase(done.mac2)
    check_tac(bench, 500, answer.terminal_seq, done.tac, kind=6)
    assert purse.balance() == Fen(9_500)


def test_more_than_there_is_is_refused(bench: Bench) -> None:
    purse = bench.purse(funded(bench, 100))
    with pytest.raises(PurseFundsError):
        purse.init_capp(Fen(101), bench.terminal)


def test_debit_with_anothers_mac1_is_refused(bench: Bench) -> None:
    purse, psam = bench.purse(funded(bench)), bench.psam()
    init = purse.init_capp(Fen(85), bench.terminal)
    answer = authorise(bench, psam, init, 84)
    with pytest.raises(PurseMacError):
        purse.debit(answer.terminal_seq, DATE, TIME, answer.mac1)
    assert purse.balance() == Fen(10_000)


def test_a_replayed_answer_does_not_satisfy_the_psam(bench: Bench) -> None:
    purse, psam = bench.purse(funded(bench)), bench.psam()
    init = purse.init_capp(Fen(85), bench.terminal)
    first = authorise(bench, psam, init, 85)
    done = purse.debit(first.terminal_seq, DATE, TIME, first.mac1)
    psam.credit_purchase(done.mac2)
    init = purse.init_capp(Fen(85), bench.terminal)
    second = authorise(bench, psam, init, 85)
    assert second.terminal_seq == first.terminal_seq + 1
    with pytest.raises(Mac2Error):
        psam.credit_purchase(done.mac2)


DIALECTS = [(s, o) for s in ("init", "init_plus_1") for o in ("mac_tac", "tac_mac")]


@pytest.mark.parametrize(("sequence", "order"), DIALECTS)
@pytest.mark.parametrize("kind", ["tear_after_write", "drop_answer"])
def test_torn_debit_is_proven_and_charged_once(bench: Bench, sequence: str, order: str, kind: str) -> None:
    bench.replace_card(Order(3, options={"prove_sequence": sequence, "prove_order": order}))
    purse, psam = bench.purse(funded(bench)), bench.psam()
    init = purse.init_capp(Fen(85), bench.terminal)
    answer = authorise(bench, psam, init, 85)
    bench.rack.fault(bench.card_slot, Fault(kind, DEBIT))  # type: ignore[arg-type]
    with pytest.raises(CardLostError):
        purse.debit(answer.terminal_seq, DATE, TIME, answer.mac1)
    again = _dialect(bench.again(), sequence, order)
    proof = again.prove("capp", init.offline_seq)
    check_tac(bench, 85, answer.terminal_seq, proof.tac)
    psam.credit_purchase(proof.mac)
    assert again.balance() == Fen(9_915)
    assert [entry.amount for entry in again.log()] == [Fen(85), Fen(10_000)]


@pytest.mark.parametrize(("sequence", "order"), DIALECTS)
def test_debit_torn_before_the_write_is_not_charged(bench: Bench, sequence: str, order: str) -> None:
    bench.replace_card(Order(3, options={"prove_sequence": sequence, "prove_order": order}))
    purse, psam = bench.purse(funded(bench)), bench.psam()
    init = purse.init_capp(Fen(85), bench.terminal)
    answer = authorise(bench, psam, init, 85)
    bench.rack.fault(bench.card_slot, Fault("tear_before_write", DEBIT))
    with pytest.raises(CardLostError):
        purse.debit(answer.terminal_seq, DATE, TIME, answer.mac1)
    again = _dialect(bench.again(), sequence, order)
    with pytest.raises(ProofMissingError):
        again.prove("capp", init.offline_seq)
    assert again.balance() == Fen(10_000)
    assert again.init_capp(Fen(85), bench.terminal).offline_seq == init.offline_seq


def test_torn_load_is_proven(bench: Bench) -> None:
    bench.rack.fault(bench.card_slot, Fault("drop_answer", LOAD))
    purse = bench.purse(bench.card())
    with pytest.raises(CardLostError):
        load(bench, purse, 5_000)
    again = bench.purse(bench.again())
    assert again.balance() == Fen(5_000)
    assert again.prove("load", 0).tac
    with pytest.raises(ProofMissingError):
        again.prove("load", 7)


def test_sequence_of_the_psam_survives_a_lost_answer(bench: Bench) -> None:
    purse = bench.purse(funded(bench))
    first = authorise(bench, bench.psam(), purse.init_capp(Fen(1), bench.terminal), 1)
    bench.rack.fault(bench.psam_slot, Fault("drop_answer", 0x70))
    with pytest.raises(CardLostError):
        authorise(bench, bench.psam(), purse.init_capp(Fen(1), bench.terminal), 1)
    bench.rack.eject(bench.psam_slot)
    bench.rack.insert(bench.psam_slot, bench.folder / "psam.chip")
    after = authorise(bench, bench.psam(), purse.init_capp(Fen(1), bench.terminal), 1)
    assert after.terminal_seq == first.terminal_seq + 2


def _dialect(channel: CardChannel, sequence: str, order: str) -> PurseSession:
    profile = load_profile("tunion")
    assert profile.purse is not None
    rules = dataclasses.replace(profile.purse, prove_sequence=sequence, prove_order=order)
    purse = PurseSession(channel, dataclasses.replace(profile, purse=rules))
    purse.select()
    return purse
