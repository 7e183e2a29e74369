"""The printed face, drawn as SVG from the print layout's items: a stand-in for the official artwork."""

import base64
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Face:
    """What is printed on one card; `photo` is a JPEG or PNG, or empty."""

    name: str
    number: str
    card_no: str
    issued: str
    photo: bytes
    missing_glyphs: int = 0


def face(card: Face) -> str:
    """ID-1 proportions (85.60 x 53.98 mm), five units a millimetre."""
    picture = _photo(card.photo)
    rows = (
        ("姓名", card.name),
        ("社会保障号码", card.number),
        ("社会保障卡卡号", card.card_no),
        ("发卡日期", card.issued),
    )
    texts = "".join(
        f'<text x="150" y="{112 + 36 * i}" font-size="10" fill="#2a5a5f">{escape(label)}</text>'
        f'<text x="150" y="{128 + 36 * i}" font-size="15" fill="#10282b" font-weight="600">{escape(value)}</text>'
        for i, (label, value) in enumerate(rows)
    )
    return (
        '<svg viewBox="0 0 428 270" role="img" aria-label="卡面 card face" xmlns="http://www.w3.org/2000/svg">'
        '<defs><linearGradient id="sky" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#dff1ee"/>'
        '<stop offset=".6" stop-color="#bfe0dd"/><stop offset="1" stop-color="#f3dfb8"/></linearGradient></defs>'
        '<rect x="1" y="1" width="426" height="268" rx="16" fill="url(#sky)" stroke="#7aa5a3"/>'
        '<path d="M0,232 C90,200 160,262 250,226 C330,196 380,232 428,212 L428,270 L0,270 Z" '
        'fill="#11808e" opacity=".16"/>'
        '<text x="24" y="40" font-size="19" font-weight="700" fill="#0b4a53">社会保障卡</text>'
        '<text x="24" y="58" font-size="10" fill="#0b4a53">SOCIAL SECURITY CARD · 测试卡 TEST</text>'
        f"{picture}{texts}"
        '<g transform="translate(352,96)"><rect width="52" height="40" rx="7" fill="#e2c06a" stroke="#a8873a"/>'
        '<path d="M0,13 H18 M0,27 H18 M34,13 H52 M34,27 H52 M18,0 V40 M34,0 V40" stroke="#a8873a" fill="none"/></g>'
        '<text x="404" y="252" font-size="10" text-anchor="end" fill="#0b4a53">示意版式 STAND-IN ARTWORK</text></svg>'
    )


def _photo(photo: bytes) -> str:
    if not photo:
        return '<rect x="24" y="84" width="104" height="130" rx="6" fill="#ffffff" opacity=".6" stroke="#7aa5a3"/>'
    kind = "png" if photo.startswith(b"\x89PNG") else "jpeg"
    data = base64.b64encode(photo).decode()
    place = 'x="24" y="84" width="104" height="130" preserveAspectRatio="xMidYMid slice"'
    return f'<image {place} href="data:image/{kind};base64,{data}"/>'
