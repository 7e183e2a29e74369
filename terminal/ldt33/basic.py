"""iReadCardBas and its two steps: the eleven fields (card §4.3, A)."""

from card.files.codecs import show
from card.files.kinds import RecordEf, RecordField
from card.text_codec import join_name
from terminal.ldt33.addresses import hex_field, line, split_line
from terminal.ldt33.call import Call
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.proofs import (
    BLOCK,
    Challenge,
    check_answer,
    fresh,
    key_of,
    proofs_of,
    prove_card,
    show_blob,
    show_key,
)
from terminal.ldt33.visit import Visit

# Behind the key in 3.00, free before (card §1.14, A): these are empty when nobody showed it.
_FIELDS = (
    ("EF05", "card_no"),
    ("EF05", "version"),
    ("EF05", "issued"),
    ("EF05", "valid_to"),
    ("EF06", "citizen_no"),
    ("EF06", "name"),
    ("EF06", "name_ext"),
)


def read(call: Call, kind: int) -> str:
    """With the PSAM: the card proves itself (-21); a 3.00 card is shown RK_SSSE (-2203, -2202, -24)."""
    visit = call.open(kind)
    prove_card(call, visit)
    key = basic_key(visit)
    if key:
        show_key(call, visit, key)
    return _eleven(call, visit, call.module.terminal_no)


def step1(call: Call, kind: int) -> str:
    """What the centre's module needs: factors of the card, and challenges for both directions."""
    visit = call.open(kind)
    return step1_line(call, visit, basic_key(visit), "iReadCardBas_HSM_Step2")


def step1_line(call: Call, visit: Visit, key: str, then: str) -> str:
    """The eight fields of a first step; the last two are empty when no key `key` is to be shown."""
    internal = fresh(call, "IRK")
    external = fresh(call, key, visit.session.challenge(BLOCK)) if key else None
    call.keep(then, (internal, external))
    tail = external.text() if external else ("", "")
    head = (visit.region, visit.reset_info, visit.algorithm, visit.card_id.hex().upper())
    return line(*head, *internal.text(), *tail)


def step2(call: Call, keys: str) -> str:
    """pKey `<internal 32 hex>|<external 32 hex>|`: the first is compared with the card, the second shown to it."""
    visit = call.visit
    internal, external = told(call)
    first, second = split_line(keys, 2, least=1)
    check_blob(visit, internal, first)
    if external is not None and second:
        show_blob(visit, external.key, hex_field(second, 2 * BLOCK))
    return _eleven(call, visit, "")


def told(call: Call) -> tuple[Challenge, Challenge | None]:
    """The challenges of the first step."""
    state = call.resumed.state if call.resumed else None
    if not isinstance(state, tuple):
        raise Ldt33Error(Code.NOT_CONNECTED)
    return state


def check_blob(visit: Visit, challenge: Challenge, text: str) -> None:
    """Cryptogram 8 ‖ original 8 from the centre: the original must be ours, the cryptogram the card's (-21)."""
    blob = hex_field(text, 2 * BLOCK)
    if blob[BLOCK:] != challenge.original:
        raise Ldt33Error(Code.NOT_GENUINE, "answer to another question")
    check_answer(visit, challenge, blob[:BLOCK])


def basic_key(visit: Visit) -> str:
    """The key that opens what everybody could read before 3.00, "" where it is still open."""
    wanted = (_record(visit, fid, name) for fid, name in _FIELDS)
    return next((key for found in wanted if found is not None and (key := _key(*found))), "")


def _eleven(call: Call, visit: Visit, terminal_no: str) -> str:
    visit.select("SSSE")
    found = {name: _value(visit, fid, name) for fid, name in _FIELDS}
    return line(
        visit.region,
        found["citizen_no"],
        found["card_no"],
        visit.card_id.hex().upper(),
        join_name(found["name"], found["name_ext"]),
        visit.reset_info,
        found["version"],
        found["issued"],
        found["valid_to"],
        terminal_no,
        call.desk.config.device_no,
    )


def _value(visit: Visit, fid: str, name: str) -> str:
    found = _record(visit, fid, name)
    if found is None or (_key(*found) and _key(*found) not in visit.shown):
        return ""
    return show(visit.session.read_record(*found))


def _record(visit: Visit, fid: str, name: str) -> tuple[RecordEf, RecordField] | None:
    """File and record by name; None where this version has none (1.00 knows no 4E)."""
    ef = visit.profile.file("SSSE", fid)
    for record in ef.records if isinstance(ef, RecordEf) else ():
        if isinstance(ef, RecordEf) and record.name == name:
            return ef, record
    return None


def _key(ef: RecordEf, record: RecordField) -> str:
    return key_of(proofs_of(ef.read_of(record), "key"))
