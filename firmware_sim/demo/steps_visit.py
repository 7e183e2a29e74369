"""Steps at the hotel and the park: hotel_offline, scenic_camera, scenic_serial, replay_refused."""

import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from card.domain.clock import business_date, business_time, to_ms
from card.domain.decision import Deny, DenyReason, Grant
from card.domain.money import Fen
from card.rules.entitlements import by_age, to_days, valid_to
from card.rules.scenic import ScenicPrices
from firmware_sim.card import variants
from firmware_sim.demo import screens
from firmware_sim.demo.cast import choose
from firmware_sim.demo.code_view import code_view
from firmware_sim.demo.record import Panel, Step, Wrote
from firmware_sim.demo.stage import CHIPS, SITE_PRICES, Holder, Stage
from firmware_sim.demo.steps_issue import masked
from firmware_sim.phone import save_screen
from keys.code.sign import AuthorisationRequest, Wallet, code_issuer, stand_in_user_key
from keys.code.token import IssuerArea
from keys.database import open_engine
from keys.registry import EcardMaterial, Registry
from keys.settings import KeysConfig
from terminal.scenes.hotel import StayRequest
from terminal.tap import TapResult
from terminal.venue.main import Lane

GATE_WAIT_S = 3.0
CATALOGUE_VERSION = 1
CODE_FOLDER = "codes"


def hotel_offline(stage: Stage, step: Step) -> None:
    """A guest is registered with the line down; forged chips are refused; the receipt comes when the line is back."""
    cast, desk, device = choose(stage), stage.street.hotel, stage.street.devices["hotel"]
    device.sync.run()
    device.line.down = True
    done = _at_hotel(stage, cast.main.chip, lambda: desk.check_in(StayRequest("1208")))
    stay = device.journal.unsent(100)[-1]
    forged = {name: _at_hotel(stage, chip, _check_in(stage)) for name, chip in _forgeries(stage, cast.main).items()}
    waiting = device.journal.state().unsent
    device.line.down = False
    device.sync.run()
    stage.console.ask("POST", "sync")
    device.sync.run()
    receipts = [notice.body for notice in device.notices if notice.kind == "stay_receipt"]
    refused = {name: isinstance(result.decision, Deny) for name, result in forged.items()}
    step.evidence |= {
        "screen": done.screen.code,
        "stay_event": stay.seq,
        "waiting_while_down": waiting,
        "forged": {name: result.screen.code for name, result in forged.items()},
        "receipts": len(receipts),
        "receipt_no": str(receipts[0]["receipt_no"]) if receipts else "",
        "proven": f"断网登记 stay offline、{len(refused)} 张假卡被拒 forgeries refused、回执后到 receipt later",
    }
    stage.record.figures["receipt_no"] = step.evidence["receipt_no"]
    step.panels += [_stay_panel(done, cast.main, receipts), _forged_panel(forged)]
    step.ok = isinstance(done.decision, Grant) and all(refused.values()) and len(receipts) == 1 and len(refused) == 3


def _check_in(stage: Stage) -> Callable[[], TapResult]:
    return lambda: stage.street.hotel.check_in(StayRequest("1209"))


def _at_hotel(stage: Stage, chip: Path, act: Callable[[], TapResult]) -> TapResult:
    stage.rack.insert("hotel-card", chip)
    try:
        return act()
    finally:
        stage.rack.eject("hotel-card")
        stage.clock.advance(30)


def _forgeries(stage: Stage, victim: Holder) -> dict[str, Path]:
    """Three chips made to deceive: another key, copied files on another chip, one that never proves itself."""
    folder = stage.data / CHIPS
    other = next(holder for holder in stage.holders if holder is not victim)
    paths = {name: folder / f"forged-{name}.chip" for name in ("wrong-irk", "copied-files", "external-only")}
    shutil.copy(victim.chip, paths["wrong-irk"])
    variants.wrong_internal_key(paths["wrong-irk"])
    shutil.copy(other.chip, paths["copied-files"])
    variants.copy_files(victim.chip, paths["copied-files"])
    shutil.copy(victim.chip, paths["external-only"])
    variants.external_only(paths["external-only"])
    return paths


def _stay_panel(done: TapResult, guest: Holder, receipts: list[dict[str, Any]]) -> Panel:
    wrote = [*screens.apdus(done), *screens.events(done)]
    wrote += [Wrote("message", f"公安回执 police receipt {receipt['receipt_no']}") for receipt in receipts]
    panel = Panel("断网入住", "Hotel, line down", screens.lines(done.screen), screens.tone(done.screen))
    panel.who, panel.wrote, panel.seconds = f"酒店前台 Hotel · {masked(guest)}", wrote, screens.seconds(done)
    panel.fault = "酒店与平台的网络断了 the hotel's line was down"
    panel.ended = "登记已写进本机日志，网络恢复后上传，回执以通知送达 journal first, upload later, receipt by notice"
    return panel


