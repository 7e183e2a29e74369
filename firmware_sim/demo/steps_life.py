"""Steps when a card is lost or a life ends: loss_refused, replacement, death_stop."""

from typing import Any

from card.domain.clock import to_ms
from card.domain.decision import Deny, DenyReason, Grant
from card.domain.money import Fen
from card.pin import Pin
from firmware_sim.demo import screens
from firmware_sim.demo.cast import choose
from firmware_sim.demo.record import Panel, Step, Wrote
from firmware_sim.demo.stage import CHIPS, Holder, Stage
from firmware_sim.demo.steps_issue import BATCH, KEEPERS, masked
from firmware_sim.demo.steps_ride import TAP_SECONDS, purse_of, ride
from firmware_sim.demo.steps_visit import wallet_of
from terminal.scenes.hotel import StayRequest
from terminal.tap import TapResult

LISTED = DenyReason.HOTLISTED.value
LOST_FUNDING = "lost_card"


def loss_refused(stage: Stage, step: Step) -> None:
    """Reported lost: a tap on the old list is accepted and charged to suspense; after the next sync nothing works."""
    holder = choose(stage).loser
    bus = stage.street.devices["bus"]
    stage.street.sync_all()  # days have passed: every terminal refreshes its facts first
    phone = wallet_of(stage, holder)
    held = _card(stage, holder)["purse_book_balance"]
    stage.console.ask("POST", f"cards/{holder.card_id}:report-loss", {"kind": "formal", "reason": "lost"})
    old_list = bus.post.facts.versions().get("hotlist", 0)
    late = ride(stage, holder)
    stage.clock.advance(TAP_SECONDS)
    for device in stage.street.devices.values():
        device.sync.run()
    card = _card(stage, holder)
    new_list = bus.post.facts.versions().get("hotlist", 0)
    refused = refusals(stage, holder, phone.show(to_ms(stage.now())))
    late_fare = int(late.decision.fare) if isinstance(late.decision, Grant) else 0
    step.evidence |= {
        "late_tap": late.screen.code,
        "late_tap_on_list": old_list,
        "list_now": new_list,
        "late_fare_fen": late_fare,
        "held_in_suspense_fen": card["lost_balance"],
        "refused": {name: why(result) for name, result in refused.items()},
        "proven": f"卡、钱包、码都被拒 refused everywhere; 旧名单一次入挂账 {Fen(late_fare).yuan()} to suspense",
    }
    step.panels += [_late_panel(holder, late, old_list, new_list), _refused_panel(holder, refused)]
    step.ok = (
        isinstance(late.decision, Grant)
        and new_list > old_list
        and set(map(why, refused.values())) == {LISTED}
        and int(card["lost_balance"]) == int(held) - late_fare == purse_of(holder).balance
    )


def refusals(stage: Stage, holder: Holder, code: bytes) -> dict[str, TapResult]:
    """The purse on the bus, the card at the hotel, the code at the gate."""
    found = {"purse": ride(stage, holder)}
    stage.rack.insert("hotel-card", holder.chip)
    try:
        found["card"] = stage.street.hotel.check_in(StayRequest("1301"))
    finally:
        stage.rack.eject("hotel-card")
    found["code"] = stage.street.lane_a.show(code)
    return found


def why(result: TapResult) -> str:
    """The reason of a denial, else the screen's code."""
    return result.decision.reason.value if isinstance(result.decision, Deny) else result.screen.code


def _card(stage: Stage, holder: Holder) -> dict[str, Any]:
    return stage.console.ask("GET", f"cards/{holder.card_id}")


def _late_panel(holder: Holder, late: TapResult, old: int, new: int) -> Panel:
    panel = Panel(
        "拾卡者趁名单未到", "A finder rides on the old list", screens.lines(late.screen), screens.tone(late.screen)
    )
    panel.who = f"公交 Bus K1 · {masked(holder)} 的卡"
    panel.wrote = [
        Wrote("event", f"事件写明所依名单 the event names its list: hotlist v{old}（现为 now v{new}）"),
        *screens.events(late),
        Wrote("posting", "挂失待查 suspense:lost → 运营方 operator，不由失主承担 not paid by the holder"),
    ]
    panel.fault = "挂失后、名单到车前被人刷了一次 used once between the report and the next sync"
    panel.ended = "车上放行，账入挂失待查 accepted on the bus, charged to suspense"
    panel.seconds = screens.seconds(late)
    return panel


