"""The counter's deeds on a card in use, each with its answer after a tear: records, PIN, keys.

A deed that was torn is settled before anything else is done to that card: the `settle_...` of the next session asks the
card what stands, finishes or leaves it, and the screen says which.
"""

from collections.abc import Callable
from typing import Protocol

from card.channel import standard
from card.domain.entropy import Entropy
from card.errors import CardError
from card.files.kinds import KeySpec
from card.files.profile import Profile
from card.maintenance import MASTER_TYPE, Maintenance
from card.pin import Pin
from card.readers.reader import Reader
from card.recovery import Finding, OpenRecord, settle_key, settle_master_key, settle_pin, settle_records
from card.secure_messaging import CardCrypto
from card.session import SscSession
from card.writer import Means, Values, write_place
from card.writing import WriteRecord
from keys.card_crypto import authorise_with
from terminal.screen import Screen, Tone, screen

CHALLENGE = 8


class KeptRecord(WriteRecord, OpenRecord, Protocol):
    """A write record that outlives the session (`card.writing.FileRecord`)."""


class UpkeepDesk:
    """One reader, one card at a time; every method is a power-on session of its own and ends in a screen."""

    def __init__(self, reader: Reader, profile: Profile, record: KeptRecord, entropy: Entropy) -> None:
        """`record` remembers what was being written to which card, durably."""
        self._reader = reader
        self._profile = profile
        self._record = record
        self._entropy = entropy

    def write(self, place: str, values: Values, means: Means) -> Screen:
        """Write a place; with the holder's PIN given, what stood there before is known to the record."""

        def deed(session: SscSession) -> Screen:
            self._show_pin(session, means)
            kept = Means(means.authorise, None, means.crypto, self._record)
            write_place(session, place, values, kept)
            return screen("S-RECORD-WRITTEN", Tone.GO)

        return self._visit(deed)

    def settle_write(self, means: Means, values: Values | None = None) -> Screen | None:
        """What became of the torn write; None when none is open."""
        if self._record.unfinished() is None:
            return None

        def deed(session: SscSession) -> Screen:
            self._show_pin(session, means)
            kept = Means(means.authorise, None, means.crypto)
            finding = settle_records(session, self._record, kept, values)
            return _shown(finding) if finding else screen("S-RECORD-WRITTEN", Tone.GO)

        return self._visit(deed)

    def change_pin(self, old: Pin, new: Pin) -> Screen:
        """The holder replaces the PIN."""

        def deed(session: SscSession) -> Screen:
            session.change_pin(old, new)
            return screen("S-COUNTER-PIN", Tone.GO)

        return self._visit(deed)

    def settle_pin(self, old: Pin, new: Pin) -> Screen:
        """After a torn change: both PINs are typed again."""
        return self._visit(lambda session: _shown(settle_pin(session, old, new)))

    def change_key(self, key: KeySpec, value: bytes, version: int, crypto: CardCrypto) -> Screen:
        """Load `value` as `version` of `key` under its directory's master key, which it may be itself."""

        def deed(session: SscSession) -> Screen:
            self._replace(session, key, value, version, crypto)
            return screen("S-KEY-CHANGED", Tone.GO)

        return self._visit(deed)

    def settle_key(self, key: KeySpec, value: bytes, version: int, crypto: CardCrypto) -> Screen:
        """After a torn change: the chip proves what it holds; what it does not hold is loaded."""

        def deed(session: SscSession) -> Screen:
            session.select_dir(key.dir)
            replace: Callable[[], None] = lambda: self._replace(session, key, value, version, crypto)  # noqa: E731
            if key.type == MASTER_TYPE:
                random = self._entropy.token(CHALLENGE)
                return _shown(settle_master_key(Maintenance(session, crypto), random, version, replace))
            proof = authorise_with(crypto, self._entropy, version)
            return _shown(settle_key(lambda: session.prove_key(key.name, proof, version), replace))

        return self._visit(deed)

    def _replace(self, session: SscSession, key: KeySpec, value: bytes, version: int, crypto: CardCrypto) -> None:
        """The master key is proven by the chip before ours is shown to it, and shown before it is used."""
        if session.current != key.dir:
            session.select_dir(key.dir)
        deed = Maintenance(session, crypto)
        deed.prove_version(self._entropy.token(CHALLENGE))
        deed.show_master()
        deed.write_key(key, value, version)

    def _show_pin(self, session: SscSession, means: Means) -> None:
        if means.pin is not None:
            session.verify_pin(means.pin)

    def _visit(self, deed: Callable[[SscSession], Screen]) -> Screen:
        """A card error is a screen; a card that left in the middle says so, and its deed waits to be settled."""
        try:
            channel = standard(self._reader.connect())
        except CardError as world:
            return screen(world.code, Tone.WAIT)
        try:
            session = SscSession(channel, self._profile)
            session.select()
            return deed(session)
        except CardError as world:
            return screen(world.code, Tone.WAIT)
        finally:
            channel.close()


def _shown(finding: Finding) -> Screen:
    return screen(finding.code, Tone.GO if finding.settled else Tone.STAFF)
