"""Commands of the simulator floor. Real chance and the environment are chosen here and handed in."""

import os

from card.domain.entropy import SystemEntropy
from firmware_sim.card_times import TwinTimes
from firmware_sim.rack import SOCKET_VARIABLE
from firmware_sim.sim import run_up
from firmware_sim.sim_control import run_control
from terminal.card_log import main_log


def sim_up(argv: list[str]) -> int:
    """`onecard sim up`: twins in readers behind a private PC/SC daemon, until SIGTERM."""
    return run_up(argv, SystemEntropy())


def sim_insert(argv: list[str]) -> int:
    """`onecard sim insert SLOT [CHIP]`."""
    return run_control("insert", argv, _socket())


def sim_eject(argv: list[str]) -> int:
    """`onecard sim eject SLOT`."""
    return run_control("eject", argv, _socket())


def sim_pull(argv: list[str]) -> int:
    """`onecard sim pull SLOT`."""
    return run_control("pull", argv, _socket())


def sim_swap(argv: list[str]) -> int:
    """`onecard sim swap SLOT CHIP|SLOT`."""
    return run_control("swap", argv, _socket())


def sim_list(argv: list[str]) -> int:
    """`onecard sim list`: every slot with its reader and chip."""
    return run_control("list", argv, _socket())


def sim_line(argv: list[str]) -> int:
    """`onecard sim line SLOT contact|contactless [T=0|T=1]`."""
    return run_control("line", argv, _socket())


def sim_lag(argv: list[str]) -> int:
    """`onecard sim lag SLOT MS`."""
    return run_control("lag", argv, _socket())


def sim_tear(argv: list[str]) -> int:
    """`onecard sim tear SLOT`: one power cut at a write or an answer."""
    return run_control("tear", argv, _socket())


def sim_fault(argv: list[str]) -> int:
    """`onecard sim fault SLOT KIND`."""
    return run_control("fault", argv, _socket())


def sim_disarm(argv: list[str]) -> int:
    """`onecard sim disarm SLOT`."""
    return run_control("disarm", argv, _socket())


def sim_times(argv: list[str]) -> int:
    """`onecard sim times SLOT`: modelled time of every command."""
    return run_control("times", argv, _socket())


def card_log(argv: list[str]) -> int:
    """`onecard card log`: the commands of a reading, priced by the twin itself where the card is one."""
    return main_log(argv, SystemEntropy(), TwinTimes(_socket()))


def _socket() -> str:
    return os.environ.get(SOCKET_VARIABLE, "")
