"""`onecard doctor`: each component, is it here, what is lost without it; with --production, what still stands in."""

import argparse
import importlib.util
import json
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from card.config import ConfigError, read_toml, section
from firmware_sim import stand_ins
from firmware_sim.daemon import choose_isolation, find_programs
from firmware_sim.errors import DaemonNotInstalledError, NotIsolatedError
from firmware_sim.installed import find_chromium, find_cjk_font, find_postgres_bin, find_program
from keys.algorithms.sm2 import default_backend
from keys.errors import Sm2MissingError, Sm2SelfTestError
from terminal.camera.second_opinion import second_opinion

DONE, NO, NOT_TRIED, USAGE = 0, 1, 2, 64
PYTHON_MIN = (3, 11)


@dataclass(frozen=True, slots=True)
class Component:
    """`find()` says where it is, or "" when it is not here. `essential`: nothing works without it; `shown`: the
    demonstration runs without it, and is the poorer."""

    name: str
    zh: str
    find: Callable[[], str]
    lost_zh: str
    lost_en: str
    packages: str
    essential: bool = False
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Replaced:
    """Table [replaced] of the configuration: the passing test report of each replacement."""

    keys: str = ""
    psam: str = ""
    custody: str = ""
    silicon: str = ""
    banks: str = ""
    police: str = ""
    population: str = ""
    time: str = ""
    artwork: str = ""


def _python() -> str:
    return f"{platform.python_version()} {sys.executable}" if sys.version_info >= PYTHON_MIN else ""


def _sm2() -> str:
    try:
        return default_backend().name
    except (Sm2MissingError, Sm2SelfTestError):
        return ""


def _daemon() -> str:
    try:
        programs = find_programs()
    except DaemonNotInstalledError:
        return ""
    return f"{programs.pcscd} + {programs.driver.name}"


def _isolation() -> str:
    with tempfile.TemporaryDirectory(prefix="onecard-") as folder:
        try:
            return choose_isolation(Path(folder))
        except NotIsolatedError:
            return ""


def _module(name: str) -> str:
    spec = importlib.util.find_spec(name)
    return str(Path(spec.origin).parent) if spec and spec.origin else ""


def _zbar() -> str:
    return _module("pyzbar") if second_opinion() is not None else ""


def _path(found: Path | None) -> str:
    return str(found or "")


def _tools(*names: str) -> Callable[[], str]:
    def find() -> str:
        found = [find_program(name) for name in names]
        return ", ".join(names) if all(found) else ""

    return find


COMPONENTS = (
    Component("Python", "Python", _python, "什么也不能运行", "nothing runs", "python3 python3-venv", essential=True),
    Component(
        "SM2",
        "国密 SM2",
        _sm2,
        "设备与电子码都不能签名",
        "neither devices nor codes can sign",
        "libssl3",
        essential=True,
    ),
    Component(
        "SQLite",
        "SQLite",
        lambda: sqlite3.sqlite_version,
        "没有账本与流水",
        "no books and no journal",
        "libsqlite3-0",
        essential=True,
    ),
    Component(
        "PC/SC daemon with virtual readers",
        "PC/SC 守护进程与虚拟读卡器",
        _daemon,
        "卡片只能在进程内模拟（--transport direct）",
        "cards run in process only (--transport direct)",
        "pcscd vsmartcard-vpcd",
    ),
    Component(
        "loopback guard",
        "回环隔离",
        _isolation,
        "虚拟读卡器拒绝启动，以免暴露在网络上",
        "virtual readers refuse to start, lest they stand open on the network",
        "gcc libc6-dev, or util-linux",
    ),
    Component(
        "pyscard",
        "pyscard",
        lambda: _module("smartcard"),
        "不能使用任何 PC/SC 读卡器",
        "no PC/SC reader can be used",
        "gcc python3-dev libpcsclite-dev, or python3-pyscard",
    ),
    Component(
        "zxing-cpp",
        "zxing-cpp",
        lambda: _module("zxingcpp"),
        "不能从图像读码",
        "no code can be read off a picture",
        "-",
    ),
    Component(
        "zbar",
        "zbar",
        _zbar,
        "图像读码没有第二意见",
        "pictures are read by one decoder, without a second opinion",
        "libzbar0",
        shown=True,
    ),
    Component(
        "Chinese font",
        "中文字体",
        lambda: _path(find_cjk_font()),
        "卡面与图片上的汉字成为带框标记并计数",
        "Chinese characters on cards and pictures become marked, counted boxes",
        "fonts-wqy-microhei",
        shown=True,
    ),
    Component(
        "PostgreSQL",
        "PostgreSQL",
        lambda: _path(find_postgres_bin()),
        "省级规模的存储未经测试；默认的 SQLite 不受影响",
        "the province-sized store is not tested; SQLite, the default, is",
        "postgresql",
    ),
    Component(
        "Chromium",
        "Chromium",
        lambda: _path(find_chromium()),
        "网页未经浏览器测试",
        "pages are not tested in a browser",
        "chromium",
    ),
    Component(
        "foreign tools",
        "旁证工具",
        _tools("opensc-tool", "pcsc_scan", "scriptor", "certutil", "hledger", "openssl", "zbarimg", "sqlite3"),
        "不能用他人的程序核对我们",
        "nobody else's programs can check us",
        "opensc pcsc-tools libcacard0 libnss3-tools hledger openssl zbar-tools sqlite3",
    ),
)


