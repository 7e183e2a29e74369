"""What the office does to a card in use: PIN reload and unblock, block, unblock, end, key replacement.

Never burn a card: the chip first proves by two cryptograms of its own that it is this very card (INTERNAL
AUTHENTICATION) and which master key the directory holds (PROVE KEY VERSION). Only then is the attempt written down,
and only then does a secret go to it. A chip that proves itself and refuses our key all the same is a doubt about its
whole delivery: nobody tries the next card.
"""

from collections.abc import Callable
from typing import Final

from card.channel import standard
from card.domain.entropy import Entropy
from card.errors import AccessDeniedError, CardError, KeyBlockedError, LineMacError, NotGenuineError
from card.maintenance import Maintenance
from card.pin import Pin
from card.readers.reader import Reader
from card.session import SscSession
from issuance.database import Engine, transaction
from issuance.errors import HolderMismatchError, KeyWrongError
from issuance.key_budget import KeyBudget
from issuance.lifecycle import view
from issuance.personalization.content import CardModel
from issuance.personalization.proof import RANDOM_LENGTH
from keys.card_crypto import CentreCardCrypto
from keys.centre import KeyCentre

ENVIRONMENT: Final = "SSSE"
INTERNAL_KEY: Final = "IRK"
REFUSED: Final = (AccessDeniedError, KeyBlockedError, LineMacError)


class MaintenanceDesk:
    """One card at a time, by the id the store has for it.

    Every deed raises HolderMismatchError for another card, NotGenuineError for a chip that cannot prove itself,
    LineStoppedError and KeyBudgetError before anything is said to the chip with a key, KeyWrongError when a proven
    chip refuses our key, and the card errors.
    """

    def __init__(
        self, engine: Engine, *, model: CardModel, centre: KeyCentre, entropy: Entropy, budget: KeyBudget
    ) -> None:
        self._engine = engine
        self._model = model
        self._centre = centre
        self._entropy = entropy
        self._budget = budget

    def reload_pin(self, reader: Reader, card_id: str, new: Pin) -> None:
        """A new PIN with all its tries."""
        self._do(reader, card_id, ENVIRONMENT, "reload_pin", lambda deed: deed.reload_pin(new))

    def unblock_pin(self, reader: Reader, card_id: str) -> None:
        """The PIN as it was, with all its tries."""
        self._do(reader, card_id, ENVIRONMENT, "unblock_pin", lambda deed: deed.unblock_pin())

    def block_application(self, reader: Reader, card_id: str, directory: str, *, permanent: bool = False) -> None:
        """The application answers no more, for now or for good."""
        self._do(reader, card_id, directory, "block", lambda deed: deed.block_application(permanent))

    def block_card(self, reader: Reader, card_id: str) -> None:
        """The whole card, from its root."""
        self._do(reader, card_id, self._model.tree.dirs[0].name, "block_card", lambda deed: deed.block_card())

    def replace_key(self, reader: Reader, card_id: str, name: str, version: int) -> None:
        """Load key `name` of this card in `version`, as the centre derives it."""
        spec = self._model.card_profile.key(name)

        def deed(maintenance: Maintenance) -> None:
            card = view(self._engine, card_id)
            factors = card.card_id[:6].encode() + b"sx", bytes.fromhex(card.atr)[-8:]
            maintenance.show_master()
            maintenance.write_key(spec, self._centre.card_keys(*factors)[name].reveal(), version)

        self._do(reader, card_id, spec.dir, "replace_key", deed)

    def _do(
        self, reader: Reader, card_id: str, directory: str, doing: str, deed: Callable[[Maintenance], None]
    ) -> None:
        batch = view(self._engine, card_id).batch
        with transaction(self._engine) as session:
            self._budget.require_open(session, batch)
        channel = standard(reader.connect())
        try:
            maintenance = self._proven(SscSession(channel, self._model.card_profile), card_id, batch, directory, doing)
            with transaction(self._engine) as session:
                self._budget.begin(session, card_id, batch, doing)
            self._carry_out(maintenance, card_id, batch, doing, deed)
        finally:
            channel.close()
        with transaction(self._engine) as session:
            self._budget.good(session, card_id, batch, doing)

    def _proven(self, session: SscSession, card_id: str, batch: str, directory: str, doing: str) -> Maintenance:
        """The directory is selected and its key known. Costs no try of any counter."""
        session.select(quiet=True)
        on_chip = session.read_free({"card_id"}).get("card_id", b"")
        if not isinstance(on_chip, bytes) or on_chip.hex() != card_id:
            raise HolderMismatchError("another card lies in the reader")
        f_city = on_chip[:3].hex().encode() + b"sx"  # six digits and "sx" (card §3.2, A)
        crypto = CentreCardCrypto(self._centre, session.profile.crypto, f_city, session.atr.card_factor)
        try:
            factor, original = self._entropy.token(RANDOM_LENGTH), self._entropy.token(RANDOM_LENGTH)
            key = session.profile.key(INTERNAL_KEY)
            if session.internal_authenticate(factor, original) != crypto.authenticate(key, factor, original):
                raise NotGenuineError("internal authentication failed")
            session.select_dir(directory, quiet=True)
            maintenance = Maintenance(session, crypto)
            if maintenance.prove_version(self._entropy.token(RANDOM_LENGTH)).batch.hex() != batch:
                raise NotGenuineError("a chip of another delivery")
        except NotGenuineError as fake:
            # One bad card at a counter stops nobody else; a run of them is a failure of the delivery (BudgetLimits).
            self._budget.failed(card_id, batch, f"{fake.code} {fake}", doing)
            raise
        return maintenance

    def _carry_out(
        self, maintenance: Maintenance, card_id: str, batch: str, doing: str, deed: Callable[[Maintenance], None]
    ) -> None:
        try:
            deed(maintenance)
        except REFUSED as refused:
            self._budget.doubt(card_id, batch, KeyWrongError.code, f"{doing}: {refused.code}", doing)
            raise KeyWrongError(f"{doing}: a proven chip refused our key", bytes.fromhex(batch)) from refused
        except CardError as broken:
            self._budget.failed(card_id, batch, f"{broken.code} {broken}", doing)
            raise