def _refused_panel(holder: Holder, refused: dict[str, TapResult]) -> Panel:
    first = refused["purse"]
    panel = Panel(
        "挂失后处处被拒",
        "Refused everywhere",
        screens.lines(first.screen),
        "bad",
        f"公交、酒店、景区 · {masked(holder)}",
    )
    panel.wrote = [Wrote("event", f"{name}: {why(result)}") for name, result in refused.items()]
    return panel


def replacement(stage: Stage, step: Step) -> None:
    """A new card: rights, account and money follow; the old one is cancelled."""
    cast = choose(stage)
    old = cast.loser
    before = stage.branch.card(old.card_id)
    rest = int(_card(stage, old)["lost_balance"])
    order = stage.branch.order_replacement(old.card_id, "lost")
    approval = stage.branch.approve()
    new = _make_one(stage, order, old)
    stage.console.ask("POST", "sync")
    stage.street.sync_all()
    stage.street.sync_all()  # a list is acknowledged by the heartbeat after the one that fetched it
    stage.console.ask("POST", "sync")
    waiting = int(_card(stage, new)["waiting_credit"])
    loaded = _load_rest(stage, new, Fen(waiting)) if waiting else None
    stage.street.devices["kiosk"].sync.run()
    after, old_view = stage.branch.card(new.card_id), stage.branch.card(old.card_id)
    rode = ride(stage, new)
    stage.clock.advance(TAP_SECONDS)
    step.evidence |= {
        "order_approved": order in approval.approved,
        "old_status": old_view.status,
        "new_status": after.status,
        "account_follows": before.account == after.account and before.bank == after.bank,
        "rest_fen": rest,
        "loaded_fen": waiting,
        "load_screen": loaded.screen.code if loaded else "",
        "first_ride": rode.screen.code,
        "proven": f"余额 {Fen(waiting).yuan()} 元、账户、权益都跟到新卡 money, account and rights followed",
    }
    panel = Panel("补卡", "The new card", screens.lines(loaded.screen if loaded else rode.screen), "good")
    panel.who = f"自助机 Kiosk · {masked(new)}"
    panel.wrote = [
        Wrote("event", "旧卡 2 正式挂失 → 9 注销 old card cancelled when the new one is enabled"),
        Wrote("message", "所有终端都已确认新名单后，余额才放行 released when every terminal has the list"),
        Wrote("posting", f"suspense:lost → 新卡钱包 new purse {Fen(waiting).yuan()} 元"),
        *screens.events(rode),
    ]
    step.panels.append(panel)
    on_card = purse_of(new).balance
    fare = int(rode.decision.fare) if isinstance(rode.decision, Grant) else 0
    step.ok = (
        old_view.status == "9"
        and after.status == "1"
        and bool(step.evidence["account_follows"])
        and waiting == rest == on_card + fare
        and isinstance(rode.decision, Grant)
    )
    stage.street.bus.sync()


def _make_one(stage: Stage, order: str, old: Holder) -> Holder:
    path = stage.data / CHIPS / "replacement.chip"
    stage.factory.blank(path, batch=BATCH)
    stage.branch.receive_blanks(BATCH, 1, KEEPERS)
    result = stage.branch.personalize(stage.rack, [path], slots=("encoder-0",))
    made = next(card for card in result.cards if card.order_id == order)
    new = Holder(made.card_id, path, old.name, old.id_no, old.person_id, old.birth, old.bank, old.pin)
    stage.rack.insert("encoder-0", path)
    try:
        stage.branch.hand_out(new.card_id, stage.rack.reader("encoder-0"), new.pin)
    finally:
        stage.rack.eject("encoder-0")
    stage.branch.enable(new.card_id)
    stage.holders.append(new)
    return new


def _load_rest(stage: Stage, holder: Holder, amount: Fen) -> TapResult:
    kiosk = stage.street.kiosk
    stage.rack.insert("kiosk-card", holder.chip)
    try:
        kiosk.insert()
        opened = kiosk.enter_pin(Pin(holder.pin))
        return kiosk.load(amount, LOST_FUNDING) if isinstance(opened.decision, Grant) else opened
    finally:
        kiosk.leave()
        stage.rack.eject("kiosk-card")
