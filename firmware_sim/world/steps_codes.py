"""Steps with a phone: a code at a lane, the same code again, at the next lane, at the other site."""

from card.domain.decision import Deny
from card.domain.event import Outcome
from firmware_sim.world.errors import ProcessDiedError, demand
from firmware_sim.world.frail import APPEND, RESOLVE, Death
from firmware_sim.world.keys import issuer
from firmware_sim.world.line import Mishap
from firmware_sim.world.people import wallet_of
from firmware_sim.world.terminals import LANES, Station
from firmware_sim.world.world import World

MOODS = ("stuck", "mute-open", "mute-shut")


def fresh_code(world: World) -> None:
    """A holder shows a new code; a few barriers misbehave, a few answers of the server are lost."""
    holder = world.chance.pick(world.holders)
    card = holder.card
    card.code = wallet_of(holder, card, issuer(), world.clock).show(world.now_ms)
    world.shown.append(card.code)
    station = world.chance.pick(world.of_kind("scenic"))
    if world.chance.odds(5):
        station.line.mishaps = [world.chance.pick((Mishap.REQUEST_LOST, Mishap.ANSWER_LOST, Mishap.LATE))]
    _show(world, station, card.code)
    station.line.mishaps.clear()


def same_code_again(world: World) -> None:
    """One of the newest codes once more, at any lane of any site."""
    if world.shown:
        code = world.chance.pick(world.shown[-4:])
        _show(world, world.chance.pick(world.of_kind("scenic")), code)


def torn_picture(world: World) -> None:
    """A code with one byte changed on the way from the screen."""
    if world.shown:
        code = bytearray(world.chance.pick(world.shown[-4:]))
        code[world.chance.below(len(code))] ^= 1 + world.chance.below(255)
        station = world.chance.pick(world.of_kind("scenic"))
        before = len(world.openings)
        result = station.lanes["A"].show(bytes(code))
        world.count("forged")
        denied = isinstance(result.decision, Deny) and len(world.openings) == before
        demand(denied, "a_changed_code_opens_nothing", f"{station.spec.name}: {result.decision}")


def gate_killed(world: World) -> None:
    """The venue's process is killed around its journal's write; what the barrier did is not known afterwards."""
    holder = world.chance.pick(world.holders)
    code = wallet_of(holder, holder.card, issuer(), world.clock).show(world.now_ms)
    station = world.chance.pick(world.of_kind("scenic"))
    station.journal.death = Death(world.chance.pick((APPEND, RESOLVE)), world.chance.odds(50))
    _show(world, station, code)
    station.journal.death = None
    world.shown.append(code)


def people_leave(world: World) -> None:
    """Some visitors go home."""
    for station in world.of_kind("scenic"):
        for _ in range(world.chance.between(1, 10)):
            station.venue.person_left()


def _show(world: World, station: Station, code: bytes) -> None:
    lane = world.chance.pick(LANES)
    arm = station.arms[lane]
    arm.mood = world.chance.pick(MOODS) if world.chance.odds(8) else "good"
    before = len(world.openings)
    try:
        result = station.lanes[lane].show(code)
    except ProcessDiedError:
        arm.mood = "good"
        world.count("process died")
        station.reboot()
        return
    opened = len(world.openings) - before
    seen = f"{station.spec.name}/{lane} {arm.mood}: {result.decision}, {result.outcome}, {opened} openings"
    if isinstance(result.decision, Deny) or result.decision is None or result.outcome is Outcome.VOIDED:
        demand(opened == 0, "only_a_grant_opens", seen)
    if result.outcome is Outcome.POSTED:
        demand(opened == 1, "a_posted_entry_opened", seen)
    arm.mood = "good"
    arm.shut()
    world.count("entered" if opened else "not entered")
