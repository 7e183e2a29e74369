"""The river of money: a small flow diagram drawn as SVG, widths in proportion to fen."""

from dataclasses import dataclass
from html import escape

from card.domain.money import Fen

WIDTH, HEIGHT, NODE = 1120, 200, 18
MIN_BAND = 2.5


@dataclass(frozen=True, slots=True)
class Node:
    key: str
    column: int
    zh: str
    en: str
    colour: str


@dataclass(frozen=True, slots=True)
class Flow:
    """`fen` running from one node to another."""

    source: str
    target: str
    fen: int


NODES = (
    Node("bank", 0, "银行", "bank", "#0b5d68"),
    Node("treasury", 0, "财政", "treasury", "#8a6d1f"),
    Node("loaded", 1, "圈存到卡", "loaded to cards", "#11808e"),
    Node("oncard", 2, "卡上余额", "on cards", "#2c7d4f"),
    Node("rides", 2, "刷卡", "taps", "#e9a23b"),
    Node("road", 3, "路上", "on the road", "#c8402b"),
    Node("operator", 3, "运营方", "operators", "#7a5195"),
    Node("suspense", 3, "待查与继承", "suspense, heirs", "#c8402b"),
    Node("holders", 3, "持卡人账户", "holders' accounts", "#2c7d4f"),
    Node("back", 3, "退回财政", "back to treasury", "#8a6d1f"),
)


def river(flows: list[Flow]) -> str:
    """SVG of the flows; flows of zero are left out."""
    live = [flow for flow in flows if flow.fen > 0]
    if not live:
        return "<p>没有资金流动 no money moved</p>"
    sizes = {node.key: _through(node.key, live) for node in NODES}
    columns = sorted({node.column for node in NODES if sizes[node.key]})
    tallest = max(sum(sizes[n.key] for n in NODES if n.column == c) for c in columns)
    scale = (HEIGHT - 90) / tallest
    places = _places(sizes, scale)
    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="资金流向 flow of money">']
    used_out = dict.fromkeys(sizes, 0.0)
    used_in = dict.fromkeys(sizes, 0.0)
    for flow in live:
        out.append(_band(flow, places, used_out, used_in, scale))
    out += [_node(node, places[node.key], sizes[node.key], scale) for node in NODES if sizes[node.key]]
    return "".join([*out, "</svg>"])


def _through(key: str, flows: list[Flow]) -> int:
    return max(sum(f.fen for f in flows if f.source == key), sum(f.fen for f in flows if f.target == key))


def _places(sizes: dict[str, int], scale: float) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    tops: dict[int, float] = {}
    for node in NODES:
        if not sizes[node.key]:
            continue
        y = tops.get(node.column, 22.0)
        places[node.key] = (20 + node.column * (WIDTH - 300) / 3, y)
        tops[node.column] = y + max(MIN_BAND, sizes[node.key] * scale) + 34
    return places


def _band(
    flow: Flow,
    places: dict[str, tuple[float, float]],
    used_out: dict[str, float],
    used_in: dict[str, float],
    scale: float,
) -> str:
    (x1, y1), (x2, y2) = places[flow.source], places[flow.target]
    thick = max(MIN_BAND, flow.fen * scale)
    a, b = y1 + used_out[flow.source], y2 + used_in[flow.target]
    used_out[flow.source] += thick
    used_in[flow.target] += thick
    x1, middle = x1 + NODE, (x1 + NODE + x2) / 2
    colour = next(node.colour for node in NODES if node.key == flow.target)
    path = (
        f"M{x1:.1f},{a:.1f} C{middle:.1f},{a:.1f} {middle:.1f},{b:.1f} {x2:.1f},{b:.1f} "
        f"L{x2:.1f},{b + thick:.1f} C{middle:.1f},{b + thick:.1f} "
        f"{middle:.1f},{a + thick:.1f} {x1:.1f},{a + thick:.1f} Z"
    )
    return f'<path d="{path}" fill="{colour}" opacity=".28"><title>{Fen(flow.fen).yuan()} 元</title></path>'


def _node(node: Node, place: tuple[float, float], fen: int, scale: float) -> str:
    x, y = place
    height = max(MIN_BAND, fen * scale)
    label = f"{escape(node.zh)} {escape(node.en)}"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{NODE}" height="{height:.1f}" rx="3" fill="{node.colour}"/>'
        f'<text x="{x:.1f}" y="{y - 6:.1f}" font-size="13" fill="#12211f">{label} '
        f'<tspan font-weight="700">{Fen(fen).yuan()}</tspan></text>'
    )
