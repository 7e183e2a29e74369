#!/usr/bin/env python3
"""The front door: one command, subcommands loaded only when they are asked for."""

import os
import sys
from importlib import import_module
from pathlib import Path

# name -> (module:function, Chinese, English); the order is the tour.
COMMANDS = {
    "demo": (
        "firmware_sim.demo.run:demo",
        "从申请到清分，一次走完",
        "the main job: one card, from application to clearing",
    ),
    "doctor": (
        "firmware_sim.doctor:doctor",
        "本机缺什么、少了什么功能",
        "what is here, missing, standing in",
    ),
    "card read": ("terminal.cli:card_read", "读一张卡", "citizen: read a card"),
    "card dump": ("terminal.cli:card_dump", "逐条列出卡内数据", "every record beside its bytes"),
    "card verify-pin": (
        "terminal.cli:card_verify_pin",
        "验证密码，先看剩余次数",
        "verify the PIN; tries left are shown first",
    ),
    "card change-pin": ("terminal.cli:card_change_pin", "修改密码", "change the PIN"),
    "card purse": (
        "terminal.cli:card_purse",
        "卡内各钱包，终端会用哪一个",
        "every purse, and which one a terminal uses",
    ),
    "card write": ("terminal.cli:card_write", "写卡，先看原值与新值", "write fields: old and new are shown first"),
    "card compare": ("terminal.cli:card_compare", "比较两张卡或两份存档", "two cards or two saved dumps side by side"),
    "card log": ("firmware_sim.cli:card_log", "看命令往来与耗时", "the commands of a reading, with modelled times"),
    "ldt33": (
        "terminal.ldt33.cli:ldt33",
        "标准终端函数（LD/T 33）与本机服务",
        "integrator: the standard terminal functions and their local service",
    ),
    "card check": ("terminal.cli:card_check", "按检测规范逐项检查", "the acceptance list, as a page"),
    "card profile": (
        "terminal.cli:card_profile",
        "模板：逐条查错、列表、画图",
        "profiles: every mistake explained, listed, drawn",
    ),
    "code show": ("keys.cli:code_show", "出示电子卡码", "show the electronic card's code"),
    "code verify": ("keys.cli:code_verify", "脱机验码", "verify a code offline"),
    "serve": (
        "firmware_sim.cli_server:serve",
        "柜面与接口服务",
        "teller: the server, its API pages, and twins to browse",
    ),
    "run bus": ("firmware_sim.cli_server:run_bus", "公交车载机", "driver: a bus validator"),
    "run counter": ("firmware_sim.cli_server:run_counter", "柜面旧卡转新卡", "teller: an old card moves to a new one"),
    "keys ceremony": (
        "firmware_sim.ceremony.cli:keys_ceremony",
        "密钥仪式：演练、举行、恢复",
        "custodians: key ceremonies, rehearsed, held, recovered",
    ),
    "keys tree": ("keys.cli:keys_tree", "密钥树与校验值", "custodian: the key tree with check values"),
    "audit verify": ("server.cli:audit_verify", "核验账与日志", "auditor: check chains, sums and events of a run"),
    "sim up": ("firmware_sim.cli:sim_up", "接上模拟卡与读卡器", "readers and twin cards behind a real PC/SC daemon"),
    "sim insert": ("firmware_sim.cli:sim_insert", "插卡", "insert a chip into a running reader"),
    "sim eject": ("firmware_sim.cli:sim_eject", "拔卡", "pull a chip"),
    "sim pull": ("firmware_sim.cli:sim_pull", "拔卡，同 eject", "pull a chip, as eject"),
    "sim swap": ("firmware_sim.cli:sim_swap", "换卡，或两槽互换", "another chip, or two slots exchange theirs"),
    "sim list": ("firmware_sim.cli:sim_list", "看各读卡器", "what every reader holds"),
    "sim line": ("firmware_sim.cli:sim_line", "接触或非接触", "make a slot a contact or contactless reader"),
    "sim lag": ("firmware_sim.cli:sim_lag", "让应答变慢", "let every answer come later"),
    "sim tear": ("firmware_sim.cli:sim_tear", "安排一次断电", "arm one power cut at a write or an answer"),
    "sim fault": ("firmware_sim.cli:sim_fault", "安排一次故障", "arm one fault by name"),
    "sim disarm": ("firmware_sim.cli:sim_disarm", "取消未发生的故障", "forget faults that have not happened"),
    "sim times": ("firmware_sim.cli:sim_times", "卡内命令的模型耗时", "modelled time of the chip's commands"),
    "bench": ("firmware_sim.bench.suite:bench", "测速，旁边放基线", "figures beside a baseline of the same run"),
    "tears": ("firmware_sim.cli_server:tears", "每一刻都断电", "take the power at every moment of every operation"),
    "world": ("firmware_sim.cli_server:world", "按种子跑模拟世界", "run seeded worlds and check their invariants"),
}
# What loads long says so first, on standard error: nobody should look at a silent screen.
LOADS_LONG = {"demo": "一卡通演示，正在装载 onecard demo, loading …"}
HELP = ("-h", "--help")
USAGE = 64


def tour() -> str:
    """The text of `onecard --help`."""
    width = max(len(name) for name in COMMANDS)
    lines = ["onecard 社会保障卡一卡通 · one card for every public service", ""]
    lines += [f"  onecard {name:<{width}}  {zh} · {en}" for name, (_, zh, en) in COMMANDS.items()]
    lines += ["", "Each command explains itself with --help."]
    lines += ["Exit status: 0 done, 1 the answer is no, 2 could not be tried, 64 usage."]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Find the longest matching command name, load its module, run it."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in (*HELP, "help"):
        print(tour())
        return 0 if args else USAGE
    for words in (2, 1):
        name = " ".join(args[:words])
        if name in COMMANDS:
            if name in LOADS_LONG and not set(HELP) & set(args):
                print(LOADS_LONG[name], file=sys.stderr, flush=True)
            module, function = COMMANDS[name][0].split(":")
            command = getattr(import_module(module), function)
            return int(command(args[words:]))
    group = [name for name in COMMANDS if args[0] and name.startswith(f"{args[0]} ")]
    hint = "".join(f"\n  onecard {name}  {COMMANDS[name][1]} · {COMMANDS[name][2]}" for name in group)
    print(f"没有这个命令 no such command: {' '.join(args[:2])}{hint}\n下一步 next: onecard --help", file=sys.stderr)
    return USAGE


def _at_home() -> None:
    """Run by name from a checkout, with another Python than the checkout's: go on with the one that set-up made."""
    command = Path(__file__).resolve().parent / ".venv" / "bin" / "onecard"
    if command.exists() and Path(sys.prefix).resolve() != command.parents[1].resolve():
        os.execv(command, [str(command), *sys.argv[1:]])


if __name__ == "__main__":
    _at_home()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
