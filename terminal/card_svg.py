"""Drawings of a card profile as SVG: the tree with its access rules, the ways of its keys, its states.

Plain shapes and text, no script and no outside font, so that any browser and any page of a repository shows them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from card.files.kinds import Access, AnyEf, CyclicEf, Dir, RecordEf
from card.files.profile import Profile

WIDTH = 1160
MARGIN = 24
GUTTER = 44
ROW = 25
HEAD = 46
GAP = 16
INDENT = 36
FONT = "'Noto Sans CJK SC','Noto Sans SC','Microsoft YaHei','PingFang SC','Segoe UI',Arial,sans-serif"
MONO = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"
INK, FAINT, LINE, PAPER, BOX = "#1f2937", "#64748b", "#94a3b8", "#ffffff", "#f8fafc"
# Kind of rule -> (colour, Chinese, English); the same words stand in the legend.
RULES = {
    "free": ("#15803d", "自由", "free"),
    "pin": ("#1d4ed8", "密码", "PIN"),
    "key": ("#b45309", "密钥", "key"),
    "pin|key": ("#6d28d9", "密码或密钥", "PIN or key"),
    "pin+key": ("#be123c", "密码和密钥", "PIN and key"),
    "mac": ("#92400e", "线路保护", "MAC"),
    "capp": ("#0f766e", "复合消费", "in a purchase"),
    "cos": ("#0e7490", "卡自身", "the card itself"),
    "forbidden": ("#475569", "禁止", "never"),
}


def rule_of(access: Access) -> str:
    """The kind of an access rule, a key of RULES."""
    if access.free:
        return "free"
    if not access.any_of:
        return "forbidden"
    kinds = [sorted({proof.partition(":")[0] for proof in group}, reverse=True) for group in access.any_of]
    if len(kinds) > 1:
        return "pin|key"
    name = "+".join("mac" if kind == "enc" else kind for kind in kinds[0])
    return name if name in RULES else "key"


@dataclass(slots=True)
class Canvas:
    """Shapes in order, and how far down they reach."""

    width: int = WIDTH
    bottom: int = 0
    parts: list[str] = field(default_factory=list)

    def rect(self, x: int, y: int, w: int, h: int, fill: str, stroke: str = "none", radius: int = 6) -> None:
        """A box."""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{radius}" fill="{fill}" stroke="{stroke}"/>'
        )
        self.bottom = max(self.bottom, y + h)

    def line(self, *points: tuple[int, int], arrow: bool = False, dashed: bool = False) -> None:
        """A broken line."""
        path = "M" + " L".join(f"{x} {y}" for x, y in points)
        more = ' marker-end="url(#arrow)"' if arrow else ""
        more += ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.6"{more}/>')
        self.bottom = max(self.bottom, *(y for _, y in points))

    def text(
        self,
        x: int,
        y: int,
        words: str,
        size: int = 13,
        colour: str = INK,
        *,
        bold: bool = False,
        mono: bool = False,
        anchor: str = "start",
    ) -> None:
        """One line of text on its base line."""
        weight = ' font-weight="600"' if bold else ""
        family = f' font-family="{MONO}"' if mono else ""
        place = f' text-anchor="{anchor}"' if anchor != "start" else ""
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"{weight}{family}{place}>{escape(words)}</text>'
        )
        self.bottom = max(self.bottom, y + size // 2)

    def pill(self, x: int, y: int, w: int, rule: str, prefix: str, suffix: str = "") -> None:
        """A coloured mark: what a read or a write asks for."""
        colour, zh, _ = RULES[rule]
        self.rect(x, y, w, 18, colour, radius=9)
        self.text(x + w // 2, y + 13, f"{prefix} {zh}{suffix}", 11, "#ffffff", anchor="middle")

    def svg(self, title: str) -> str:
        """The whole drawing."""
        height = self.bottom + MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height}" width="{self.width}" '
            f'height="{height}" font-family="{escape(FONT)}" role="img">\n<title>{escape(title)}</title>\n'
            f'<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{LINE}"/></marker></defs>\n'
            f'<rect width="{self.width}" height="{height}" fill="{PAPER}"/>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )


def display_width(words: str, size: int) -> int:
    """About how wide a text is drawn: a Chinese character is a square, a Latin letter 0.57 of one."""
    return round(sum(size if ord(ch) > 0x2E7F else size * 0.57 for ch in words))


def fitted(words: str, size: int, room: int) -> str:
    """`words`, shortened with an ellipsis to what fits into `room`."""
    if display_width(words, size) <= room:
        return words
    while words and display_width(words + "…", size) > room:
        words = words[:-1]
    return words.rstrip() + "…"


# ---- the tree -----------------------------------------------------------------------------------------------------


def tree_drawing(profile: Profile) -> str:
    """Directories as boxes hung from their parents; every file with what reading and writing it asks for."""
    canvas = Canvas()
    title = f"{profile.zh} · {profile.en}"
    canvas.text(MARGIN, 34, title, 20, bold=True)
    facts = (profile.name, profile.crypto.algorithm.upper(), " / ".join(profile.protocols), profile.text_codec.value)
    canvas.text(MARGIN, 56, " · ".join(facts), 13, FAINT, mono=True)
    y = 74
    for root in [item for item in profile.dirs if not item.parent]:
        y = _branch(canvas, profile, root, MARGIN, y, WIDTH - 2 * MARGIN) + GAP
    used = {rule_of(rule) for ef in profile.files for rule in _rules(ef)}
    bottom = _legend(canvas, [rule for rule in RULES if rule in used], y + 8)
    if any(starred(ef) for ef in profile.files):
        canvas.text(MARGIN, bottom + 22, "* 个别记录另有条件 one record of it asks for more", 12, FAINT)
    return canvas.svg(title)


def _rules(ef: AnyEf) -> list[Access]:
    records = ef.records if isinstance(ef, RecordEf) else ()
    return [ef.read, ef.write, *(record.read for record in records if record.read is not None)]


def _branch(canvas: Canvas, profile: Profile, node: Dir, x: int, y: int, width: int) -> int:
    """Draw a directory and all below it; returns the y beneath."""
    children = [item for item in profile.dirs if item.parent == node.name]
    bottom = _box(canvas, profile, node, x, y, width)
    simple = [child for child in children if not any(item.parent == child.name for item in profile.dirs)]
    deep = [child for child in children if child not in simple]
    trunk = x + 14
    for child in deep:
        top = bottom + GAP
        canvas.line((trunk, bottom), (trunk, top + HEAD // 2), (x + INDENT, top + HEAD // 2))
        end = _branch(canvas, profile, child, x + INDENT, top, width - INDENT)
        if child is not deep[-1] or simple:
            canvas.line((trunk, top), (trunk, end + (GAP if simple else 0)))
        bottom = end
    return _pairs(canvas, profile, simple, x + INDENT, bottom, width - INDENT, trunk) if simple else bottom


def _pairs(canvas: Canvas, profile: Profile, nodes: Sequence[Dir], x: int, y: int, width: int, trunk: int) -> int:
    """Directories without children in two columns on both sides of their stem."""
    if len(nodes) == 1:
        top = y + GAP
        canvas.line((trunk, y), (trunk, top + HEAD // 2), (x, top + HEAD // 2))
        return _box(canvas, profile, nodes[0], x, top, width)
    column = (width - GUTTER) // 2
    stem = x + column + GUTTER // 2
    ends = [y + GAP, y + GAP]
    last = y
    canvas.line((trunk, y), (trunk, y + GAP // 2), (stem, y + GAP // 2))
    for node in nodes:
        side = 0 if ends[0] <= ends[1] else 1
        top = ends[side]
        left = x if side == 0 else x + column + GUTTER
        edge = left + column if side == 0 else left
        canvas.line((stem, top + HEAD // 2), (edge, top + HEAD // 2))
        last = max(last, top + HEAD // 2)
        ends[side] = _box(canvas, profile, node, left, top, column) + GAP
    canvas.line((stem, y + GAP // 2), (stem, last))
    return max(ends) - GAP


def _box(canvas: Canvas, profile: Profile, node: Dir, x: int, y: int, width: int) -> int:
    files = profile.files_of(node.name)
    height = HEAD + ROW * len(files) + (8 if files else 0)
    canvas.rect(x, y, width, height, BOX, "#cbd5e1", 8)
    canvas.rect(x, y, width, HEAD, "#e2e8f0", "#cbd5e1", 8)
    label = f"{node.name}  {node.name_zh} {node.name_en}".strip()
    canvas.text(x + 12, y + 20, fitted(label, 15, width - 110), 14, bold=True)
    name = f"FID {node.fid.hex().upper()}" + (f" · AID {node.aid.hex().upper()}" if node.aid else "")
    canvas.text(x + 12, y + 38, name, 11, FAINT, mono=True)
    keys = len(profile.keys_of(node.name))
    if keys:
        canvas.text(x + width - 12, y + 20, f"密钥 keys {keys}", 12, FAINT, anchor="end")
    for number, ef in enumerate(files):
        _row(canvas, ef, x, y + HEAD + 4 + ROW * number, width)
    return y + height


def _row(canvas: Canvas, ef: AnyEf, x: int, y: int, width: int) -> None:
    pill = 84
    canvas.text(x + 12, y + 17, ef.fid.hex().upper(), 12, bold=True, mono=True)
    room = width - 56 - 2 * pill - 88
    canvas.text(x + 52, y + 17, fitted(f"{ef.name_zh} {ef.name_en}", 12, room), 12)
    canvas.text(x + width - 2 * pill - 24, y + 17, size_of(ef), 11, FAINT, anchor="end")
    canvas.pill(x + width - 2 * pill - 14, y + 3, pill, rule_of(ef.read), "读", "*" if starred(ef) else "")
    canvas.pill(x + width - pill - 8, y + 3, pill, rule_of(ef.write), "写")


def starred(ef: AnyEf) -> bool:
    """True where a record asks for more than its file."""
    return isinstance(ef, RecordEf) and ef.read_all != ef.read


def size_of(ef: AnyEf) -> str:
    """How much a file holds, for a label."""
    if isinstance(ef, RecordEf):
        return f"{len(ef.records)} 记录"
    return f"{ef.capacity}×{ef.size} 循环" if isinstance(ef, CyclicEf) else f"{ef.size} 字节"


def _legend(canvas: Canvas, rules: Iterable[str], y: int) -> int:
    x = MARGIN
    for rule in rules:
        colour, zh, en = RULES[rule]
        words = f"{zh} {en}"
        width = display_width(words, 12) + 34
        if x + width > WIDTH - MARGIN:
            x, y = MARGIN, y + 22
        canvas.rect(x, y, 14, 14, colour, radius=7)
        canvas.text(x + 20, y + 12, words, 12, FAINT)
        x += width
    return y + 12
