"""`onecard card write REF=VALUE ...`: old and new value and what the card asks for are shown before anything is sent.

What is meant is recorded beside the data of this installation before the first command (`card.writing`). A card pulled
in the middle leaves that record; the same command, run again with the same card, says what stands and goes on.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from card.access import Need
from card.channel import CardChannel
from card.domain.entropy import Entropy
from card.errors import (
    AccessDeniedError,
    CardDataError,
    CardError,
    FieldError,
    HalfWrittenError,
    PinInitialError,
    ProfileError,
    TlvError,
    UnexpectedSwError,
)
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import Field, TransparentEf
from card.files.profile import Profile, load_profile
from card.pin import Pin
from card.recovery import settle_records
from card.reference import Target, resolve
from card.secure_messaging import Authorise
from card.session import SscSession
from card.text_codec import Edition, split_name
from card.texts import both
from card.writer import Means
from card.writing import FileRecord, OpenWrite
from keys.settings import load_config
from terminal.card_chip import find_ssc
from terminal.card_desk import (
    DONE,
    LIST,
    NO,
    Arguments,
    add_reader_options,
    on_card,
    print_json,
    print_readers,
    print_table,
    reported,
)
from terminal.card_errors import NobodyTypesError, OutFileError, WriteHalfError, WriteKeyError, WriteRefError
from terminal.card_mask import mask, personal
from terminal.card_pin import PinSource, add_pin_options, show_tries
from terminal.card_rights import Rights, add_test_keys, rights_from

_CLOSED = (AccessDeniedError, PinInitialError, UnexpectedSwError, CardDataError, TlvError)
_YES = ("y", "yes", "是", "好")


@dataclass(frozen=True, slots=True)
class Change:
    """One field to be written. `old` is None where it cannot be read; `raw` is what the whole field becomes."""

    path: str
    field: Field
    new: Value
    need: Need
    edition: Edition
    old: Value | None = None

    @property
    def ref(self) -> str:
        return f"{self.path}/{self.field.name}"

    @property
    def changes(self) -> bool:
        """Would writing change the card? A field that cannot be read is taken to change."""
        return self.old is None or not self.holds(self.old)

    def holds(self, value: Value) -> bool:
        """Is `value` what is to be written? Padding is none of the value, so the bytes are compared."""
        return _bytes(self.field, value, self.edition) == _bytes(self.field, self.new, self.edition)

    def row(self, full: bool, state: str) -> dict[str, str]:
        """The stable keys of `--json`."""
        return {
            "ref": self.ref,
            "zh": self.field.zh,
            "en": self.field.en,
            "old": "?" if self.old is None else self._shown(self.old, full),
            "new": self._shown(self.new, full),
            "needs": self.need.access.text,
            "needs_zh": self.need.zh,
            "needs_en": self.need.en,
            "changes": "yes" if self.changes else "no",
            "state": state,
        }

    def _shown(self, value: Value, full: bool) -> str:
        if full or not personal(self.path, self.field.name):
            return codecs.show(value)
        return mask(self.field.name, value)


def main_write(argv: Sequence[str], entropy: Entropy) -> int:
    """The command. Exit status: 0 written and read back, 1 not confirmed, 2 could not be written, 64 usage."""
    options = _options(argv)
    if options.reader == LIST:
        return print_readers(options.json)

    def run() -> int:
        with rights_from(options, entropy) as rights:
            return on_card(options, lambda channel, _: _Writing(channel, options, rights).run())

    return reported(run)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Arguments(
        prog="onecard card write",
        description="写卡，先看原值与新值 · write fields, after showing old and new",
        epilog="例 example: onecard card write DF01/EF06/28=13800000000 --psam PSAM",
    )
    parser.add_argument("fields", nargs="*", metavar="DIR/FILE/TAG=VALUE", help="标签或字段名 · tag or field name")
    add_reader_options(parser)
    add_test_keys(parser)
    add_pin_options(parser)
    parser.add_argument("--ask-pin", action="store_true", help="输入持卡人密码 · ask for the holder's PIN")
    parser.add_argument("--profile", default="", metavar="NAME", help="按这份卡规格 · write by this profile")
    parser.add_argument("--full", action="store_true", help="不遮盖持卡人资料 · do not mask the holder's data")
    parser.add_argument("--yes", action="store_true", help="不再询问，直接写 · write without asking")
    parser.add_argument("--dry-run", action="store_true", help="只看不写 · show only, write nothing")
    parser.add_argument("--record", type=Path, default=None, metavar="FILE", help="写卡记录文件 · file of the record")
    options = parser.parse_args(list(argv))
    if options.reader != LIST and not options.fields:
        parser.error("name at least one field as DIR/FILE/TAG=VALUE")
    return options


def parse_fields(profile: Profile, session: SscSession, texts: Sequence[str]) -> list[Change]:
    """Changes in the order given, each checked against the profile. WriteRefError, FieldError."""
    changes: list[Change] = []
    for text in _with_rest_of_names(profile, texts):
        ref, separator, value = text.partition("=")
        try:
            if not separator:
                raise ValueError("no value after =")
            target, field = _target(profile, ref)
            new = codecs.parse(field, value)
            _bytes(field, new, profile.text_codec)
            need = session.need(target.text, "write")
        except FieldError:
            raise
        except (ProfileError, ValueError) as bad:
            raise WriteRefError(f"{ref}: {bad}") from bad
        if any(change.ref == f"{target.ef.path}/{field.name}" for change in changes):
            raise WriteRefError(f"{ref}: named twice")
        changes.append(Change(target.ef.path, field, new, need, profile.text_codec))
    return changes


def _with_rest_of_names(profile: Profile, texts: Sequence[str]) -> list[str]:
    """A holder's name goes on in a second record where the first ends (card §1.3): both are written, so that no rest of
    an earlier name stays behind a shorter one. Whoever names the second record himself gets what he says. FieldError.
    """
    places = {_place(profile, text.partition("=")[0]): text for text in texts}
    first, rest = (_place(profile, profile.names.get(part, "")) for part in ("first", "rest"))
    if not first or not rest or first not in places or rest in places:
        return list(texts)
    ref, separator, value = places[first].partition("=")
    name = split_name(value, profile.text_codec) if value else None
    halves = [f"{ref}={name.first_text if name else ''}", f"{rest}={name.rest_text if name else ''}"]
    return [half for text in texts for half in (halves if text == places[first] and separator else [text])]


def _place(profile: Profile, ref: str) -> str:
    """Path and field name of a reference, empty where it names no record; what is wrong with it is said later."""
    try:
        target = resolve(profile, ref)
    except (ProfileError, ValueError):
        return ""
    return f"{target.ef.path}/{target.record.name}" if target.record else ""


def _target(profile: Profile, ref: str) -> tuple[Target, Field]:
    """A record, or one field of a transparent file (which `resolve` knows only as a whole)."""
    path, _, name = ref.rpartition("/")
    if path.count("/") == 1:
        ef = resolve(profile, path).ef
        if isinstance(ef, TransparentEf):
            field = next((item for item in ef.fields if item.name == name), None)
            if field is None:
                raise ProfileError(f"{ef.path} has no field {name!r}")
            return Target(ef), field
    target = resolve(profile, ref)
    if target.record is None:
        raise ProfileError("name one record or field, not a whole file")
    return target, target.record


def _bytes(field: Field, value: Value, edition: Edition) -> bytes:
    """As it stands on the card; FieldError when it does not fit."""
    return codecs.encode_whole(field, value, edition)


class _Writing:
    """One run of the command with one card."""

    def __init__(self, channel: CardChannel, options: argparse.Namespace, rights: Rights | None) -> None:
        self._options = options
        self._rights = rights
        profile = load_profile(options.profile) if options.profile else find_ssc(channel).profile
        self._session = SscSession(channel, profile)
        self._session.select()
        folder = load_config(options.config).data_dir
        self._file: Path = options.record or folder / f"card-write-{channel.atr.hex()}.jsonl"
        self._record = FileRecord(self._file)
        self._pin: Pin | None = None

    def run(self) -> int:
        session, options = self._session, self._options
        changes = parse_fields(session.profile, session, options.fields)
        if options.ask_pin or options.pin_stdin:
            show_tries(session, quiet=options.json, last_try=options.last_try)
            self._pin = PinSource(options.pin_stdin).ask("密码 PIN: ")
        open_write = self._record.unfinished()
        if open_write is not None:
            self._settle(open_write, changes)
        changes = [self._with_old(change) for change in changes]
        wanted = [change for change in changes if change.changes]
        if not options.json:
            _show(changes, options.full)
            _show_keys(session.profile, changes)
        if not wanted:
            return self._end(changes, {}, "卡里已经是这些值，没有写。 The card holds these values already.")
        self._check_able(wanted)
        if options.dry_run:
            return self._end(changes, {}, "只看不写，什么也没有写。 Shown only; nothing was written.")
        if not options.yes and not _confirmed():
            self._end(changes, {}, "没有确认，什么也没有写。 Not confirmed; nothing was written.")
            return NO
        return self._write(changes, wanted)

    def _with_old(self, change: Change) -> Change:
        try:
            value = self._session.read_ref(change.path, self._authorise(), self._pin)
        except _CLOSED:
            return change
        return replace(change, old=_field_of(value, change))

    def _check_able(self, wanted: Sequence[Change]) -> None:
        """Everything that can be known to fail, before the first command."""
        for change in wanted:
            if change.need.way(pin=self._pin is not None, keys=self._rights is not None, line=False) is None:
                raise WriteKeyError(f"{change.ref} needs {change.need.en}")
        if self._rights is not None and any(change.need.access.keys() for change in wanted):
            self._session.select()
            self._rights.prove_chip(self._session)

    def _write(self, changes: Sequence[Change], wanted: Sequence[Change]) -> int:
        states: dict[str, str] = {}
        self._keep_place()
        files = list(dict.fromkeys(change.path for change in wanted))
        for path in files:
            group = [change for change in wanted if change.path == path]
            try:
                written = self._session.write(
                    path, {c.field.name: c.new for c in group}, self._authorise(), pin=self._pin, record=self._record
                )
            except CardError as why:
                self._report_half(changes, states, path, why)
                raise
            except OSError as bad:  # the record could not be kept, so nothing more is sent
                raise OutFileError(f"{self._file}: {bad.strerror}") from bad
            states |= {c.ref: "read_back" if written.read_back else self._read_back(c) for c in group}
        unread = sum(state == "written" for state in states.values())
        if unread:
            return self._end(changes, states, f"已写入；{unread} 项不能读回。 Written; {unread} cannot be read back.")
        return self._end(changes, states, "已写入并读回核对。 Written and read back.")

    def _keep_place(self) -> None:
        """The folder of the record is there and can be written. OutFileError."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as bad:
            raise OutFileError(f"{self._file.parent}: {bad.strerror}") from bad
        if not os.access(self._file.parent, os.W_OK):
            raise OutFileError(f"{self._file.parent} cannot be written")

    def _read_back(self, change: Change) -> str:
        """With the proofs for reading, where they are at hand. CardDataError when the card holds something else."""
        found = self._with_old(change).old
        if found is None:
            return "written"
        if not change.holds(found):
            raise CardDataError(change.ref, "what stands on the card is not what was written")
        return "read_back"

    def _report_half(self, changes: Sequence[Change], states: dict[str, str], path: str, why: CardError) -> None:
        """Say what stands and what does not; the error itself follows."""
        if isinstance(why, HalfWrittenError):
            there = [change for change in changes if change.path == path]
            states |= {change.ref: "written" for change in there if self._place(change) in why.written}
        if self._options.json:
            self._end(changes, states, "")
        elif states:
            print(f"已写 written: {', '.join(states)}", file=sys.stderr)
        if self._file.exists():
            print(f"  记录 record  {self._file}", file=sys.stderr)

    def _settle(self, found: OpenWrite, changes: Sequence[Change]) -> None:
        """An earlier write was not finished: the card is asked, and what is still open is written with it.

        WriteHalfError when this command does not give all that is open; CardDataError for another card's record.
        """
        path = found.plan.path
        values = {change.field.name: change.new for change in changes if change.path == path}
        places = {self._place(change) for change in changes}
        whole = values if {step.ref.partition("@")[0] for step in found.plan.steps} <= places | {path} else None
        finding = settle_records(self._session, self._record, Means(self._authorise(), self._pin), whole)
        if finding is None:
            return
        if not finding.settled:
            open_refs = ", ".join(step.ref for step in found.plan.steps)
            raise WriteHalfError(f"{finding.evidence}; {open_refs}; record {self._file}")
        print(both(finding.code), file=sys.stderr)

    def _place(self, change: Change) -> str:
        return _target(self._session.profile, change.ref)[0].text

    def _authorise(self) -> Authorise | None:
        return self._rights.authorise(self._session) if self._rights is not None else None

    def _end(self, changes: Sequence[Change], states: Mapping[str, str], said: str) -> int:
        if self._options.json:
            rows = [change.row(self._options.full, states.get(change.ref, "unchanged")) for change in changes]
            print_json({"written": sorted(states), "changes": rows, "record": str(self._file)})
        elif said:
            print(said)
        return DONE


