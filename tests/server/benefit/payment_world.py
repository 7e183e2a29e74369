"""A small province for tests of money: persons with cards and accounts, simulated banks, and a batch's whole road."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from card.domain.clock import SteppedClock, to_ms
from card.domain.identity import CITIZEN_CHECKS, CITIZEN_WEIGHTS
from firmware_sim.bank import SimBank, make_banks
from issuance.bank import AccountRequest
from server.benefit import sending, service, steps
from server.benefit.book import RegistryBook
from server.benefit.prepare import prepare
from server.benefit.repay import Correction, prepare_repay
from server.benefit.returns import ImportReport, import_return
from server.benefit.roll import Programme, Roll, RollEntry
from server.benefit.service import LineStory
from server.database import Session, Store
from server.ledger import service as ledger
from server.registry import repository as registry

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PERIOD = "202603"
SURNAMES = "王李张刘陈杨赵黄周吴"
GIVEN = ("伟", "秀英", "娜", "敏", "静", "㐱", "买买提·艾力", "丽娟", "磊", "䶮")
PREPARER, CHECKER, TREASURER, RELEASER = "clerk-1", "clerk-2", "treasurer", "head"


def citizen_no(number: int) -> str:
    body = f"460100{1950 + number % 50}0{1 + number % 9}1{number % 10}{number % 1000:03d}"
    return body + CITIZEN_CHECKS[sum(w * int(d) for w, d in zip(CITIZEN_WEIGHTS, body, strict=True)) % 11]


@dataclass(frozen=True)
class Holder:
    person_id: str
    id_no: str
    name: str
    bank: str
    account: str
    card_id: str
    asn: str


class PayWorld:
    """Everything one run needs. `holders` have a live card each; banks alternate."""

    def __init__(self, store: Store, banks: Sequence[str] = ("102", "103")) -> None:
        self.store = store
        self.clock = SteppedClock(NOON)
        self.banks: Mapping[str, SimBank] = make_banks(banks, self.clock)
        self.holders: list[Holder] = []

    @property
    def now(self) -> int:
        return to_ms(self.clock.now())

    def add_programme(self, code: str = "SUBSIDY", **changes: object) -> None:
        values: dict[str, object] = {
            "code": code,
            "name": "耕地地力保护补贴",
            "document_no": "琼财农〔2026〕1号",
            "budget_fen": 100_000_000,
            "standard_fen": 12_345,
            "ceiling_fen": 200_000,
            "valid_from": "20260101",
            "valid_to": "20261231",
            "summary": "耕地补贴",
            "disclosure_days": 0,
        }
        with self.store.transaction() as session:
            service.create_programme(session, Programme(**(values | changes)))  # type: ignore[arg-type]

    def add_holders(self, count: int) -> list[Holder]:
        with self.store.transaction() as session:
            new = [self._holder(session, len(self.holders) + place) for place in range(count)]
        self.holders += new
        return new

    def _holder(self, session: Session, number: int) -> Holder:
        bank = list(self.banks)[number % len(self.banks)]
        name = SURNAMES[number % 10] + GIVEN[(number // 10) % 10] + "一二三四五六七八九十"[number % 7]
        id_no = citizen_no(number)
        request = AccountRequest(
            f"order-{number}", "01", id_no, name, "长期", "1", "19500101", "CHN", "13800000000", "海口"
        )
        holder = Holder(
            person_id=f"P{number:06d}",
            id_no=id_no,
            name=name,
            bank=bank,
            account=self.banks[bank].pre_open(request),
            card_id=f"{number:032x}",
            asn=f"{number:016d}",
        )
        self.project_person(session, holder)
        self.project_card(session, holder)
        return holder

    def open_account(self, holder: Holder) -> str:
        """A further account of the same person at the same bank."""
        reference = f"again-{holder.person_id}"
        request = AccountRequest(
            reference, "01", holder.id_no, holder.name, "长期", "1", "19500101", "CHN", "13800000000", "海口"
        )
        return self.banks[holder.bank].pre_open(request)

    def project_person(self, session: Session, holder: Holder, version: int = 1, life_status: str = "1") -> None:
        values = {
            "person_id": holder.person_id,
            "version": version,
            "name": holder.name,
            "id_type": "01",
            "id_no": holder.id_no,
            "sex": "1",
            "nation": "01",
            "birth_date": "19500101",
            "region": "460100",
            "mobile": "",
            "life_status": life_status,
        }
        registry.project_person(session, values)

    def project_card(
        self, session: Session, holder: Holder, version: int = 1, status: str = "1", **changes: object
    ) -> None:
        values: dict[str, object] = {
            "card_id": holder.card_id,
            "version": version,
            "card_no": "B00000019",
            "person_id": holder.person_id,
            "region": "460100",
            "status": status,
            "prev_status": "",
            "asn": holder.asn,
            "issuer": "0" * 16,
            "ecard_serial": f"{int(holder.asn):019d}",
            "ecard_status": status,
            "bank": holder.bank,
            "account": holder.account,
            "account_status": "1",
            "issued": "20260101",
            "valid_to": "20360101",
            "batch": "b",
            "atr": "",
            "supersedes": "",
            "reason": "",
            "changed_at": self.now,
        }
        registry.project_card(session, values | changes)

    def roll(self, holders: Sequence[Holder], period: str = PERIOD, fen: int = 12_345, item: str = "SUBSIDY") -> Roll:
        entries = tuple(RollEntry(holder.id_no, holder.name, fen) for holder in holders)
        return Roll(item, period, entries, len(entries), fen * len(entries))

    def prepare(self, roll: Roll) -> str:
        with self.store.transaction() as session:
            return prepare(session, RegistryBook(session), roll, actor=PREPARER, at_ms=self.now).batch_no

    def prepare_repay(self, corrections: Sequence[Correction]) -> str:
        with self.store.transaction() as session:
            book = RegistryBook(session)
            return prepare_repay(session, book, corrections, actor=PREPARER, at_ms=self.now).batch_no

    def send(self, batch_no: str) -> None:
        """From a calculated batch to the banks, each step by its own person."""
        with self.store.transaction() as session:
            at = self.now
            steps.publicize(session, batch_no, actor=PREPARER, on="20260220", proof="list.jpg", at_ms=at)
            steps.check(session, batch_no, actor=CHECKER, at_ms=at)
            steps.approve(session, batch_no, actor=TREASURER, at_ms=at)
            steps.release(session, batch_no, actor=RELEASER, value_date="20260303", at_ms=at)
            sending.make_files(session, batch_no, at_ms=at)
        sending.deliver_pending(self.store, self.banks, self.clock)

    def take(self, bank: str, name: str, raw: bytes) -> ImportReport:
        with self.store.transaction() as session:
            return import_return(session, bank=bank, name=name, raw=raw, at_ms=self.now)

    def collect(self) -> list[ImportReport]:
        """Import every file every bank has out."""
        return [self.take(code, name, raw) for code, bank in self.banks.items() for name, raw in bank.collect()]

    def pay(self, holders: Sequence[Holder], **roll: object) -> str:
        """A whole run: prepared, sent, returned."""
        batch_no = self.prepare(self.roll(holders, **roll))  # type: ignore[arg-type]
        self.send(batch_no)
        self.collect()
        return batch_no

    def stories(self, batch_no: str) -> list[LineStory]:
        with self.store.reading() as session:
            return service.stories(session, batch_no)

    def states(self, batch_no: str) -> dict[str, int]:
        with self.store.reading() as session:
            return {state: count for state, (count, _fen) in service.view(session, batch_no).states.items()}

    def balances(self, prefix: str = "") -> dict[str, int]:
        with self.store.reading() as session:
            return {account: int(fen) for account, fen in ledger.balances(session, prefix).items()}
