"""Facts, upload, notices, clock: what a terminal believes, what it drops, what it keeps."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from card.domain.clock import SteppedClock, to_ms
from card.domain.entropy import SeededEntropy
from card.domain.envelope import batch_bytes, request_bytes
from card.domain.lifecycle import Medium
from card.rules.fares import HAIKOU_BUS
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm3 import sm3
from keys.errors import (
    FactsFormatError,
    FactsKindError,
    FactsRollbackError,
    FactsSignatureError,
    ProductionRefusedError,
)
from terminal.clock_guard import ClockGuard
from terminal.device import device_key
from terminal.enrol import Introduction, enrol, enrolment_of
from terminal.errors import LinkDownError, NotEnrolledError, ServerRefusedError, WireFormatError
from terminal.facts import FactsCabinet
from terminal.journal import EventDraft, Verdict
from terminal.journal_sqlite import SqliteJournal
from terminal.memory import VolatileMemory
from terminal.memory_sqlite import SqliteMemory
from terminal.sync import Notice, Notices, Sync
from terminal.uplink import Reply
from terminal.uplink_http import HttpUplink
from terminal.uploader import Uploader
from terminal.verifiers.hotlist import Hotlist
from tests.terminal.street import LIST_KEY, PLACE, START, bundle, facts_signer, list_entry

KEY = Sm2PrivateKey.from_scalar(bytes(31) + b"\x07")
TERMINAL = "460100000001"
IDS = [bytes([number]) * 8 for number in range(6)]
ENTRIES = [list_entry(Medium.PURSE.value, number) for number in IDS]


class Line:
    """A scripted server: answers by path; `down` breaks it."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[str, dict[str, Any]], Reply]] = {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.down = False

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        if self.down:
            raise LinkDownError("test")
        self.asked.append((method, path, dict(body or {})))
        for prefix, answer in self.answers.items():
            if path.removeprefix("/api/v1").startswith(prefix):
                return answer(path, dict(body or {}))
        return Reply(204)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START)


@pytest.fixture
def line() -> Line:
    return Line()


def cabinet(memory: VolatileMemory, clock: SteppedClock) -> FactsCabinet:
    return FactsCabinet(memory, facts_signer().public, LIST_KEY, clock)


# ---- facts ----------------------------------------------------------------------------------------------------------


def test_a_difference_is_folded_in_and_survives_a_restart(clock: SteppedClock, line: Line) -> None:
    memory = VolatileMemory()
    facts = cabinet(memory, clock)
    facts.take("hotlist", bundle("hotlist", ENTRIES[:3]))
    delta = {"add": ENTRIES[3:4], "remove": ENTRIES[:1]}
    line.answers["/facts/hotlist?have=1"] = lambda *_: Reply(200, bundle("hotlist", delta, version=2, base=1))
    assert [(r.version, r.refused) for r in facts.refresh(line, ("hotlist",))] == [(2, "")]
    for known in (facts, cabinet(memory, clock)):
        listed = [known.hotlist().reason(Medium.PURSE.value, number) is not None for number in IDS]
        assert listed == [False, True, True, True, False, False] and known.versions() == {"hotlist": 2}


def test_a_difference_without_its_base_asks_for_the_whole(clock: SteppedClock, line: Line) -> None:
    facts = cabinet(VolatileMemory(), clock)
    facts.take("hotlist", bundle("hotlist", ENTRIES[:1]))
    delta = bundle("hotlist", {"add": ENTRIES[:2], "remove": []}, version=4, base=3)
    line.answers["/facts/hotlist?have=1"] = lambda *_: Reply(200, delta)
    line.answers["/facts/hotlist?have=0"] = lambda *_: Reply(200, bundle("hotlist", ENTRIES[:4], version=4))
    assert facts.refresh(line, ("hotlist",))[0].version == 4 and len(facts.hotlist()) == 4