def _field_of(value: object, change: Change) -> Value | None:
    if isinstance(value, Mapping):
        found: Value | None = value.get(change.field.name)
        return found
    return None


def _show(changes: Sequence[Change], full: bool) -> None:
    heads = ("项目 field", "原值 old", "新值 new", "变化 change", "需要 needs")
    rows = [
        (
            f"{row['ref']} {row['zh']} {row['en']}",
            row["old"] or "-",
            row["new"] or "-",
            "改 yes" if row["changes"] == "yes" else "同 no",
            f"{row['needs_zh']} {row['needs_en']}",
        )
        for row in (change.row(full, "") for change in changes)
    ]
    print_table(rows, heads)


def _show_keys(profile: Profile, changes: Sequence[Change]) -> None:
    """A key has three numbers, and they are never the same thing (card §3.5)."""
    for name in sorted(frozenset().union(*(change.need.access.keys() for change in changes))):
        key = profile.key(name)
        card, psam = _number(key.card_kid), _number(key.psam_kid)
        print(f"{name}: 卡内号 on the card {card}, PSAM 内号 in the PSAM {psam}, 加密机 HSM {key.hsm or '-'}")


def _number(kid: int | None) -> str:
    return "-" if kid is None else f"{kid:02X}"


def _confirmed() -> bool:
    print("写入吗 write? (yes/no): ", end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise NobodyTypesError("no answer")
    return line.strip().lower() in _YES
