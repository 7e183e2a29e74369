"""`onecard card read`: one card in one power-on session, as a table for people or as JSON (contract §9)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from card.apdu import SW
from card.channel import CardChannel
from card.domain.entropy import Entropy
from card.errors import CardDataError, ForeignCardError, NotGenuineError, UnexpectedSwError
from card.session import SscSession
from card.snapshot import CardSnapshot
from terminal.card_chip import find_ssc
from terminal.card_desk import (
    DONE,
    LIST,
    Arguments,
    add_reader_options,
    on_card,
    print_json,
    print_readers,
    print_table,
    reported,
)
from terminal.card_rights import Rights, add_test_keys, rights_from

READ_KEY, ENVIRONMENT = "RK_SSSE", "SSSE"
# What the eleven fields are made of; the version is known from finding the profile.
WANTED = frozenset({"card_id", "issued", "valid_to", "card_no", "citizen_no", "name", "name_ext"})
LABELS = (
    ("region", "发卡地区", "issuing region"),
    ("citizen_no", "社会保障号码", "social security no."),
    ("card_no", "卡号", "card number"),
    ("card_id", "卡识别码", "card id"),
    ("name", "姓名", "name"),
    ("reset_info", "卡复位信息", "reset information"),
    ("version", "规范版本", "version"),
    ("issued", "发卡日期", "issued on"),
    ("valid_to", "卡有效期", "valid to"),
    ("terminal_no", "终端机编号", "terminal number"),
    ("device_no", "终端设备号", "device number"),
)
_NOT_THERE = (SW.FILE_NOT_FOUND, SW.RECORD_NOT_FOUND, SW.WRONG_FILE_TYPE, SW.NO_CURRENT_EF, SW.UNKNOWN_INS)


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer of `card read`; `psam_checked` says whether the chip was proven, `closed` which fields it kept."""

    snapshot: CardSnapshot
    terminal_no: str = ""
    psam_checked: bool = False
    closed: tuple[str, ...] = ()

    def fields(self) -> dict[str, str]:
        """The eleven fields of the standard reading function in its order, then `line` (card §4.3, A)."""
        snapshot = self.snapshot
        raw = snapshot.values.get("card_id", b"")
        card_id = raw.hex().upper() if isinstance(raw, bytes) else ""
        values = {
            "region": card_id[:6],
            "citizen_no": snapshot.text("citizen_no"),
            "card_no": snapshot.text("card_no"),
            "card_id": card_id,
            "name": snapshot.name,
            "reset_info": snapshot.reset_info,
            "version": snapshot.text("version"),
            "issued": snapshot.text("issued"),
            "valid_to": snapshot.text("valid_to"),
            "terminal_no": self.terminal_no,
            "device_no": "",
        }
        return {**values, "line": "".join(f"{values[name]}|" for name, _, _ in LABELS)}


def main_read(argv: Sequence[str], entropy: Entropy) -> int:
    """The command. Exit status: 0 read, 1 the chip is not genuine, 2 could not be read, 64 usage."""
    parser = Arguments(prog="onecard card read", description="读一张卡 · read a card")
    add_reader_options(parser)
    add_test_keys(parser)
    options = parser.parse_args(list(argv))
    if options.reader == LIST:
        return print_readers(options.json)

    def run() -> int:
        with rights_from(options, entropy) as rights:
            return _show(on_card(options, lambda channel, _: read_card(channel, rights)), options.json)

    return reported(run)


def read_card(channel: CardChannel, rights: Rights | None = None) -> Reading:
    """What the card shows to everybody; a 3.00 card keeps its holder to itself (card §1.14, A).

    With `rights` the chip proves itself, and we to the chip where it asks for the read key. NotGenuineError.
    """
    number = rights.psam.terminal_number().hex().upper() if rights is not None and rights.psam is not None else ""
    chip = find_ssc(channel)
    session = SscSession(channel, chip.profile)
    session.entered(ENVIRONMENT)
    try:
        values = {"version": chip.version, **session.read_free(WANTED)}
    except UnexpectedSwError as refused:
        # A PSAM answers to the same environment name and has none of the holder's files.
        if refused.sw in _NOT_THERE:
            raise ForeignCardError("the environment is there, the holder's files are not") from refused
        raise
    snapshot = CardSnapshot(channel.atr, session.atr, values)
    if rights is None:
        return Reading(snapshot, closed=session.closed)
    if not values.get("card_id"):
        raise CardDataError("card_id", "not personalised, nothing to prove")
    if not _bound(session, snapshot):
        raise NotGenuineError("the identification code does not belong to this chip")
    rights.prove_chip(session)
    if session.closed and rights.holds(session.profile.key(READ_KEY)):
        session.prove_key(READ_KEY, rights.authorise(session))
        snapshot = replace(snapshot, values={**values, **session.read_free(WANTED - values.keys())})
    return Reading(snapshot, number, psam_checked=True, closed=session.closed)


def _bound(session: SscSession, snapshot: CardSnapshot) -> bool:
    """Does the code belong to this chip? A 3.00 card need not repeat its serial, only its city (card §1.10, B)."""
    if session.profile.version.startswith("3"):
        raw = snapshot.values.get("card_id", b"")
        return isinstance(raw, bytes) and raw[:3].hex() == session.atr.region
    return snapshot.bound_to_atr


def _show(reading: Reading, as_json: bool) -> int:
    fields = reading.fields()
    if as_json:
        print_json(fields)
        return DONE
    rows = [(f"{zh} {en}", fields[name] or "-") for name, zh, en in LABELS]
    proof = "已验证，是真卡 proven genuine" if reading.psam_checked else "未验证（用 --psam）not proven (use --psam)"
    print_table([*rows, ("芯片 chip", proof)])
    if reading.closed:
        print(
            "这张卡要先由读密钥授权才给出持卡人资料，所以上面有空项（用 --psam）。"
            " This card shows its holder only to a read key, hence the empty lines (use --psam)."
        )
    elif not reading.snapshot.personalised:
        print("这张卡还没有写入持卡人资料。 This card holds no personal data yet.")
    return DONE
