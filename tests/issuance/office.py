"""A branch with everything it needs, small enough for a test: two little banks, a register, a direct rack."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from card.domain.clock import SteppedClock
from card.domain.entropy import SeededEntropy
from card.domain.lifecycle import AccountState
from firmware_sim.applicants import Row, citizen_number, generate
from firmware_sim.card.chip import make_blank
from firmware_sim.police import SimulatedPolice
from firmware_sim.rack import DirectRack
from issuance.application.desk import Officer
from issuance.application.form import COLUMNS
from issuance.bank import AccountRequest
from issuance.branch import Branch, Connectors
from issuance.database import Engine
from issuance.errors import BankLinkError, BankRefusedError
from issuance.numbers import luhn_digit
from issuance.personalization.batch import MadeCard
from issuance.settings import IssuanceSettings
from keys.centre import KeyCentre

BATCH = bytes.fromhex("20261101")
OTHER_BATCH = bytes.fromhex("20261102")
PROFILES = ["ssc-2.00-basic", "tunion"]
KEEPERS = ("vault-a", "vault-b")
CLERK = Officer("460000198001010011", "经办")
APPROVER = Officer("460000197501010029", "复核")
PIN = "246813"
ACCEPTANCE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class LittleBank:
    """Opens an account for everybody but `refused`, and answers unless `down`."""

    def __init__(self, head: str) -> None:
        self.head = head
        self.refused: set[str] = set()
        self.down = False
        self.accounts: dict[str, AccountState] = {}
        self.by_reference: dict[str, str] = {}

    def check(self, request: AccountRequest) -> None:
        if self.down:
            raise BankLinkError("down")
        if request.id_no in self.refused:
            raise BankRefusedError("Class I slot is taken")

    def pre_open(self, request: AccountRequest) -> str:
        self.check(request)
        if request.reference not in self.by_reference:
            body = f"{self.head}{len(self.by_reference) + 1:012d}"
            self.by_reference[request.reference] = body + luhn_digit(body)
            self.accounts[self.by_reference[request.reference]] = AccountState.PRE_OPENED
        return self.by_reference[request.reference]

    def set_state(self, account: str, state: AccountState) -> AccountState:
        if self.down:
            raise BankLinkError("down")
        self.accounts[account] = state
        return state

    def state_of(self, account: str) -> AccountState:
        return self.accounts[account]


def row(**changes: str) -> Row:
    """One good row, an adult; `changes` by column."""
    good = {
        "name": "王小明",
        "id_type": "01",
        "id_no": "",
        "id_valid_to": "20361231",
        "sex": "1",
        "nation": "01",
        "birth_date": "19900101",
        "nationality": "CHN",
        "region": "460106",
        "household_address": "海南省海口市示例路1号",
        "living_address": "海南省海口市示例路2号",
        "mobile": "19900000001",
        "bank": "102",
        "life_status": "1",
        "photo": "auto",
        "guardian_name": "",
        "guardian_id_type": "",
        "guardian_id_no": "",
    }
    good.update(changes)
    if not good["id_no"] and "id_no" not in changes:
        birth = datetime.strptime(good["birth_date"], "%Y%m%d").date()
        good["id_no"] = citizen_number(birth, 11 if good["sex"] == "1" else 12)
    return good


def write_form(path: Path, rows: list[Row], encoding: str = "utf-8") -> Path:
    lines = [",".join(COLUMNS), *(",".join(item[name] for name in COLUMNS) for item in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


@dataclass
class Office:
    """Everything of one test."""

    engine: Engine
    centre: KeyCentre
    folder: Path
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(ACCEPTANCE))
    banks: dict[str, LittleBank] = field(
        default_factory=lambda: {"102": LittleBank("621700"), "403": LittleBank("621799")}
    )
    settings: IssuanceSettings = field(default_factory=IssuanceSettings)
    clerk: Officer = CLERK
    approver: Officer = APPROVER
    made: int = 0

    def __post_init__(self) -> None:
        self.police = SimulatedPolice(self.clock)
        self.rack = DirectRack(SeededEntropy(3, "chips"))
        self.branch = self.open_branch()

    def open_branch(self) -> Branch:
        """A branch on the same store, as after a restart."""
        return Branch(
            self.engine,
            self.centre,
            Connectors(self.police, self.banks),
            self.clock,
            SeededEntropy(4, "branch"),
            self.clerk,
            self.approver,
            self.settings,
        )

    def blanks(
        self, count: int, *, received: bool = True, key: bytes | None = None, batch: bytes = BATCH
    ) -> list[Path]:
        """Blank chips in files, booked in unless told otherwise."""
        transport = key or self.centre.transport_key(batch).reveal()
        chips = []
        for _ in range(count):
            self.made += 1
            chips.append(make_blank(self.folder / f"chip-{self.made:04d}.chip", PROFILES, transport, batch))
        if received:
            self.branch.receive_blanks(batch, count, KEEPERS)
        return chips

    def order(self, rows: list[Row] | int) -> list[str]:
        """Approved orders for these rows (or so many ordinary people); all must be good."""
        people = list(generate(rows, 11 + self.made).rows) if isinstance(rows, int) else rows
        form = write_form(self.folder / f"form-{self.made:04d}.csv", people)
        self.police.study(form)
        acceptance = self.branch.accept(form)
        assert acceptance.rejected == ()
        return list(self.branch.approve().approved)

    def make(self, rows: list[Row] | int = 1, slots: tuple[str, ...] = ("encoder-0", "encoder-1")) -> list[MadeCard]:
        """Cards from application to the outlet."""
        orders = self.order(rows)
        result = self.branch.personalize(self.rack, self.blanks(len(orders)), slots=slots)
        assert len(result.cards) == len(orders), result
        return list(result.cards)

    def hand_out(self, card: MadeCard) -> None:
        self.rack.insert("counter", card.chip)
        self.branch.hand_out(card.card_id, self.rack.reader("counter"), PIN)
        self.rack.eject("counter")

    def enabled(self, rows: list[Row] | int = 1) -> list[MadeCard]:
        """Cards in use."""
        cards = self.make(rows)
        for card in cards:
            self.hand_out(card)
            assert self.branch.enable(card.card_id).code == "00"
        return cards
