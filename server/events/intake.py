"""Judge a batch before it is stored: whose it is, whether it is whole, and what each event is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import msgspec

from card.domain.envelope import batch_bytes
from card.domain.event import EventFormatError, TapEvent, parse_event
from keys.algorithms.sm3 import sm3
from keys.centre import PurchaseTacInput
from keys.errors import KeysError
from keys.tac import Moment
from server.context import Context
from server.database import Session
from server.devices import service as devices
from server.devices.signature import load_key
from server.errors import ServerError
from server.events import repository
from server.events.replay import BODY, Knowledge, replay
from server.events.shape import carriable
from server.events.store import Batch, Incoming, Verdict
from server.facts import repository as facts
from server.facts import service as facts_service
from server.registry import repository as registry

TYPES = frozenset({"bus", "hotel", "scenic", "kiosk", "load", "counter", "resolution"})
TAC, CHAIN, TYPE, TERMINAL = "E-EVENT-TAC", "E-EVENT-CHAIN", "E-EVENT-TYPE", "E-EVENT-TERMINAL"
DEBITED = "posted"


class BatchError(ServerError):
    """The batch is not of the agreed shape, or its last event is not the one it was signed for."""

    code: ClassVar[str] = "E-BATCH"


class BatchSignatureError(ServerError):
    """The batch is not signed by the terminal it speaks for."""

    code: ClassVar[str] = "E-BATCH-SIGNATURE"


class BatchSizeError(ServerError):
    """More events than one batch may carry."""

    code: ClassVar[str] = "E-BATCH-SIZE"


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `events:batch`. `chain` hex SM3 of the last event, `signature` hex SM2 over the batch's envelope."""

    terminal: str
    epoch: str
    first: int
    last: int
    chain: str
    events: list[str]
    signature: str


@dataclass(frozen=True, slots=True)
class _Read:
    """An event as received; `event` None when it cannot be read, then `code` says why."""

    seq: int
    raw: bytes
    hash: bytes
    event: TapEvent | None
    code: str = ""


def read_upload(body: bytes) -> Upload:
    """BatchError unless `body` is an upload."""
    try:
        return msgspec.json.decode(body, type=Upload)
    except msgspec.MsgspecError as bad:
        raise BatchError("body") from bad


def judge(context: Context, session: Session, upload: Upload) -> Batch:
    """Check the signature, then every event. BatchError, BatchSizeError, BatchSignatureError, DeviceUnknownError."""
    _check_envelope(context, session, upload)
    read = [_read(upload, place, text) for place, text in enumerate(upload.events)]
    knowledge = _knowledge(context, session, [item.event for item in read if item.event])
    judged = [_judge(context, item, upload, knowledge) for item in read]
    return Batch(upload.terminal, upload.epoch, context.now_ms(), tuple(_chained(session, upload, read, judged)))


def _check_envelope(context: Context, session: Session, upload: Upload) -> None:
    if not upload.events or not 1 <= upload.first <= upload.last:
        raise BatchError("first, last, events")
    if len(upload.events) > context.config.batch_limit:
        raise BatchSizeError(str(context.config.batch_limit))
    if sm3(upload.events[-1].encode()).hex() != upload.chain:
        raise BatchError("chain")
    device = devices.of_terminal(session, upload.terminal)
    message = batch_bytes(upload.terminal, upload.epoch, upload.first, upload.last, upload.chain)
    try:
        signature = bytes.fromhex(upload.signature)
    except ValueError as bad:
        raise BatchSignatureError(upload.terminal) from bad
    if not load_key(device.public_key).accepts(message, signature):
        raise BatchSignatureError(upload.terminal)


def _read(upload: Upload, place: int, text: str) -> _Read:
    raw = text.encode()
    digest, assumed = sm3(raw), upload.first + place
    try:
        event = parse_event(raw)
    except EventFormatError as bad:
        return _Read(assumed, raw, digest, None, bad.code)
    if (event.id.terminal, event.id.epoch) != (upload.terminal, upload.epoch):
        return _Read(assumed, raw, digest, None, TERMINAL)
    if event.type not in TYPES:
        return _Read(event.id.seq, raw, digest, None, TYPE)
    return _Read(event.id.seq, raw, digest, event)


