"""Commands that need a server beside the twins; apart from `cli`, so that `sim` answers at once."""

from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from firmware_sim import run_bus as bus_demo
from firmware_sim import run_counter as counter_demo
from firmware_sim.serve import run as serve_with_twins
from firmware_sim.tears.command import main_tears
from firmware_sim.world.command import main_world
from server.cli import serve as serve_alone
from terminal.bus import console
from terminal.counter import console as counter_console


def run_bus(argv: list[str]) -> int:
    """`onecard run bus`: on this machine's readers, or with `--demo` on twins and a server of its own."""
    if "--demo" in argv:
        return bus_demo.run_demo(argv, SystemClock(), SystemEntropy())
    return console.run(argv, SystemClock(), SystemEntropy())


def run_counter(argv: list[str]) -> int:
    """`onecard run counter`: on this machine's readers, or with `--demo` on twins and a server of its own."""
    if "--demo" not in argv:
        return counter_console.run(argv, SystemClock(), SystemEntropy())
    return counter_demo.run_demo(argv, SystemClock(), SystemEntropy())


def serve(argv: list[str]) -> int:
    """`onecard serve`: the server, and outside production twin cards to browse beside it."""
    return serve_with_twins(argv, SystemEntropy(), serve_alone)


def world(argv: list[str]) -> int:
    """`onecard world`: seeded worlds and their invariants."""
    return main_world(argv)


def tears(argv: list[str]) -> int:
    """`onecard tears`: power taken at every moment, and the count of moments."""
    return main_tears(argv)
