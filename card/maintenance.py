"""What an issuer does to a card in the field: PIN reload and unblock, block, unblock, end, keys replaced.

Every deed is one protected command under a key of the selected directory; the key itself is never seen here. Before a
secret goes to a chip, `prove_version` has the chip show by its own cryptogram which key it holds: a wrong guess would
cost the card a try it has few of.
"""

import hmac
from dataclasses import dataclass

from card import commands
from card.apdu import CommandApdu
from card.application import Session
from card.commands import KeyHeader
from card.errors import CardBlockedError, ContactlessRefusedError, NotGenuineError, ProfileError
from card.files.kinds import KeySpec
from card.files.specs import CosSpec
from card.holder import check_new_pin
from card.interface import Interface
from card.pin import Pin
from card.secure_messaging import CardCrypto, LineKey, line_rule
from card.status import ask, check_key, send

MASTER_TYPE, MAINTENANCE_TYPE, PUK_TYPE = 0x00, 0x07, 0x0B  # card §3.1 (B)
PROOF_LENGTH, PROOF_FACTS = 10, 6
TRANSPORT_VERSION = 0


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """What a directory says of itself under its master key: life cycle, delivery batch, master key version."""

    lifecycle: int
    batch: bytes
    version: int


class Maintenance:
    """Deeds in the directory that `session` has selected. `crypto` is a key centre; a PSAM holds none of these keys."""

    def __init__(self, session: Session, crypto: CardCrypto) -> None:
        self._session = session
        self._crypto = crypto
        self._rule = line_rule(session.profile.crypto)

    def prove_version(self, random: bytes) -> KeyVersion:
        """The chip's own proof over our 8 random bytes, before anything else. NotGenuineError when it does not hold."""
        command = commands.prove_key_version(self._cos, random)
        raw = ask(self._session.channel, command, "prove key version", PROOF_LENGTH)
        found = KeyVersion(raw[0], raw[1:5], raw[5])
        line = self._crypto.line(self._key(MASTER_TYPE), found.version)
        expected = line.mac(bytes(self._rule.block), random + raw[:PROOF_FACTS])
        if not hmac.compare_digest(expected[: self._rule.mac_length], raw[PROOF_FACTS:]):
            raise NotGenuineError("the chip holds another master key than its version says")
        return found

    def reload_pin(self, new: Pin) -> None:
        """Set a new PIN and all its tries, under the PUK. The initial PIN and wrong lengths are refused before."""
        check_new_pin(self._session.profile, new)
        line, challenge = self._open("reload_pin", self._key(PUK_TYPE))
        self._do(commands.reload_pin(self._cos, new, line, challenge, self._rule), "reload PIN")

    def unblock_pin(self) -> None:
        """Give the PIN its tries back, unchanged, under the PUK."""
        line, challenge = self._open("unblock_pin", self._key(PUK_TYPE))
        self._do(commands.pin_unblock(line, challenge, self._rule), "unblock PIN")

    def block_application(self, permanent: bool = False) -> None:
        """Block the selected application; `permanent` cannot be taken back."""
        line, challenge = self._open("maintenance", self._maintenance_key())
        self._do(commands.application_block(line, challenge, self._rule, permanent), "block the application")

    def unblock_application(self, name: str) -> None:
        """Select the blocked application and open it again. UnexpectedSwError when it is not blocked."""
        try:
            self._session.select_dir(name)
        except CardBlockedError:
            if self._session.current != name:
                raise
        line, challenge = self._open("maintenance", self._maintenance_key())
        self._do(commands.application_unblock(line, challenge, self._rule), "unblock the application")

    def block_card(self) -> None:
        """CARD BLOCK, from the MF."""
        line, challenge = self._open("maintenance", self._maintenance_key())
        self._do(commands.card_block(line, challenge, self._rule), "block the card")

    def terminate(self) -> None:
        """The end of this chip, from the MF (declared)."""
        line, challenge = self._open("maintenance", self._maintenance_key())
        self._do(commands.terminate_card(self._cos, line, challenge, self._rule), "terminate the card")

    def show_master(self) -> None:
        """EXTERNAL AUTHENTICATION with the directory's master key: what WRITE KEY asks for on a card in use."""
        key = self._key(MASTER_TYPE)
        challenge = self._session.challenge(self._session.profile.crypto.challenge)
        command = commands.external_authenticate_short(
            key.card_kid or 0, self._crypto.master_proof(key, challenge, key.all_versions[-1])
        )
        check_key(send(self._session.channel, command).sw, "authenticate with the master key")

    def write_key(self, spec: KeySpec, value: bytes, version: int | None = None) -> None:
        """Load `spec` in `version` (its newest), enciphered and sealed under the directory's master key.

        Replaces a key of the same version, stands beside other versions. `show_master` first on a card in use.
        """
        header = KeyHeader(spec.type or 0, spec.card_kid or 0, version or spec.all_versions[-1], tries=spec.tries)
        line, challenge = self._open("write_key", self._key(MASTER_TYPE))
        command = commands.write_key(self._cos, header, value, line, challenge, self._rule)
        self._do(command, f"write key {spec.name}")

    def _open(self, word: str, key: KeySpec) -> tuple[LineKey, bytes]:
        rules = self._session.profile.contactless
        if self._session.interface is Interface.CONTACTLESS and (rules is None or word in rules.refused):
            raise ContactlessRefusedError(word)
        return self._crypto.line(key), self._session.challenge(self._rule.challenge_length)

    def _do(self, command: CommandApdu, doing: str) -> None:
        check_key(send(self._session.channel, command).sw, doing)

    def _maintenance_key(self) -> KeySpec:
        """STK of the selected directory, else its master key (card §2.3, B)."""
        try:
            return self._key(MAINTENANCE_TYPE)
        except ProfileError:
            return self._key(MASTER_TYPE)

    def _key(self, kind: int) -> KeySpec:
        directory = self._session.current
        for key in self._session.profile.keys_of(directory):
            if key.type == kind:
                return key
        raise ProfileError(f"{directory or 'no directory'} declares no key of type {kind:02X}")

    @property
    def _cos(self) -> CosSpec:
        if self._session.profile.cos is None:
            raise ProfileError(f"{self._session.profile.name} declares no management commands")
        return self._session.profile.cos
