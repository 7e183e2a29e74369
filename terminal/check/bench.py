"""What every item of `card check` works with: the card, its profile, proofs at hand, a masked trace as evidence.

By default nothing is written, no PIN or key try is used up and nothing secret is sent. What needs more says so and is
"not tried".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from card import commands
from card.apdu import CommandApdu, ResponseApdu
from card.channel import CardChannel, standard
from card.errors import (
    AccessDeniedError,
    CardDataError,
    CardError,
    ForeignCardError,
    PinInitialError,
    TlvError,
    UnexpectedSwError,
)
from card.files import codecs
from card.files.kinds import RecordEf, RecordField
from card.files.profile import Profile
from card.pin import Pin
from card.session import SscSession
from card.status import send
from card.traffic import Exchange, Trace, TrafficLog
from keys.errors import KeysError
from terminal.card_chip import Found, find_ssc, fitting
from terminal.card_rights import Rights, open_dir

PASS, FAIL, NOT_APPLICABLE, NOT_TRIED = "pass", "fail", "na", "not_tried"
_EVIDENCE = 12
MISSING = (0x6A82, 0x6A83, 0x6A88)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one item, with the reason in both languages."""

    result: str
    zh: str
    en: str


def passed(zh: str, en: str) -> Outcome:
    return Outcome(PASS, zh, en)


def failed(zh: str, en: str) -> Outcome:
    return Outcome(FAIL, zh, en)


def not_applicable(zh: str, en: str) -> Outcome:
    return Outcome(NOT_APPLICABLE, zh, en)


def not_tried(zh: str, en: str) -> Outcome:
    return Outcome(NOT_TRIED, zh, en)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an acceptance list. `versions`: first digits of the card versions it is for ("" all)."""

    id: str
    standard: str
    clause: str
    zh: str
    en: str
    run: "Callable[[CheckBench], Outcome]"
    versions: str = "123"


@dataclass(frozen=True, slots=True)
class Reads:
    """How the records of one directory read: references by what happened."""

    good: list[str] = field(default_factory=list)
    blank: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)

    def add(self, file: "Reads") -> None:
        """The records of one file: a blank one beside others that are written was not forgotten, it is empty."""
        (self.good if file.good else self.blank).extend(file.blank)
        self.good.extend(file.good)
        self.closed.extend(file.closed)
        self.missing.extend(file.missing)
        self.malformed.extend(file.malformed)


class CheckBench:
    """One card on the bench. `found` is None for a card without social security environment."""

    def __init__(
        self, channel: CardChannel, rights: Rights | None, pin: Pin | None, *, write_back: bool, wanted: str = ""
    ) -> None:
        self.trace = Trace(100_000)
        self.raw = TrafficLog(channel, self.trace)
        self.channel = standard(channel, self.trace)
        self.rights, self.pin, self.write_back = rights, pin, write_back
        self.found: Found | None = None
        self.why_foreign = ""
        self.proven: bool | None = None
        try:
            found = find_ssc(self.channel)
            SscSession(self.channel, found.profile)
            self.found = replace(found, profile=fitting(self.channel, found, wanted))
        except ForeignCardError as foreign:
            self.found, self.why_foreign = None, str(foreign)

    @property
    def profile(self) -> Profile:
        """Only items that need one ask; `run_item` answers for the others."""
        if self.found is None:
            raise ForeignCardError(self.why_foreign)
        return self.found.profile

    @property
    def version(self) -> str:
        """First digit of the card's version."""
        return self.profile.version[:1]

    def fresh(self) -> SscSession:
        """The application selected after a reset: no right is left over."""
        self.channel.reset()
        session = SscSession(self.channel, self.profile)
        session.select()
        return session

    def plain(self, command: CommandApdu) -> ResponseApdu:
        """One command as it is, without the usual repairs of lengths."""
        return ResponseApdu.parse(self.raw.transmit(command.to_bytes()))

    def has_dir(self, name: str) -> bool:
        """Does the card know this directory?"""
        directory = self.profile.dir(name)
        answers = [commands.select_aid(directory.aid)] if directory.aid else []
        return any(send(self.channel, command).ok for command in [*answers, commands.select_fid(directory.fid)])

    def read_records(self, directory: str) -> Reads:
        """Every declared record of a directory, with the proofs at hand; nothing is believed that does not decode."""
        session = self.fresh()
        open_dir(session, directory, self.pin, self.rights)
        reads = Reads()
        for ef in session.profile.files_of(directory):
            if isinstance(ef, RecordEf):
                part = Reads()
                for record in ef.records:
                    self._read(session, ef, record, part)
                reads.add(part)
        return reads

    def _read(self, session: SscSession, ef: RecordEf, record: RecordField, reads: Reads) -> None:
        ref = f"{ef.fid.hex().upper()}.{ef.reference(record)}"
        try:
            raw = session.read_record_raw(ef, record)
            codecs.decode_record(record, raw, session.profile.text_codec)
        except (AccessDeniedError, PinInitialError):
            reads.closed.append(ref)
        except UnexpectedSwError as refused:
            (reads.missing if refused.sw in MISSING else reads.malformed).append(ref)
        except (CardDataError, TlvError):
            reads.malformed.append(ref)
        else:
            (reads.blank if raw == codecs.blank_record(record) else reads.good).append(ref)

    def evidence(self, start: int) -> list[str]:
        """Masked commands and status words since `start`, the same ones counted together."""
        seen: dict[str, int] = {}
        for item in list(self.trace.exchanges)[start:]:
            line = _line(item)
            seen[line] = seen.get(line, 0) + 1
        lines = [line if count == 1 else f"{line} ×{count}" for line, count in seen.items()]
        return lines if len(lines) <= _EVIDENCE else [*lines[: _EVIDENCE - 1], f"… {len(lines) - _EVIDENCE + 1} more"]


def _line(item: Exchange) -> str:
    return f"{item.name} {item.command[:8]} → {item.response.rpartition('›')[2].strip() or f'{item.sw:04X}'}"


def names(references: Sequence[str], most: int = 6) -> str:
    """Some references in a sentence."""
    shown = ", ".join(references[:most])
    return shown if len(references) <= most else f"{shown} … ({len(references)})"


def card_error_outcome(trouble: CardError | KeysError) -> Outcome:
    """An item that ended in an error of the card."""
    return failed(f"卡片的回答不对：{trouble}", f"the card answered wrongly: {trouble}")