def _judge(context: Context, item: _Read, upload: Upload, knowledge: Knowledge) -> Incoming:
    plain = Incoming(upload.terminal, upload.epoch, item.seq, item.hash, item.raw)
    if item.event is None:
        return replace(plain, verdict=Verdict.REJECTED, code=item.code)
    event, body = item.event, item.event.body
    if not carriable(event):
        return replace(plain, verdict=Verdict.REJECTED, code=BODY)
    try:
        known = replace(
            plain,
            type=event.type,
            outcome=_text(body, "outcome"),
            at_ms=event.at,
            asn=_text(body, "asn"),
            offline_seq=_number(body, "offline_seq"),
        )
        known = _claiming(known, event)
    except (TypeError, KeyError, ValueError):
        return replace(plain, verdict=Verdict.REJECTED, code=BODY)
    if known.claim and not _attested(context, body):
        return replace(known, verdict=Verdict.SUSPECT, code=TAC, claim="", owner="")
    finding = replay(event, knowledge)
    if finding.code:
        return replace(known, verdict=Verdict.SUSPECT, code=finding.code)
    return replace(known, difference=finding.difference)


def _claiming(known: Incoming, event: TapEvent) -> Incoming:
    """A debited tap claims its (ASN, offline sequence); a resolution claims it for the tap it resolves."""
    if known.outcome != DEBITED or not known.asn or known.type not in ("bus", "resolution"):
        return known
    owner = str(event.id)
    if known.type == "resolution":
        of: Any = event.body["of"]
        owner = f"{of['terminal']}.{of['epoch']}.{of['seq']}"
    return replace(known, claim=f"{known.asn}:{known.offline_seq}", owner=owner)


def _attested(context: Context, body: Mapping[str, Any]) -> bool:
    """Whether the card's TAC holds for what the event says was debited."""
    try:
        context.centre.check_purchase_tac(
            PurchaseTacInput(
                issuer=bytes.fromhex(body["issuer"]),
                asn=bytes.fromhex(body["asn"]),
                amount=body["amount"],
                terminal=bytes.fromhex(body["psam_no"]),
                terminal_seq=body["terminal_seq"],
                moment=Moment.from_digits(body["card_date"], body["card_time"]),
                tac=bytes.fromhex(body["tac"]),
                key_version=body["key_version"],
                algorithm=body["algorithm"],
                kind=body["txn_type"],
            )
        )
    except (KeysError, KeyError, TypeError, ValueError, OverflowError):
        return False
    return True


def _chained(session: Session, upload: Upload, read: list[_Read], judged: list[Incoming]) -> list[Incoming]:
    """The signature covers the last event; each event covers the one before. What the chain does not reach is refused,
    for anybody could have written it; a first event that does not follow what is stored is suspect."""
    reached = len(read) - 1
    while reached > 0 and _follows(read[reached - 1], read[reached]):
        reached -= 1
    out = [replace(e, verdict=Verdict.REJECTED, code=CHAIN) for e in judged[:reached]] + judged[reached:]
    first = read[reached]
    if first.event is not None and first.seq > 1:
        before = repository.hash_of(session, upload.terminal, upload.epoch, first.seq - 1)
        if before is not None and before.hex() != first.event.prev and out[reached].verdict is Verdict.ACCEPTED:
            out[reached] = replace(out[reached], verdict=Verdict.SUSPECT, code=CHAIN)
    return out


def _follows(before: _Read, after: _Read) -> bool:
    return after.event is not None and after.seq == before.seq + 1 and after.event.prev == before.hash.hex()


def _knowledge(context: Context, session: Session, events: list[TapEvent]) -> Knowledge:
    """What the replay of these events needs, asked in a few queries."""
    media: dict[int, set[str]] = {1: set(), 2: set(), 3: set()}
    for event in events:
        for medium, name in ((1, "card_id"), (2, "asn"), (3, "ecard_serial")):
            media[medium].add(_loose(event.body, name))
    listed: dict[tuple[int, str], list[Any]] = {}
    for medium, ids in media.items():
        for entry in facts.media_listed(session, medium, sorted(ids - {""})):
            listed.setdefault((medium, entry.medium_id), []).append(entry)
    named = {(kind, version) for event in events for kind, version in event.facts.items() if kind != "hotlist"}
    known = {key: facts_service.entries(session, *key) for key in named if key[0] in ("tariff", "policy")}
    births = registry.births(session, sorted(media[2] - {""}))

    def is_listed(medium: int, medium_id: str, version: int) -> bool:
        return any(entry.stands_at(version) for entry in listed.get((medium, medium_id), ()))

    return Knowledge(is_listed, lambda kind, version: known.get((kind, version)), births)


def _loose(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    return value if isinstance(value, str) else ""


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name, -1)
    if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value < 1 << 31:
        raise TypeError(name)
    return value