def _forged_panel(forged: dict[str, TapResult]) -> Panel:
    first = next(iter(forged.values()))
    panel = Panel("三张假卡", "Three forged chips", screens.lines(first.screen), "bad", "酒店前台 Hotel")
    panel.wrote = [Wrote("message", f"{name}: {result.screen.code}") for name, result in forged.items()]
    panel.fault = "错误内部认证密钥、复制的文件、不应答内部认证 wrong IRK, copied files, external authentication only"
    panel.ended = "三张都被拒，改用身份证 all refused; the identity card is asked for"
    return panel


def wallet_of(stage: Stage, holder: Holder) -> Wallet:
    """The phone of a holder: authorised by the issuer under the code PKI of the run's keys; kept for `code show`."""
    store = stage.centre.hsm
    view = stage.branch.card(holder.card_id)
    day = business_date(stage.now())
    birth = holder.birth or date(1990, 1, 1)
    last = valid_to(birth, day)
    rights = by_age(birth, day) if holder.birth else 0
    area = IssuerArea(CATALOGUE_VERSION, int(rights), to_days(last))
    key = stand_in_user_key(store, view.ecard_serial)
    issuer = code_issuer(store)
    pseudonym = f"P{stage.entropy.below(10**15):015d}"
    expires = issuer.expiry_ms(to_ms(stage.now()), last)
    authorisation = issuer.authorise(AuthorisationRequest(view.ecard_serial, pseudonym, key.public, area, expires))
    registry = Registry(open_engine(KeysConfig(data_dir=stage.data).database_url))
    material = EcardMaterial(view.ecard_serial, view.card_id, view.card_no, 1, authorisation.body, expires)
    registry.save_ecard(material)
    return Wallet(key, authorisation)


def scenic_camera(stage: Stage, step: Step) -> None:
    """A code on a phone's screen, photographed, decoded, verified offline; price by signed right; the barrier opens."""
    holder = choose(stage).visitor
    stage.street.devices["venue"].sync.run()
    raw = wallet_of(stage, holder).show(to_ms(stage.now()))
    picture = _keep(stage, "camera", raw)
    result = stage.street.lane_a.look(stage.street.camera, picture)
    opened = _opened(stage, "a")
    stage.street.lane_a.close_gate()
    _judge(step, stage, holder, result, opened, "相机 camera")
    stage.record.code_view = code_view(raw)
    panel = _gate_panel("手机码，相机读", "Code on a phone, camera", holder, result)
    panel.wrote.insert(0, Wrote("message", f"{picture.name}: zxing-cpp → {len(raw)} 字节 bytes"))
    step.panels.append(panel)


def scenic_serial(stage: Stage, step: Step) -> None:
    """Another code through a serial scanner: raw bytes on a real tty."""
    holder = choose(stage).main
    raw = wallet_of(stage, holder).show(to_ms(stage.now()))
    _keep(stage, "serial", raw)
    stage.street.scanner.play(raw)
    result = stage.street.lane_b.poll(stage.street.scanner_port, 3_000)
    if result is None:
        step.problem = "扫码器没有读到 the scanner read nothing"
        return
    opened = _opened(stage, "b")
    stage.street.lane_b.close_gate()
    _judge(step, stage, holder, result, opened, "串口扫码器 serial scanner")
    panel = _gate_panel("扫码器读，闸门开", "Serial scanner, barrier opens", holder, result)
    panel.wrote.insert(
        0, Wrote("message", f"tty {len(raw)} 字节原始二进制 raw bytes → 闸机 Modbus RTU 写线圈 coil 0 on")
    )
    step.panels.append(panel)


def _keep(stage: Stage, name: str, raw: bytes) -> Path:
    folder = stage.folder / CODE_FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.bin").write_bytes(raw)
    return save_screen(folder / f"{name}.png", raw, f"{business_time(stage.now()):%H:%M}")


def _opened(stage: Stage, gate: str) -> bool:
    deadline = time.monotonic() + GATE_WAIT_S
    while time.monotonic() < deadline:
        if any(on for _coil, on in stage.street.gates[gate].moves):
            return True
        time.sleep(0.01)
    return False


