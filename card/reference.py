"""Names of places on a card: `SSSE/EF06`, `SSSE/EF06/09`, `SSSE/EF06/name`, `DF02/EF05/43:02`, `DF02/EF07:01`.

Directory, file, then tag or field name; `43:02` is the second record of a repeated tag (card §1.2), `EF07:01` the
newest entry of a log.
"""

from dataclasses import dataclass

from card.errors import ProfileError
from card.files.kinds import Access, AnyEf, CyclicEf, RecordEf, RecordField
from card.files.profile import Profile


@dataclass(frozen=True, slots=True)
class Target:
    """A file, one of its records, or one entry of a log (`entry` from 1, newest first; 0 the whole log)."""

    ef: AnyEf
    record: RecordField | None = None
    entry: int = 0

    @property
    def text(self) -> str:
        """The place as people write it."""
        if self.record is not None and isinstance(self.ef, RecordEf):
            return f"{self.ef.path}/{self.ef.reference(self.record)}"
        return f"{self.ef.path}:{self.entry:02d}" if self.entry else self.ef.path

    def access(self, operation: str) -> Access:
        """The condition for `read` or `write`."""
        if operation == "write":
            return self.ef.write
        if isinstance(self.ef, RecordEf):
            return self.ef.read_of(self.record) if self.record is not None else self.ef.read_all
        return self.ef.read


def resolve(profile: Profile, text: str) -> Target:
    """The declared place `text` names; ProfileError says which part is not declared."""
    parts = text.split("/")
    if len(parts) not in (2, 3):
        raise ProfileError(f"{text!r} is not DIR/FILE or DIR/FILE/RECORD")
    fid, _, number = parts[1].partition(":")
    try:
        ef = profile.file(parts[0], fid)
        entry = int(number) if number else 0
    except ValueError:
        raise ProfileError(f"{text!r}: {parts[1]} is not a file") from None
    if entry and not isinstance(ef, CyclicEf):
        raise ProfileError(f"{text!r}: only a log has numbered entries")
    if len(parts) == 2:
        return Target(ef, entry=entry)
    return Target(ef, _record(ef, parts[2], text))


def _record(ef: AnyEf, name: str, text: str) -> RecordField:
    if not isinstance(ef, RecordEf):
        raise ProfileError(f"{text!r}: {ef.path} has no records")
    for item in ef.records:
        if item.name == name:
            return item
    try:
        return ef.by_tag(name)
    except LookupError:
        raise ProfileError(f"{text!r}: no such record") from None
