"""Commands of the simulator floor. Real chance and the environment are chosen here and handed in."""

import os

from card.domain.entropy import SystemEntropy
from firmware_sim.rack import SOCKET_VARIABLE
from firmware_sim.sim import run_control, run_up


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
