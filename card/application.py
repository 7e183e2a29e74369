"""What sessions with different applications share: directories, declared files, challenges, keys shown to the chip.

A session lives in one power-on of the card. It keeps count of the proofs it has given, so that it can say before it
sends anything what a file still asks for: selecting another directory ends the rights of all but its ancestors
(card §2.2 no. 4), a reset ends them all.
"""

from card import commands
from card.access import Need
from card.apdu import SW, CommandApdu
from card.channel import protocol_of
from card.errors import CardBlockedError, CardDataError, CardTerminatedError, ForeignCardError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import AnyEf, CyclicEf, RecordEf, RecordField, TransparentEf
from card.files.profile import Profile
from card.files.tree import record_of
from card.interface import interface_of
from card.reference import resolve
from card.secure_messaging import Authorise
from card.status import ask, check, check_key, check_pin, send, tell
from card.wire import CardChannel

SHORT_READ, EXTENDED_READ = 256, 0x8000
BY_SFI_LIMIT = 256  # beyond it an offset no longer fits beside the SFI in READ BINARY
CRYPTOGRAM = 8
NONE: frozenset[str] = frozenset()


class Session:
    """What the applications share: directories, files by declaration, challenges."""

    def __init__(self, channel: CardChannel, profile: Profile) -> None:
        self.channel = channel
        self.profile = profile
        self.interface = interface_of(channel.atr)
        self.current = ""
        self._above: tuple[str, ...] = ()
        self._extended = "T=1" in profile.protocols and protocol_of(channel) != "T=0"
        self._proofs: dict[str, set[str]] = {}

    def select_dir(self, name: str, *, quiet: bool = False) -> bytes:
        """Select a directory by AID, by FID where the card does not know the AID; returns its FCI.

        `quiet` leaves the FCI on the card where fetching it is an exchange more. ForeignCardError when neither is
        there, CardBlockedError when the application is blocked.
        """
        directory = self.profile.dir(name)
        answers = [commands.select_aid(directory.aid)] if directory.aid else []
        for command in [*answers, commands.select_fid(directory.fid)]:
            answer = (tell if quiet else send)(self.channel, command)
            if answer.ok or answer.sw == SW.FILE_INVALIDATED:
                self.entered(name)
            if answer.ok:
                return answer.data
            if answer.sw in (SW.FUNCTION_NOT_SUPPORTED, SW.FILE_INVALIDATED, SW.PERMANENTLY_BLOCKED):
                raise CardBlockedError(f"select {name}: {answer.sw:04X}")
            if answer.sw == SW.INVALID_STATE:
                raise CardTerminatedError(f"select {name}: {answer.sw:04X}")
            if answer.sw != SW.FILE_NOT_FOUND:
                check(answer.sw, f"select {name}")
        raise ForeignCardError(f"no {name} on this card")

    def challenge(self, length: int) -> bytes:
        """Fresh random of the card; the next authentication or protected command uses it up."""
        return ask(self.channel, commands.get_challenge(length), "get challenge", length)

    def _grant(self, proof: str) -> None:
        """Note that the chip has accepted `proof` (`pin`, `key:NAME`) in the selected directory."""
        self._proofs.setdefault(self.current, set()).add(proof)

    @property
    def rights(self) -> frozenset[str]:
        """Proofs that count in the selected directory: its own and its ancestors'."""
        if not self._proofs:
            return NONE
        return frozenset(proof for name in self._above for proof in self._proofs.get(name, ()))

    def need(self, place: str, operation: str = "read") -> Need:
        """What `place` (`SSSE/EF06/09`) asks for, before anything is sent. ProfileError for an undeclared place."""
        target = resolve(self.profile, place)
        lineage = self._lineage(target.ef.dir)
        kept = lineage if self.current == target.ef.dir else lineage[1:]
        have = frozenset(proof for name in kept for proof in self._proofs.get(name, ()))
        return Need(target.text, operation, target.access(operation), have)

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
        """The whole record, tag and length included."""
        size = record.size
        if ef.form != "tlv" or ef.by_number(record):
            answer = send(self.channel, commands.read_record(record.no, ef.sfi, size))
        else:
            answer = send(self.channel, commands.read_record_by_tag(record.tag, ef.sfi, size))
            if answer.sw in (SW.WRONG_P1P2, SW.RECORD_NOT_FOUND, SW.FUNCTION_NOT_SUPPORTED):
                answer = send(self.channel, commands.read_record(record.no, ef.sfi, size))
        if not answer.ok:
            _check_read(answer.sw, ef, f"read {ef.path}.{record.tag:02X}")
        return answer.data

    def read_raw(self, ef: TransparentEf) -> bytes:
        """The whole of a transparent file; a long one is selected and read in pieces."""
        doing = f"read {ef.path}"
        if ef.size <= BY_SFI_LIMIT:
            return _piece(self.channel, ef, commands.read_binary(ef.sfi, 0, ef.size), ef.size, doing)
        select_ef(self.channel, ef)
        content, limit = b"", EXTENDED_READ if self._extended else SHORT_READ
        while len(content) < ef.size:
            wanted = min(limit, ef.size - len(content))
            content += _piece(self.channel, ef, commands.read_binary_current(len(content), wanted), wanted, doing)
        return content

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

    def external_authenticate(self, key: str, cryptogram: bytes, original: bytes, version: int | None = None) -> None:
        """Prove ourselves to the chip for `key`; AccessDeniedError(tries_left) when the chip does not believe it."""
        kid = self.profile.key(key).card_kid
        answer = send(self.channel, commands.external_authenticate(kid or 0, cryptogram, original, version))
        check_key(answer.sw, f"external authentication {key}")
        self._grant(f"key:{key}")

    def prove_key(self, key: str, authorise: Authorise, version: int | None = None) -> None:
        """Challenge, proof, EXTERNAL AUTHENTICATION. AccessDeniedError, KeyBlockedError, KeyMissingError."""
        blob = authorise(self.profile.key(key), self.challenge(self.profile.crypto.challenge))
        if len(blob) != 2 * CRYPTOGRAM:
            raise CardDataError(key, "a proof is cryptogram 8 and original 8")
        self.external_authenticate(key, blob[:CRYPTOGRAM], blob[CRYPTOGRAM:], version)

    def entered(self, name: str) -> None:
        """The directory is the selected one; by whoever selected it on this channel."""
        self._above = self._lineage(name)
        kept = self._above[1:]
        self._proofs = {directory: proofs for directory, proofs in self._proofs.items() if directory in kept}
        self.current = name

    def _lineage(self, name: str) -> tuple[str, ...]:
        found: list[str] = []
        while name:
            found.append(name)
            name = self.profile.dir(name).parent
        return tuple(found)


def select_ef(channel: CardChannel, ef: AnyEf) -> None:
    """Make `ef` the current file: SELECT P1 02, else P1 00 where the card knows only that (card §1.1)."""
    answer = send(channel, commands.select_ef(ef.fid))
    if answer.sw in (SW.WRONG_P1P2, SW.FUNCTION_NOT_SUPPORTED):
        answer = send(channel, commands.select_fid(ef.fid))
    check(answer.sw, f"select {ef.path}")


def _piece(channel: CardChannel, ef: AnyEf, command: CommandApdu, length: int, doing: str) -> bytes:
    answer = send(channel, command)
    _check_read(answer.sw, ef, doing)
    if len(answer.data) != length:
        raise CardDataError(ef.path, f"{len(answer.data)} bytes, {length} expected")
    return answer.data


def _check_read(sw: int, ef: AnyEf, doing: str) -> None:
    """Where a file asks for the PIN, 6985 says that the PIN is still the initial one."""
    if any("pin" in group for group in ef.read.any_of):
        check_pin(sw, doing)
    else:
        check(sw, doing)
