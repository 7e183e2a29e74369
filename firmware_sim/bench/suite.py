"""Every bench by its figures' names, and the command that runs them: `onecard bench [NAME...] [--json] [--quick]`."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import cpu_count, getloadavg
from time import perf_counter

from card.texts import both
from firmware_sim.bench import codes, intake, journal, personalization, reading, tap_counts, taps
from firmware_sim.bench.errors import BenchSkippedError
from firmware_sim.bench.figure import Effort, Figure
from firmware_sim.bench.show import Show
from firmware_sim.errors import SimError
from firmware_sim.sim import Parser

DONE, WRONG, NOT_TRIED = 0, 1, 2
Wanted = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Bench:
    """One set-up that gives one or several figures; `run` leaves out those that are not wanted."""

    names: tuple[str, ...]
    zh: str
    en: str
    run: Callable[[Effort, Wanted], Iterator[Figure]]


def _alone(run: Callable[[Effort], Iterator[Figure]]) -> Callable[[Effort, Wanted], Iterator[Figure]]:
    return lambda effort, _wanted: run(effort)


BENCHES = (
    Bench(("code_verify",), "脱机验码", "offline code verification", _alone(codes.run)),
    Bench(("bus_tap_host",), "公交刷卡主机时间", "host time of a bus tap through PC/SC", _alone(taps.run_host)),
    Bench(("tap_in_process",), "进程内刷卡", "a bus tap in process", _alone(taps.run_in_process)),
    Bench(("journal_append",), "终端流水", "terminal journal", _alone(journal.run)),
    Bench(("personalize_in_process",), "进程内制卡", "personalisation in process", _alone(personalization.run)),
    Bench(("twin_apdu_in_process",), "进程内芯片", "the twin in process", _alone(reading.run_in_process)),
    Bench(
        ("twin_apdu_pcsc", "card_read_host", "card_read_whole"),
        "读卡主机开销",
        "the twin and the reading of a card through PC/SC",
        reading.run_pcsc,
    ),
    Bench(
        ("card_read_apdus", "card_read_apdus_3"),
        "读卡指令数",
        "commands of a reading",
        tap_counts.run_reading,
    ),
    Bench(
        ("bus_tap_apdus", "bus_tap_radio_bytes", "bus_tap_card_time"),
        "刷卡指令数与卡内时间",
        "commands, bytes and card time of a bus tap",
        tap_counts.run_tap,
    ),
    Bench(("tear_window",), "扣款悬空时间", "how long a debit hangs", _alone(tap_counts.run_window)),
    Bench(intake.names("sqlite"), "事件接收 SQLite", "event intake on SQLite", intake.run_sqlite),
    Bench(intake.names("pg"), "事件接收 PostgreSQL", "event intake on PostgreSQL", intake.run_postgres),
)
NAMES = tuple(name for each in BENCHES for name in each.names)


def bench(argv: list[str]) -> int:
    """`onecard bench`. Exit status 0 done, 1 something was computed wrongly, 2 nothing could be tried, 64 usage."""
    options = _options(argv)
    show = Show(json_lines=options.json)
    show.say(f"{cpu_count()} 核 cores · 负载 load {getloadavg()[0]:.1f} · {'快速 quick' if options.quick else ''}")
    started, given, skipped, wrong = perf_counter(), 0, 0, 0
    for each in BENCHES:
        wanted = [name for name in each.names if name in options.wanted]
        if not wanted:
            continue
        show.begin(f"{each.zh} {each.en}")
        try:
            for figure in each.run(Effort(options.quick, show.progress), wanted.__contains__):
                show.figure(figure)
                given += 1
        except BenchSkippedError as absent:
            skipped += 1
            show.trouble(f"跳过 skipped {', '.join(wanted)}: {both(absent.code)} ({absent})")
        except SimError as bad:
            wrong += 1
            show.trouble(f"{', '.join(wanted)}: {both(bad.code)} ({bad})")
    show.finish(perf_counter() - started, getloadavg()[0])
    if wrong:
        return WRONG
    return DONE if given or not skipped else NOT_TRIED


def _options(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="onecard bench",
        description="测速，每个数字旁边都有同一次运行的基线 Figures, each beside a bare baseline of the same run. "
        "The ratio is the median over pairs of ours / baseline; compare ratios, not absolute numbers.",
        epilog="名称 names: " + " ".join(NAMES),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="名称或其开头 a figure's name, or how it begins")
    parser.add_argument("--json", action="store_true", help="每个数字一行 JSON one JSON line a figure")
    parser.add_argument("--quick", action="store_true", help="只看是否跑得通 few pairs: shows that it runs")
    options = parser.parse_args(argv)
    for name in options.names:
        if not _meant(name):
            parser.error(f"没有这个名称 no such figure: {name}; names: {' '.join(NAMES)}")
    options.wanted = {name for asked in options.names or [""] for name in _meant(asked)}
    return options


def _meant(asked: str) -> list[str]:
    """The figure of that very name, else all whose names begin so."""
    return [asked] if asked in NAMES else [name for name in NAMES if name.startswith(asked)]
