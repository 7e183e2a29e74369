"""Commands of the server: `onecard serve`, `onecard audit verify`. Exit status: 0 done, 1 no, 2 could not be tried."""

import argparse
import json
import os
import socket
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import uvicorn

from card.config import ConfigError, read_toml, section
from card.domain.clock import Clock, SystemClock
from card.domain.entropy import SystemEntropy
from card.texts import both
from issuance.database import open_store
from keys.centre import KeyCentre
from keys.errors import KeysError
from keys.settings import KeysConfig, open_test_store
from server.config import ServerConfig
from server.context import Connectors
from server.database import Store, make_engine
from server.main import create_app
from server.shared_time import FileClock
from server.verification import verify

DONE, NO, NOT_TRIED, USAGE = 0, 1, 2, 64
DEFAULT_CONFIG = Path("onecard.toml")
BACKLOG = 128
# The console's first code never stands in a process list.
CONSOLE_SECRET = "ONECARD_SECRET_CONSOLE"


class _Parser(argparse.ArgumentParser):
    """argparse with this project's exit status for wrong usage."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def serve(argv: list[str]) -> int:
    """Run the server until it is told to stop."""
    parser = _Parser(prog="onecard serve", description="柜面与接口服务 The server: API under /api/v1, pages at /docs.")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default ./onecard.toml, else built-in values")
    parser.add_argument("--data-dir", type=Path, metavar="DIR")
    parser.add_argument("--port", type=int, help="0 chooses a free one")
    parser.add_argument("--profile", choices=("demo", "test", "production"))
    parser.add_argument("--clock-file", type=Path, metavar="FILE", help="simulated business time shared by a run")
    parser.add_argument("--json", action="store_true", help="one JSON line when ready")
    args = parser.parse_args(argv)
    try:
        config, keys = _configs(args)
        clock = _clock(args.clock_file, config)
        app = create_app(
            config,
            clock=clock,
            entropy=SystemEntropy(),
            centre=KeyCentre(open_test_store(keys)),
            connectors=_connectors(config),
        )
        listener = _listen(config)
    except (ConfigError, KeysError, OSError) as bad:
        return _not_tried(bad)
    host, port = listener.getsockname()[:2]
    ready = {"url": f"http://{host}:{port}", "docs": f"http://{host}:{port}/docs", "pid": os.getpid()}
    if args.json:
        print(json.dumps(ready), flush=True)
    else:
        print(f"服务已启动 serving {ready['url']} · 接口说明 API pages {ready['docs']} · Ctrl-C 停止 stops", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])
    return DONE


def audit_verify(argv: list[str]) -> int:
    """Check chains, sums and events of a run's books."""
    parser = _Parser(prog="onecard audit verify", description="核验账与日志 Check chains, sums and events of a run.")
    parser.add_argument("run", type=Path, metavar="DIR", help="a run's directory, its data directory, or a server.db")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    path = _find_store(args.run)
    if path is None:
        print(f"没有账 no server.db under {args.run}\n下一步 next: onecard demo --out {args.run}", file=sys.stderr)
        return NOT_TRIED
    store = Store(make_engine(f"sqlite:///{path}"))
    found = verify(store)
    store.close()
    if args.json:
        print(json.dumps({"store": str(path), "checks": [asdict(item) for item in found]}, ensure_ascii=False))
    else:
        for item in found:
            verdict = f"断 BROKEN  {item.broken}" if item.broken else "对 ok"
            print(f"{item.name_zh}\t{item.name:<18}{item.count:>8}  {verdict}")
    return NO if any(item.broken for item in found) else DONE


def _configs(args: argparse.Namespace) -> tuple[ServerConfig, KeysConfig]:
    path = args.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    data = read_toml(path)
    flags: dict[str, Any] = {"data_dir": args.data_dir, "port": args.port, "profile": args.profile}
    given = {name: value for name, value in flags.items() if value is not None}
    config = replace(section(data, "server", ServerConfig), **given)
    secret = os.environ.get(CONSOLE_SECRET)
    config = replace(config, console_code=secret) if secret else config
    keys = section(data, "keys", KeysConfig)
    return config, replace(keys, **{name: value for name, value in given.items() if name != "port"})


def _clock(path: Path | None, config: ServerConfig) -> Clock:
    if path is None:
        return SystemClock()
    if config.profile == "production":
        raise ConfigError("production refuses --clock-file: business time is the machine's")
    print("onecard serve: business time is simulated (--clock-file)", file=sys.stderr)
    return FileClock(path)


def _connectors(config: ServerConfig) -> Connectors:
    """Real connectors are a deployment's own; without one, stays wait and payments are not sent."""
    print(
        "onecard serve: no police desk and no bank is connected; stays wait, payment files stay here", file=sys.stderr
    )
    return Connectors(issuance=open_store(config.issuance_url) if config.issuance_url else None)


def _listen(config: ServerConfig) -> socket.socket:
    # Named as TCP so that the loop switches Nagle's delay off: else every answer on a kept line waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((config.host, config.port))
    listener.listen(BACKLOG)
    return listener


def _find_store(run: Path) -> Path | None:
    places = (run, run / "server.db", run / "data" / "server.db", run / "var" / "server.db")
    return next((place for place in places if place.is_file()), None)


def _not_tried(bad: ConfigError | KeysError | OSError) -> int:
    code = getattr(bad, "code", "")
    print(both(code) if code else str(bad), file=sys.stderr)
    if code:
        print(f"  {bad}", file=sys.stderr)
    return NOT_TRIED
