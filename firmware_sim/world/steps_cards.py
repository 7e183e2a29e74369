"""Steps with a card in a reader: rides, torn rides, stays, loads; each checks at once what must never happen."""

from card.domain.decision import Deny, Grant, Refer
from card.domain.event import Outcome
from card.domain.money import Fen
from firmware_sim.card.factory import TWIN_PIN
from firmware_sim.card.faults import ANY_INS, KINDS, Fault
from firmware_sim.world.errors import demand
from firmware_sim.world.frail import WRITES, Death
from firmware_sim.world.line import Mishap
from firmware_sim.world.people import Plastic
from firmware_sim.world.terminals import Station
from firmware_sim.world.truth import NOTHING, Moved
from firmware_sim.world.world import Torn, World
from terminal.config import BusConfig
from terminal.errors import LinkDownError
from terminal.scenes.hotel import StayRequest
from terminal.tap import TapResult
from terminal.uplink import API

INS_LOAD, INS_DEBIT, INS_INIT, INS_CACHE, INS_PROVE = 0x52, 0x54, 0x50, 0xDC, 0x5A
BUS_INS = (INS_DEBIT, INS_DEBIT, INS_DEBIT, INS_INIT, INS_CACHE, INS_PROVE, 0xC0, ANY_INS, ANY_INS)
LOAD_INS = (INS_LOAD, INS_LOAD, INS_LOAD, INS_INIT, 0xC0, ANY_INS)
PSAM_INS = (0x70, 0x72, 0xC0, ANY_INS)
LOADS = (500, 1_000, 2_000, 5_000)
REQUESTS_OF_A_LOAD = 2
LOST_CARD = "lost_card"
SAME_RIDE_MS = BusConfig().same_ride_s * 1000


def ride(world: World) -> None:
    """Somebody taps on a bus."""
    _tap(world, world.chance.pick(world.of_kind("bus")), _somebody(world))


def torn_ride(world: World) -> None:
    """The card leaves the field at some write or answer; often its holder tries again at once."""
    station, card = world.chance.pick(world.of_kind("bus")), _somebody(world)
    world.tear(station, _fault(world, BUS_INS))
    _tap(world, station, card)
    if world.chance.odds(50):
        world.clock.advance(world.chance.between(1, 20))
        if world.chance.odds(15):
            world.tear(station, _fault(world, BUS_INS))
        _tap(world, station, card)


def come_back(world: World) -> None:
    """A card with an open tap comes back to its bus, or to the other one first."""
    for asn in world.chance.shuffled(sorted(world.torn)):
        card = next(card for _, card in world.cards() if card.asn == asn)
        if not card.gone:
            name = world.torn[asn].station
            station = world.stations[name] if world.chance.odds(80) else world.chance.pick(world.of_kind("bus"))
            _tap(world, station, card)
            return


def module_falls_out(world: World) -> None:
    """The PSAM fails in the middle of a ride."""
    station = world.chance.pick(world.of_kind("bus"))
    kind = world.chance.pick(KINDS)
    world.rack.fault(station.psam_slot, Fault(kind, world.chance.pick(PSAM_INS), world.chance.between(1, 3)))
    _tap(world, station, _somebody(world))
    world.rack.disarm(station.psam_slot)


def killed_while_serving(world: World) -> None:
    """A terminal's process is killed around one of its journal's writes, and started again."""
    station = world.chance.pick([s for s in world.stations.values() if s.spec.kind in ("bus", "hotel", "kiosk")])
    station.journal.death = Death(world.chance.pick(WRITES), world.chance.odds(50), world.chance.between(1, 2))
    {"bus": _tap, "hotel": _check_in, "kiosk": _call}[station.spec.kind](world, station, _somebody(world))
    station.journal.death = None


def stay(world: World) -> None:
    """A guest checks in; now and then the card is pulled away while it is read."""
    station = world.stations["hotel-1"]
    if world.chance.odds(15):
        world.tear(station, Fault("drop_answer", ANY_INS, world.chance.between(1, 25)))
    _check_in(world, station, _somebody(world))


def load(world: World) -> None:
    """A holder loads the purse at the kiosk."""
    _call(world, world.stations["kiosk-1"], _somebody(world))


def troubled_load(world: World) -> None:
    """A load whose card is torn away, or whose requests or answers are lost, late or overtaken."""
    station = world.stations["kiosk-1"]
    card = _somebody(world)
    if world.chance.odds(60):
        world.tear(station, _fault(world, LOAD_INS, 12))
    else:
        kinds = (Mishap.NONE, Mishap.REQUEST_LOST, Mishap.ANSWER_LOST, Mishap.LATE, Mishap.LATE_ARRIVES)
        station.line.mishaps = [world.chance.pick(kinds) for _ in range(REQUESTS_OF_A_LOAD)]
    _call(world, station, card)
    station.line.mishaps.clear()
    if world.chance.odds(40):
        world.clock.advance(world.chance.between(1, 30))
        if station.line.late and world.chance.odds(50):
            station.line.mishaps = [Mishap.NONE, Mishap.LATE_ARRIVES]
        _call(world, station, card)
        station.line.mishaps.clear()


