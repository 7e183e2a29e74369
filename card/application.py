"""What sessions with different applications share: directories, declared files, challenges, keys shown to the chip.

A session lives in one power-on of the card. Rights end with the selection of another directory (card §2.2 no. 4).
"""

from card import commands
from card.apdu import SW, tries_left
from card.errors import AccessDeniedError, CardBlockedError, CardDataError, ForeignCardError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import AnyEf, CyclicEf, RecordEf, RecordField, TransparentEf
from card.files.profile import Profile
from card.files.tree import record_of
from card.status import ask, check, check_pin, send
from card.wire import CardChannel


class Session:
    """What the applications share: directories, files by declaration, challenges."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        self.channel = channel
        self.profile = profile

    def select_dir(self, name: str) -> bytes:
        """Select a directory by AID, by FID where the card does not know the AID; returns its FCI.

        ForeignCardError when neither is there, CardBlockedError when the application is blocked.
        """
        directory = self.profile.dir(name)
        answers = [commands.select_aid(directory.aid)] if directory.aid else []
        for command in [*answers, commands.select_fid(directory.fid)]:
            answer = send(self.channel, command)
            if answer.ok:
                return answer.data
            if answer.sw in (SW.FUNCTION_NOT_SUPPORTED, SW.FILE_INVALIDATED, SW.PERMANENTLY_BLOCKED):
                raise CardBlockedError(f"select {name}: {answer.sw:04X}")
            if answer.sw != SW.FILE_NOT_FOUND:
                check(answer.sw, f"select {name}")
        raise ForeignCardError(f"no {name} on this card")

    def challenge(self, length: int) -> bytes:
        """Fresh random of the card; the next authentication or protected command uses it up."""
        return ask(self.channel, commands.get_challenge(length), "get challenge", length)

    def read_file(self, dir_name: str, fid: str) -> dict[str, Value]:
        """All fields of a record or transparent file of the selected directory, decoded."""
        ef = self.profile.file(dir_name, fid)
        if isinstance(ef, RecordEf):
            return {record.name: self.read_record(ef, record) for record in ef.records}
        if isinstance(ef, CyclicEf):
            raise CardDataError(ef.path, "a log is read with read_log")
        return codecs.decode_fields(ef.fields, self.read_raw(ef), self.profile.text_codec)

    def read_record(self, ef: RecordEf, record: RecordField) -> Value:
        """One record, decoded; by tag first, by number where the card does not address by tag (card §7)."""
        return codecs.decode_record(record, self.read_record_raw(ef, record), self.profile.text_codec)

    def read_record_raw(self, ef: RecordEf, record: RecordField) -> bytes:
        """Tag ‖ length ‖ value of one record."""
        doing = f"read {ef.path}.{record.tag:02X}"
        length = record.length + 2
        answer = send(self.channel, commands.read_record_by_tag(record.tag, ef.sfi, length))
        if answer.sw in (SW.WRONG_P1P2, SW.RECORD_NOT_FOUND, SW.FUNCTION_NOT_SUPPORTED):
            answer = send(self.channel, commands.read_record(record.no, ef.sfi, length))
        _check_read(answer.sw, ef, doing)
        return answer.data

    def read_raw(self, ef: TransparentEf) -> bytes:
        """The whole of a transparent file of up to 256 bytes."""
        answer = send(self.channel, commands.read_binary(ef.sfi, 0, ef.size))
        _check_read(answer.sw, ef, f"read {ef.path}")
        return answer.data

    def read_log(self, dir_name: str, fid: str, limit: int | None = None) -> list[dict[str, Value]]:
        """Entries of a cyclic file, newest first; an unused slot ends it."""
        ef = self.profile.file(dir_name, fid)
        if not isinstance(ef, CyclicEf):
            raise CardDataError(ef.path, "not a cyclic file")
        found: list[dict[str, Value]] = []
        for number in range(1, min(limit or ef.capacity, ef.capacity) + 1):
            answer = send(self.channel, commands.read_record(number, ef.sfi, ef.size))
            if answer.sw == SW.RECORD_NOT_FOUND:
                break
            _check_read(answer.sw, ef, f"read {ef.path}")
            if answer.data.strip(b"\x00") == b"" or answer.data.strip(b"\xff") == b"":
                break
            found.append(codecs.decode_fields(ef.fields, answer.data, self.profile.text_codec))
        return found

    def write_record(self, dir_name: str, fid: str, name: str, value: Value) -> None:
        """Write one record by number; FieldError before anything is sent when the value does not fit."""
        ef = self.profile.file(dir_name, fid)
        record = record_of(ef, name)
        raw = codecs.encode_record(record, value, self.profile.text_codec)
        ask(self.channel, commands.update_record(record.no, ef.sfi, raw), f"write {ef.path}.{record.tag:02X}")

    def external_authenticate(self, key: str, cryptogram: bytes, original: bytes) -> None:
        """Prove ourselves to the chip for `key`; AccessDeniedError when the chip does not believe it."""
        kid = self.profile.key(key).card_kid
        answer = send(self.channel, commands.external_authenticate(kid or 0, cryptogram, original))
        if answer.sw in (SW.AUTHENTICATION_FAILED, SW.METHOD_BLOCKED) or tries_left(answer.sw) is not None:
            raise AccessDeniedError(f"external authentication {key}")
        check(answer.sw, f"external authentication {key}")


def _check_read(sw: int, ef: AnyEf, doing: str) -> None:
    """Where a file asks for the PIN, 6985 says that the PIN is still the initial one."""
    if any("pin" in group for group in ef.read.any_of):
        check_pin(sw, doing)
    else:
        check(sw, doing)
