"""The one table of stand-ins for the real world: what it is, the port it sits behind, how a replacement proves itself.

`onecard doctor --production` and docs/stand-ins.md are both made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True)
class StandIn:
    """`stands` and `ports` are "module:name"; `test` is the suite a replacement must pass, `run` how on metal."""

    name: str
    zh: str
    en: str
    what_zh: str
    what_en: str
    stands: tuple[str, ...]
    ports: tuple[str, ...]
    test: str
    run: str
    supplier_zh: str
    supplier_en: str


STAND_INS = (
    StandIn(
        "keys",
        "密钥",
        "keys",
        "测试密钥树，由固定种子生成，根密钥公开",
        "a test key tree from a fixed seed; its roots are public",
        ("keys.hsm_software:SoftwareHsm",),
        ("keys.hsm:KeyStore",),
        "tests/keys/test_hsm_software.py",
        "the same suite over the new store; roots by ceremony, none with a published check value",
        "人社部、省密钥管理中心；加密机厂商",
        "the ministry's and the province's key management centres; a vendor of security modules",
    ),
    StandIn(
        "psam",
        "终端安全模块",
        "PSAM",
        "软件 PSAM，出厂即带测试密钥",
        "a PSAM in software, born with test keys",
        ("firmware_sim.psam:PsamChip",),
        ("card.wire:CardChannel",),
        "tests/keys/test_psam.py",
        "the same suite with its sessions over the reader that holds the new module",
        "省人社厅（社保 PSAM）、交通运输部（交通 PSAM）",
        "the province (social security PSAM) and the transport ministry (transit PSAM)",
    ),
    StandIn(
        "custody",
        "母卡与运输卡",
        "mother and transport cards",
        "软件母卡，密钥份额并不保密；命令集为本项目自定",
        "mother cards in software, which keep no secret; their command set is this project's own",
        ("firmware_sim.mother_card:CustodyChip",),
        ("keys.ceremony.table:Cards", "card.wire:CardChannel"),
        "tests/contract/test_custody_cards.py",
        "pytest tests/contract/test_custody_cards.py --replace custody=MODULE:FACTORY; it uses up three cards",
        "密钥管理中心认可的卡商",
        "a card maker that the key management centre accepts",
    ),
    StandIn(
        "silicon",
        "卡片芯片",
        "silicon",
        "软件卡片，经真实 PC/SC 守护进程接入",
        "card chips in software behind the real PC/SC daemon",
        ("firmware_sim.card.cos:Card",),
        ("card.readers.reader:Reader", "card.wire:CardChannel"),
        "tests/contract/test_reading.py",
        "pytest tests/contract --reader NAME",
        "通过检测的卡商、读写器厂商",
        "certified card makers and reader makers",
    ),
    StandIn(
        "banks",
        "银行",
        "banks",
        "两家模拟银行，文件格式各不相同",
        "two simulated banks, each with its own file dialect",
        ("firmware_sim.bank:SimBank",),
        ("server.benefit.bank_link:BankLink", "issuance.bank:Bank"),
        "tests/server/benefit/test_run.py",
        "the same suite against the bank's test environment",
        "合作银行，按代发协议",
        "the paying banks, under their agreements",
    ),
    StandIn(
        "police",
        "公安",
        "police",
        "模拟旅馆业登记，回执稍后到达",
        "a simulated desk for hotel registration; receipts come later",
        ("firmware_sim.police:SimulatedPolice",),
        ("server.hotel.police:PoliceDesk",),
        "tests/contract/test_police.py",
        "pytest tests/contract/test_police.py --replace police=MODULE:FACTORY",
        "公安机关",
        "the public security authority",
    ),
    StandIn(
        "population",
        "人口信息",
        "population",
        "合成的人员与人口比对；没有一个真人",
        "synthetic people and a simulated register to compare them with; nobody is real",
        ("firmware_sim.police:SimulatedPolice",),
        ("issuance.population:Population",),
        "tests/contract/test_population.py",
        "pytest tests/contract/test_population.py --replace population=MODULE:FACTORY",
        "公安人口库、持卡人员基础信息库",
        "the population register and the province's cardholder database",
    ),
    StandIn(
        "time",
        "时间",
        "time",
        "演示的业务日期由 --date 给出，时钟按步前进",
        "the business day of a demonstration is given by --date and its clock moves in steps",
        ("card.domain.clock:SteppedClock",),
        ("card.domain.clock:Clock",),
        "tests/card/domain/test_money_and_time.py",
        "pytest tests/card/domain/test_money_and_time.py",
        "省级授时（NTP、北斗）",
        "the province's time service (NTP, BeiDou)",
    ),
    StandIn(
        "artwork",
        "卡面",
        "artwork",
        "自绘卡面与占位照片，不是国家统一版式",
        "a card face of our own and placeholder photographs, not the national design",
        ("issuance.photo:draw_stand_in",),
        ("issuance.personalization.machine:Machine",),
        "tests/issuance/personalization/test_machine.py",
        "one printed card compared with the sample by eye, then the suite on the printer",
        "部颁版式、卡商、海南省人社厅",
        "the ministry's design, the card maker, the province",
    ),
)


def left(replaced: Mapping[str, Path]) -> tuple[StandIn, ...]:
    """Those without a passing report of their test; `replaced` maps a name to a JUnit report."""
    return tuple(item for item in STAND_INS if item.name not in replaced or faults(item, replaced[item.name]))


def faults(item: StandIn, report: Path) -> str:
    """Why `report` proves no replacement; empty when it does: the suite ran, nothing failed, nothing was skipped."""
    try:
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        return f"{report}: {error}"
    module = item.test.removesuffix(".py").replace("/", ".")
    own = [case for case in cases if f"{case.get('classname', '')}.".startswith(f"{module}.")]
    if not own:
        return f"{report}: no test of {item.test}"
    unproven = [case for case in own if any(case.find(mark) is not None for mark in ("failure", "error", "skipped"))]
    return f"{report}: {len(unproven)} of {len(own)} tests did not pass" if unproven else ""


def page() -> str:
    """docs/stand-ins.md."""
    lines = [
        "# What is real and what stands in · 真实与替身",
        "",
        "Made by `make docs` from `firmware_sim/stand_ins.py`; do not edit. `onecard doctor --production` prints the",
        "same table and exits with 1 while one stand-in is left. One counts as replaced when `[replaced]` in the",
        "configuration names a JUnit report in which its test ran on the replacement, nothing failed, nothing skipped:",
        "",
        "```toml",
        "[replaced]",
        'psam = "reports/psam.xml"',
        "```",
        "",
    ]
    for item in STAND_INS:
        lines += [
            f"## {item.zh} · {item.en}",
            "",
            f"{item.what_zh}。  ",
            f"{item.what_en[0].upper()}{item.what_en[1:]}.",
            "",
            f"- name in the configuration: `{item.name}`",
            f"- stands in: {_code(item.stands)}",
            f"- port it sits behind: {_code(item.ports)}",
            f"- a replacement must pass `{item.test}`: {item.run}",
            f"- who supplies it: {item.supplier_zh} · {item.supplier_en}",
            "",
        ]
    return "\n".join(lines)


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
