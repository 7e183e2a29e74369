"""Events go up in batches, signed once each; only what the server holds may be dropped."""

from dataclasses import dataclass

from card.domain.envelope import batch_bytes
from keys.algorithms.sm2 import Sm2PrivateKey
from terminal.errors import WireFormatError
from terminal.journal import Outbox, StoredEvent, Verdict
from terminal.uplink import API, Uplink, accepted

DEFAULT_BATCH = 100


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What one `run` did. `gaps`: holes the server sees in this epoch, as (first missing, last missing)."""

    sent: int
    verdicts: dict[Verdict, int]
    gaps: tuple[tuple[int, int], ...] = ()


class Uploader:
    """Empties an outbox over an uplink. A broken line leaves everything unsent: sending again is harmless."""

    def __init__(self, outbox: Outbox, uplink: Uplink, key: Sm2PrivateKey, batch: int = DEFAULT_BATCH) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._key = key
        self._batch = batch

    def run(self) -> UploadReport:
        """Send until nothing waits. Raises LinkDownError, ServerRefusedError, WireFormatError; marks stay kept."""
        sent = 0
        verdicts: dict[Verdict, int] = {}
        gaps: tuple[tuple[int, int], ...] = ()
        while events := _unbroken(self._outbox.unsent(self._batch)):
            marks, gaps = self._send(events)
            for seq, verdict, code in marks:
                self._outbox.mark(seq, verdict, code)
                verdicts[verdict] = verdicts.get(verdict, 0) + 1
            sent += len(marks)
        return UploadReport(sent, verdicts, gaps)

    def _send(self, events: list[StoredEvent]) -> tuple[list[tuple[int, Verdict, str]], tuple[tuple[int, int], ...]]:
        state = self._outbox.state()
        first, last, chain = events[0].seq, events[-1].seq, events[-1].chain
        body = {
            "terminal": state.terminal,
            "epoch": state.epoch,
            "first": first,
            "last": last,
            "chain": chain,
            "events": [event.raw.decode() for event in events],
            "signature": self._key.sign(batch_bytes(state.terminal, state.epoch, first, last, chain)).hex(),
        }
        answer = accepted(self._uplink.exchange("POST", f"{API}/events:batch", body), "uploading events")
        try:
            marks = [
                (int(row["seq"]), Verdict(row["verdict"]), str(row.get("code") or "")) for row in answer["results"]
            ]
            gaps = tuple((int(a), int(b)) for a, b in answer.get("gaps", ()))
        except (KeyError, TypeError, ValueError) as bad:
            raise WireFormatError("answer to an event batch") from bad
        if {seq for seq, _, _ in marks} != {event.seq for event in events}:
            raise WireFormatError("the server's verdicts do not cover the batch")
        return marks, gaps


def _unbroken(events: list[StoredEvent]) -> list[StoredEvent]:
    """The first events up to a hole: a batch is signed over its last event, and only the chain covers the others."""
    return [event for place, event in enumerate(events) if event.seq == events[0].seq + place]
