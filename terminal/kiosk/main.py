"""The kiosk: one visit is one power-on session. Assembly and the order of a visit; rules are elsewhere."""

from contextlib import suppress
from dataclasses import dataclass, replace

from card.channel import standard
from card.domain.clock import business_time, from_ms
from card.domain.credential import CredentialKind, PresentedCredential, VerifiedCredential
from card.domain.decision import Decision, Grant
from card.domain.event import Outcome, TapEvent
from card.domain.money import Fen
from card.errors import CardError, PinError
from card.files.profile import Profile, load_profile
from card.pin import Pin
from card.purse import PurseSession
from card.readers.reader import Reader
from card.wire import CardChannel
from terminal.apdus import TwoWires
from terminal.config import KioskConfig
from terminal.errors import PsamLostError, TerminalError
from terminal.journal import TerminalJournal
from terminal.memory import Memory
from terminal.modules import ChipModule
from terminal.post import Post
from terminal.scenes.chip import ChipPresented, read_chip
from terminal.scenes.kiosk import KioskErrand
from terminal.scenes.load import BANK_ACCOUNT, LoadDesk, LoadErrand, LoadPresented, settle_loads
from terminal.screen import Screen, Tone, screen
from terminal.sync import Notice, Sync, SyncReport
from terminal.tap import Road, TapResult
from terminal.uplink import API, Uplink, accepted

PROOF_WANTED = "load_proof_wanted"
PAGE = "kiosk"


@dataclass
class _Visit:
    """The card in the slot from insertion to removal."""

    channel: CardChannel
    chip: ChipPresented
    verified: VerifiedCredential | None = None
    grant: Decision | None = None
    pin_at_ms: int = 0


