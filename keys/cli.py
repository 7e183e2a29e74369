"""Commands of this floor: `code show`, `code verify`, `keys tree`. Exit status: 0 done, 1 no, 2 could not be tried."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.tree import Tree

from card.config import ConfigError
from card.domain.clock import SHANGHAI, SystemClock, business_time, from_ms, to_ms
from card.texts import both
from keys import tree
from keys.algorithms.sm2 import Sm2PublicKey
from keys.code.errors import CodeError
from keys.code.picture import write_png
from keys.code.sign import Authorisation, Wallet, stand_in_user_key
from keys.code.trust_list import TrustList
from keys.code.verify import CheckDone, VerifiedCode, verify_code
from keys.database import open_engine
from keys.errors import FactsExpiredError, FactsFormatError, KeysError, UnknownKeyError
from keys.facts import Bundle, open_bundle, read_unsigned
from keys.registry import KeyRow, Registry
from keys.settings import KeysConfig, load_config, open_test_store

DONE: Final = 0
NO: Final = 1
NOT_TRIED: Final = 2
USAGE: Final = 64
_MAX_FILE: Final = 1 << 20
_LEAVES: Final = {
    "never": "",
    "psam": " · 可装入 goes into PSAM",
    "enrolment": " · 随登记下发 goes to enrolled devices",
}


class _Parser(argparse.ArgumentParser):
    """argparse with this project's exit status for wrong usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def code_show(argv: list[str]) -> int:
    """Show the offline code of one card's e-card: a PNG to scan, or the raw bytes."""
    parser = _Parser(prog="onecard code show", description="出示电子卡码 Show the electronic card's offline code.")
    parser.add_argument("--card", required=True, metavar="ID", help="card id, card number or e-card serial")
    parser.add_argument("--out", required=True, type=Path, metavar="PNG|BIN", help="file ending in .png or .bin")
    _common(parser, "moment of showing")
    args = parser.parse_args(argv)
    try:
        config = _config(args)
        _need_store(config)
        material = Registry(open_engine(config.database_url)).ecard(args.card)
        key = stand_in_user_key(open_test_store(config), material.ecard_serial, material.generation)
        code = Wallet(key, Authorisation(material.body, material.expires_ms)).show(_moment(args.at))
        _write(args.out, code)
    except (KeysError, ConfigError) as error:
        return _refuse(error)
    except OSError as error:
        return _complain(f"{args.out}: {error.strerror}")
    print(f"{args.out}  {len(code)} 字节 bytes")
    return DONE


def code_verify(argv: list[str]) -> int:
    """Verify an offline code against a trust bundle."""
    parser = _Parser(prog="onecard code verify", description="脱机验码 Verify an offline code.")
    parser.add_argument("file", type=Path, metavar="FILE", help="raw bytes of the code (.bin)")
    parser.add_argument("--trust", required=True, type=Path, metavar="BUNDLE", help="facts bundle of kind trust")
    parser.add_argument("--facts-key", metavar="HEX", help="public facts key; without it the file itself is trusted")
    parser.add_argument("--json", action="store_true", help="machine-readable answer")
    _common(parser, "moment of scanning")
    args = parser.parse_args(argv)
    try:
        now_ms = _moment(args.at)
        raw = _read(args.file)
        bundle = _trust(_read(args.trust), args.facts_key)
        trust = TrustList.from_bundle(bundle)
        if bundle.expired(now_ms):
            raise FactsExpiredError(f"trust version {bundle.header.version}")
    except (KeysError, ConfigError) as error:
        return _refuse(error)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}")
    report: list[CheckDone] = []
    try:
        verified, refused = verify_code(raw, trust, now_ms, report=report), None
    except CodeError as error:
        verified, refused = None, error
    if args.json:
        print(json.dumps(_answer(verified, refused, report), ensure_ascii=False))
    else:
        _show_checks(verified, refused, report)
    return DONE if verified is not None else NO


def keys_tree(argv: list[str]) -> int:
    """The tree of keys by label with levels, key check values and states; never a key."""
    parser = _Parser(prog="onecard keys tree", description="密钥树与校验值 The key tree with check values.")
    parser.add_argument("--json", action="store_true", help="machine-readable answer")
    _common(parser, "")
    args = parser.parse_args(argv)
    try:
        rows = _tree_rows(_config(args))
    except (KeysError, ConfigError) as error:
        return _refuse(error)
    if args.json:
        print(json.dumps({"stand_in": True, "keys": [_tree_json(row) for row in rows]}, ensure_ascii=False))
    else:
        _show_tree(rows)
    return DONE