def _judge(step: Step, stage: Stage, holder: Holder, result: TapResult, opened: bool, how: str) -> None:
    day = business_date(stage.now())
    prices = ScenicPrices("volcano-park", Fen(int(str(SITE_PRICES["full_price"]))))
    rights = by_age(holder.birth, day) if holder.birth else by_age(date(1990, 1, 1), day)
    expected, price_class = prices.price(rights)
    granted = result.decision
    price = int(granted.fare) if isinstance(granted, Grant) else -1
    gate = "闸门已开 barrier opened" if opened else "闸门未开 barrier stayed shut"
    step.evidence |= {
        "screen": result.screen.code,
        "price_fen": price,
        "price_class": granted.price_class if isinstance(granted, Grant) else "",
        "expected_class": price_class,
        "barrier_opened": opened,
        "proven": f"{how}：{price_class} {Fen(max(price, 0)).yuan()} 元 yuan, {gate}",
    }
    step.ok = isinstance(granted, Grant) and price == int(expected) and opened


def _gate_panel(zh: str, en: str, holder: Holder, result: TapResult) -> Panel:
    panel = Panel(
        zh, en, screens.lines(result.screen), screens.tone(result.screen), f"景区闸机 Park gate · {masked(holder)}"
    )
    panel.wrote = [
        Wrote("message", "根 → 发码机构证书 → 授权签名 → 用户签名，三级 SM2 three SM2 signatures"),
        Wrote("message", "权益位来自签名区，不含生日 rights from the signed area, no birth date in it"),
        *screens.events(result),
    ]
    return panel


def replay_refused(stage: Stage, step: Step) -> None:
    """The same code at the second lane, and at another site with the line up and down."""
    holder = choose(stage).visitor
    street = stage.street
    stage.clock.advance(70)
    raw = wallet_of(stage, holder).show(to_ms(stage.now()))
    first = street.lane_a.show(raw)
    street.lane_a.close_gate()
    second = street.lane_b.show(raw)
    street.devices["venue"].sync.run()
    street.devices["south"].sync.run()
    asked = street.south_lane.show(raw)
    stage.clock.advance(5)
    fresh = wallet_of(stage, holder).show(to_ms(stage.now()))
    double = _double_entry(stage, street.lane_a, fresh)
    tampered = bytearray(fresh)
    tampered[-1] ^= 1
    bad = street.lane_b.show(bytes(tampered))
    answers = {"second_lane": second, "second_site_line_up": asked, "tampered": bad}
    refusals = {name: _reason(result) for name, result in answers.items()}
    step.evidence |= {
        "first": first.screen.code,
        "refusals": refusals,
        "second_site_line_down": double["screen"],
        "double_entry_notices": double["notices"],
        "proven": "同码二道闸、二号门、改一位都被拒；断网放行的一对被标出 replays refused; an offline pair is marked",
    }
    step.panels.append(_replay_panel(second, refusals))
    reasons = (refusals["second_lane"], refusals["second_site_line_up"], refusals["tampered"])
    expected = (DenyReason.REPLAYED.value, DenyReason.REPLAYED.value, DenyReason.NOT_GENUINE.value)
    step.ok = isinstance(first.decision, Grant) and reasons == expected and double["ok"]


def _double_entry(stage: Stage, lane: Lane, raw: bytes) -> dict[str, Any]:
    """With the second site's line down the code is granted there too; the server marks the pair, nobody is failed."""
    street = stage.street
    here = lane.show(raw)
    lane.close_gate()
    street.devices["south"].line.down = True
    there = street.south_lane.show(raw)
    street.south_lane.close_gate()
    street.devices["south"].line.down = False
    for name in ("venue", "south", "venue"):
        street.devices[name].sync.run()
    notices = sum(1 for name in ("venue", "south") for n in street.devices[name].notices if n.kind == "double_entry")
    granted = isinstance(here.decision, Grant) and isinstance(there.decision, Grant)
    return {"screen": there.screen.code, "notices": notices, "ok": granted and notices >= 1}


def _reason(result: TapResult) -> str:
    return result.decision.reason.value if isinstance(result.decision, Deny) else result.screen.code


def _replay_panel(second: TapResult, refusals: dict[str, str]) -> Panel:
    panel = Panel("同一个码再来", "The same code again", screens.lines(second.screen), "bad", "景区二道闸 Second lane")
    panel.wrote = [Wrote("event", f"{name}: {code}") for name, code in refusals.items()]
    panel.fault = "截屏转发的码、改动一位的码 a forwarded screenshot, a code with one bit changed"
    panel.ended = "都没有开门 the barrier stayed shut"
    return panel
