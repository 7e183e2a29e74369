"""iReadCard and iWriteCard, with PIN, PSAM, or the centre's module in two steps (card §4.1, §4.2)."""

from collections.abc import Iterable
from dataclasses import dataclass

from card import commands
from card.errors import ProfileError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import Access, AnyEf, CyclicEf, Field, RecordEf, RecordField, TransparentEf
from card.status import ask
from terminal.ldt33 import addresses as texts
from terminal.ldt33.addresses import FileAddress, Tag
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.proofs import (
    BLOCK,
    Challenge,
    Way,
    fresh,
    key_of,
    proofs_of,
    prove_card,
    show_blob,
    show_key,
    show_pin,
)
from terminal.ldt33.values import encode_group, text_of
from terminal.ldt33.visit import Visit, check_card

WAYS: dict[int, Way] = {1: "pin", 2: "key"}
CHUNK = 0x70  # transparent files are written in pieces of this size (card §2.5, B)


@dataclass(frozen=True, slots=True)
class Place:
    """One group of an address, found in the card's profile. `records` is empty for a file without tags."""

    address: FileAddress
    ef: AnyEf
    records: tuple[RecordField, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What the first step of reading or writing leaves for the second."""

    places: tuple[Place, ...]
    challenge: Challenge


def read(call: Call, kind: int, auth: int, card: str, files: str) -> str:
    """Values where the tags stood. iAuthType 1 asks the holder for the PIN, 2 shows the read keys by the PSAM."""
    if auth not in WAYS:
        raise Ldt33Error(Code.BAD_PARAMETER, f"iAuthType {auth}")
    visit = _card(call, kind, card)
    return _read_all(call, visit, locate(visit, files), WAYS[auth])


def read_step1(call: Call, kind: int, card: str, files: str) -> str:
    """`算法标识|密钥地址|过程因子|原始信息|` for the one key the files ask for; -2204 when they ask for none."""
    visit = _card(call, kind, card)
    places = locate(visit, files)
    return _first_step(call, visit, places, [_read_access(place) for place in places], "iReadCard_HSM_Step2")


def read_step2(call: Call, key: str) -> str:
    """pKey is the 16 bytes for the card, in hex."""
    told = _told(call)
    _show(call, told, key)
    return _read_all(call, call.visit, told.places, "key")


def write(call: Call, kind: int, card: str, files: str, data: str) -> str:
    """Write through the PSAM; nothing is sent to the card before every value is known to fit."""
    visit = _card(call, kind, card)
    places = locate(visit, files)
    pieces = _encoded(call, visit, places, data)
    for place, content in zip(places, pieces, strict=True):
        proofs = proofs_of(place.ef.write, "key")
        _show_all(call, visit, place, proofs)
        _write(visit, place, content)
    return ""


def write_step1(call: Call, kind: int, card: str, files: str) -> str:
    """As `read_step1`, for the key that may write."""
    visit = _card(call, kind, card)
    places = locate(visit, files)
    return _first_step(call, visit, places, [place.ef.write for place in places], "iWriteCard_HSM_Step2")


def write_step2(call: Call, key: str, data: str) -> str:
    """Show the key, then write."""
    told = _told(call)
    pieces = _encoded(call, call.visit, told.places, data)
    _show(call, told, key)
    for place, content in zip(told.places, pieces, strict=True):
        call.visit.select(place.ef.dir)
        _write(call.visit, place, content)
    return ""


def locate(visit: Visit, files: str) -> tuple[Place, ...]:
    """The addressed files and records in the profile of this card; -23 for one it does not have."""
    return tuple(_place(visit, address) for address in texts.parse_addresses(files))


def _place(visit: Visit, address: FileAddress) -> Place:
    try:
        ef = visit.profile.file(address.dir, address.fid)
    except ProfileError as unknown:
        raise Ldt33Error(Code.BAD_INPUT, f"no {address.written} on this card") from unknown
    if isinstance(ef, RecordEf):
        if address.number or not address.tags:
            raise Ldt33Error(Code.BAD_INPUT, f"{address.written} has tags")
        return Place(address, ef, tuple(_by_tag(ef, tag) for tag in address.tags))
    if address.tags or (address.number and not isinstance(ef, CyclicEf)):
        raise Ldt33Error(Code.BAD_INPUT, f"{address.written} has no tags")
    return Place(address, ef, ())


def _by_tag(ef: RecordEf, tag: Tag) -> RecordField:
    try:
        return ef.by_tag(tag.text)
    except LookupError as unknown:
        raise Ldt33Error(Code.BAD_INPUT, str(unknown)) from unknown


def _card(call: Call, kind: int, card: str) -> Visit:
    info = texts.parse_card_info(card)
    visit = call.open(kind)
    check_card(visit, info)
    return visit


def _read_access(place: Place) -> Access:
    """The strictest rule among the wanted records: the first that is not free."""
    if isinstance(place.ef, RecordEf):
        rules = [place.ef.read_of(record) for record in place.records]
        return next((rule for rule in rules if not rule.free), place.ef.read if not rules else rules[0])
    return place.ef.read


# ---- rights -------------------------------------------------------------------------------------------------------


def _show_all(call: Call, visit: Visit, place: Place, proofs: tuple[str, ...]) -> None:
    """The holder's PIN first, then the key (card §1.14: a file that wants both wants them in this order)."""
    key = key_of(proofs)
    if key:
        prove_card(call, visit)
    visit.select(place.ef.dir)
    if "pin" in proofs:
        show_pin(call, visit)
        visit.select(place.ef.dir)
    if key:
        show_key(call, visit, key)


def _first_step(call: Call, visit: Visit, places: tuple[Place, ...], rules: list[Access], then: str) -> str:
    """One key a call: a card's challenge is good for one authentication, so two keys cannot be asked for at once."""
    wanted = [proofs_of(rule, "key") for rule in rules]
    keys = sorted({key for proofs in wanted if (key := key_of(proofs))})
    if not keys:
        raise Ldt33Error(Code.NO_HSM_NEEDED)
    dirs = {place.ef.dir for place, proofs in zip(places, wanted, strict=True) if key_of(proofs)}
    if len(keys) > 1 or len(dirs) > 1:
        raise Ldt33Error(Code.BAD_PARAMETER, "files of one key and directory in one call")
    address = key_address(visit, keys[0])
    visit.select(dirs.pop())
    if any("pin" in proofs for proofs in wanted):
        show_pin(call, visit)
    challenge = fresh(call, keys[0], visit.session.challenge(BLOCK))
    call.keep(then, Told(places, challenge))
    head = (visit.region, visit.reset_info) if call.desk.dialect.hsm.prefix == "region_reset" else ()
    return texts.line(*head, visit.algorithm, address, *challenge.text())


def key_address(visit: Visit, key: str) -> str:
    """Address and id of the key in the centre's module, six hex digits (card §3.5, B); -13 when nobody knows it."""
    address = visit.profile.key(key).hsm.replace(":", "")
    if not address:
        raise Ldt33Error(Code.NOT_SUPPORTED, f"{key} has no address in the security module")
    return address


def _told(call: Call) -> Told:
    state = call.resumed.state if call.resumed else None
    if not isinstance(state, Told):
        raise Ldt33Error(Code.NOT_CONNECTED)
    return state


def _show(call: Call, told: Told, key: str) -> None:
    """The centre's 16 bytes; their second half must be our original data, else nothing goes to the card."""
    (text,) = texts.split_line(key, 1)
    blob = texts.hex_field(text, 2 * BLOCK)
    if blob[BLOCK:] != told.challenge.original:
        raise Ldt33Error(Code.BAD_INPUT, "answer to another question")
    show_blob(call.visit, told.challenge.key, blob)


# ---- values -------------------------------------------------------------------------------------------------------


def _read_all(call: Call, visit: Visit, places: tuple[Place, ...], way: Way) -> str:
    """Protected groups first where a key was shown already: another directory would end its rights."""
    order = sorted(range(len(places)), key=lambda at: places[at].ef.dir != visit.directory)
    found: dict[int, tuple[str, ...]] = {}
    for at in order:
        place = places[at]
        proofs = proofs_of(_read_access(place), way)
        if set(proofs) <= {f"key:{key}" for key in visit.shown} | (visit.shown & {"pin"}):
            visit.select(place.ef.dir)
        else:
            _show_all(call, visit, place, proofs)
        separator = call.desk.dialect.values.inner_separator
        found[at] = tuple(text_of(value, separator) for value in _read(visit, place))
    return texts.render(tuple(place.address for place in places), tuple(found[at] for at in range(len(places))))


def _read(visit: Visit, place: Place) -> Iterable[Value]:
    session, ef = visit.session, place.ef
    if isinstance(ef, RecordEf):
        return [session.read_record(ef, record) for record in place.records]
    if isinstance(ef, CyclicEf):
        command = commands.read_record(place.address.number or 1, ef.sfi, ef.size)
        raw = ask(visit.channel, command, f"read {ef.path}", ef.size)
        return codecs.decode_fields(ef.fields, raw, visit.profile.text_codec).values()
    return [_binary(visit, ef)]


def _binary(visit: Visit, ef: TransparentEf) -> bytes:
    """The whole file, however long, in pieces."""
    ask(visit.channel, commands.select_ef(ef.fid), f"select {ef.path}")
    content = b""
    while len(content) < ef.size:
        step = min(ef.size - len(content), 0xF0)
        command = commands.read_binary_current(len(content), step)
        content += ask(visit.channel, command, f"read {ef.path}", step)
    return content


def _encoded(call: Call, visit: Visit, places: tuple[Place, ...], data: str) -> list[list[bytes]]:
    """Bytes of every value, group by group. -42 for what is too long, -41 for what has no code, -23 for the rest."""
    if visit.profile.read_only:
        raise Ldt33Error(Code.NOT_SUPPORTED, "cards of this version are read only")
    values = texts.parse_values(data, tuple(place.address for place in places))
    edition, separator = visit.profile.text_codec, call.desk.dialect.values.inner_separator
    return [
        encode_group(place.ef, place.records, group, edition, separator)
        for place, group in zip(places, values, strict=True)
    ]


def _write(visit: Visit, place: Place, pieces: list[bytes]) -> None:
    ef = place.ef
    doing = f"write {ef.path}"
    if isinstance(ef, RecordEf):
        for record, raw in zip(place.records, pieces, strict=True):
            ask(visit.channel, commands.update_record(record.no, ef.sfi, raw), doing)
    elif isinstance(ef, CyclicEf):
        ask(visit.channel, commands.append_record(ef.sfi, pieces[0]), doing)
    else:
        ask(visit.channel, commands.select_ef(ef.fid), doing)
        for at in range(0, len(pieces[0]), CHUNK):
            ask(visit.channel, commands.update_binary_current(at, pieces[0][at : at + CHUNK]), doing)


def fields_line(fields: tuple[Field, ...], values: dict[str, Value]) -> str:
    """Fields of one entry in declared order, each closed by `|`."""
    return texts.line(*(codecs.show(values[item.name]) for item in fields))