# ---- parts --------------------------------------------------------------------------------------------------------


def _common(parser: argparse.ArgumentParser, at: str) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="default ./onecard.toml, else built in")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data directory, instead of the configured one")
    if at:
        parser.add_argument("--at", metavar="TIME", help=f"{at}: ISO 8601 (Hainan time unless it says otherwise) or ms")


def _config(args: argparse.Namespace) -> KeysConfig:
    config = load_config(args.config)
    return config if args.data is None else KeysConfig(args.data, config.profile)


def _moment(text: str | None) -> int:
    if text is None:
        return to_ms(SystemClock().now())
    if text.isdigit():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--at {text}: write 2026-03-01T08:30:00 or milliseconds") from error
    return to_ms(at if at.tzinfo is not None else at.replace(tzinfo=SHANGHAI))


def _need_store(config: KeysConfig) -> None:
    if not config.database and not (config.data_dir / "keys.db").exists():
        raise UnknownKeyError(f"no key store in {config.data_dir}: run the demonstration first, or name --data")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_FILE)


def _write(path: Path, code: bytes) -> None:
    if path.suffix.lower() == ".png":
        write_png(code, path)
    else:
        path.write_bytes(code)


def _trust(raw: bytes, facts_key: str | None) -> Bundle:
    if facts_key is None:
        sys.stderr.write(
            "onecard: --facts-key 未给出，信任清单的签名未核验 the bundle's own signature is not checked\n"
        )
        return read_unsigned(raw)
    try:
        key = Sm2PublicKey.from_bytes(bytes.fromhex(facts_key))
    except ValueError as error:
        raise FactsFormatError("--facts-key is not hexadecimal") from error
    return open_bundle(raw, key, kind="trust")


def _answer(verified: VerifiedCode | None, refused: CodeError | None, report: list[CheckDone]) -> dict[str, object]:
    return {
        "ok": verified is not None,
        "code": refused.code if refused is not None else "",
        "account": verified.account if verified is not None else "",
        "expires": business_time(from_ms(verified.expires_ms)).isoformat() if verified is not None else "",
        "checks": [asdict(line) for line in report],
    }


def _show_checks(verified: VerifiedCode | None, refused: CodeError | None, report: list[CheckDone]) -> None:
    for line in report:
        print(f"{line.n:>3}  {'通过 ok    ' if line.ok else '不通过 no  '} {line.name}")
    if verified is not None:
        until = business_time(from_ms(verified.expires_ms)).strftime("%Y-%m-%d %H:%M:%S")
        print(f"有效 valid · …{verified.account[-4:]} · 至 until {until}")
    if refused is not None:
        print(both(refused.code))


def _tree_rows(config: KeysConfig) -> list[KeyRow]:
    """Registered keys, else those of the stand-in store; in the declared order."""
    rows: list[KeyRow] = []
    if config.database or (config.data_dir / "keys.db").exists():
        rows = Registry(open_engine(config.database_url)).key_list()
    rows = rows or [KeyRow(facts, "active") for facts in open_test_store(config).key_facts()]
    order = {label: place for place, label in enumerate(tree.entries())}
    return sorted(rows, key=lambda row: (order.get(row.facts.label, len(order)), row.facts.version))


def _tree_json(row: KeyRow) -> dict[str, object]:
    facts = row.facts
    return {
        **asdict(facts),
        "kcv": facts.kcv.hex(),
        "levels": ["root", *tree.families()[facts.family].levels],
        "leaves": tree.entries()[facts.label].leaves,
        "state": row.state,
    }


def _show_tree(rows: list[KeyRow]) -> None:
    picture = Tree("[bold]密钥树 key tree[/bold]  测试替身 test stand-in · KCV = 校验值 key check value")
    for family in tree.families().values():
        path = " → ".join(("root", *family.levels))
        branch = picture.add(f"[bold]{family.zh} {family.en}[/bold]  {path}")
        for row in (row for row in rows if row.facts.family == family.name):
            facts, leaves = row.facts, _LEAVES[tree.entries()[row.facts.label].leaves]
            name = f"{facts.label:<18} v{facts.version} {facts.algorithm:<8} KCV {facts.kcv.hex()}"
            branch.add(f"{name}  {row.state}  [dim]{facts.usage}{leaves}[/dim]")
    Console().print(picture)


def _refuse(error: KeysError | ConfigError) -> int:
    return _complain(f"{both(error.code)}\n  {error}")


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return NOT_TRIED