def _forged(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "entries": raw["entries"][:-1]}


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (lambda: bundle("hotlist", ENTRIES[:1], version=1), FactsRollbackError),
        (lambda: _forged(bundle("hotlist", ENTRIES, version=9)), FactsSignatureError),
        (lambda: bundle("tariff", [], version=9), FactsKindError),
        (lambda: bundle("hotlist", ["zz"], version=9), FactsFormatError),
        (lambda: {"header": {}}, FactsFormatError),
    ],
)
def test_bad_bundles_are_refused_by_name_and_change_nothing(
    clock: SteppedClock, line: Line, raw: Callable[[], dict[str, Any]], error: type[Exception]
) -> None:
    facts = cabinet(VolatileMemory(), clock)
    facts.take("hotlist", bundle("hotlist", ENTRIES[:2], version=2))
    with pytest.raises(error):
        facts.take("hotlist", raw())
    line.answers["/facts/hotlist"] = lambda *_: Reply(200, raw())
    [refresh] = facts.refresh(line, ("hotlist",))
    assert refresh.refused == error.code and refresh.version == 2 and len(facts.hotlist()) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        ("tariff", {**HAIKOU_BUS.to_entry(), "full_fare": "200"}),
        ("tariff", {"operator": "haikou-bus"}),
        ("policy", {"kind": "scenic", "site": "park"}),
        ("policy", {"kind": "scenic", "site": "park", "full_price": 1.5}),
        ("catalogue", "bus"),
    ],
)
def test_entries_that_no_rule_can_use_are_refused_on_arrival(clock: SteppedClock, kind: str, entry: object) -> None:
    facts = cabinet(VolatileMemory(), clock)
    with pytest.raises(FactsFormatError):
        facts.take(kind, _sealed(kind, entry))
    assert facts.age_s(kind) == -1


def _sealed(kind: str, entry: object) -> dict[str, Any]:
    try:
        return bundle(kind, [entry])
    except FactsFormatError:  # floats have no canonical form: not even the issuer can seal them
        return {}


def test_age_runs_and_nothing_held_has_no_age(clock: SteppedClock) -> None:
    facts = cabinet(VolatileMemory(), clock)
    assert facts.age_s("hotlist") == -1 and facts.tariff("haikou-bus", "K1") is None
    facts.take("tariff", bundle("tariff", [HAIKOU_BUS.to_entry()]))
    clock.advance(90)
    assert facts.age_s("tariff") == 90 and facts.max_age_s("tariff") == 86_400
    assert facts.tariff("haikou-bus", "K1") == HAIKOU_BUS and facts.tariff("haikou-bus", "K2") is None
    clock.advance(-500)
    assert facts.age_s("tariff") == 0


def test_a_tampered_cabinet_counts_as_not_held(clock: SteppedClock) -> None:
    memory = VolatileMemory()
    cabinet(memory, clock).take("hotlist", bundle("hotlist", ENTRIES))
    stored = json.loads(memory.get("facts.hotlist") or b"")
    stored[0]["entries"] = stored[0]["entries"][1:]
    memory.put("facts.hotlist", json.dumps(stored).encode())
    facts = cabinet(memory, clock)
    assert facts.damaged == ["hotlist"] and facts.age_s("hotlist") == -1


def test_hotlist_looks_up_kind_and_id_together() -> None:
    listed = Hotlist(LIST_KEY, [bytes.fromhex(list_entry(Medium.PURSE.value, IDS[1], 4))])
    assert listed.reason(Medium.PURSE.value, IDS[1]) == 4
    assert listed.reason(Medium.CARD.value, IDS[1]) is None and listed.reason(Medium.PURSE.value, IDS[2]) is None
    with pytest.raises(ValueError, match="ten bytes"):
        Hotlist(LIST_KEY, [bytes(9)])


# ---- upload ---------------------------------------------------------------------------------------------------------


def journal_with(count: int) -> SqliteJournal:
    journal = SqliteJournal(":memory:", TERMINAL, SeededEntropy(1))
    for number in range(count):
        journal.record(EventDraft("bus", 1_000 + number, {}, {}, {"answer": "deny"}, {"n": number}))
    return journal


def accept(_path: str, body: dict[str, Any]) -> Reply:
    sequence = range(body["first"], body["last"] + 1)
    return Reply(200, {"results": [{"seq": seq, "verdict": "accepted"} for seq in sequence], "gaps": []})


def test_batches_are_signed_over_the_chain(line: Line) -> None:
    journal = journal_with(7)
    last_chain = journal.unsent(7)[-1].chain
    line.answers["/events:batch"] = accept
    report = Uploader(journal, line, KEY, batch=3).run()
    assert (report.sent, report.verdicts) == (7, {Verdict.ACCEPTED: 7})
    bodies = [body for _, _, body in line.asked]
    assert [(body["first"], body["last"]) for body in bodies] == [(1, 3), (4, 6), (7, 7)]
    for body in bodies:
        signed = batch_bytes(body["terminal"], body["epoch"], body["first"], body["last"], body["chain"])
        KEY.public.verify(signed, bytes.fromhex(body["signature"]))
        assert body["chain"] == sm3(body["events"][-1].encode()).hex()
    assert bodies[-1]["chain"] == last_chain and journal.state().unsent == 0


