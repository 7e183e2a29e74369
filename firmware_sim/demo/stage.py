"""The stage of a run: time, keys, readers, offices, stores, the branch; opened once, closed once. Assembly only."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from card.domain.clock import start_of_business_day
from card.domain.entropy import SeededEntropy
from firmware_sim.bank import SimBank, make_banks
from firmware_sim.card.factory import TwinFactory
from firmware_sim.demo.live import Live
from firmware_sim.demo.options import DemoOptions
from firmware_sim.demo.record import RunRecord
from firmware_sim.police import SimulatedPolice
from firmware_sim.rack import STANDARD_LAYOUT, DirectRack, PcscRack, Rack
from firmware_sim.shared_clock import SharedClock
from firmware_sim.town import Town
from issuance.application.desk import Acceptance, Officer
from issuance.branch import Branch, Connectors
from issuance.database import Engine, open_store
from keys.centre import KeyCentre
from keys.settings import KeysConfig, keep_test_seed, open_test_store, seed_from_number

OPENING = timedelta(hours=8)  # the branch opens at 08:00
DATA = "data"
CHIPS = "chips"


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
    closing: ExitStack
    acceptance: Acceptance | None = None
    holders: list[Holder] = field(default_factory=list)

    def now(self) -> datetime:
        return self.clock.now()

    def close(self) -> None:
        """End every process and thread of the run, newest first."""
        self.closing.close()


def prepare_folder(folder: Path) -> Path:
    """An empty output folder; only an earlier run is removed. FileExistsError when it holds other things."""
    if (
        folder.exists()
        and any(folder.iterdir())
        and not (folder / DATA).is_dir()
        and not (folder / "report.json").exists()
    ):
        raise FileExistsError(f"{folder} holds other files; choose another --out")
    if folder.exists():
        shutil.rmtree(folder)
    (folder / DATA / CHIPS).mkdir(parents=True)
    return folder


def open_stage(options: DemoOptions, live: Live) -> Stage:
    """Start time, keys, readers and offices. Raises SimError when there is no PC/SC daemon and none was waived."""
    folder = prepare_folder(options.out)
    data = folder / DATA
    closing = ExitStack()
    try:
        clock = SharedClock.create(data / "clock", start_of_business_day(options.day) + OPENING)
        entropy = SeededEntropy(options.seed, "demo")
        keys = KeysConfig(data_dir=data)
        keep_test_seed(keys, seed_from_number(options.seed))
        centre = KeyCentre(open_test_store(keys))
        rack = _rack(options, data)
        closing.callback(rack.close)
        police = SimulatedPolice.knowing(options.applicants, clock, data / "police.json")
        banks = make_banks(("102", "103", "105", "403", "402", "313"), clock, data)
        town = Town(_short(rack, data), police, banks, entropy.token(32))
        closing.callback(town.close)
        engine = open_store(f"sqlite:///{data / 'issuance.db'}")
        closing.callback(engine.dispose)
        branch = Branch(
            engine,
            centre,
            Connectors(police, banks),
            clock,
            SeededEntropy(options.seed, "branch"),
            Officer("460000198001010019", "经办 clerk"),
            Officer("460000197502020024", "复核 approver"),
        )
    except BaseException:
        closing.close()
        raise
    record = RunRecord(options.seed, options.day.isoformat(), options.transport)
    factory = TwinFactory(centre, SeededEntropy(options.seed, "factory"))
    return Stage(
        options,
        live,
        record,
        folder,
        data,
        clock,
        entropy,
        centre,
        factory,
        rack,
        police,
        banks,
        engine,
        branch,
        closing,
    )


def _rack(options: DemoOptions, data: Path) -> Rack:
    if options.transport == "direct":
        return DirectRack(SeededEntropy(options.seed, "chips"))
    return PcscRack(STANDARD_LAYOUT, data / "rack", seed=options.seed)


def _short(rack: Rack, data: Path) -> Path:
    """A folder whose path fits into a Unix socket's name: the rack has found one already."""
    return rack.folder if isinstance(rack, PcscRack) else data
