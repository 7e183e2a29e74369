"""A torn card comes back: was it charged? (contract §5, transaction proof)

1. Its offline sequence is where it was: not debited, `voided`.
2. It has moved: the card's log 0018 says whose transaction took that sequence. Ours: `posted`. Another's: `voided`.
3. The log no longer holds it: a proof (805A) whose MAC2 our PSAM still accepts, or whose TAC the server will check,
   posts it; without a proof it stays `uncertain`.

A MAC2 found on the way goes to 8072 while the PSAM still waits for it; else the event says `psam_confirmed = false`.
"""

from dataclasses import dataclass

from card.domain.event import Outcome, TapEvent
from card.domain.money import ZERO, Fen
from card.errors import ProofMissingError
from card.purse import LogEntry, Proof, PurseSession
from keys.errors import Mac2Error
from keys.tac import TYPE_COMPOUND, TYPE_LOAD
from terminal.journal import OpenEntry, TerminalJournal
from terminal.post import whole
from terminal.scenes.bus_card import BusPresented, BusPsam, posted_body
from terminal.screen import Tone, screen
from terminal.tap import Recovered

Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class Finding:
    """How an open tap ended; `body` is laid over the entry's."""

    outcome: Outcome
    body: Body


def recover(journal: TerminalJournal, presented: BusPresented, psam: BusPsam, same_ride_s: int) -> Recovered | None:
    """Settle every open entry of the purse in front of us; None when it has none.

    A tap that turns out paid, or that stays uncertain, is the ride of this presentation when it is younger than
    `same_ride_s`: then the person goes on without a second charge.
    """
    subject = presented.credential.medium_id.hex()
    open_entries = journal.open_cases(subject) + journal.pending(subject)
    if not open_entries:
        return None
    events: list[TapEvent] = []
    last = Recovered((), False, screen("S-BUS-NOT-CHARGED", Tone.WAIT))
    for entry in open_entries:
        finding = investigate(presented.purse, psam, entry.draft.body, presented.at_ms)
        events += _write(journal, entry, finding)
        same_ride = 0 <= presented.at_ms - entry.draft.at <= same_ride_s * 1000
        last = _tell(entry, finding, finishes=same_ride and finding.outcome is not Outcome.VOIDED)
    return Recovered(tuple(events), last.finishes, last.screen)


def give_up(journal: TerminalJournal, now_ms: int, after_s: int) -> list[TapEvent]:
    """Cards that have not come back in `after_s` seconds: their taps are reported as uncertain."""
    late = [entry for entry in journal.pending() if now_ms - entry.draft.at >= after_s * 1000]
    return [journal.resolve(entry.local, Outcome.UNCERTAIN, {"resolved_at": now_ms}) for entry in late]


def _write(journal: TerminalJournal, entry: OpenEntry, finding: Finding) -> list[TapEvent]:
    if entry.event is None:
        return [journal.resolve(entry.local, finding.outcome, finding.body)]
    if finding.outcome is Outcome.UNCERTAIN:
        return []
    return [journal.settle(entry.local, finding.outcome, finding.body)]


def _tell(entry: OpenEntry, finding: Finding, *, finishes: bool) -> Recovered:
    body = {**entry.draft.body, **finding.body}
    if finding.outcome is Outcome.POSTED:
        paid, left = Fen(whole(body["amount"])).yuan(), Fen(whole(body["balance_after"])).yuan()
        return Recovered((), finishes, screen("S-BUS-RECOVERED", Tone.GO, fare=paid, balance=left))
    if finding.outcome is Outcome.UNCERTAIN:
        return Recovered((), finishes, screen("S-BUS-UNCERTAIN", Tone.GO))
    return Recovered((), finishes, screen("S-BUS-NOT-CHARGED", Tone.WAIT))


def investigate(purse: PurseSession, psam: BusPsam, body: Body, now_ms: int) -> Finding:
    """Ask the card in front of us about the open entry `body`. Raises CardLostError when it leaves again."""
    sequence = whole(body["offline_seq"])
    known: Body = {"resolved_at": now_ms}
    # 8050 with amount 0 opens nothing that binds anyone and tells the sequence of now.
    if purse.init_capp(ZERO, psam.terminal_no).offline_seq == sequence:
        return _voided(body, {**known, "recovered": "unmoved"})
    # The log holds loads too, and they count another sequence.
    entry = next((row for row in purse.log() if row.sequence == sequence and row.kind != TYPE_LOAD), None)
    if entry is not None and not _ours(entry, psam, body):
        return _voided(body, {**known, "recovered": "log"})
    proof = _proof(purse, "capp" if whole(body["txn_type"]) == TYPE_COMPOUND else "purchase", sequence)
    if proof is not None:
        return _proven(psam, body, proof, known, logged=entry is not None)
    if entry is not None:
        return Finding(Outcome.POSTED, {**known, **posted_body(body, ""), "recovered": "log"})
    return Finding(Outcome.UNCERTAIN, known)


def _proven(psam: BusPsam, body: Body, proof: Proof, known: Body, *, logged: bool) -> Finding:
    try:
        confirmed = psam.confirm(whole(body["terminal_seq"]), proof.mac)
    except Mac2Error:
        # The proof is of another transaction, unless the card's own log names ours.
        return Finding(Outcome.UNCERTAIN, known) if not logged else _posted(body, proof, known, confirmed=False)
    return _posted(body, proof, known, confirmed=confirmed)


def _posted(body: Body, proof: Proof, known: Body, *, confirmed: bool) -> Finding:
    paid = posted_body(body, proof.tac.hex())
    return Finding(Outcome.POSTED, {**known, **paid, "recovered": "proof", "psam_confirmed": confirmed})


def _voided(body: Body, known: Body) -> Finding:
    return Finding(Outcome.VOIDED, {**known, "balance_after": whole(body["balance_before"])})


def _ours(entry: LogEntry, psam: BusPsam, body: Body) -> bool:
    return (
        entry.terminal == psam.terminal_no
        and entry.amount == whole(body["amount"])
        and entry.kind == whole(body["txn_type"])
        and (entry.date, entry.time) == (body["card_date"], body["card_time"])
    )


def _proof(purse: PurseSession, kind: str, sequence: int) -> Proof | None:
    try:
        return purse.prove(kind, sequence)
    except ProofMissingError:
        return None