def test_a_dead_line_keeps_everything_and_kept_verdicts_stay(line: Line) -> None:
    journal = journal_with(4)
    line.down = True
    with pytest.raises(LinkDownError):
        Uploader(journal, line, KEY).run()
    assert journal.state().unsent == 4
    line.down = False
    verdicts = ["accepted", "suspect", "conflict", "rejected"]
    rows = [{"seq": seq, "verdict": verdict, "code": "E-X"} for seq, verdict in enumerate(verdicts, 1)]
    line.answers["/events:batch"] = lambda *_: Reply(200, {"results": rows, "gaps": [[9, 12]]})
    report = Uploader(journal, line, KEY).run()
    assert report.gaps == ((9, 12),) and [event.seq for event in journal.kept()] == [2, 3, 4]
    assert Uploader(journal, line, KEY).run().sent == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"results": []},
        {"results": [{"seq": 1, "verdict": "perhaps"}]},
        {"results": [{"seq": 9, "verdict": "accepted"}]},
        {},
    ],
)
def test_an_answer_that_does_not_cover_the_batch_drops_nothing(line: Line, answer: dict[str, Any]) -> None:
    journal = journal_with(1)
    line.answers["/events:batch"] = lambda *_: Reply(200, answer)
    with pytest.raises(WireFormatError):
        Uploader(journal, line, KEY).run()
    assert journal.state().unsent == 1


def test_a_refused_batch_is_named(line: Line) -> None:
    line.answers["/events:batch"] = lambda *_: Reply(401, {"code": "E-BATCH-SIGNATURE"})
    with pytest.raises(ServerRefusedError) as refused:
        Uploader(journal_with(1), line, KEY).run()
    assert (refused.value.status, refused.value.problem) == (401, "E-BATCH-SIGNATURE")


# ---- notices, heartbeat, clock --------------------------------------------------------------------------------------


def test_notices_are_acknowledged_by_position_after_they_are_handled(line: Line) -> None:
    memory, handled = VolatileMemory(), []

    def handle(notice: Notice) -> None:
        if notice.position == 6 and not handled[1:]:
            handled.append(0)
            raise RuntimeError("power cut")
        handled.append(notice.position)

    rows = [{"position": 5, "kind": "a", "body": {}}, {"position": 6, "kind": "b", "body": {}}]
    line.answers["/notices?after=0"] = lambda *_: Reply(200, {"notices": rows})
    line.answers["/notices?after=5"] = lambda *_: Reply(200, {"notices": rows[1:]})
    line.answers["/notices?after=6"] = lambda *_: Reply(200, {"notices": []})
    notices = Notices(line, memory, handle)
    with pytest.raises(RuntimeError):
        notices.fetch()
    assert [notice.position for notice in notices.fetch()] == [6] and notices.fetch() == []
    assert handled == [5, 0, 6]


def test_a_round_tells_versions_and_learns_the_time(line: Line, clock: SteppedClock) -> None:
    memory, journal = VolatileMemory(), journal_with(2)
    guard = ClockGuard(clock, memory, max_sync_age_s=3_600, max_drift_s=60)
    facts = FactsCabinet(memory, facts_signer().public, LIST_KEY, clock, saw_signed_ms=guard.saw)
    facts.take("tariff", bundle("tariff", []))
    line.answers["/heartbeat"] = lambda *_: Reply(200, {"server_time": to_ms(clock.now()), "wants": ["hotlist"]})
    line.answers["/events:batch"] = accept
    line.answers["/notices"] = lambda *_: Reply(200, {"notices": []})
    assert not guard.sure()
    sync = Sync(line, journal, Uploader(journal, line, KEY), facts, Notices(line, memory, print), clock, guard)
    assert sync.run().upload.sent == 2 and guard.sure()
    heartbeat = line.asked[0][2]
    assert heartbeat["facts"] == {"tariff": 1} and heartbeat["pending"] == 2
    assert heartbeat["oldest_pending_at"] == 1_000


def test_the_clock_is_not_believed_behind_signed_time_nor_long_unsynced(clock: SteppedClock) -> None:
    guard = ClockGuard(clock, VolatileMemory(), max_sync_age_s=3_600, max_drift_s=60)
    guard.synced(to_ms(clock.now()) + 30_000)
    assert guard.sure()
    clock.advance(-120)
    assert not guard.sure()  # set back behind what the server has signed
    clock.advance(120 + 3_700)
    assert not guard.sure()  # nobody has set it for too long
    guard.synced(to_ms(clock.now() + timedelta(minutes=5)))
    assert not guard.sure()  # the server's clock is five minutes away


