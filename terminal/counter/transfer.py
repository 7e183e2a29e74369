"""The counter's two readers: rights and balance of an old card move to a new one; begin, resume, confirm, undo.

Every deed is a power-on session of both cards and of the PSAM, and ends in a screen. What a power cut left open is in
`pending`, which a counter shows when it starts; nothing but the same two cards is needed to go on.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from card.channel import standard
from card.domain.identity import RegionCode
from card.domain.money import ZERO, Fen
from card.errors import AccessNeedError, CardError
from card.files.kinds import KeySpec
from card.files.profile import Profile
from card.purse import PurseSession
from card.readers.reader import Reader
from card.secure_messaging import Authorise
from card.texts import text
from keys.card_crypto import PsamCardCrypto, authorise_with
from keys.errors import KeysError, PsamRefusedError, UnknownKeyError
from terminal.apdus import TwoWires
from terminal.errors import PsamLostError, TerminalError, TransferStateError, TransferSwappedError
from terminal.memory import Memory
from terminal.modules import ChipModule
from terminal.post import Post
from terminal.scenes.chip import ChipPresented, read_chip
from terminal.scenes.transfer import CardSide, Transfer, TransferStage, TransferState, pending, spent
from terminal.scenes.transfer_money import PurseDesk
from terminal.screen import Screen, Tone, screen
from terminal.uplink import Uplink
from terminal.verifiers.card import CardVerifier

READERS = (("旧卡读卡器", "old card's reader"), ("新卡读卡器", "new card's reader"))
SERIAL = slice(16, 24)  # of the card id in hex: the chip's own part, which the clerk may see (card §1.10)
OPEN_SCREENS = {
    TransferStage.MOVING.value: "S-TRANSFER-OPEN-MOVING",
    TransferStage.MOVED.value: "S-TRANSFER-OPEN-MOVED",
    TransferStage.UNDOING.value: "S-TRANSFER-OPEN-UNDOING",
}
NO_SUCH_KEY = (0x6A88, 0x6985)  # the module does not hold it, or not for this use (card §4.4)


@dataclass(frozen=True, slots=True)
class TransferWires:
    """Two card readers, the PSAM, and where all that goes over them is traced."""

    old: Reader
    new: Reader
    module: ChipModule
    wires: TwoWires


@dataclass(frozen=True, slots=True)
class TransferShown:
    """What the clerk sees, and how the transfer stands; `state` None when it is not known from this visit."""

    screen: Screen
    state: TransferState | None = None


Deed = Callable[[Transfer, CardSide, CardSide], TransferShown]


class TransferDesk:
    """One clerk's pair of readers."""

    def __init__(
        self, post: Post, wires: TransferWires, memory: Memory, uplink: Uplink, profiles: tuple[Profile, Profile]
    ) -> None:
        """`memory` outlives the process; `profiles`: of the card's application and of its purse."""
        self._post = post
        self._wires = wires
        self._memory = memory
        self._ssc, self._tunion = profiles
        self._transfer = Transfer(PurseDesk(uplink), memory, post.terminal.raw, CardVerifier())

    def pending(self) -> list[Screen]:
        """One screen for each transfer that was begun here and not ended; shown when the counter starts."""
        return [self._open(state) for state in pending(self._memory)]

    def begin(self) -> TransferShown:
        """Rights, then money. Begun before and torn: goes on. Moved already: says so again."""
        return self._visit(self._move)

    def resume(self) -> TransferShown:
        """Go on with what is open between the two cards, in the direction it was going."""

        def deed(transfer: Transfer, old: CardSide, new: CardSide) -> TransferShown:
            state = transfer.state(old)
            if state is None or state.new != new.card_id:
                return TransferShown(screen("S-TRANSFER-NONE", Tone.WAIT))
            if state.stage == TransferStage.UNDOING.value:
                return self._undo(transfer, old, new)
            if state.stage in (TransferStage.MOVING.value, TransferStage.MOVED.value):
                return self._move(transfer, old, new)
            return TransferShown(screen("S-TRANSFER-NONE", Tone.WAIT), state)

        return self._visit(deed)

    def undo(self) -> TransferShown:
        """Everything back, while nobody has confirmed; again after whatever went wrong."""
        return self._visit(self._undo)

    def confirm(self) -> TransferShown:
        """The point of no return. The old card's end is issuance's business."""

        def deed(transfer: Transfer, old: CardSide, new: CardSide) -> TransferShown:
            state = transfer.confirm(old, new)
            return TransferShown(screen("S-TRANSFER-CONFIRMED", Tone.GO, *_balances(old, new)), state)

        return self._visit(deed)

    # ---- deeds -----------------------------------------------------------------------------------------------------

    def _move(self, transfer: Transfer, old: CardSide, new: CardSide) -> TransferShown:
        state = transfer.move(old, new)
        if state.stage != TransferStage.MOVED.value:
            raise TransferStateError(f"the transfer is {state.stage}")
        rows = list(_balances(old, new))
        if state.kept:
            kept = len(state.kept)
            rows.append(
                (f"{kept} 项未转：新卡已有，或无权写入", f"{kept} items stay: the new card has them, or no key")
            )
        amount = Fen(state.moved).yuan()
        return TransferShown(screen("S-TRANSFER-MOVED", Tone.GO, *rows, rights=len(state.places), amount=amount), state)

    def _undo(self, transfer: Transfer, old: CardSide, new: CardSide) -> TransferShown:
        before = transfer.state(old)
        moved = before is not None and before.stage == TransferStage.MOVED.value
        gone = spent(before, new.purse) if before is not None and moved else ZERO
        state = transfer.undo(old, new)
        rows = list(_balances(old, new))
        if gone:
            rows.append((f"{gone.yuan()} 元已在新卡上用掉，不退回", f"{gone.yuan()} yuan were spent and stay spent"))
        return TransferShown(screen("S-TRANSFER-UNDONE", Tone.GO, *rows), state)

    def _open(self, state: TransferState) -> Screen:
        known = {"old": state.old[SERIAL], "new": state.new[SERIAL]}
        amount = self._transfer.moving(state).yuan()
        return screen(OPEN_SCREENS[state.stage], Tone.STAFF, amount=amount, **known)

    # ---- both cards ------------------------------------------------------------------------------------------------

    def _visit(self, deed: Deed) -> TransferShown:
        """What goes wrong is a screen; when something is open then, the screen says that nothing is lost."""
        self._wires.wires.clear()
        sides: list[CardSide] = []
        try:
            with ExitStack() as closing:
                self._wires.module.powered()
                for reader in (self._wires.old, self._wires.new):
                    sides.append(self._side(reader, closing))
                self._right_way_round(*sides)
                return deed(self._transfer, *sides)
        except (CardError, TerminalError, KeysError) as world:
            if isinstance(world, PsamLostError):
                self._wires.module.drop()
            where = [READERS[len(sides)]] if isinstance(world, CardError) and len(sides) < len(READERS) else []
            return TransferShown(_trouble(world.code, where, self._half_done(sides)))

    def _half_done(self, sides: list[CardSide]) -> bool:
        old = sides[0].card_id if sides else ""
        return any(state.old == old and state.stage != TransferStage.MOVED.value for state in pending(self._memory))

    def _side(self, reader: Reader, closing: ExitStack) -> CardSide:
        channel = standard(reader.connect(), self._wires.wires.card)
        closing.callback(channel.close)
        chip = read_chip(channel, self._ssc, self._wires.module.powered(), self._post.entropy, self._post.now_ms())
        return CardSide(chip.session, PurseSession(channel, self._tunion), chip.proof, self._authorise(chip))

    def _authorise(self, chip: ChipPresented) -> Authorise:
        """The module's proofs to this card; a key it does not hold leaves the file closed. PsamLostError."""
        atr = chip.session.atr
        crypto = PsamCardCrypto(self._wires.module.session(), RegionCode(atr.region).city_factor, atr.card_factor)
        prove = authorise_with(crypto, self._post.entropy)

        def authorise(key: KeySpec, challenge: bytes) -> bytes:
            try:
                return prove(key, challenge)
            except UnknownKeyError as none:
                raise AccessNeedError(f"proving {key.name}", (key.name,)) from none
            except PsamRefusedError as refused:
                if refused.sw in NO_SUCH_KEY:
                    raise AccessNeedError(f"proving {key.name}", (key.name,)) from refused
                raise PsamLostError(type(refused).__name__) from refused
            except (CardError, KeysError) as lost:
                raise PsamLostError(type(lost).__name__) from lost

        return authorise

    def _right_way_round(self, old: CardSide, new: CardSide) -> None:
        """An open transfer says which is which; else the day of issue does. TransferSwappedError."""
        there = self._transfer.state(new)
        swapped = there is not None and there.new == old.card_id and there in pending(self._memory)
        known = self._transfer.state(old)
        if (known is None and _issued(old) > _issued(new)) or swapped:
            raise TransferSwappedError("the newer card lies in the old card's reader")


def _issued(side: CardSide) -> str:
    return side.proof.snapshot.text("issued")


def _balances(old: CardSide, new: CardSide) -> Iterator[tuple[str, str]]:
    for side, (zh, en) in ((old, ("旧卡余额", "old card")), (new, ("新卡余额", "new card"))):
        side.purse.select()
        amount = side.purse.balance().yuan()
        yield f"{zh} {amount} 元", f"{en} {amount} yuan"


def _trouble(code: str, seen: list[tuple[str, str]], half: bool) -> Screen:
    rows = list(seen)
    if half:
        zh, en = text("S-TRANSFER-HALF", "zh"), text("S-TRANSFER-HALF", "en")
        rows += [(zh.message, en.message), (zh.next_step, en.next_step)]
    return screen(code, Tone.WAIT, *rows)
