"""Reading and writing by place and name: what the file asks for is known first, then proven, then the deed is done.

Every value is encoded before the first command; every record of a write is named in a `WriteRecord` before it is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from card import commands
from card.access import Need
from card.apdu import SW, CommandApdu, Ins
from card.application import select_ef
from card.errors import (
    AccessNeedError,
    CardDataError,
    CardError,
    CardGarbageError,
    CardLateError,
    CardLostError,
    CardMemoryError,
    ChannelLimitError,
    FieldError,
    HalfWrittenError,
    ReaderLostError,
    ReadOnlyProfileError,
)
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import AnyEf, CyclicEf, Field, RecordEf, RecordField, TransparentEf
from card.holder import PinSession
from card.pin import Pin
from card.reference import Target, resolve
from card.secure_messaging import Authorise, CardCrypto, line_rule, seal, seal_encrypted
from card.status import check, check_key, send
from card.writing import UNKNOWN, MemoryRecord, PlannedStep, WritePlan, WriteRecord, digest

Values: TypeAlias = Value | Mapping[str, Value]
# After these nobody knows whether the command was carried out.
_MAYBE = (
    CardLostError,
    ReaderLostError,
    CardLateError,
    CardGarbageError,
    CardDataError,
    ChannelLimitError,
    CardMemoryError,
)
CHUNK = 112  # 70h, the piece in which the field writes long files (card §2.5)
APPEND_CURRENT = 0x03


@dataclass(frozen=True, slots=True)
class Means:
    """What a caller can prove with: keys by `authorise`, the holder's `pin`, line keys by `crypto`.

    `record` keeps what was meant and done; `read_back` compares the card with what was meant where it may be read.
    """

    authorise: Authorise | None = None
    pin: Pin | None = None
    crypto: CardCrypto | None = None
    record: WriteRecord | None = None
    read_back: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and whether it was read back and found equal."""

    place: str
    steps: tuple[str, ...]
    read_back: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """One command's worth: a record, a piece of a transparent file (`at` is its offset), or a log entry."""

    ref: str
    at: int
    raw: bytes
    record: RecordField | None = None


def give_proofs(session: PinSession, need: Need, means: Means) -> tuple[str, ...]:
    """Give the proofs a place asks for and enter its directory; AccessNeedError, with nothing sent, when we cannot.

    Returns the proofs the command itself must carry (`mac:NAME`, `enc:NAME`).
    """
    way = need.way(means.pin is not None, means.authorise is not None, means.crypto is not None)
    if way is None:
        raise AccessNeedError(f"{need.operation} {need.place}", need.missing)
    directory = need.place.partition("/")[0]
    pin_dir = session.profile.pin.dir if session.profile.pin else directory
    if "pin" in way and means.pin is not None:
        if session.current != pin_dir:
            session.select_dir(pin_dir)
        session.verify_pin(means.pin)
    if session.current != directory:
        session.select_dir(directory)
    for proof in way:
        kind, _, name = proof.partition(":")
        if kind == "key" and means.authorise is not None:
            session.prove_key(name, means.authorise)
    return tuple(proof for proof in way if proof.partition(":")[0] in ("mac", "enc"))


def read_place(session: PinSession, place: str, means: Means) -> Value | dict[str, Value] | list[dict[str, Value]]:
    """A record's value, a file's values by name, or a log's entries. AccessNeedError before anything is sent."""
    target = resolve(session.profile, place)
    give_proofs(session, session.need(place, "read"), means)
    ef = target.ef
    if target.record is not None and isinstance(ef, RecordEf):
        return session.read_record(ef, target.record)
    if isinstance(ef, CyclicEf):
        entries = session.read_log(ef.dir, ef.fid.hex(), target.entry or None)
        return entries[target.entry - 1] if target.entry and len(entries) >= target.entry else entries
    return session.read_file(ef.dir, ef.fid.hex())


def write_place(session: PinSession, place: str, values: Values, means: Means) -> Written:
    """Write one record, several fields of a file, or one log entry.

    ReadOnlyProfileError, FieldError and AccessNeedError before anything is sent; HalfWrittenError names what stands and
    what is open when several records were meant and the card failed in between.
    """
    if session.profile.read_only:
        raise ReadOnlyProfileError(f"cards of {session.profile.name} are not written")
    target = resolve(session.profile, place)
    steps = _steps(session, target, values)
    line_keys = give_proofs(session, session.need(place, "write"), means)
    readable = session.need(place, "read").satisfied and not isinstance(target.ef, CyclicEf)
    record = means.record or MemoryRecord()
    record.begin(_plan(session, target, steps, readable))
    _carry_out(session, target.ef, steps, line_keys, means, record)
    if readable and means.read_back:
        _compare(session, target.ef, steps)
    record.finish()
    return Written(target.text, tuple(step.ref for step in steps), readable and means.read_back)


def _carry_out(
    session: PinSession,
    ef: AnyEf,
    steps: tuple[_Step, ...],
    line_keys: tuple[str, ...],
    means: Means,
    record: WriteRecord,
) -> None:
    if isinstance(ef, TransparentEf) and max(step.at for step in steps) > 0xFF:
        select_ef(session.channel, ef)
    for number, step in enumerate(steps):
        record.sending(number)
        try:
            _send(session, ef, _command(ef, step), line_keys, means)
        except CardError as why:
            if number == 0 and not isinstance(why, _MAYBE):
                record.finish()  # refused outright: nothing stands on the card that did not stand there before
            if len(steps) == 1 or (number == 0 and not isinstance(why, _MAYBE)):
                raise
            done = tuple(item.ref for item in steps[:number])
            raise HalfWrittenError(done, tuple(item.ref for item in steps[number:]), why) from why
        record.written(number)


