"""The stage of a run: time, keys, readers, offices, stores, the branch; opened once, closed once. Assembly only."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from card.domain.clock import start_of_business_day
from card.domain.entropy import SeededEntropy
from firmware_sim.bank import SimBank, make_banks
from firmware_sim.card.factory import TwinFactory
from firmware_sim.demo.devices import Console
from firmware_sim.demo.live import Live
from firmware_sim.demo.options import DemoOptions
from firmware_sim.demo.record import RunRecord
from firmware_sim.demo.street import Line, Street, open_street
from firmware_sim.doctor import lost_to_the_demonstration
from firmware_sim.police import SimulatedPolice
from firmware_sim.rack import STANDARD_LAYOUT, DirectRack, PcscRack, Rack
from firmware_sim.serving import ServerProcess, ServingPlan
from firmware_sim.shared_clock import SharedClock, SkewedClock
from firmware_sim.town import Town
from issuance.application.desk import Acceptance, Officer
from issuance.branch import Branch, Connectors
from issuance.database import Engine, open_store
from keys.centre import KeyCentre
from keys.database import migrate, open_engine
from keys.settings import KeysConfig, keep_test_seed, open_test_store, seed_from_number

OPENING = timedelta(hours=8)  # the branch opens at 08:00
DATA = "data"
CHIPS = "chips"
STREET = "street"
BANKS = ("102", "103", "105", "403", "402", "313")
# The scenic site's price table, published with the policy facts. A declared one: ages differ by site
# (qr-and-acceptance §5.2).
SITE_PRICES: dict[str, object] = {
    "kind": "scenic",
    "site": "volcano-park",
    "full_price": 6_000,
    "senior_half_percent": 50,
    "minor_half_percent": 50,
    "student_percent": 50,
    "free_percent": 0,
    "capacity": 2_000,
}


class FolderTakenError(ValueError):
    """The output folder holds files that are not an earlier run's; nothing is touched."""

    code = "E-DEMO-OUT"


@dataclass(slots=True)
class Holder:
    """One card in somebody's hand, as the run knows it. `pin` is the one chosen at hand-out."""

    card_id: str
    chip: Path
    name: str = field(repr=False)
    id_no: str = field(repr=False)
    person_id: str
    birth: date | None
    bank: str
    pin: str = field(default="", repr=False)
    loaded: int = 0


@dataclass(slots=True)
class Stage:
    """Everything steps share. `folder` is the run's output, `data` the stores of its processes."""

    options: DemoOptions
    live: Live
    record: RunRecord
    folder: Path
    data: Path
    clock: SharedClock
    entropy: SeededEntropy
    centre: KeyCentre
    factory: TwinFactory
    rack: Rack
    police: SimulatedPolice
    banks: dict[str, SimBank]
    engine: Engine
    branch: Branch
    server: ServerProcess
    console: Console
    street: Street
    closing: ExitStack
    acceptance: Acceptance | None = None
    holders: list[Holder] = field(default_factory=list)

    def now(self) -> datetime:
        return self.clock.now()

    def close(self) -> None:
        """End every process and thread of the run, newest first."""
        self.closing.close()


def prepare_folder(folder: Path) -> Path:
    """An empty output folder; only what an earlier run left is removed. FolderTakenError when it holds other things."""
    if folder.exists() and not folder.is_dir():
        raise FolderTakenError(f"{folder} is a file")
    try:
        found = list(folder.iterdir()) if folder.exists() else []
        if found and not (folder / DATA / CHIPS).is_dir():
            raise FolderTakenError(f"{folder} holds other files")
        for entry in found:  # the folder itself stays: somebody may stand in it
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        (folder / DATA / CHIPS).mkdir(parents=True)
        (folder / DATA).chmod(0o700)  # registers, journals, device keys: whose run it is, and nobody else
    except OSError as bad:
        raise FolderTakenError(f"{folder}: {bad.strerror}") from bad
    return folder


def open_stage(options: DemoOptions, live: Live) -> Stage:
    """Start time, keys, readers, offices, server and street. SimError when there is no PC/SC daemon and none waived."""
    if options.out.resolve() in options.applicants.resolve().parents:
        raise FolderTakenError(f"{options.applicants.name} lies in {options.out}, which is emptied first")
    folder = prepare_folder(options.out)
    closing = ExitStack()
    try:
        return _open(options, live, folder, closing)
    except BaseException:
        closing.close()
        raise


def _open(options: DemoOptions, live: Live, folder: Path, closing: ExitStack) -> Stage:
    data = folder / DATA
    clock = SharedClock.create(data / "clock", start_of_business_day(options.day) + OPENING)
    entropy = SeededEntropy(options.seed, "demo")
    keys = KeysConfig(data_dir=data)
    keep_test_seed(keys, seed_from_number(options.seed))
    migrate(open_engine(keys.database_url))
    centre = KeyCentre(open_test_store(keys))
    rack = _rack(options, data)
    closing.callback(rack.close)
    police = SimulatedPolice.knowing(options.applicants, clock, data / "police.json")
    banks = make_banks(BANKS, clock, data)
    sockets = _short(rack, closing)
    town = Town(sockets, police, banks, entropy.token(32))
    closing.callback(town.close)
    engine = open_store(f"sqlite:///{data / 'issuance.db'}")
    closing.callback(engine.dispose)
    branch = _branch(engine, centre, Connectors(police, banks), clock, options.seed)
    code = entropy.token(16).hex()
    server = ServerProcess(ServingPlan(str(data), str(sockets), code, policy=(SITE_PRICES,)), data)
    server.start()
    closing.callback(server.stop)
    console = Console(server.url, clock, SeededEntropy(options.seed, "console"), data, code)
    factory = TwinFactory(centre, SeededEntropy(options.seed, "factory"))
    bus_clock = SkewedClock(clock, options.clock_skew_s) if options.clock_skew_s else clock
    line = Line(console, server.url, clock, bus_clock, options.seed)
    street = open_street(line, rack, factory, data / STREET, closing)
    record = RunRecord(options.seed, options.day.isoformat(), options.transport)
    if options.transport == "direct":
        record.degraded.append("未经 PC/SC 守护进程与驱动 no PC/SC daemon or driver in the path")
    record.degraded += lost_to_the_demonstration()
    return Stage(
        options=options,
        live=live,
        record=record,
        folder=folder,
        data=data,
        clock=clock,
        entropy=entropy,
        centre=centre,
        factory=factory,
        rack=rack,
        police=police,
        banks=banks,
        engine=engine,
        branch=branch,
        server=server,
        console=console,
        street=street,
        closing=closing,
    )


def _branch(engine: Engine, centre: KeyCentre, connectors: Connectors, clock: SharedClock, seed: int) -> Branch:
    clerk = Officer("460000198001010019", "经办 clerk")
    approver = Officer("460000197502020024", "复核 approver")
    return Branch(engine, centre, connectors, clock, SeededEntropy(seed, "branch"), clerk, approver)


def _rack(options: DemoOptions, data: Path) -> Rack:
    if options.transport == "direct":
        return DirectRack(SeededEntropy(options.seed, "chips"))
    return PcscRack(STANDARD_LAYOUT, data / "rack", seed=options.seed)


def _short(rack: Rack, closing: ExitStack) -> Path:
    """A folder whose path fits into a Unix socket's name: the rack has found one already, or a temporary one."""
    if isinstance(rack, PcscRack):
        return rack.folder
    return Path(closing.enter_context(TemporaryDirectory(prefix="onecard-")))