def finder(world: World) -> None:
    """A stranger taps with a card that was reported lost."""
    lost = [card for _, card in world.cards() if card.finder and not card.gone]
    if lost:
        _tap(world, world.chance.pick(world.of_kind("bus")), world.chance.pick(lost))


def _somebody(world: World) -> Plastic:
    """Somebody's card, in the holder's hand."""
    mine = [holder.card for holder in world.holders if not holder.card.gone and not holder.card.finder]
    return world.chance.pick(mine)


def _fault(world: World, among: tuple[int, ...], most: int = 10) -> Fault:
    ins = world.chance.pick(among)
    return Fault(world.chance.pick(KINDS), ins, world.chance.between(1, most) if ins == ANY_INS else 1)


def _tap(world: World, station: Station, card: Plastic) -> None:
    torn = world.torn.get(card.asn)
    result, moved = world.present(station, card, station.bus.tap)
    if result is not None:
        _check_tap(station, card, result, moved)
    if torn is not None and torn.station == station.spec.name:
        _check_return(world, station, card, torn, moved)
    here = torn is not None and torn.station == station.spec.name
    still_open = station.device.journal.pending(card.asn) + station.device.journal.open_cases(card.asn)
    if still_open and (result is None or (isinstance(result.decision, Grant) and result.outcome is None)):
        world.torn[card.asn] = Torn(station.spec.name, world.now_ms, station.clock.lean_s, moved.debited)
    elif here and not still_open:
        del world.torn[card.asn]
    world.count("debited" if moved.debited is not None else "tapped")


def _check_tap(station: Station, card: Plastic, result: TapResult, moved: Moved) -> None:
    seen = f"{card.asn} at {station.spec.name}: {result.decision}, {result.outcome}, {moved}"
    demand(moved.loaded is None, "a_bus_never_loads", seen)
    if isinstance(result.decision, Deny | Refer):
        demand(moved == NOTHING, "no_denied_citizen_charged", seen)
    elif result.outcome is Outcome.POSTED and isinstance(result.decision, Grant):
        demand(moved.debited == int(result.decision.fare), "a_paid_ride_costs_its_fare", seen)
    elif result.decision is None or result.outcome is Outcome.VOIDED:
        demand(moved == NOTHING, "no_ride_no_charge", seen)
    elif isinstance(result.decision, Grant):
        demand(moved.debited in (None, int(result.decision.fare)), "a_torn_ride_costs_its_fare_at_most", seen)


def _check_return(world: World, station: Station, card: Plastic, torn: Torn, moved: Moved) -> None:
    """Back on the same bus within the time of one ride: what was paid is not paid again."""
    soon = world.now_ms - torn.at_ms <= SAME_RIDE_MS and station.clock.lean_s == torn.lean_s
    if soon and torn.debited is not None:
        seen = f"{card.asn} at {station.spec.name} paid {torn.debited}, came back, {moved}"
        demand(moved.debited is None, "a_torn_tap_is_charged_once", seen)


def _check_in(world: World, station: Station, card: Plastic) -> None:
    request = StayRequest(f"{world.chance.between(101, 899):04d}", accompanied=world.chance.odds(50))
    result, moved = world.present(station, card, lambda: station.hotel.check_in(request))
    demand(moved == NOTHING, "a_stay_costs_nothing_on_the_purse", f"{card.asn}: {moved}")
    world.count("registered" if result and result.outcome is Outcome.POSTED else "not registered")


def _call(world: World, station: Station, card: Plastic) -> None:
    visit(world, station, card, from_lost=bool(card.supersedes) and world.chance.odds(60))


def visit(world: World, station: Station, card: Plastic, *, from_lost: bool) -> None:
    """Insert, PIN, one load, out. `from_lost` loads what waits from the lost card before this one."""
    amount = Fen(world.chance.pick(LOADS))
    statement = world.chance.odds(10)

    def serve() -> TapResult | None:
        kiosk = station.kiosk
        if kiosk.insert().code != "S-KIOSK-TRIES":
            return None
        opened = kiosk.enter_pin(TWIN_PIN)
        if not isinstance(opened.decision, Grant):
            kiosk.leave()
            return opened
        if statement:
            kiosk.statement()
        done = kiosk.load(_waiting(station, card), LOST_CARD) if from_lost else kiosk.load(amount)
        kiosk.leave()
        return done

    result, moved = world.present(station, card, serve)
    seen = f"{card.asn}: {result.decision if result else None}, {moved}"
    demand(moved.debited is None, "a_kiosk_never_debits", seen)
    if result is not None and result.outcome is Outcome.POSTED and not from_lost:
        demand(moved.loaded == int(amount), "a_load_adds_its_amount", seen)
    if result is not None and (isinstance(result.decision, Deny) or result.outcome is Outcome.VOIDED):
        demand(moved == NOTHING, "a_refused_load_adds_nothing", seen)
    world.count("loaded" if moved.loaded is not None else "not loaded")


def _waiting(station: Station, card: Plastic) -> Fen:
    """What waits for this purse from the lost card before it; 0 when nothing, or nobody can be asked."""
    try:
        reply = station.device.uplink.exchange("POST", f"{API}/purse/credits", {"asn": card.asn})
    except LinkDownError:
        return Fen(0)
    return Fen(int(reply.body.get("amount", 0)))
