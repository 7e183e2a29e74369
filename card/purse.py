"""The session with a transit purse (keys-and-purse §1.3). Amounts are fen; MACs and TACs are opaque bytes here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from card import commands
from card.application import Session
from card.commands import BalanceForm
from card.domain.identity import IssuerId, PurseNumber
from card.domain.money import Fen
from card.errors import CardDataError, ContactlessRefusedError, ProfileError, TlvError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import CyclicEf, PurseEf, RecordEf, TransparentEf
from card.files.profile import Profile
from card.files.tree import record_of
from card.interface import Interface
from card.status import ask, send
from card.tlv import parse_ber
from card.wire import CardChannel

FILE_COMPOSITE = bytes.fromhex("001A")
_AMOUNT = 4
TAG_FCI_FILE = 0x9F0C  # SELECT returns file 0015 in it (keys-and-purse §1.2, A)


@dataclass(frozen=True, slots=True)
class PublicInfo:
    """File 0015. `asn` names the purse, `issuer` the first diversification factor."""

    issuer: IssuerId
    asn: PurseNumber
    serial: str
    start_date: str
    valid_to: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class LoadInit:
    """Answer of INITIALIZE FOR LOAD: what the load host needs, MAC1 included."""

    balance: Fen
    online_seq: int
    key_version: int
    algorithm: int
    random: bytes
    mac1: bytes


@dataclass(frozen=True, slots=True)
class PurchaseInit:
    """Answer of INITIALIZE FOR (CAPP) PURCHASE: what the PSAM needs."""

    balance: Fen
    offline_seq: int
    overdraft: int
    key_version: int
    algorithm: int
    random: bytes


@dataclass(frozen=True, slots=True)
class Debited:
    """Answer of DEBIT: the money has left the card."""

    tac: bytes
    mac2: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """Answer of GET TRANSACTION PROVE: for a purchase `mac` is MAC2, for a load the load's MAC2."""

    mac: bytes
    tac: bytes


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of file 0018."""

    sequence: int
    amount: Fen
    kind: int
    terminal: bytes
    date: str
    time: str


@dataclass(frozen=True, slots=True)
class Balances:
    """All that GET BALANCE tells, fen. Overdraft is read, never changed, here."""

    available: Fen
    real: Fen
    upper_limit: Fen
    overdrawn: Fen
    overdraft_limit: Fen


class PurseReading(Session):
    """A purse that is only looked at. `select` first."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        super().__init__(channel, profile)
        if profile.purse is None:
            raise ProfileError(f"{profile.name} declares no purse")
        self.rules: PurseEf = profile.purse

    def select(self) -> PublicInfo:
        """Select the purse; file 0015 from tag 9F0C of the FCI, read from the file where the FCI has none."""
        fci = self.select_dir(self.rules.dir)
        try:
            items = parse_ber(fci)
        except TlvError as bad:
            raise CardDataError("FCI", str(bad)) from bad
        holder = next((hit for item in items if (hit := item.find(TAG_FCI_FILE))), None)
        return self._public_info(holder.value if holder else None)

    def _public_info(self, raw: bytes | None) -> PublicInfo:
        """File 0015, read when not handed in."""
        ef = self.profile.file(self.rules.dir, "0015")
        if not isinstance(ef, TransparentEf):
            raise ProfileError("0015 must be transparent")
        content = self.read_raw(ef) if raw is None else raw
        fields = codecs.decode_fields(ef.fields, content, self.profile.text_codec)
        return PublicInfo(
            issuer=IssuerId(content[:8]),
            asn=PurseNumber(content[12:20]),
            serial=str(_named(fields, "serial")),
            start_date=str(_named(fields, "start_date")),
            valid_to=str(_named(fields, "valid_to")),
            raw=content,
        )

    def balance(self) -> Fen:
        """Available balance."""
        return self._balance(BalanceForm.AVAILABLE)

    def balances(self) -> Balances:
        """Every form; in one command where the card knows P1 05 (keys-and-purse §1.3, B), else one by one."""
        answer = send(self.channel, commands.get_balance(self.rules.balance_p2, BalanceForm.ALL))
        available = self.balance()
        if answer.ok and len(answer.data) == 4 * _AMOUNT:
            parts = [self._fen(answer.data[at : at + _AMOUNT]) for at in range(0, 4 * _AMOUNT, _AMOUNT)]
        else:
            order = (BalanceForm.REAL, BalanceForm.UPPER_LIMIT, BalanceForm.OVERDRAWN, BalanceForm.OVERDRAFT_LIMIT)
            parts = [self._balance(form) for form in order]
        return Balances(available, parts[0], parts[1], parts[2], parts[3])

    def log(self, limit: int | None = None) -> list[LogEntry]:
        """File 0018, newest first."""
        return [_log_entry(row) for row in self.read_log(self.rules.dir, "0018", limit)]

    def trips(self, limit: int | None = None) -> list[dict[str, Value]]:
        """File 001E, newest first."""
        return self.read_log(self.rules.dir, "001E", limit)

    def composites(self) -> dict[str, Value]:
        """The records of 001A by name; {} where the profile declares none (keys-and-purse §1.2)."""
        for ef in self.profile.files_of(self.rules.dir):
            if ef.fid == FILE_COMPOSITE and isinstance(ef, RecordEf):
                return {item.name: self.read_record(ef, item) for item in ef.records}
        return {}

    def _balance(self, form: BalanceForm) -> Fen:
        raw = ask(self.channel, commands.get_balance(self.rules.balance_p2, form), "get balance", _AMOUNT)
        return self._fen(raw)

    def _fen(self, raw: bytes) -> Fen:
        return Fen(int.from_bytes(raw, "big") & self.rules.balance_mask)

    def _allowed(self, word: str) -> None:
        """ContactlessRefusedError before anything is sent, where the profile says that the chip would refuse."""
        rules = self.profile.contactless
        if self.interface is Interface.CONTACTLESS and rules is not None and word in rules.refused:
            raise ContactlessRefusedError(word)


