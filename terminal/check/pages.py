"""The report of `card check` as one HTML file: Chinese first, English beside, readable without colour, printable."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

WORDS = {
    "pass": ("通过", "pass"),
    "fail": ("不通过", "fail"),
    "not_tried": ("未试", "not tried"),
    "na": ("不适用", "n/a"),
}
MARKS = {"pass": "✓", "fail": "✗", "not_tried": "?", "na": "–"}


def render(document: Mapping[str, Any]) -> str:
    """The page of one checked card; `document` is what `--json` prints."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_text("page.html.j2"))
    summary, items = document["summary"], document["items"]
    tiles = [{"name": name, "zh": zh, "en": en, "count": summary[name]} for name, (zh, en) in WORDS.items()]
    note_zh, note_en = _note(document)
    return template.render(
        css=_text("page.css"),
        at=document["at"],
        verdict=_verdict(summary),
        tiles=tiles,
        bar_words="，".join(f"{tile['zh']} {tile['count']}" for tile in tiles),
        facts=_facts(document),
        failing=[item for item in items if item["result"] == "fail"],
        groups=_groups(items),
        words=WORDS,
        marks=MARKS,
        note_zh=note_zh,
        note_en=note_en,
    )


def _text(name: str) -> str:
    return files("terminal.check").joinpath(name).read_text("utf-8")


def _verdict(summary: Mapping[str, int]) -> dict[str, str]:
    if summary["fail"]:
        count = summary["fail"]
        return {"tone": "bad", "mark": "✗", "zh": f"{count} 项不通过", "en": f"{count} failed"}
    if summary["not_tried"]:
        count = summary["not_tried"]
        return {
            "tone": "open",
            "mark": "✓",
            "zh": f"试过的全部通过，{count} 项未试",
            "en": f"all that was tried passed, {count} not tried",
        }
    return {"tone": "good", "mark": "✓", "zh": "全部通过", "en": "all passed"}


def _facts(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    proven = {True: ("已验证，是真卡", "proven genuine"), False: ("没有证明自己", "did not prove itself")}
    said = proven.get(document["proven"], ("未验证（要 PSAM）", "not proven (needs a PSAM)"))
    rows = (
        ("规范版本", "version", document["version"] or "—", "", False),
        (
            "按哪份规格检查",
            "checked against",
            document["profile"] or "没有社会保障应用",
            "" if document["profile"] else "no social security application",
            False,
        ),
        ("芯片", "chip", *said, False),
        ("复位应答", "answer to reset", document["atr"], "", True),
        ("读卡器", "reader", document["reader"], "", False),
        ("检查时间", "checked at", document["at"], "", False),
    )
    return [dict(zip(("zh", "en", "value", "value_en", "mono"), row, strict=True)) for row in rows]


def _groups(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for item in items:
        if not groups or groups[-1]["standard"] != item["standard"]:
            zh, _, en = _split(item["standard"])
            groups.append({"standard": item["standard"], "zh": zh, "en": en, "rows": []})
        groups[-1]["rows"].append(item)
    for group in groups:
        passed = sum(row["result"] == "pass" for row in group["rows"])
        group["count"] = f"{passed} / {len(group['rows'])}"
    return groups


def _split(standard: str) -> tuple[str, str, str]:
    """Chinese words first, then the English ones: cut behind the last Han character."""
    last = max(
        (place for place, sign in enumerate(standard) if "\u4e00" <= sign <= "\u9fff"), default=len(standard) - 1
    )
    return standard[: last + 1], "", standard[last + 1 :].strip()


def _note(document: Mapping[str, Any]) -> tuple[str, str]:
    if document["write_back"]:
        return (
            "检查时试过写回原内容，应被卡片拒绝；没有改动任何数据。",
            "What stood on the card was sent back as an update, which a sound card refuses; no data were changed.",
        )
    return (
        "检查时没有向卡片写入任何内容，没有消耗密码次数。",
        "Nothing was written to the card and no PIN try was used up.",
    )
