"""Steps of lines, servers and clocks: plugs, rounds, doubles, late letters, restarts, jumps, nights."""

from firmware_sim.world.errors import demand
from firmware_sim.world.fingerprint import fingerprint
from firmware_sim.world.line import Mishap
from firmware_sim.world.outboxes import Newest
from firmware_sim.world.terminals import BATCH, Station
from firmware_sim.world.world import World
from terminal.errors import TerminalError
from terminal.uploader import Uploader

DAY_S = 86_400
LEANS_S = (-DAY_S, DAY_S, -600, 600, -100, 100)
MISHAPS = (Mishap.NONE, Mishap.NONE, Mishap.REQUEST_LOST, Mishap.ANSWER_LOST, Mishap.LATE, Mishap.LATE_ARRIVES)
REQUESTS_OF_A_SYNC = 8


def minutes(world: World) -> None:
    """Time passes."""
    world.clock.advance(world.chance.between(5, 700))


def night(world: World) -> None:
    """Hours pass; somebody sets the clocks right, and the phones' owners go home."""
    world.clock.advance(world.chance.between(6, 14) * 3600)
    for station in world.stations.values():
        if world.chance.odds(70):
            station.clock.lean_s = 0
        for _ in range(station.venue.inside if station.spec.kind == "scenic" else 0):
            station.venue.person_left()


def days(world: World) -> None:
    """Days pass: lists grow old, authorisations end."""
    world.clock.advance(days=world.chance.between(1, 4))


def clock_jumps(world: World) -> None:
    """One device's clock goes wrong, or right again."""
    station = world.chance.pick(list(world.stations.values()))
    station.clock.lean_s = 0 if station.clock.lean_s else world.chance.pick(LEANS_S)


def plug(world: World) -> None:
    """One line goes down or comes up again."""
    line = world.chance.pick(list(world.stations.values())).line
    line.down = not line.down and world.chance.odds(60)


def round_trip(world: World) -> None:
    """A whole sync of one device over a line that may misbehave."""
    station = world.chance.pick(list(world.stations.values()))
    if world.chance.odds(30):
        station.line.mishaps = [world.chance.pick(MISHAPS) for _ in range(REQUESTS_OF_A_SYNC)]
    world.count("synced" if world.sync(station) else "not synced")
    station.line.mishaps.clear()


def upload(world: World) -> None:
    """Only the events of one device go up."""
    station = world.chance.pick(list(world.stations.values()))
    if world.chance.odds(40):
        station.line.mishaps = [world.chance.pick(MISHAPS)]
    _upload(world, station)
    station.line.mishaps.clear()


def newest_first(world: World) -> None:
    """The newest events of one device go up before the older ones: a hole that is filled later."""
    station = world.chance.pick(list(world.stations.values()))
    newest = Newest(station.device.journal, world.chance.between(1, 3))
    try:
        Uploader(newest, station.device.uplink, station.device.key, BATCH).run()
    except TerminalError:
        return
    world.count("newest first")


def late_letter(world: World) -> None:
    """A request that was given up long ago arrives."""
    waiting = [station for station in world.stations.values() if station.line.late]
    if waiting:
        line = world.chance.pick(waiting).line
        line.deliver(world.chance.below(len(line.late)))
        world.count("late letters")


def same_batch_again(world: World) -> None:
    """A device's last batch comes twice more; the second time nothing may change any more."""
    station = world.chance.pick(list(world.stations.values()))
    if station.line.repeat_batch() is None:
        return
    before = fingerprint(world.house.context)
    answer = station.line.repeat_batch() or {}
    after = fingerprint(world.house.context)
    verdicts = {str(row["verdict"]) for row in answer["results"]}
    seen = f"{station.spec.name}: {sorted(verdicts)}, {_difference(before, after)}"
    demand(before == after and "accepted" not in verdicts, "duplicates_change_nothing", seen)
    world.count("duplicate batches")


def server_restarts(world: World) -> None:
    """The server's process ends and starts again."""
    world.house.restart()
    world.count("server restarts")


def server_dies(world: World) -> None:
    """The server dies after it has stored a batch, before it has carried or answered it."""
    world.house.die_after_storing()
    for station in world.chance.shuffled(list(world.stations.values())):
        if not station.line.down and station.device.journal.state().unsent:
            _upload(world, station)
            world.count("server deaths")
            return
    world.house.restart()


def police_line(world: World) -> None:
    """The police desk stops answering, or answers again."""
    world.police.answering = not world.police.answering


def _upload(world: World, station: Station) -> None:
    try:
        station.uploader.run()
    except TerminalError:
        return
    world.count("uploads")


def _difference(before: dict[str, object], after: dict[str, object]) -> str:
    return ", ".join(f"{name}: {before[name]} -> {after[name]}" for name in before if before[name] != after[name])