class Kiosk:
    """`insert`, `enter_pin`, then `statement` and `load` as often as wished, `leave`."""

    def __init__(
        self,
        post: Post,
        config: KioskConfig,
        reader: Reader,
        psam_reader: Reader,
        journal: TerminalJournal,
        memory: Memory,
        uplink: Uplink,
        sync: Sync | None = None,
        purse_profile: Profile | None = None,
    ) -> None:
        """`purse_profile`: another dialect of the purse than `tunion`."""
        self._post = post
        self._config = config
        self._reader = reader
        self._journal = journal
        self._uplink = uplink
        self._sync = sync
        self._desk = LoadDesk(uplink, memory)
        self._ssc, self._tunion = load_profile("ssc-2.00"), purse_profile or load_profile("tunion")
        self.wires = TwoWires()
        self._module = ChipModule(psam_reader, self._ssc, self.wires.psam)
        self._visit: _Visit | None = None

    def insert(self) -> Screen:
        """Read and challenge the chip, and say how many PIN tries are left before any digit is typed."""
        self.leave()
        self.wires.clear()
        try:
            psam = self._module.powered()
            channel = standard(self._reader.connect(), self.wires.card)
            chip = read_chip(channel, self._ssc, psam, self._post.entropy, self._post.now_ms())
            tries = chip.session.pin_tries_left()
        except (CardError, PsamLostError) as world:
            if isinstance(world, PsamLostError):
                self._module.drop()
            return screen(world.code, Tone.WAIT)
        self._visit = _Visit(channel, chip)
        return screen("E-PIN-BLOCKED", Tone.STOP) if tries == 0 else screen("S-KIOSK-TRIES", Tone.WAIT, tries=tries)

    def enter_pin(self, pin: Pin) -> TapResult:
        """Verify the PIN on the card, then decide. An interrupted load of this card is settled first."""
        visit = self._present()
        try:
            visit.chip.session.verify_pin(pin)
        except PinError as wrong:
            left = wrong.tries_left
            row = (f"还可尝试 {left} 次", f"{left} tries left")
            return self.wires.into(TapResult(None, screen(wrong.code, Tone.STOP, row)))
        except CardError as world:
            return self.wires.into(TapResult(None, screen(world.code, Tone.STOP)))
        visit.pin_at_ms = self._post.now_ms()
        visit.chip = replace(visit.chip, proof=replace(visit.chip.proof, pin_verified=True))
        errand = KioskErrand(self._post, lambda: visit.chip)
        result = Road[ChipPresented](self._journal).tap(errand)
        if isinstance(result.decision, Grant):
            visit.verified, visit.grant = errand.verified, result.decision
            result = self._settle(visit, result)
        return self.wires.into(result)

    def statement(self) -> Screen:
        """What was paid and why, from the server. LinkDown is a screen, not an exception."""
        visit = self._opened()
        body = {"card_id": visit.chip.credential.medium_id.hex(), "pin_verified_at": visit.pin_at_ms}
        try:
            reply = self._uplink.exchange("POST", f"{API}/kiosk/statements", body)
            answer = accepted(reply, "asking for a statement")
        except TerminalError as world:
            return screen(world.code, Tone.WAIT)
        rows = [_row(line) for line in answer["lines"][: self._config.statement_lines]]
        balance = Fen(int(answer["purse_book_balance"])).yuan()
        return screen("S-KIOSK-STATEMENT", Tone.GO, *rows, balance=balance)

    def load(self, amount: Fen, funding: str = BANK_ACCOUNT) -> TapResult:
        """Load the purse of the card whose page is open."""
        visit = self._opened()
        low, high = self._config.load_min, self._config.load_max
        if not low <= amount <= high:
            limits = {"low": Fen(low).yuan(), "high": Fen(high).yuan()}
            return TapResult(None, screen("E-LOAD-AMOUNT", Tone.STOP, **limits))
        if visit.verified is None or visit.grant is None:
            raise ValueError("an open page has both")
        self.wires.clear()
        errand = LoadErrand(
            self._post,
            self._desk,
            self._journal,
            visit.verified,
            visit.grant,
            amount,
            lambda: self._purse(visit),
            funding,
        )
        return self.wires.into(Road[LoadPresented](self._journal).tap(errand))

    def leave(self) -> None:
        """The card goes out; nothing of the visit stays."""
        if self._visit is not None:
            visit, self._visit = self._visit, None
            with suppress(CardError):  # it is gone already
                visit.channel.close()

    def settle_after_restart(self) -> list[TapEvent]:
        """Pages a crash left pending were never shown. Loads stay pending until their card is back."""
        pages = [entry for entry in self._journal.pending() if entry.draft.type == PAGE]
        return [self._journal.resolve(entry.local, Outcome.VOIDED, {}) for entry in pages]

    def take_notice(self, notice: Notice) -> None:
        """Answer the server's question about a load that never reached a card here."""
        if notice.kind == PROOF_WANTED:
            self._desk.answer_proof_wanted(notice.body)

    def sync(self) -> SyncReport:
        """One round with the server. Raises LinkDownError."""
        if self._sync is None:
            raise ValueError("this kiosk was built without a line")
        return self._sync.run()

    def _settle(self, visit: _Visit, result: TapResult) -> TapResult:
        if not (self._journal.pending() or self._journal.open_cases()):
            return result
        try:
            recovered = settle_loads(self._journal, self._desk, self._purse(visit), self._post.terminal.raw)
        except CardError as world:
            return replace(result, screen=screen(world.code, Tone.WAIT))
        if recovered is None:
            return result
        ids = tuple(event.id for event in recovered.events)
        return replace(result, screen=recovered.screen, event_ids=result.event_ids + ids)

    def _purse(self, visit: _Visit) -> LoadPresented:
        purse = PurseSession(visit.channel, self._tunion)
        public = purse.select()
        presented = PresentedCredential(CredentialKind.PURSE, public.asn.raw)
        return LoadPresented(presented, purse, public, purse.balance(), self._post.now_ms())

    def _present(self) -> _Visit:
        if self._visit is None:
            raise ValueError("no card has been inserted")
        return self._visit

    def _opened(self) -> _Visit:
        visit = self._present()
        if visit.verified is None:
            raise ValueError("the holder's page is not open")
        return visit


def _row(line: dict[str, object]) -> tuple[str, str]:
    at = business_time(from_ms(int(str(line["at"])))).strftime("%m-%d %H:%M")
    amount = Fen(int(str(line["amount"]))).yuan()
    return f"{at} {amount} 元 {line['why_zh']}", f"{at} {amount} yuan {line['why_en']}"
