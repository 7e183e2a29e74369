"""What the modelled card knows for ever and what it knows while it has power, and how a rule refuses."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.model.book import File

BLANK, INITIALISED, PERSONALISED, BLOCKED, TERMINATED = "blank", "initialised", "personalised", "blocked", "terminated"
FOR_A_TIME, FOR_GOOD = "for a time", "for good"
FIRST_PIN, PIN = "first pin", "pin"
TRANSPORT = 0  # the version of a transport key
T0, T1, CONTACTLESS = "T=0", "T=1", "T=CL"


class Refused(Exception):
    """The command ends with this status word."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


def need(holds: object, sw: int) -> None:
    """The one way a rule refuses."""
    if not holds:
        raise Refused(sw)


@dataclass(frozen=True)
class Key:
    """One version of one key; `top` is the full try counter."""

    value: bytes
    top: int


@dataclass
class Purse:
    """Fen and counters."""

    balance: int = 0
    online: int = 0
    offline: int = 0


@dataclass
class Deal:
    """A purse transaction between its init and its end. `kind` is its name in the profile's `types`."""

    kind: str
    code: int
    amount: int
    terminal: bytes
    random: bytes
    sequence: int
    key: bytes
    parts: dict[tuple[bytes, int], bytes] = field(default_factory=dict)


@dataclass
class HolderPin:
    """One PIN: 16 bytes as the card keeps them, the value of personalisation, tries left."""

    value: bytes
    first: bytes
    is_first: bool
    tries: int


@dataclass
class SecretPin:
    """A PIN of the certificate application: the SM4 key made of it, tries left."""

    key: bytes
    tries: int


@dataclass
class Durable:
    """Survives everything."""

    life: str = BLANK
    batch: bytes = bytes(4)
    tail: bytes = bytes(6)
    keys: dict[tuple[str, int, int, int], Key] = field(default_factory=dict)
    tries: dict[tuple[str, int, int], int] = field(default_factory=dict)
    pin: HolderPin | None = None
    records: dict[tuple[str, bytes, int], bytes] = field(default_factory=dict)
    binaries: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    logs: dict[tuple[str, bytes], list[bytes]] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    purses: dict[str, Purse] = field(default_factory=dict)
    proofs: dict[str, tuple[int, int, bytes, bytes]] = field(default_factory=dict)
    atc: dict[str, int] = field(default_factory=dict)
    secrets: dict[tuple[str, str], SecretPin] = field(default_factory=dict)
    private: dict[str, bytes] = field(default_factory=dict)
    opening: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Volatile:
    """Gone with the power; all but `protocol` and `master` gone with the selection of a directory."""

    protocol: str = T0
    here: str = "MF"
    file: File | None = None
    challenge: bytes = b""
    master: bool = False
    rights: dict[str, set[str]] = field(default_factory=dict)
    deal: Deal | None = None
    waiting: bytes = b""


@dataclass(frozen=True)
class Apdu:
    """A parsed command; `le` is None when it asks for nothing, and the most there is when it says zero."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None
    extended: bool = False

    @property
    def all_asked(self) -> bool:
        """Le absent or zero."""
        return self.le is None or self.le == (65_536 if self.extended else 256)

    @property
    def head(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2, len(self.data)))


Draw = Callable[[int], bytes]
