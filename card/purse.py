"""The session with a transit purse (keys-and-purse §1.3). Amounts are fen; MACs and TACs are opaque bytes here."""

from dataclasses import dataclass

from card import commands
from card.application import Session
from card.domain.identity import IssuerId, PurseNumber
from card.domain.money import Fen
from card.errors import CardDataError, ProfileError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import CyclicEf, PurseEf, TransparentEf
from card.files.profile import Profile
from card.status import ask
from card.tlv import parse_ber
from card.wire import CardChannel

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


class PurseSession(Session):
    """`select` first. A load is `init_load`, `credit_load`; a ride is `init_capp`, `update_capp_cache`, `debit`."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        super().__init__(channel, profile)
        if profile.purse is None:
            raise ProfileError(f"{profile.name} declares no purse")
        self.rules: PurseEf = profile.purse

    def select(self) -> PublicInfo:
        """Select the purse; file 0015 from tag 9F0C of the FCI, read from the file where the FCI has none."""
        fci = self.select_dir(self.rules.dir)
        holder = next((item.find(TAG_FCI_FILE) for item in parse_ber(fci) if item.find(TAG_FCI_FILE)), None)
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
            serial=str(fields["serial"]),
            start_date=str(fields["start_date"]),
            valid_to=str(fields["valid_to"]),
            raw=content,
        )

    def balance(self) -> Fen:
        """Available balance."""
        raw = ask(self.channel, commands.get_balance(self.rules.balance_p2), "get balance", 4)
        return Fen(int.from_bytes(raw, "big") & self.rules.balance_mask)

    def log(self, limit: int | None = None) -> list[LogEntry]:
        """File 0018, newest first."""
        return [_log_entry(row) for row in self.read_log(self.rules.dir, "0018", limit)]

    def trips(self, limit: int | None = None) -> list[dict[str, Value]]:
        """File 001E, newest first."""
        return self.read_log(self.rules.dir, "001E", limit)

    def init_load(self, amount: Fen, terminal: bytes) -> LoadInit:
        """Opens a load; `terminal` 6 bytes. PurseLimitError beyond the purse's limit."""
        command = commands.initialize_for_load(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        raw = ask(self.channel, command, "initialize for load", 16)
        return LoadInit(
            balance=self._fen(raw[:4]),
            online_seq=int.from_bytes(raw[4:6], "big"),
            key_version=raw[6],
            algorithm=raw[7],
            random=raw[8:12],
            mac1=raw[12:16],
        )

    def credit_load(self, date: str, time: str, mac2: bytes) -> bytes:
        """Credits the load; returns the TAC, 4 bytes. PurseMacError when the card refuses MAC2."""
        command = commands.credit_for_load(bytes.fromhex(date), bytes.fromhex(time), mac2)
        return ask(self.channel, command, "credit for load", 4)

    def init_purchase(self, amount: Fen, terminal: bytes) -> PurchaseInit:
        """Opens a simple purchase."""
        command = commands.initialize_for_purchase(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        return self._purchase_init(ask(self.channel, command, "initialize for purchase", 15))

    def init_capp(self, amount: Fen, terminal: bytes) -> PurchaseInit:
        """Opens a compound purchase; PurseFundsError when the purse does not hold `amount`."""
        command = commands.initialize_for_capp(self.rules.key_index, amount, terminal, self.rules.balance_p2)
        return self._purchase_init(ask(self.channel, command, "initialize for CAPP purchase", 15))

    def update_capp_cache(self, fid: str, values: dict[str, Value]) -> None:
        """Hands the card the trip record it commits together with the debit."""
        ef = self.profile.file(self.rules.dir, fid)
        if not isinstance(ef, CyclicEf):
            raise CardDataError(ef.path, "not a cyclic file")
        record = codecs.encode_fields(ef.fields, values, self.profile.text_codec)
        ask(self.channel, commands.update_capp_cache(ef.sfi, record), f"update CAPP cache {ef.path}")

    def debit(self, terminal_seq: int, date: str, time: str, mac1: bytes) -> Debited:
        """Debits; if the card is lost here, ask for `prove` when it comes back."""
        command = commands.debit(terminal_seq, bytes.fromhex(date), bytes.fromhex(time), mac1)
        raw = ask(self.channel, command, "debit", 8)
        return Debited(tac=raw[:4], mac2=raw[4:])

    def prove(self, kind: str, init_seq: int) -> Proof:
        """Proof of the transaction whose 8050 answered `init_seq`; `kind` is load, purchase or capp.

        The dialect (sequence asked for, order of the answer) is profile data. ProofMissingError on 9406.
        """
        step = 1 if self.rules.prove_sequence == "init_plus_1" else 0
        command = commands.get_transaction_prove(self.rules.types[kind], (init_seq + step) & 0xFFFF)
        raw = ask(self.channel, command, "get transaction prove", 8)
        first, second = raw[:4], raw[4:]
        return Proof(first, second) if self.rules.prove_order == "mac_tac" else Proof(second, first)

    def _purchase_init(self, raw: bytes) -> PurchaseInit:
        return PurchaseInit(
            balance=self._fen(raw[:4]),
            offline_seq=int.from_bytes(raw[4:6], "big"),
            overdraft=int.from_bytes(raw[6:9], "big"),
            key_version=raw[9],
            algorithm=raw[10],
            random=raw[11:15],
        )

    def _fen(self, raw: bytes) -> Fen:
        return Fen(int.from_bytes(raw, "big") & self.rules.balance_mask)


def _log_entry(row: dict[str, Value]) -> LogEntry:
    sequence, amount = row["sequence"], row["amount"]
    terminal, kind = row["terminal"], row["type"]
    if not isinstance(sequence, int) or not isinstance(amount, int):
        raise CardDataError("0018", "sequence and amount must be numbers")
    if not isinstance(terminal, bytes) or not isinstance(kind, bytes):
        raise CardDataError("0018", "terminal and type must be bytes")
    return LogEntry(
        sequence=sequence,
        amount=Fen(amount),
        kind=int.from_bytes(kind, "big"),
        terminal=terminal,
        date=str(row["date"]),
        time=str(row["time"]),
    )
