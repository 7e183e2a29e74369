"""Put a run's record into the page. Styles and script are inlined so that the file stands alone."""

import io
from importlib.resources import files
from typing import Any

import jinja2
import segno
from markupsafe import Markup

from card.domain.money import Fen
from firmware_sim.demo.page.face import Face, face
from firmware_sim.demo.page.river import Flow, river
from firmware_sim.demo.record import Panel, RunRecord

CONTENTS = (
    ("timeline", "时间线", "timeline"),
    ("river", "钱的河", "money"),
    ("card", "卡", "card"),
    ("code", "码", "code"),
    ("benefit", "补贴", "benefit"),
    ("access", "谁用过", "who used it"),
    ("real", "真与替身", "stand-ins"),
    ("checks", "自己查", "check us"),
    ("break", "弄坏它", "break it"),
    ("run", "这一次", "this run"),
)
# (from, to, key of `RunRecord.money`); two rivers, each to its own scale.
PURSE_FLOWS = (
    ("bank", "loaded", "loaded"),
    ("loaded", "oncard", "on_cards"),
    ("loaded", "rides", "ridden"),
    ("loaded", "suspense", "suspense"),
    ("rides", "operator", "operators"),
    ("rides", "road", "on_road"),
)
BENEFIT_FLOWS = (
    ("treasury", "holders", "benefits_paid"),
    ("treasury", "back", "benefits_back"),
)
BREAKS = (
    ("onecard demo --tear-at 9", "乘车第 9 条指令处断电，下次碰卡收场", "power cut at the ninth command of a tap"),
    (
        "onecard demo --kill server@tap:3",
        "第 3 次刷卡前杀掉服务器，事件一条不少",
        "server killed before tap 3; no event is lost",
    ),
    ("onecard demo --clock +1d", "车载机时钟快一天，判决写明时钟不可靠", "validator a day ahead; events say so"),
    ("onecard demo --bank-file FILE", "外来回盘文件，不符即拒并说明", "a foreign return file is refused, with why"),
    ("onecard demo --transport direct", "没有 PC/SC 也能跑，页面会声明", "runs without PC/SC and says so"),
)


def render(record: RunRecord) -> str:
    """The whole page as text."""
    loader = jinja2.DictLoader({"page": _resource("page.html.j2")})
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("page").render(
        record=record,
        css=Markup(_resource("style.css")),
        js=Markup(_resource("page.js")),
        contents=_contents(record),
        headline=_headline(record),
        panels=timeline(record),
        river=Markup(river(_flows(record.money, PURSE_FLOWS))),
        river2=Markup(river(_flows(record.money, BENEFIT_FLOWS))),
        equation=_equation(record.money),
        face=Markup(_face(record.card_view)),
        qr=Markup(_qr(record.code_view)),
        breaks=[{"command": c, "zh": zh, "en": en} for c, zh, en in BREAKS],
    )


def timeline(record: RunRecord) -> list[Panel]:
    """All panels of all steps in order."""
    return [panel for step in record.steps for panel in step.panels]


def _resource(name: str) -> str:
    return files("firmware_sim.demo.page").joinpath(name).read_text("utf-8")


def _contents(record: RunRecord) -> list[tuple[str, str, str]]:
    present: dict[str, object] = {"card": record.card_view, "code": record.code_view}
    present |= {"benefit": record.benefit_lines, "access": record.accesses}
    return [row for row in CONTENTS if present.get(row[0], True)]


def _headline(record: RunRecord) -> list[dict[str, str]]:
    figures = record.figures
    yuan = f"{int(figures.get('moved_fen', 0)) / 100:,.0f}"
    return [
        {"value": str(figures.get("cards", 0)), "zh": "张卡制成", "en": "cards made"},
        {"value": str(figures.get("taps", 0)), "zh": "次用卡", "en": "taps"},
        {"value": yuan, "zh": "元流动", "en": "yuan moved"},
        {"value": str(figures.get("faults", 0)), "zh": "处故意弄坏", "en": "things that went wrong"},
        {"value": str(figures.get("unaccounted_fen", "?")), "zh": "分对不上", "en": "fen unaccounted"},
    ]


def _flows(money: dict[str, int], pairs: tuple[tuple[str, str, str], ...]) -> list[Flow]:
    return [Flow(source, target, int(money.get(key, 0))) for source, target, key in pairs]


def _equation(money: dict[str, int]) -> Markup:
    def yuan(key: str) -> str:
        return Fen(int(money.get(key, 0))).yuan()

    return Markup(
        f"圈存 loaded <b>{yuan('loaded')}</b> = 卡上 on cards <b>{yuan('on_cards')}</b> + 路上 on the road "
        f"<b>{yuan('on_road')}</b> + 账上 in the book <b>{yuan('in_book')}</b>"
    )


def _face(view: dict[str, Any]) -> str:
    if not view:
        return ""
    return face(Face(view["name"], view["number"], view["card_no"], view["issued"], view.get("photo", b"")))


def _qr(view: dict[str, Any]) -> str:
    if not view:
        return ""
    out = io.BytesIO()
    # Byte mode on purpose: the code is raw binary, and decoders hand the bytes back unchanged.
    segno.make(view["raw"], mode="byte", error="m", encoding=None).save(
        out, kind="svg", border=4, xmldecl=False, svgns=True, omitsize=True
    )
    return out.getvalue().decode()