def _send(session: PinSession, ef: AnyEf, command: CommandApdu, line_keys: tuple[str, ...], means: Means) -> None:
    doing = f"write {ef.path}"
    for proof in line_keys:
        if means.crypto is None:
            raise AccessNeedError(doing, (proof,))
        kind, _, name = proof.partition(":")
        rule = line_rule(session.profile.crypto)
        challenge = session.challenge(rule.challenge_length)
        protect = seal_encrypted if kind == "enc" else seal
        command = protect(command, means.crypto.line(session.profile.key(name)), challenge, rule)
    answer = send(session.channel, command)
    if isinstance(ef, CyclicEf) and answer.sw in (SW.UNKNOWN_INS, SW.FUNCTION_NOT_SUPPORTED) and not line_keys:
        select_ef(session.channel, ef)
        append = CommandApdu(commands.ISO, Ins.UPDATE_RECORD, 0x00, APPEND_CURRENT, command.data)
        answer = send(session.channel, append)
    (check_key if line_keys else check)(answer.sw, doing)


def _command(ef: AnyEf, step: _Step) -> CommandApdu:
    if step.record is not None:
        return commands.update_record(step.record.no, ef.sfi, step.raw)
    if isinstance(ef, CyclicEf):
        return commands.append_record(ef.sfi, step.raw)
    if step.at > 0xFF or (isinstance(ef, TransparentEf) and ef.size > 0x100):
        return commands.update_binary_current(step.at, step.raw)
    return commands.update_binary(ef.sfi, step.at, step.raw)


def _steps(session: PinSession, target: Target, values: Values) -> tuple[_Step, ...]:
    ef, edition = target.ef, session.profile.text_codec
    if target.record is not None and isinstance(ef, RecordEf):
        return (_Step(target.text, target.record.no, _record(target.record, values, session), target.record),)
    if not isinstance(values, Mapping) or not values:
        raise FieldError(ef.path, "a file is written by field names")
    if isinstance(ef, CyclicEf):
        return (_Step(ef.path, 0, codecs.encode_fields(ef.fields, dict(values), edition)),)
    if isinstance(ef, TransparentEf):
        return tuple(_pieces(ef, dict(values), session))
    named = {_named(ef, name): value for name, value in values.items()}
    return tuple(
        _Step(f"{ef.path}/{ef.reference(item)}", item.no, _record(item, named[item.no], session), item)
        for item in ef.records
        if item.no in named
    )


def _record(item: RecordField, value: object, session: PinSession) -> bytes:
    return codecs.encode_record(item, value, session.profile.text_codec)  # type: ignore[arg-type]


def _named(ef: RecordEf, name: str) -> int:
    for item in ef.records:
        if item.name == name:
            return item.no
    try:
        return ef.by_tag(name).no
    except LookupError:
        raise FieldError(name, f"{ef.path} has no such record") from None


def _pieces(ef: TransparentEf, values: dict[str, Value], session: PinSession) -> list[_Step]:
    unknown = sorted(set(values) - {item.name for item in ef.fields})
    if unknown:
        raise FieldError(unknown[0], f"{ef.path} has no such field")
    found: list[_Step] = []
    offset = 0
    for item in ef.fields:
        if item.name in values:
            found += _cut(ef, item, offset, codecs.encode(item, values[item.name], session.profile.text_codec))
        offset += item.length
    return found


def _cut(ef: AnyEf, item: Field, offset: int, raw: bytes) -> list[_Step]:
    starts = range(0, len(raw), CHUNK)
    return [_Step(f"{ef.path}/{item.name}@{offset + at:04X}", offset + at, raw[at : at + CHUNK]) for at in starts]


def _plan(session: PinSession, target: Target, steps: tuple[_Step, ...], readable: bool) -> WritePlan:
    card = session.channel.atr.hex()
    before = _now(session, target.ef, steps) if readable else [b""] * len(steps)
    planned = [
        PlannedStep(
            step.ref, step.at, digest(card, step.ref, old) if old else UNKNOWN, digest(card, step.ref, step.raw)
        )
        for step, old in zip(steps, before, strict=True)
    ]
    return WritePlan(card, target.ef.path, tuple(planned))


def _now(session: PinSession, ef: AnyEf, steps: tuple[_Step, ...]) -> list[bytes]:
    """What stands on the card where the steps go."""
    if isinstance(ef, TransparentEf):
        content = session.read_raw(ef)
        return [content[step.at : step.at + len(step.raw)] for step in steps]
    if not isinstance(ef, RecordEf):
        return [b""] * len(steps)
    return [session.read_record_raw(ef, step.record) if step.record else b"" for step in steps]


def _compare(session: PinSession, ef: AnyEf, steps: tuple[_Step, ...]) -> None:
    for step, found in zip(steps, _now(session, ef, steps), strict=True):
        if found != step.raw:
            raise CardDataError(step.ref, "what stands on the card is not what was written")
