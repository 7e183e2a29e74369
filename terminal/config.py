"""Configuration of terminals: one frozen dataclass per process kind; `card.config.section` refuses unknown keys."""

from dataclasses import dataclass, field
from pathlib import Path

from card.domain.scene import Place


@dataclass(frozen=True, slots=True)
class TerminalConfig:
    """Table `[terminal]`: what every kind has."""

    device_id: str = "demo-bus-1"
    operator: str = "haikou-bus"
    site: str = "line-k1"
    region: str = "460100"
    server: str = "http://127.0.0.1:8460"
    data_dir: Path = field(default_factory=lambda: Path("var/terminal"))
    upload_batch: int = 100
    clock_sync_max_age_s: int = 7 * 86_400
    clock_drift_max_s: int = 120

    def __post_init__(self) -> None:
        if not 1 <= self.upload_batch <= 500:
            raise ValueError("upload_batch must be 1..500")

    @property
    def place(self) -> Place:
        """Where this device stands."""
        return Place(self.operator, self.site, self.region)


@dataclass(frozen=True, slots=True)
class BusConfig:
    """Table `[bus]`. `same_ride_s`: a torn tap found paid within this time counts as the ride of the new tap;
    `uncertain_after_s`: a torn tap whose card has not come back by then is reported as uncertain. `compound` false: a
    simple purchase (8050 01), for purses that take no trip record.
    """

    line: str = "K1"
    same_ride_s: int = 300
    uncertain_after_s: int = 600
    industry: str = "02"
    line_station: str = "00000000000001"
    city_code: str = "6410"
    acquirer: str = "01011000FFFFFFFF"
    compound: bool = True


@dataclass(frozen=True, slots=True)
class HotelConfig:
    """Table `[hotel]`: reader of the guest's card and of the PSAM, "" = the first found."""

    reader: str = ""
    psam: str = ""


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """Table `[venue]`. `code_limit_applies`: hold the code's single-trip limit against the ticket price."""

    code_limit_applies: bool = False
    open_ms: int = 1500
    scan_ms: int = 1000


@dataclass(frozen=True, slots=True)
class KioskConfig:
    """Table `[kiosk]`: amounts a person may load at once, in fen."""

    load_min: int = 100
    load_max: int = 50_000
    statement_lines: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.load_min <= self.load_max:
            raise ValueError("load_min and load_max in fen, ascending")


@dataclass(frozen=True, slots=True)
class Ldt33Config:
    """Table `[ldt33]`: the terminal behind the standard functions. Reader names may be parts of a name.

    `contact` "" is the first reader that is neither of the others; `contactless` and `psam` "" are none.
    `errors`: how a refused PIN is told, `library` (-51, -52, -35) or `status-word` (minus the card's SW). `dialect`: a
    TOML file instead of the built-in one. `token` "": where the C library looks for it. `profile = "production"`
    refuses functions whose form nobody has confirmed.
    """

    profile: str = "demo"
    contact: str = ""
    contactless: str = ""
    psam: str = ""
    device_no: str = ""
    errors: str = "library"
    dialect: str = ""
    step_timeout_s: int = 60
    pin_timeout_s: int = 30
    busy_timeout_s: int = 10
    token: str = ""

    def __post_init__(self) -> None:
        if self.errors not in ("library", "status-word"):
            raise ValueError("errors must be library or status-word")
        if not (0 < self.step_timeout_s <= 600 and 0 < self.pin_timeout_s <= 120 and 0 < self.busy_timeout_s <= 60):
            raise ValueError("step_timeout_s 1..600, pin_timeout_s 1..120, busy_timeout_s 1..60")
