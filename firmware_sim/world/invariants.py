"""What must hold of every world: each a function with a name, a figure and, when broken, what was seen.

`ALWAYS` holds at any moment, with events and letters on the road; `SETTLED` also holds, once every card has been
presented again, every line is up and everything is synced.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from firmware_sim.world.book import Book, Case, Paid, booked, tap_of
from firmware_sim.world.people import BANK, NORMAL
from firmware_sim.world.world import World
from keys.algorithms.sm3 import sm3
from server.audit import service as audit
from server.errors import ChainBrokenError
from server.ledger import service as ledger
from server.purse.accounts import SCHEME_LOSS
from terminal.config import KioskConfig

SHOWN = 3
LOAD_MIN = KioskConfig().load_min
LOG_ROWS = 10  # file 0018 of the purse


@dataclass(frozen=True, slots=True)
class Finding:
    """`value` says how much was looked at; `broken` "" or what was seen."""

    name: str
    value: str
    broken: str = ""

    @property
    def ok(self) -> bool:
        return not self.broken


Check = Callable[[World, Book], tuple[str, Iterable[str]]]


def money_is_constant(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Cards + road + book = what was brought in. Rests given back to a new card no longer count on the lost one."""
    sums, taken = book.sums(), booked(book)
    released = sum(paid.fen for paid in book.postings if paid.key.startswith("lost:"))
    cards = world.truth.total() - released
    fares = sum(world.truth.debits.values()) - sum(taken.values())
    posted = sum(load.amount for state, load in book.loads if state == "posted")
    road = fares - (sum(world.truth.loads.values()) - posted)
    others = sum(fen for name, fen in sums.items() if name.partition(":")[0] == "operator" or _others_suspense(name))
    brought = -sums.get(f"bank:{BANK}", 0)
    left = brought - cards - road - others
    value = f"cards {cards} + road {road} + book {others} = brought in {brought}"
    return value, [f"{value}: {left} fen missing"] if left else []


