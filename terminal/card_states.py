"""Drawings of what a card goes through: life cycle, PIN, rights of a session, and how its keys come down to it."""

from collections.abc import Sequence

from card.files.profile import CosSpec, PinSpec, Profile
from terminal.card_svg import BOX, FAINT, INK, MARGIN, WIDTH, Canvas

STATES = {
    "blank": ("出厂", "blank"),
    "initialised": ("已初始化", "initialised"),
    "personalised": ("已个人化", "personalised"),
    "blocked": ("已锁定", "blocked"),
    "terminated": ("已终止", "terminated"),
}
WIDE, HIGH = 184, 58


def states_drawing(profile: Profile) -> str:
    """Life cycle, PIN and session rights of a profile that declares management commands and a PIN."""
    canvas = Canvas()
    y = 34
    if profile.cos is not None:
        y = _life(canvas, profile.cos, y) + 56
    if profile.pin is not None:
        y = _pin(canvas, profile.pin, y) + 56
    _rights(canvas, profile, y)
    return canvas.svg(f"{profile.name}: 状态 states")


def _title(canvas: Canvas, y: int, zh: str, en: str) -> None:
    canvas.text(MARGIN, y, f"{zh} · {en}", 17, bold=True)


def _state(canvas: Canvas, x: int, y: int, lines: Sequence[str], fill: str = BOX) -> None:
    canvas.rect(x, y, WIDE, HIGH, fill, "#64748b", 10)
    canvas.text(x + WIDE // 2, y + 24, lines[0], 14, bold=True, anchor="middle")
    canvas.text(x + WIDE // 2, y + 44, lines[1], 12, FAINT, anchor="middle")


def _arrow(canvas: Canvas, x: int, y: int, to: int, above: str, below: str) -> None:
    canvas.line((x, y), (to - 3 if to > x else to + 3, y), arrow=True)
    canvas.text((x + to) // 2, y - 9, above, 12, INK, anchor="middle")
    canvas.text((x + to) // 2, y + 18, below, 11, FAINT, mono=True, anchor="middle")


def _life(canvas: Canvas, cos: CosSpec, y: int) -> int:
    _title(canvas, y, "生命周期", "life cycle")
    step = (WIDTH - 2 * MARGIN - WIDE) // 3
    left = [MARGIN + n * step for n in range(4)]
    top = y + 28
    colours = {"blank": "#f1f5f9", "initialised": "#dbeafe", "personalised": "#dcfce7", "blocked": "#fef3c7"}
    for x, name in zip(left, ("blank", "initialised", "personalised", "blocked"), strict=True):
        _state(canvas, x, top, _words(cos, name), colours[name])
    middle = top + 22
    _arrow(canvas, left[0] + WIDE, middle, left[1], "INITIALISE 初始化", _head(cos.initialise))
    _arrow(canvas, left[1] + WIDE, middle, left[2], "END 个人化结束", _head(cos.end_personalisation))
    _arrow(canvas, left[2] + WIDE, middle, left[3], "CARD BLOCK 锁卡", "84160000")
    low = top + HIGH + 34
    _state(canvas, left[3], low, _words(cos, "terminated"), "#fee2e2")
    level = low + HIGH // 2
    for x in (left[1], left[2]):
        canvas.line((x + WIDE // 2, top + HIGH), (x + WIDE // 2, level))
    canvas.line((left[1] + WIDE // 2, level), (left[3] - 3, level), arrow=True)
    centre = (left[2] + left[3] + WIDE) // 2 - 44
    canvas.text(centre, level - 9, "TERMINATE 终止", 12, anchor="middle")
    canvas.text(centre, level + 18, cos.terminate.hex().upper() or "-", 11, FAINT, mono=True, anchor="middle")
    for number, note in enumerate(_notes(cos)):
        canvas.text(MARGIN, low + HIGH + 26 + 20 * number, note, 12, FAINT)
    return low + HIGH + 90


def _notes(cos: CosSpec) -> tuple[str, ...]:
    write, prove = _head(cos.write_key), _head(cos.prove_key_version)
    return (
        "传输密钥验证后方可初始化，复位后生效。The transport key is shown first; the new ATR answers after a reset.",
        f"每个目录先换主控密钥（{write} P1 01），再写其它密钥与数据。Master keys first, then other keys and data.",
        f"写密钥前验证密钥版本（{prove}）。A chip proves its key version before any secret.",
        "应用锁定 841E 00 可解（8418），01 永久。00 blocks an application until 8418, 01 for good.",
    )


def _words(cos: CosSpec, name: str) -> tuple[str, str]:
    zh, en = STATES[name]
    return f"{zh} {en}", f"{cos.lifecycle[name]:02X}" if name in cos.lifecycle else "-"


def _head(head: bytes) -> str:
    return head.hex().upper()


def _pin(canvas: Canvas, pin: PinSpec, y: int) -> int:
    _title(canvas, y, "密码", "PIN")
    step = (WIDTH - 2 * MARGIN - WIDE) // 2
    left = [MARGIN + n * step for n in range(3)]
    top = y + 28
    must = "未改不得用 opens nothing" if pin.must_change_initial else "可用 usable"
    _state(canvas, left[0], top, ("初始密码 initial", must), "#f1f5f9")
    _state(canvas, left[1], top, ("持卡人密码 holder's", f"{pin.length} 位 digits"), "#dcfce7")
    _state(canvas, left[2], top, ("已锁 blocked", "0 次 tries left"), "#fee2e2")
    _arrow(canvas, left[0] + WIDE, top + 22, left[1], "CHANGE PIN 改密", "805E0100 old FF new")
    _arrow(
        canvas,
        left[1] + WIDE,
        top + 22,
        left[2],
        f"VERIFY 错 {pin.max_tries} 次 wrong {pin.max_tries} times",
        "63Cx … 6983",
    )
    low = top + HIGH + 34
    canvas.line(
        (left[2] + WIDE // 2, top + HIGH),
        (left[2] + WIDE // 2, low),
        (left[1] + WIDE // 2, low),
        (left[1] + WIDE // 2, top + HIGH + 3),
        arrow=True,
    )
    canvas.text(
        (left[1] + left[2] + WIDE) // 2, low + 18, "UNBLOCK 8424 / RELOAD 84D4（PUK）解锁或重装", 12, anchor="middle"
    )
    return low + 22


def _rights(canvas: Canvas, profile: Profile, y: int) -> int:
    _title(canvas, y, "一次上电内的权利", "rights within one power-on")
    step = (WIDTH - 2 * MARGIN - WIDE) // 2
    left = [MARGIN + n * step for n in range(3)]
    top = y + 28
    _state(canvas, left[0], top, ("密码权 PIN", "本目录及其下 here, below"), "#dbeafe")
    _state(canvas, left[1], top, ("无权 none", "上电、复位 reset"), "#f1f5f9")
    _state(canvas, left[2], top, ("密钥权 key", "按名 one by one"), "#fef3c7")
    _arrow(canvas, left[1], top + 22, left[0] + WIDE, "VERIFY", "00200000")
    _arrow(canvas, left[1] + WIDE, top + 22, left[2], "EXTERNAL AUTHENTICATION", "008400 … 008200 kid")
    low = top + HIGH + 34
    for side, shift in ((0, -30), (2, 30)):
        x = left[side] + WIDE // 2
        end = left[1] + WIDE // 2 + shift
        canvas.line((x, top + HIGH), (x, low), (end, low), (end, top + HIGH + 3), arrow=True)
    words = "SELECT 别的目录、复位、断电 · another directory, reset, power off"
    canvas.text(WIDTH // 2, low + 20, words, 12, anchor="middle")
    challenge = (
        f"挑战 {profile.crypto.challenge} 字节，只用一次 · a challenge of {profile.crypto.challenge} bytes serves once"
    )
    canvas.text(WIDTH // 2, low + 40, challenge, 12, FAINT, anchor="middle")
    return low + 42


def keys_drawing(profile: Profile) -> str:
    """From root to card: the factors of a profile, and which modules hold what."""
    canvas = Canvas()
    _title(canvas, 34, "密钥分散", "how keys come down")
    steps = _levels(profile)
    step = (WIDTH - 2 * MARGIN - WIDE) // max(1, len(steps) - 1)
    for number, (zh, en, fill) in enumerate(steps):
        _state(canvas, MARGIN + number * step, 62, (zh, en), fill)
    for number, (above, below) in enumerate(_factors(profile)[: len(steps) - 1]):
        x = MARGIN + number * step + WIDE
        _arrow(canvas, x, 84, MARGIN + (number + 1) * step, above, below)
    canvas.text(MARGIN, 150, f"分散 div = {_formula(profile)}", 12, FAINT)
    canvas.text(
        MARGIN,
        170,
        f"会话 session = {profile.crypto.session}；MAC = {profile.crypto.mac}, {profile.crypto.mac_length} 字节 bytes",
        12,
        FAINT,
    )
    return canvas.svg(f"{profile.name}: 密钥 keys")


def _levels(profile: Profile) -> list[tuple[str, str, str]]:
    if profile.kind == "purse":
        return [
            ("根密钥 root", "清分中心与发卡方", "#fee2e2"),
            ("发卡方 issuer", "消费密钥进 PSAM", "#fef3c7"),
            ("卡 card", "DLK DPK DTK", "#dcfce7"),
        ]
    return [
        ("根密钥 root", "部、省 ministry", "#fee2e2"),
        ("城市 city", "PSAM 28h", "#fef3c7"),
        ("卡 card", "每卡一套 its own", "#dcfce7"),
    ]


def _factors(profile: Profile) -> list[tuple[str, str]]:
    first = str(profile.factors.get("city", profile.factors.get("issuer", "")))
    return [("第一级 first", first), ("第二级 second", str(profile.factors.get("card", "")))]


def _formula(profile: Profile) -> str:
    return "SM4_K(f ‖ ~f)" if profile.crypto.diversification == "sm4" else "3DES_K(f) ‖ 3DES_K(~f)"
