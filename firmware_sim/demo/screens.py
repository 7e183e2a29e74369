"""From terminals' results to panels."""

from collections.abc import Iterable

from firmware_sim.demo.record import Wrote
from terminal.screen import Screen, Tone
from terminal.tap import TapResult

TONES = {Tone.GO: "good", Tone.STOP: "bad", Tone.WAIT: "wait", Tone.STAFF: "wait"}
MOST_APDUS = 22


def lines(screen: Screen) -> tuple[str, ...]:
    """What the person reads, Chinese first."""
    return (screen.zh, screen.en, *(f"{zh} · {en}" for zh, en in screen.lines[:6]))


def tone(screen: Screen) -> str:
    return TONES[screen.tone]


def apdus(result: TapResult) -> list[Wrote]:
    """Commands by name, equal neighbours counted, with their milliseconds."""
    rows: list[tuple[str, int, float]] = []
    for full, ms in result.apdus:
        name = full.replace("PSAM PSAM", "PSAM")
        if rows and rows[-1][0] == name:
            rows[-1] = (name, rows[-1][1] + 1, rows[-1][2] + ms)
        else:
            rows.append((name, 1, ms))
    return [Wrote("apdu", name if n == 1 else f"{name} ×{n}", ms) for name, n, ms in rows[:MOST_APDUS]]


def events(result: TapResult) -> list[Wrote]:
    return [Wrote("event", f"{event} {result.outcome.value if result.outcome else ''}") for event in result.event_ids]


def seconds(result: TapResult) -> float:
    """Card and PSAM time of a tap."""
    return sum(ms for _name, ms in result.apdus) / 1000


def codes(results: Iterable[TapResult]) -> dict[str, int]:
    """How many screens of each code."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.screen.code] = counts.get(result.screen.code, 0) + 1
    return counts
