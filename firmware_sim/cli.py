"""Commands of the simulator floor. Real chance and the environment are chosen here and handed in."""

import os

from card.domain.clock import SystemClock
from card.domain.entropy import SystemEntropy
from firmware_sim.rack import SOCKET_VARIABLE
from firmware_sim.run_bus import run_demo
from firmware_sim.serve import run as serve_with_twins
from firmware_sim.sim import run_control, run_up
from server.cli import serve as serve_alone
from terminal.bus import console


def sim_up(argv: list[str]) -> int:
    """`onecard sim up`: twins in readers behind a private PC/SC daemon, until SIGTERM."""
    return run_up(argv, SystemEntropy())


def sim_insert(argv: list[str]) -> int:
    """`onecard sim insert SLOT [CHIP]`."""
    return run_control("insert", argv, os.environ.get(SOCKET_VARIABLE, ""))


def sim_eject(argv: list[str]) -> int:
    """`onecard sim eject SLOT`."""
    return run_control("eject", argv, os.environ.get(SOCKET_VARIABLE, ""))


def sim_list(argv: list[str]) -> int:
    """`onecard sim list`: every slot with its reader and chip, as JSON."""
    return run_control("list", argv, os.environ.get(SOCKET_VARIABLE, ""))


def run_bus(argv: list[str]) -> int:
    """`onecard run bus`: on this machine's readers, or with `--demo` on twins and a server of its own."""
    if "--demo" in argv:
        return run_demo(argv, SystemClock(), SystemEntropy())
    return console.run(argv, SystemClock(), SystemEntropy())


def serve(argv: list[str]) -> int:
    """`onecard serve`: the server, and outside production twin cards to browse beside it."""
    return serve_with_twins(argv, SystemEntropy(), serve_alone)