class PurseSession(PurseReading):
    """A load is `init_load`, `credit_load`; a ride `init_capp`, `update_capp_cache`, `debit`; an unload two steps."""

    def init_load(self, amount: Fen, terminal: bytes) -> LoadInit:
        """Opens a load; `terminal` 6 bytes. PurseLimitError beyond the purse's limit."""
        self._allowed("load")
        command = commands.initialize_for_load(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        return self._load_init(ask(self.channel, command, "initialize for load", 16))

    def credit_load(self, date: str, time: str, mac2: bytes) -> bytes:
        """Credits the load; returns the TAC, 4 bytes. PurseMacError when the card refuses MAC2."""
        command = commands.credit_for_load(bytes.fromhex(date), bytes.fromhex(time), mac2)
        return ask(self.channel, command, "credit for load", 4)

    def init_unload(self, amount: Fen, terminal: bytes) -> LoadInit:
        """Opens an unload; MAC1 is the card's word on its balance. PurseFundsError beyond it."""
        self._allowed("unload")
        command = commands.initialize_for_unload(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        return self._load_init(ask(self.channel, command, "initialize for unload", 16))

    def debit_unload(self, date: str, time: str, mac2: bytes) -> bytes:
        """The money leaves the card; returns MAC3, 4 bytes: the card's word that it has. PurseMacError."""
        command = commands.debit_for_unload(bytes.fromhex(date), bytes.fromhex(time), mac2)
        return ask(self.channel, command, "debit for unload", 4)

    def init_purchase(self, amount: Fen, terminal: bytes) -> PurchaseInit:
        """Opens a simple purchase."""
        self._allowed("debit")
        command = commands.initialize_for_purchase(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        return self._purchase_init(ask(self.channel, command, "initialize for purchase", 15))

    def init_capp(self, amount: Fen, terminal: bytes) -> PurchaseInit:
        """Opens a compound purchase; PurseFundsError when the purse does not hold `amount`."""
        self._allowed("debit")
        command = commands.initialize_for_capp(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        return self._purchase_init(ask(self.channel, command, "initialize for CAPP purchase", 15))

    def update_capp_cache(self, fid: str, values: Mapping[str, Value], name: str = "") -> None:
        """Hands the card a record it commits with the debit: a trip (001E), or the composite record `name` (001A)."""
        ef, edition = self.profile.file(self.rules.dir, fid), self.profile.text_codec
        number = 0
        if isinstance(ef, CyclicEf):
            raw = codecs.encode_fields(ef.fields, dict(values), edition)
        elif isinstance(ef, RecordEf):
            record = record_of(ef, name)
            raw, number = codecs.encode_record(record, cast("Value", values), edition), record.no
        else:
            raise CardDataError(ef.path, "not written with a debit")
        ask(self.channel, commands.update_capp_cache(ef.sfi, raw, number), f"update CAPP cache {ef.path}")

    def debit(self, terminal_seq: int, date: str, time: str, mac1: bytes) -> Debited:
        """Debits; if the card is lost here, ask for `prove` when it comes back."""
        command = commands.debit(terminal_seq, bytes.fromhex(date), bytes.fromhex(time), mac1)
        raw = ask(self.channel, command, "debit", 8)
        return Debited(tac=raw[:4], mac2=raw[4:])

    def prove(self, kind: str, init_seq: int) -> Proof:
        """Proof of the transaction whose 8050 answered `init_seq`; `kind` is load, purchase, capp or unload.

        The dialect (sequence asked for, order of the answer) is profile data. ProofMissingError on 9406. Of an unload
        the two are MAC2 and MAC3.
        """
        step = 1 if self.rules.prove_sequence == "init_plus_1" else 0
        command = commands.get_transaction_prove(self.rules.types[kind], (init_seq + step) & 0xFFFF)
        raw = ask(self.channel, command, "get transaction prove", 8)
        first, second = raw[:4], raw[4:]
        return Proof(first, second) if self.rules.prove_order == "mac_tac" else Proof(second, first)

    def _load_init(self, raw: bytes) -> LoadInit:
        return LoadInit(
            balance=self._fen(raw[:4]),
            online_seq=int.from_bytes(raw[4:6], "big"),
            key_version=raw[6],
            algorithm=raw[7],
            random=raw[8:12],
            mac1=raw[12:16],
        )

    def _purchase_init(self, raw: bytes) -> PurchaseInit:
        return PurchaseInit(
            balance=self._fen(raw[:4]),
            offline_seq=int.from_bytes(raw[4:6], "big"),
            overdraft=int.from_bytes(raw[6:9], "big"),
            key_version=raw[9],
            algorithm=raw[10],
            random=raw[11:15],
        )


def _named(row: Mapping[str, Value], name: str) -> Value:
    """A field of 0015 or 0018; a second purse of one chip prefixes its names (`city_serial`)."""
    for key, value in row.items():
        if key == name or key.endswith(f"_{name}"):
            return value
    raise CardDataError(name, "is not a field of this purse's file")


def _log_entry(row: Mapping[str, Value]) -> LogEntry:
    sequence, amount = _named(row, "sequence"), _named(row, "amount")
    terminal, kind = _named(row, "terminal"), _named(row, "type")
    if not isinstance(sequence, int) or not isinstance(amount, int):
        raise CardDataError("0018", "sequence and amount must be numbers")
    if not isinstance(terminal, bytes) or not isinstance(kind, bytes):
        raise CardDataError("0018", "terminal and type must be bytes")
    return LogEntry(
        sequence=sequence,
        amount=Fen(amount),
        kind=int.from_bytes(kind, "big"),
        terminal=terminal,
        date=str(_named(row, "date")),
        time=str(_named(row, "time")),
    )