def lost_to_the_demonstration() -> list[str]:
    """One line each, in both languages: what a demonstration on this machine has to do without, and the package."""
    missing = (component for component in COMPONENTS if component.shown and not component.find())
    return [f"没有 no {item.name}：{item.lost_zh} {item.lost_en} (Debian: {item.packages})" for item in missing]


def doctor(argv: list[str]) -> int:
    """Entry point. 0: all that is essential is here (or no stand-in is left); 1: not so; 2: unusable configuration."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as asked:
        return USAGE if asked.code else DONE
    if options.page is not None:
        options.page.write_text(stand_ins.page(), "utf-8")
        return DONE
    try:
        return _production(options) if options.production else _components(as_json=options.json)
    except ConfigError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return NOT_TRIED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "onecard doctor", description="本机有什么、缺什么、什么是替身 · what is here and what stands in"
    )
    parser.add_argument("--production", action="store_true", help="list every stand-in; exit 1 while one is left")
    parser.add_argument(
        "--config", type=Path, help="configuration with [replaced] (default ./onecard.toml if it exists)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of stand-ins and stop")
    return parser


def _components(*, as_json: bool) -> int:
    found = [(component, component.find()) for component in COMPONENTS]
    if as_json:
        rows = [
            {
                "name": c.name,
                "here": bool(where),
                "where": where,
                "essential": c.essential,
                "lost": c.lost_en,
                "packages": c.packages,
            }
            for c, where in found
        ]
        print(json.dumps({"components": rows}, ensure_ascii=False))
    else:
        print("本机组件 · components of this machine\n")
        for component, where in found:
            print(_line(component, where))
        print("\n替身清单 · what stands in: onecard doctor --production")
    return NO if any(component.essential and not where for component, where in found) else DONE


def _line(component: Component, where: str) -> str:
    title = component.zh if component.zh == component.name else f"{component.zh} {component.name}"
    if where:
        return f"  有 yes  {title}: {where}"
    return (
        f"  无 no   {title}\n"
        f"          没有它 without it: {component.lost_zh} · {component.lost_en}\n"
        f"          下一步 next: Debian: {component.packages}"
    )


def _production(options: argparse.Namespace) -> int:
    default = Path("onecard.toml")
    config = options.config or (default if default.exists() else None)
    table = section(read_toml(config), "replaced", Replaced)
    reports = {item.name: Path(getattr(table, item.name)) for item in fields(table) if getattr(table, item.name)}
    remaining = stand_ins.left(reports)
    if options.json:
        rows = [
            {
                "name": item.name,
                "what": item.what_en,
                "stands": item.stands,
                "ports": item.ports,
                "test": item.test,
                "run": item.run,
                "supplier": item.supplier_en,
                "left": item in remaining,
            }
            for item in stand_ins.STAND_INS
        ]
        print(json.dumps({"stand_ins": rows}, ensure_ascii=False))
    else:
        for item in stand_ins.STAND_INS:
            print(_stand_in(item, reports.get(item.name), left=item in remaining))
        print(f"\n还有替身 stand-ins left: {len(remaining)} / {len(stand_ins.STAND_INS)}")
    return NO if remaining else DONE


def _stand_in(item: stand_ins.StandIn, report: Path | None, *, left: bool) -> str:
    state = "替身 stand-in" if left else "已替换 replaced"
    lines = [
        f"{item.zh} {item.en}: {state}",
        f"  是什么 what      {item.what_zh} · {item.what_en}",
        f"  接口 port        {', '.join(item.ports)}",
        f"  须通过 must pass {item.test}  ({item.run})",
        f"  由谁提供 who     {item.supplier_zh} · {item.supplier_en}",
    ]
    if report is not None and left:
        lines.append(f"  报告不成立 report {stand_ins.faults(item, report)}")
    return "\n".join(lines)