def every_debit_is_somewhere(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """A debit of a chip is in the book, or on the road, or in an open entry of its terminal; never nowhere."""
    taken, road = booked(book), _on_the_road(book)
    lost = [
        f"{tap}: {fen} fen left the card and nobody knows"
        for tap, fen in world.truth.debits.items()
        if tap not in taken and tap not in road and tap not in book.open_taps
    ]
    wrong = [
        f"{tap}: {fen} fen left the card, {taken[tap]} booked"
        for tap, fen in world.truth.debits.items()
        if tap in taken and taken[tap] != fen
    ]
    return f"{len(world.truth.debits)} debits", lost + wrong


def nothing_is_charged_without_a_debit(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """The book takes from a purse only what its chip debited; or an uncertain tap whose proof is still to come."""
    unproven = {tap for tap in booked(book) if tap not in world.truth.debits}
    answered = _on_the_road(book)
    bad = [f"{tap} charged, chip was never debited" for tap in unproven if tap not in book.open_taps | answered]
    return f"{len(unproven)} uncertain", bad


def every_tap_is_charged_once(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """One tap, one charging event; one (ASN, offline sequence), one tap that was paid."""
    events: dict[Any, list[str]] = defaultdict(list)
    for name, paid in book.of_event().items():
        data = book.events[name].data
        if data["type"] == "bus" and paid:
            events[tap_of(data["body"], data["id"]["terminal"])].append(name)
    twice = [f"{tap} charged by {names}" for tap, names in events.items() if len(names) > 1]
    paid_twice = Counter(tap[:2] for tap in world.truth.debits)
    return f"{len(events)} charged taps", twice + [f"{key} debited {n} times" for key, n in paid_twice.items() if n > 1]


def every_load_is_somewhere(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """A load of a chip is posted, or its money is held; a posted load is on its chip."""
    held: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
    for state, load in book.loads:
        held[(load.asn, load.online_seq)].append((state, load.amount))
    bad = []
    for key, fen in world.truth.loads.items():
        alive = [(state, amount) for state, amount in held[key] if state != "voided"]
        if (("posted", fen) not in alive) and not any(state != "posted" and amount == fen for state, amount in alive):
            bad.append(f"{key}: {fen} fen on the card, the server has {held[key]}")
    for key, found in held.items():
        posted = [amount for state, amount in found if state == "posted"]
        if posted and posted != [world.truth.loads.get(key)]:
            bad.append(f"{key}: posted {posted}, on the card {world.truth.loads.get(key)}")
    return f"{len(world.truth.loads)} loads", bad


def denials_move_no_money(_world: World, book: Book) -> tuple[str, Iterable[str]]:
    """No posting stands for an event that is not a grant."""
    bad = [
        f"{name} {book.events[name].data['decision']}"
        for name in book.of_event()
        if book.events[name].data["decision"].get("answer") != "grant"
    ]
    denied = sum(1 for data in book.journals.values() if data["decision"].get("answer") != "grant")
    return f"{denied} denials", bad


def every_event_is_posted_once(_world: World, book: Book) -> tuple[str, Iterable[str]]:
    """An accepted, carried debit has postings of exactly its amount; nothing else has any."""
    bad, posted = [], book.of_event()
    for held in book.events.values():
        data = held.data
        body, sum_ = data["body"], sum(paid.fen for paid in posted.get(held.id, []))
        debit = data["type"] == "bus" and body["outcome"] in ("posted", "uncertain")
        carried = held.verdict == "accepted" and not held.waiting
        if debit and carried and (held.id not in posted or sum_ != body["amount"]):
            bad.append(f"{held.id}: {body['amount']} fen, posted {sum_}")
        if not debit and data["type"] != "resolution" and held.id in posted:
            bad.append(f"{held.id} ({data['type']} {body['outcome']}) has postings")
    return f"{len(posted)} posted", bad


def terminals_and_server_agree(_world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Every event of the server is a journal's, byte by byte; what a terminal was told matches what is stored."""
    bad = [f"{name} differs" for name, held in book.events.items() if book.raws.get(name) != held.raw]
    for name, verdict in book.verdicts.items():
        stored = book.events[name].verdict if name in book.events else ""
        if verdict in ("accepted", "duplicate") and stored != "accepted":
            bad.append(f"{name}: terminal was told {verdict}, server holds {stored or 'nothing'}")
    return f"{len(book.events)} events", bad


def no_event_is_in_doubt(_world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Honest terminals are believed. A debit only the card's log attests has no TAC: it waits for a person."""
    bad = [
        f"{held.id} {held.verdict} {held.code}"
        for held in book.events.values()
        if held.verdict != "accepted" and not _log_only(held.data["body"])
    ]
    bad += [f"{held.id} {held.difference}" for held in book.events.values() if held.difference]
    refused = [f"{name} {verdict}" for name, verdict in book.verdicts.items() if verdict in ("rejected", "conflict")]
    doubted = sum(1 for held in book.events.values() if held.verdict != "accepted")
    return f"{doubted} wait for a person", bad + refused


def chains_are_unbroken(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Each event names the hash of the one before; ledger and access log verify."""
    bad: list[str] = []
    last: dict[str, tuple[int, str]] = {}
    for name, raw in book.raws.items():
        data = book.journals[name]
        epoch = f"{data['id']['terminal']}.{data['id']['epoch']}"
        seq, prev = last.get(epoch, (0, ""))
        if data["id"]["seq"] != seq + 1 or data["prev"] != prev:
            bad.append(f"{name} does not follow {seq}")
        last[epoch] = (data["id"]["seq"], sm3(raw).hex())
    try:
        with world.house.context.store.reading() as session:
            rows = ledger.verify(session) + audit.verify(session)
    except ChainBrokenError as broken:
        return "broken", [str(broken)]
    return f"{len(book.raws)} events, {rows} rows", bad


def ledger_sums_to_zero(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Every posting is a pair; all accounts together hold nothing."""
    with world.house.context.store.reading() as session:
        pairs = ledger.sum_is_zero(session)
        total = sum(int(fen) for fen in ledger.balances(session).values())
    bad = [] if pairs and total == 0 else [f"pairs {pairs}, sum {total}"]
    return f"{len(book.postings)} postings", bad


def every_opened_gate_has_an_event(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """A barrier that opened is told of by a granted event of its site (unless its process is still down)."""
    told = {
        (data["id"]["terminal"], data["body"]["replay_key"], data["at"])
        for data in book.journals.values()
        if data["type"] == "scenic" and data["body"]["outcome"] in ("posted", "uncertain")
    }
    bad = [
        f"{opening} has no event"
        for opening in world.openings
        if (world.stations[opening.station].terminal_no, opening.replay_key, opening.at_ms) not in told
    ]
    return f"{len(world.openings)} openings", bad


def double_entries_are_marked(_world: World, book: Book) -> tuple[str, Iterable[str]]:
    """One code, two sites: possible only when one could not ask, and marked by the server."""
    entered: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for held in book.events.values():
        data = held.data
        if data["type"] == "scenic" and data["body"]["outcome"] == "posted" and not held.waiting:
            entered[data["body"]["replay_key"]].append(data | {"name": held.id})
    bad, doubles = [], [found for found in entered.values() if len(found) > 1]
    for found in doubles:
        if all(data["body"]["site_check"] == "asked" for data in found):
            bad.append(f"{[data['name'] for data in found]}: both asked, both opened")
        if not any(data["name"] in book.doubles for data in found):
            bad.append(f"{[data['name'] for data in found]} not marked")
    return f"{len(entered)} entries, {len(doubles)} double", bad


def everything_has_arrived(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Every event of every journal is stored and carried; no entry, load or stay waits that could have been settled."""
    bad = [f"{name} never arrived" for name in book.journals if name not in book.events]
    bad += [f"{held.id} not carried" for held in book.events.values() if held.waiting]
    bad += [f"{case} still open" for case in book.cases if not _excused(world, case)]
    usable = {card.asn for _, card in world.cards() if card.state == NORMAL and not card.gone}
    for state, load in book.loads:
        if state == "pending" and load.asn in usable:
            bad.append(f"load {load.load_id} of {load.asn} is still pending")
    guests = [data["body"]["stay_id"] for data in book.journals.values() if _registered(data)]
    desk = world.stations["hotel-1"].hotel
    bad += [f"stay {stay} has no receipt of the police" for stay in guests if desk.receipt(stay) is None]
    return f"{len(book.journals)} events, {len(guests)} stays", bad


def the_rest_of_a_lost_card_reaches_its_heir(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Once every list has run out, nothing is left in the suspense of a replaced card, and nothing waits for its heir
    that the kiosk would load."""
    sums, bad, moved = book.sums(), [], 0
    for holder in world.holders:
        for old, new in pairwise(holder.cards):
            moved += 1
            if new.state == NORMAL and sums.get(f"suspense:lost:{old.asn}", 0) > 0:
                bad.append(f"{old.asn} still holds {sums[f'suspense:lost:{old.asn}']}")
            waiting = sums.get(f"suspense:transfer:{new.asn}", 0)
            if new.state == NORMAL and not new.gone and waiting >= LOAD_MIN:
                bad.append(f"{waiting} still wait for {new.asn}")
    return f"{moved} replaced", bad


def books_equal_chips(world: World, book: Book) -> tuple[str, Iterable[str]]:
    """Purse by purse: the chip holds what the book says, but for taps and loads named as open."""
    sums, taken, bad = book.sums(), booked(book), []
    named = 0
    for _, card in world.cards():
        asn = card.asn
        chip = world.truth.balance(asn)
        held = sums.get(f"purse:{asn}", 0) + sums.get(f"suspense:lost:{asn}", 0)
        held += sum(p.fen for p in book.postings if p.key.startswith(f"lost:{asn}:"))
        held -= sum(_loss(p) for p in book.postings if _loss(p) and _asn_of(book, p) == asn)
        doubted = sum(fen for tap, fen in taken.items() if tap[0] == asn and tap not in world.truth.debits)
        doubted -= sum(fen for tap, fen in world.truth.debits.items() if tap[0] == asn and tap not in taken)
        posted = {load.online_seq for state, load in book.loads if state == "posted" and load.asn == asn}
        doubted += sum(fen for (a, seq), fen in world.truth.loads.items() if a == asn and seq not in posted)
        named += bool(doubted)
        if chip != held + doubted:
            bad.append(f"{asn}: chip {chip}, book {held}, named as open {doubted}")
    return f"{len(world.cards())} purses, {named} with open cases", bad


ALWAYS: tuple[Check, ...] = (
    money_is_constant,
    every_debit_is_somewhere,
    nothing_is_charged_without_a_debit,
    every_tap_is_charged_once,
    every_load_is_somewhere,
    denials_move_no_money,
    every_event_is_posted_once,
    terminals_and_server_agree,
    no_event_is_in_doubt,
    chains_are_unbroken,
    ledger_sums_to_zero,
    every_opened_gate_has_an_event,
    double_entries_are_marked,
)
SETTLED: tuple[Check, ...] = (
    everything_has_arrived,
    the_rest_of_a_lost_card_reaches_its_heir,
    books_equal_chips,
)


def inspect(world: World, book: Book, checks: tuple[Check, ...]) -> list[Finding]:
    """Run `checks` on one copy of the books."""
    found = []
    for check in checks:
        value, broken = check(world, book)
        seen = list(broken)
        more = f" and {len(seen) - SHOWN} more" if len(seen) > SHOWN else ""
        found.append(Finding(check.__name__, value, "; ".join(seen[:SHOWN]) + more if seen else ""))
    return found


def _others_suspense(name: str) -> bool:
    return name.startswith("suspense:") and not name.startswith("suspense:lost:")


def _on_the_road(book: Book) -> set[Any]:
    """Taps told of by events the books have not taken: not arrived, not carried, or waiting for a person."""
    found = set()
    for name, data in book.journals.items():
        held = book.events.get(name)
        waits = held is None or held.waiting or held.verdict != "accepted"
        if waits and data["type"] in ("bus", "resolution") and data["body"].get("offline_seq", -1) >= 0:
            found.add(tap_of(data["body"], data["id"]["terminal"]))
    return found


def _log_only(body: dict[str, Any]) -> bool:
    return body.get("recovered") == "log" and not body.get("tac")


def _loss(paid: Paid) -> int:
    """What the scheme lost by this posting; negative when it got it back."""
    return paid.fen * ((paid.debit == SCHEME_LOSS) - (paid.credit == SCHEME_LOSS))


def _asn_of(book: Book, paid: Paid) -> str:
    return str(book.events[paid.event].data["body"]["asn"]) if paid.event else ""


def _registered(data: dict[str, Any]) -> bool:
    return bool(data["type"] == "hotel" and data["body"]["outcome"] == "posted")


def _excused(world: World, case: Case) -> bool:
    """Open for ever, and rightly: nobody will present the card again, or its log has forgotten the tap."""
    if case.kind == "scenic":
        return not case.pending  # what a dead barrier did can never be proven
    card = next((card for _, card in world.cards() if card.asn == case.asn), None)
    if card is None:
        return False
    if case.kind == "load":
        return card.gone or card.state != NORMAL or not case.pending
    loads = sum(1 for asn, _ in world.truth.loads if asn == case.asn)
    later = sum(1 for tap in world.truth.debits if tap[0] == case.asn and tap[1] >= case.sequence)
    return not case.pending and (card.gone or later + loads >= LOG_ROWS)