# ---- enrolment, HTTP, memory ----------------------------------------------------------------------------------------

ANSWER = {
    "device_id": "bus-1",
    "terminal_no": TERMINAL,
    "list_key": LIST_KEY.hex(),
    "facts_key": KEY.public.raw().hex(),
    "server_time": 5,
}


def test_enrolment_is_remembered_and_secrets_do_not_print(line: Line, tmp_path: Path) -> None:
    memory = SqliteMemory(tmp_path / "device.db")
    with pytest.raises(NotEnrolledError):
        enrolment_of(memory)
    line.answers["/devices:enrol"] = lambda *_: Reply(200, ANSWER)
    who = Introduction("bus-1", "bus", PLACE, "one-time", "460100000001")
    given = enrol(line, memory, KEY, who)
    memory.close()
    again = enrolment_of(SqliteMemory(tmp_path / "device.db"))
    assert again == given and again.facts_key == KEY.public
    assert LIST_KEY.hex() not in repr(given) and "one-time" not in repr(who)
    assert line.asked[0][2]["public_key"] == KEY.public.raw().hex()


def test_a_device_key_is_made_once_and_refuses_production() -> None:
    memory = VolatileMemory()
    first = device_key(memory, SeededEntropy(1), "test")
    assert device_key(memory, SeededEntropy(2), "test").public == first.public
    with pytest.raises(ProductionRefusedError):
        device_key(memory, SeededEntropy(1), "production")


def _uplink(clock: SteppedClock, answer: Callable[[httpx.Request], httpx.Response]) -> HttpUplink:
    client = httpx.Client(base_url="http://server.test", transport=httpx.MockTransport(answer))
    return HttpUplink(client, "bus-1", KEY, clock, SeededEntropy(9))


def test_a_text_is_downloaded_signed_and_a_refusal_keeps_its_code(clock: SteppedClock) -> None:
    answers = [httpx.Response(200, text="2026-11-23 账\n"), httpx.Response(403, json={"code": "E-NOT-YOURS"})]
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[len(seen) - 1]

    uplink = _uplink(clock, answer)
    assert uplink.download("/api/v1/operator/ledger/journal") == "2026-11-23 账\n".encode()
    assert "Onecard-Signature" in seen[0].headers
    with pytest.raises(ServerRefusedError, match="E-NOT-YOURS"):
        uplink.download("/api/v1/operator/ledger/journal")


def test_every_request_is_signed_over_method_path_time_nonce_and_body(clock: SteppedClock) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": True})

    uplink = _uplink(clock, answer)
    assert uplink.exchange("POST", "/api/v1/heartbeat?x=1", {"姓": 1}).body == {"ok": True}
    uplink.exchange("GET", "/api/v1/facts/hotlist?have=0", None)
    for request, path in zip(seen, ("/api/v1/heartbeat?x=1", "/api/v1/facts/hotlist?have=0"), strict=True):
        headers = request.headers
        assert headers["Onecard-Device"] == "bus-1" and int(headers["Onecard-Time"]) == to_ms(clock.now())
        digest = sm3(request.content).hex()
        signed = request_bytes(request.method, path, int(headers["Onecard-Time"]), headers["Onecard-Nonce"], digest)
        KEY.public.verify(signed, bytes.fromhex(headers["Onecard-Signature"]))
    assert seen[0].headers["Onecard-Nonce"] != seen[1].headers["Onecard-Nonce"]
    uplink.exchange("POST", "/api/v1/events:batch", {})
    assert "Onecard-Signature" not in seen[2].headers


def test_a_dead_server_and_a_dead_gateway_are_the_same_to_a_terminal(clock: SteppedClock) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    for answer in (refuse, lambda _request: httpx.Response(503)):
        with pytest.raises(LinkDownError):
            _uplink(clock, answer).exchange("GET", "/api/v1/notices?after=0", None)
    with pytest.raises(WireFormatError):
        _uplink(clock, lambda _request: httpx.Response(200, text="<html>")).exchange("GET", "/api/v1/x", None)
    problem = _uplink(clock, lambda _request: httpx.Response(409, json={"code": "E-X"})).exchange("GET", "/x", None)
    assert (problem.status, problem.ok, problem.body["code"]) == (409, False, "E-X")
