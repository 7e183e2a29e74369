"""The modelled card as its rules see it: state, and the questions that several rules ask."""

from tests.model.arithmetic import SUITES, Suite
from tests.model.book import Book, File
from tests.model.state import (
    FIRST_PIN,
    INITIALISED,
    PIN,
    T0,
    TRANSPORT,
    Apdu,
    Durable,
    Key,
    Purse,
    Refused,
    Volatile,
    need,
)

# Key types (card §3.1).
MASTER, PIN_TYPE, STK, PUK, EXTERNAL, INTERNAL = 0x00, 0x01, 0x07, 0x0B, 0x0D, 0x0E
LOWEST, HIGHEST = -1, -2
CHALLENGE_OF_MAC = 4


class Card:
    """State of one card; `docs/card-commands.md` says what the words mean."""

    def __init__(self, book: Book, transport_key: bytes, batch: bytes) -> None:
        self.book = book
        self.kept = Durable(batch=batch)
        self.now = Volatile()
        for line in book.keys:
            if (line.kind, line.kid) == (MASTER, 0):
                self.kept.keys[line.home, MASTER, 0, TRANSPORT] = Key(transport_key, 3)
        for file in book.files:
            for record in file.records:
                self.kept.records[file.home, file.fid, record.number] = record.blank
            if file.kind == "transparent":
                self.kept.binaries[file.home, file.fid] = file.blank
            if file.kind == "cyclic":
                self.kept.logs[file.home, file.fid] = []
        self.kept.purses = {folder: Purse() for folder in book.purses}
        self.kept.atc = dict.fromkeys(book.banks, 0)
        # The answer of the card under test to the command being judged: for what nobody can foresee.
        self.observed = b""

    def suite(self, folder: str) -> Suite:
        return SUITES[self.book.crypto[folder]["algorithm"]]

    def key(self, folder: str, kind: int, kid: int, version: int = HIGHEST) -> tuple[Key, int] | None:
        """A key and its version; `version` may be LOWEST or HIGHEST."""
        have = [v for home, k, i, v in self.kept.keys if (home, k, i) == (folder, kind, kid)]
        if version in (LOWEST, HIGHEST) and have:
            version = min(have) if version == LOWEST else max(have)
        return (self.kept.keys[folder, kind, kid, version], version) if version in have else None

    def need_key(self, folder: str, kind: int, kid: int, version: int = HIGHEST) -> Key:
        found = self.key(folder, kind, kid, version)
        if found is None:
            raise Refused(0x6A88)
        return found[0]

    # --- step 9: tries of keys --------------------------------------------------------------------------------------
    def may_try(self, counter: tuple[str, int, int], key: Key) -> None:
        need(self.kept.tries.get(counter, key.top), 0x6983)

    def tried(self, counter: tuple[str, int, int], key: Key, right: bool) -> None:
        """One less before it is judged; full again when right."""
        left = self.kept.tries.get(counter, key.top) - 1
        self.kept.tries[counter] = key.top if right else left
        need(right, 0x63C0 | left)

    # --- step 10 ----------------------------------------------------------------------------------------------------
    @property
    def may_personalise(self) -> bool:
        return self.kept.life == INITIALISED and self.now.master

    def rights(self) -> set[str]:
        """Those of the selected directory and of the directories above it."""
        return {right for folder in self.book.line(self.now.here) for right in self.now.rights.get(folder, ())}

    def grant(self, folder: str, right: str) -> None:
        self.now.rights.setdefault(folder, set()).add(right)

    def revoke(self, folder: str, *rights: str) -> None:
        self.now.rights.get(folder, set()).difference_update(rights)

    def allow(self, rule: str, *proofs: str) -> None:
        """Any of the alternatives between `|`, all the proofs of it between `+`."""
        if rule == "free":
            return
        have = self.rights() | set(proofs)
        ways = [set(way.split("+")) for way in rule.split("|")]
        if any(way <= have for way in ways):
            return
        need(not (FIRST_PIN in have and any(way <= have | {PIN} for way in ways)), 0x6985)
        raise Refused(0x6982)

    def may_read(self, rule: str) -> None:
        if not self.may_personalise:
            self.allow(rule)

    # --- step 11 ----------------------------------------------------------------------------------------------------
    def take_challenge(self, length: int) -> bytes:
        """A challenge serves once, whatever becomes of the command. `length` 0: any."""
        challenge, self.now.challenge = self.now.challenge, b""
        need(len(challenge) == length if length else challenge, 0x6984)
        return challenge

    def mac(self, folder: str, key: Key, message: bytes) -> bytes:
        return self.suite(folder).sm_mac(key.value, message, self.take_challenge(CHALLENGE_OF_MAC))

    # --- step 13 ----------------------------------------------------------------------------------------------------
    def exact(self, apdu: Apdu, length: int) -> None:
        """Le of a command without data."""
        if self.now.protocol == T0:
            need((apdu.le or 256) == length, 0x6C00 | length & 0xFF)
        elif not apdu.all_asked and apdu.le != length:
            raise Refused(0x6C00 | length & 0xFF if length <= 256 else 0x6700)

    # --- files ------------------------------------------------------------------------------------------------------
    def open(self, sfi: int) -> File:
        """SFI 0 is the current file; any other that exists becomes it."""
        if sfi:
            found = self.book.by_sfi.get((self.now.here, sfi))
            need(found, 0x6A82)
            self.now.file = found
        need(self.now.file, 0x6986)
        assert self.now.file
        return self.now.file
