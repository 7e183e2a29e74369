"""The end of a world: every plug in, every clock right, every card presented again, everything synced."""

from firmware_sim.card.factory import TWIN_PIN
from firmware_sim.world.people import NORMAL, Plastic
from firmware_sim.world.steps_cards import visit
from firmware_sim.world.terminals import Station
from firmware_sim.world.world import World
from server.purse import loads as loads_service
from server.purse import repository as loads
from server.purse.load import PENDING

LISTS_END_DAYS = 4  # a list lives three days
QUIET_S = 700  # longer than a bus waits for a torn card, and than the server waits for a load


def settle(world: World) -> None:
    """Give everybody and everything the occasion to finish what was begun."""
    _calm(world)
    kiosk, hotel = world.stations["kiosk-1"], world.stations["hotel-1"]
    for station in world.of_kind("bus"):
        for card in _owing(world, station, ""):
            world.present(station, card, station.bus.tap)
    owing = _owing(world, kiosk, "load:")
    if owing:  # the page opens only on a list of these days
        _round(world, kiosk)
    for card in owing:
        world.present(kiosk, card, lambda: _visit(kiosk))
    world.clock.advance(QUIET_S)
    for station in world.stations.values():
        if station.spec.kind == "bus":
            station.bus.give_up()
        station.uploader.run()
    world.office.settle()
    if _loads_wait(world):
        _round(world, kiosk)
    if world.done.get("registered"):
        _round(world, hotel)
    _inherit(world, kiosk)


def _inherit(world: World, kiosk: Station) -> None:
    """Every list without the lost cards runs out; what was on them is loaded to the new ones."""
    if not any(holder.card.supersedes for holder in world.holders):
        return
    world.clock.advance(days=LISTS_END_DAYS)
    world.office.settle()
    context = world.house.context
    with context.store.reading() as session:
        waiting = {h.number: loads_service.waiting_credit(session, h.card.asn) for h in world.holders}
    heirs = [h.card for h in world.holders if waiting[h.number] > 0 and h.card.state == NORMAL and not h.card.gone]
    if heirs:
        _round(world, kiosk)
    for card in heirs:
        visit(world, kiosk, card, from_lost=True)
    kiosk.uploader.run()


def _calm(world: World) -> None:
    world.clock.advance(QUIET_S)
    world.police.answering = True
    for station in world.stations.values():
        station.line.down = False
        station.line.mishaps.clear()
        station.clock.lean_s = 0
        while station.line.late:
            station.line.deliver(0)


def _owing(world: World, station: Station, prefix: str) -> list[Plastic]:
    """Cards that some entry of this station waits for."""
    entries = station.device.journal.pending() + station.device.journal.open_cases()
    subjects = {entry.draft.subject for entry in entries}
    return [card for _, card in world.cards() if prefix + card.asn in subjects and not card.gone]


def _visit(kiosk: Station) -> None:
    if kiosk.kiosk.insert().code == "S-KIOSK-TRIES":
        kiosk.kiosk.enter_pin(TWIN_PIN)
    kiosk.kiosk.leave()


def _round(world: World, station: Station) -> None:
    world.count("synced" if world.sync(station) else "not synced at the end")


def _loads_wait(world: World) -> bool:
    """Whether the server still has a question about a load: the answer needs a heartbeat and a notice."""
    with world.house.context.store.reading() as session:
        return bool(loads.in_state(session, PENDING))
